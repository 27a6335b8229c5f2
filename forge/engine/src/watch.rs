//! How long work tells how far it is, and learns that it should stop.

/// Watches one piece of work; called from several threads at once, about once for each MiB.
pub trait Watch: Sync {
    /// `bytes` more were done.
    fn advance(&self, bytes: u64);
    /// Whether the work should stop at the next safe place.
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
