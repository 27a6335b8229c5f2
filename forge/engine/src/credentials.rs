//! Random initial credentials: made here, handed over once, kept nowhere.

use forge_model::{
    Secret,
    payload::{Credential, CredentialKind},
};
use rand::{
    TryRng,
    rngs::{SysError, SysRng},
};
use sha_crypt::{Params, ShaCrypt};
use std::collections::BTreeMap;

/// Where the first person's password comes from.
#[derive(Debug)]
pub enum UserPassword {
    /// Forge makes a passphrase.
    Generate,
    /// This hash goes into `/etc/shadow` as it is.
    Hash(Secret),
    /// A person typed it.
    Typed(Secret),
}

/// What is handed over once, after the install.
#[derive(Debug)]
pub struct Credentials {
    /// The password that was made, or nothing when it was typed or given as a hash.
    pub user_password: Option<Secret>,
    /// What MokManager asks for.
    pub enrollment_code: Secret,
    /// The service credentials by name.
    pub services: BTreeMap<String, Secret>,
}

/// Why a credential could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The system's random source failed.
    #[error("the system's random source failed: {0}")]
    Random(#[from] SysError),
    /// The password could not be hashed.
    #[error("the password could not be hashed")]
    Hash,
}

/// SHA-512 crypt rounds for the account file: 20 times the default; a tenth of a second on a small machine.
const ROUNDS: u32 = 100_000;

/// Words in a passphrase: 6 of 7,776 are 77 bits.
const WORDS: usize = 6;

/// A passphrase of words of the EFF's long list, joined by "-".
pub fn passphrase() -> Result<Secret, CredentialError> {
    let list = diceware_wordlists::EFF_LONG_WORDLIST;
    let mut words = Vec::with_capacity(WORDS);
    for _ in 0..WORDS {
        words.push(list[uniform(list.len() as u32)? as usize]);
    }
    Ok(Secret::new(words.join("-")))
}

/// A number below `end`, each equally likely, from the system's own source.
fn uniform(end: u32) -> Result<u32, SysError> {
    let fair = u32::MAX - u32::MAX % end;
    loop {
        let drawn = SysRng.try_next_u32()?;
        if drawn < fair {
            return Ok(drawn % end);
        }
    }
}

/// A service's credential.
pub fn service(wanted: &Credential) -> Result<Secret, CredentialError> {
    let mut bytes = zeroize::Zeroizing::new(vec![0; wanted.bytes as usize]);
    SysRng.try_fill_bytes(&mut bytes)?;
    match wanted.kind {
        CredentialKind::Hex => Ok(Secret::new(hex::encode(&*bytes))),
    }
}

/// The hash of a password for `/etc/shadow` (crypt(5), SHA-512 crypt).
pub fn shadow_hash(password: &Secret) -> Result<Secret, CredentialError> {
    let mut salt = [0; 12];
    SysRng.try_fill_bytes(&mut salt)?;
    let hasher = ShaCrypt::new(sha_crypt::Algorithm::Sha512Crypt, Params::new(ROUNDS).map_err(|_| CredentialError::Hash)?);
    let hash = sha_crypt::CustomizedPasswordHasher::hash_password_with_salt(&hasher, password.expose().as_bytes(), &salt);
    Ok(Secret::new(hash.map_err(|_| CredentialError::Hash)?.to_string()))
}
