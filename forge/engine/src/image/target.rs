//! The target, past the page cache where it allows that.
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Advice, FallocateFlags, OFlags, fadvise, fallocate, fcntl_getfl, fcntl_setfl, fstatfs};
use rustix::io::Errno;

use super::ImageError;
use crate::watch::{Outcome, Watch};

/// `f_type` of a tmpfs (`linux/magic.h`).
const TMPFS_MAGIC: i64 = 0x0102_1994;

/// Bytes of one call: what a slow disk is still busy with when a run is cancelled is this much for each thread.
const CALL: usize = 1 << 20;

/// A descriptor in direct mode; dropping it restores the mode that it had.
///
/// The mode belongs to the open file, not to this value: nobody else may write through the same
/// descriptor meanwhile. A target that refuses direct I/O is used through the page cache.
pub(super) struct Target<'a> {
    file: &'a File,
    direct: AtomicBool,
    before: Option<OFlags>,
}

impl<'a> Target<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        let before = fcntl_getfl(file).ok().filter(|flags| !flags.contains(OFlags::DIRECT));
        let direct = before.is_some_and(|flags| fcntl_setfl(file, flags | OFlags::DIRECT).is_ok());
        Self { file, direct: AtomicBool::new(direct), before }
    }

    /// Takes the room for `length` bytes at `offset` if the target is a file.
    ///
    /// So a full file system is noticed before the first write, and writers need not wait for each
    /// other: ext4 lets only one at a time write directly where no block is allocated yet. A tmpfs
    /// lets only one at a time write anyway, and would do all its work here on one core.
    pub(super) fn reserve(&self, offset: u64, length: u64) -> Result<(), ImageError> {
        let is_file = self.file.metadata().is_ok_and(|about| about.is_file());
        let is_tmpfs = fstatfs(self.file).is_ok_and(|about| about.f_type == TMPFS_MAGIC);
        if !is_file || is_tmpfs {
            return Ok(());
        }
        match fallocate(self.file, FallocateFlags::empty(), offset, length) {
            Err(Errno::NOSPC) => Err(ImageError::NoSpace { offset }),
            // Not every file system can; the writes will tell.
            _ => Ok(()),
        }
    }

    /// Writes all of `bytes`, whole blocks from an aligned buffer, at a multiple of 4096; asks between calls.
    pub(super) fn write(
        &self,
        mut bytes: &[u8],
        mut offset: u64,
        watch: &dyn Watch,
    ) -> Result<Outcome<()>, ImageError> {
        while !bytes.is_empty() {
            if watch.cancelled() {
                return Ok(Outcome::Cancelled);
            }
            let direct = self.direct.load(Ordering::Acquire);
            match self.file.write_at(&bytes[..bytes.len().min(CALL)], offset) {
                Ok(0) => return Err(ImageError::NoSpace { offset }),
                Ok(done) => {
                    bytes = &bytes[done..];
                    offset += done as u64;
                }
                Err(error) if self.once_more(&error, direct) => {}
                Err(error) => return Err(write_error(offset, error)),
            }
        }
        Ok(Outcome::Done(()))
    }

    /// Fills `bytes`, whole blocks in an aligned buffer, from a multiple of 4096; asks between calls.
    pub(super) fn read(
        &self,
        mut bytes: &mut [u8],
        mut offset: u64,
        watch: &dyn Watch,
    ) -> Result<Outcome<()>, ImageError> {
        while !bytes.is_empty() {
            if watch.cancelled() {
                return Ok(Outcome::Cancelled);
            }
            let direct = self.direct.load(Ordering::Acquire);
            let call = bytes.len().min(CALL);
            match self.file.read_at(&mut bytes[..call], offset) {
                Ok(0) => return Err(ImageError::ShortTarget { offset }),
                Ok(done) => {
                    bytes = &mut bytes[done..];
                    offset += done as u64;
                }
                Err(error) if self.once_more(&error, direct) => {}
                Err(source) => return Err(ImageError::ReadTarget { offset, source }),
            }
        }
        Ok(Outcome::Done(()))
    }

    /// Waits until the device confirms all that was written.
    pub(super) fn sync(&self) -> Result<(), ImageError> {
        self.file.sync_all().map_err(|error| match error.kind() {
            io::ErrorKind::StorageFull => ImageError::NoSpace { offset: 0 },
            _ => ImageError::Sync(error),
        })
    }

    /// Drops what the page cache holds of the whole target, so that reads come from the device.
    pub(super) fn forget_cache(&self) {
        // Only advice: where it is refused, direct reads do the same.
        let _ = fadvise(self.file, 0, None, Advice::DontNeed);
    }

    /// Whether a failed call is worth repeating: after a signal, or without direct mode if it was made with it.
    fn once_more(&self, error: &io::Error, was_direct: bool) -> bool {
        if error.kind() == io::ErrorKind::Interrupted {
            return true;
        }
        let refused = error.raw_os_error() == Some(Errno::INVAL.raw_os_error());
        // Several threads can be refused at once: each changes the mode, and tries again. Only when it is changed do others
        // hear of it, who would take a refusal for a fault then.
        let changed = refused && was_direct && self.restore();
        if changed {
            self.direct.store(false, Ordering::Release);
        }
        changed
    }

    fn restore(&self) -> bool {
        self.before.is_some_and(|flags| fcntl_setfl(self.file, flags).is_ok())
    }
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        self.restore();
    }
}

fn write_error(offset: u64, source: io::Error) -> ImageError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ImageError::NoSpace { offset }
        }
        _ => ImageError::WriteTarget { offset, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_hears_of_another_mode_before_it_is_changed() {
        let refused = io::Error::from(Errno::INVAL);
        let file = tempfile::tempfile().unwrap();
        // One whose mode can not be changed.
        let target = Target { file: &file, direct: AtomicBool::new(true), before: None };
        for _ in 0..2 {
            assert!(!target.once_more(&refused, true));
            assert!(target.direct.load(Ordering::Acquire));
        }
        let target = Target { file: &file, direct: AtomicBool::new(true), before: fcntl_getfl(&file).ok() };
        assert!(target.once_more(&refused, true) && !target.direct.load(Ordering::Acquire));
        assert!(target.once_more(&refused, true), "another thread that was refused at the same time");
        assert!(!target.once_more(&refused, false));
    }
}
