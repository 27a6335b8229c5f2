//! One install: its life, its owner, its end.
//!
//! ```text
//! prepared --Run--> running --Cancel--> cancelling --> finished --Close, or its client leaves--> forgotten
//! ```
//!
//! It belongs to a user: whoever comes back with the same uid finds it. When its client leaves the bus, an unattended
//! job goes on; another one is cancelled, as long as it can be. Credentials are kept until the job is closed.

use crate::{
    brought::brought,
    inhibitor,
    life::{Reason, Task},
    runner::{self, Ended},
    service::Service,
};
use async_trait::async_trait;
use forge_dbus::{
    Error,
    action::{CANCEL_OTHER, INSTALL},
    backend::{Caller, JobBackend, Secrets, Verdict},
    job::Job,
    sealed,
    status::{Outcome, Progress, State},
};
use forge_engine::{credentials::Brought, watch::Stop};
use forge_model::{Answers, Handover, Pace, Plan, size};
use std::{
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, time::timeout};
use zbus::{OwnedObjectPath, names::OwnedUniqueName, object_server::InterfaceRef};

/// Eight times a second is often enough for an eye.
const TELL: Duration = Duration::from_millis(125);
/// A plan that nobody confirmed for so long gives way to somebody else's.
const STALE: Duration = Duration::from_secs(600);

/// What is confirmed, and the answers that it was made from.
pub struct Confirmed {
    /// Exactly what will be done.
    pub plan: Plan,
    /// What a person confirmed.
    pub digest: String,
    /// To plan again from.
    pub answers: Answers,
}

/// A job.
pub struct Work {
    service: Arc<Service>,
    /// Its object on the bus.
    pub path: OwnedObjectPath,
    uid: u32,
    confirmed: Confirmed,
    unattended: bool,
    made: Instant,
    stop: Stop,
    now: Mutex<Now>,
    /// The helper stays as long as the job is there.
    _reason: Reason,
}

/// What changes.
struct Now {
    owner: Option<OwnedUniqueName>,
    state: State,
    progress: Progress,
    outcome: Option<Outcome>,
    handover: Option<Handover>,
    /// It was forgotten: nothing begins any more.
    closed: bool,
    /// They wait until a client has left.
    watchers: Vec<Task>,
}

