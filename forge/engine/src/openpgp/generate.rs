//! Makes a master key with one release subkey.

use std::time::{Duration, SystemTime};

use sequoia_openpgp::cert::{CertBuilder, CipherSuite};
use sequoia_openpgp::packet::Packet;
use sequoia_openpgp::serialize::SerializeInto;
use sequoia_openpgp::types::KeyFlags;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Fingerprint, Reason};

/// How long the keys are good for, from the moment that they are made.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// The master key: as long as the certificate that is built into the installer should live.
    pub master: Duration,
    /// The release subkey: shorter, because it lives on a machine that builds.
    pub release: Duration,
}

/// New keys, each ASCII-armored. The caller writes the secret ones, with mode 0600.
pub struct Keys {
    /// The public certificate that an installer trusts.
    pub certificate: Vec<u8>,
    /// Everything, master secret included: stays offline.
    pub master: Zeroizing<Vec<u8>>,
    /// The public master key with the secret release subkey: all that a build machine needs.
    pub release: Zeroizing<Vec<u8>>,
    /// Revokes the whole certificate when it is merged into it: stays offline.
    pub revocation: Vec<u8>,
    /// The master key's fingerprint, to be published and compared.
    pub fingerprint: Fingerprint,
}

/// Why no keys could be made.
#[derive(Debug, Error)]
#[error("the OpenPGP library could not make the keys")]
pub struct GenerateError(#[source] Reason);

impl From<anyhow::Error> for GenerateError {
    fn from(error: anyhow::Error) -> Self {
        Self(error.into())
    }
}

/// Makes a certify-only Ed25519 master key for `user_id` and one signing subkey.
///
/// # Errors
/// When the OpenPGP library refuses, for instance because there is no randomness.
pub fn generate(user_id: &str, now: SystemTime, validity: Validity) -> Result<Keys, GenerateError> {
    let (certificate, revocation) = CertBuilder::new()
        .set_creation_time(now)
        .set_cipher_suite(CipherSuite::Cv25519)
        .set_primary_key_flags(KeyFlags::empty().set_certification())
        .set_validity_period(validity.master)
        .add_userid(user_id)
        .add_subkey(KeyFlags::empty().set_signing(), validity.release, None)
        .generate()?;
    let master = certificate.fingerprint();
    let release = {
        let master = master.clone();
        // The stub in place of the master secret is GnuPG's own convention: gpg imports such a file, too.
        certificate
            .as_tsk()
            .set_filter(move |key| key.fingerprint() != master)
            .emit_secret_key_stubs(true)
            .armored()
            .to_vec()?
    };
    let revoked = certificate.clone().strip_secret_key_material().insert_packets(Packet::from(revocation))?.0;
    Ok(Keys {
        certificate: certificate.armored().to_vec()?,
        master: Zeroizing::new(certificate.as_tsk().armored().to_vec()?),
        release: Zeroizing::new(release),
        revocation: revoked.armored().to_vec()?,
        fingerprint: master,
    })
}
