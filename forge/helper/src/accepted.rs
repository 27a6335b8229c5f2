//! The proprietary firmware of an installed machine: what is on it, by whose consent; added, and taken away.
//!
//! A caller brings the files of a payload, and none of them is believed: the engine proves them against the certificate of
//! this system before it writes. The consent is signed by the key of this machine.

use crate::arguments::Arguments;
use forge_dbus::{
    Error,
    backend::{Brought, InstalledFirmware},
};
use forge_engine::{
    audit::{Root, boot_partition::Mounted},
    firmware::{
        found::{self, Found},
        installed::{self, FirmwareError, Offer, Places},
    },
    tool::Tools,
    watch::Unwatched,
};
use forge_model::{
    esp::ADDONS,
    firmware::{self, Consent, FirmwareAnswer},
};
use std::{
    fmt::Display,
    fs::File,
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};
use tokio::{sync::Mutex, task::spawn_blocking};

/// The boot certificate in the directory of this machine's keys, DER.
const CERTIFICATE: &str = "boot.cer";
const PEOPLE: &str = "/etc/passwd";

/// The firmware of this machine.
pub struct Accepted {
    extensions: PathBuf,
    consents: PathBuf,
    keys: PathBuf,
    esp: Option<PathBuf>,
    os_release: PathBuf,
    certificate: PathBuf,
    /// One change at a time.
    changes: Mutex<()>,
    /// One look at a time.
    lists: Mutex<()>,
}

impl Accepted {
    /// Where the arguments say.
    pub fn new(arguments: &Arguments) -> Self {
        Self {
            extensions: arguments.extensions.clone(),
            consents: arguments.consents.clone(),
            keys: arguments.keys.clone(),
            esp: arguments.esp.clone(),
            os_release: arguments.os_release.clone(),
            certificate: arguments.certificate.clone(),
            changes: Mutex::default(),
            lists: Mutex::default(),
        }
    }

    /// Where the parts are. systemd mounts the EFI system partition when somebody looks at it, which takes its time: this is
    /// called where that holds nobody up.
    fn places(&self) -> impl FnOnce() -> Places + Send + 'static {
        let (extensions, consents, keys) = (self.extensions.clone(), self.consents.clone(), self.keys.clone());
        let (esp, os_release) = (self.esp.clone(), self.os_release.clone());
        move || {
            let mounted = || Mounted::find(&Root::default()).map(|esp| esp.directory().to_owned());
            let addons = esp.map_or_else(mounted, Ok).map(|esp| esp.join(ADDONS));
            Places { extensions, consents, keys, addons, os_release }
        }
    }

    /// Everything that is on this machine; nothing where that was not installed by Forge.
    pub async fn list(&self) -> Result<Vec<InstalledFirmware>, Error> {
        // One at a time, because each image is read to its end, and so that a change waits for one of them at most.
        let _one = self.lists.lock().await;
        let _unchanged = self.changes.lock().await;
        let places = self.places();
        let listed = spawn_blocking(move || {
            let places = places();
            let Some(certificate) = own_certificate(&places.keys)? else { return Ok(Vec::new()) };
            let found = found::list(&places, &certificate).map_err(|e| failed(&e))?;
            let words = |found: Found| InstalledFirmware {
                name: found.name,
                consent: found.consent,
                faults: found.faults.iter().map(ToString::to_string).collect(),
            };
            Ok(found.into_iter().map(words).collect())
        });
        listed.await.map_err(|e| failed(&e))?
    }

    /// Adds a bundle that this user accepts.
    pub async fn add(&self, accepted: FirmwareAnswer, brought: Brought, uid: u32) -> Result<Consent, Error> {
        let _one = self.changes.lock().await;
        let (places, certificate) = (self.places(), self.certificate.clone());
        let added = spawn_blocking(move || {
            let places = places();
            if own_certificate(&places.keys)?.is_none() {
                return Err(not_installed());
            }
            let trusted = std::fs::read(&certificate);
            let trusted = trusted.map_err(|e| Error::NoPayload(format!("{}: {e}", certificate.display())))?;
            let offer = Offer {
                manifest: File::from(brought.manifest),
                signature: File::from(brought.signature),
                image: File::from(brought.image),
                companion: brought.companion.map(File::from),
            };
            let (tools, by, now) = (Tools::default(), name_of(uid), SystemTime::now());
            installed::add(&tools, &places, &trusted, offer, &accepted, &by, now, &Unwatched).map_err(refused)
        });
        let consent = added.await.map_err(|e| failed(&e))??;
        log::info!("{} accepted the firmware {} ({})", consent.by, consent.bundle.name, consent.bundle.sha256);
        Ok(consent)
    }

    /// Takes a bundle away.
    pub async fn remove(&self, name: &str) -> Result<(), Error> {
        let _one = self.changes.lock().await;
        let (places, name) = (self.places(), name.to_owned());
        let removed = spawn_blocking(move || {
            let places = places();
            if own_certificate(&places.keys)?.is_none() {
                return Err(not_installed());
            }
            installed::remove(&places, &name).map_err(refused)?;
            log::info!("the firmware {name} was taken away");
            Ok(())
        });
        removed.await.map_err(|e| failed(&e))?
    }
}

