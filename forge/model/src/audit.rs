//! The posture of an installed machine: each promise as a line, with the evidence that was read.

use serde::{Deserialize, Serialize};

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// When, in seconds since 1970 (UTC).
    pub measured: u64,
    /// One for each promise.
    pub lines: Vec<Line>,
}

/// One promise of the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its name, which programs turn into a sentence.
    pub check: Check,
    /// How it came out.
    pub result: Finding,
    /// What was read: a file or a command, and what it said.
    pub evidence: Vec<String>,
    /// The command with which a person checks the same.
    pub command: String,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The promise holds.
    Pass,
    /// It does not.
    Fail,
    /// It could not be measured; the evidence says why.
    CannotTell,
}

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The root file system is dm-verity over the receipt's root hash, and read-only.
    SealedRoot,
    /// The firmware enforces Secure Boot, and so does shim.
    SecureBoot,
    /// shim knows this machine's key.
    KeyEnrolled,
    /// Boot image and GRUB on the ESP are signed by it.
    BootFilesSigned,
    /// The receipt is signed by it, and the disk is as the receipt says.
    Receipt,
    /// The keys can be read by root only, and later kernels are signed with them.
    KeysPrivate,
    /// AppArmor is on, and no profile only complains.
    AppArmor,
    /// The firewall denies what comes in unless it was asked for.
    Firewall,
    /// Nothing listens beyond this machine.
    NothingListens,
    /// No account has an empty or known password, and root is locked.
    Passwords,
    /// NetworkManager runs and systemd-networkd does not.
    Network,
    /// Every service that runs is confined.
    Sandboxes,
    /// No proprietary firmware without consent.
    Firmware,
}

impl Check {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 13] = [
        Self::SealedRoot,
        Self::SecureBoot,
        Self::KeyEnrolled,
        Self::BootFilesSigned,
        Self::Receipt,
        Self::KeysPrivate,
        Self::AppArmor,
        Self::Firewall,
        Self::NothingListens,
        Self::Passwords,
        Self::Network,
        Self::Sandboxes,
        Self::Firmware,
    ];
}
