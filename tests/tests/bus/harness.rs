//! The private system itself.

use forge_tests::private::{LoopDisk, Make, Monitor, Person, System, busy, enter, system, until};
use std::{fs, io::Write, os::unix::fs::MetadataExt, process::Stdio, time::Duration};

const MIB: u64 = 1 << 20;

#[test]
fn a_loop_disk_is_a_drive_with_its_serial_and_wwn_in_either_sector_size() {
    system(|system| {
        for (serial, sector) in [("SERIAL-512", 512_u32), ("SERIAL-4096", 4096)] {
            let disk = LoopDisk::new(system, serial, 64 * MIB, sector);
            let text = |name: &str| system.property::<String>(disk.drive(), "Drive", name).unwrap();
            assert_eq!(text("Serial"), serial);
            assert_eq!((text("Vendor"), text("Model")), ("InterGenOS".into(), "Forge Test Disk".into()));
            assert!(text("WWN").starts_with("0x5000f0") && text("WWN").len() == 18, "{}", text("WWN"));
            assert_eq!(system.property::<u64>(&disk.block(), "Block", "Size"), Some(64 * MIB));
            assert_eq!(system.property::<bool>(&disk.block(), "Block", "HintSystem"), Some(false));
            let queue = format!("/sys/block/{}/queue/logical_block_size", disk.name());
            assert_eq!(fs::read_to_string(queue).unwrap().trim(), sector.to_string());
        }
    });
}

#[test]
fn a_test_chooses_what_its_drive_looks_like() {
    system(|system| {
        let properties = [("ID_VENDOR", "Acme"), ("ID_MODEL", "Small_Stick"), ("ID_WWN", "0x1234567890abcdef")];
        let disk = LoopDisk::make(system, Make { properties: &properties, read_only: true, ..Make::default() });
        let text = |name: &str| system.property::<String>(disk.drive(), "Drive", name).unwrap();
        assert_eq!((text("Vendor"), text("Model")), ("Acme".into(), "Small Stick".into()));
        assert_eq!(text("WWN"), "0x1234567890abcdef");
        assert_eq!(system.property::<bool>(&disk.block(), "Block", "ReadOnly"), Some(true));
        // The kernel opens it for writing all the same; only the write fails.
        let mut device = fs::File::from(system.open_exclusively(disk.name()).unwrap());
        assert!(device.write_all(&[1; 4096]).and_then(|()| device.sync_all()).is_err());
    });
}

#[test]
fn root_gets_a_descriptor_that_writes_the_disk_and_nobody_gets_none() {
    system(|system| {
        let disk = LoopDisk::new(system, "OPEN", 64 * MIB, 512);
        let mut device = fs::File::from(system.open_exclusively(disk.name()).unwrap());
        assert_eq!(device.metadata().unwrap().rdev(), fs::metadata(disk.node()).unwrap().rdev());
        device.write_all(&[0xa5; 4096]).unwrap();
        device.sync_all().unwrap();
        assert_eq!(fs::read(disk.file()).unwrap()[..4096], [0xa5; 4096]);
        // The second one is told that the first one has it.
        assert_busy(system, &disk);
        drop(device);
        assert_free(system, &disk);

        let said = open_as(system, Person::Nobody, &disk);
        assert!(said.contains("Not authorized"), "{said}");
        assert!(!open_as(system, Person::Allowed, &disk).contains("Not authorized"));
    });
}

#[test]
fn a_disk_is_busy_while_it_or_a_partition_is_mounted_or_swap() {
    system(|system| {
        let disk = LoopDisk::new(system, "BUSY", 64 * MIB, 512);
        {
            let mounted = busy::Mounted::on(&disk.node());
            fs::write(mounted.place().join("file"), "content").unwrap();
            assert_busy(system, &disk);
        }
        assert_free(system, &disk);
        {
            let _swap = busy::Swap::on(&disk.node());
            assert_busy(system, &disk);
        }
        assert_free(system, &disk);
        assert_eq!(disk.partition("label: gpt\nsize=16MiB\nsize=16MiB\n"), 2);
        let part = format!("{}p2", disk.name());
        assert_eq!(system.property::<u64>(&format!("block_devices/{part}"), "Block", "Size"), Some(16 * MIB));
        assert_free(system, &disk);
        {
            let _mounted = busy::Mounted::on(&format!("/dev/{part}"));
            assert_busy(system, &disk);
        }
        {
            let _swap = busy::Swap::on(&format!("/dev/{part}"));
            assert_busy(system, &disk);
        }
        assert_free(system, &disk);
    });
}

#[test]
fn the_bus_starts_the_helper_with_its_arguments_and_keeps_what_it_prints() {
    system(|system| {
        system.helper("/bin/sh".as_ref(), &["-c", "echo \"started: $1\" >&2; id -u >&2; exit 3", "sh", "two words"]);
        let mut call = system.command_as(Person::Nobody, "/usr/bin/busctl");
        let said =
            call.args(["--system", "call", "org.intergenos.Forge1", "/", "org.freedesktop.DBus.Peer", "Ping"]).output();
        assert!(!said.unwrap().status.success());
        assert_eq!(system.log("helper"), "started: two words\n0\n", "{}", system.journal());
    });
}

#[test]
fn the_monitor_sees_what_anybody_sends() {
    system(|system| {
        let monitor = Monitor::start(system);
        let mut call = system.command_as(Person::Nobody, "/usr/bin/busctl");
        call.args([
            "--system",
            "call",
            "org.freedesktop.DBus",
            "/",
            "org.freedesktop.DBus",
            "NameHasOwner",
            "s",
            "org.canary",
        ]);
        assert!(call.output().unwrap().status.success());
        let bytes = monitor.bytes();
        assert!(bytes.windows(10).any(|window| window == b"org.canary"));
    });
}

