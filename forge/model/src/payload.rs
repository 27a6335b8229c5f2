//! The payload manifest: the signed index of what a medium carries (design.md section 6).
//!
//! A payload is a directory with `manifest.json`, its detached OpenPGP signature `manifest.json.sig`, and the files
//! that the manifest lists. Nothing outside the list is read.

mod check;

pub use check::is_firmware_path;

use crate::{
    firmware::{Bundle, Chosen},
    layout::LUKS_HEADER,
    verity::RootHash,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The index of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Format of this manifest; 1.
    pub version: u32,
    /// The system's os id: vendor directory on the ESP, entry token of `kernel-install`.
    pub id: String,
    /// The system's name, for people.
    pub name: String,
    /// The release, for people and for file names.
    pub release: String,
    /// The sealed system image.
    pub image: Image,
    /// What is needed to start it.
    pub boot: Boot,
    /// The base account files of `/etc`, without any person.
    pub accounts: Accounts,
    /// What a person can choose from.
    pub offered: Offered,
    /// Credentials that the services of this system need, made anew for each machine.
    pub credentials: Vec<Credential>,
    /// The smallest state partition, in bytes.
    pub minimum_state_bytes: u64,
    /// Proprietary firmware that a person can choose; none of it is installed otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firmware: Vec<Bundle>,
}

/// A file of the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its path in the payload directory: plain file names joined by `/`.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// The system image and its dm-verity tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The read-only file system.
    pub data: Entry,
    /// Its hash tree, with the superblock of `veritysetup`.
    pub tree: Entry,
    /// The file system's type, as `rootfstype=` takes it.
    pub file_system: String,
    /// The root hash: it stands for every bit of the image.
    pub root_hash: RootHash,
    /// The salt, in hexadecimal digits.
    pub salt: String,
    /// The superblock's UUID.
    pub uuid: Uuid,
    /// Bytes in a block of data and in a block of hashes; 4096.
    pub block_size: u32,
}

/// The files of the boot chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    /// The kernel.
    pub kernel: Entry,
    /// Its release, as `uname -r` prints it.
    pub kernel_release: String,
    /// The initial RAM disk.
    pub initrd: Entry,
    /// The command line, without what is known only on the target.
    pub command_line: String,
    /// The image's `os-release`, for the UKI.
    pub os_release: Entry,
    /// The Microsoft-signed shim.
    pub shim: Entry,
    /// MokManager, signed by the key that shim carries.
    pub mok_manager: Entry,
    /// The fallback loader, signed by the key that shim carries.
    pub fallback: Entry,
    /// GRUB with SBAT and its configuration inside, to be signed on the target.
    pub grub: Entry,
}

/// The account files that every installed system starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// `/etc/passwd`
    pub passwd: Entry,
    /// `/etc/group`
    pub group: Entry,
    /// `/etc/shadow`
    pub shadow: Entry,
    /// `/etc/gshadow`
    pub gshadow: Entry,
    /// `/etc/subuid`
    pub subuid: Entry,
    /// `/etc/subgid`
    pub subgid: Entry,
    /// The login shell of a person.
    pub shell: String,
    /// Groups that the first person joins besides their own.
    pub groups: Vec<String>,
}

/// What the image can be set to; everything else would fail on the installed machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offered {
    /// Locale names as `locale -a` takes them, such as `de_DE.UTF-8`.
    pub locales: Vec<String>,
    /// Keyboards with their console keymap.
    pub keyboards: Vec<Keyboard>,
    /// Time zones of the tz database.
    pub timezones: Vec<String>,
}

/// A keyboard layout by its XKB name, with the console keymap that matches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keyboard {
    /// XKB layout, such as `de`.
    pub layout: String,
    /// XKB variant, or empty.
    pub variant: String,
    /// `KEYMAP=` of vconsole.conf(5).
    pub keymap: String,
}

/// A credential that a service of the image expects in `/etc/credstore` (systemd.exec(5), `ImportCredential=`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Its name there.
    pub name: String,
    /// How it is made.
    pub kind: CredentialKind,
    /// Random bytes that go into it; 16 at least.
    pub bytes: u32,
    /// The unit that reads it, for people.
    pub unit: String,
}

/// The form of a generated credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// Hexadecimal digits.
    Hex,
}

/// Why a manifest can not be used although its signature is good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestFault {
    /// It is not JSON of this shape.
    #[error("manifest.json, line {line}, column {column}: {reason}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What was expected there.
        reason: String,
    },
    /// It was made for another Forge.
    #[error("manifest.json has version {found}; this Forge reads version 1")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A value is out of its bounds.
    #[error("manifest.json: {field} {reason}")]
    Value {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file of a bundle of firmware does not lie where the bundle's name says.
    #[error(
        "manifest.json lists the path {path:?} for the firmware {name:?}; its files are firmware/{name}.raw, .licence and .cpio"
    )]
    FirmwarePath {
        /// The path.
        path: String,
        /// The bundle's name.
        name: String,
    },
    /// A path leaves the payload directory or is not plain.
    #[error("manifest.json lists the path {path:?}; a path is plain names joined by \"/\", inside the payload")]
    Path {
        /// The path.
        path: String,
    },
}

impl Manifest {
    /// Reads a manifest and checks every bound, so that later code can rely on them.
    pub fn parse(json: &[u8]) -> Result<Self, ManifestFault> {
        let manifest: Self = serde_json::from_slice(json).map_err(|e| ManifestFault::Malformed {
            line: e.line(),
            column: e.column(),
            reason: reason_without_place(&e.to_string()),
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Every file of the payload, the two large ones first.
    pub fn entries(&self) -> Vec<&Entry> {
        let (image, boot, accounts) = (&self.image, &self.boot, &self.accounts);
        let mut all = vec![&image.data, &image.tree];
        all.extend([&boot.kernel, &boot.initrd, &boot.os_release, &boot.shim]);
        all.extend([&boot.mok_manager, &boot.fallback, &boot.grub]);
        all.extend([&accounts.passwd, &accounts.group, &accounts.shadow, &accounts.gshadow]);
        all.extend([&accounts.subuid, &accounts.subgid]);
        for bundle in &self.firmware {
            all.extend([&bundle.image, &bundle.licence.text]);
            all.extend(&bundle.early);
        }
        all
    }

    /// The same payload with no more firmware than was chosen, and a state that can be encrypted where that is wanted: what
    /// a layout needs room for.
    pub fn needed(&self, chosen: &[Chosen], encrypted: bool) -> Self {
        let mut manifest = self.clone();
        manifest.firmware.retain(|bundle| chosen.iter().any(|chosen| chosen.name == bundle.name));
        let more = if encrypted { LUKS_HEADER } else { 0 };
        manifest.minimum_state_bytes = manifest.minimum_state_bytes.saturating_add(more);
        manifest
    }

    /// Entries that are held in memory while they are used: all but the image and its tree.
    pub fn small_entries(&self) -> Vec<&Entry> {
        self.entries().split_off(2)
    }
}

/// serde_json appends the place to its message; here the place stands in fields of its own.
fn reason_without_place(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_manifest_names_line_and_column() {
        let fault = Manifest::parse(b"{\n  \"version\": 1,\n  \"surprise\": 2\n}").unwrap_err();
        assert!(matches!(fault, ManifestFault::Malformed { line: 3, .. }), "{fault}");
    }
}
