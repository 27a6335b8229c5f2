//! The state partition, encrypted: LUKS2 around a file system that was made in memory. Nothing is mapped and nothing mounted.
//!
//! | file | what it does |
//! |---|---|
//! | `mod` | the header: `cryptsetup luksFormat`, with a volume key that is drawn here |
//! | `sectors` | the data: what dm-crypt would write, by OpenSSL's AES-XTS |
//! | `recovery` | the recovery key, in systemd's form |
//!
//! ```text
//! 0          16 MiB                                                    end of the partition
//! | LUKS2    | the state file system, each 4096 bytes for themselves    |
//! ```
//!
//! Only what was written to the file system in memory is encrypted and written; the rest of the partition keeps the bytes
//! that it has. That is what a mapping would do, too: a file system relies on nothing that it did not write.

mod recovery;
mod sectors;
#[cfg(test)]
mod tests;

pub use recovery::{is_recovery_key, recovery_key};

use recovery::LENGTH;

use crate::{
    memory::{self, Hidden},
    target::TargetError,
    tool::{Run, ToolError, Tools},
    tpm2,
    watch::Outcome,
};
use forge_model::{
    Secret,
    receipt::{Encryption, KeyDerivation},
};
use openssl::error::ErrorStack;
use rand::{TryRng, rngs::SysError, rngs::SysRng};
use serde::Deserialize;
use std::{collections::BTreeMap, fs::File, io, time::Duration};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Room for the header: two copies of the metadata, and the key slots.
pub use forge_model::layout::LUKS_HEADER as HEADER;
/// Bytes that are encrypted for themselves: a block of the file system.
pub const SECTOR: u64 = 4096;
/// AES-256 in XTS mode has two keys.
const KEY: usize = 64;
/// argon2id is measured first, and slow on purpose.
const LIMIT: Duration = Duration::from_secs(300);

/// What opens the state. Each opens all of it.
#[derive(Debug)]
pub struct Keys<'a> {
    /// Asked for at each start.
    pub passphrase: &'a Secret,
    /// For the day on which the passphrase is forgotten.
    pub recovery: &'a Secret,
    /// For the installed system, which adds the TPM with it and then wipes its slot; nothing when the TPM opens nothing.
    pub once: Option<&'a Secret>,
}

