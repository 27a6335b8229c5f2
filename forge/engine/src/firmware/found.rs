//! The firmware that is found on an installed machine, held against the consents that its key signed.

use super::{addon_file, consent_file, consent_signature_file, image_file, installed::Places, root_hash_file};
use crate::{payload::sha256_of, verify};
use forge_model::firmware::{Consent, is_name};
use openssl::x509::X509;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::Path,
};

/// What is wrong with a bundle on a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody's consent is there.
    #[error("nobody's consent to it is there")]
    NoConsent,
    /// The consent is not signed by this machine's key, or is not one.
    #[error("its consent is not good: {why}")]
    Consent {
        /// Why.
        why: String,
    },
    /// There is a consent, but no image.
    #[error("its image is missing")]
    NoImage,
    /// The image is another one than was accepted.
    #[error("its image has the SHA-256 {found}, which nobody accepted")]
    Image {
        /// SHA-256 of the image.
        found: String,
    },
    /// The root hash beside the image is missing or another one: systemd would take the image without proof, or not at all.
    #[error("the root hash beside its image is missing or another one")]
    RootHash,
    /// A part of it was needed before the root is mounted, but the addon is missing.
    #[error("its addon of the boot image is missing")]
    NoAddon,
    /// An addon is there that nobody accepted.
    #[error("an addon of the boot image is there that nobody accepted")]
    Addon,
    /// A file can not be read.
    #[error("{what} can not be read: {why}")]
    Unread {
        /// Which file.
        what: String,
        /// Why.
        why: String,
    },
}

/// A bundle that was found on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// The consent, if it is good.
    pub consent: Option<Consent>,
    /// Everything that is wrong.
    pub faults: Vec<Fault>,
}

/// Every bundle of which a part is on this machine, by name. `certificate` is the boot certificate (DER); each image is read
/// to its end.
pub fn list(places: &Places, certificate: &[u8]) -> io::Result<Vec<Found>> {
    let between = |directory: &Path, prefix: &str, suffix: &str| -> io::Result<Vec<String>> {
        let names = match fs::read_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())),
        };
        let names: Vec<String> = names.collect::<io::Result<_>>()?;
        let name = |name: &String| Some(name.strip_prefix(prefix)?.strip_suffix(suffix)?.to_owned());
        Ok(names.iter().filter_map(name).filter(|name| is_name(name)).collect())
    };
    let mut names = BTreeSet::new();
    names.extend(between(&places.extensions, "firmware-", ".raw")?);
    names.extend(between(&places.consents, "", ".json")?);
    names.extend(between(&places.addons, "firmware-", ".addon.efi")?);
    Ok(names.into_iter().map(|name| look(places, certificate, name)).collect())
}

fn look(places: &Places, certificate: &[u8], name: String) -> Found {
    let mut faults = Vec::new();
    let consent = consent(places, certificate, &name).map_err(|fault| faults.push(fault)).ok();
    let addon = places.addons.join(addon_file(&name)).exists();
    match (&consent, addon) {
        (Some(consent), false) if consent.bundle.early => faults.push(Fault::NoAddon),
        (Some(consent), true) if !consent.bundle.early => faults.push(Fault::Addon),
        (None, true) => faults.push(Fault::Addon),
        _ => {}
    }
    let path = places.extensions.join(image_file(&name));
    match (&consent, File::open(&path).and_then(|mut image| sha256_of(&mut image)).map(hex::encode)) {
        (Some(_), Err(error)) if error.kind() == io::ErrorKind::NotFound => faults.push(Fault::NoImage),
        (None, Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
        (_, Err(error)) => {
            faults.push(Fault::Unread { what: path.display().to_string(), why: error.to_string() });
        }
        (Some(consent), Ok(found)) if found != consent.bundle.sha256 => faults.push(Fault::Image { found }),
        (_, Ok(_)) => {}
    }
    if let Some(consent) = &consent {
        let beside = fs::read_to_string(places.extensions.join(root_hash_file(&name)));
        if !beside.is_ok_and(|text| text.trim() == consent.bundle.root_hash.to_string()) {
            faults.push(Fault::RootHash);
        }
    }
    Found { name, consent, faults }
}

/// Reads a consent and checks its signature.
fn consent(places: &Places, certificate: &[u8], name: &str) -> Result<Consent, Fault> {
    let bad = |why: &dyn std::fmt::Display| Fault::Consent { why: why.to_string() };
    let read = |file: String| fs::read(places.consents.join(file));
    let json = read(consent_file(name)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Fault::NoConsent,
        _ => bad(&error),
    })?;
    let signature = read(consent_signature_file(name)).map_err(|e| bad(&e))?;
    let certificate = X509::from_der(certificate).map_err(|e| bad(&e))?;
    verify::check_signature(&certificate, &json, &signature).map_err(|e| bad(&e))?;
    let consent: Consent = serde_json::from_slice(&json).map_err(|e| bad(&e))?;
    match consent.bundle.name == name {
        true => Ok(consent),
        false => Err(bad(&format_args!("it is for {:?}", consent.bundle.name))),
    }
}
