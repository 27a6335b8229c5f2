//! Files that stand for disks, and loop devices that are disks.

use crate::look::{Said, run};
use forge_model::inventory::{self, Content, DiskKind, Identity, Transport};
use rustix::fs::{OFlags, SeekFrom};
use std::{
    env,
    fs::{self, File},
    io::{self, Seek},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// 1 MiB.
pub const MIB: u64 = 1 << 20;

/// Bytes of a disk on which the usual answers fit with a second slot.
pub const USUAL: u64 = 152 * MIB;

/// What a noisy disk is full of.
pub const NOISE: u8 = 0xa5;

/// A file in a directory of its own; both go when it is dropped.
pub struct Disk {
    _scratch: TempDir,
    /// Its path.
    pub path: PathBuf,
}

impl Disk {
    /// An empty one.
    pub fn empty(size: u64) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("disk.img");
        File::create(&path).unwrap().set_len(size).unwrap();
        Self { _scratch: scratch, path }
    }

    /// One with something on it that no install would leave: all bytes 0xff in the first and last 4 MiB, and in places.
    pub fn used(size: u64) -> Self {
        let disk = Self::empty(size);
        let ff = vec![0xff; 4 << 20];
        for offset in [0, size / 2, size - ff.len() as u64] {
            disk.write(&ff, offset);
        }
        disk
    }

    /// One that is full of old data: every byte is [`NOISE`].
    pub fn noisy(size: u64) -> Self {
        let disk = Self::empty(0);
        let mut file = File::create(&disk.path).unwrap();
        io::copy(&mut io::Read::take(io::repeat(NOISE), size), &mut file).unwrap();
        disk
    }

    /// A copy of another one.
    pub fn copy_of(other: &Path) -> Self {
        let disk = Self::empty(0);
        let said = run("cp", &["--sparse=always", &other.display().to_string(), &disk.path.display().to_string()]);
        assert!(said.well, "{}", said.text);
        disk
    }

    /// Writes at an offset.
    pub fn write(&self, bytes: &[u8], offset: u64) {
        File::options().write(true).open(&self.path).unwrap().write_all_at(bytes, offset).unwrap();
    }

    /// Its path as text, for a tool.
    pub fn text(&self) -> String {
        self.path.display().to_string()
    }

    /// Length and SHA-256 of all of it.
    pub fn digest(&self) -> (u64, String) {
        digest(&self.path)
    }
}

/// A loop device over a file, which goes when it is dropped.
pub struct Loop {
    /// Its path.
    pub path: PathBuf,
    /// The file below it.
    pub disk: Disk,
}

impl Loop {
    /// One with sectors of so many bytes; nothing where none can be made: only root can, and not everywhere. A test that
    /// is left out must not look like one that passed: root has to say so with `FORGE_TESTS_WITHOUT_LOOPS=1`.
    pub fn over(disk: Disk, sector: u32) -> Option<Self> {
        let said = run("losetup", &["--find", "--show", "--sector-size", &sector.to_string(), &disk.text()]);
        match said.well {
            true => Some(Self { path: said.text.trim().into(), disk }),
            false => {
                let may_skip =
                    !rustix::process::geteuid().is_root() || env::var_os("FORGE_TESTS_WITHOUT_LOOPS").is_some();
                assert!(may_skip, "no loop device can be made here: {}", said.text);
                println!("skipped: no loop device can be made here: {}", said.text);
                None
            }
        }
    }

    /// Its path as text, for a tool.
    pub fn text(&self) -> String {
        self.path.display().to_string()
    }

    /// The same file under the same device, which the kernel counts as another disk.
    pub fn attach_again(&self, sector: u32) {
        assert!(run("losetup", &["--detach", &self.text()]).well);
        let said = run("losetup", &["--sector-size", &sector.to_string(), &self.text(), &self.disk.text()]);
        assert!(said.well, "{}", said.text);
    }

    /// Changes the length of the file, and lets the device see it.
    pub fn resize(&self, size: u64) {
        File::options().write(true).open(&self.disk.path).unwrap().set_len(size).unwrap();
        let said = run("losetup", &["--set-capacity", &self.text()]);
        assert!(said.well, "{}", said.text);
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = run("losetup", &["--detach", &self.text()]);
    }
}

/// Opens a device as UDisks2 does for the helper.
pub fn open_exclusively(device: &Path) -> io::Result<File> {
    let flags = OFlags::EXCL.bits().cast_signed();
    File::options().read(true).write(true).custom_flags(flags).open(device)
}

/// What an inventory says of a loop device.
pub fn found(device: &Path) -> inventory::Disk {
    let mut file = File::open(device).unwrap();
    let name = device.file_name().unwrap().to_str().unwrap();
    let sequence = fs::read_to_string(format!("/sys/block/{name}/diskseq")).ok();
    let (path, serial) = (device.display().to_string(), Some("LOOP1".into()));
    inventory::Disk {
        identity: Identity { path, serial, wwn: None, sequence: sequence.map(|s| s.trim().parse().unwrap()) },
        model: Some("Loop".into()),
        kind: DiskKind::Disk,
        transport: Transport::Virtual,
        rotational: false,
        removable: false,
        size: file.seek(io::SeekFrom::End(0)).unwrap(),
        sector_size: rustix::fs::ioctl_blksszget(&file).unwrap(),
        content: Content::Unknown,
        obstacles: Vec::new(),
    }
}

/// Length and SHA-256 of a file: of its extents and where they lie, so that what reads as before but was written shows.
pub fn digest(path: &Path) -> (u64, String) {
    let file = File::open(path).unwrap();
    let mut hasher = openssl::sha::Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    while let Ok(data) = rustix::fs::seek(&file, SeekFrom::Data(at)) {
        let hole = rustix::fs::seek(&file, SeekFrom::Hole(data)).unwrap();
        hasher.update(&data.to_le_bytes());
        at = data;
        while at < hole {
            let n = (hole - at).min(1 << 20) as usize;
            file.read_exact_at(&mut buffer[..n], at).unwrap();
            hasher.update(&buffer[..n]);
            at += n as u64;
        }
    }
    (file.metadata().unwrap().len(), hex::encode(hasher.finish()))
}

/// What blkid finds at an offset, past its cache: `TYPE=…`, `PTTYPE=…` or nothing.
pub fn blkid(disk: &Path, offset: u64) -> Said {
    run("blkid", &["-p", "-o", "export", "--offset", &offset.to_string(), &disk.display().to_string()])
}

/// Whether firmware would find something to start: a partition table in force, and a FAT where an install puts the ESP.
pub fn could_start(disk: &Path) -> bool {
    let mut sector = [0; 512];
    File::open(disk).unwrap().read_exact_at(&mut sector, 0).unwrap();
    let mbr = sector[510..] == [0x55, 0xaa];
    let table = blkid(disk, 0).text.contains("PTTYPE=");
    let esp = blkid(disk, MIB).text.contains("TYPE=vfat");
    (mbr || table) && esp
}

/// Asserts that firmware finds nothing at all to start.
pub fn assert_starts_nothing(disk: &Path) {
    assert!(!could_start(disk), "{}\n{}", blkid(disk, 0).text, blkid(disk, MIB).text);
}
