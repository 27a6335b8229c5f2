//! What is left when all is done: receipt, enrollment, log and the sealed credentials, on the answers volume.
//!
//! The volume is writable only while this happens. Each file is written under another name, flushed and renamed.

use super::{
    fault::Fault,
    log::Log,
    report::Report,
    volume::{Volume, VolumeFault},
};
use crate::{failure::Failure, handover};
use forge_engine::{seal::SealTo, tool::Tools};
use forge_model::{Handover, Receipt};
use serde_json::json;
use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::time::sleep;

/// So much of a machine's name is in the name of a log.
const NAME: usize = 40;
/// How often a volume that was pulled out is looked for.
const LOOK: Duration = Duration::from_secs(2);

/// The log at the top of the volume: that of the machine's last run. The machine is told by the name of the computer, or by the
/// serial number where nothing was decided yet: many can leave theirs on one volume.
pub fn log_name(machine: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = machine.trim().chars().take(NAME).map(plain).collect();
    match name.trim_matches('-') {
        "" => "forge-log.txt".into(),
        name => format!("forge-log-{name}.txt"),
    }
}

/// What an install hands over, and how it is sealed.
pub struct Handed {
    /// The receipt.
    pub receipt: Receipt,
    /// Everything else; it holds secrets.
    pub handover: Handover,
    /// The user's name.
    pub user: String,
    /// The computer's name.
    pub hostname: String,
    /// To whom the credentials are sealed; nothing where they are not left here.
    pub seal: Option<Arc<SealTo>>,
}

/// What is on the volume at the end.
pub enum Left {
    /// Everything, in this directory, and the log.
    Directory(PathBuf),
    /// Only the log.
    Log,
    /// Nothing, and that was said.
    Nothing,
}

/// Leaves everything on the volume. Where it must be left there and can not, the machine stays as it is and keeps it: the
/// way out is to put the volume back, or another one. Otherwise it says so, and that is all.
pub async fn to_volume(report: &Report, volume: &mut Volume, handed: &Arc<Handed>, log: &Log, must: bool) -> Left {
    let mut said = None;
    loop {
        let problem = match once(report, volume, handed, log, must).await {
            Ok(left) => return left,
            Err(failure) => failure.to_string(),
        };
        if !must {
            report.say(format!("The log could not be left on the answers volume: {problem}"));
            return Left::Nothing;
        }
        if said.as_ref() != Some(&problem) {
            report.say(format!(
                "The system is installed, but what has to be left can not be: {problem}\n\
                 Nothing is lost while this machine stays on. Put the answers volume back, or another one with its label, \
                 or make room on it."
            ));
            report.event(json!({ "event": "waiting", "for": "answers-volume", "reason": problem }));
            said = Some(problem);
        }
        sleep(LOOK).await;
    }
}

async fn once(
    report: &Report,
    volume: &mut Volume,
    handed: &Arc<Handed>,
    log: &Log,
    must: bool,
) -> Result<Left, Failure> {
    // It may have come back under another path. What is sealed may lie on another volume, too: nobody else can read it.
    let now = if must { volume.again_or_another().await } else { volume.again().await };
    let now = now.map_err(Fault::Volume)?.ok_or_else(|| Fault::Volume(VolumeFault::Gone(volume.device.clone())))?;
    if now.is_another(volume) {
        report.say(format!("{} is another answers volume, and takes the place of the one that is gone.", now.device));
    }
    *volume = now;
    let log = log.bytes().map_err(|error| Fault::NotWritten { place: log_name(&handed.hostname).into(), error })?;
    let mounted = volume.mount(true).await.map_err(Fault::Volume)?;
    let (place, handed) = (mounted.place.clone(), Arc::clone(handed));
    let written = volume.files(move || write(&place, &handed, &log)).await.map_err(Fault::Volume);
    mounted.unmount().await.map_err(Fault::Volume)?;
    written?
}

/// A directory for each install: many machines can leave theirs on one volume, and none takes another's place.
fn directory_name(handed: &Handed) -> String {
    let id = handed.receipt.disk_id.simple().to_string();
    format!("forge-{}-{}", handed.hostname, &id[..8])
}

fn write(place: &Path, handed: &Handed, log: &[u8]) -> Result<Left, Failure> {
    let left = match &handed.seal {
        None => Left::Log,
        Some(to) => {
            let (name, tools) = (PathBuf::from(directory_name(handed)), Tools::default());
            let directory = place.join(&name);
            handover::prepare_sealed(&directory, &tools, to)?;
            handover::seal(&directory, &handed.user, &handed.receipt, &handed.handover, (to, &tools))?;
            Left::Directory(name)
        }
    };
    keep_log(place, &log_name(&handed.hostname), log)?;
    Ok(left)
}

/// Leaves the log at the top of a volume that is mounted.
fn keep_log(place: &Path, name: &str, log: &[u8]) -> Result<(), Fault> {
    let path = place.join(name);
    handover::replace(&path, 0o600, log).map_err(|error| Fault::NotWritten { place: path, error })
}

/// Tries whether something can be left on a volume, before anything is erased: a switch, a file system with errors and one
/// that belongs to somebody else do not show before.
pub async fn rehearse(volume: &Volume) -> Result<(), Fault> {
    let mounted = volume.mount(true).await?;
    let place = mounted.place.clone();
    let written = volume.files(move || probe(&place)).await;
    mounted.unmount().await?;
    written?.map_err(|error| Fault::VolumeNotWritten { device: volume.device.clone(), error })
}

fn probe(place: &Path) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".forge-").tempfile_in(place)?;
    file.write_all(b"Forge tries whether it can write here.\n")?;
    file.as_file().sync_all()?;
    file.close()?;
    File::open(place)?.sync_all()
}

/// Leaves the log of a run that failed. Where that is not possible, it says so, and that is all.
pub async fn log_of_failure(report: &Report, volume: &Volume, log: &Log, machine: &str) {
    let name = log_name(machine);
    let leave = async {
        let volume = volume.again().await?.ok_or_else(|| VolumeFault::Gone(volume.device.clone()))?;
        let log = log.bytes().map_err(|error| Fault::NotWritten { place: name.clone().into(), error })?;
        let mounted = volume.mount(true).await?;
        let (place, name) = (mounted.place.clone(), name.clone());
        let kept = volume.files(move || keep_log(&place, &name, &log)).await;
        mounted.unmount().await?;
        kept?
    };
    match leave.await {
        Ok(()) => report.say(format!("The log is on the answers volume: {name}.")),
        Err(fault) => report.say(format!("The log could not be left on the answers volume: {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_machine_has_a_log_of_its_own_whatever_its_maker_calls_it() {
        assert_eq!(log_name("quiet-otter"), "forge-log-quiet-otter.txt");
        assert_eq!(log_name(" To be filled by O.E.M. "), "forge-log-To-be-filled-by-O-E-M.txt");
        assert_eq!(log_name("../../x\u{0}"), "forge-log-x.txt");
        assert_eq!(log_name(&"7".repeat(200)).len(), "forge-log-.txt".len() + NAME);
        for nothing in ["", "  ", "..", "ü"] {
            assert_eq!(log_name(nothing), "forge-log.txt");
        }
    }
}
