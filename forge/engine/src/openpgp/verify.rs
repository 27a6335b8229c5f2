//! Checks a detached signature against one certificate.

use std::time::{Duration, SystemTime};

use sequoia_openpgp::cert::amalgamation::key::{ErasedKeyAmalgamation, PrimaryKey};
use sequoia_openpgp::cert::amalgamation::{ValidAmalgamation, ValidateAmalgamation};
use sequoia_openpgp::cert::{Cert, CertParser};
use sequoia_openpgp::packet::key::PublicParts;
use sequoia_openpgp::packet::{Packet, Signature};
use sequoia_openpgp::parse::stream::{
    DetachedVerifierBuilder, MessageLayer, MessageStructure, VerificationError, VerificationHelper,
};
use sequoia_openpgp::parse::{PacketParser, PacketParserResult, Parse};
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::{RevocationStatus, SignatureType};

use super::{Fingerprint, Input, KeyHandle, SignatureError};

/// An index lists a few dozen files; more than this is not an index.
const INDEX_LIMIT: usize = 16 << 20;
/// A signature is some hundred bytes.
const SIGNATURE_LIMIT: usize = 64 << 10;
/// Room for a certificate with many old subkeys.
const CERTIFICATE_LIMIT: usize = 1 << 20;
/// More signatures than anyone has release keys.
const SIGNATURES_LIMIT: usize = 8;

/// Which keys of a certificate may have signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// A signing subkey, never the master key: the index of a payload.
    Subkey,
    /// Any key that is marked for signing, as people's certificates have them: answers.
    AnyForSigning,
}

/// Who signed, and when they say that they did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Fingerprint of the trusted certificate (its master key).
    pub certificate: Fingerprint,
    /// Fingerprint of the release subkey.
    pub subkey: Fingerprint,
    /// When the signature was made, to the second.
    pub made: SystemTime,
}

/// Checks that `signature` is a detached OpenPGP signature of `index` by a release subkey of `trusted`.
///
/// `trusted` holds exactly one certificate, armored or binary. Every signature in the file must be good: made by a
/// signing subkey (never the master key) that the master key certifies, that signed the certificate back, and
/// that is neither expired nor revoked, both when the signature was made and at `now`. The same for the master key.
/// Algorithms are judged by the library's standard policy at `now`.
///
/// # Errors
/// The first reason for distrust; nothing of the index may be used then.
pub fn verify(index: &[u8], signature: &[u8], trusted: &[u8], now: SystemTime) -> Result<Signer, SignatureError> {
    let certificate = read_certificate(trusted)?;
    let signatures = read_signatures(signature)?;
    verify_by(Rule::Subkey, index, signature, &signatures, &certificate, now)
}

/// The same for a certificate and signatures that were read already, and for keys as `rule` says.
pub(super) fn verify_by(
    rule: Rule,
    index: &[u8],
    signature: &[u8],
    signatures: &[Signature],
    certificate: &Cert,
    now: SystemTime,
) -> Result<Signer, SignatureError> {
    bounded(Input::Index, index, INDEX_LIMIT)?;
    let policy = StandardPolicy::at(now);
    for signature in signatures {
        judge(rule, certificate, signature, &policy, now)?;
    }

    // From here on the library decides: it does the cryptography and judges each key at the time of the signature.
    let jury = Jury { certificate, verdict: None };
    let mut verifier = DetachedVerifierBuilder::from_bytes(signature)
        .and_then(|builder| builder.with_policy(&policy, now, jury))
        .map_err(malformed)?;
    let outcome = verifier.verify_bytes(index);
    let signers = match verifier.into_helper().verdict {
        Some(verdict) => verdict?,
        None => Vec::new(),
    };
    outcome.map_err(malformed)?;
    if signers.len() != signatures.len() {
        return Err(SignatureError::Malformed(None));
    }
    signers.into_iter().next().ok_or(SignatureError::NoSignature)
}

fn bounded(input: Input, bytes: &[u8], limit: usize) -> Result<(), SignatureError> {
    if bytes.len() > limit {
        return Err(SignatureError::TooLarge { input, limit });
    }
    Ok(())
}

fn malformed(error: anyhow::Error) -> SignatureError {
    SignatureError::Malformed(Some(error.into()))
}

/// Reads a file that holds exactly one certificate.
pub(super) fn read_certificate(trusted: &[u8]) -> Result<Cert, SignatureError> {
    bounded(Input::Certificate, trusted, CERTIFICATE_LIMIT)?;
    let unusable = |error: anyhow::Error| SignatureError::Certificate(error.into());
    let mut parser = CertParser::from_bytes(trusted).map_err(unusable)?;
    let certificate = parser.next().ok_or(SignatureError::NotOneCertificate)?.map_err(unusable)?;
    if parser.next().is_some() {
        return Err(SignatureError::NotOneCertificate);
    }
    Ok(certificate)
}

/// Reads every packet of the signature file; anything but signatures is refused.
pub(super) fn read_signatures(bytes: &[u8]) -> Result<Vec<Signature>, SignatureError> {
    bounded(Input::Signature, bytes, SIGNATURE_LIMIT)?;
    if bytes.is_empty() {
        return Err(SignatureError::NoSignature);
    }
    let mut found = Vec::new();
    let mut parsing = PacketParser::from_bytes(bytes).map_err(malformed)?;
    while let PacketParserResult::Some(parser) = parsing {
        let (packet, rest) = parser.next().map_err(malformed)?;
        parsing = rest;
        match packet {
            Packet::Signature(signature) if signature.typ() == SignatureType::Binary => {
                found.push(signature);
            }
            _ => return Err(SignatureError::Malformed(None)),
        }
        if found.len() > SIGNATURES_LIMIT {
            return Err(SignatureError::TooManySignatures { limit: SIGNATURES_LIMIT });
        }
    }
    if found.is_empty() {
        return Err(SignatureError::NoSignature);
    }
    Ok(found)
}

