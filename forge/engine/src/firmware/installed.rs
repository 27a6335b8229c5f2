//! The firmware of an installed machine: added and taken away.
//!
//! Nothing is written before the whole bundle is proved against the signed manifest. Then every file is written beside the
//! place where it belongs, and only when all of them are on the disk they are renamed. The image comes last and goes first:
//! systemd merges only what is complete.

use super::{
    CONSENTS, EXTENSIONS, addon_file,
    companion::{self, CompanionError},
    consent_file, consent_signature_file, image_file, new_file, release, root_hash_file,
};
use crate::{
    mok::{Kind, Pair, PairError},
    openpgp::{self, SignatureError},
    payload::{MANIFEST, PayloadError, SIGNATURE, copy_checked, read_index},
    system::MOK_DIRECTORY,
    tool::Tools,
    watch::Watch,
};
use forge_model::{
    Manifest,
    esp::ADDONS,
    firmware::{Bundle, Consent, FirmwareAnswer, How, is_name},
    payload::ManifestFault,
};
use std::{
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
    /// `loader/addons` of the mounted EFI system partition, or why that can not be seen.
    pub addons: Result<PathBuf, String>,
    /// `/usr/lib/os-release`, which says what fits.
    pub os_release: PathBuf,
}

impl Places {
    /// The usual places below a root, and on an EFI system partition that is mounted at `esp`.
    pub fn new(root: &Path, esp: &Path) -> Self {
        let var = root.join("var");
        Self {
            extensions: var.join(EXTENSIONS),
            consents: var.join(CONSENTS),
            keys: var.join(MOK_DIRECTORY),
            addons: Ok(esp.join(ADDONS)),
            os_release: root.join("usr/lib/os-release"),
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
    /// systemd would not merge it.
    #[error(
        "the firmware {name:?} is for another system or release than this one, and would never be in use; take it from \
             the payload of the release that is installed"
    )]
    OtherRelease {
        /// Its name.
        name: String,
    },
    /// A payload that was signed later brought what is there.
    #[error(
        "the payload with the firmware {name:?} is older than the one that the installed one came from{release}; who \
             wants the older one takes the newer one away first"
    )]
    Older {
        /// Its name.
        name: String,
        /// The release of the newer one, in words.
        release: String,
    },
    /// The archive for before the root is mounted was not brought.
    #[error("the firmware {name:?} is needed before the root is mounted, but its archive was not brought")]
    NoCompanion {
        /// Its name.
        name: String,
    },
    /// A part of the bundle lies on the EFI system partition, or may lie there, and that can not be seen.
    #[error(
        "a part of the firmware {name:?} belongs on the EFI system partition, or may lie there: {why}; nothing was changed"
    )]
    NoEsp {
        /// Its name.
        name: String,
        /// Why it can not be seen.
        why: String,
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
    let signer = openpgp::verify(&index, &signature, certificate, now)?;
    let manifest = Manifest::parse(&index)?;
    let name = &wanted.bundle;
    let bundle = manifest.firmware.iter().find(|bundle| bundle.name == *name);
    let bundle = bundle.ok_or_else(|| FirmwareError::NoSuchBundle { name: name.clone() })?;
    if bundle.image.sha256 != wanted.sha256 {
        let (found, accepted) = (bundle.image.sha256.clone(), wanted.sha256.clone());
        return Err(FirmwareError::Another { name: name.clone(), found, accepted });
    }
    fits(places, bundle)?;
    let signed_at = seconds(signer.made);
    if let Some(there) = there(places, name)
        && there.signed.is_some_and(|there| there > signed_at)
    {
        let release = there.release.map_or_else(String::new, |release| format!(", release {release}"));
        return Err(FirmwareError::Older { name: name.clone(), release });
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
    let consent = Consent {
        bundle: bundle.chosen(),
        by: by.into(),
        how: Some(How::Later),
        release: Some(manifest.release.clone()),
        signed: Some(signed_at),
        system: bundle.system.clone(),
        at: seconds(now),
        files: bundle.files.clone(),
    };
    let (json, signature) = signed(&consent, &pair)?;
    let (mut json, mut signature) = (json.as_slice(), signature.as_slice());

    if (bundle.early.is_some() || may_be_early(places, name))
        && let Err(why) = &places.addons
    {
        return Err(FirmwareError::NoEsp { name: name.clone(), why: why.clone() });
    }
    let root_hash = format!("{}\n", bundle.root_hash);
    let mut files: Vec<(&Path, String, &mut dyn Read)> = vec![
        (&places.consents, consent_file(name), &mut json),
        (&places.consents, consent_signature_file(name), &mut signature),
    ];
    let mut addon = addon;
    if let (Some(addon), Ok(addons)) = (&mut addon, &places.addons) {
        addon.rewind().map_err(|source| FirmwareError::File { path: addons.clone(), source })?;
        files.push((addons, addon_file(name), addon));
    }
    let mut root_hash = root_hash.as_bytes();
    files.push((&places.extensions, root_hash_file(name), &mut root_hash));
    files.push((&places.extensions, image_file(name), &mut image));

    // From here on it is written. What was there under this name stays until all of the new is on the disk.
    let names: Vec<(PathBuf, String)> = files.iter().map(|(at, file, _)| (at.to_path_buf(), file.clone())).collect();
    let written = files.iter_mut().try_for_each(|(directory, file, from)| write_new(directory, file, *from));
    if let Err(error) = written {
        for (directory, file) in &names {
            let _ = fs::remove_file(directory.join(new_file(file)));
        }
        return Err(error);
    }
    // Between these two an image has the root hash of another one, and systemd takes none of them.
    for (directory, file) in &names {
        let path = directory.join(file);
        let renamed = fs::rename(directory.join(new_file(file)), &path).and_then(|()| sync_directory(directory));
        renamed.map_err(|source| FirmwareError::File { path, source })?;
    }
    if let (None, Ok(addons)) = (&bundle.early, &places.addons) {
        delete(addons, &addon_file(name))?;
    }
    Ok(consent)
}

/// Refuses what systemd would leave out without a word.
fn fits(places: &Places, bundle: &Bundle) -> Result<(), FirmwareError> {
    let Some(system) = &bundle.system else { return Ok(()) };
    let path = &places.os_release;
    let text = fs::read_to_string(path).map_err(|source| FirmwareError::File { path: path.clone(), source })?;
    match release::fits(system, &text) {
        true => Ok(()),
        false => Err(FirmwareError::OtherRelease { name: bundle.name.clone() }),
    }
}

/// The consent that is there under this name, if it can be read. Its signature is of no matter here: who could change it
/// could as well remove it.
fn there(places: &Places, name: &str) -> Option<Consent> {
    serde_json::from_slice(&fs::read(places.consents.join(consent_file(name))).ok()?).ok()
}

/// As a consent says a time.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
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
    if may_be_early(places, name)
        && let Err(why) = &places.addons
    {
        return Err(FirmwareError::NoEsp { name: name.into(), why: why.clone() });
    }
    match take_away(places, name)? {
        true => Ok(()),
        false => Err(FirmwareError::NotInstalled { name: name.into() }),
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

/// Whether what is there under this name has a part on the EFI system partition, or may have one: a consent that can not be
/// read does not say. Its signature is of no matter here.
fn may_be_early(places: &Places, name: &str) -> bool {
    match fs::read(places.consents.join(consent_file(name))) {
        Ok(json) => serde_json::from_slice(&json).map_or(true, |consent: Consent| consent.bundle.early),
        Err(error) if error.kind() == io::ErrorKind::NotFound => places.extensions.join(image_file(name)).exists(),
        Err(_) => true,
    }
}

/// Removes every file of a bundle, the image first, also one that was never finished; true when there was one.
fn take_away(places: &Places, name: &str) -> Result<bool, FirmwareError> {
    let mut any = false;
    let addons = places.addons.as_ref().ok().map(|addons| (addons, addon_file(name)));
    let files = [
        Some((&places.extensions, image_file(name))),
        Some((&places.extensions, root_hash_file(name))),
        addons,
        Some((&places.consents, consent_file(name))),
        Some((&places.consents, consent_signature_file(name))),
    ];
    for (directory, file) in files.into_iter().flatten() {
        any |= delete(directory, &file)?;
        any |= delete(directory, &new_file(&file))?;
    }
    Ok(any)
}

/// Removes a file; true when it was there.
fn delete(directory: &Path, file: &str) -> Result<bool, FirmwareError> {
    let path = directory.join(file);
    match fs::remove_file(&path).and_then(|()| sync_directory(directory)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FirmwareError::File { path, source }),
    }
}

/// Writes a file beside its place, and to the end onto the disk.
fn write_new(directory: &Path, name: &str, from: &mut dyn Read) -> Result<(), FirmwareError> {
    let new = directory.join(new_file(name));
    let mut write = || {
        fs::create_dir_all(directory)?;
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o644).open(&new)?;
        io::copy(from, &mut file)?;
        file.flush()?;
        file.sync_all()?;
        sync_directory(directory)
    };
    write().map_err(|source| FirmwareError::File { path: new.clone(), source })
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
