//! The one thing that is written: an exclusive descriptor to a whole disk or a plain file.
//!
//! - `file`: opens a plain file that nobody else has.
//! - `device`: takes a disk that somebody else opened, and knows when it is another one, or gone.
//! - `direct`: sectors past the page cache.
//! - `sectors`: written, flushed and read back.
//! - `sparse`: the extents of a file system image.
//! - `error`: why it can not be taken or used.

mod device;
mod direct;
mod error;
#[cfg(test)]
pub(crate) mod faulty;
mod file;
mod sectors;
mod sparse;
#[cfg(test)]
mod tests;

pub use error::TargetError;
pub(crate) use sectors::{Sectors, put};
pub(crate) use sparse::each_extent;

pub(crate) use device::size as size_of;

use crate::{
    efivars::Variables,
    watch::{Outcome, Watch},
};
use device::Device;
use forge_model::{
    inventory::{Disk, DiskKind, Identity},
    plan,
};
use rustix::fs::{FallocateFlags, fallocate};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, FileTypeExt, MetadataExt},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// Bytes that wait in the page cache at most: to flush them can not be cancelled, and a slow stick writes 10 MB/s.
const MOST_DIRTY: u64 = 8 << 20;

/// Bytes in a logical sector of a plain file.
const FILE_SECTOR: u32 = 512;

/// An exclusive target.
#[derive(Debug)]
pub struct Target {
    file: File,
    path: String,
    size: u64,
    /// Nothing for a plain file.
    device: Option<Device>,
    /// The firmware that will start this disk; nothing when another machine will.
    firmware: Option<Variables>,
    /// Bytes written since the last flush.
    dirty: AtomicU64,
}

impl Target {
    /// Opens a plain file, and refuses one that anybody else has open.
    pub fn open_file(path: &Path) -> Result<Self, TargetError> {
        let file = file::open(path)?;
        let shown = path.display().to_string();
        let open = |source| TargetError::Open { path: shown.clone(), source };
        let size = file.metadata().map_err(open)?.len();
        Ok(Self { file, path: shown, size, device: None, firmware: None, dirty: AtomicU64::new(0) })
    }

    /// Takes a whole disk that was opened for reading and writing, and exclusively, which a descriptor does not show.
    ///
    /// `disk` is what a fresh inventory says of it; a descriptor that is not of that very disk is refused with the
    /// fact that differs.
    pub fn device(file: File, disk: &Disk) -> Result<Self, TargetError> {
        let device = Device::take(&file, disk, Path::new(device::SYSFS))?;
        let path = disk.identity.path.clone();
        Ok(Self { file, path, size: disk.size, device: Some(device), firmware: None, dirty: AtomicU64::new(0) })
    }

    /// Says that this machine's own firmware will start the disk: a boot entry and the request to enroll the key are left
    /// in its variables. A plain file has no such firmware.
    #[must_use]
    pub fn started_by(self, firmware: Variables) -> Self {
        let firmware = self.device.is_some().then_some(firmware);
        Self { firmware, ..self }
    }

    /// The firmware that will start it.
    pub(crate) fn firmware(&self) -> Option<&Variables> {
        self.firmware.as_ref()
    }

    /// The descriptor.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its path, for people.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A disk or a plain file.
    pub fn kind(&self) -> DiskKind {
        match self.device {
            Some(_) => DiskKind::Disk,
            None => DiskKind::File,
        }
    }

    /// Bytes in a logical sector.
    pub fn sector_size(&self) -> u32 {
        self.device.as_ref().map_or(FILE_SECTOR, |device| device.sector_size)
    }

    /// What pins it; the sequence number is read anew.
    pub fn identity(&self) -> Result<Identity, TargetError> {
        let call = |source| TargetError::Call { what: "asking for the target's identity", source };
        match &self.device {
            Some(device) => {
                let sequence = device.sequence().map_err(call)?;
                Ok(Identity { sequence, ..device.identity.clone() })
            }
            None => {
                let sequence = Some(self.file.metadata().map_err(call)?.ino());
                Ok(Identity { path: self.path.clone(), serial: None, wwn: None, sequence })
            }
        }
    }

    /// Checks, right before the first write, that this is the target that was confirmed.
    pub fn check_identity(&self, confirmed: &plan::Target) -> Result<(), TargetError> {
        let call = |source| TargetError::Call { what: "asking for the target's identity", source };
        let changed = |what| Err(TargetError::Changed { path: self.path.clone(), what });
        if confirmed.kind != self.kind() {
            return changed("its kind");
        }
        self.check_gone()?;
        let difference = match &self.device {
            Some(device) => device.difference(&confirmed.identity).map_err(call)?,
            None => (self.identity()? != confirmed.identity).then_some("its identity"),
        };
        if let Some(what) = difference {
            return changed(what);
        }
        if self.size != confirmed.size {
            return changed("its size");
        }
        if self.sector_size() != confirmed.sector_size {
            return changed("its sector size");
        }
        self.check_size()
    }

    /// Checks that it did not shrink or grow since it was opened, and that a disk is still there.
    pub fn check_size(&self) -> Result<(), TargetError> {
        let call = |source| TargetError::Call { what: "asking for the target's size", source };
        self.check_gone()?;
        if size_of(&self.file).map_err(call)? != self.size {
            return Err(TargetError::Changed { path: self.path.clone(), what: "its size" });
        }
        Ok(())
    }

    /// Whether it is a disk that is no longer connected.
    pub fn is_gone(&self) -> bool {
        self.device.as_ref().is_some_and(|device| device.is_gone(&self.file))
    }

