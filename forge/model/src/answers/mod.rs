//! What is wanted: from the wizard or from an answer file (`version = 1`).
//!
//! An answer file holds no password: it names a way to make one, a hash of one, or where one is brought.
//!
//! | file | what it holds |
//! |---|---|
//! | `mod` | the answers of one machine |
//! | `disk_match` | how a disk is named |
//! | `encryption` | whether the state is encrypted |
//! | `dmi` | which machine is meant, and what is different on one of many |
//! | `unattended` | an install at which nobody sits |
//! | `parse` | the text of an answer file, and what is said about its faults |

mod disk_match;
mod dmi;
mod encryption;
mod parse;
mod unattended;

pub use disk_match::{Described, DiskMatch, Size};
pub use dmi::{Differs, FoundValue, MachineAnswers, Mismatch, Override, UserOverride};
pub use encryption::EncryptionAnswers;
pub use parse::AnswersError;
pub use unattended::{CredentialsAnswers, Exit, FromCredential, LeaveOn, Recipient, UnattendedAnswers};

use crate::firmware::FirmwareAnswer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, ops::RangeInclusive};

/// The sizes that an EFI system partition can be asked to have, in MiB.
const ESP_MIB: RangeInclusive<u32> = 64..=16384;

/// Everything that a person decides before an install.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Answers {
    /// Format of this file; 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The machine that this is for. An install at which nobody sits needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineAnswers>,
    /// What to do with the disk.
    pub disk: DiskAnswers,
    /// Whether the state is encrypted; it is not when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<EncryptionAnswers>,
    /// How the system is set.
    pub system: SystemAnswers,
    /// The first person.
    pub user: UserAnswers,
    /// Proprietary firmware that is accepted, bundle by bundle; none when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "crate::firmware::answers")]
    pub firmware: Vec<FirmwareAnswer>,
    /// An install at which nobody sits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unattended: Option<UnattendedAnswers>,
    /// What is different on single machines.
    #[serde(default, rename = "override", skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
}

/// What to do with the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DiskAnswers {
    /// Which part of the disk is used.
    #[serde(default, rename = "use", skip_serializing_if = "Way::is_whole_disk")]
    pub way: Way,
    /// Says in words that everything on the disk may go: for the whole disk, and for nothing else.
    pub erase: Option<Erase>,
    /// Which disk is meant. An install at which nobody sits needs it.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matching: Option<DiskMatch>,
    /// Whether to keep room for a second system image, which updates need.
    #[serde(default)]
    pub second_slot: SecondSlot,
    /// Size of the EFI system partition in MiB; chosen by Forge when left out.
    #[serde(default, deserialize_with = "parse::esp_mib")]
    #[schemars(range(min = *ESP_MIB.start(), max = *ESP_MIB.end()))]
    pub esp_mib: Option<u32>,
    /// The number of an EFI system partition that is there and that the new system shares: files are added to it, and
    /// nothing that is in it is changed. It gets one of its own when this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_esp: Option<u32>,
    /// With `use = "replace"`: the earlier system's state stays as it is, and its `home` is the new system's `/home`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_home: bool,
    /// With `use = "manual"`: the numbers of partitions that go, with everything in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<u32>,
    /// Partitions that are made smaller, so that there is room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shrink: Vec<Shrink>,
    /// Size of the state in MiB, which otherwise takes what is left; not with the whole disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_mib: Option<u32>,
}

/// A partition that is made smaller, by the tool of its file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Shrink {
    /// Its number in the table.
    pub number: u32,
    /// What it will have, in MiB.
    pub to_mib: u64,
}

/// Which part of the disk is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// All of it: whatever is there is lost.
    #[default]
    WholeDisk,
    /// Room that no partition has, with what is won by making others smaller: whatever is there stays.
    FreeSpace,
    /// The room of an earlier InterGenOS, which goes: its slots, its state, and its EFI system partition if nothing else is
    /// in there. Whatever else is there stays.
    Replace,
    /// Room that no partition has, and that of partitions that are named: these go, and whatever else is there stays.
    Manual,
}

impl Way {
    /// As the answer file writes it.
    pub fn id(&self) -> &'static str {
        match self {
            Self::WholeDisk => "whole-disk",
            Self::FreeSpace => "free-space",
            Self::Replace => "replace",
            Self::Manual => "manual",
        }
    }

    /// Whether everything on the disk is lost.
    pub fn is_whole_disk(&self) -> bool {
        *self == Self::WholeDisk
    }
}

/// The one way to say that a disk may be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Erase {
    /// Everything on the target disk is lost.
    #[serde(rename = "all-data-on-this-disk")]
    AllDataOnThisDisk,
}

/// Whether to make slot B.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecondSlot {
    /// Make it when the disk is large enough.
    #[default]
    IfItFits,
    /// Refuse a disk on which it does not fit.
    Yes,
    /// Leave it out.
    No,
}

/// How the system is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SystemAnswers {
    /// The name of the computer.
    pub hostname: String,
    /// A locale that the image has, such as `de_DE.UTF-8`.
    pub locale: String,
    /// A zone of the tz database, such as `Europe/Berlin`.
    pub timezone: String,
    /// The keyboard.
    pub keyboard: KeyboardAnswers,
}

/// A keyboard by its XKB names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KeyboardAnswers {
    /// XKB layout, such as `de`.
    pub layout: String,
    /// XKB variant, such as `nodeadkeys`; none when left out.
    #[serde(default)]
    pub variant: String,
}

/// The first person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UserAnswers {
    /// The login name.
    pub name: String,
    /// The name for people.
    #[serde(default)]
    pub full_name: String,
    /// Where the password comes from.
    pub password: Password,
}

/// Where a password comes from. A plain password has no place in an answer file.
#[derive(Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Password {
    /// Forge makes one and hands it over once.
    Generate {
        /// How.
        generate: Generator,
    },
    /// The password's hash, for `/etc/shadow`: yescrypt (`$y$`), SHA-512 crypt (`$6$`) or bcrypt (`$2b$`).
    Hash {
        /// The hash.
        hash: String,
    },
    /// Whoever starts the install is asked for it.
    Ask {
        /// Always true.
        #[schemars(extend("const" = true))]
        ask: bool,
    },
    /// Whoever starts the install brings it as a credential of systemd.
    Credential {
        /// The credential's name, such as `forge.password`.
        credential: String,
    },
    /// It is in a sealed file beside the answers; the passphrase that opens it comes as the credential `forge.unseal`.
    Sealed {
        /// The file's name.
        sealed: String,
    },
}

impl Answers {
    /// Every password and passphrase of one machine.
    pub fn passwords(&self) -> impl Iterator<Item = &Password> {
        std::iter::once(&self.user.password).chain(self.encryption.iter().map(|encryption| &encryption.passphrase))
    }
}

impl Password {
    /// Whether the answers do not hold it, and whoever starts the install has to bring its text.
    pub fn is_brought(&self) -> bool {
        matches!(self, Self::Ask { .. } | Self::Credential { .. } | Self::Sealed { .. })
    }
}

/// Never the hash: whoever has it can try passwords at leisure.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generate { .. } => "Generate",
            Self::Hash { .. } => "Hash(not shown)",
            Self::Ask { .. } => "Ask",
            Self::Credential { .. } => "Credential",
            Self::Sealed { .. } => "Sealed",
        })
    }
}

/// How a password is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Generator {
    /// Six words of the EFF's long list (77 bits).
    Passphrase,
}

/// The JSON Schema of an answer file.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Answers)
}
