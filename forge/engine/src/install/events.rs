//! Progress and cancel of a whole run, and of one stage of it.

use crate::watch::Watch;
use forge_model::{Progress, Stage};
use std::sync::{Mutex, PoisonError};

/// Hears how far a run is, and says whether it is to stop.
pub trait Events: Sync {
    /// Called at each stage's start, and as its bytes are done.
    fn progress(&self, progress: Progress);

    /// Whether to stop; asked at least between any two blocks of work, and no more once the commit has begun.
    fn cancelled(&self) -> bool;
}

/// Counts the bytes of one stage and passes them on.
pub(super) struct Meter<'a> {
    events: &'a dyn Events,
    stage: Stage,
    total: u64,
    done: Mutex<u64>,
}

impl<'a> Meter<'a> {
    /// Tells that a stage begins, of `total` bytes or of none that are counted.
    pub(super) fn begin(events: &'a dyn Events, stage: Stage, total: u64) -> Self {
        events.progress(Progress { stage, done: 0, total });
        Self { events, stage, total, done: Mutex::new(0) }
    }
}

impl Watch for Meter<'_> {
    fn advance(&self, bytes: u64) {
        // Held while it is told, so that the number never falls however many threads advance.
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done += bytes;
        self.events.progress(Progress { stage: self.stage, done: (*done).min(self.total), total: self.total });
    }

    fn cancelled(&self) -> bool {
        self.events.cancelled()
    }
}
