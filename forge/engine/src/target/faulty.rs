//! A disk in memory that fails or lies, for tests.

use super::{Sectors, TargetError};
use std::{
    cell::{Cell, RefCell},
    io,
    ops::Range,
};

/// A disk on which the calls `from..to` go wrong.
pub(crate) struct Faulty {
    bytes: RefCell<Vec<u8>>,
    calls: Cell<usize>,
    faulty: Range<usize>,
    how: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call fails, and nothing happens.
    Fails,
    /// The call fails, and half of the bytes are on the disk.
    Tears,
    /// The disk says that it is well, and nothing happens.
    Lies,
}

impl Faulty {
    pub(crate) fn new(bytes: Vec<u8>, faulty: Range<usize>, how: Fault) -> Self {
        Self { bytes: RefCell::new(bytes), calls: Cell::new(0), faulty, how }
    }

    /// What is on it now.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.borrow().clone()
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.calls.get()
    }

    fn next(&self) -> bool {
        let call = self.calls.replace(self.calls.get() + 1);
        self.faulty.contains(&call)
    }

    fn error(offset: u64) -> TargetError {
        TargetError::Io { what: "writing", offset, source: io::Error::from_raw_os_error(5) }
    }
}

impl Sectors for Faulty {
    fn write(&self, bytes: &[u8], offset: u64) -> Result<(), TargetError> {
        let at = offset as usize;
        let keep = match (self.next(), self.how) {
            (false, _) => bytes.len(),
            (true, Fault::Tears) => bytes.len() / 2,
            (true, _) => 0,
        };
        self.bytes.borrow_mut()[at..at + keep].copy_from_slice(&bytes[..keep]);
        if keep == bytes.len() || self.how == Fault::Lies { Ok(()) } else { Err(Self::error(offset)) }
    }

    fn flush(&self) -> Result<(), TargetError> {
        if self.next() && self.how != Fault::Lies { Err(Self::error(0)) } else { Ok(()) }
    }

    fn read(&self, length: usize, offset: u64) -> Result<Vec<u8>, TargetError> {
        if self.next() && self.how != Fault::Lies {
            return Err(Self::error(offset));
        }
        Ok(self.bytes.borrow()[offset as usize..offset as usize + length].to_vec())
    }

    fn path(&self) -> &'static str {
        "/dev/sdz"
    }
}
