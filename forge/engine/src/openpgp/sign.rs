//! Signs an index with a release subkey, or answers with a person's key.

use std::time::SystemTime;

use sequoia_openpgp::cert::Cert;
use sequoia_openpgp::cert::amalgamation::key::PrimaryKey;
use sequoia_openpgp::packet::Packet;
use sequoia_openpgp::packet::key::{SecretParts, UnspecifiedRole};
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::serialize::SerializeInto;
use sequoia_openpgp::types::{HashAlgorithm, RevocationStatus, SignatureType};
use thiserror::Error;

use super::Reason;
use super::verify::Rule;

/// Why no signature could be made.
#[derive(Debug, Error)]
pub enum SignError {
    /// The secret key file cannot be read.
    #[error("the secret key cannot be read as an OpenPGP key")]
    Key(#[source] Reason),
    /// The certificate itself is revoked or expired: nobody would trust what it signs.
    #[error("the key is revoked or has expired")]
    NotValid,
    /// The certificate has no key that may sign now and whose secret is here and not locked with a password.
    #[error("the key file holds no signing key that is valid now, with its secret and without a password")]
    NoSigningSubkey,
    /// The OpenPGP library failed.
    #[error("the OpenPGP library could not sign")]
    Sign(#[source] Reason),
}

/// Signs `index` with the newest valid signing subkey in `secret` and gives the detached signature (binary).
///
/// `secret` is what [`super::generate()`] calls the release key: armored or binary, without a password.
///
/// # Errors
/// When `secret` cannot be read, holds no usable signing subkey, or the library fails.
pub fn sign(index: &[u8], secret: &[u8], now: SystemTime) -> Result<Vec<u8>, SignError> {
    sign_with(Rule::Subkey, index, secret, now)
}

/// Signs `answers` with the newest valid signing key in `secret`: a subkey, or the primary key where that may sign.
///
/// # Errors
/// As [`sign()`].
pub fn sign_answers(answers: &[u8], secret: &[u8], now: SystemTime) -> Result<Vec<u8>, SignError> {
    sign_with(Rule::AnyForSigning, answers, secret, now)
}

fn sign_with(rule: Rule, data: &[u8], secret: &[u8], now: SystemTime) -> Result<Vec<u8>, SignError> {
    let certificate = Cert::from_bytes(secret).map_err(|error| SignError::Key(error.into()))?;
    let policy = StandardPolicy::at(now);
    let master = certificate.with_policy(&policy, now).map_err(|error| SignError::Key(error.into()))?;
    if matches!(master.revocation_status(), RevocationStatus::Revoked(_)) || master.alive().is_err() {
        return Err(SignError::NotValid);
    }
    let key: sequoia_openpgp::packet::Key<SecretParts, UnspecifiedRole> = certificate
        .keys()
        .with_policy(&policy, now)
        .supported()
        .alive()
        .revoked(false)
        .for_signing()
        .filter(|key| rule == Rule::AnyForSigning || !key.primary())
        .filter_map(|found| found.key().clone().parts_into_secret().ok())
        .filter(|key| key.has_unencrypted_secret())
        .max_by_key(|key| key.creation_time())
        .ok_or(SignError::NoSigningSubkey)?;
    let make = || -> anyhow::Result<Vec<u8>> {
        let mut signer = key.into_keypair()?;
        let signature = SignatureBuilder::new(SignatureType::Binary)
            .set_signature_creation_time(now)?
            .set_hash_algo(HashAlgorithm::SHA512)
            .sign_message(&mut signer, data)?;
        Packet::from(signature).to_vec()
    };
    make().map_err(|error| SignError::Sign(error.into()))
}
