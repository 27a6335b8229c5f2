//! The system image on its way to the target, and the proof that it arrived.
//!
//! - [`write()`]: every block is compared with the [`Trusted`](crate::verity::Trusted) tree before it
//!   is written; then the tree itself.
//! - [`read_back`]: the root hash, computed again from what the target holds.
//! - [`check`]: the first half of a write alone, to judge a payload without a target.
//!
//! All three run on every core, and go past the page cache where the target allows it.
mod buffer;
mod error;
mod read_back;
mod target;
mod write;

pub(crate) use buffer::Buffer;
pub use error::{ImageError, Place};
pub use read_back::read_back;
pub use write::{check, reserve, write};

use crate::verity::{LEAF_SPAN, workers};

/// Leaf blocks over one piece of data.
const PIECE_LEAVES: usize = 8;
/// Bytes that one thread reads, checks and writes at a time: 4 MiB.
const PIECE: usize = PIECE_LEAVES * LEAF_SPAN;

/// More threads than cores, so that the disk works while the cores hash; few enough for memory.
fn threads() -> usize {
    (2 * workers::cores()).clamp(4, 8)
}
