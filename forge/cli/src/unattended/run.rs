//! The install itself, from the search for answers to the exit.

use super::{
    bus, countdown, decision,
    delivery::{self, Left},
    exit,
    fault::Fault,
    handed::{self, not_handed_over},
    log::Log,
    machine,
    place::Place,
    report::Report,
    sealing::{self, Seal},
    sources::{Found, SHORTLY, Search, wait_for_volume},
    trust,
    volume::Volume,
};
use crate::{
    answers_words,
    device::{not_begun, untouched},
    failure::Failure,
    firmware_words, handover, words,
};
use forge_dbus::{
    client::{ClientError, Forge, Job, RunSecrets, Update},
    status::Outcome,
};
use forge_model::{
    Answers, Disk, Plan, Secret,
    answers::{CredentialsAnswers, Exit, LeaveOn},
    machine::Staged,
    unattended::Trust,
};
use futures_util::{Stream, StreamExt, stream};
use serde_json::json;
use std::{
    future::pending,
    path::PathBuf,
    pin::pin,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::time::{sleep, timeout};
use zbus::Connection;

/// How often it is looked whether the volume is still there.
const LOOK: Duration = Duration::from_secs(2);

/// One run.
pub struct Run<'a> {
    place: &'a Place,
    report: &'a mut Report,
    log: &'a Log,
    /// How long volumes and disks may take to appear.
    settle: Duration,
    bus: Option<Connection>,
    volume: Option<Volume>,
    /// The disk that would be erased, as soon as that is known: nothing is left there.
    target: Option<String>,
    /// What the machine is called, as far as that is known.
    machine: String,
}

/// What was decided before anything is written.
struct Decided {
    forge: Forge,
    disk: Disk,
    answers: Answers,
    password: Option<Secret>,
    disk_passphrase: Option<Secret>,
    seal: Seal,
}

impl<'a> Run<'a> {
    /// Nothing is done yet.
    pub fn new(place: &'a Place, report: &'a mut Report, log: &'a Log, settle: Duration) -> Self {
        Self { place, report, log, settle, bus: None, volume: None, target: None, machine: String::new() }
    }

    /// Everything, to the exit.
    pub async fn all(&mut self, seconds: u64) -> Result<(), Failure> {
        self.report.say(format!("Forge {}: an install at which nobody sits.", env!("CARGO_PKG_VERSION")));
        if self.report.consoles().is_empty() {
            return Err(Fault::NoConsole.into());
        }
        let bus = bus::connect().await.map_err(Fault::NoBus)?;
        self.bus = Some(bus.clone());
        let (found, trust) = self.find(&bus).await?;
        let decided = self.decide(&bus, &found, &trust).await?;
        let wanted = decided.answers.unattended.clone().unwrap_or_default();
        let (exit, credentials) = (wanted.exit, wanted.credentials);
        let (job, digest, plan) = self.prepare(&decided).await?;
        countdown::run(self.report, seconds).await?;
        // A disk may have come that the answers mean as well as this one.
        let inventory = decided.forge.inventory().await.map_err(untouched)?;
        if !decision::is_still(&decided.disk, &decided.answers, &inventory) {
            return Err(Fault::DisksChanged.into());
        }
        let updates = job.updates().await.map_err(untouched)?;
        let passphrase = decided.seal.passphrase().filter(|_| credentials.leave_on == Some(LeaveOn::Esp));
        let brought = RunSecrets {
            user_password: decided.password.as_ref(),
            seal_passphrase: passphrase,
            disk_passphrase: decided.disk_passphrase.as_ref(),
            recovery_key: None,
        };
        job.run(&digest, brought).await.map_err(|error| not_begun(error, plan.layout.beside.as_ref()))?;
        self.report.say("It begins. Everything is checked once more, then the disk is written.");
        let outcome = self.follow(updates).await?;
        let staged = self.deliver((&bus, &job), outcome, &decided.seal, &plan, &credentials).await?;
        job.close().await.map_err(not_handed_over)?;
        self.leave(&bus, exit, &staged).await
    }

