//! The one thing that is written: an exclusive descriptor to a whole disk or a plain file.

use forge_model::{
    inventory::{DiskKind, Identity},
    plan,
    size::words,
};
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

/// Why a target can not be taken.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It can not be opened.
    #[error("{path} can not be opened for writing: {source}")]
    Open {
        /// Its path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is not a plain file.
    #[error("{path} is {what}, not a plain file")]
    NotAFile {
        /// Its path.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// Somebody else has it open.
    #[error("{path} is in use by {by}")]
    InUse {
        /// Its path.
        path: String,
        /// The process or device that has it.
        by: String,
    },
    /// It is not the target that was confirmed.
    #[error("{path} is not the target that was confirmed: {what} changed")]
    Changed {
        /// Its path.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// A read or write failed.
    #[error("{what} failed at byte {offset}: {source}")]
    Io {
        /// Reading or writing.
        what: &'static str,
        /// Where.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The file system that holds it has no room for what will be written.
    #[error("the file system that holds {path} has no room: {} more are needed, {} are free", words(*.needs), words(*.has))]
    NoRoom {
        /// Its path.
        path: String,
        /// Bytes that are free.
        has: u64,
        /// Bytes that are needed.
        needs: u64,
    },
    /// What was read back is not what was written.
    #[error("{path} does not hold what was written to it, at byte {offset}; the disk is faulty")]
    ReadBack {
        /// Its path.
        path: String,
        /// Where.
        offset: u64,
    },
    /// Other calls on it failed.
    #[error("{what} failed: {source}")]
    Call {
        /// What was tried.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// An exclusive target.
#[derive(Debug)]
pub struct Target {
    file: File,
    path: String,
    size: u64,
}

impl Target {
    /// Opens a plain file, and refuses one that anybody else has open.
    pub fn open_file(path: &Path) -> Result<Self, TargetError> {
        let shown = path.display().to_string();
        let open = |source| TargetError::Open { path: shown.clone(), source };
        // Looked at before it is opened, so that no device is; and again once it is held, in case it was exchanged.
        check_plain_file(&shown, &fs::metadata(path).map_err(open)?)?;
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().read(true).write(true).custom_flags(flags).open(path).map_err(open)?;
        let about = file.metadata().map_err(open)?;
        check_plain_file(&shown, &about)?;
        let size = about.len();
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(TargetError::InUse { path: shown, by: "another program that locked it".into() });
        }
        if let Some(by) = other_user(&file).map_err(open)? {
            return Err(TargetError::InUse { path: shown, by });
        }
        Ok(Self { file, path: shown, size })
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

    /// What pins it.
    pub fn identity(&self) -> Result<Identity, TargetError> {
        let call = |source| TargetError::Call { what: "asking for the target's identity", source };
        let sequence = Some(self.file.metadata().map_err(call)?.ino());
        Ok(Identity { path: self.path.clone(), serial: None, wwn: None, sequence })
    }

    /// Checks, right before the first write, that this is the target that was confirmed.
    pub fn check_identity(&self, confirmed: &plan::Target) -> Result<(), TargetError> {
        let changed = |what| Err(TargetError::Changed { path: self.path.clone(), what });
        if confirmed.kind != DiskKind::File {
            return changed("its kind");
        }
        if self.identity()? != confirmed.identity {
            return changed("its identity");
        }
        if self.size != confirmed.size {
            return changed("its size");
        }
        self.check_size()
    }

    /// Checks that the file did not shrink or grow since it was opened.
    pub fn check_size(&self) -> Result<(), TargetError> {
        let call = |source| TargetError::Call { what: "asking for the target's size", source };
        if self.file.metadata().map_err(call)?.len() != self.size {
            return Err(TargetError::Changed { path: self.path.clone(), what: "its size" });
        }
        Ok(())
    }

    /// Writes all bytes at an offset, never past the end.
    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<(), TargetError> {
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.size) {
            let source = io::Error::new(io::ErrorKind::InvalidInput, "past the end of the target");
            return Err(TargetError::Io { what: "writing", offset, source });
        }
        self.file.write_all_at(bytes, offset).map_err(|source| TargetError::Io { what: "writing", offset, source })
    }

    /// Reads bytes at an offset.
    pub fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), TargetError> {
        self.file.read_exact_at(bytes, offset).map_err(|source| TargetError::Io { what: "reading", offset, source })
    }

    /// Makes a range read as zeros: by giving its blocks back, or else by writing them.
    pub fn zero(&self, offset: u64, len: u64) -> Result<(), TargetError> {
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if fallocate(&self.file, punch, offset, len).is_ok() {
            return Ok(());
        }
        if fallocate(&self.file, FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE, offset, len).is_ok() {
            return Ok(());
        }
        let zeros = vec![0; 1 << 20];
        let mut at = offset;
        while at < offset + len {
            let n = (offset + len - at).min(zeros.len() as u64);
            self.write(&zeros[..n as usize], at)?;
            at += n;
        }
        Ok(())
    }

    /// Checks that a file target can take `bytes`: what it has already, and what is free beside it. A disk always can.
    pub fn check_room(&self, bytes: u64) -> Result<(), TargetError> {
        let call = |source| TargetError::Call { what: "asking for free room", source };
        let about = self.file.metadata().map_err(call)?;
        if !about.is_file() {
            return Ok(());
        }
        let holder = rustix::fs::fstatvfs(&self.file).map_err(|e| call(e.into()))?;
        let has = holder.f_bavail.saturating_mul(holder.f_frsize);
        match bytes.saturating_sub(about.blocks() * 512) {
            needs if needs > has => Err(TargetError::NoRoom { path: self.path.clone(), has, needs }),
            _ => Ok(()),
        }
    }

    /// Copies the written extents of a sparse file to an offset; the rest of the range reads as zeros.
    pub fn write_sparse(&self, image: &File, offset: u64, len: u64) -> Result<(), TargetError> {
        self.zero(offset, len)?;
        each_extent(image, len, |bytes, at| self.write(bytes, offset + at))
    }

    /// Reads the extents of a sparse file back from the disk, past the page cache, and compares them.
    pub fn prove_sparse(&self, image: &File, offset: u64, len: u64) -> Result<(), TargetError> {
        self.sync()?;
        // Only advice; where it is refused, the pages were just flushed all the same.
        let _ = rustix::fs::fadvise(&self.file, offset, std::num::NonZero::new(len), rustix::fs::Advice::DontNeed);
        let mut found = vec![0; EXTENT_PIECE];
        each_extent(image, len, |bytes, at| {
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
        self.file.sync_all().map_err(|source| TargetError::Call { what: "flushing the target", source })
    }
}

/// The most bytes of an extent that are handed on at once.
const EXTENT_PIECE: usize = 1 << 20;

/// Hands on what was written to a sparse file, in pieces with their offset, up to `len`.
fn each_extent(
    image: &File,
    len: u64,
    mut hand_on: impl FnMut(&[u8], u64) -> Result<(), TargetError>,
) -> Result<(), TargetError> {
    let read = |at| move |source| TargetError::Io { what: "reading a file system image", offset: at, source };
    let end = image.metadata().map_err(read(0))?.len().min(len);
    let mut buffer = vec![0; EXTENT_PIECE];
    let mut at = 0;
    while let Some(data) = seek(image, SeekTo::Data, at).map_err(read(at))?.filter(|data| *data < end) {
        let hole = seek(image, SeekTo::Hole, data).map_err(read(data))?.unwrap_or(end).min(end);
        at = data;
        while at < hole {
            let n = (hole - at).min(EXTENT_PIECE as u64) as usize;
            image.read_exact_at(&mut buffer[..n], at).map_err(read(at))?;
            hand_on(&buffer[..n], at)?;
            at += n as u64;
        }
    }
    Ok(())
}

enum SeekTo {
    Data,
    Hole,
}

/// The next data or hole from `at` on; nothing when there is none.
fn seek(file: &File, to: SeekTo, at: u64) -> io::Result<Option<u64>> {
    use rustix::{fs::SeekFrom, io::Errno};
    let from = match to {
        SeekTo::Data => SeekFrom::Data(at),
        SeekTo::Hole => SeekFrom::Hole(at),
    };
    match rustix::fs::seek(file, from) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NXIO) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn check_plain_file(shown: &str, about: &fs::Metadata) -> Result<(), TargetError> {
    let kind = about.file_type();
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_block_device() => "a block device",
        _ if kind.is_char_device() => "a character device",
        _ if kind.is_dir() => "a directory",
        _ => "not a file",
    };
    Err(TargetError::NotAFile { path: shown.into(), what })
}

/// Who else has this file open: another process, or a loop device.
fn other_user(file: &File) -> io::Result<Option<String>> {
    let own = file.metadata()?;
    let same = |meta: &fs::Metadata| meta.ino() == own.ino() && meta.dev() == own.dev();
    for device in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let backing = fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
        if fs::metadata(backing.trim_end()).is_ok_and(|meta| same(&meta)) {
            return Ok(Some(format!("the loop device /dev/{}", device.file_name().display())));
        }
    }
    let me = std::process::id().to_string();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = process.file_name();
        if pid.to_string_lossy() == me || !pid.to_string_lossy().bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        // Processes of other users can not be looked into; for them the lock has to do.
        for fd in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            if fs::metadata(fd.path()).is_ok_and(|meta| same(&meta)) {
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                return Ok(Some(format!("{} (process {})", name.trim_end(), pid.display())));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(bytes: u64) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(bytes).unwrap();
        // Only the path stays: a descriptor of our own would not count, but one of a copy in a child would.
        file
    }

    #[test]
    fn a_file_that_another_process_holds_is_refused_by_name() {
        let file = file_of(4096);
        let stdin = File::open(file.path()).unwrap();
        let mut child = std::process::Command::new("/bin/sleep").arg("60").stdin(stdin).spawn().unwrap();
        let error = Target::open_file(file.path()).unwrap_err().to_string();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(error.contains("sleep"), "{error}");
    }

    #[test]
    fn a_directory_and_a_device_are_refused() {
        let error = Target::open_file(Path::new("/tmp")).unwrap_err().to_string();
        assert!(error.contains("a directory"), "{error}");
        let error = Target::open_file(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(error.contains("a character device"), "{error}");
    }

    #[test]
    fn a_write_past_the_end_is_refused() {
        let file = file_of(4096);
        let target = Target::open_file(file.path()).unwrap();
        assert!(target.write(&[1; 2], 4095).is_err());
        assert!(target.write(&[1; 2], u64::MAX).is_err());
        assert_eq!(target.file().metadata().unwrap().len(), 4096);
    }

    #[test]
    fn a_sparse_image_replaces_what_was_there() {
        let file = file_of(4 << 20);
        let target = Target::open_file(file.path()).unwrap();
        target.write(&vec![0xff; 4 << 20], 0).unwrap();
        let image = tempfile::tempfile().unwrap();
        image.set_len(2 << 20).unwrap();
        image.write_all_at(b"data", 1 << 20).unwrap();
        target.write_sparse(&image, 1 << 20, 2 << 20).unwrap();
        let all = fs::read(file.path()).unwrap();
        assert_eq!(&all[2 << 20..(2 << 20) + 4], b"data");
        assert!(all[1 << 20..2 << 20].iter().all(|b| *b == 0));
        assert!(all[..1 << 20].iter().all(|b| *b == 0xff) && all[3 << 20..].iter().all(|b| *b == 0xff));
    }

    #[test]
    fn a_file_that_shrinks_is_noticed() {
        let file = file_of(8192);
        let target = Target::open_file(file.path()).unwrap();
        file.as_file().set_len(4096).unwrap();
        assert!(target.check_size().is_err());
    }
}
