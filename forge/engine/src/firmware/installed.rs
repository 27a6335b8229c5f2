//! The firmware of an installed machine: added, listed, taken away.
//!
//! Nothing is written before the whole bundle is proved against the signed manifest. The image comes last and goes first:
//! systemd merges only what is complete.

use super::{
    ADDONS, CONSENTS, EXTENSIONS, addon_file,
    companion::{self, CompanionError},
    consent_file, consent_signature_file, image_file, root_hash_file,
};
use crate::{
    mok::{Kind, Pair, PairError},
    openpgp::{self, SignatureError},
    payload::{MANIFEST, PayloadError, SIGNATURE, copy_checked, read_index, sha256_of},
    system::MOK_DIRECTORY,
    tool::Tools,
    verify,
    watch::Watch,
};
use forge_model::{
    Manifest,
    firmware::{Consent, FirmwareAnswer},
    payload::ManifestFault,
};
use openssl::x509::X509;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Where an installed machine keeps firmware.
#[derive(Debug, Clone)]
pub struct Places {
    /// `/var/lib/extensions`
    pub extensions: PathBuf,
    /// `/var/lib/forge/firmware`
    pub consents: PathBuf,
    /// `/var/lib/forge/mok`
    pub keys: PathBuf,
    /// `loader/addons` of the mounted EFI system partition.
    pub addons: PathBuf,
}

impl Places {
    /// The usual places below a root, and on an EFI system partition that is mounted at `esp`.
    pub fn new(root: &Path, esp: &Path) -> Self {
        let var = root.join("var");
        Self {
            extensions: var.join(EXTENSIONS),
            consents: var.join(CONSENTS),
            keys: var.join(MOK_DIRECTORY),
            addons: esp.join(ADDONS),
        }
    }
}

/// The files of a payload that a caller brings; none of them is believed.
pub struct Offer {
    /// `manifest.json`
    pub manifest: File,
    /// `manifest.json.sig`
    pub signature: File,
    /// The bundle's image.
    pub image: File,
    /// The bundle's archive, if the manifest names one.
    pub companion: Option<File>,
}