#[test]
fn two_systems_at_once_do_not_disturb_each_other() {
    let both = ["harness::one_of_two", "harness::other_of_two"];
    let ended = std::thread::scope(|scope| {
        both.map(|test| scope.spawn(move || enter::again(test))).map(|thread| thread.join().unwrap())
    });
    for one in ended {
        assert!(one.passed, "{}", one.text);
    }
}

#[test]
#[ignore = "run by another test"]
fn one_of_two() {
    system(one_disk_again_and_again);
}

#[test]
#[ignore = "run by another test"]
fn other_of_two() {
    system(one_disk_again_and_again);
}

/// The same serial in both: each sees its own drive, and never the other's.
fn one_disk_again_and_again(system: &System) {
    for _ in 0..10 {
        let disk = LoopDisk::new(system, "SAME", 64 * MIB, 512);
        let drives: Vec<_> = system.objects().into_iter().filter(|object| object.starts_with("drives/")).collect();
        assert_eq!(drives, [disk.drive()]);
        drop(system.open_exclusively(disk.name()).unwrap());
        let file = disk.file().to_owned();
        drop(disk);
        fs::remove_file(file).unwrap();
        let any = || system.objects().iter().any(|object| object.starts_with("drives/"));
        until("the drive goes", || (!any()).then_some(()));
    }
}

#[test]
fn a_test_that_panics_fails_with_the_logs_and_leaves_nothing_behind() {
    let before = links();
    let ended = enter::again("harness::panics_with_everything_in_use");
    assert!(!ended.passed);
    assert!(ended.text.contains("this test panics"), "{}", ended.text);
    assert!(ended.text.contains("Successfully activated service 'org.freedesktop.UDisks2'"), "{}", ended.text);
    assert_nothing_left(system_of(&ended.text));
    assert_eq!(links(), before);
}

#[test]
fn a_system_that_is_killed_leaves_no_loop_device() {
    let script = "truncate -s 64M $FORGE_PRIVATE_SYSTEM/disks/K.img; losetup --find --show $FORGE_PRIVATE_SYSTEM/disks/K.img; \
                  echo system $FORGE_PRIVATE_SYSTEM; kill -KILL $$";
    let ended = enter::finish(enter::run(["bash", "-c", script]));
    assert!(!ended.passed);
    assert_nothing_left(system_of(&ended.text));
}

#[test]
#[ignore = "run by another test"]
fn panics_with_everything_in_use() {
    system(|system| {
        println!("system {}", system.disks().parent().unwrap().display());
        let disk = LoopDisk::new(system, "LEFT", 64 * MIB, 512);
        disk.partition("label: gpt\nsize=16MiB\nsize=16MiB\n");
        let mounted = busy::Mounted::on(&format!("{}p1", disk.node()));
        let swap = busy::Swap::on(&format!("{}p2", disk.node()));
        // As if this process had been killed: nothing is dropped.
        std::mem::forget((mounted, swap, disk));
        panic!("this test panics");
    });
}

#[test]
fn a_system_starts_within_seconds_of_a_busy_machine() {
    let mut times: Vec<_> = (0..5).map(|_| enter::finish(enter::run(["true"]))).collect();
    assert!(times.iter().all(|one| one.passed), "{}", times[0].text);
    times.sort_by_key(|one| one.took);
    println!("a private system takes {:?} (median of five), empty", times[2].took);
    assert!(times[2].took < Duration::from_secs(5), "{:?}", times[2].took);
}

fn assert_busy(system: &System, disk: &LoopDisk) {
    let error = system.open_exclusively(disk.name()).expect_err("it is not busy");
    assert!(error.to_string().contains("Device or resource busy"), "{error}");
}

/// Waits: UDisks2 and the bus close their copies of a descriptor some time after they handed it out.
fn assert_free(system: &System, disk: &LoopDisk) {
    until("the disk is free", || system.open_exclusively(disk.name()).ok());
}

fn open_as(system: &System, person: Person, disk: &LoopDisk) -> String {
    let object = format!("/org/freedesktop/UDisks2/{}", disk.block());
    let mut call = system.command_as(person, "/usr/bin/busctl");
    call.args(["--system", "call", "org.freedesktop.UDisks2", &object, "org.freedesktop.UDisks2.Block", "OpenDevice"]);
    let output = call.args(["sa{sv}", "rw", "0"]).stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// The directory that the inner test printed.
fn system_of(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("system ")).unwrap_or_else(|| panic!("{text}"))
}

fn assert_nothing_left(directory: &str) {
    assert!(!fs::exists(directory).unwrap(), "{directory} is left");
    let name = directory.rsplit('/').next().unwrap();
    assert!(name.starts_with("forge-private."), "{name}");
    let left = || {
        let loops = fs::read_dir("/sys/block").unwrap().map(|entry| entry.unwrap().path().join("loop/backing_file"));
        loops.filter_map(|file| fs::read_to_string(file).ok()).find(|backing| backing.contains(name))
    };
    // A device goes when the last daemon that looked at it has closed it.
    until("the loop device goes", || left().is_none().then_some(()));
}

/// The links to loop devices that udev of the host, if any, has made.
fn links() -> Vec<std::path::PathBuf> {
    let Ok(directories) = fs::read_dir("/dev/disk") else { return Vec::new() };
    let entries = directories.flat_map(|directory| fs::read_dir(directory.unwrap().path()).unwrap());
    let mut links: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    links.sort();
    links
}
