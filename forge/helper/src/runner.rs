//! The engine on a thread of its own: from the exclusive descriptor to what the job hands over.

use crate::{service::Service, udisks::UdisksError};
use forge_dbus::{
    Error,
    status::{Failure, Outcome},
};
use forge_engine::{
    credentials::UserPassword,
    install::{self, End, Events, Failed, FailureKind},
    payload::Payload,
    target::Target,
    tool::Tools,
    watch::{Stop, Watch},
};
use forge_model::{Handover, Plan, Progress, Stage, inventory::Disk};
use std::fs::File;
use tokio::sync::watch;
use uuid::Uuid;

/// How a run ended, and what is handed over then.
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// Receipt and credentials, when it is installed.
    pub handover: Option<Handover>,
}

/// What the engine tells, and whether it is to stop.
struct Told {
    progress: watch::Sender<Option<Progress>>,
    stop: Stop,
}

impl Events for Told {
    fn progress(&self, progress: Progress) {
        self.progress.send_replace(Some(progress));
    }

    fn cancelled(&self) -> bool {
        self.stop.cancelled()
    }
}

/// Installs, and tells how it ended. Whatever happens, it ends.
pub async fn run(
    service: &Service,
    plan: Plan,
    password: UserPassword,
    stop: Stop,
    progress: watch::Sender<Option<Progress>>,
) -> Ended {
    let path = plan.target.identity.path.clone();
    let (disk, file, payload) = match take(service, &path).await {
        Ok(taken) => taken,
        Err(failure) => return Ended { outcome: Outcome::Failed(failure), handover: None },
    };
    let told = Told { progress, stop };
    let end = tokio::task::spawn_blocking(move || install(&plan, &disk, file, &payload, password, &told)).await;
    match end {
        Ok(Ok(End::Installed(installed))) => {
            let ids: Vec<_> = installed.receipt.partitions.iter().map(|p| p.id).collect();
            let seen = look_again(service, &path, &ids).await.unwrap_or_else(|error| {
                log::warn!("{path} could not be looked at again: {error}");
                false
            });
            let outcome = Outcome::Installed { receipt: Box::new(installed.receipt.clone()), partitions_seen: seen };
            Ended { outcome, handover: Some(installed.handover()) }
        }
        Ok(Ok(End::Cancelled { stage })) => {
            let written = stage >= Stage::Claim;
            Ended { outcome: Outcome::Cancelled { stage, written }, handover: None }
        }
        Ok(Err(failure)) => Ended { outcome: Outcome::Failed(failure), handover: None },
        Err(panic) => {
            log::error!("the engine ended itself: {panic}");
            // Nobody knows how far it came; the careful answer is that something was written.
            let failure = failure(FailureKind::Internal, Stage::Check, true, panic.to_string());
            Ended { outcome: Outcome::Failed(failure), handover: None }
        }
    }
}

/// Lets the system see what the disk holds now; false when it does not see the new partitions.
async fn look_again(service: &Service, path: &str, ids: &[Uuid]) -> Result<bool, UdisksError> {
    service.udisks.rescan(path).await?;
    service.udisks.wait_for_partitions(path, ids, service.settle).await
}

/// Looks once more, and takes the disk for itself alone.
async fn take(service: &Service, path: &str) -> Result<(Disk, File, Payload), Failure> {
    let early = |kind, details| failure(kind, Stage::Check, false, details);
    let payload = service.open_payload().await.map_err(|e| early(FailureKind::Payload, text(&e)))?;
    let inventory = service.look().await.map_err(|e| early(FailureKind::Internal, text(&e)))?;
    let gone = || early(FailureKind::DiskGone, format!("{path} is not there any more"));
    let disk = inventory.disk(path).ok_or_else(gone)?.clone();
    let file = service.udisks.open(&disk).await.map_err(|error| {
        let kind = match &error {
            UdisksError::Busy { .. } => FailureKind::DiskBusy,
            UdisksError::Changed { .. } => FailureKind::DiskChanged,
            UdisksError::NoSuchDisk { .. } => FailureKind::DiskGone,
            _ => FailureKind::Internal,
        };
        early(kind, error.to_string())
    })?;
    Ok((disk, file, payload))
}

/// The part that blocks. The descriptor is closed at its end, so that the disk can be looked at again.
fn install(
    plan: &Plan,
    disk: &Disk,
    file: File,
    payload: &Payload,
    password: UserPassword,
    told: &Told,
) -> Result<End, Failure> {
    let target =
        Target::device(file, disk).map_err(|e| failure(FailureKind::from(&e), Stage::Check, false, e.to_string()))?;
    install::run(&Tools::default(), plan, payload, &target, password, told).map_err(|failed| {
        let Failed { stage, written, error } = &failed;
        failure(error.kind(), *stage, *written, error.to_string())
    })
}

fn failure(kind: FailureKind, stage: Stage, written: bool, details: String) -> Failure {
    Failure { kind: kind.id().into(), stage, written, details }
}

fn text(error: &Error) -> String {
    match error {
        Error::NoPayload(text) | Error::NoDisks(text) | Error::Failed(text) => text.clone(),
        other => other.to_string(),
    }
}
