//! Proprietary firmware that a person accepted: there, in use, named by the audit; taken away, gone. Nothing else of it anywhere.
//!
//! QEMU's network card i82551 is one that Intel's driver starts only with the file `e100/d102e_ucode.bin`.
use super::attached::{Attached, More};
use super::guest::Guest;
use super::machine::{Machine, Parts};
use super::mokmanager;
use super::scenarios::Stage;
use super::tamper::Disk;
use super::tool::run;
use crate::demo;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

const CARD: &str = "intel-e100";
const MICROCODE: &str = "amd-microcode";
const FILE: &str = "/usr/lib/firmware/e100/d102e_ucode.bin";
/// What the initrd's own file system held before the root was mounted.
const LOOK: &str = "[Unit]\nDefaultDependencies=no\nConditionPathExists=/etc/initrd-release\nBefore=initrd.target\n\
    [Service]\nType=oneshot\n\
    ExecStart=/bin/sh -c 'ls kernel/x86/microcode > /run/microcode.txt 2>&1; true'\nWorkingDirectory=/\n";
const WANTED: &str = "[Unit]\nWants=forge-test-look.service\n";
/// Bytes of a block that is looked for on a disk.
const BLOCK: usize = 64;

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
    let (code, said) = guest.run(&up())?;
    ensure!(code != 0, "the card starts without its firmware: {said}");
    guest.output("forgectl audit")?;
    println!("    ok      taken away, it is gone at the next start, and the card does not start");

    guest.output("mkdir -p /run/medium && mount -r /dev/disk/by-id/virtio-medium /run/medium")?;
    for name in [CARD, MICROCODE] {
        guest.output(&format!("forgectl firmware add {name} --from /run/medium"))?;
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

/// With none accepted, the installed disk holds not a block of any bundle.
pub(super) fn none(stage: &Stage) -> Result<()> {
    let (payload, bundles) = bundles(stage)?;
    let mut wanted = Vec::new();
    let mut add = |path: &Path| -> Result<()> {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        // One block out of each 4 KiB, but none that other files could have, too: zeros, or few different bytes.
        let blocks = bytes.chunks(4096).filter_map(|chunk| chunk.get(..BLOCK));
        let telling = blocks.filter(|block| block.iter().collect::<BTreeSet<_>>().len() > 24);
        wanted.extend(telling.map(<[u8]>::to_vec));
        Ok(())
    };
    for bundle in &bundles {
        for entry in [&bundle["image"], &bundle["early"]] {
            if let Some(path) = entry["path"].as_str() {
                add(&payload.join(path))?;
            }
        }
    }
    ensure!(wanted.len() > 100, "the bundles have only {} blocks that can be told", wanted.len());
    let finder = Finder::new(wanted);
    // The search finds what is there: the payload's own files.
    let own = bundles.first().and_then(|bundle| bundle["image"]["path"].as_str()).context("a bundle has no image")?;
    ensure!(finder.search(&payload.join(own))?.is_some(), "the search does not find a bundle in itself");
    if let Some(at) = finder.search(&stage.demo().disk)? {
        anyhow::bail!("byte {at} of the disk is of a bundle that nobody accepted");
    }
    println!("    ok      none of {} blocks of bundles is on the disk", finder.blocks.len());
    Ok(())
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
fn up() -> String {
    "systemctl stop NetworkManager; for card in /sys/class/net/e*; do \
     ip link set ${card##*/} down; ip link set ${card##*/} up; done"
        .into()
}

fn in_use(guest: &mut Guest) -> Result<()> {
    guest.output(&format!("test -s {FILE}"))?;
    guest.says("findmnt -no SOURCE,OPTIONS /usr", &["sysext", "extensions/firmware-intel-e100/usr"])?;
    guest.says("dmsetup table --target verity", &["loop", "root:"])?;
    guest.output(&up())?;
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

/// Looks for any of many blocks in a file.
struct Finder {
    blocks: HashMap<[u8; 8], Vec<Vec<u8>>>,
}

impl Finder {
    fn new(wanted: Vec<Vec<u8>>) -> Self {
        let mut blocks: HashMap<[u8; 8], Vec<Vec<u8>>> = Default::default();
        for block in wanted {
            let mut head = [0; 8];
            head.copy_from_slice(&block[..8]);
            blocks.entry(head).or_default().push(block);
        }
        Self { blocks }
    }

    /// Where the first one is. Files begin at multiples of 512 bytes, or in the middle of a block of erofs: every place counts.
    fn search(&self, file: &Path) -> Result<Option<u64>> {
        let mut file = File::open(file)?;
        let (mut buffer, mut kept, mut at) = (vec![0; (4 << 20) + BLOCK], 0, 0u64);
        loop {
            let read = file.read(&mut buffer[kept..])?;
            if read == 0 {
                return Ok(None);
            }
            let data = &buffer[..kept + read];
            if data.iter().any(|byte| *byte != 0) {
                for (offset, window) in data.windows(BLOCK).enumerate() {
                    let Some(head) = window.first_chunk::<8>() else { continue };
                    if self.blocks.get(head).is_some_and(|blocks| blocks.iter().any(|block| block == window)) {
                        return Ok(Some(at + offset as u64));
                    }
                }
            }
            let keep = data.len().min(BLOCK - 1);
            at += (data.len() - keep) as u64;
            let start = data.len() - keep;
            buffer.copy_within(start..start + keep, 0);
            kept = keep;
        }
    }
}
