//! How long work tells how far it is, and learns that it should stop.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Watches one piece of work; called from several threads at once, about once for each MiB.
pub trait Watch: Sync {
    /// `bytes` more were done.
    fn advance(&self, bytes: u64);
    /// Whether the work should stop at the next safe place. Once it says yes, it always does.
    fn cancelled(&self) -> bool;
}

/// Nobody watches and nobody cancels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn advance(&self, _bytes: u64) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// A request to stop that can be made anywhere: all copies of it are one. Nobody makes it by default.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks everything that looks at this value to stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Watch for Stop {
    fn advance(&self, _bytes: u64) {}

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How work ended that did not fail: to be cancelled is an outcome, not an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome<T> {
    /// It ran to its end.
    Done(T),
    /// It was asked to stop, and stopped in the middle.
    Cancelled,
}

impl<T> Outcome<T> {
    /// The result, if the work ran to its end.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(result) => Some(result),
            Self::Cancelled => None,
        }
    }

    /// Changes the result, if there is one.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(result) => Outcome::Done(change(result)),
            Self::Cancelled => Outcome::Cancelled,
        }
    }
}
