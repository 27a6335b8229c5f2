//! What can be wrong with a tree.
use std::io;

use super::{RootHash, SuperblockError};

/// Why a tree was not made, or is not believed.
#[derive(Debug, thiserror::Error)]
pub enum VerityError {
    /// The superblock or the parameters are not ones that Forge takes.
    #[error(transparent)]
    Superblock(#[from] SuperblockError),
    /// The superblock is in order, but is not the one that was signed.
    #[error("the superblock of the hash tree differs from the signed salt, size or UUID")]
    OtherSuperblock,
    /// The data is not as long as the parameters say.
    #[error("the image has {found} bytes, {wanted} are expected")]
    DataLength {
        /// Its length in bytes.
        found: u64,
        /// The expected length in bytes.
        wanted: u64,
    },
    /// The tree ends too early.
    #[error("the hash tree has {found} bytes, {wanted} are needed")]
    ShortTree {
        /// Its length in bytes.
        found: u64,
        /// The length that is needed, in bytes.
        wanted: u64,
    },
    /// The tree leads to another root hash.
    #[error("the hash tree leads to the root hash {found}, {wanted} is signed")]
    WrongRoot {
        /// What its top block hashes to.
        found: RootHash,
        /// What was signed.
        wanted: RootHash,
    },
    /// One block of the tree is not what the level above says.
    #[error("block {block} of level {level} of the hash tree (byte {offset}) does not match the level above")]
    TreeBlock {
        /// The level; 0 holds the hashes of data blocks.
        level: usize,
        /// The block, counted in its level.
        block: u64,
        /// Where it begins, in bytes from the superblock.
        offset: u64,
    },
    /// The image could not be read.
    #[error("cannot read the image at byte {offset}")]
    ReadData {
        /// Where reading began.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The tree could not be read.
    #[error("cannot read the hash tree at byte {offset}")]
    ReadTree {
        /// Where reading began.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The tree could not be written.
    #[error("cannot write the hash tree at byte {offset}")]
    WriteTree {
        /// Where writing began.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
}