/// Whether this can be a bundle's name: nothing else is shown to whoever is asked for a password.
pub fn is_name(name: &str) -> Result<(), Error> {
    let error = || refused(FirmwareError::Name { name: name.into() });
    firmware::is_name(name).then_some(()).ok_or_else(error)
}

/// What the one who is asked for a password sees of a hash: `(SHA-256 0123456789abcdef…)`.
pub fn begin_of_hash(sha256: &str) -> Result<String, Error> {
    let plain = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let begin = sha256.get(..16).filter(|_| plain);
    begin
        .map(|begin| format!("(SHA-256 {begin}…)"))
        .ok_or_else(|| Error::BadArgument("sha256: it is not 64 hexadecimal digits, in lower case".into()))
}

fn own_certificate(keys: &Path) -> Result<Option<Vec<u8>>, Error> {
    let path = keys.join(CERTIFICATE);
    match std::fs::read(&path) {
        Ok(certificate) => Ok(Some(certificate)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&format_args!("{}: {error}", path.display()))),
    }
}

/// The name of a user, from the file that an installed machine has; the number where it has no line there.
fn name_of(uid: u32) -> String {
    let people = std::fs::read_to_string(PEOPLE).unwrap_or_default();
    let name = people.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| uid.to_string())
}

fn not_installed() -> Error {
    Error::WrongState("this machine has no key of its own: it was not installed by Forge".into())
}

fn refused(error: FirmwareError) -> Error {
    let text = error.to_string();
    match error {
        FirmwareError::Signature(_) | FirmwareError::Manifest(_) | FirmwareError::Payload(_) => Error::NoPayload(text),
        FirmwareError::NoSuchBundle { .. }
        | FirmwareError::Another { .. }
        | FirmwareError::OtherRelease { .. }
        | FirmwareError::Older { .. }
        | FirmwareError::NoCompanion { .. }
        | FirmwareError::Name { .. } => Error::BadArgument(text),
        FirmwareError::NotInstalled { .. } | FirmwareError::NoEsp { .. } => Error::WrongState(text),
        FirmwareError::Pair(_) | FirmwareError::Companion(_) | FirmwareError::File { .. } => Error::Failed(text),
    }
}

fn failed(error: &dyn Display) -> Error {
    Error::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_asked_for_a_password_reads_only_names_and_hashes() {
        assert!(is_name("intel-wifi").is_ok());
        for name in ["", "intel-wifi. All is well", "a\nb", "<b>x</b>", "../x"] {
            assert!(is_name(name).is_err(), "{name:?}");
        }
        assert_eq!(begin_of_hash(&"0123456789abcdef".repeat(4)).unwrap(), "(SHA-256 0123456789abcdef…)");
        for hash in ["", "abc", &"g".repeat(64), &"ä".repeat(32), &"A".repeat(64)] {
            assert!(begin_of_hash(hash).is_err(), "{hash:?}");
        }
    }
}
