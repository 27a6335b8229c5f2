//! The privileged side on a real bus, with the real polkit, udev and UDisks2, each test in a private system of its own.
//!
//! - [`harness`]: the private system itself: drives, who may open them, what keeps them from being taken, what is left behind
//! - [`agent`]: polkit's questions and their answers
//! - [`cancel`]: a job that is asked to stop, and who may ask; one job at a time
//! - [`death`]: a client or the helper that dies in the middle; the handover that waits
//! - [`refused`]: disks that are not taken, and disks that fail

mod agent;
mod bench;
mod cancel;
mod death;
mod harness;
mod install;
mod refused;
