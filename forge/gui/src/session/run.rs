//! An install that goes on: how far it is, as one number.

use forge_dbus::status::Progress;
use forge_model::{Plan, Stage};

/// An install, as far as it was heard of.
#[derive(Debug, Default)]
pub struct Run {
    /// What it does.
    pub plan: Option<Box<Plan>>,
    /// How far it is.
    pub progress: Progress,
    /// Whether it was asked to stop.
    pub cancelling: bool,
}

/// What share of the whole time each stage takes, of 1000; about right for an SSD.
const SHARES: [(Stage, u64); 8] = [
    (Stage::Check, 60),
    (Stage::Prepare, 90),
    (Stage::Claim, 10),
    (Stage::Write, 540),
    (Stage::Prove, 230),
    (Stage::Fill, 50),
    (Stage::Commit, 10),
    (Stage::Receipt, 10),
];

impl Run {
    /// How far the whole install is: 0 to 1, never falling while stages follow each other.
    pub fn fraction(&self) -> f64 {
        let Some(stage) = self.progress.stage() else { return 0.0 };
        // Nobody knows how long that takes; it comes before everything.
        if stage == Stage::Shrink {
            return 0.0;
        }
        let before: u64 = SHARES.iter().take_while(|(s, _)| *s != stage).map(|(_, share)| share).sum();
        let share = SHARES.iter().find(|(s, _)| *s == stage).map_or(0, |(_, share)| *share);
        let within = match self.progress.total {
            0 => 0.0,
            total => (self.progress.done as f64 / total as f64).min(1.0),
        };
        (before as f64 + share as f64 * within) / 1000.0
    }

    /// Whether the disk still is as it was.
    pub fn is_untouched(&self) -> bool {
        self.progress.stage().is_none_or(|stage| stage < Stage::Claim)
    }

    /// Whether the commit has begun: nothing stops it any more.
    pub fn is_past_stopping(&self) -> bool {
        self.progress.stage().is_some_and(|stage| stage >= Stage::Commit)
    }

    /// Whether it can be asked to stop.
    pub fn may_cancel(&self) -> bool {
        !self.cancelling && !self.is_past_stopping()
    }
}
