//! A machine owner key: an RSA key and its self-signed certificate.

use std::fmt;
use std::time::{Duration, SystemTime};

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};
use openssl::x509::{X509, X509Name};
use thiserror::Error;
use zeroize::Zeroizing;

/// What shim and firmware of every age check; 4096 bits make some firmware slow or refuse.
const RSA_BITS: u32 = 2048;
/// A certificate that says this may sign kernel modules and nothing else; shim refuses to boot what it signed.
const MODULE_SIGNING: &str = "1.3.6.1.4.1.2312.16.1.2";
/// The longest common name that X.509 allows (RFC 5280, appendix A.1, `ub-common-name`).
const COMMON_NAME_LIMIT: usize = 64;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Longer than a machine lives. An end protects nobody here: firmware and shim do not look at it, because a machine's
/// clock is not to be trusted, while other tools would start to complain and a new key costs a visit to MokManager.
const VALIDITY: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

/// What a machine owner key may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Boot images: GRUB and UKIs.
    Boot,
    /// Out-of-tree kernel modules, and never anything that boots.
    Module,
}

/// Why a key could not be made or used.
#[derive(Debug, Error)]
pub enum PairError {
    /// The common name is empty, too long for X.509, or holds control characters.
    #[error("a common name needs 1 to {COMMON_NAME_LIMIT} characters that can be shown")]
    CommonName,
    /// The clock is outside what a certificate can say.
    #[error("the clock is outside the years that a certificate can say")]
    Clock,
    /// The certificate is another key's.
    #[error("the certificate is another key's")]
    Strangers,
    /// OpenSSL failed.
    #[error("OpenSSL failed")]
    OpenSsl(#[from] ErrorStack),
}

/// A certificate's digest; shown in pairs as MokManager does: `6a 4b …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint<const N: usize>(pub [u8; N]);

impl<const N: usize> fmt::Display for Fingerprint<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            let gap = if place == 0 { "" } else { " " };
            write!(f, "{gap}{byte:02x}")?;
        }
        Ok(())
    }
}

/// A machine owner key with its certificate. OpenSSL wipes the private key when this is dropped.
pub struct Pair {
    kind: Kind,
    key: PKey<Private>,
    certificate: X509,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Pair {
    /// Makes an RSA-2048 key and its self-signed certificate, valid from a day before `now`.
    ///
    /// The day makes up for a clock that is set back, or to local time, after the installation.
    ///
    /// # Errors
    /// When the name or the clock cannot stand in a certificate, or OpenSSL fails.
    pub fn generate(kind: Kind, common_name: &str, now: SystemTime) -> Result<Self, PairError> {
        let length = common_name.chars().count();
        if length == 0 || length > COMMON_NAME_LIMIT || common_name.chars().any(char::is_control) {
            return Err(PairError::CommonName);
        }
        let key = PKey::from_rsa(Rsa::generate(RSA_BITS)?)?;
        let mut name = X509Name::builder()?;
        name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
        let name = name.build();

        let mut builder = X509::builder()?;
        builder.set_version(2)?; // counted from 0: this is X.509 version 3
        builder.set_serial_number(serial()?.as_ref())?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        builder.set_not_before(asn1(now.checked_sub(DAY))?.as_ref())?;
        builder.set_not_after(asn1(now.checked_add(VALIDITY))?.as_ref())?;
        builder.set_pubkey(&key)?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        let mut purpose = ExtendedKeyUsage::new();
        match kind {
            Kind::Boot => purpose.code_signing(),
            Kind::Module => purpose.other(MODULE_SIGNING),
        };
        builder.append_extension(purpose.build()?)?;
        let identifier = SubjectKeyIdentifier::new();
        let identifier = identifier.build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self { kind, key, certificate: builder.build() })
    }

    /// Takes a key and its certificate as they lie on an installed machine, both PEM.
    ///
    /// # Errors
    /// When they are none, or do not belong together.
    pub fn from_pem(kind: Kind, key: &[u8], certificate: &[u8]) -> Result<Self, PairError> {
        let (key, certificate) = (PKey::private_key_from_pem(key)?, X509::from_pem(certificate)?);
        match certificate.public_key()?.public_eq(&key) {
            true => Ok(Self { kind, key, certificate }),
            false => Err(PairError::Strangers),
        }
    }

    /// What this key may sign.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The certificate as DER: what shim enrolls.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn certificate_der(&self) -> Result<Vec<u8>, PairError> {
        Ok(self.certificate.to_der()?)
    }

    /// The certificate as PEM: what `sbsign` and `ukify` read.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn certificate_pem(&self) -> Result<Vec<u8>, PairError> {
        Ok(self.certificate.to_pem()?)
    }

    /// The private key as PEM (PKCS #8, no password); the caller writes it with mode 0600.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn private_key_pem(&self) -> Result<Zeroizing<Vec<u8>>, PairError> {
        Ok(Zeroizing::new(self.key.private_key_to_pem_pkcs8()?))
    }

    /// The certificate's SHA-1 fingerprint, which MokManager shows.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn sha1(&self) -> Result<Fingerprint<20>, PairError> {
        self.fingerprint(MessageDigest::sha1())
    }

    /// The certificate's SHA-256 fingerprint, which the receipt names.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn sha256(&self) -> Result<Fingerprint<32>, PairError> {
        self.fingerprint(MessageDigest::sha256())
    }

    /// Signs `data` (RSA PKCS #1 v1.5 with SHA-256), as `openssl dgst -sha256 -verify` checks it.
    ///
    /// # Errors
    /// When OpenSSL fails.
    pub fn sign_detached(&self, data: &[u8]) -> Result<Vec<u8>, PairError> {
        let mut signer = sign::Signer::new(MessageDigest::sha256(), &self.key)?;
        Ok(signer.sign_oneshot_to_vec(data)?)
    }

    fn fingerprint<const N: usize>(&self, kind: MessageDigest) -> Result<Fingerprint<N>, PairError> {
        let digest = self.certificate.digest(kind)?;
        let mut bytes = [0; N];
        bytes.copy_from_slice(&digest);
        Ok(Fingerprint(bytes))
    }
}

/// A random positive number of exactly 159 bits: RFC 5280 allows 20 bytes, and the highest bit would be the sign.
fn serial() -> Result<Asn1Integer, PairError> {
    let mut number = BigNum::new()?;
    number.rand(159, MsbOption::ONE, false)?;
    Ok(number.to_asn1_integer()?)
}

fn asn1(time: Option<SystemTime>) -> Result<Asn1Time, PairError> {
    let time = time.ok_or(PairError::Clock)?;
    let seconds = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()),
        Err(before) => i64::try_from(before.duration().as_secs()).map(|seconds| -seconds),
    };
    Asn1Time::from_unix(seconds.map_err(|_| PairError::Clock)?).map_err(|_| PairError::Clock)
}