impl Work {
    /// A job that waits.
    pub fn new(
        service: Arc<Service>,
        path: OwnedObjectPath,
        caller: &Caller,
        uid: u32,
        confirmed: Confirmed,
        unattended: bool,
        reason: Reason,
    ) -> Arc<Self> {
        let now = Now {
            owner: Some(caller.name.clone()),
            state: State::Prepared,
            progress: Progress { left: -1, ..Progress::default() },
            outcome: None,
            handover: None,
            closed: false,
            watchers: Vec::new(),
        };
        let (stop, now, made) = (Stop::default(), Mutex::new(now), Instant::now());
        Arc::new(Self { service, path, uid, confirmed, unattended, made, stop, now, _reason: reason })
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this caller made it, or came back to it.
    pub fn is_owned_by(&self, caller: &Caller) -> bool {
        self.now().owner.as_ref() == Some(&caller.name)
    }

    /// Whether there are credentials that would be lost with it.
    pub fn holds_credentials(&self) -> bool {
        self.now().handover.is_some()
    }

    /// Whether it has waited so long that somebody else may take its place.
    pub fn is_stale(&self) -> bool {
        self.made.elapsed() > STALE
    }

    /// Closes it for good, and lets go of everything that it holds; false when it runs. A Run that waits for a password or
    /// for the plan finds it closed, whenever it comes back.
    pub fn close_unless_running(&self) -> bool {
        let mut now = self.now();
        if matches!(now.state, State::Running | State::Cancelling) {
            return false;
        }
        now.closed = true;
        now.owner = None;
        now.handover = None;
        true
    }

    /// Watches the client until it leaves the bus.
    pub fn follow(self: &Arc<Self>, client: OwnedUniqueName) {
        // The job does not live longer because somebody is watched: a closed one keeps neither memory nor the helper.
        let (work, clients) = (Arc::downgrade(self), self.service.clients.clone());
        let watcher = tokio::spawn(async move {
            clients.gone(&client).await;
            if let Some(work) = work.upgrade() {
                work.left(&client).await;
            }
        });
        let mut now = self.now();
        now.watchers.retain(|watcher| !watcher.is_finished());
        now.watchers.push(Task::new(&watcher));
    }

    async fn left(&self, client: &OwnedUniqueName) {
        let state = {
            let mut now = self.now();
            if now.owner.as_ref() != Some(client) {
                return;
            }
            now.owner = None;
            now.state
        };
        let kept = match state {
            State::Prepared => false,
            State::Running | State::Cancelling => true,
            // Whoever comes back finds how it ended.
            State::Finished => self.unattended || self.holds_credentials(),
        };
        if kept || !self.service.forget(self).await {
            self.left_running().await;
        }
    }

    /// The client left in the middle, or after an end that it may want to hear of later.
    async fn left_running(&self) {
        match self.state() {
            State::Running if !self.unattended => {
                log::info!("the client left: the install is cancelled");
                self.ask_to_stop().await;
            }
            State::Running | State::Cancelling => log::info!("the client left: the install goes on without it"),
            State::Prepared | State::Finished => log::info!("the client left: the end is kept for its return"),
        }
    }

    /// Lets its user pass, and others whom polkit lets.
    async fn own_or_other(&self, caller: &Caller) -> Result<(), Error> {
        if self.service.clients.uid(caller).await? == self.uid {
            return Ok(());
        }
        self.service.authority.allow(caller, CANCEL_OTHER, &[("disk", &self.disk_name())]).await
    }

    /// The disk as a person knows it.
    fn disk_name(&self) -> String {
        let target = &self.confirmed.plan.target;
        let name = target.model.as_deref().unwrap_or("the disk");
        format!("{name} ({}, {})", size::words(target.size), target.identity.path)
    }

    async fn ask_to_stop(&self) {
        self.stop.request();
        let changed = {
            let mut now = self.now();
            let running = now.state == State::Running;
            if running {
                now.state = State::Cancelling;
            }
            running
        };
        if changed && let Some(object) = self.object().await {
            let _ = object.get().await.state_changed(object.signal_emitter()).await;
        }
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop_and_wait(&self) {
        self.ask_to_stop().await;
        while matches!(self.state(), State::Running | State::Cancelling) {
            tokio::time::sleep(TELL).await;
        }
    }

    async fn object(&self) -> Option<InterfaceRef<Job>> {
        self.service.connection.object_server().interface(&self.path).await.ok()
    }

    /// The install itself, from the descriptor to the end.
    async fn work(self: Arc<Self>, plan: Plan, brought: Brought) {
        let disk = plan.target.identity.path.clone();
        log::info!("install {} on {disk} for uid {}", self.confirmed.digest, self.uid);
        let lock = inhibitor::take(&self.service.connection, &disk).await;
        let (tell, told) = mpsc::unbounded_channel();
        let teller = tokio::spawn(Arc::clone(&self).tell(told));
        let ended = runner::run(&self.service, plan, &self.confirmed.answers, brought, self.stop.clone(), tell).await;
        let _ = teller.await;
        drop(lock);
        self.end(ended).await;
    }

    /// Turns what the engine tells into properties, a few times a second, and whenever a stage begins: none goes by untold.
    async fn tell(self: Arc<Self>, mut told: mpsc::UnboundedReceiver<forge_model::Progress>) {
        let Some(object) = self.object().await else { return };
        let (start, mut pace) = (Instant::now(), Pace::default());
        let mut next = told.recv().await;
        while let Some(progress) = next.take() {
            let measured = pace.see(start.elapsed(), progress);
            self.now().progress = Progress {
                stage: progress.stage.id().into(),
                done: progress.done,
                total: progress.total,
                rate: measured.rate.unwrap_or(0),
                left: measured.left.and_then(|left| left.try_into().ok()).unwrap_or(-1),
            };
            let _ = object.get().await.progress_changed(object.signal_emitter()).await;
            let another_stage = async {
                while let Some(later) = told.recv().await {
                    next = Some(later);
                    if later.stage != progress.stage {
                        break;
                    }
                }
            };
            let _ = timeout(TELL, another_stage).await;
            if next.is_none() {
                next = told.recv().await;
            }
        }
    }

    async fn end(&self, ended: Ended) {
        let Ended { outcome, handover } = ended;
        log::info!("the install ended: {}", summary(&outcome));
        let unwanted = {
            let mut now = self.now();
            now.state = State::Finished;
            now.outcome = Some(outcome.clone());
            now.handover = handover;
            now.owner.is_none() && now.handover.is_none() && !self.unattended
        };
        if let Some(object) = self.object().await {
            let (job, emitter) = (object.get().await, object.signal_emitter());
            let _ = job.state_changed(emitter).await;
            let _ = job.outcome_changed(emitter).await;
            let json = serde_json::to_string(&outcome).unwrap_or_default();
            let _ = Job::finished(emitter, &json).await;
        }
        if unwanted {
            self.service.forget(self).await;
        }
    }
}

/// One line for the journal.
fn summary(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Installed { .. } => "installed".into(),
        Outcome::Cancelled { stage, written, .. } => format!("cancelled in {}, written: {written}", stage.id()),
        Outcome::Failed(f) => format!("failed in {} ({}), written: {}: {}", f.stage.id(), f.kind, f.written, f.details),
    }
}

#[async_trait]
impl JobBackend for Work {
    async fn run(self: Arc<Self>, caller: Caller, digest: &str, secrets: Secrets) -> Result<(), Error> {
        if self.service.clients.uid(&caller).await? != self.uid {
            return Err(Error::NotAllowed("the job belongs to another user".into()));
        }
        let wrong_state = |state: State| Error::WrongState(format!("the job is {}", state.id()));
        let state = self.state();
        if state != State::Prepared {
            return Err(wrong_state(state));
        }
        if digest != self.confirmed.digest {
            return Err(Error::OtherPlan(self.confirmed.digest.clone()));
        }
        let brought = brought(&self.confirmed.answers, self.unattended, secrets)?;
        let (target, disk) = (&self.confirmed.plan.target, self.disk_name());
        let system = format!("{} {}", self.confirmed.plan.payload.name, self.confirmed.plan.payload.release);
        self.service.authority.allow(&caller, INSTALL, &[("disk", &disk), ("system", &system)]).await?;
        // The machine may have changed while a person thought about it.
        self.service.udisks.look_anew();
        let plan = match self.service.plan(&target.identity.path, &self.confirmed.answers).await? {
            Verdict::Plan { plan, digest } if digest == self.confirmed.digest => *plan,
            Verdict::Plan { digest, .. } => return Err(Error::OtherPlan(digest)),
            Verdict::Issues { issues } => return Err(Error::issues(&issues)),
        };
        let before = {
            let mut now = self.now();
            // Meanwhile it may have been cancelled, closed, or left alone: then nothing begins.
            if now.closed || self.service.life.is_leaving() {
                return Err(Error::WrongState("the job is closed".into()));
            }
            if now.state != State::Prepared {
                return Err(wrong_state(now.state));
            }
            now.state = State::Running;
            now.owner.replace(caller.name.clone())
        };
        if before.as_ref() != Some(&caller.name) {
            self.follow(caller.name.clone());
        }
        if let Some(object) = self.object().await {
            let _ = object.get().await.state_changed(object.signal_emitter()).await;
        }
        tokio::spawn(self.work(plan, brought));
        Ok(())
    }

