//! Sectors past the page cache: written alone, and read from the disk itself.
//!
//! Through the page cache the kernel writes whole pages, 4 KiB, and with them the neighbours of a sector that was changed;
//! and a read can come from memory. Direct I/O (open(2), `O_DIRECT`) does neither.

use super::{Target, TargetError};
use crate::{
    image::Buffer,
    watch::{Outcome, Watch},
};
use rustix::{
    fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl},
    io::Errno,
};
use std::{io, num::NonZero, os::unix::fs::FileExt};

/// What the kernel keeps in memory as one piece.
const PAGE: u64 = 4096;

impl Target {
    /// Writes whole sectors in one call, and nothing beside them.
    ///
    /// A file on a file system that refuses that is written through the page cache; it has no neighbours below a page
    /// that anybody else writes.
    pub(crate) fn write_sectors(&self, bytes: &[u8], offset: u64) -> Result<(), TargetError> {
        let mut aligned = Buffer::new(bytes.len());
        aligned.copy_from_slice(bytes);
        let failed = |source| TargetError::Io { what: "writing", offset, source };
        match self.directly(|| self.file.write_all_at(&aligned, offset)) {
            Err(error) if is_refused(&error) => self.write(bytes, offset),
            ended => ended.map_err(failed),
        }
    }

    /// Makes a range of whole sectors read as zeros, where neighbours begin in the same pages: parts of a page are written
    /// past the page cache, and nothing beside them.
    pub(crate) fn zero_alone(&self, offset: u64, len: u64, watch: &dyn Watch) -> Result<Outcome<()>, TargetError> {
        if self.device.is_none() {
            return self.zero(offset, len, watch);
        }
        let (from, to) = pages(offset, offset + len);
        for (from, to) in [(offset, from), (to, offset + len)] {
            if from < to {
                self.write_sectors(&vec![0; (to - from) as usize], from)?;
            }
        }
        self.zero(from, to - from, watch)
    }

    /// Reads whole sectors from the disk.
    pub(crate) fn read_sectors(&self, length: usize, offset: u64) -> Result<Vec<u8>, TargetError> {
        let mut aligned = Buffer::new(length);
        let failed = |source| TargetError::Io { what: "reading", offset, source };
        match self.directly(|| self.file.read_exact_at(&mut aligned, offset)) {
            Err(error) if is_refused(&error) => {
                // A page that is asked for in part is kept.
                let (from, to) = (offset / PAGE * PAGE, (offset + length as u64).next_multiple_of(PAGE));
                let _ = fadvise(&self.file, from, NonZero::new(to - from), Advice::DontNeed);
                let mut found = vec![0; length];
                self.read(&mut found, offset).map(|()| found)
            }
            ended => ended.map(|()| aligned.to_vec()).map_err(failed),
        }
    }

    /// Does something with the descriptor in direct mode. The mode belongs to the open file, so that nobody else may write
    /// through it meanwhile.
    fn directly<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let before = fcntl_getfl(&self.file)?;
        fcntl_setfl(&self.file, before | OFlags::DIRECT)?;
        let ended = act();
        fcntl_setfl(&self.file, before)?;
        ended
    }
}

/// The whole pages of a range; an empty range where there are none.
fn pages(from: u64, to: u64) -> (u64, u64) {
    let first = from.next_multiple_of(PAGE).min(to);
    (first, (to / PAGE * PAGE).max(first))
}

/// Direct I/O is not possible here: the file system has none, or wants larger pieces.
fn is_refused(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::INVAL | Errno::OPNOTSUPP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pages_of_a_range_go_through_the_page_cache() {
        for (range, whole) in [
            ((4096, 12_288), (4096, 12_288)),
            ((32_256, 40_960), (32_768, 40_960)),
            ((32_256, 41_472), (32_768, 40_960)),
            ((512, 1024), (1024, 1024)),
            ((3584, 4608), (4096, 4096)),
        ] {
            assert_eq!(pages(range.0, range.1), whole, "{range:?}");
        }
    }
}
