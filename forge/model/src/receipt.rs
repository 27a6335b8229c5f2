//! What was done: written by the engine, signed by the new machine's boot key, checked by `forgectl verify`.

use crate::{
    RootHash,
    answers::Way,
    esp,
    firmware::Consent,
    layout::Role,
    plan::{PayloadId, Target},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The proof of an install. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Format of this receipt; 1.
    pub version: u32,
    /// The Forge that wrote it.
    pub forge: String,
    /// When, in seconds since 1970 (UTC).
    pub finished: u64,
    /// Digest of the plan that was confirmed.
    pub plan_digest: String,
    /// The disk that was written.
    pub target: Target,
    /// What was installed.
    pub payload: PayloadId,
    /// Who signed the payload: fingerprint of the master key's certificate.
    pub payload_certificate: String,
    /// Who signed the payload: fingerprint of the release subkey.
    pub payload_subkey: String,
    /// The root hash as it was computed again from the disk.
    pub root_hash: RootHash,
    /// Which part of the disk was used. But for the whole disk, the table is the one that was there, with these
    /// partitions added.
    #[serde(default, skip_serializing_if = "Way::is_whole_disk")]
    pub way: Way,
    /// GUID of the partition table.
    pub disk_id: Uuid,
    /// The partitions as they are in the table.
    pub partitions: Vec<WrittenPartition>,
    /// Every file on the EFI system partition but the receipt and its signature.
    pub esp_files: Vec<WrittenFile>,
    /// The key that signs this machine's boot images.
    pub boot_key: Key,
    /// The key that signs out-of-tree modules.
    pub module_key: Key,
    /// How the state is encrypted; nothing when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// The command line inside the signed UKI.
    pub command_line: String,
    /// Names of the service credentials that were made.
    pub credentials: Vec<String>,
    /// The proprietary firmware that was accepted, and by whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firmware: Vec<Consent>,
}

impl Receipt {
    /// Whether a file of the EFI system partition can only be this system's: all of them, but where it is shared. There,
    /// others come and go, and what has this system's name is its own.
    pub fn is_own(&self, path: &str) -> bool {
        !self.partitions.iter().any(|one| one.shared) || esp::is_own(&self.payload.id, path)
    }

    /// Whether nothing but a boot entry in the firmware starts it: where the EFI system partition is shared, the removable
    /// path, which firmware starts without one, can be another system's.
    pub fn starts_only_by_entry(&self) -> bool {
        let is_removable = |path: &str| path.to_lowercase().starts_with("efi/boot/");
        self.partitions.iter().any(|one| one.shared) && !self.esp_files.iter().any(|file| is_removable(&file.path))
    }

    /// The command that makes the boot entry, for whoever has to make it by hand; nothing where no partition is known.
    pub fn boot_entry_command(&self) -> Option<String> {
        let esp = self.partitions.iter().find(|one| one.role == Role::Esp)?;
        let PayloadId { id, name, .. } = &self.payload;
        let (disk, number) = (&self.target.identity.path, esp.number);
        // In single quotes a shell changes nothing.
        let name = name.replace('\'', "");
        Some(format!(
            "efibootmgr --create --disk {disk} --part {number} --label '{name}' --loader '\\EFI\\{id}\\shimx64.efi'"
        ))
    }
}

/// A partition as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenPartition {
    /// Its number.
    pub number: u32,
    /// What it is for.
    pub role: Role,
    /// Its first byte.
    pub offset: u64,
    /// Its length in bytes.
    pub size: u64,
    /// Its label.
    pub label: String,
    /// Its PARTUUID.
    pub id: Uuid,
    /// Whether it was there before, with files of others: an EFI system partition that is shared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

/// A file as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// Its path on the EFI system partition.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// How the state is encrypted (LUKS2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// UUID of the volume.
    pub uuid: Uuid,
    /// Cipher, mode and tweak, as dm-crypt names them.
    pub cipher: String,
    /// Bits of the volume key; XTS uses half of them for each of two keys.
    pub key_bits: u32,
    /// Bytes that are encrypted for themselves.
    pub sector_size: u32,
    /// How the passphrase becomes a key.
    pub derivation: KeyDerivation,
    /// Whether the TPM of the machine opens it, too, once the installed system has asked it to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tpm2: bool,
}

/// How a passphrase becomes a key, measured on the machine that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyDerivation {
    /// `argon2id`.
    pub function: String,
    /// Passes over the memory.
    pub passes: u32,
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Processors that work at once.
    pub lanes: u32,
}

/// A certificate by its fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its common name.
    pub name: String,
    /// SHA-1 of the DER certificate, in hexadecimal digits: what MokManager shows.
    pub sha1: String,
    /// SHA-256 of the DER certificate, in hexadecimal digits.
    pub sha256: String,
}
