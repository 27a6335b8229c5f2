//! Where an image goes, and what can go wrong on the way.
use std::io;

use crate::verity::{BLOCK, Parameters, VerityError};

/// Where image and tree lie on the target, in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where the image begins.
    pub data: u64,
    /// Where the superblock of the tree begins.
    pub tree: u64,
}

impl Place {
    /// Refuses offsets inside a block, and two areas that overlap.
    pub(super) fn check(&self, parameters: &Parameters) -> Result<(), ImageError> {
        let wrong = ImageError::Place { data: self.data, tree: self.tree };
        let aligned = (self.data | self.tree).is_multiple_of(BLOCK as u64);
        let data_end = self.data.checked_add(parameters.data_bytes());
        let tree_end = self.tree.checked_add(parameters.tree_bytes());
        match (data_end, tree_end) {
            (Some(data_end), Some(tree_end))
                if aligned
                    && data_end.max(tree_end) <= i64::MAX as u64
                    && (data_end <= self.tree || tree_end <= self.data) =>
            {
                Ok(())
            }
            _ => Err(wrong),
        }
    }
}

/// Why an image was not written, or not proved.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The places of image and tree cannot be used.
    #[error("image at byte {data} and hash tree at byte {tree} overlap or are not at multiples of {BLOCK}")]
    Place {
        /// Where the image was to begin.
        data: u64,
        /// Where the tree was to begin.
        tree: u64,
    },
    /// The source ends too early.
    #[error("the image has {found} bytes, {wanted} are needed")]
    ShortSource {
        /// Its length in bytes.
        found: u64,
        /// The length that is needed, in bytes.
        wanted: u64,
    },
    /// A block of the source is not the one that was signed. It was not written.
    #[error("block {block} of the image (byte {offset}) is not the block that was signed")]
    SourceBlock {
        /// The block, counted from 0.
        block: u64,
        /// Where it begins in the image, in bytes.
        offset: u64,
    },
    /// The tree of the payload is not the one that was signed, or cannot be read.
    #[error(transparent)]
    Tree(#[from] VerityError),
    /// The source could not be read.
    #[error("cannot read the image at byte {offset}")]
    ReadSource {
        /// Where reading began, in the image.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The target is full, or ends here.
    #[error("the target has no room left at byte {offset}")]
    NoSpace {
        /// Where writing began, on the target.
        offset: u64,
    },
    /// The target could not be written.
    #[error("cannot write the target at byte {offset}")]
    WriteTarget {
        /// Where writing began, on the target.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The target could not be made to keep what was written.
    #[error("the target did not confirm what was written")]
    Sync(#[source] io::Error),
    /// The target could not be read.
    #[error("cannot read the target at byte {offset}")]
    ReadTarget {
        /// Where reading began, on the target.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The target ends inside the image or the tree.
    #[error("the target ends before the block at byte {offset}")]
    ShortTarget {
        /// Where reading began, on the target.
        offset: u64,
    },
    /// A block of the image on the target does not match the tree on the target.
    #[error("block {block} of the image on the target (byte {offset}) does not match its hash")]
    TargetBlock {
        /// The block, counted from 0.
        block: u64,
        /// Where it begins on the target, in bytes.
        offset: u64,
    },
    /// A block of the tree on the target is not the hash of what lies below it.
    #[error("block {block} of level {level} of the hash tree on the target (byte {offset}) is wrong")]
    TargetTreeBlock {
        /// The level; 0 holds the hashes of data blocks.
        level: usize,
        /// The block, counted in its level.
        block: u64,
        /// Where it begins on the target, in bytes.
        offset: u64,
    },
    /// The superblock on the target is not the expected one.
    #[error("the superblock of the hash tree on the target (byte {offset}) is wrong")]
    TargetSuperblock {
        /// Where it begins on the target, in bytes.
        offset: u64,
    },
}
