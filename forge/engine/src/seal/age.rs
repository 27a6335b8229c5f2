//! age's format, by the standard tool age(1).

use super::{Kind, OpenError, SEALED_LIMIT, SealError, TEXT_LIMIT};
use crate::{
    memory::Hidden,
    tool::{Run, Tools},
};
use std::{fmt, str, str::FromStr};
use zeroize::Zeroizing;

/// The characters of Bech32 (BIP 173).
const BECH32: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// How a post-quantum hybrid recipient begins (age 1.3).
const HYBRID: &str = "pq1";
/// The longest recipient that is read: a hybrid one has 1,959 characters.
const LONGEST: usize = 4096;
/// The length of an X25519 recipient.
const X25519: usize = 62;

/// An age public key: `age1…`, or `age1pq1…`, which needs age 1.3.
///
/// Its form is checked here, its checksum by age. A plugin's recipient (`age1NAME1…`) is none: it would have age run
/// another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient(String);

/// Why a text is no recipient.
#[derive(Debug, thiserror::Error)]
#[error("this is not an age public key: those begin with \"age1\" and have 62 characters, or begin with \"age1pq1\"")]
pub struct RecipientError;

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        let key = text.strip_prefix("age1").ok_or(RecipientError)?;
        let (data, fits) = match key.strip_prefix(HYBRID) {
            Some(data) => (data, text.len() > X25519 && text.len() <= LONGEST),
            None => (key, text.len() == X25519),
        };
        match fits && data.chars().all(|c| BECH32.contains(c)) {
            true => Ok(Self(text.to_owned())),
            false => Err(RecipientError),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Seals a text to everybody in a list, as text (age calls it armored).
///
/// # Errors
/// When the list is empty, the text too long, or age refuses.
pub fn seal_to_age(tools: &Tools, text: &[u8], recipients: &[Recipient]) -> Result<Vec<u8>, SealError> {
    if recipients.is_empty() {
        return Err(SealError::Nobody);
    }
    if text.len() > TEXT_LIMIT {
        return Err(SealError::TooLong);
    }
    let mut run = Run::new(tools, &tools.age).args(["--encrypt", "--armor"]);
    for Recipient(recipient) in recipients {
        run = run.arg("--recipient").arg(recipient);
    }
    let sealed = run.run_with(|stdin| stdin.write_all(text))?;
    match Kind::of(&sealed) {
        Some(Kind::Age) => Ok(sealed),
        _ => Err(SealError::NotAge),
    }
}

/// Opens an age file with the identities in a file that `age-keygen` made.
///
/// # Errors
/// When there is no plain identity in it, or age refuses.
pub fn open_with_age(tools: &Tools, sealed: &[u8], identities: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if sealed.len() > SEALED_LIMIT {
        return Err(OpenError::TooLong);
    }
    if Kind::of(sealed) != Some(Kind::Age) {
        return Err(OpenError::NotSealed);
    }
    // A locked identity would have age ask on a terminal, which it does not have here.
    let text = str::from_utf8(identities).map_err(|_| OpenError::NoIdentity)?;
    let keys = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    if keys().next().is_none() || !keys().all(|line| line.starts_with("AGE-SECRET-KEY-")) {
        return Err(OpenError::NoIdentity);
    }
    let identities = Hidden::new(identities)?;
    let run = Run::new(tools, &tools.age).args(["--decrypt", "--identity"]).fd_arg("", &identities)?;
    Ok(run.run_with(|stdin| stdin.write_all(sealed)).map(Zeroizing::new)?)
}
