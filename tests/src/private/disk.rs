//! Loop devices that are drives.

use super::{System, system::until};
use crate::look::run;
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};
use zbus::OwnedObjectPath;

/// What a new disk is like.
#[derive(Clone, Debug)]
pub struct Make<'a> {
    /// Serial number: letters, digits, `-`. No two disks of a system may have the same.
    pub serial: &'a str,
    /// Bytes; a multiple of the sector size.
    pub size: u64,
    /// Bytes of a logical sector: 512 or 4096.
    pub sector: u32,
    /// Whether it is write-protected.
    pub read_only: bool,
    /// udev properties that differ from those in `tests/private-system/udev/drive`, such as `("ID_MODEL", "Small_Stick")`.
    /// The connection cannot be chosen: UDisks2 takes that from the device's place in sysfs.
    pub properties: &'a [(&'a str, &'a str)],
    /// A file whose content it has from the start; it can be shorter than `size`.
    pub content: Option<&'a Path>,
}

impl Default for Make<'_> {
    fn default() -> Self {
        let (serial, size, sector) = ("FORGE-1", 64 << 20, 512);
        Self { serial, size, sector, read_only: false, properties: &[], content: None }
    }
}

/// A sparse file that the system sees as a drive. When this is dropped, or its process ends however it ends, the kernel lets
/// go of the loop device as soon as nobody has it open.
pub struct LoopDisk<'a> {
    system: &'a System,
    name: String,
    file: PathBuf,
    drive: String,
    device: Option<File>,
}

impl<'a> LoopDisk<'a> {
    /// An ordinary one. Returns when UDisks2 shows it.
    pub fn new(system: &'a System, serial: &str, size: u64, sector: u32) -> Self {
        Self::make(system, Make { serial, size, sector, ..Make::default() })
    }

    /// One that is as told.
    pub fn make(system: &'a System, make: Make) -> Self {
        let file = system.disks().join(format!("{}.img", make.serial));
        let image = File::create_new(&file).unwrap();
        if let Some(content) = make.content {
            let said = run("cp", &["--sparse=always", &text(content), &text(&file)]);
            assert!(said.well, "{}", said.text);
        }
        image.set_len(make.size).unwrap();
        let mut properties = File::create(file.with_extension("udev")).unwrap();
        for (name, value) in make.properties {
            writeln!(properties, "{name}={value}").unwrap();
        }
        let sector = format!("--sector-size={}", make.sector);
        let mut arguments = vec!["--find", "--show", &sector];
        arguments.extend(make.read_only.then_some("--read-only"));
        let path = text(&file);
        arguments.push(&path);
        let said = run("losetup", &arguments);
        assert!(said.well, "{}", said.text);
        let node = String::from_utf8(said.output).unwrap().trim().to_owned();
        let name = node.strip_prefix("/dev/").unwrap().to_owned();
        // Detached while it is open, the device lives on until the last descriptor is closed.
        let device = Some(File::open(&node).unwrap());
        assert!(run("losetup", &["--detach", &node]).well);
        let mut disk = Self { system, name, file, drive: String::new(), device };
        // UDisks2 makes drives of added devices only, and this one was there before, as an unused loop device.
        disk.trigger("add");
        disk.drive = until("UDisks2 shows the drive", || disk.shown(make.serial));
        disk
    }

    /// Makes udev look again, and waits until it has.
    pub fn settle(&self) {
        self.trigger("change");
    }

    fn trigger(&self, action: &str) {
        let said = run("udevadm", &["trigger", &format!("--action={action}"), &self.node()]);
        assert!(said.well, "{}", said.text);
        // Not `trigger --settle`: seen to wait for ever with two systems at work, and it has no time limit.
        let said = run("udevadm", &["settle", "--timeout=10"]);
        assert!(said.well, "{}", said.text);
    }

    fn shown(&self, serial: &str) -> Option<String> {
        let path: OwnedObjectPath = self.system.property(&self.block(), "Block", "Drive")?;
        let drive = path.strip_prefix("/org/freedesktop/UDisks2/")?.to_owned();
        let shown: String = self.system.property(&drive, "Drive", "Serial")?;
        (shown == serial).then_some(drive)
    }

    /// The kernel's name: `loop0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The device node: `/dev/loop0`.
    pub fn node(&self) -> String {
        format!("/dev/{}", self.name)
    }

    /// The file that it is.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// UDisks2's object of the disk: `block_devices/loop0`.
    pub fn block(&self) -> String {
        format!("block_devices/{}", self.name)
    }

    /// UDisks2's object of the drive: `drives/FORGE_1`.
    pub fn drive(&self) -> &str {
        &self.drive
    }

    /// Writes a partition table in `sfdisk`'s words and tells the kernel of the partitions. Gives the number of partitions.
    pub fn partition(&self, script: &str) -> usize {
        let said = crate::look::run_with(
            "sfdisk",
            &["--quiet", "--no-reread", "--no-tell-kernel", &self.node()],
            script.as_bytes(),
        );
        assert!(said.well, "{}", said.text);
        self.tell_kernel()
    }

    /// Tells the kernel of the partitions that the table has: this host's kernel may know no GPT.
    pub fn tell_kernel(&self) -> usize {
        let said = run("partx", &["--update", &self.node()]);
        assert!(said.well, "{}", said.text);
        self.settle();
        let own = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(&self.name);
        std::fs::read_dir(format!("/sys/block/{}", self.name)).unwrap().filter(|e| own(e.as_ref().unwrap())).count()
    }
}

impl Drop for LoopDisk<'_> {
    fn drop(&mut self) {
        let _ = run("partx", &["--delete", &self.node()]);
        drop(self.device.take());
        // The kernel's loop device stays, unused. To the daemons the drive is unplugged.
        let _ = run("udevadm", &["trigger", "--action=remove", &self.node()]);
        let _ = run("udevadm", &["settle", "--timeout=10"]);
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
