//! The dm-verity hash tree: made from an image, and checked before it is believed.
//!
//! On disk (format of cryptsetup, `veritysetup`): one superblock in a block of its own, then the
//! levels from the top down to the leaf level. A leaf block holds the hashes of 128 data blocks, a
//! block of the next level those of 128 leaf blocks, and so on. The hash of the one block of the
//! top level is the root hash. Every hash is SHA-256 over the salt and then the block.
//!
//! - [`Parameters`]: what a tree depends on beside the data; read from and written as a superblock.
//! - [`Shape`]: where each level lies.
//! - [`build`]: data to tree and [`RootHash`].
//! - [`Trusted`]: a tree that was found to lead to the root hash that was signed.
mod build;
mod error;
mod hash;
mod parameters;
mod trusted;
pub(crate) mod workers;

pub use build::build;
pub(crate) use build::{head, length};
pub use error::VerityError;
pub use forge_model::verity::{BLOCK, FAN_OUT, HASH, Level, RootHash, Shape};
pub(crate) use hash::Hasher;
pub use parameters::{MAX_DATA_BLOCKS, Parameters, SuperblockError};
pub use trusted::Trusted;

/// Bytes of data under one leaf block: 512 KiB.
pub(crate) const LEAF_SPAN: usize = BLOCK * FAN_OUT;