    async fn cancel(&self, caller: Caller) -> Result<(), Error> {
        self.own_or_other(&caller).await?;
        if self.state() == State::Finished {
            return Err(Error::WrongState("the job has ended".into()));
        }
        // It may begin at this very moment: then it is stopped.
        if !self.service.forget(self).await {
            self.ask_to_stop().await;
        }
        Ok(())
    }

    async fn handover(&self, caller: Caller) -> Result<OwnedFd, Error> {
        if self.service.clients.uid(&caller).await? != self.uid {
            return Err(Error::NotAllowed("the credentials belong to another user".into()));
        }
        let none = || Error::WrongState("there is nothing to hand over".into());
        let failed = |e: &dyn std::fmt::Display| Error::Failed(format!("the handover: {e}"));
        let now = self.now();
        let handover = now.handover.as_ref().ok_or_else(none)?;
        let bytes = handover.to_bytes().map_err(|e| failed(&e))?;
        sealed::seal(&bytes).map_err(|e| failed(&e))
    }

    async fn close(&self, caller: Caller) -> Result<(), Error> {
        self.own_or_other(&caller).await?;
        if self.holds_credentials() && self.service.clients.uid(&caller).await? != self.uid {
            return Err(Error::NotAllowed("the credentials of another user would be lost".into()));
        }
        match self.service.forget(self).await {
            true => Ok(()),
            false => Err(Error::WrongState("the job runs; cancel it first".into())),
        }
    }

    fn plan(&self) -> String {
        serde_json::to_string(&self.confirmed.plan).unwrap_or_default()
    }

    fn digest(&self) -> String {
        self.confirmed.digest.clone()
    }

    fn unattended(&self) -> bool {
        self.unattended
    }

    fn state(&self) -> State {
        self.now().state
    }

    fn progress(&self) -> Progress {
        self.now().progress.clone()
    }

    fn outcome(&self) -> Option<Outcome> {
        self.now().outcome.clone()
    }
}
