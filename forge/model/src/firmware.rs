//! Optional proprietary firmware: what a payload carries, what was chosen, and by whom.
//!
//! | file | what it holds |
//! |---|---|
//! | `firmware` | the words |
//! | `wanted` | which devices want which bundle |
//! | `accepted` | the bundles that answers name |

mod accepted;
mod wanted;

pub(crate) use accepted::{answers, chosen};
pub use wanted::{Wanted, is_pattern, missed, wanted};

use crate::{payload::Entry, verity::RootHash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Firmware of one vendor for one kind of device, sealed: a system extension image of systemd with erofs and dm-verity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Its name: lower-case letters, digits and `-`. The image is `firmware-NAME.raw`, its extension-release the same.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Who made the files.
    pub vendor: String,
    /// What it is for.
    pub kind: Kind,
    /// Under which terms it may be passed on.
    pub licence: Licence,
    /// The image: GPT, erofs, dm-verity.
    pub image: Entry,
    /// The root hash of its file system.
    pub root_hash: RootHash,
    /// The files, below `/usr/lib/firmware`.
    pub files: Vec<BundledFile>,
    /// Patterns of the modaliases of devices that want it, as in `modules.alias`.
    pub modaliases: Vec<String>,
    /// What does not work without it, for people.
    pub without: String,
    /// What has to be there before the root is mounted: a cpio archive, for an addon of the boot image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early: Option<Entry>,
}

/// What a bundle is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Wireless networks.
    WiFi,
    /// Bluetooth.
    Bluetooth,
    /// Wired networks.
    Ethernet,
    /// Graphics cards.
    Graphics,
    /// Sound.
    Sound,
    /// Cameras.
    Camera,
    /// Disks and their controllers.
    Storage,
    /// Microcode: changes how the processor itself works.
    Processor,
    /// Something else.
    Other,
}

/// The terms of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// An SPDX id, or `LicenseRef-NAME` for one that SPDX does not list.
    pub id: String,
    /// Its text.
    pub text: Entry,
}

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledFile {
    /// Its path below `/usr/lib/firmware`.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// A device of a machine, as far as firmware goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// What the kernel calls it, from sysfs: `pci:v00008086d00002723…`.
    pub modalias: String,
    /// Its name for people, where the hardware database knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The driver that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Files that the kernel asked for in vain, on its behalf.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<String>,
}

/// A bundle that a person accepts, in the answers: the name and exactly which image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FirmwareAnswer {
    /// The bundle's name.
    pub bundle: String,
    /// SHA-256 of its image, as `forgectl firmware list` and the manifest name it.
    #[serde(deserialize_with = "accepted::sha256")]
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
}

/// A bundle that will be installed; part of what is confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The bundle's name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Who made the files.
    pub vendor: String,
    /// Id of its licence.
    pub licence: String,
    /// SHA-256 of its image.
    pub sha256: String,
    /// The root hash of its file system.
    pub root_hash: RootHash,
    /// Whether a part of it goes beside the boot image, too.
    pub early: bool,
}

/// Who accepted a bundle, and when. Each bundle on an installed system has one, signed by the machine's boot key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// What was accepted.
    #[serde(flatten)]
    pub bundle: Chosen,
    /// The user name of the person who accepted it.
    pub by: String,
    /// When, in seconds since 1970 (UTC).
    pub at: u64,
    /// The files of it, below `/usr/lib/firmware`: what else lies there was not accepted.
    pub files: Vec<BundledFile>,
}

/// Whether this can be a bundle's name: 1 to 64 lower-case letters, digits and `-`, a letter first.
///
/// It is part of file names, of a name on FAT, and of the name of a system extension.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=64).contains(&name.len()) && name.chars().all(plain) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

impl Bundle {
    /// What a plan names of it.
    pub fn chosen(&self) -> Chosen {
        Chosen {
            name: self.name.clone(),
            title: self.title.clone(),
            vendor: self.vendor.clone(),
            licence: self.licence.id.clone(),
            sha256: self.image.sha256.clone(),
            root_hash: self.root_hash,
            early: self.early.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bundle of one file that no device wants.
    pub(super) fn bundle(name: &str, kind: Kind) -> Bundle {
        let entry = |path: String| Entry { path, size: 4096, sha256: "0".repeat(64) };
        Bundle {
            name: name.into(),
            title: name.into(),
            vendor: "Somebody".into(),
            kind,
            licence: Licence { id: "LicenseRef-x".into(), text: entry(format!("firmware/{name}.licence")) },
            image: entry(format!("firmware/{name}.raw")),
            root_hash: RootHash::new([7; 32]),
            files: vec![BundledFile { path: format!("{name}.bin"), size: 1, sha256: "1".repeat(64) }],
            modaliases: vec![],
            without: "Nothing works.".into(),
            early: None,
        }
    }
}