/// Why the state could not be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum LuksError {
    /// cryptsetup failed.
    #[error("the state can not be encrypted: {0}")]
    Tool(#[from] ToolError),
    /// The system's random source failed.
    #[error("the state can not be encrypted: the system's random source failed: {0}")]
    Random(#[from] SysError),
    /// OpenSSL failed.
    #[error("the state can not be encrypted: {0}")]
    Cipher(#[from] ErrorStack),
    /// Memory or a descriptor failed.
    #[error("the state can not be encrypted: {0}")]
    Io(#[from] io::Error),
    /// The file system that was made can not be read.
    #[error("the state can not be encrypted: {0}")]
    Image(#[from] TargetError),
    /// It was asked to stop.
    #[error("the encryption was stopped")]
    Stopped,
    /// What cryptsetup made is not what was asked for.
    #[error("the state can not be encrypted: cryptsetup made a header with {0}")]
    Unexpected(String),
}

/// What was made.
#[derive(Debug)]
pub struct Encrypted {
    /// Header and data; sparse, as the file system was.
    pub image: File,
    /// How, for the receipt.
    pub facts: Encryption,
}

/// Encrypts a file system that was made in memory, for a partition of `size` bytes.
pub fn encrypt(tools: &Tools, plain: &File, size: u64, uuid: Uuid, keys: &Keys<'_>) -> Result<Encrypted, LuksError> {
    let mut key = Zeroizing::new([0; KEY]);
    SysRng.try_fill_bytes(&mut *key)?;
    let image = memory::sparse(c"forge-luks", size)?;
    format(tools, &image, uuid, &key, keys)?;
    let facts = facts(tools, &image, uuid, keys.once.is_some())?;
    match sectors::encrypt(plain, &image, HEADER, &key, &tools.stop)? {
        Outcome::Done(()) => Ok(Encrypted { image, facts }),
        Outcome::Cancelled => Err(LuksError::Stopped),
    }
}

/// The header, with a slot for each key.
fn format(tools: &Tools, image: &File, uuid: Uuid, key: &[u8; KEY], keys: &Keys<'_>) -> Result<(), LuksError> {
    let volume = Hidden::new(key)?;
    let passphrase = Hidden::new(keys.passphrase.expose().as_bytes())?;
    let recovery = Hidden::new(keys.recovery.expose().as_bytes())?;
    let run = || {
        // Locks are for others who could open the same device; nobody else has this one.
        Run::new(tools, &tools.cryptsetup).limit(LIMIT).args(["--batch-mode", "--disable-locks"])
    };
    run()
        .args(["luksFormat", "--type", "luks2", "--cipher", "aes-xts-plain64", "--key-size", &(8 * KEY).to_string()])
        .args(["--sector-size", &SECTOR.to_string(), "--offset", &(HEADER / 512).to_string()])
        .args(["--uuid", &uuid.to_string(), "--label", "state", "--pbkdf", "argon2id"])
        .fd_arg("--volume-key-file=", &volume)?
        .fd_arg("--key-file=", &passphrase)?
        .fd_arg("", image)?
        .run()?;
    // 256 random bits need no slow derivation: systemd-cryptenroll uses the least, too.
    let add = |slot: u32, key: &Hidden| -> Result<(), LuksError> {
        run()
            .args(["luksAddKey", "--key-slot", &slot.to_string(), "--pbkdf", "pbkdf2", "--hash", "sha512"])
            .args(["--pbkdf-force-iterations", "1000", "--new-keyfile-size", &LENGTH.to_string()])
            .fd_arg("--volume-key-file=", &volume)?
            .fd_arg("--new-keyfile=", key)?
            .fd_arg("", image)?
            .run()?;
        Ok(())
    };
    add(1, &recovery)?;
    if let Some(once) = keys.once {
        add(tpm2::SLOT, &Hidden::new(once.expose().as_bytes())?)?;
    }
    // By this token systemd knows what to ask for.
    run()
        .args(["token", "import"])
        .fd_arg("", image)?
        .run_with(|stdin| stdin.write_all(br#"{"type":"systemd-recovery","keyslots":["1"]}"#))?;
    Ok(())
}

/// The metadata as cryptsetup prints it; only what is stated or checked.
#[derive(Deserialize)]
struct Metadata {
    keyslots: BTreeMap<String, Slot>,
    segments: BTreeMap<String, Segment>,
}

#[derive(Deserialize)]
struct Slot {
    kdf: Kdf,
}

#[derive(Deserialize)]
struct Kdf {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    time: u32,
    #[serde(default)]
    memory: u32,
    #[serde(default)]
    cpus: u32,
}

#[derive(Deserialize)]
struct Segment {
    offset: String,
    encryption: String,
    sector_size: u64,
    iv_tweak: String,
}

/// Reads back what was made: the data that is written after it relies on it, and the receipt states it.
fn facts(tools: &Tools, image: &File, uuid: Uuid, tpm2: bool) -> Result<Encryption, LuksError> {
    let json = Run::new(tools, &tools.cryptsetup)
        .args(["--disable-locks", "luksDump", "--dump-json-metadata"])
        .fd_arg("", image)?
        .run()?;
    let unexpected = |what: &dyn std::fmt::Display| LuksError::Unexpected(what.to_string());
    let metadata: Metadata = serde_json::from_slice(&json).map_err(|e| unexpected(&e))?;
    let (Some(segment), 1) = (metadata.segments.get("0"), metadata.segments.len()) else {
        return Err(unexpected(&format_args!("{} segments", metadata.segments.len())));
    };
    let found = (segment.encryption.as_str(), segment.sector_size, segment.offset.as_str(), segment.iv_tweak.as_str());
    if found != ("aes-xts-plain64", SECTOR, &HEADER.to_string(), "0") {
        return Err(unexpected(&format_args!("{found:?}")));
    }
    let Some(slot) = metadata.keyslots.get("0").filter(|_| metadata.keyslots.len() == 2 + usize::from(tpm2)) else {
        return Err(unexpected(&format_args!("{} key slots", metadata.keyslots.len())));
    };
    if slot.kdf.kind != "argon2id" {
        return Err(unexpected(&slot.kdf.kind));
    }
    Ok(Encryption {
        uuid,
        cipher: segment.encryption.clone(),
        key_bits: 8 * KEY as u32,
        sector_size: SECTOR as u32,
        derivation: KeyDerivation {
            function: slot.kdf.kind.clone(),
            passes: slot.kdf.time,
            memory_kib: slot.kdf.memory,
            lanes: slot.kdf.cpus,
        },
        tpm2,
    })
}
