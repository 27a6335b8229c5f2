//! A system of its own for a test: real dbus-daemon, polkitd, systemd-udevd and udisksd, with loop devices as drives.
//!
//! A test calls [`system()`] with a closure. The test binary is run again for that test alone inside
//! `tests/private-system/run`, and the closure is called there. Only root can, and the daemons must be installed:
//! `cargo xtask workbench cargo test -p forge-tests --test bus`.
//!
//! - [`enter`]: the way in
//! - [`System`]: the bus as root, programs as other people, what D-Bus starts, the daemons' logs
//! - [`Person`]: who calls, and what polkit is told of them
//! - [`LoopDisk`]: a drive; [`busy`]: what keeps a drive from being taken
//! - [`Agent`]: answers polkit's questions, in place of a dialog
//! - [`Monitor`]: every byte on the bus

mod agent;
pub mod busy;
mod disk;
pub mod enter;
mod monitor;
mod person;
mod system;

pub use agent::{Agent, Answer, Asked};
pub use disk::{LoopDisk, Make};
pub use enter::system;
pub use monitor::Monitor;
pub use person::Person;
pub use system::{System, until};
