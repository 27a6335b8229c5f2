//! Proprietary firmware that a person accepted: there, in use, named by the audit; taken away, gone. Nothing else of it anywhere.
//!
//! QEMU's network card i82551 is one that Intel's driver starts only with the file `e100/d102e_ucode.bin`.
use super::attached::{Attached, More};
use super::blobs::Finder;
use super::guest::Guest;
use super::machine::{Machine, Parts};
use super::mokmanager;
use super::scenarios::Stage;
use super::tamper::Disk;
use super::tool::run;
use crate::{demo, demo_firmware};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const CARD: &str = "intel-e100";
const MICROCODE: &str = "amd-microcode";
const FILE: &str = "/usr/lib/firmware/e100/d102e_ucode.bin";
/// What the initrd's own file system held before the root was mounted.
const LOOK: &str = "[Unit]\nDefaultDependencies=no\nConditionPathExists=/etc/initrd-release\nBefore=initrd.target\n\
    [Service]\nType=oneshot\n\
    ExecStart=/bin/sh -c 'ls kernel/x86/microcode > /run/microcode.txt 2>&1; true'\nWorkingDirectory=/\n";
const WANTED: &str = "[Unit]\nWants=forge-test-look.service\n";

/// With consent: in use, listed, in the audit; taken away: gone after the next start; added again from the medium.
pub(super) fn accepted(stage: &Stage) -> Result<()> {
    let (_, bundles) = bundles(stage)?;
    let folder = stage.out().join("firmware");
    fs::create_dir_all(&folder)?;
    let answers = folder.join("accepted.toml");
    let mut text = fs::read_to_string(demo::answers()?)?;
    for name in [CARD, MICROCODE] {
        let bundle = bundles.iter().find(|bundle| bundle["name"] == name).context("the demo's payload lacks it")?;
        let sha256 = bundle["image"]["sha256"].as_str().unwrap_or_default();
        text += &format!("\n[[firmware]]\nbundle = \"{name}\"\nsha256 = \"{sha256}\"\n");
    }
    fs::write(&answers, text)?;
    demo::install_to(&answers, &folder)?;
    let inner = Stage::new(&folder)?;
    let demo = inner.demo();
    let store = inner.asked_store("firmware")?;
    let disk = Disk::copy(inner.talking(), &inner.scratch_disk("firmware"))?;
    // The payload as a medium carries it, for the way back.
    let medium = folder.join("medium.img");
    pack(&stage_payload(stage)?, &medium)?;
    let attached = Attached {
        card: Some("i82551"),
        credentials: vec![
            ("systemd.extra-unit.forge-test-look.service".into(), LOOK.into()),
            ("systemd.unit-dropin.initrd.target".into(), WANTED.into()),
        ],
        more: vec![More { image: medium, serial: "medium".into(), stick: false, read_only: true }],
        ..Attached::default()
    };
    let parts = Parts {
        name: "firmware",
        disk: disk.path(),
        snapshot: false,
        store: &store,
        out: inner.out(),
        attached: &attached,
    };
    let mut machine = Machine::start(&parts)?;
    mokmanager::enroll(&mut machine, &demo.mok_code)?;

    let mut guest = Guest::root(&mut machine, demo)?;
    in_use(&mut guest)?;
    guest.says("cat /run/microcode.txt", &["AuthenticAMD.bin"])?;
    guest.says("forgectl firmware list", &["intel-e100: Intel PRO/100", "accepted by anna", "amd-microcode: "])?;
    let audit = guest.output("forgectl audit --json")?;
    let audit: Value = serde_json::from_str(&audit).context("no audit")?;
    let lines = audit["lines"].as_array().context("an audit without lines")?;
    let wrong: Vec<&Value> = lines.iter().filter(|line| line["result"] != "pass").collect();
    ensure!(wrong.is_empty(), "the audit says {wrong:?}");
    let line = lines.iter().find(|line| line["check"] == "firmware").context("no line for firmware")?;
    ensure!(line["evidence"].to_string().contains("accepted by anna"), "the audit names nobody: {line}");
    println!("    ok      the file is there, the card runs with it, and the audit names who accepted it");

    for name in [CARD, MICROCODE] {
        guest.output(&format!("forgectl firmware remove {name}"))?;
    }
    let mut guest = again(guest, demo)?;
    guest.output(&format!("! test -e {FILE} && ! test -e /boot/loader/addons/firmware-{MICROCODE}.addon.efi"))?;
    guest.output("! ls /var/lib/extensions/* /var/lib/forge/firmware/* 2>/dev/null")?;
    guest.says("cat /run/microcode.txt", &["No such file"])?;
    let (code, said) = guest.run(START_CARD)?;
    ensure!(code != 0, "the card starts without its firmware: {said}");
    guest.output("forgectl audit")?;
    println!("    ok      taken away, it is gone at the next start, and the card does not start");

    guest.output("mkdir -p /run/medium && mount -r /dev/disk/by-id/virtio-medium /run/medium")?;
    for name in [CARD, MICROCODE] {
        let sha256 =
            bundles.iter().find(|bundle| bundle["name"] == name).and_then(|bundle| bundle["image"]["sha256"].as_str());
        let sha256 = sha256.context("the demo's payload lacks it")?;
        guest.output(&format!("forgectl firmware add {name} --from /run/medium --sha256 {sha256}"))?;
    }
    let mut guest = again(guest, demo)?;
    in_use(&mut guest)?;
    guest.says("cat /run/microcode.txt", &["AuthenticAMD.bin"])?;
    guest.says("forgectl firmware list", &["accepted by root"])?;
    guest.output("forgectl audit")?;
    println!("    ok      added again from a medium, it is in use at the next start");
    guest.power_off()?;
    drop(machine);
    Ok(fs::remove_file(disk.path())?)
}

