//! Where answers come from. The first source that is there wins; one that is there and can not be read stops everything,
//! so that nobody gets a weaker one taken by breaking a stronger one.

use super::{
    command_line::{CommandLine, Pinned},
    fault::Fault,
    place::{MEDIUM, Place, if_there, read},
    volume::{self, Volume, VolumeFault},
};
use forge_model::{
    Answers,
    answers::{Password, UserOverride},
};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt, io, path::Path, time::Duration};
use tokio::time::{Instant, sleep};
use zbus::Connection;

/// The credential that holds answers, whoever brought it.
const CREDENTIAL: &str = "forge.answers";
/// The same under the name that the unit gives to what the machine's firmware brought, and to nothing else. It holds
/// [`NONE`] where the firmware brought none.
const FROM_FIRMWARE: &str = "given-forge.answers";
/// What the unit puts there then; systemd takes no empty text.
const NONE: &[u8] = b"none";
/// The answers on the volume, and their signature.
const ON_VOLUME: [&str; 2] = ["answers.toml", "answers.toml.sig"];
/// How long a volume is looked for where nothing depends on it.
pub const SHORTLY: Duration = Duration::from_secs(5);
/// When no drive came for so long, none is expected any more.
const QUIET: Duration = Duration::from_secs(3);
/// How often the volumes are looked at while one is waited for.
const LOOK: Duration = Duration::from_millis(500);

/// A source that has answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file of the medium, pinned by its hash on the kernel's command line.
    CommandLine(Pinned),
    /// The system credential.
    Credential(Bringer),
    /// The volume, by its device.
    Volume(String),
}

/// Who brought a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bringer {
    /// The tables of the machine's firmware (SMBIOS, fw_cfg): whoever fills them has this machine anyway.
    Firmware,
    /// The EFI system partition, which nothing protects: systemd-stub takes what lies there.
    Esp,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(pinned) => {
                write!(f, "/{} of the medium, which the kernel's command line names", pinned.path.display())
            }
            Self::Credential(Bringer::Firmware) => write!(f, "the credential {CREDENTIAL}"),
            Self::Credential(Bringer::Esp) => write!(f, "the credential {CREDENTIAL}, which lay on the ESP"),
            Self::Volume(device) => write!(f, "answers.toml on the volume {device}"),
        }
    }
}

impl Source {
    /// One word, for programs.
    pub fn id(&self) -> &'static str {
        match self {
            Self::CommandLine(_) => "command-line",
            Self::Credential(_) => "credential",
            Self::Volume(_) => "volume",
        }
    }
}

/// What was found.
pub struct Search {
    /// What the kernel's command line says.
    pub command_line: CommandLine,
    /// The volume with the label; answers may be on it, and files can be left on it.
    pub volume: Option<Volume>,
    credential: Option<(Bringer, Vec<u8>)>,
}

/// Answers as they were read.
#[derive(Debug)]
pub struct Found {
    /// From where.
    pub source: Source,
    /// The bytes, which a signature is of.
    pub bytes: Vec<u8>,
    /// The signature that lies beside them.
    pub signature: Option<Vec<u8>>,
    /// The sealed files that they name, as they lie beside them.
    pub sealed: BTreeMap<String, Vec<u8>>,
}

impl Search {
    /// Looks at every source. The volume gets some time to appear, and more of it where none of the others has anything.
    pub async fn new(place: &Place, bus: &Connection, patience: Duration) -> Result<Self, Fault> {
        let not_read = |at: &str| {
            let place = place.at(at);
            move |error| Fault::NotRead { place, error }
        };
        let text = place.text("/proc/cmdline").map_err(not_read("/proc/cmdline"))?.unwrap_or_default();
        let command_line = CommandLine::read(&text)?;
        let given = place.credential(FROM_FIRMWARE).map_err(not_read(FROM_FIRMWARE))?.filter(|bytes| bytes != NONE);
        let credential = match given {
            Some(bytes) => Some((Bringer::Firmware, bytes)),
            None => place.credential(CREDENTIAL).map_err(not_read(CREDENTIAL))?.map(|bytes| (Bringer::Esp, bytes)),
        };
        let others = command_line.answers.is_some() || credential.is_some();
        let volume = wait_for_volume(bus, if others { SHORTLY.min(patience) } else { patience }).await?;
        Ok(Self { command_line, volume, credential })
    }

