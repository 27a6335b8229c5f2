//! Progress as data: ids and numbers, which a program turns into words.

use serde::{Deserialize, Serialize};

/// The stages of an install, in the order in which they run (design.md section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Partitions are made smaller, each by the tool of its file system: only where the plan says so, and before anything
    /// else. It is none of [`Stage::ALL`].
    Shrink,
    /// Payload, plan and target are checked; nothing is written yet.
    Check,
    /// Keys, accounts, boot files and file systems are made in memory; nothing is written yet.
    Prepare,
    /// The old partition table and boot sectors go.
    Claim,
    /// The system image is written, each block checked first.
    Write,
    /// The root hash is computed again from the disk.
    Prove,
    /// The state and the boot files are written.
    Fill,
    /// The partition table and the last sector that makes the disk bootable.
    Commit,
    /// The receipt is signed and handed over.
    Receipt,
}

impl Stage {
    /// The stages of every install, in order.
    pub const ALL: [Self; 8] =
        [Self::Check, Self::Prepare, Self::Claim, Self::Write, Self::Prove, Self::Fill, Self::Commit, Self::Receipt];

    /// The id that progress lines, the journal and the wire use.
    pub fn id(self) -> &'static str {
        match self {
            Self::Shrink => "shrink",
            Self::Check => "check",
            Self::Prepare => "prepare",
            Self::Claim => "claim",
            Self::Write => "write",
            Self::Prove => "prove",
            Self::Fill => "fill",
            Self::Commit => "commit",
            Self::Receipt => "receipt",
        }
    }

    /// The stage with this id.
    pub fn from_id(id: &str) -> Option<Self> {
        [Self::Shrink].into_iter().chain(Self::ALL).find(|stage| stage.id() == id)
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The stage that runs now.
    pub stage: Stage,
    /// Bytes done in this stage; never falls within a stage.
    pub done: u64,
    /// Bytes in this stage, or 0 when it has no such measure.
    pub total: u64,
}
