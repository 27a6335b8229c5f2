//! Described machines, shown to the real udisksd: would a person recognise theirs, and is the right disk offered?
//!
//! `tests/machines/NAME.umockdev` describes a machine, `NAME.json` is what Forge makes of it, and `recorded/NAME.json` what
//! `forgectl record --salt tests` writes there. With `FORGE_GOLDEN=write` in the environment both are written anew. Needs root, for namespaces; nothing real is touched.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use forge_helper::udisks::{BootMedium, Objects, Roots, Sysfs, Udisks, boot_medium, inventory::inventory};
use forge_model::{
    Answers, Inventory, Machine, MachineFacts, Manifest, Plan, Recorded, inventory::Obstacle, machine::Enrollment,
};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long UDisks2 may take to look at every disk.
const SETTLES: Duration = Duration::from_secs(5);

/// A machine and the device that its running system was mounted from.
const MACHINES: &[(&str, &str)] = &[
    ("nvme-and-usb-stick", "sdb2"),
    ("bitlocker-laptop", "sdb2"),
    ("intel-rst", "sdc2"),
    ("lvm", "sdc2"),
    ("md-raid", "sdd2"),
    ("zfs-pool", "sdc2"),
    ("luks", "sdb2"),
    ("multipath", "sdd2"),
    ("native-4k", "sda2"),
    ("emmc", "sda2"),
    ("empty-disk", "sdb2"),
    ("tiny-disk", "sr0"),
    ("card-reader", "sdb2"),
    ("write-protected-stick", "sdb2"),
    ("sata-hdd-and-ssd", "sdc2"),
];

fn machines() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines")
}

/// A machine that is shown, with a bus of its own.
struct Shown {
    child: Child,
    directory: tempfile::TempDir,
}

impl Shown {
    fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let child = Command::new(machines().join("show.sh"))
            .arg(machines().join(format!("{name}.umockdev")))
            .arg(directory.path())
            .stdin(Stdio::null())
            .stderr(fs::File::create(directory.path().join("show.log")).unwrap())
            .process_group(0)
            .spawn()
            .unwrap();
        Self { child, directory }
    }

    async fn connect(&self) -> zbus::Connection {
        let address = format!("unix:path={}", self.directory.path().join("bus").display());
        for _ in 0..500 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let Ok(connection) = zbus::connection::Builder::address(address.as_str()).build().await else { continue };
            let bus = zbus::fdo::DBusProxy::new(&connection).await.unwrap();
            let name = zbus::names::BusName::try_from("org.freedesktop.UDisks2").unwrap();
            if bus.name_has_owner(name).await.unwrap() {
                return connection;
            }
        }
        panic!("udisksd did not come up: {}", self.logs());
    }

    fn logs(&self) -> String {
        let log = |name| fs::read_to_string(self.directory.path().join(name)).unwrap_or_default();
        ["show.log", "dbus.log", "udisksd.log"].map(log).join("\n")
    }

    /// The machine's sysfs, and a process table in which its root directory is mounted from a device.
    fn roots(&self, booted_from: &str) -> Roots {
        let made = fs::read_to_string(self.directory.path().join("root")).unwrap();
        let sys = Path::new(made.trim_end()).join("sys");
        let proc = self.directory.path().join("proc");
        let number = fs::read_to_string(sys.join("class/block").join(booted_from).join("dev")).unwrap();
        fs::create_dir_all(proc.join("self")).unwrap();
        let line = format!("27 1 {} / / ro - erofs /dev/{booted_from} ro\n", number.trim_end());
        fs::write(proc.join("self/mountinfo"), line).unwrap();
        Roots { root: self.directory.path().into(), proc, sys }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // unshare takes everything that it started with it, but only by this signal.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Ok(made) = fs::read_to_string(self.directory.path().join("root"))
            && made.starts_with("/tmp/umockdev.")
        {
            let _ = fs::remove_dir_all(made.trim_end());
        }
    }
}

/// What Forge says of a machine: its disks, and for each what an install would do or why there is none.
fn verdict(found: &Inventory) -> Value {
    let plan = |path: &str| match Plan::new(found, path, &answers(), &manifest(), "00") {
        Ok(plan) => {
            let shown =
                |p: &forge_model::layout::Partition| format!("{:?} at {} of {} bytes", p.role, p.offset, p.size);
            json!({ "partitions": plan.layout.partitions.iter().map(shown).collect::<Vec<_>>() })
        }
        Err(issues) => json!({ "issues": issues }),
    };
    let plans = found.disks.iter().map(|disk| (disk.identity.path.clone(), plan(&disk.identity.path)));
    json!({ "disks": found.disks, "plans": plans.collect::<serde_json::Map<_, _>>() })
}

/// The machine as a file. umockdev does not play its firmware, so that its names are made up here.
fn recorded(name: &str, found: &Inventory) -> Recorded {
    let dmi = MachineFacts {
        vendor: Some("Example Corp".into()),
        product: Some(name.into()),
        serial: Some(format!("MACHINE-{name}")),
        uuid: None,
    };
    Recorded::new(&Machine { firmware: None, enrollment: Enrollment::Unknown, key: None, dmi }, found, Some("tests"))
}

