//! The journal on the target: says that an install was under way, and how far it came.
//!
//! It lies in the first MiB, behind the place of the partition table's entries, and goes with the commit. While it is
//! there the disk has no partition table and starts nothing.

use crate::target::{self, Target, TargetError};
use forge_model::{RootHash, Stage};
use serde::{Deserialize, Serialize};
use std::{fs::File, io, os::unix::fs::FileExt};

/// Where the journal lies: behind every primary partition table, before the first partition.
const OFFSET: u64 = 512 << 10;
const BYTES: usize = 4096;
const MAGIC: &str = "Forge install journal 1";

/// One entry; each one replaces the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    magic: String,
    /// The stage that was reached.
    pub stage: Stage,
    /// The image that is being installed.
    pub root_hash: RootHash,
    /// Where slot A of the image lies.
    pub data_offset: u64,
    /// Where its tree lies.
    pub tree_offset: u64,
}

impl Journal {
    /// An entry for this image at these places.
    pub fn new(stage: Stage, root_hash: RootHash, data_offset: u64, tree_offset: u64) -> Self {
        Self { magic: MAGIC.into(), stage, root_hash, data_offset, tree_offset }
    }

    /// Reads the journal of a run that did not end, if there is one.
    pub fn read(target: &Target) -> Result<Option<Self>, TargetError> {
        let read = |source| TargetError::Io { what: "reading", offset: OFFSET, source };
        Self::find(target.file()).map_err(read)
    }

    /// The same, from a disk or file that is only read.
    pub fn find(disk: &File) -> io::Result<Option<Self>> {
        if target::size_of(disk)? < OFFSET + BYTES as u64 {
            return Ok(None);
        }
        let mut block = vec![0; BYTES];
        disk.read_exact_at(&mut block, OFFSET)?;
        let end = block.iter().position(|b| *b == 0).unwrap_or(BYTES);
        Ok(serde_json::from_slice(&block[..end]).ok().filter(|j: &Self| j.magic == MAGIC))
    }

    /// Writes this entry and waits until it is on the disk.
    pub fn write(&self, target: &Target) -> Result<(), TargetError> {
        let mut block = serde_json::to_vec(self).unwrap_or_default();
        block.resize(BYTES, 0);
        target.write(&block, OFFSET)?;
        target.sync()
    }

    /// Whether the image of this run is the one that a new run wants, at the same places.
    pub fn is_for(&self, other: &Self) -> bool {
        (self.root_hash, self.data_offset, self.tree_offset) == (other.root_hash, other.data_offset, other.tree_offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    #[test]
    fn a_journal_is_found_through_a_descriptor_that_can_only_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let find = || Journal::find(&File::open(file.path()).unwrap()).unwrap();
        for size in [0, OFFSET, OFFSET + BYTES as u64] {
            file.as_file().set_len(size).unwrap();
            assert_eq!(find(), None, "{size} bytes");
        }
        let target = Target::open_file(file.path()).unwrap();
        let journal = Journal::new(Stage::Write, "11".repeat(32).parse().unwrap(), 1, 2);
        journal.write(&target).unwrap();
        assert_eq!(find().as_ref(), Some(&journal));
        assert_eq!(Journal::read(&target).unwrap(), Some(journal));
        target.write(&[0xa5; BYTES], OFFSET).unwrap();
        assert_eq!(find(), None);
    }
}
