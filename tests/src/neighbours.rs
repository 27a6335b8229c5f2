//! A disk on which other systems live: every file system made by its own tool, and checked by it afterwards.

use crate::{
    disk::{Disk, Loop, MIB, NOISE},
    look::{self, Said, run, run_with},
};
use std::{fs, os::unix::fs::FileExt, path::Path};

/// Bytes of such a disk.
pub const SIZE: u64 = 420 * MIB;

/// The passphrase of the LUKS volume.
const PASSPHRASE: &str = "somebody else's";

/// One partition of somebody else.
pub struct Neighbour {
    /// Its name in the table.
    pub name: &'static str,
    /// Its first byte.
    pub offset: u64,
    /// Its length in bytes.
    pub size: u64,
}

/// Where each lies, in MiB, with its type: two gaps are too small for anything, one is large enough.
const ROWS: &[(&str, u64, u64, &str)] = &[
    ("EFI system partition", 1, 40, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
    ("Microsoft reserved partition", 41, 4, "e3c9e316-0b5c-4db8-817d-f92df00215ae"),
    ("Basic data partition", 46, 16, "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"),
    ("linux", 250, 24, "0fc63daf-8483-4772-8e79-3d69d8477de4"),
    ("fedora", 276, 64, "0fc63daf-8483-4772-8e79-3d69d8477de4"),
    ("crypt", 340, 20, "ca7d7ccb-63ed-4c53-861c-1742536059cc"),
    ("volumes", 360, 12, "e6d6d379-f507-44c2-a23c-238f2a3df928"),
];

/// Every neighbour, in the order of the table.
pub fn all() -> Vec<Neighbour> {
    ROWS.iter().map(|(name, at, mib, _)| Neighbour { name, offset: at * MIB, size: mib * MIB }).collect()
}

/// Makes the disk; nothing where no loop device can be made, which LVM needs.
pub fn disk() -> Option<Disk> {
    let disk = Disk::empty(SIZE);
    // The boot code of a BIOS loader, and the rest of it before the first partition.
    disk.write(&[NOISE; 440], 0);
    let lines = ROWS.iter().map(|(name, at, mib, kind)| {
        let attributes = if name.starts_with("Basic") { ", attrs=\"RequiredPartition,GUID:62\"" } else { "" };
        format!("start={}, size={}, type={kind}, name=\"{name}\"{attributes}\n", at * MIB / 512, mib * MIB / 512)
    });
    let script = format!("label: gpt\n{}", lines.collect::<String>());
    assert_well(run_with("sfdisk", &["--quiet", &disk.text()], script.as_bytes()));
    disk.write(&vec![NOISE; 1 << 19], 34 * 512);
    for one in all() {
        let part = Disk::empty(one.size);
        fill(&one, part).map(|part| copy_in(&part, &disk, one.offset))?;
    }
    Some(disk)
}

/// Puts content into a file that will be this partition.
fn fill(one: &Neighbour, part: Disk) -> Option<Disk> {
    let path = part.text();
    match one.name {
        "EFI system partition" => {
            assert_well(run("mkfs.fat", &["-F", "32", "-n", "WINDOWS", &path]));
            assert_well(run("mmd", &["-i", &path, "::/EFI", "::/EFI/Microsoft"]));
            assert_well(run_with("mcopy", &["-i", &path, "-", "::/EFI/Microsoft/bootmgfw.efi"], &vec![0x4d; 200_000]));
        }
        "Basic data partition" => {
            assert_well(run("mkntfs", &["--force", "--fast", "--quiet", "--label", "Windows", &path]));
        }
        "linux" => {
            let tree = tempfile::tempdir().unwrap();
            fs::write(tree.path().join("thesis"), vec![0x42; 3 << 20]).unwrap();
            assert_well(run("mke2fs", &["-q", "-t", "ext4", "-d", &tree.path().display().to_string(), &path]));
        }
        "fedora" => {
            let tree = tempfile::tempdir().unwrap();
            fs::write(tree.path().join("photos"), vec![0x17; 3 << 20]).unwrap();
            let tree = tree.path().display().to_string();
            assert_well(run("mkfs.btrfs", &["--quiet", "--mixed", "--rootdir", &tree, &path]));
        }
        "crypt" => {
            let format = ["luksFormat", "--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", &path];
            assert_well(run_with("cryptsetup", &format, PASSPHRASE.as_bytes()));
        }
        "volumes" => {
            let device = Loop::over(part, 512)?;
            assert_well(lvm(&device, &["pvcreate", "--yes"]));
            return Some(copy(&device.disk.path));
        }
        _ => part.write(&[NOISE; 1 << 16], 0),
    }
    Some(part)
}

/// Asserts that every neighbour is in order, by its own tool.
pub fn check(disk: &Path) {
    let scratch = tempfile::tempdir().unwrap();
    for one in all() {
        let path = scratch.path().join("part.img");
        look::part(disk, one.offset, one.size, &path);
        let text = path.display().to_string();
        let said = match one.name {
            "EFI system partition" => run("fsck.fat", &["-n", &text]),
            "Basic data partition" => run("ntfsfix", &["--no-action", &text]),
            "linux" => run("e2fsck", &["-fn", &text]),
            "fedora" => run("btrfs", &["check", "--readonly", &text]),
            "crypt" => run_with("cryptsetup", &["open", "--test-passphrase", &text], PASSPHRASE.as_bytes()),
            "volumes" => match Loop::over(copy(&path), 512) {
                Some(device) => lvm(&device, &["pvck"]),
                None => continue,
            },
            _ => continue,
        };
        assert!(said.well, "{}: {}", one.name, said.text);
    }
}

/// LVM with nothing of this machine's: one device, no udev, no device-mapper.
fn lvm(device: &Loop, words: &[&str]) -> Said {
    let settings = format!(
        "devices {{ use_devicesfile=0 dir=\"/dev\" scan=[\"/dev\"] filter=[\"a|^{0}$|\",\"r|.*|\"] }} \
         global {{ locking_type=0 use_lvmlockd=0 event_activation=0 }} activation {{ udev_sync=0 udev_rules=0 }} \
         backup {{ backup=0 archive=0 }}",
        device.text()
    );
    let device = device.text();
    let args: Vec<&str> = words.iter().copied().chain(["--config", &settings, &device]).collect();
    run("lvm", &args)
}

fn copy(from: &Path) -> Disk {
    Disk::copy_of(from)
}

fn copy_in(part: &Disk, disk: &Disk, offset: u64) {
    let file = fs::File::open(&part.path).unwrap();
    let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    for (piece, index) in bytes.chunks(1 << 16).zip(0_u64..) {
        if piece.iter().any(|byte| *byte != 0) {
            disk.write(piece, offset + (index << 16));
        }
    }
}

fn assert_well(said: Said) {
    assert!(said.well, "{}", said.text);
}
