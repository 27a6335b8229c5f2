//! What this machine's firmware, and shim under it, would say to a boot chain, before anything is written.
//!
//! - [`Chain`]: the boot files of a payload, and what of them decides: hashes, signers, generations
//! - [`faults`]: the chain held against the firmware's variables
//!
//! Rules: the UEFI specification, section 32.5.3.3 (`db`, `dbx`), as EDK2's image verification follows them, and shim's
//! `SBAT.md`. What can not be read stops nothing: the install goes on as if this had not been asked.

mod image;
mod sbat;

#[cfg(test)]
mod tests;

use forge_model::machine::{BootFile, ChainFault, Preflight, SecureBoot};
use openssl::{
    nid::Nid,
    x509::{X509, X509Ref, X509VerifyResult},
};
use std::io::Read;

use crate::{
    efivars::{self, SECURITY_DATABASE, SHIM_LOCK, SignatureKind, Variables, signatures},
    payload::{Payload, PayloadError},
    watch::Watch,
};
use image::Image;
use sbat::Level;

/// Chains of certificates are three long; a longer one is a circle.
const LONGEST_CHAIN: usize = 8;
/// shim splits a long list: `MokListXRT`, `MokListXRT1`, and so on.
const PARTS: usize = 64;

/// The boot files of a payload, as far as they decide whether a firmware starts them.
pub struct Chain {
    images: Vec<(BootFile, Option<Image>)>,
}

impl Chain {
    /// Reads the boot files of a payload, each checked by the signed index.
    ///
    /// # Errors
    /// When one can not be read, or is not the one that was signed.
    pub fn of(payload: &Payload, watch: &dyn Watch) -> Result<Self, PayloadError> {
        let boot = &payload.manifest.boot;
        let mut images = Vec::new();
        for (which, entry) in [
            (BootFile::Shim, &boot.shim),
            (BootFile::MokManager, &boot.mok_manager),
            (BootFile::Fallback, &boot.fallback),
            (BootFile::Grub, &boot.grub),
        ] {
            let mut bytes = Vec::new();
            let read = payload.copy(entry, watch)?.read_to_end(&mut bytes);
            read.map_err(|source| PayloadError::Read { path: entry.path.clone(), source })?;
            images.push((which, Image::parse(&bytes)));
        }
        Ok(Self { images })
    }

    /// The same from bytes.
    #[cfg(test)]
    fn from_bytes(files: &[(BootFile, &[u8])]) -> Self {
        Self { images: files.iter().map(|(which, bytes)| (*which, Image::parse(bytes))).collect() }
    }

    fn image(&self, wanted: BootFile) -> Option<&Image> {
        self.images.iter().find(|(which, _)| *which == wanted)?.1.as_ref()
    }
}

/// The firmware, and what it has against a chain; nothing where the machine was not started by UEFI.
#[must_use]
pub fn check(variables: &Variables, chain: Option<&Chain>) -> Option<Preflight> {
    let firmware = efivars::firmware(variables)?;
    // Otherwise nobody checks, and a chain that would be refused starts.
    let checked = firmware.secure_boot == SecureBoot::On;
    let faults = chain.filter(|_| checked).map(|chain| faults(variables, chain, firmware.shim_validates));
    Some(Preflight { firmware, faults: faults.unwrap_or_default() })
}

/// Everything for which a firmware that checks, or shim under it, would refuse the chain.
#[must_use]
pub fn faults(variables: &Variables, chain: &Chain, shim_validates: bool) -> Vec<ChainFault> {
    let database = Database::read(variables, "db", SECURITY_DATABASE);
    let revoked = Database::read(variables, "dbx", SECURITY_DATABASE);
    let revoked_by_shim = Database::read_parts(variables, "MokListXRT");
    let level = Level::in_force(
        variables.read("SbatLevelRT", SHIM_LOCK).ok().flatten().map(|variable| variable.data.clone()).as_deref(),
        chain.image(BootFile::Shim).and_then(|shim| shim.built_in_level.as_deref()),
    );
    let mut faults = Vec::new();
    for (file, image) in &chain.images {
        let file = *file;
        // What comes after shim is checked by shim, if it checks.
        if file != BootFile::Shim && !shim_validates {
            continue;
        }
        let Some(image) = image else {
            faults.push(ChainFault::NoImage { file });
            continue;
        };
        // This machine's own key will sign GRUB, and shim brings the key of its helpers: only shim needs the firmware's.
        if file == BootFile::Shim {
            faults.extend(database.as_ref().and_then(|database| unknown(file, image, database)));
        }
        let lists = [revoked.as_ref(), revoked_by_shim.as_ref().filter(|_| file != BootFile::Shim)];
        faults.extend(lists.into_iter().flatten().find_map(|list| revocation(file, image, list)));
        faults.extend(generations(file, image, level.as_ref()));
    }
    faults
}

