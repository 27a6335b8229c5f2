//! `disks`, and `plan`, `install` and `attach` on a disk: the helper does it, over the system bus.

use crate::{
    arguments::{InstallArguments, PlanArguments},
    bundle_words,
    failure::Failure,
    firmware_words, handover, log_file,
    output::{print, tell},
    password,
    plan::{print_plan, read_answers_text},
    progress::Show,
    words,
};
use forge_dbus::{
    backend::Verdict,
    client::{ClientError, Forge, Job, RunSecrets, Update},
    status::{Outcome, Progress, State},
};
use forge_model::{Plan, layout::Beside, pace::Measured};
use futures_util::{Stream, StreamExt};
use std::{fs, io::IsTerminal, os::unix::fs::FileTypeExt, path::Path, time::Duration};
use tokio::{runtime::Runtime, time::interval};

/// How often Ctrl+C is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Whether a target is a device, by whatever name; also one below /dev that is not there (any more).
pub fn is_device(target: &Path) -> bool {
    fs::metadata(target).map_or(target.starts_with("/dev"), |about| about.file_type().is_block_device())
}

/// Lists the disks.
pub fn disks(json: bool) -> Result<(), Failure> {
    let inventory = runtime()?.block_on(async { Forge::connect().await?.inventory().await }).map_err(untouched)?;
    if json {
        return print(serde_json::json!(inventory));
    }
    if inventory.disks.is_empty() {
        return print("There is no disk.");
    }
    print(inventory.disks.iter().map(|disk| words::disk(disk).join("\n  ")).collect::<Vec<_>>().join("\n"))
}

/// Shows the plan.
pub fn plan(wanted: &PlanArguments) -> Result<(), Failure> {
    let disk = device(wanted)?;
    let (_, text) = read_answers_text(&wanted.answers)?;
    let checked = async {
        let forge = Forge::connect().await?;
        Ok(match forge.check(&disk, &text).await? {
            Verdict::Plan { plan, .. } => Ok((about_firmware(&forge, &plan).await, plan)),
            Verdict::Issues { issues } => Err(issues),
        })
    };
    match runtime()?.block_on(checked).map_err(untouched)? {
        Ok((more, plan)) => print_plan(&plan, &more, wanted.json),
        Err(issues) => Err(Failure::Issues(wanted.answers.clone(), issues)),
    }
}

/// Which devices ask for firmware that was not accepted. A plan is worth reading without it.
async fn about_firmware(forge: &Forge, plan: &Plan) -> Vec<String> {
    match (forge.inventory().await, forge.offer().await) {
        (Ok(found), Ok(offer)) => {
            bundle_words::on_this_machine(&plan.firmware, &found.devices, &offer.manifest.firmware)
        }
        _ => Vec::new(),
    }
}

/// Installs. It goes on when this program ends; only Ctrl+C stops it.
pub fn install(wanted: &InstallArguments) -> Result<(), Failure> {
    if let Some(path) = &wanted.log {
        log_file::start(path)?;
    }
    let disk = device(&wanted.plan)?;
    let (answers, text) = read_answers_text(&wanted.plan.answers)?;
    let typed = answers.user.password.is_brought().then(password::ask).transpose()?;
    let opening = answers.encryption.as_ref().filter(|wanted| wanted.passphrase.is_brought());
    let opening = opening.map(|_| password::ask_disk()).transpose()?;
    // Everything that can be refused about the handover is refused now.
    handover::prepare(&wanted.output)?;
    let json = is_json(wanted.plan.json);
    runtime()?.block_on(async {
        let forge = Forge::connect().await.map_err(untouched)?;
        let job = forge.prepare(&disk, &text, true).await.map_err(|error| match error {
            ClientError::Issues(issues) => Failure::Issues(wanted.plan.answers.clone(), issues),
            error => untouched(error),
        })?;
        let (plan, digest) = (job.plan().await?, job.digest().await?);
        if wanted.digest.as_ref().is_some_and(|confirmed| *confirmed != digest) {
            return Err(Failure::OtherPlan(digest));
        }
        if json {
            tell(serde_json::json!({ "event": "plan", "digest": digest, "target": plan.target }));
        } else {
            words::plan(&plan).iter().for_each(tell);
            about_firmware(&forge, &plan).await.iter().for_each(tell);
        }
        log::info!("plan {digest} for {}", plan.target.identity.path);
        let updates = job.updates().await?;
        let show = Show::new(json).map_err(|e| Failure::file(&wanted.output, e))?;
        let brought =
            RunSecrets { user_password: typed.as_ref(), disk_passphrase: opening.as_ref(), ..RunSecrets::default() };
        job.run(&digest, brought).await.map_err(|error| not_begun(error, plan.layout.beside.as_ref()))?;
        let outcome = follow(&job, plan.layout.beside, updates, &show).await?;
        finish(&job, outcome, &wanted.output, json).await
    })
}

