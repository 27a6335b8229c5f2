//! What the firmware of a machine says about its boot chain, and how far the enrollment of its key is.

use crate::MachineFacts;
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
    /// Which machine it is.
    #[serde(default)]
    pub dmi: MachineFacts,
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

/// The firmware that was found, held against the boot chain that would be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// What the firmware says.
    #[serde(flatten)]
    pub firmware: Firmware,
    /// Everything for which this firmware, or shim under it, would refuse to start the chain.
    pub faults: Vec<ChainFault>,
}

/// A file of the boot chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootFile {
    /// What the firmware starts.
    Shim,
    /// What shim starts to enroll a key.
    MokManager,
    /// What shim starts to make a lost boot entry again.
    Fallback,
    /// What shim starts.
    Grub,
}

/// Why a firmware would not start a boot chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum ChainFault {
    /// Nobody has signed it.
    NotSigned {
        /// The file.
        file: BootFile,
    },
    /// No authority that the firmware knows has signed it.
    UnknownAuthority {
        /// The file.
        file: BootFile,
        /// Who did sign it.
        signed_by: Vec<String>,
        /// Whom the firmware knows.
        known: Vec<String>,
    },
    /// The image itself is revoked.
    RevokedImage {
        /// The file.
        file: BootFile,
        /// Its Authenticode SHA-256, in hexadecimal digits.
        sha256: String,
    },
    /// A certificate that signed it is revoked.
    RevokedCertificate {
        /// The file.
        file: BootFile,
        /// The certificate's subject.
        subject: String,
    },
    /// A part of it is of a generation that is revoked (SBAT).
    RevokedGeneration {
        /// The file.
        file: BootFile,
        /// The part.
        component: String,
        /// The generation that it has.
        has: u32,
        /// The lowest generation that is let through.
        needs: u32,
    },
    /// It does not say its generations (SBAT), and shim starts nothing that does not.
    NoGeneration {
        /// The file.
        file: BootFile,
    },
    /// It is no EFI image.
    NoImage {
        /// The file.
        file: BootFile,
    },
}

/// Why the request to enroll the key can not be left in the firmware. The person enrolls the key from disk then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum ByHand {
    /// The machine was not started by UEFI, or its variables do not show.
    NoFirmware,
    /// Its variables can only be read.
    ReadOnly,
    /// They have no room for the request.
    NoRoom,
}

/// The bytes that a boot entry and a request need in a firmware's store, with room for how it keeps them.
pub const STAGING_BYTES: u64 = 4096;

impl Firmware {
    /// What stands against leaving a request in this firmware, as far as it can be known before it is tried.
    pub fn by_hand(&self) -> Option<ByHand> {
        match self.free {
            _ if !self.writable => Some(ByHand::ReadOnly),
            Some(free) if free < STAGING_BYTES => Some(ByHand::NoRoom),
            _ => None,
        }
    }
}

/// What was left in the firmware.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// The boot entry. Without one the firmware starts the disk by its removable path, and fallback makes it again; but
    /// where [that path is another's](crate::Receipt::starts_only_by_entry), nothing does.
    pub boot_entry: Staging,
    /// The request to enroll the key.
    pub request: Staging,
}

impl Staged {
    /// Nothing was to be left: a plain file was written, or there is no UEFI.
    pub const NOT_HERE: Self = Self { boot_entry: Staging::NotHere, request: Staging::NotHere };
}

impl Default for Staged {
    fn default() -> Self {
        Self::NOT_HERE
    }
}

/// How one thing that was to be left in the firmware went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "staging", rename_all = "kebab-case")]
pub enum Staging {
    /// It is there, and was read back.
    Done,
    /// There is no firmware to leave it in: a plain file was written, or the machine was not started by UEFI.
    NotHere,
    /// It is not there, and nothing of it is left.
    Failed {
        /// Why, for programs.
        fault: StagingFault,
        /// The system's own words, in English: details, not the sentence.
        details: String,
    },
}

/// Why something could not be left in the firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StagingFault {
    /// The firmware's variables can only be read.
    ReadOnly,
    /// They have no room.
    NoRoom,
    /// The firmware did not give back what was written.
    Differs,
    /// The firmware, or the system, refused for another reason.
    Refused,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firmware(writable: bool, free: Option<u64>) -> Firmware {
        Firmware { secure_boot: SecureBoot::On, shim_validates: true, writable, free }
    }

    #[test]
    fn a_store_that_says_nothing_of_its_room_is_tried_and_a_full_or_closed_one_is_not() {
        assert_eq!(firmware(true, None).by_hand(), None);
        assert_eq!(firmware(true, Some(STAGING_BYTES)).by_hand(), None);
        assert_eq!(firmware(true, Some(STAGING_BYTES - 1)).by_hand(), Some(ByHand::NoRoom));
        assert_eq!(firmware(false, None).by_hand(), Some(ByHand::ReadOnly));
    }

    #[test]
    fn what_was_found_arrives_as_it_was_sent() {
        let file = BootFile::Shim;
        let faults = vec![
            ChainFault::NotSigned { file },
            ChainFault::RevokedGeneration { file, component: "shim".into(), has: 3, needs: 4 },
        ];
        let sent = Preflight { firmware: firmware(true, Some(7)), faults };
        let json = serde_json::to_string(&sent).unwrap();
        assert!(json.contains("\"fault\":\"revoked-generation\",\"file\":\"shim\""), "{json}");
        assert_eq!(serde_json::from_str::<Preflight>(&json).unwrap(), sent);
        let staged = Staged {
            boot_entry: Staging::Done,
            request: Staging::Failed { fault: StagingFault::NoRoom, details: "x".into() },
        };
        let json = serde_json::to_string(&staged).unwrap();
        assert_eq!(serde_json::from_str::<Staged>(&json).unwrap(), staged);
    }
}
