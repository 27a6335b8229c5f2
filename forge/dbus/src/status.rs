//! How far a job is, and how it ended.

use forge_model::{OldTable, Receipt, Stage, machine::Staged};
use serde::{Deserialize, Serialize};

/// The life of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has a plan, and waits to be run.
    Prepared,
    /// It runs.
    Running,
    /// It was asked to stop, and stops at the next safe place.
    Cancelling,
    /// It ended: [`Outcome`] tells how.
    Finished,
}

impl State {
    /// The id on the wire.
    pub fn id(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Finished => "finished",
        }
    }

    /// The state with this id.
    pub fn from_id(id: &str) -> Option<Self> {
        [Self::Prepared, Self::Running, Self::Cancelling, Self::Finished].into_iter().find(|state| state.id() == id)
    }
}

/// Where a running job is.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, zbus::Type, zbus::Variant, zbus::wire::OwnedVariant,
)]
pub struct Progress {
    /// Id of the stage; empty before the first one.
    pub stage: String,
    /// Bytes done in this stage; never falls within a stage.
    pub done: u64,
    /// Bytes in this stage, or 0 when it has no such measure.
    pub total: u64,
    /// Bytes a second, smoothed, or 0 when unknown.
    pub rate: u64,
    /// Seconds until this stage is done, or -1 when unknown.
    pub left: i64,
}

impl Progress {
    /// The stage, if one has begun.
    pub fn stage(&self) -> Option<Stage> {
        Stage::from_id(&self.stage)
    }
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It is installed.
    Installed {
        /// The proof.
        receipt: Box<Receipt>,
        /// Whether the new partitions were seen by the system afterwards.
        partitions_seen: bool,
        /// What was left in the firmware that will start the disk.
        #[serde(default)]
        staged: Staged,
    },
    /// It was cancelled.
    Cancelled {
        /// The stage in which it stopped.
        stage: Stage,
        /// Whether anything was written; then the disk starts nothing now.
        written: bool,
        /// The partitions that were made smaller before. `written` says nothing of them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        smaller: Vec<Smaller>,
    },
    /// It failed.
    Failed(Failure),
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure, for programs: `disk-busy`, `payload`, …
    pub kind: String,
    /// The stage in which it failed.
    pub stage: Stage,
    /// Whether anything was written; then the disk starts nothing now.
    pub written: bool,
    /// The engine's own words, in English: details, not the sentence.
    pub details: String,
    /// The partitions that were made smaller before, or were to be when it failed. `written` says nothing of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub smaller: Vec<Smaller>,
    /// The partition table of others, where they stay on the disk; a disk that is taken as a whole has none any more.
    #[serde(default)]
    pub table: OldTable,
}

/// What became of a partition that was to be made smaller. One that is as it was is not told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smaller {
    /// Its number in the table.
    pub number: u32,
    /// Its length in bytes before.
    pub before: u64,
    /// The length that it was to have.
    pub wanted: u64,
    /// How far that came.
    pub reached: Reached,
}

/// How far a partition was made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// The tool of its file system began and did not come to its end: the file system needs its own check.
    Begun,
    /// The file system is smaller and in order; the partition has its old length. Everything works as before, and the same
    /// tool makes the file system as large as the partition again.
    FileSystem,
    /// File system and partition are smaller, and in order.
    Partition,
}