/// Comes back to an install.
pub fn attach(output: &Path, json: bool) -> Result<(), Failure> {
    handover::prepare(output)?;
    let json = is_json(json);
    runtime()?.block_on(async {
        let job = Forge::connect().await?.job().await?.ok_or(Failure::NoJob)?;
        let (plan, updates) = (job.plan().await?, job.updates().await?);
        let outcome = match job.state().await? {
            State::Prepared => return Err(Failure::NoJob),
            // Asked after listening began, so that its end is not missed.
            State::Finished => job.outcome().await?.ok_or(Failure::NoJob)?,
            State::Running | State::Cancelling => {
                let show = Show::new(json).map_err(|e| Failure::file(output, e))?;
                follow(&job, plan.layout.beside, updates, &show).await?
            }
        };
        finish(&job, outcome, output, json).await
    })
}

/// Shows progress until the end, and passes Ctrl+C on.
///
/// `beside` is what stays on the disk, where anything does: a helper that went away can not be asked any more.
async fn follow(
    job: &Job,
    beside: Option<Beside>,
    mut updates: impl Stream<Item = Update> + Unpin,
    show: &Show,
) -> Result<Outcome, Failure> {
    let (mut look, mut asked) = (interval(LOOK), false);
    let outcome = loop {
        tokio::select! {
            update = updates.next() => match update {
                Some(Update::Progress(progress)) => show_progress(show, &progress),
                Some(Update::Finished(outcome)) => break Ok(*outcome),
                Some(Update::Lost) | None => break Err(Failure::HelperLost(beside.map(Box::new))),
            },
            _ = look.tick(), if !asked => {
                if show.is_cancelled() {
                    asked = true;
                    if let Err(error) = job.cancel().await {
                        tell(format_args!("It can not be stopped: {error}"));
                    }
                }
            }
        }
    };
    show.finish();
    outcome
}

fn show_progress(show: &Show, progress: &Progress) {
    if let Some(stage) = progress.stage() {
        let measured =
            Measured { rate: (progress.rate > 0).then_some(progress.rate), left: progress.left.try_into().ok() };
        show.show(forge_model::Progress { stage, done: progress.done, total: progress.total }, measured);
    }
}

/// Takes what is handed over, and says how it ended.
async fn finish(job: &Job, outcome: Outcome, output: &Path, json: bool) -> Result<(), Failure> {
    let beside = job.plan().await.ok().and_then(|plan| plan.layout.beside);
    let removed = beside.map(|beside| beside.removed.len() as u16);
    match outcome {
        Outcome::Cancelled { stage, written, smaller } => {
            let _ = job.close().await;
            Err(match removed {
                Some(removed) => Failure::CancelledBeside { stage, removed, smaller },
                None => Failure::Cancelled { stage, written },
            })
        }
        Outcome::Failed(failure) => {
            let _ = job.close().await;
            Err(match removed {
                Some(removed) => Failure::JobBeside(failure, removed),
                None => Failure::Job(failure),
            })
        }
        Outcome::Installed { receipt, partitions_seen, staged } => {
            let user = job.plan().await?.user.name;
            handover::write(output, &user, &receipt, &job.handover().await?).map_err(|failure| match failure {
                Failure::Handover(path, error) => Failure::HandoverKept(path, error),
                other => other,
            })?;
            // Only now: until here the helper would have given it once more.
            job.close().await?;
            log::info!("installed; receipt, credentials and enrollment request: {}", output.display());
            let shown = output.display();
            if json {
                tell(serde_json::json!({
                    "event": "installed", "receipt": receipt, "partitions_seen": partitions_seen, "staged": staged
                }));
            } else {
                tell(format_args!("Installed. Receipt, credentials and enrollment request: {shown}"));
                firmware_words::staged(&staged, &receipt).iter().for_each(tell);
            }
            Ok(())
        }
    }
}

/// A refusal that came before anything could be written.
pub(crate) fn untouched(error: ClientError) -> Failure {
    Failure::Helper { error, untouched: true }
}

/// The helper did not begin, or nobody knows: its answer may be what was lost. `beside` is what stays on the disk.
pub(crate) fn not_begun(error: ClientError, beside: Option<&Beside>) -> Failure {
    match error {
        ClientError::MayHaveBegun(_) => Failure::HelperLost(beside.cloned().map(Box::new)),
        refused => untouched(refused),
    }
}

/// The kernel's path of the target. The payload is the medium's: whoever runs this can not choose another one.
fn device(wanted: &PlanArguments) -> Result<String, Failure> {
    if wanted.payload.is_some() {
        return Err(Failure::PayloadForDisk);
    }
    let path = fs::canonicalize(&wanted.target).map_err(|e| Failure::file(&wanted.target, e))?;
    Ok(path.display().to_string())
}

fn is_json(asked: bool) -> bool {
    asked || !std::io::stdout().is_terminal()
}

pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|e| Failure::file("a runtime".as_ref(), e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_dbus::Error;

    #[test]
    fn nobody_says_that_nothing_was_written_when_the_answer_to_the_start_was_lost() {
        let lost = ClientError::NoHelper(zbus::Error::InvalidReply);
        let lost = not_begun(ClientError::MayHaveBegun(Box::new(lost)), None);
        assert!(!lost.to_string().contains("Nothing was written"), "{lost}");
        assert_eq!(lost.code(), 6);
        let refused = not_begun(ClientError::Refused(Error::OtherPlan("x".into())), None);
        assert!(refused.to_string().contains("Nothing was written"), "{refused}");
    }
}