/// With none accepted, the installed disk holds not a piece of any bundle: neither as it lies there, nor in the system that
/// its image unpacks to. The initrd of its boot image is the payload's, which was looked at when it was made.
pub(super) fn none(stage: &Stage) -> Result<()> {
    let ((payload, bundles), packages) = (bundles(stage)?, demo_firmware::make()?);
    let (mut finder, mut planted) = (Finder::default(), Vec::new());
    let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
    for bundle in &bundles {
        for entry in [&bundle["image"], &bundle["early"]] {
            if let Some(path) = entry["path"].as_str() {
                finder.add(&read(&payload.join(path))?);
            }
        }
        // And the files themselves, as no packer has changed them.
        for file in bundle["files"].as_array().into_iter().flatten().filter_map(|file| file["path"].as_str()) {
            finder.add_name(file);
            for package in fs::read_dir(&packages)? {
                let path = package?.path().join("usr/lib/firmware").join(file);
                if path.is_file() {
                    planted = read(&path)?;
                    finder.add(&planted);
                }
            }
        }
    }
    ensure!(finder.len() > 10_000, "the bundles have only {} pieces that can be told", finder.len());
    let folder = stage.out().join("firmware-none");
    let disk = Disk::copy(&stage.demo().disk, &stage.scratch_disk("firmware-none"))?;
    nothing_on(&disk, &payload.join("initrd"), &folder, &finder, &planted)?;
    println!("    ok      none of {} pieces of bundles is on the disk, in its system or in its initrd", finder.len());
    Ok(fs::remove_file(disk.path())?)
}

