//! Random initial credentials: made here, handed over once, kept nowhere.

use crate::seal::SealTo;
use forge_model::{
    Secret,
    firmware::How,
    handover::{self, DiskKeys},
    payload::{Credential, CredentialKind},
};
use rand::{
    TryRng,
    rngs::{SysError, SysRng},
};
use sha_crypt::{Algorithm, Params, PasswordHasher, ShaCrypt};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

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

/// What the person who installs brings along for an encrypted state; what is not there is made.
#[derive(Debug, Default)]
pub struct DiskBrought {
    /// The passphrase that is asked for at each start.
    pub passphrase: Option<Secret>,
    /// The recovery key, if it was made before and is kept already.
    pub recovery: Option<Secret>,
}

/// What the person who installs brings along.
#[derive(Debug)]
pub struct Brought {
    /// Where the first person's password comes from.
    pub password: UserPassword,
    /// What opens the encrypted state; nothing when it is not encrypted.
    pub disk: Option<DiskBrought>,
    /// To whom the credentials are sealed that lie on the new EFI system partition; none lie there without it.
    pub seal: Option<SealTo>,
    /// What the consents to proprietary firmware came by.
    pub consent: How,
}

impl From<UserPassword> for Brought {
    fn from(password: UserPassword) -> Self {
        Self { password, disk: None, seal: None, consent: How::AtInstall }
    }
}

/// What is handed over once, after the install.
#[derive(Debug)]
pub struct Credentials {
    /// The password that was made, or nothing when it was typed or given as a hash.
    pub user_password: Option<Secret>,
    /// What opens the encrypted state, as far as it was made.
    pub disk: Option<DiskKeys>,
    /// What MokManager asks for.
    pub enrollment_code: Secret,
    /// The service credentials by name.
    pub services: BTreeMap<String, Secret>,
}

impl Credentials {
    /// As they are handed over: JSON.
    pub fn text(&self, user: &str) -> Zeroizing<String> {
        let (password, disk) = (self.user_password.as_ref(), self.disk.as_ref());
        handover::credentials(user, password, disk, &self.enrollment_code, &self.services)
    }
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
    let rounds = Params::new(ROUNDS).map_err(|_| CredentialError::Hash)?;
    let hasher = ShaCrypt::new(Algorithm::Sha512Crypt, rounds);
    let hash = hasher.hash_password_with_salt(password.expose().as_bytes(), &salt);
    Ok(Secret::new(hash.map_err(|_| CredentialError::Hash)?.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, process::Command};

    #[test]
    fn a_passphrase_has_six_words_and_is_never_the_same() {
        let drawn: BTreeSet<String> = (0..50).map(|_| passphrase().unwrap().expose().to_owned()).collect();
        assert_eq!(drawn.len(), 50);
        // One word of the list has a hyphen of its own ("t-shirt" and three more), so six is the least.
        assert!(drawn.iter().all(|p| p.split('-').count() >= WORDS && p.is_ascii()));
    }

    #[test]
    fn a_password_hash_is_the_one_that_openssl_computes() {
        let password = Secret::new("correct horse".into());
        let hash = shadow_hash(&password).unwrap();
        let fields: Vec<&str> = hash.expose().split('$').collect();
        assert_eq!((fields[1], fields[2], fields[3].len()), ("6", "rounds=100000", 16));
        let salt = format!("{}${}", fields[2], fields[3]);
        let openssl = Command::new("/usr/bin/openssl").args(["passwd", "-6", "-salt", &salt, "correct horse"]).output();
        assert_eq!(String::from_utf8_lossy(&openssl.unwrap().stdout).trim(), hash.expose());
    }

    #[test]
    fn every_value_below_the_end_is_drawn() {
        let drawn: BTreeSet<u32> = (0..300).map(|_| uniform(5).unwrap()).collect();
        assert_eq!(drawn, BTreeSet::from([0, 1, 2, 3, 4]));
    }
}
