//! Whether answers may run alone, as far as who made them goes.

use super::{
    command_line::CommandLine,
    fault::Fault,
    place::{MEDIUM, Place, if_there, read},
    sources::{Bringer, Found, Source},
};
use forge_engine::openpgp::{AnswersSignatureError, fingerprint as fingerprint_of, signed_by};
use forge_model::unattended::{Distrust, Trust};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Certificates in the sealed image, all of which count.
const SEALED_KEYS: &str = "/usr/share/forge/answers-keys";
/// Certificates on the medium; those count whose fingerprint the command line names.
const MEDIUM_KEYS: &str = "answers-keys";
/// The ending of a certificate.
const ENDING: &str = "pgp";

/// Who made the answers, as far as that is proved.
pub fn of(found: &Found, place: &Place, command_line: &CommandLine) -> Result<Trust, Fault> {
    match found.source {
        Source::CommandLine(_) => Ok(Trust::Pinned),
        Source::Credential(Bringer::Firmware) => Ok(Trust::Credential),
        Source::Credential(Bringer::Esp) => Ok(Trust::Untrusted { why: Distrust::FromEsp }),
        Source::Volume(_) => {
            let Some(signature) = &found.signature else { return Ok(Trust::Untrusted { why: Distrust::NotSigned }) };
            let certificates = certificates(place, command_line)?;
            match signed_by(&found.bytes, signature, &certificates, SystemTime::now()) {
                Ok(fingerprint) => Ok(Trust::Signed { fingerprint: fingerprint.to_hex() }),
                // Somebody changed them, or the signature. They are not even a proposal.
                Err(error @ AnswersSignatureError::Bad { .. }) => Err(Fault::Signature(error)),
                Err(AnswersSignatureError::NoCertificate) => Ok(not_listed(None)),
                Err(AnswersSignatureError::UnknownKey(key)) => Ok(not_listed(key.map(|key| key.to_hex()))),
                Err(error) => {
                    let details = crate::failure::Chain(&error).to_string();
                    Ok(Trust::Untrusted { why: Distrust::BadSignature { details } })
                }
            }
        }
    }
}

fn not_listed(fingerprint: Option<String>) -> Trust {
    Trust::Untrusted { why: Distrust::NotListed { fingerprint } }
}

/// Every certificate that the medium lists.
fn certificates(place: &Place, command_line: &CommandLine) -> Result<Vec<Vec<u8>>, Fault> {
    let mut certificates = Vec::new();
    for path in files(&place.at(SEALED_KEYS))? {
        certificates.push(read(&path).map_err(|error| Fault::NotRead { place: path, error })?);
    }
    for path in files(&place.at(MEDIUM).join(MEDIUM_KEYS))? {
        let bytes = read(&path).map_err(|error| Fault::NotRead { place: path.clone(), error })?;
        let fingerprint = fingerprint_of(&bytes)
            .map_err(|error| Fault::Certificate { place: path, reason: crate::failure::Chain(&error).to_string() })?;
        if command_line.signers.contains(&fingerprint.to_hex()) {
            certificates.push(bytes);
        }
    }
    Ok(certificates)
}

/// The certificates of a directory in a fixed order; none where it is missing.
fn files(directory: &Path) -> Result<Vec<PathBuf>, Fault> {
    let entries = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut found =
        if_there(entries()).map_err(|error| Fault::NotRead { place: directory.into(), error })?.unwrap_or_default();
    found.retain(|path| path.extension().is_some_and(|ending| ending == ENDING));
    found.sort();
    Ok(found)
}