/// Why a bundle was not added or taken away.
#[derive(Debug, thiserror::Error)]
pub enum FirmwareError {
    /// The signature of the index is not good.
    #[error("{SIGNATURE}: {0}")]
    Signature(#[from] SignatureError),
    /// The index is signed, but makes no sense.
    #[error(transparent)]
    Manifest(#[from] ManifestFault),
    /// A file is not as signed, or can not be read.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The payload has no such bundle.
    #[error("the payload has no firmware {name:?}")]
    NoSuchBundle {
        /// The name asked for.
        name: String,
    },
    /// The bundle is another one than was accepted.
    #[error("the payload's firmware {name:?} has the SHA-256 {found}, and {accepted} was accepted")]
    Another {
        /// Its name.
        name: String,
        /// SHA-256 of the image in the manifest.
        found: String,
        /// SHA-256 that was accepted.
        accepted: String,
    },
    /// The archive for before the root is mounted was not brought.
    #[error("the firmware {name:?} is needed before the root is mounted, but its archive was not brought")]
    NoCompanion {
        /// Its name.
        name: String,
    },
    /// No such bundle is installed.
    #[error("no firmware {name:?} is installed")]
    NotInstalled {
        /// The name asked for.
        name: String,
    },
    /// The name can not be one.
    #[error("{name:?} is no name of firmware: lower-case letters, digits and \"-\"")]
    Name {
        /// The name asked for.
        name: String,
    },
    /// This machine's key can not be used.
    #[error("this machine's key can not be used: {0}")]
    Pair(#[from] PairError),
    /// The addon can not be made.
    #[error(transparent)]
    Companion(#[from] CompanionError),
    /// A file can not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Proves a bundle against the signed manifest, and installs it with the consent of the person named by `by`.
///
/// `certificate` is the OpenPGP certificate that the system trusts. It is there when the machine starts the next time, or
/// when systemd-sysext is told to refresh. The same name again replaces what was there.
#[expect(clippy::too_many_arguments, reason = "each is another thing, and all are needed")]
pub fn add(
    tools: &Tools,
    places: &Places,
    certificate: &[u8],
    offer: Offer,
    wanted: &FirmwareAnswer,
    by: &str,
    now: SystemTime,
    watch: &dyn Watch,
) -> Result<Consent, FirmwareError> {
    let index = read_index(MANIFEST, plain(MANIFEST, offer.manifest)?)?;
    let signature = read_index(SIGNATURE, plain(SIGNATURE, offer.signature)?)?;
    openpgp::verify(&index, &signature, certificate, now)?;
    let manifest = Manifest::parse(&index)?;
    let name = &wanted.bundle;
    let bundle = manifest.firmware.iter().find(|bundle| bundle.name == *name);
    let bundle = bundle.ok_or_else(|| FirmwareError::NoSuchBundle { name: name.clone() })?;
    if bundle.image.sha256 != wanted.sha256 {
        let (found, accepted) = (bundle.image.sha256.clone(), wanted.sha256.clone());
        return Err(FirmwareError::Another { name: name.clone(), found, accepted });
    }
    let mut image = copy_checked(plain(&bundle.image.path, offer.image)?, &bundle.image, watch)?;
    let pair = pair(places)?;
    let addon = match (&bundle.early, offer.companion) {
        (None, _) => None,
        (Some(_), None) => return Err(FirmwareError::NoCompanion { name: name.clone() }),
        (Some(entry), Some(archive)) => {
            let archive = copy_checked(plain(&entry.path, archive)?, entry, watch)?;
            Some(companion::addon(tools, &pair, bundle.kind, &archive)?)
        }
    };
    let at = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let consent = Consent { bundle: bundle.chosen(), by: by.into(), at, files: bundle.files.clone() };
    let (json, signature) = signed(&consent, &pair)?;

    // From here on it is written. What was there under this name goes first: it would not fit the new root hash.
    take_away(places, name)?;
    for directory in [&places.extensions, &places.consents] {
        fs::create_dir_all(directory).map_err(|source| FirmwareError::File { path: directory.clone(), source })?;
    }
    put(&places.consents, &consent_file(name), &mut json.as_slice())?;
    put(&places.consents, &consent_signature_file(name), &mut signature.as_slice())?;
    if let Some(mut addon) = addon {
        let file = |source| FirmwareError::File { path: places.addons.clone(), source };
        fs::create_dir_all(&places.addons).map_err(file)?;
        addon.rewind().map_err(file)?;
        put(&places.addons, &addon_file(name), &mut addon)?;
    }
    put(&places.extensions, &root_hash_file(name), &mut format!("{}\n", bundle.root_hash).as_bytes())?;
    put(&places.extensions, &image_file(name), &mut image)?;
    Ok(consent)
}

/// A caller can bring any descriptor; only a plain file has an end. It is read from its start.
fn plain(path: &str, mut file: File) -> Result<File, PayloadError> {
    let read = |source| PayloadError::Read { path: path.into(), source };
    if !file.metadata().map_err(read)?.is_file() {
        return Err(read(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file")));
    }
    file.rewind().map_err(read)?;
    Ok(file)
}

/// A consent as it lies on a machine, and its signature.
pub fn signed(consent: &Consent, pair: &Pair) -> Result<(Vec<u8>, Vec<u8>), PairError> {
    let mut json = serde_json::to_vec_pretty(consent).unwrap_or_default();
    json.push(b'\n');
    let signature = pair.sign_detached(&json)?;
    Ok((json, signature))
}

/// Takes a bundle away: its image, its addon, its consent. What is merged stays until the machine starts again.
pub fn remove(places: &Places, name: &str) -> Result<(), FirmwareError> {
    if !is_name(name) {
        return Err(FirmwareError::Name { name: name.into() });
    }
    match take_away(places, name)? {
        true => Ok(()),
        false => Err(FirmwareError::NotInstalled { name: name.into() }),
    }
}

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

fn pair(places: &Places) -> Result<Pair, FirmwareError> {
    let read = |name: &str| {
        let path = places.keys.join(name);
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        let read = File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes));
        read.map(|_| bytes).map_err(|source| FirmwareError::File { path, source })
    };
    Ok(Pair::from_pem(Kind::Boot, &read("boot.key")?, &read("boot.pem")?)?)
}

/// Removes every file of a bundle, the image first; true when there was one.
fn take_away(places: &Places, name: &str) -> Result<bool, FirmwareError> {
    let mut any = false;
    for (directory, file) in [
        (&places.extensions, image_file(name)),
        (&places.extensions, root_hash_file(name)),
        (&places.addons, addon_file(name)),
        (&places.consents, consent_file(name)),
        (&places.consents, consent_signature_file(name)),
    ] {
        let path = directory.join(file);
        match fs::remove_file(&path).and_then(|()| sync_directory(directory)) {
            Ok(()) => any = true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(FirmwareError::File { path, source }),
        }
    }
    Ok(any)
}

/// Writes a file so that it is there as a whole or not at all.
fn put(directory: &Path, name: &str, from: &mut dyn Read) -> Result<(), FirmwareError> {
    let (path, new) = (directory.join(name), directory.join(format!(".{name}.new")));
    let mut write = || {
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o644).open(&new)?;
        io::copy(from, &mut file)?;
        file.flush()?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        sync_directory(directory)
    };
    let written = write();
    written.map_err(|source| {
        let _ = fs::remove_file(&new);
        FirmwareError::File { path, source }
    })
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn is_name(name: &str) -> bool {
    forge_model::firmware::is_name(name)
}
