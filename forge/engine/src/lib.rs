//! Does a plan.
pub mod image;
pub mod verity;
pub mod watch;