    fn check_gone(&self) -> Result<(), TargetError> {
        match self.is_gone() {
            true => Err(TargetError::Gone { path: self.path.clone() }),
            false => Ok(()),
        }
    }

    /// Writes all bytes at an offset, never past the end. Flushes when much has come together.
    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<(), TargetError> {
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.size) {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "past the end of the target");
            return Err(TargetError::Io { what: "writing", offset, source });
        }
        let failed = |source| TargetError::Io { what: "writing", offset, source };
        self.file.write_all_at(bytes, offset).map_err(failed)?;
        let written = bytes.len() as u64;
        match self.dirty.fetch_add(written, Ordering::Relaxed) + written {
            dirty if dirty >= MOST_DIRTY => self.sync(),
            _ => Ok(()),
        }
    }

    /// Reads bytes at an offset.
    pub fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), TargetError> {
        self.file.read_exact_at(bytes, offset).map_err(|source| TargetError::Io { what: "reading", offset, source })
    }

    /// Makes a small range read as zeros; asks now and then whether to stop.
    ///
    /// A file gives its blocks back, which is quick. On a disk zeros are written: what it does on its own when it is
    /// asked to zero a range can take long and can not be stopped.
    pub fn zero(&self, offset: u64, len: u64, watch: &dyn Watch) -> Result<Outcome<()>, TargetError> {
        if self.device.is_none() && self.punch(offset, len) {
            return Ok(Outcome::Done(()));
        }
        let zeros = vec![0; sparse::PIECE];
        let mut at = offset;
        while at < offset + len {
            if watch.cancelled() {
                return Ok(Outcome::Cancelled);
            }
            let n = (offset + len - at).min(zeros.len() as u64);
            self.write(&zeros[..n as usize], at)?;
            at += n;
        }
        Ok(Outcome::Done(()))
    }

    /// Gives the blocks of a range of a file back; false where the file system can not.
    fn punch(&self, offset: u64, len: u64) -> bool {
        let ways = [FallocateFlags::PUNCH_HOLE, FallocateFlags::ZERO_RANGE];
        ways.iter().any(|way| fallocate(&self.file, *way | FallocateFlags::KEEP_SIZE, offset, len).is_ok())
    }

    /// Bytes that a file takes of the file system that holds it; nothing for a disk.
    pub fn allocated(&self) -> Result<u64, TargetError> {
        let call = |source| TargetError::Call { what: "asking for free room", source };
        match self.device {
            Some(_) => Ok(0),
            None => Ok(self.file.metadata().map_err(call)?.blocks() * 512),
        }
    }

    /// Checks that a file target can take `bytes`: what it has already, and what is free beside it. A disk always can.
    pub fn check_room(&self, bytes: u64) -> Result<(), TargetError> {
        let call = |source| TargetError::Call { what: "asking for free room", source };
        if self.device.is_some() {
            return Ok(());
        }
        let about = self.file.metadata().map_err(call)?;
        let holder = rustix::fs::fstatvfs(&self.file).map_err(|e| call(e.into()))?;
        let has = holder.f_bavail.saturating_mul(holder.f_frsize);
        match bytes.saturating_sub(about.blocks() * 512) {
            needs if needs > has => Err(TargetError::NoRoom { path: self.path.clone(), has, needs }),
            _ => Ok(()),
        }
    }

    /// Copies the written extents of a sparse file to an offset.
    ///
    /// In a file the rest of the range reads as zeros. On a disk the rest stays as it was: to zero terabytes takes
    /// hours. So the image must hold every zero that somebody will trust as an extent.
    pub fn write_sparse(
        &self,
        image: &File,
        offset: u64,
        len: u64,
        watch: &dyn Watch,
    ) -> Result<Outcome<()>, TargetError> {
        if self.device.is_none() && self.zero(offset, len, watch)? == Outcome::Cancelled {
            return Ok(Outcome::Cancelled);
        }
        sparse::each_extent(image, len, watch, |bytes, at| self.write(bytes, offset + at))
    }

    /// Reads the extents of a sparse file back from the disk, past the page cache, and compares them.
    pub fn prove_sparse(
        &self,
        image: &File,
        offset: u64,
        len: u64,
        watch: &dyn Watch,
    ) -> Result<Outcome<()>, TargetError> {
        self.sync()?;
        // Only advice; where it is refused, the pages were just flushed all the same.
        let _ = rustix::fs::fadvise(&self.file, offset, std::num::NonZero::new(len), rustix::fs::Advice::DontNeed);
        let mut found = vec![0; sparse::PIECE];
        sparse::each_extent(image, len, watch, |bytes, at| {
            let found = &mut found[..bytes.len()];
            self.read(found, offset + at)?;
            match found == bytes {
                true => Ok(()),
                false => Err(TargetError::ReadBack { path: self.path.clone(), offset: offset + at }),
            }
        })
    }

    /// Waits until everything written is on the disk.
    pub fn sync(&self) -> Result<(), TargetError> {
        self.file.sync_all().map_err(|source| TargetError::Call { what: "flushing the target", source })?;
        self.dirty.store(0, Ordering::Relaxed);
        Ok(())
    }
}

/// What a path or descriptor is, for people.
fn kind_of(about: &fs::Metadata) -> &'static str {
    let kind = about.file_type();
    match kind {
        _ if kind.is_file() => "a plain file",
        _ if kind.is_block_device() => "a block device",
        _ if kind.is_char_device() => "a character device",
        _ if kind.is_dir() => "a directory",
        _ => "not a file",
    }
}
