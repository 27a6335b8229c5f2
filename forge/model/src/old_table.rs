//! What became of a partition table that others need, when an install beside them did not end well.

use serde::{Deserialize, Serialize};

/// The partition table that was there before, after an install that did not end well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OldTable {
    /// It is in force: neither of its copies was written.
    #[default]
    Untouched,
    /// It is in force: it was written in part, and what was there before was put back, and read back from the disk.
    Restored,
    /// It is in force: its first copy was not written. Its second copy was, and could not be put back.
    SecondCopyLost,
    /// The new one is in force, and no other partition was written. Files could not be added to the EFI system partition that
    /// is shared. The order of writes keeps each file that was there readable; after a failed write nobody has checked it.
    Replaced,
    /// Nobody knows: the disk did not take it back, or is gone, or the program ended before it could say.
    Unknown,
}

impl OldTable {
    /// Whether the table that was there before is known to be the one in force.
    pub fn is_in_force(self) -> bool {
        !matches!(self, Self::Unknown | Self::Replaced)
    }
}