#[tokio::test]
async fn every_machine_is_described_as_its_owner_knows_it() {
    let mut wrong = Vec::new();
    for (name, booted_from) in MACHINES {
        let shown = Shown::new(name);
        let connection = shown.connect().await;
        let roots = shown.roots(booted_from);
        let goldens = [machines().join(format!("{name}.json")), machines().join(format!("recorded/{name}.json"))];
        let expected = goldens.each_ref().map(|golden| fs::read_to_string(golden).unwrap_or_default());
        let (start, mut found) = (Instant::now(), [String::new(), String::new()]);
        // UDisks2 has its name before it has looked at every disk.
        while found != expected && start.elapsed() < SETTLES {
            let objects = Udisks::new(&connection).objects().await.unwrap();
            let sysfs = Sysfs::read(&roots.sys, &objects);
            let boot = boot_medium::find(&roots, &[], &objects);
            let inventory = inventory(&objects, &sysfs, &boot);
            found = [verdict(&inventory), json!(recorded(name, &inventory))].map(|value| format!("{value:#}\n"));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if std::env::var_os("FORGE_GOLDEN").is_some_and(|value| value == "write") {
            goldens.iter().zip(&found).for_each(|(golden, found)| fs::write(golden, found).unwrap());
        }
        if expected != found {
            wrong.push(format!("{name}: {}\n{}", found.concat(), shown.logs()));
        }
    }
    assert!(wrong.is_empty(), "these differ from their golden:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_whole_way_through_the_bus_marks_the_boot_medium_and_a_look_that_fails_leaves_a_disk_unknown() {
    let shown = Shown::new("empty-disk");
    let connection = shown.connect().await;
    let udisks = Udisks::new(&connection).with_roots(shown.roots("sdb2"));
    let found = udisks.inventory().await.unwrap();
    assert_eq!(found.disk("/dev/sdb").unwrap().obstacles, [Obstacle::BootMedium]);
    let disk = found.disk("/dev/sda").unwrap();
    assert_eq!(disk.obstacles, []);
    // Behind a described disk there is no block device, so what UDisks would hand out is refused.
    assert_eq!(disk.content, forge_model::inventory::Content::Unknown);
    assert!(udisks.open(disk).await.is_err());
}

#[tokio::test]
async fn without_udisks_the_error_says_so() {
    let shown = Shown::new("empty-disk");
    let connection = shown.connect().await;
    drop(connection);
    let directory = tempfile::tempdir().unwrap();
    let config = fs::read_to_string(shown.directory.path().join("bus.conf")).unwrap();
    let (old, new) = (shown.directory.path().to_str().unwrap(), directory.path().to_str().unwrap());
    fs::write(directory.path().join("bus.conf"), config.replace(old, new)).unwrap();
    let mut bus = Command::new("/usr/bin/dbus-daemon")
        .arg(format!("--config-file={new}/bus.conf"))
        .args(["--nofork", "--nopidfile", "--nosyslog"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while !directory.path().join("bus").exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let connection = zbus::connection::Builder::address(format!("unix:path={new}/bus").as_str()).build().await.unwrap();
    let error = Udisks::new(&connection).inventory().await.unwrap_err();
    bus.kill().unwrap();
    bus.wait().unwrap();
    assert!(matches!(error, forge_helper::udisks::UdisksError::NotThere { .. }), "{error:?}");
}

fn answers() -> Answers {
    serde_json::from_value(json!({
        "version": 1,
        "disk": { "erase": "all-data-on-this-disk" },
        "system": {
            "hostname": "box", "locale": "C.UTF-8", "timezone": "Etc/UTC", "keyboard": { "layout": "us" }
        },
        "user": { "name": "ann", "password": { "generate": "passphrase" } },
    }))
    .unwrap()
}

/// A payload with an image of 2 GiB.
fn manifest() -> Manifest {
    let entry = |path: &str, size: u64| json!({ "path": path, "size": size, "sha256": "0".repeat(64) });
    let json = json!({
        "version": 1, "id": "intergenos", "name": "InterGenOS", "release": "1",
        "image": {
            "data": entry("image", 2 << 30), "tree": entry("tree", 17 << 20), "file_system": "erofs",
            "root_hash": "ab".repeat(32), "salt": "", "uuid": "7f4b9a52-0e9d-4f1e-8f2a-3a0c7f3b6d11", "block_size": 4096,
        },
        "boot": {
            "kernel": entry("kernel", 12 << 20), "kernel_release": "6.18.0", "initrd": entry("initrd", 40 << 20),
            "command_line": "quiet", "os_release": entry("os-release", 300), "shim": entry("shim", 1 << 20),
            "mok_manager": entry("mm", 1 << 20), "fallback": entry("fb", 90_000), "grub": entry("grub", 2 << 20),
        },
        "accounts": {
            "passwd": entry("passwd", 900), "group": entry("group", 900), "shadow": entry("shadow", 900),
            "gshadow": entry("gshadow", 900), "subuid": entry("subuid", 0), "subgid": entry("subgid", 0),
            "shell": "/bin/bash", "groups": [],
        },
        "offered": {
            "locales": ["C.UTF-8"], "timezones": ["Etc/UTC"],
            "keyboards": [{ "layout": "us", "variant": "", "keymap": "us" }],
        },
        "credentials": [],
        "minimum_state_bytes": 2_u64 << 30,
    });
    Manifest::parse(json.to_string().as_bytes()).unwrap()
}
