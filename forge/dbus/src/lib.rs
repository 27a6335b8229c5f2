//! The wire between Forge's programs and its privileged helper, defined once for both ends.
//!
//! ```text
//! client                       helper
//! Forge::prepare(disk,answers) Manager.Prepare   -> a job that waits, with its plan and digest
//! Job::updates()               Job, properties   subscribed before anything runs
//! Job::run(digest)             Job.Run           plans again, refuses another digest
//! Job::handover()              Job.Handover      receipt and credentials; Close forgets them
//! Forge::machine()             Manager.Machine   on an installed system: firmware, and how far the enrollment is
//! Forge::enroll()              Manager.Enroll    asks once more; a fresh code in a sealed file
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | [`manager`], [`job`] | the two interfaces; each definition makes server and proxy |
//! | [`backend`] | what the helper puts behind them |
//! | [`status`] | how far a job is, and how it ended |
//! | [`sealed`] | answers and secrets as sealed files in memory |
//! | [`error`] | every refusal, with a name that survives the wire |
//! | [`client`] | the other end, for `forgectl` and `forge` |
//!
//! Documents ([`Inventory`](forge_model::Inventory), [`Plan`](forge_model::Plan), [`Issue`](forge_model::Issue)) travel as
//! the same JSON that `forgectl` prints. No message body holds a secret.

pub mod backend;
pub mod client;
pub mod error;
pub mod job;
pub mod manager;
pub mod sealed;
pub mod status;

pub use error::Error;

/// The helper's bus name.
pub const NAME: &str = "org.intergenos.Forge1";
/// Where its manager is.
pub const PATH: &str = "/org/intergenos/Forge1";

/// What polkit is asked.
pub mod action {
    /// Look at disks and payload, and make plans.
    pub const INSPECT: &str = "org.intergenos.Forge1.inspect";
    /// Erase a disk and install on it.
    pub const INSTALL: &str = "org.intergenos.Forge1.install";
    /// Measure the posture of this machine.
    pub const AUDIT: &str = "org.intergenos.Forge1.audit";
    /// Ask shim to enroll the key of this machine.
    pub const ENROLL: &str = "org.intergenos.Forge1.enroll";
    /// Add proprietary firmware to this machine, or take it away.
    pub const FIRMWARE: &str = "org.intergenos.Forge1.firmware";
    /// Cancel or close a job that somebody else began.
    pub const CANCEL_OTHER: &str = "org.intergenos.Forge1.cancel-other";
}
