//! The real window with the real helper, at a desk of its own: real bus, polkit, udev and UDisks2, used by keyboard and read
//! as a screen reader reads it. Each test in a private system of its own.
//!
//! - [`person`]: what a person does on each page
//! - [`install`]: an install from the first page to the last, by keyboard only; where no secret may be
//! - [`trouble`]: polkit says no, the helper dies, the disk fails
//! - [`stop`]: the person stops it, in each stage
//! - [`disks`]: disks that come, go, or are too small
//! - [`again`]: the window dies and comes back; two windows
//! - [`beside`]: beside other systems, whose file systems are real
//! - [`encryption`]: the state encrypted, and opened with what was typed and with what was kept
//! - [`firmware`]: proprietary firmware, off until a person turns it on
//! - [`guide`]: the guide at the first start
//! - [`access`]: names, order and focus on every page and in every question

mod access;
mod again;
// The helper and its payload, as the tests of the bus have them.
#[allow(dead_code)]
#[path = "../bus/bench.rs"]
mod bench;
mod beside;
#[allow(dead_code)]
#[path = "../bus/caller.rs"]
mod caller;
mod disks;
mod encryption;
#[allow(dead_code)]
#[path = "../bus/firm.rs"]
mod firm;
mod firmware;
mod guide;
mod install;
mod person;
mod real;
mod stop;
mod trouble;