/// Looks through the disk, and then puts `planted` there to see that it would have been found.
fn nothing_on(disk: &Disk, payloads_initrd: &Path, folder: &Path, finder: &Finder, planted: &[u8]) -> Result<()> {
    let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
    if let Some(at) = finder.search(disk.path())? {
        anyhow::bail!("byte {at} of the disk is of a bundle that nobody accepted");
    }
    // The system is packed on the disk: what is in it shows only here.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    let tree = folder.join("tree");
    let (offset, to) = (format!("--offset={}", disk.root()?), format!("--extract={}", tree.display()));
    run("/usr/bin/fsck.erofs", &[offset.as_ref(), to.as_ref(), disk.path().as_os_str()])?;
    if let Some(path) = finder.search_tree(&tree)? {
        anyhow::bail!("{} is of a bundle that nobody accepted", path.display());
    }
    let ukis = disk.ukis()?;
    ensure!(!ukis.is_empty(), "the disk has no boot image");
    for uki in ukis {
        let [image, initrd, rest] = ["uki.efi", "initrd", "rest.efi"].map(|name| folder.join(name));
        disk.take_file(&uki, &image)?;
        let mut section = OsString::from(".initrd=");
        section.push(&initrd);
        let dump: [&OsStr; 4] = ["--dump-section".as_ref(), &section, image.as_os_str(), rest.as_os_str()];
        run("/usr/bin/objcopy", &dump)?;
        ensure!(read(&initrd)?.starts_with(&read(payloads_initrd)?), "{uki} has another initrd");
        ensure!(finder.search(&initrd)?.is_none(), "the initrd of {uki} has a piece of a bundle that nobody accepted");
    }
    // The search can find: one file, at no sector's start, in the copy; and by its name in the tree.
    let at = fs::metadata(disk.path())?.len() / 2 + 13;
    File::options().write(true).open(disk.path())?.write_all_at(planted, at)?;
    ensure!(finder.search(disk.path())?.is_some(), "the search does not find what was planted on the disk");
    fs::create_dir_all(tree.join("usr/lib/firmware"))?;
    fs::write(tree.join("usr/lib/firmware/planted"), [b"x".as_slice(), planted].concat())?;
    ensure!(finder.search_tree(&tree)?.is_some(), "the search does not find what was planted in the system");
    Ok(fs::remove_dir_all(folder)?)
}

/// The payload's directory and its bundles.
fn bundles(stage: &Stage) -> Result<(PathBuf, Vec<Value>)> {
    let payload = stage_payload(stage)?;
    let manifest: Value = serde_json::from_reader(File::open(payload.join("manifest.json"))?)?;
    let bundles = manifest["firmware"].as_array().cloned().unwrap_or_default();
    ensure!(bundles.len() >= 3, "the demo's payload has {} bundles", bundles.len());
    Ok((payload, bundles))
}

fn stage_payload(stage: &Stage) -> Result<PathBuf> {
    let folder = stage.out().parent().context("the folder of the demo")?;
    Ok(folder.join("payload"))
}

/// Index, signature and bundles, as a file system of their own.
fn pack(payload: &Path, to: &Path) -> Result<()> {
    let folder = to.with_extension("files");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    run("/usr/bin/cp", &["-r".as_ref(), payload.join(".").as_os_str(), folder.as_os_str()])?;
    let _ = fs::remove_file(to);
    run("/usr/bin/mkfs.erofs", &["--quiet".as_ref(), to.as_os_str(), folder.as_os_str()])?;
    Ok(fs::remove_dir_all(folder)?)
}

/// Starts the card anew: its driver asks for the file each time.
const START_CARD: &str = "systemctl stop NetworkManager; card=$(ls /sys/class/net | grep '^e'); \
    ip link set $card down; ip link set $card up; code=$?; systemctl start NetworkManager; test $code = 0";

fn in_use(guest: &mut Guest) -> Result<()> {
    guest.output(&format!("test -s {FILE}"))?;
    guest.says("findmnt -no SOURCE,OPTIONS /usr/lib/firmware", &["sysext", "extensions/firmware-intel-e100/usr"])?;
    guest.says("dmsetup table --target verity", &["loop", "root:"])?;
    guest.output(START_CARD)?;
    // The kernel's own test module asks for another one.
    guest.output(
        "modprobe test_firmware && echo -n e100/d101s_ucode.bin > /sys/devices/virtual/misc/test_firmware/trigger_request && \
         cmp /dev/test_firmware /usr/lib/firmware/e100/d101s_ucode.bin; code=$?; rmmod test_firmware; test $code = 0",
    )?;
    Ok(())
}

/// Restarts, and logs in as root again.
fn again<'a>(guest: Guest<'a>, demo: &super::demo::Demo) -> Result<Guest<'a>> {
    let mut guest = guest.restart()?;
    guest.log_in(&demo.user, &demo.password)?;
    guest.become_root(&demo.password)?;
    Ok(guest)
}
