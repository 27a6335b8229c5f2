//! Who signed answers: an administrator, with a certificate of their own.
//!
//! The bytes of the file are signed, not what they mean: the same settings in other words are another file.

use std::time::SystemTime;

use sequoia_openpgp::cert::Cert;
use thiserror::Error;

use super::verify::{Rule, read_certificate, read_signatures, verify_by};
use super::{Fingerprint, KeyHandle, Reason, SignatureError};

/// Why answers are not taken as signed.
#[derive(Debug, Error)]
pub enum AnswersSignatureError {
    /// The signature file is empty.
    #[error("there is no signature in the signature file")]
    NoSignature,
    /// Nobody is trusted here.
    #[error("no certificate is listed that could have signed answers")]
    NoCertificate,
    /// One of the certificates can not be read; which one is the number, from 0.
    #[error("certificate {} of the list can not be used", .0 + 1)]
    Certificate(usize, #[source] SignatureError),
    /// Signed by a key that is in no certificate of the list. Nothing proves that the name is true.
    #[error("signed by a key that is not listed{}", .0.as_ref().map(|key| format!(": {key}")).unwrap_or_default())]
    UnknownKey(Option<KeyHandle>),
    /// The signature does not fit the answers: one of them was changed after signing.
    #[error("the signature of {certificate} does not fit the answers: they were changed after they were signed")]
    Bad {
        /// The certificate that it names.
        certificate: Fingerprint,
        /// What the library found.
        source: Reason,
    },
    /// The signature, its key or its certificate has expired.
    #[error("the signature of {certificate} does not count any more")]
    Expired {
        /// The certificate.
        certificate: Fingerprint,
        /// What has expired, and when.
        source: SignatureError,
    },
    /// The key or its certificate was revoked.
    #[error("the signature of {certificate} does not count: the key was revoked")]
    Revoked {
        /// The certificate.
        certificate: Fingerprint,
        /// Which key.
        source: SignatureError,
    },
    /// Everything else: a wrong clock, a key that may not sign, a weak algorithm, a file that is no signature.
    #[error("the signature is not used")]
    NotUsed(#[source] SignatureError),
}

/// The fingerprint of the one certificate in a file.
///
/// # Errors
/// When the file does not hold exactly one certificate.
pub fn fingerprint(certificate: &[u8]) -> Result<Fingerprint, SignatureError> {
    read_certificate(certificate).map(|certificate| certificate.fingerprint())
}

/// Checks that `signature` is a detached OpenPGP signature of `answers`, and gives the certificate that made it.
///
/// Each item of `certificates` is a file with one certificate, armored or binary. The key is its primary key or a
/// subkey, marked for signing, neither expired nor revoked, when the signature was made and at `now`. Two copies of one
/// certificate are taken together, so that an older copy does not bring a revoked key back. Every signature in the
/// file must be good and by the same certificate.
///
/// # Errors
/// The reason for distrust; the answers may only be suggestions to a person then.
pub fn signed_by(
    answers: &[u8],
    signature: &[u8],
    certificates: &[Vec<u8>],
    now: SystemTime,
) -> Result<Fingerprint, AnswersSignatureError> {
    let trusted = read_list(certificates)?;
    if trusted.is_empty() {
        return Err(AnswersSignatureError::NoCertificate);
    }
    let signatures = read_signatures(signature).map_err(|error| match error {
        SignatureError::NoSignature => AnswersSignatureError::NoSignature,
        other => AnswersSignatureError::NotUsed(other),
    })?;
    let mut refusal = None;
    for certificate in &trusted {
        match verify_by(Rule::AnyForSigning, answers, signature, &signatures, certificate, now) {
            Ok(signer) => return Ok(signer.certificate),
            // Another certificate may hold that key.
            Err(error @ SignatureError::UnknownKey { .. }) => refusal = refusal.or(Some((certificate, error))),
            Err(error) => return Err(told(certificate, error)),
        }
    }
    // The list is not empty, so there is a refusal.
    Err(refusal.map_or(AnswersSignatureError::NoCertificate, |(certificate, error)| told(certificate, error)))
}

/// Reads the certificates; copies of one become one.
fn read_list(files: &[Vec<u8>]) -> Result<Vec<Cert>, AnswersSignatureError> {
    let mut list: Vec<Cert> = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let unusable = |error| AnswersSignatureError::Certificate(number, error);
        let read = read_certificate(file).map_err(unusable)?;
        match list.iter_mut().find(|known| known.fingerprint() == read.fingerprint()) {
            Some(known) => {
                let both = known.clone().merge_public(read);
                *known = both.map_err(|error| unusable(SignatureError::Certificate(error.into())))?;
            }
            None => list.push(read),
        }
    }
    Ok(list)
}

fn told(certificate: &Cert, error: SignatureError) -> AnswersSignatureError {
    use SignatureError as E;
    let certificate = certificate.fingerprint();
    match error {
        E::UnknownKey { key } => AnswersSignatureError::UnknownKey(key),
        E::DataChanged { source, .. } => AnswersSignatureError::Bad { certificate, source },
        E::SubkeyExpired { .. } | E::MasterExpired { .. } | E::SignatureExpired { .. } => {
            AnswersSignatureError::Expired { certificate, source: error }
        }
        E::SubkeyRevoked { .. } | E::MasterRevoked => AnswersSignatureError::Revoked { certificate, source: error },
        other => AnswersSignatureError::NotUsed(other),
    }
}
