//! The log of a run, in memory until there is a place for it. It holds command lines and stages, and no secret.

use super::fault::Fault;
use crate::log_file;
use rustix::fs::{MemfdFlags, memfd_create};
use std::{fs::File, io, os::unix::fs::FileExt};

/// No log of an install is longer.
const MOST_BYTES: u64 = 8 << 20;

/// What was logged.
pub struct Log(File);

impl Log {
    /// From now on everything that Forge logs is kept.
    pub fn begin() -> Result<Self, Fault> {
        let made = memfd_create(c"forge-log", MemfdFlags::CLOEXEC).map_err(io::Error::from).and_then(|file| {
            let file = File::from(file);
            log_file::into(file.try_clone()?);
            Ok(file)
        });
        made.map(Self).map_err(|error| Fault::NotWritten { place: "the log".into(), error })
    }

    /// Everything until now.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.0.metadata()?.len().min(MOST_BYTES) as usize];
        self.0.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}
