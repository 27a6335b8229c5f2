//! What the firmware of a machine says about its boot chain, and how far the enrollment of its key is.

use serde::{Deserialize, Serialize};

/// What a running machine says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The firmware and its variables; nothing where the machine was not started by UEFI.
    pub firmware: Option<Firmware>,
    /// How far the enrollment of this machine's key is.
    pub enrollment: Enrollment,
    /// The certificate that is, or is to be, enrolled; nothing where this machine has none.
    pub key: Option<Key>,
}

/// The facts that the firmware's variables give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firmware {
    /// Whether the firmware checks what it starts.
    pub secure_boot: SecureBoot,
    /// Whether shim checks, too: `mokutil --disable-validation` turns that off.
    pub shim_validates: bool,
    /// Whether variables can be written.
    pub writable: bool,
    /// Bytes that are free in the firmware's store, where it says so.
    pub free: Option<u64>,
}

/// Whether the firmware checks what it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecureBoot {
    /// It refuses what no known key has signed.
    On,
    /// It checks nothing.
    Off,
    /// It has no platform key: it checks nothing, and anybody may enroll one.
    SetupMode,
}

/// How far the enrollment of this machine's key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enrollment {
    /// shim knows the key, and Secure Boot is on.
    Enforced,
    /// shim knows the key, and Secure Boot is off.
    Enrolled,
    /// A request waits for the next start.
    Pending,
    /// shim does not know the key, and no request waits: it was missed, or answered wrongly three times.
    Lost,
    /// This machine has no key of its own that could be read.
    Unknown,
}

/// The certificate of a key, as MokManager and a person see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its subject.
    pub subject: String,
    /// What MokManager shows, as lower-case hexadecimal digits.
    pub sha1: String,
    /// As lower-case hexadecimal digits.
    pub sha256: String,
}
