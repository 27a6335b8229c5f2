//! Why something is not sealed, or not opened. None of these holds any part of a secret.

use super::{SEALED_LIMIT, TEXT_LIMIT};
use crate::tool::ToolError;
use openssl::error::ErrorStack;
use rand::rngs::SysError;
use std::fmt;

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There is neither an age key nor a passphrase.
    #[error("nobody could open it: neither an age key nor a passphrase is given")]
    Nobody,
    /// The passphrase is empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The text is longer than any credentials are.
    #[error("more than {} KiB are not sealed", TEXT_LIMIT >> 10)]
    TooLong,
    /// The system's random source failed.
    #[error("the system's random source failed")]
    Random(#[from] SysError),
    /// There is not enough memory to turn a passphrase into a key.
    #[error("sealing to a passphrase takes {mib} MiB of memory, and they are not free")]
    NoMemory {
        /// How much it takes.
        mib: u32,
    },
    /// Argon2 refused.
    #[error("the passphrase could not be turned into a key: {0}")]
    Argon2(argon2::Error),
    /// OpenSSL failed.
    #[error("OpenSSL could not encrypt")]
    Cipher(#[from] ErrorStack),
    /// age failed, or is not there.
    #[error("age could not seal it: {0}")]
    Age(#[from] ToolError),
    /// age said that it was done and gave something else.
    #[error("age gave something that is not in age's format")]
    NotAge,
}

/// A number in a header that decides how much work it is to open the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// KiB of memory.
    Memory,
    /// Passes over the memory.
    Passes,
    /// Lanes.
    Lanes,
    /// Bytes of salt.
    Salt,
    /// Bytes of nonce.
    Nonce,
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory-kib",
            Self::Passes => "passes",
            Self::Lanes => "lanes",
            Self::Salt => "salt",
            Self::Nonce => "nonce",
        })
    }
}

/// Why nothing was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It begins like no sealed file.
    #[error("this is not a sealed file")]
    NotSealed,
    /// It is longer than any sealed file.
    #[error("this is longer than {} KiB, which no sealed file is", SEALED_LIMIT >> 10)]
    TooLong,
    /// Its end is missing.
    #[error("the file is cut: its end is missing")]
    Cut,
    /// Its checksum does not fit: a fault of a medium or of a copy.
    #[error("the file is damaged: its checksum does not fit its content")]
    Damaged,
    /// The first line is not the header of a sealed file.
    #[error("the first line is not the header of a sealed file")]
    Header(#[source] serde_json::Error),
    /// Another version of the format.
    #[error("the file has version {0} of the format; this program reads version 1")]
    Version(u32),
    /// A parameter that nobody seals with; to follow it could use up the machine.
    #[error("the header asks for an absurd \"{parameter}\" ({found}); {least} to {most} are accepted")]
    Absurd {
        /// Which one.
        parameter: Parameter,
        /// What the file says.
        found: u64,
        /// The least that is accepted.
        least: u64,
        /// The most that is accepted.
        most: u64,
    },
    /// There is not enough memory to turn the passphrase into a key.
    #[error("opening this takes {mib} MiB of memory, and they are not free")]
    NoMemory {
        /// How much it takes.
        mib: u32,
    },
    /// Argon2 refused.
    #[error("the passphrase could not be turned into a key: {0}")]
    Argon2(argon2::Error),
    /// The key does not fit the content.
    #[error("the passphrase is wrong, or somebody changed the file on purpose")]
    WrongPassphrase,
    /// The file of identities holds none that can be used here.
    #[error(
        "there is no age identity (a line that begins with AGE-SECRET-KEY-) in the file; \
         use age itself for an identity that is locked or on a token: age --decrypt --identity FILE"
    )]
    NoIdentity,
    /// age failed, or is not there.
    #[error("age could not open it: {0}")]
    Age(#[from] ToolError),
    /// A descriptor could not be made.
    #[error("the identity could not be handed to age")]
    Io(#[from] std::io::Error),
}