/// What a variable with signature lists holds.
#[derive(Default)]
struct Database {
    certificates: Vec<X509>,
    hashes: Vec<Vec<u8>>,
}

impl Database {
    /// Nothing when there is no such variable, or it can not be read: then it decides nothing.
    fn read(variables: &Variables, name: &str, guid: &str) -> Option<Self> {
        let content = variables.read(name, guid).unwrap_or_else(|error| {
            log::warn!("{error}; it decides nothing");
            None
        });
        let content = content?;
        let mut found = Self::default();
        for entry in signatures(&content.data) {
            match entry.kind {
                SignatureKind::X509 => found.certificates.extend(X509::from_der(entry.data).ok()),
                SignatureKind::Sha256 => found.hashes.push(entry.data.to_vec()),
                SignatureKind::X509Sha256 | SignatureKind::Other => {}
            }
        }
        Some(found)
    }

    /// A list of shim's that may lie in several variables.
    fn read_parts(variables: &Variables, name: &str) -> Option<Self> {
        let mut all = Self::read(variables, name, SHIM_LOCK)?;
        for part in 1..PARTS {
            let Some(more) = Self::read(variables, &format!("{name}{part}"), SHIM_LOCK) else { break };
            all.certificates.extend(more.certificates);
            all.hashes.extend(more.hashes);
        }
        Some(all)
    }

    /// The certificate of the list that is in a chain, or issued one of it.
    fn vouches<'a>(&'a self, chain: &[X509]) -> Option<&'a X509> {
        self.certificates.iter().find(|known| chain.iter().any(|link| is_same(known, link) || issued(known, link)))
    }
}

/// Whether nobody whom the firmware knows has signed an image.
fn unknown(file: BootFile, image: &Image, database: &Database) -> Option<ChainFault> {
    let chains = image.signers.iter().map(|(signer, others)| chain_of(signer, others));
    let chains: Vec<Vec<X509>> = chains.collect();
    let known = chains.iter().any(|chain| database.vouches(chain).is_some());
    match () {
        () if known || database.hashes.iter().any(|hash| hash[..] == image.digest) => None,
        () if chains.is_empty() => Some(ChainFault::NotSigned { file }),
        () => Some(ChainFault::UnknownAuthority {
            file,
            // The last one that is in the file is the authority that the firmware would have to know.
            signed_by: chains.iter().filter_map(|chain| chain.last()).map(|last| name(last)).collect(),
            known: database.certificates.iter().map(|known| name(known)).collect(),
        }),
    }
}

/// Whether an image, or a certificate of one of its signatures, is in a list of what is revoked.
fn revocation(file: BootFile, image: &Image, list: &Database) -> Option<ChainFault> {
    if list.hashes.iter().any(|hash| hash[..] == image.digest) {
        return Some(ChainFault::RevokedImage { file, sha256: hex::encode(image.digest) });
    }
    // One signature that is revoked is enough for a refusal, whatever the others are.
    let mut chains = image.signers.iter().map(|(signer, others)| chain_of(signer, others));
    let revoked = chains.find_map(|chain| list.vouches(&chain).map(|certificate| name(certificate)))?;
    Some(ChainFault::RevokedCertificate { file, subject: revoked })
}

/// Every part of an image whose generation is below the level.
fn generations(file: BootFile, image: &Image, level: Option<&Level>) -> Vec<ChainFault> {
    let Some(entries) = &image.generations else { return vec![ChainFault::NoGeneration { file }] };
    let too_old = |(component, has): &(String, u32)| {
        let needs = level?.of(component).filter(|needs| needs > has)?;
        Some(ChainFault::RevokedGeneration { file, component: component.clone(), has: *has, needs })
    };
    entries.iter().filter_map(too_old).collect()
}

/// The certificates from a signer upwards, as far as the signature holds them.
fn chain_of(signer: &X509, others: &[X509]) -> Vec<X509> {
    let mut chain = vec![signer.clone()];
    while chain.len() < LONGEST_CHAIN {
        let next =
            chain.last().and_then(|last| others.iter().find(|other| !is_same(other, last) && issued(other, last)));
        match next.cloned() {
            Some(next) => chain.push(next),
            None => break,
        }
    }
    chain
}

fn is_same(one: &X509Ref, other: &X509Ref) -> bool {
    matches!((one.to_der(), other.to_der()), (Ok(one), Ok(other)) if one == other)
}

/// Whether one certificate issued another: by name, and by its signature.
fn issued(issuer: &X509Ref, certificate: &X509Ref) -> bool {
    issuer.issued(certificate) == X509VerifyResult::OK
        && issuer.public_key().and_then(|key| certificate.verify(&key)).unwrap_or(false)
}

/// The common name of a certificate, for people.
fn name(certificate: &X509Ref) -> String {
    let name = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next();
    name.and_then(|entry| entry.data().to_string().ok()).unwrap_or_default()
}
