//! What one look gives: what is wrong, what could not be seen, and what was seen.

use forge_model::audit::Finding;
use std::fmt::Display;

/// The result of a look at one promise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// What breaks the promise.
    pub faults: Vec<String>,
    /// What could not be read, and why.
    pub unread: Vec<String>,
    /// What was read, and fits.
    pub facts: Vec<String>,
}

impl Look {
    /// A look that could not be made.
    pub fn unknown(why: impl Display) -> Self {
        Self { unread: vec![why.to_string()], ..Self::default() }
    }

    /// A look that found a fault.
    pub fn failed(fault: impl Display) -> Self {
        Self { faults: vec![fault.to_string()], ..Self::default() }
    }

    /// Adds what fits.
    pub fn fact(&mut self, fact: impl Display) {
        self.facts.push(fact.to_string());
    }

    /// Adds what is wrong.
    pub fn fault(&mut self, fault: impl Display) {
        self.faults.push(fault.to_string());
    }

    /// Adds what could not be read.
    pub fn blind(&mut self, why: impl Display) {
        self.unread.push(why.to_string());
    }

    /// Adds a sentence, as a fact if it holds and as a fault if not.
    pub fn expect(&mut self, holds: bool, sentence: impl Display) {
        if holds { self.fact(sentence) } else { self.fault(sentence) }
    }

    /// Adds another look at the same promise.
    pub fn add(&mut self, other: Self) {
        self.faults.extend(other.faults);
        self.unread.extend(other.unread);
        self.facts.extend(other.facts);
    }

    /// A fault is certain whatever else was not seen; without one, everything must have been seen.
    #[must_use]
    pub fn finding(&self) -> Finding {
        match (self.faults.is_empty(), self.unread.is_empty()) {
            (false, _) => Finding::Fail,
            (true, false) => Finding::CannotTell,
            (true, true) => Finding::Pass,
        }
    }

    /// Everything, the worst first.
    #[must_use]
    pub fn evidence(&self) -> Vec<String> {
        [&self.faults[..], &self.unread, &self.facts].concat()
    }
}
