//! The engine on a thread of its own: from the exclusive descriptor to what the job hands over.

use crate::{
    service::Service,
    udisks::{UdisksError, shrink::ShrinkError},
};
use forge_dbus::{
    Error,
    status::{Failure, Outcome, Smaller},
};
use forge_engine::{
    credentials::Brought,
    efivars::Variables,
    install::{self, End, Events, Failed, FailureKind},
    payload::Payload,
    target::Target,
    tool::Tools,
    watch::{Outcome as Watched, Stop, Watch},
};
use forge_model::{Answers, Disk, Handover, OldTable, Plan, Progress, Stage};
use std::{fs::File, time::Duration};
use tokio::{sync::mpsc::UnboundedSender, time::timeout};
use uuid::Uuid;

/// How long UDisks2 may take to answer after an install.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a request to stop is looked for outside the engine.
const ASK: Duration = Duration::from_millis(50);

/// How a run ended, and what is handed over then.
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// Receipt and credentials, when it is installed.
    pub handover: Option<Handover>,
}

/// What the engine tells, and whether it is to stop.
struct Told {
    progress: UnboundedSender<Progress>,
    stop: Stop,
}

impl Events for Told {
    fn progress(&self, progress: Progress) {
        let _ = self.progress.send(progress);
    }

    fn cancelled(&self) -> bool {
        self.stop.cancelled()
    }
}

/// Installs, and tells how it ended. Whatever happens, it ends.
pub async fn run(
    service: &Service,
    plan: Plan,
    answers: &Answers,
    brought: Brought,
    stop: Stop,
    progress: UnboundedSender<Progress>,
) -> Ended {
    let mut smaller = Vec::new();
    let mut ended = match shrink(service, &plan, &stop, &progress, &mut smaller).await {
        Some(ended) => ended,
        None => write(service, plan, answers, brought, stop, progress).await,
    };
    match &mut ended.outcome {
        Outcome::Cancelled { smaller: told, .. } | Outcome::Failed(Failure { smaller: told, .. }) => *told = smaller,
        Outcome::Installed { .. } => {}
    }
    ended
}

/// Makes partitions smaller, where the plan says so. Something when it ends there.
async fn shrink(
    service: &Service,
    plan: &Plan,
    stop: &Stop,
    progress: &UnboundedSender<Progress>,
    smaller: &mut Vec<Smaller>,
) -> Option<Ended> {
    let beside = plan.layout.beside.as_ref().filter(|beside| !beside.shrunk.is_empty())?;
    let _ = progress.send(Progress { stage: Stage::Shrink, done: 0, total: 0 });
    match service.udisks.shrink(&plan.target, beside, stop, smaller).await {
        Ok(Watched::Done(())) => None,
        Ok(Watched::Cancelled) => Some(cancelled(Stage::Shrink, false)),
        Err(error) => {
            let kind = match &error {
                ShrinkError::Busy => FailureKind::DiskBusy,
                _ => FailureKind::NotSmaller,
            };
            let failure = failure(kind, Stage::Shrink, false, error.to_string());
            Some(Ended { outcome: Outcome::Failed(failure), handover: None })
        }
    }
}

