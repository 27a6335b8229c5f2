//! The parts of the helper that tests use without starting it.

pub mod udisks;