    /// Lets the machine do what the answers say. That it is done is said when the machine does it.
    async fn leave(&mut self, bus: &Connection, wanted: Exit, staged: &Staged) -> Result<(), Failure> {
        let exit = exit::safe(wanted, staged);
        if exit != wanted {
            self.report.say(
                "This machine does not restart by itself: its firmware has no boot entry for the new disk, so that the \
                 medium could start again and erase it again. Take the medium out, then restart.",
            );
        }
        let last = match exit {
            Exit::Stay => format!("The unattended install is done. {}", exit::words(exit)),
            Exit::Reboot | Exit::PowerOff => {
                self.report.say(format!("Everything is left where it belongs. {}", exit::words(exit)));
                "The unattended install is done.".into()
            }
        };
        // The end of the machine ends this program, too: not before the last lines are out.
        let asked = Arc::new(AtomicBool::new(false));
        if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGTERM, asked) {
            log::warn!("the last lines may be lost: {error}");
        }
        exit::take(bus, exit).await?;
        self.report.event(json!({ "event": "exit", "exit": exit, "wanted": wanted }));
        self.report.say(last);
        Ok(())
    }

    /// Shows every source, and reads the first.
    async fn find(&mut self, bus: &Connection) -> Result<(Found, Trust), Failure> {
        let search = Search::new(self.place, bus, self.settle).await?;
        self.volume = search.volume.clone();
        let sources = search.sources();
        let listed: Vec<_> = sources.iter().map(|source| source.id()).collect();
        self.report.event(json!({ "event": "sources", "found": listed }));
        for (index, source) in sources.iter().enumerate() {
            let used = if index == 0 { "used" } else { "not used: another one comes first" };
            self.report.say(format!("Answers found: {source} ({used})."));
        }
        let found = search.first(self.place).await?;
        let trust = trust::of(&found, self.place, &search.command_line)?;
        self.report.say(answers_words::trust(&trust));
        Ok((found, trust))
    }

    /// Everything that can be refused before the countdown is refused here.
    async fn decide(&mut self, bus: &Connection, found: &Found, trust: &Trust) -> Result<Decided, Failure> {
        let answers = decision::parse(found)?;
        let forge = Forge::on(bus).await.map_err(untouched)?;
        let facts = machine::facts(&forge).await?;
        self.machine = facts.serial.clone().unwrap_or_default();
        let inventory = decision::settled(&forge, &answers.for_machine(&facts), self.settle).await?;
        let (disk, answers) = decision::made(&found.source, trust, &answers, &facts, &inventory)?;
        self.machine = answers.system.hostname.clone();
        self.target = Some(disk.identity.path.clone());
        let credentials = answers.unattended.clone().unwrap_or_default().credentials;
        if credentials.leave_on == Some(LeaveOn::AnswersVolume) && self.volume.is_none() {
            self.volume = wait_for_volume(bus, self.settle).await.map_err(Fault::Volume)?;
        }
        // Not even the log goes there.
        if let Some(volume) = self.volume.take_if(|volume| volume.disk == disk.identity.path) {
            return Err(Fault::OnTarget { volume: volume.device.clone(), disk: volume.disk.clone() }.into());
        }
        match (credentials.leave_on, &self.volume) {
            (Some(LeaveOn::AnswersVolume), None) => return Err(Fault::NoVolume(None).into()),
            (Some(LeaveOn::AnswersVolume), Some(volume)) if volume.read_only => {
                return Err(Fault::NoVolume(Some(volume.device.clone())).into());
            }
            (Some(LeaveOn::AnswersVolume), Some(volume)) => delivery::rehearse(volume).await?,
            (Some(LeaveOn::Esp) | None, _) => {}
        }
        let password = sealing::password(self.place, found, &answers.user.password)?;
        let opening =
            answers.encryption.as_ref().map(|wanted| sealing::password(self.place, found, &wanted.passphrase));
        let disk_passphrase = opening.transpose()?.flatten();
        let seal = Seal::new(self.place, &credentials)?;
        Ok(Decided { forge, disk, answers, password, disk_passphrase, seal })
    }

    /// Makes the job, and shows its plan: that is what the countdown is about.
    async fn prepare(&mut self, decided: &Decided) -> Result<(Job, String, Plan), Failure> {
        let path = &decided.disk.identity.path;
        let job = decided.forge.prepare(path, &decided.answers.text(), true).await.map_err(|error| match error {
            ClientError::Issues(issues) => Failure::Issues(PathBuf::from("the answers"), issues),
            error => untouched(error),
        })?;
        let (plan, digest) = (job.plan().await?, job.digest().await?);
        self.report.event(json!({ "event": "plan", "digest": digest, "target": plan.target }));
        words::disk(&decided.disk).iter().for_each(|line| self.report.say(line));
        words::plan_with(&plan, made_password(&decided.answers)).iter().for_each(|line| self.report.say(line));
        self.report.say(format!("Plan digest: {digest}"));
        Ok((job, digest, plan))
    }

    /// Shows progress until the end. When this program ends, the install goes on.
    async fn follow(&mut self, mut updates: impl Stream<Item = Update> + Unpin) -> Result<Outcome, Failure> {
        // A look may take long, and the end is seen all the same: the stream goes on where it was left.
        let looks = stream::unfold(self.volume.clone(), async |volume| {
            let Some(volume) = volume else { return pending().await };
            sleep(LOOK).await;
            let there = volume.again().await.is_ok_and(|found| found.is_some());
            Some((there, Some(volume)))
        });
        let mut looks = pin!(looks);
        let mut there = true;
        loop {
            tokio::select! {
                update = updates.next() => match update {
                    Some(Update::Progress(progress)) => self.report.progress(&progress),
                    Some(Update::Finished(outcome)) => return Ok(*outcome),
                    Some(Update::Lost) | None => return Err(Failure::HelperLost(None)),
                },
                Some(now) = looks.next() => {
                    match (there, now) {
                        (true, false) => {
                            self.report.say("The answers volume was pulled out. The install goes on.");
                            self.report.event(json!({ "event": "volume", "there": false }));
                        }
                        (false, true) => self.report.say("The answers volume is back."),
                        (true, true) | (false, false) => {}
                    }
                    there = now;
                }
            }
        }
    }

    /// Leaves what has to be left. The helper keeps the handover until the job is closed, which comes after this.
    async fn deliver(
        &mut self,
        (bus, job): (&Connection, &Job),
        outcome: Outcome,
        seal: &Seal,
        plan: &Plan,
        wanted: &CredentialsAnswers,
    ) -> Result<Staged, Failure> {
        let (receipt, staged) = match outcome {
            Outcome::Installed { receipt, staged, .. } => (receipt, staged),
            Outcome::Cancelled { stage, written, .. } => {
                let _ = job.close().await;
                return Err(Failure::Cancelled { stage, written });
            }
            Outcome::Failed(failure) => {
                let _ = job.close().await;
                return Err(Failure::Job(failure));
            }
        };
        let handed = handed::taken(self.report, bus, job).await?;
        self.report.event(json!({ "event": "installed", "receipt": receipt, "staged": staged }));
        self.report.say("The system is installed.");
        firmware_words::staged(&staged, &receipt).iter().for_each(|line| self.report.say(line));
        if wanted.print {
            self.report.show_secret(&handover::credentials(&plan.user.name, &handed));
        }
        if wanted.leave_on == Some(LeaveOn::Esp) {
            self.report.say("The credentials lie sealed on the new disk's EFI system partition, in EFI/forge.");
        }
        if let Some(volume) = &mut self.volume
            && !volume.read_only
        {
            let must = wanted.leave_on == Some(LeaveOn::AnswersVolume);
            let what = Arc::new(delivery::Handed {
                receipt: *receipt,
                handover: handed,
                user: plan.user.name.clone(),
                hostname: plan.system.hostname.clone(),
                seal: seal.to().filter(|_| must),
            });
            match delivery::to_volume(self.report, volume, &what, self.log, must).await {
                Left::Directory(left) => {
                    self.report.event(json!({ "event": "delivered", "directory": left }));
                    let left = left.display();
                    self.report.say(format!("Receipt and what else is left: {left} on the answers volume."));
                }
                Left::Log => {
                    let name = delivery::log_name(&what.hostname);
                    self.report.say(format!("The log is on the answers volume: {name}."));
                }
                Left::Nothing => {}
            }
        }
        Ok(staged)
    }

    /// Says what went wrong, and keeps the log.
    pub async fn failed(&mut self, failure: &Failure) {
        self.report.say(format!("Stopped: {failure}"));
        self.look_again().await;
        if let Some(volume) = self.volume.as_ref().filter(|volume| !volume.read_only) {
            delivery::log_of_failure(self.report, volume, self.log, &self.machine).await;
        }
    }

    /// A volume that came late, or was not needed until now, takes the log: never one on the disk that would be erased.
    async fn look_again(&mut self) {
        let Some(bus) = &self.bus else { return };
        if self.volume.is_none() {
            let found = wait_for_volume(bus, SHORTLY.min(self.settle)).await.ok().flatten();
            self.volume = found.filter(|volume| self.target.as_ref() != Some(&volume.disk));
        }
        if self.volume.is_some() && self.machine.is_empty() {
            let facts = async { machine::facts(&Forge::on(bus).await.ok()?).await.ok()?.serial };
            self.machine = timeout(SHORTLY, facts).await.ok().flatten().unwrap_or_default();
        }
    }
}

/// A password that is made, by what becomes of it.
fn made_password(answers: &Answers) -> &'static str {
    let wanted = answers.unattended.as_ref().map(|unattended| &unattended.credentials);
    let printed = wanted.is_some_and(|wanted| wanted.print);
    match (wanted.is_some_and(CredentialsAnswers::is_sealed_to_somebody), printed) {
        (true, true) => "a password that is made, sealed, and shown once",
        (true, false) => "a password that is made, and sealed",
        (false, _) => words::MADE_AND_SHOWN,
    }
}
