//! A whole disk behind a descriptor that somebody else opened: what pins it, and whether it is still there.

use super::{TargetError, kind_of};
use forge_model::inventory::{Disk, DiskKind, Identity};
use rustix::fs::{OFlags, SeekFrom, fcntl_getfl, fcntl_setfl, ioctl_blksszget, major, minor, seek};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

/// Where the kernel tells of block devices by their numbers (sysfs(5)).
pub(super) const SYSFS: &str = "/sys/dev/block";

/// What is known of the disk beside its descriptor.
#[derive(Debug)]
pub(super) struct Device {
    /// As it was found and compared.
    pub(super) identity: Identity,
    /// Bytes in a logical sector.
    pub(super) sector_size: u32,
    /// What the kernel tells of the device with this number; another disk can get the number later.
    about: PathBuf,
}

impl Device {
    /// Compares an open descriptor with the disk that was found.
    pub(super) fn take(file: &File, disk: &Disk, sysfs: &Path) -> Result<Self, TargetError> {
        let path = || disk.identity.path.clone();
        let call = |source| TargetError::Call { what: "looking at the disk", source };
        let changed = |what| Err(TargetError::Changed { path: path(), what });
        let metadata = file.metadata().map_err(call)?;
        if !metadata.file_type().is_block_device() {
            return Err(TargetError::NotADisk { path: path(), what: kind_of(&metadata) });
        }
        let flags = fcntl_getfl(file).map_err(|e| call(e.into()))?;
        if flags & OFlags::RWMODE != OFlags::RDWR {
            return Err(TargetError::NotWritable { path: path() });
        }
        // Small writes need no alignment; the image turns direct I/O on for itself.
        fcntl_setfl(file, flags - OFlags::DIRECT).map_err(|e| call(e.into()))?;
        let about = sysfs.join(format!("{}:{}", major(metadata.rdev()), minor(metadata.rdev())));
        if about.join("partition").exists() {
            return Err(TargetError::NotADisk { path: path(), what: "a partition" });
        }
        if disk.kind != DiskKind::Disk {
            return changed("its kind");
        }
        let device = Self { identity: disk.identity.clone(), sector_size: disk.sector_size, about };
        if device.sequence().map_err(call)? != disk.identity.sequence {
            return changed("its sequence number");
        }
        if size(file).map_err(call)? != disk.size {
            return changed("its size");
        }
        if ioctl_blksszget(file).map_err(|e| call(e.into()))? != disk.sector_size {
            return changed("its sector size");
        }
        Ok(device)
    }

    /// The kernel's number for this disk and no other since the start, read anew; nothing when the disk has none.
    pub(super) fn sequence(&self) -> io::Result<Option<u64>> {
        match fs::read_to_string(self.about.join("diskseq")) {
            Ok(text) => text.trim().parse().map(Some).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e)),
            // ENODEV: it went between the open and the read.
            Err(e) if matches!(e.raw_os_error(), Some(ENOENT | ENODEV)) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Whether the disk is no longer there. A descriptor of one that was pulled stays open, and every use of it fails.
    pub(super) fn is_gone(&self, file: &File) -> bool {
        let other = self.sequence().is_ok_and(|sequence| sequence != self.identity.sequence);
        other || size(file).is_ok_and(|size| size == 0)
    }

    /// What differs between what pins this disk and what was confirmed.
    pub(super) fn difference(&self, confirmed: &Identity) -> io::Result<Option<&'static str>> {
        let Identity { path, serial, wwn, sequence: _ } = &self.identity;
        Ok(match confirmed {
            _ if *path != confirmed.path => Some("its path"),
            _ if *serial != confirmed.serial => Some("its serial number"),
            _ if *wwn != confirmed.wwn => Some("its world wide name"),
            _ if self.sequence()? != confirmed.sequence => Some("its sequence number"),
            _ => None,
        })
    }
}

const ENOENT: i32 = rustix::io::Errno::NOENT.raw_os_error();
const ENODEV: i32 = rustix::io::Errno::NODEV.raw_os_error();

/// The length of a disk or file: metadata tells none for a disk.
pub(crate) fn size(file: &File) -> io::Result<u64> {
    Ok(seek(file, SeekFrom::End(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device that the kernel seems to know by what lies in a directory.
    fn device(about: &Path, sequence: Option<u64>) -> Device {
        let identity = Identity { path: "/dev/sdz".into(), serial: Some("A1".into()), wwn: None, sequence };
        Device { identity, sector_size: 512, about: about.to_owned() }
    }

    #[test]
    fn a_disk_whose_number_nobody_or_another_disk_has_is_gone() {
        let (about, file) = (tempfile::tempdir().unwrap(), tempfile::tempfile().unwrap());
        file.set_len(4096).unwrap();
        let device = device(about.path(), Some(7));
        fs::write(about.path().join("diskseq"), "7\n").unwrap();
        assert!(!device.is_gone(&file));
        fs::write(about.path().join("diskseq"), "8\n").unwrap();
        assert!(device.is_gone(&file));
        fs::remove_file(about.path().join("diskseq")).unwrap();
        assert!(device.is_gone(&file));
    }

    #[test]
    fn a_disk_without_a_sequence_number_is_gone_when_its_size_is_0() {
        let (about, file) = (tempfile::tempdir().unwrap(), tempfile::tempfile().unwrap());
        let device = device(about.path(), None);
        assert!(device.is_gone(&file));
        file.set_len(512).unwrap();
        assert!(!device.is_gone(&file));
    }

    #[test]
    fn every_fact_that_pins_a_disk_is_compared_and_named() {
        let about = tempfile::tempdir().unwrap();
        fs::write(about.path().join("diskseq"), "7\n").unwrap();
        let device = device(about.path(), Some(7));
        let same = device.identity.clone();
        assert_eq!(device.difference(&same).unwrap(), None);
        for (other, what) in [
            (Identity { path: "/dev/sda".into(), ..same.clone() }, "its path"),
            (Identity { serial: None, ..same.clone() }, "its serial number"),
            (Identity { wwn: Some("0x5".into()), ..same.clone() }, "its world wide name"),
            (Identity { sequence: Some(6), ..same.clone() }, "its sequence number"),
            (Identity { sequence: None, ..same.clone() }, "its sequence number"),
        ] {
            assert_eq!(device.difference(&other).unwrap(), Some(what));
        }
    }
}
