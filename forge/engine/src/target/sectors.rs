//! Written, flushed, and read back from the disk itself.

use super::{Target, TargetError};

/// Where sectors are written and read, past the page cache.
pub(crate) trait Sectors {
    fn write(&self, bytes: &[u8], offset: u64) -> Result<(), TargetError>;
    fn flush(&self) -> Result<(), TargetError>;
    fn read(&self, length: usize, offset: u64) -> Result<Vec<u8>, TargetError>;
    /// For people.
    fn path(&self) -> &str;
}

impl Sectors for Target {
    fn write(&self, bytes: &[u8], offset: u64) -> Result<(), TargetError> {
        self.write_sectors(bytes, offset)
    }

    fn flush(&self) -> Result<(), TargetError> {
        self.sync()
    }

    fn read(&self, length: usize, offset: u64) -> Result<Vec<u8>, TargetError> {
        self.read_sectors(length, offset)
    }

    fn path(&self) -> &str {
        Self::path(self)
    }
}

/// Writes pieces in any order, waits until they are on the disk, and compares what is there then. What has to come later is
/// put by another call.
pub(crate) fn put<'a>(
    disk: &dyn Sectors,
    pieces: impl Iterator<Item = (u64, &'a [u8])> + Clone,
) -> Result<(), TargetError> {
    for (offset, bytes) in pieces.clone() {
        disk.write(bytes, offset)?;
    }
    disk.flush()?;
    for (offset, bytes) in pieces {
        if disk.read(bytes.len(), offset)? != bytes {
            return Err(TargetError::ReadBack { path: disk.path().into(), offset });
        }
    }
    Ok(())
}
