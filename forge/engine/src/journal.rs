//! The journal on the target: says that an install was under way, and how far it came.
//!
//! It lies in the first MiB, behind the place of the partition table's entries, and goes with the commit. While it is
//! there the disk has no partition table and starts nothing.

use crate::target::{Target, TargetError};
use forge_model::{RootHash, Stage};
use serde::{Deserialize, Serialize};

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
        if target.size() < OFFSET + BYTES as u64 {
            return Ok(None);
        }
        let mut block = vec![0; BYTES];
        target.read(&mut block, OFFSET)?;
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