    /// Every source that is there, in the order in which they count.
    pub fn sources(&self) -> Vec<Source> {
        let pinned = self.command_line.answers.clone().map(Source::CommandLine);
        let credential = self.credential.as_ref().map(|(bringer, _)| Source::Credential(*bringer));
        let volume = self.volume.as_ref().map(|volume| Source::Volume(volume.device.clone()));
        pinned.into_iter().chain(credential).chain(volume).collect()
    }

    /// Reads the first.
    pub async fn first(&self, place: &Place) -> Result<Found, Fault> {
        match self.sources().into_iter().next() {
            None => Err(Fault::NoAnswers),
            Some(source @ Source::Credential(_)) => {
                let bytes = self.credential.as_ref().map(|(_, bytes)| bytes.clone()).unwrap_or_default();
                Ok(Found { source, bytes, signature: None, sealed: BTreeMap::new() })
            }
            Some(Source::CommandLine(pinned)) => pinned_file(place, pinned),
            Some(source @ Source::Volume(_)) => {
                let volume = self.volume.as_ref().ok_or(Fault::NoAnswers)?;
                let mounted = volume.mount(false).await?;
                let place = mounted.place.clone();
                let found = volume.files(move || on_volume(source, &place)).await;
                mounted.unmount().await?;
                found?
            }
        }
    }
}

/// The volume, which may take some time to appear after a start.
pub async fn wait_for_volume(bus: &Connection, patience: Duration) -> Result<Option<Volume>, VolumeFault> {
    let end = Instant::now() + patience;
    loop {
        let volume = Volume::find(bus).await?;
        if volume.is_some() || Instant::now() >= end {
            return Ok(volume);
        }
        sleep(LOOK).await;
    }
}

/// Waits for the volume as long as drives come, and not longer: the screen waits for this.
pub async fn wait_while_drives_come(bus: &Connection, patience: Duration) -> Result<(), VolumeFault> {
    let now = Instant::now();
    let (end, mut quiet, mut before) = (now + patience, now + QUIET, None);
    while Instant::now() < end.min(quiet) {
        let (drives, has_label) = volume::drives(bus).await?;
        if has_label {
            return Ok(());
        }
        if before.as_ref() != Some(&drives) {
            (quiet, before) = (Instant::now() + QUIET, Some(drives));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

fn pinned_file(place: &Place, pinned: Pinned) -> Result<Found, Fault> {
    let path = place.at(MEDIUM).join(&pinned.path);
    let bytes = read(&path).map_err(|error| Fault::NotRead { place: path.clone(), error })?;
    let found = hex::encode(Sha256::digest(&bytes));
    if found != pinned.sha256 {
        return Err(Fault::Changed { path: pinned.path, pinned: pinned.sha256, found });
    }
    let sealed = sealed_files(&bytes, path.parent().unwrap_or(&path))?;
    Ok(Found { source: Source::CommandLine(pinned), bytes, signature: None, sealed })
}

fn on_volume(source: Source, directory: &Path) -> Result<Found, Fault> {
    let [answers, signature] = ON_VOLUME.map(|name| directory.join(name));
    let not_read = |place: &Path| {
        let place = place.to_owned();
        |error| Fault::NotRead { place, error }
    };
    let bytes = read(&answers).map_err(not_read(&answers))?;
    let signature = if_there(read(&signature)).map_err(not_read(&signature))?;
    let sealed = sealed_files(&bytes, directory)?;
    Ok(Found { source, bytes, signature, sealed })
}

/// The sealed files that lie there, of those that the answers name. One that is missing is told when it is needed: it may
/// be another machine's. Answers that can not be read name none.
fn sealed_files(answers: &[u8], directory: &Path) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
    let Some(answers) = str::from_utf8(answers).ok().and_then(|text| Answers::parse(text).ok()) else {
        return Ok(BTreeMap::new());
    };
    let overrides = answers.overrides.iter().filter_map(|o| o.user.as_ref());
    let passwords = overrides.filter_map(|UserOverride { password, .. }| password.as_ref());
    let named = passwords.chain(answers.passwords()).filter_map(|password| match password {
        Password::Sealed { sealed } => Some(sealed),
        _ => None,
    });
    let mut files = BTreeMap::new();
    for name in named {
        // The model lets only plain names through; a second look costs nothing.
        let path = directory.join(Path::new(name).file_name().unwrap_or_default());
        let not_read = |error: io::Error| Fault::NotRead { place: path.clone(), error };
        if let Some(bytes) = if_there(read(&path)).map_err(not_read)? {
            files.insert(name.clone(), bytes);
        }
    }
    Ok(files)
}