/// Refuses a signature for what it says of itself, and for what its keys are at `now`.
fn judge(
    rule: Rule,
    certificate: &Cert,
    signature: &Signature,
    policy: &StandardPolicy,
    now: SystemTime,
) -> Result<(), SignatureError> {
    let made = signature.signature_creation_time().ok_or(SignatureError::Malformed(None))?;
    if made > now {
        return Err(SignatureError::MadeInTheFuture { made });
    }
    if let Err(error) = signature.signature_alive(now, Duration::ZERO) {
        return Err(SignatureError::SignatureExpired { when: expiry(&error) });
    }
    let master = certificate.with_policy(policy, now).map_err(|error| SignatureError::Certificate(error.into()))?;
    if let RevocationStatus::Revoked(_) = master.revocation_status() {
        return Err(SignatureError::MasterRevoked);
    }
    if let Err(error) = master.alive() {
        return Err(match expiry(&error) {
            Some(when) => SignatureError::MasterExpired { when: Some(when) },
            None => SignatureError::Certificate(error.into()),
        });
    }

    // A signature can name several keys, and the library may then choose any of them: so each must be beyond doubt.
    let issuers = signature.get_issuers();
    let mut named =
        certificate.keys().filter(|key| issuers.iter().any(|issuer| issuer.aliases(key.key().key_handle()))).peekable();
    if named.peek().is_none() {
        return Err(SignatureError::UnknownKey { key: issuers.into_iter().next() });
    }
    named.try_for_each(|key| judge_key(rule, &key, policy, now))
}

/// Refuses a key that is not valid at `now`, or not of the kind that `rule` asks for.
fn judge_key(
    rule: Rule,
    key: &ErasedKeyAmalgamation<'_, PublicParts>,
    policy: &StandardPolicy,
    now: SystemTime,
) -> Result<(), SignatureError> {
    let fingerprint = key.key().fingerprint();
    if key.primary() && rule == Rule::Subkey {
        return Err(SignatureError::NotASigningSubkey { key: fingerprint });
    }
    let subkey = match key.with_policy(policy, now) {
        Ok(subkey) => subkey,
        Err(error) => {
            return Err(SignatureError::SubkeyNotBound { key: fingerprint, source: error.into() });
        }
    };
    if let RevocationStatus::Revoked(_) = subkey.revocation_status() {
        return Err(SignatureError::SubkeyRevoked { key: fingerprint });
    }
    if let Err(error) = subkey.alive() {
        return Err(SignatureError::SubkeyExpired { key: fingerprint, when: expiry(&error) });
    }
    if !subkey.for_signing() {
        return Err(SignatureError::NotASigningSubkey { key: fingerprint });
    }
    Ok(())
}

/// When a key expired, if that is what the library complains about.
fn expiry(error: &anyhow::Error) -> Option<SystemTime> {
    match error.downcast_ref() {
        Some(sequoia_openpgp::Error::Expired(when)) => Some(*when),
        _ => None,
    }
}

/// Whether the library's policy refuses an algorithm, such as SHA-1.
fn is_policy(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(sequoia_openpgp::Error::PolicyViolation(..)))
}

/// Gives the library the one certificate, and takes its findings.
struct Jury<'a> {
    certificate: &'a Cert,
    verdict: Option<Result<Vec<Signer>, SignatureError>>,
}

impl VerificationHelper for Jury<'_> {
    fn get_certs(&mut self, _: &[KeyHandle]) -> sequoia_openpgp::Result<Vec<Cert>> {
        Ok(vec![self.certificate.clone()])
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> sequoia_openpgp::Result<()> {
        let mut signers = Vec::new();
        for layer in structure {
            let MessageLayer::SignatureGroup { results } = layer else {
                self.verdict = Some(Err(SignatureError::Malformed(None)));
                return Ok(());
            };
            for result in results {
                match result {
                    Ok(good) => signers.push(Signer {
                        certificate: good.ka.cert().fingerprint(),
                        subkey: good.ka.key().fingerprint(),
                        made: good.sig.signature_creation_time().unwrap_or(SystemTime::UNIX_EPOCH),
                    }),
                    Err(error) => {
                        self.verdict = Some(Err(refusal(error)));
                        return Ok(());
                    }
                }
            }
        }
        self.verdict = Some(Ok(signers));
        Ok(())
    }
}

/// Puts the library's refusal into our words.
fn refusal(error: VerificationError<'_>) -> SignatureError {
    match error {
        VerificationError::MissingKey { sig } => {
            SignatureError::UnknownKey { key: sig.get_issuers().into_iter().next() }
        }
        VerificationError::UnboundKey { sig, cert, error } => SignatureError::NotValidWhenMade {
            key: match sig.get_issuers().into_iter().next() {
                Some(KeyHandle::Fingerprint(key)) => key,
                _ => cert.fingerprint(),
            },
            source: error.into(),
        },
        VerificationError::BadKey { ka, error, .. } => {
            SignatureError::NotValidWhenMade { key: ka.key().fingerprint(), source: error.into() }
        }
        VerificationError::BadSignature { ka, error, .. } if is_policy(&error) => {
            SignatureError::TooWeak { key: ka.key().fingerprint(), source: error.into() }
        }
        VerificationError::BadSignature { ka, error, .. } => {
            SignatureError::DataChanged { key: ka.key().fingerprint(), source: error.into() }
        }
        VerificationError::MalformedSignature { error, .. } => malformed(error),
        _ => SignatureError::Malformed(None),
    }
}
