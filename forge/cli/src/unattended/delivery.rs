//! What is left when all is done: receipt, enrollment, log and the sealed credentials, on the answers volume.
//!
//! The volume is writable only while this happens. Each file is written under another name, flushed and renamed.

use super::{
    fault::Fault,
    log::Log,
    report::Report,
    volume::{Mounted, Volume, VolumeFault},
};
use crate::{failure::Failure, handover};
use forge_engine::{seal::SealTo, tool::Tools};
use forge_model::{Handover, Receipt};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::sleep;

/// The log at the top of the volume: that of the last run.
const LOG: &str = "forge-log.txt";
/// How often a volume that was pulled out is looked for.
const LOOK: Duration = Duration::from_secs(2);

/// Leaves everything on the volume. Where it must be left there and can not, the machine stays as it is and keeps it: the
/// way out is to put the volume back. Otherwise it says so, and that is all.
pub async fn to_volume(
    report: &Report,
    volume: &mut Volume,
    handed: &Handed<'_>,
    log: &Log,
    must: bool,
) -> Result<Option<PathBuf>, Fault> {
    let mut said = None;
    loop {
        let problem = match once(volume, handed, log).await {
            Ok(name) => return Ok(Some(name)),
            Err(failure) => failure.to_string(),
        };
        if !must {
            report.say(format!("Receipt and log could not be left on the answers volume: {problem}"));
            return Ok(None);
        }
        if said.as_ref() != Some(&problem) {
            report.say(format!(
                "The system is installed, but what has to be left can not be: {problem}\n\
                 Nothing is lost while this machine stays on. Put the answers volume back, or make room on it."
            ));
            report.event(json!({ "event": "waiting", "for": "answers-volume", "reason": problem }));
            said = Some(problem);
        }
        sleep(LOOK).await;
    }
}

/// What an install hands over, and how it is sealed.
pub struct Handed<'a> {
    /// The receipt.
    pub receipt: &'a Receipt,
    /// Everything else; it holds secrets.
    pub handover: &'a Handover,
    /// The user's name.
    pub user: &'a str,
    /// The computer's name.
    pub hostname: &'a str,
    /// To whom the credentials are sealed; nothing where they are not left here.
    pub seal: Option<&'a SealTo>,
}

async fn once(volume: &mut Volume, handed: &Handed<'_>, log: &Log) -> Result<PathBuf, Failure> {
    // It may have come back under another path, or another one in its place.
    let now = volume.again().await.map_err(Fault::Volume)?;
    *volume = now.ok_or_else(|| Fault::Volume(VolumeFault::Gone(volume.device.clone())))?;
    let mounted = volume.mount(true).await.map_err(Fault::Volume)?;
    let name = PathBuf::from(directory_name(handed));
    let written = write(&mounted, &name, handed, log);
    mounted.unmount().await.map_err(Fault::Volume)?;
    written.map(|()| name)
}

/// A directory for each install: many machines can leave theirs on one volume, and none takes another's place.
fn directory_name(handed: &Handed<'_>) -> String {
    let id = handed.receipt.disk_id.simple().to_string();
    format!("forge-{}-{}", handed.hostname, &id[..8])
}

fn write(mounted: &Mounted, name: &Path, handed: &Handed<'_>, log: &Log) -> Result<(), Failure> {
    let directory = mounted.place.join(name);
    if let Some(to) = handed.seal {
        let tools = Tools::default();
        handover::prepare_sealed(&directory, &tools, to)?;
        handover::seal(&directory, handed.user, handed.receipt, handed.handover, (to, &tools))?;
    }
    Ok(keep_log(mounted, log)?)
}

/// Leaves the log at the top of a volume that is mounted.
pub fn keep_log(mounted: &Mounted, log: &Log) -> Result<(), Fault> {
    let path = mounted.place.join(LOG);
    let bytes = log.bytes().map_err(|error| Fault::NotWritten { place: path.clone(), error })?;
    handover::replace(&path, 0o600, &bytes).map_err(|error| Fault::NotWritten { place: path, error })
}

/// Leaves the log of a run that failed. Where that is not possible, it says so, and that is all.
pub async fn log_of_failure(report: &Report, volume: &Volume, log: &Log) {
    let leave = async {
        let volume = volume.again().await?.ok_or_else(|| VolumeFault::Gone(volume.device.clone()))?;
        let mounted = volume.mount(true).await?;
        let kept = keep_log(&mounted, log);
        mounted.unmount().await?;
        kept
    };
    match leave.await {
        Ok(()) => report.say(format!("The log is on the answers volume: {LOG}.")),
        Err(fault) => report.say(format!("The log could not be left on the answers volume: {fault}")),
    }
}
