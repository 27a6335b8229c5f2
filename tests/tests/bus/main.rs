//! The privileged side on a real bus, with the real polkit, udev and UDisks2, each test in a private system of its own.
//!
//! - [`harness`]: the private system itself: drives, who may open them, what keeps them from being taken, what is left behind
//! - [`agent`]: polkit's questions and their answers

mod agent;
mod bench;
mod harness;
mod install;
