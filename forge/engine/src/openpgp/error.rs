//! Why an index is not trusted.

use std::time::SystemTime;

use sequoia_openpgp::types::Timestamp;
use thiserror::Error;

use super::{Fingerprint, KeyHandle, Reason};

/// Which of the inputs an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The signed index.
    Index,
    /// The detached signature.
    Signature,
    /// The trusted certificate.
    Certificate,
}

/// Why an index is not trusted.
#[derive(Debug, Error)]
pub enum SignatureError {
    /// An input is larger than it can honestly be.
    #[error("too large: more than {limit} bytes")]
    TooLarge {
        /// Which input.
        input: Input,
        /// The largest size that is read.
        limit: usize,
    },
    /// The trusted certificate cannot be used, whatever the signature says.
    #[error("the trusted certificate cannot be used")]
    Certificate(#[source] Reason),
    /// The trusted certificate file holds no certificate, or more than one.
    #[error("the trusted certificate file must hold exactly one certificate")]
    NotOneCertificate,
    /// The signature file holds no signature.
    #[error("there is no signature in the signature file")]
    NoSignature,
    /// The signature file holds more signatures than anyone makes.
    #[error("there are more than {limit} signatures in the signature file")]
    TooManySignatures {
        /// The most that is read.
        limit: usize,
    },
    /// The signature file is not OpenPGP, or holds something else than signatures.
    #[error("the signature file is malformed")]
    Malformed(#[source] Option<Reason>),
    /// Signed by a key that is not in the trusted certificate.
    #[error("signed by an unknown key{}", .key.as_ref().map(|key| format!(" ({key})")).unwrap_or_default())]
    UnknownKey {
        /// The key that the signature names, if it names one. Nothing proves that it is true.
        key: Option<KeyHandle>,
    },
    /// Made by the master key itself, or by a subkey that may not sign.
    #[error("key {key} is not a signing subkey")]
    NotASigningSubkey {
        /// The key that the signature names.
        key: Fingerprint,
    },
    /// The subkey lies in the certificate, but the master key did not validly certify it for signing.
    #[error("subkey {key} is not bound to the master key")]
    SubkeyNotBound {
        /// The subkey.
        key: Fingerprint,
        /// What the library found.
        source: Reason,
    },
    /// The subkey has expired.
    #[error("subkey {key} expired on {}", shown(.when))]
    SubkeyExpired {
        /// The subkey.
        key: Fingerprint,
        /// When it expired, where that is known.
        when: Option<SystemTime>,
    },
    /// The subkey was revoked.
    #[error("subkey {key} is revoked")]
    SubkeyRevoked {
        /// The subkey.
        key: Fingerprint,
    },
    /// The master key has expired.
    #[error("the master key expired on {}", shown(.when))]
    MasterExpired {
        /// When it expired, where that is known.
        when: Option<SystemTime>,
    },
    /// The master key was revoked.
    #[error("the master key is revoked")]
    MasterRevoked,
    /// The signature claims a time that has not come yet: a wrong clock here, or there.
    #[error("the signature was made in the future, on {}", shown(&Some(*.made)))]
    MadeInTheFuture {
        /// The time that the signature claims.
        made: SystemTime,
    },
    /// The signature itself was made with an end, and that has come.
    #[error("the signature expired on {}", shown(.when))]
    SignatureExpired {
        /// When it expired, where that is known.
        when: Option<SystemTime>,
    },
    /// The key is valid now, but was not when the signature was made.
    #[error("key {key} was not valid when the signature was made")]
    NotValidWhenMade {
        /// The key.
        key: Fingerprint,
        /// What the library found.
        source: Reason,
    },
    /// Made with an algorithm that is not safe any more, such as SHA-1.
    #[error("the signature of key {key} was made with an algorithm that is too weak")]
    TooWeak {
        /// The key that the signature names.
        key: Fingerprint,
        /// What the library found.
        source: Reason,
    },
    /// The signature does not fit the index: one of them was changed.
    #[error("the signature of key {key} does not fit the index")]
    DataChanged {
        /// The key that the signature names.
        key: Fingerprint,
        /// What the library found.
        source: Reason,
    },
}

/// A time in words that leave no doubt (ISO 8601, UTC).
fn shown(when: &Option<SystemTime>) -> String {
    when.and_then(|when| Timestamp::try_from(when).ok())
        .map_or_else(|| "an unknown day".to_owned(), |when| when.to_string())
}
