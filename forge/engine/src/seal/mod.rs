//! Secrets that leave a machine: sealed to people's age keys, or to a passphrase.
//!
//! Nothing here writes a file or keeps a plain text longer than its call.
//!
//! | file | what it does |
//! |---|---|
//! | [`SealTo`] (here) | to whom; every sealed form of one text |
//! | `passphrase` | the format `forge-sealed`: Argon2id and ChaCha20-Poly1305 |
//! | `room` | whether there is memory for it |
//! | `age` | age's own format, by the standard tool |
//! | `error` | why something is not sealed or not opened |
//!
//! `docs/sealed.md` describes `forge-sealed` byte by byte, with a program of a few lines that opens it without Forge.

mod age;
mod error;
mod passphrase;
mod room;
#[cfg(test)]
mod tests;

use crate::tool::Tools;
use forge_model::Secret;

pub use age::{Recipient, RecipientError, open_with_age, seal_to_age};
pub use error::{OpenError, Parameter, SealError};
pub use passphrase::{check_form, open_with_passphrase, seal_to_passphrase};

/// A text to seal is at most this long, in bytes: credentials are some hundred.
pub const TEXT_LIMIT: usize = 256 << 10;

/// No sealed file that is read is longer than this, in bytes.
pub const SEALED_LIMIT: usize = 1 << 20;

/// Who can open what is sealed.
#[derive(Debug, Default)]
pub struct SealTo {
    /// Anybody with the identity to one of these.
    pub age: Vec<Recipient>,
    /// Anybody who knows this.
    pub passphrase: Option<Secret>,
}

/// How something is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In age's format; an identity opens it.
    Age,
    /// In the format `forge-sealed`; a passphrase opens it.
    Passphrase,
}

/// A sealed text: it may lie anywhere.
#[derive(Debug)]
pub struct Sealed {
    /// How.
    pub kind: Kind,
    /// The bytes of the file; text without control characters.
    pub bytes: Vec<u8>,
}

impl Kind {
    /// How file names of this kind end, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Passphrase => "sealed",
        }
    }

    /// What a file is, by how it begins.
    pub fn of(sealed: &[u8]) -> Option<Self> {
        let begins = |with: &str| sealed.starts_with(with.as_bytes());
        match () {
            () if begins("age-encryption.org/") || begins("-----BEGIN AGE ENCRYPTED FILE-----") => Some(Self::Age),
            () if begins(passphrase::BEGINNING) => Some(Self::Passphrase),
            () => None,
        }
    }
}

impl SealTo {
    /// Whether nobody could open anything.
    pub fn is_nobody(&self) -> bool {
        self.age.is_empty() && self.passphrase.is_none()
    }

    /// Seals a text in every way that is asked for: one file for all age keys, one for the passphrase.
    ///
    /// # Errors
    /// When nobody could open it, when it is too long, or when age or the system's random source fails. Then there is
    /// no sealed file at all.
    pub fn seal(&self, tools: &Tools, text: &[u8]) -> Result<Vec<Sealed>, SealError> {
        let mut sealed = Vec::new();
        if !self.age.is_empty() {
            sealed.push(Sealed { kind: Kind::Age, bytes: seal_to_age(tools, text, &self.age)? });
        }
        if let Some(passphrase) = &self.passphrase {
            sealed.push(Sealed { kind: Kind::Passphrase, bytes: seal_to_passphrase(text, passphrase)? });
        }
        match sealed.is_empty() {
            true => Err(SealError::Nobody),
            false => Ok(sealed),
        }
    }

    /// Seals a harmless text, so that a mistyped key or a missing tool is found before there is anything to lose.
    ///
    /// # Errors
    /// As [`SealTo::seal`].
    pub fn rehearse(&self, tools: &Tools) -> Result<(), SealError> {
        self.seal(tools, b"a rehearsal\n").map(drop)
    }
}