/// From the exclusive descriptor to the end.
async fn write(
    service: &Service,
    plan: Plan,
    answers: &Answers,
    brought: Brought,
    stop: Stop,
    progress: UnboundedSender<Progress>,
) -> Ended {
    let path = plan.target.identity.path.clone();
    let taken = tokio::select! {
        taken = take(service, &plan, answers) => taken,
        () = stopped(&stop) => return cancelled(Stage::Check, false),
    };
    let (disk, file, payload) = match taken {
        Ok(taken) => taken,
        Err(failure) => return Ended { outcome: Outcome::Failed(failure), handover: None },
    };
    let told = Told { progress, stop };
    let firmware = service.firmware.variables();
    let work = move || install(&plan, &disk, (file, firmware), &payload, brought, &told);
    let end = tokio::task::spawn_blocking(work).await;
    match end {
        Ok(Ok(End::Installed(installed))) => {
            let ids: Vec<_> = installed.receipt.partitions.iter().map(|p| p.id).collect();
            let seen = timeout(service.settle + PATIENCE, look_again(service, &path, &ids)).await;
            let seen = seen.map_err(|_| "UDisks2 does not answer".into()).and_then(|s| s.map_err(|e| e.to_string()));
            let seen = seen.unwrap_or_else(|error: String| {
                log::warn!("{path} could not be looked at again: {error}");
                false
            });
            let outcome = Outcome::Installed {
                receipt: Box::new(installed.receipt.clone()),
                partitions_seen: seen,
                staged: installed.staged.clone(),
            };
            Ended { outcome, handover: Some(installed.handover()) }
        }
        Ok(Ok(End::Cancelled { stage })) => cancelled(stage, stage >= Stage::Claim),
        Ok(Err(failure)) => Ended { outcome: Outcome::Failed(failure), handover: None },
        Err(panic) => {
            log::error!("the engine ended itself: {panic}");
            // Nobody knows how far it came; the careful answer is that something was written, and that it may be the table.
            let failure = failure(FailureKind::Internal, Stage::Check, true, panic.to_string());
            let failure = Failure { table: OldTable::Unknown, ..failure };
            Ended { outcome: Outcome::Failed(failure), handover: None }
        }
    }
}

fn cancelled(stage: Stage, written: bool) -> Ended {
    Ended { outcome: Outcome::Cancelled { stage, written, smaller: Vec::new() }, handover: None }
}

/// Waits until it is asked to stop.
async fn stopped(stop: &Stop) {
    while !stop.cancelled() {
        tokio::time::sleep(ASK).await;
    }
}

/// Lets the system see what the disk holds now; false when it does not see the new partitions.
async fn look_again(service: &Service, path: &str, ids: &[Uuid]) -> Result<bool, UdisksError> {
    service.udisks.rescan(path).await?;
    service.udisks.wait_for_partitions(path, ids, service.settle).await
}

/// Looks once more, and takes the disk for itself alone.
async fn take(service: &Service, plan: &Plan, answers: &Answers) -> Result<(Disk, File, Payload), Failure> {
    let path = plan.target.identity.path.as_str();
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
    // Nobody can change it any more; what was done to it since it was confirmed shows now, in its file systems, too.
    service.udisks.look_anew();
    let inventory = service.look().await.map_err(|e| early(FailureKind::Internal, text(&e)))?;
    let same = |now: &Disk| now.identity == disk.identity && plan.still_fits(now, answers, &payload.manifest);
    match inventory.disk(path).is_some_and(same) {
        true => Ok((disk, file, payload)),
        false => Err(early(FailureKind::DiskChanged, format!("what {path} holds is not what was confirmed"))),
    }
}

/// The part that blocks. The descriptor is closed at its end, so that the disk can be looked at again.
fn install(
    plan: &Plan,
    disk: &Disk,
    (file, firmware): (File, Variables),
    payload: &Payload,
    brought: Brought,
    told: &Told,
) -> Result<End, Failure> {
    let target =
        Target::device(file, disk).map_err(|e| failure(FailureKind::from(&e), Stage::Check, false, e.to_string()))?;
    let target = target.started_by(firmware);
    install::run(&Tools::default(), plan, payload, &target, brought, told).map_err(|failed| {
        let Failed { stage, written, beside, error } = &failed;
        let table = beside.map_or_else(OldTable::default, |others| others.table);
        Failure { table, ..failure(error.kind(), *stage, *written, error.to_string()) }
    })
}

fn failure(kind: FailureKind, stage: Stage, written: bool, details: String) -> Failure {
    Failure { kind: kind.id().into(), stage, written, details, smaller: Vec::new(), table: OldTable::Untouched }
}

fn text(error: &Error) -> String {
    match error {
        Error::NoPayload(text) | Error::NoDisks(text) | Error::Failed(text) => text.clone(),
        other => other.to_string(),
    }
}
