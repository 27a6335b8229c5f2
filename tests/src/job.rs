//! One install into a file or onto a device, from the answers to its end.

use crate::{disk, payload::TestPayload};
use forge_engine::{
    credentials::UserPassword,
    install::{self, End, Events, InstallError, Installed},
    payload::{Payload, PayloadError},
    probe,
    target::{Target, TargetError},
    tool::Tools,
};
use forge_model::{Answers, Inventory, Issue, Plan, Progress, Secret, answers::Password};
use std::{
    fs::File,
    os::unix::fs::FileTypeExt,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

/// Answers that the test payload can fulfil.
pub const ANSWERS: &str = r#"version = 1

[disk]
erase = "all-data-on-this-disk"
esp-mib = 64

[system]
hostname = "quiet-otter"
locale = "de_DE.UTF-8"
timezone = "Europe/Berlin"
keyboard = { layout = "de", variant = "nodeadkeys" }

[user]
name = "anna"
full-name = "Anna Müller"
password = { generate = "passphrase" }
"#;

/// The same answers for a disk on which everything stays.
pub fn beside_answers() -> String {
    ANSWERS.replace("erase = \"all-data-on-this-disk\"", "use = \"free-space\"")
}

/// The same answers for a disk with an EFI system partition that is shared, the first one.
pub fn sharing_answers() -> String {
    beside_answers().replace("esp-mib = 64", "shared-esp = 1")
}

/// The same answers for a disk on which an earlier system is replaced, with an EFI system partition of so many MiB.
pub fn replacing_answers(esp_mib: &str) -> String {
    let answers = ANSWERS.replace("erase = \"all-data-on-this-disk\"", "use = \"replace\"");
    answers.replace("esp-mib = 64", &format!("esp-mib = {esp_mib}"))
}

/// Why an install was refused or failed.
#[derive(Debug)]
pub enum Refusal {
    /// The payload was refused.
    Payload(PayloadError),
    /// The target was refused.
    Target(TargetError),
    /// The plan could not be made.
    Issues(Vec<Issue>),
    /// The install failed.
    Install(InstallError),
}

impl Refusal {
    /// What a person would read.
    pub fn sentence(&self) -> String {
        match self {
            Self::Payload(error) => error.to_string(),
            Self::Target(error) => error.to_string(),
            Self::Issues(issues) => format!("{issues:?}"),
            Self::Install(error) => error.to_string(),
        }
    }
}

/// Everything that an install depends on.
pub struct Job<'a> {
    /// Directory of the payload.
    pub payload: &'a Path,
    /// The certificate that is trusted.
    pub certificate: &'a [u8],
    /// The file or device that is written.
    pub disk: &'a Path,
    /// The answer file's text.
    pub answers: String,
    /// Where the standard tools are.
    pub tools: Tools,
    /// The clock by which the payload's signature is judged.
    pub now: SystemTime,
}

impl<'a> Job<'a> {
    /// An ordinary install of this payload.
    pub fn new(payload: &'a TestPayload, disk: &'a Path, directory: &'a Path) -> Self {
        let certificate = &payload.keys.certificate;
        let (answers, tools, now) = (ANSWERS.into(), Tools::default(), SystemTime::now());
        Self { payload: directory, certificate, disk, answers, tools, now }
    }

    /// Makes the plan, and gives what it was made from.
    pub fn plan(&self) -> Result<(Payload, Target, Plan, Answers), Refusal> {
        let payload = Payload::open(self.payload, self.certificate, self.now).map_err(Refusal::Payload)?;
        let (target, inventory) = target(self.disk).map_err(Refusal::Target)?;
        let answers = Answers::parse(&self.answers).unwrap();
        let (manifest, digest) = (&payload.manifest, &payload.manifest_sha256);
        let plan = Plan::new(&inventory, target.path(), &answers, manifest, digest).map_err(Refusal::Issues)?;
        Ok((payload, target, plan, answers))
    }

    /// Does everything.
    pub fn run(&self, events: &dyn Events) -> Result<End, Refusal> {
        let (payload, target, plan, answers) = self.plan()?;
        let password = match answers.user.password {
            Password::Hash { hash } => UserPassword::Hash(Secret::new(hash)),
            _ => UserPassword::Generate,
        };
        let end = install::run(&self.tools, &plan, &payload, &target, password, events);
        end.map_err(|failed| Refusal::Install(failed.error))
    }
}

/// Installs a payload into a file with the usual answers.
pub fn install(payload: &TestPayload, disk: &Path, events: &dyn Events) -> Result<End, Refusal> {
    Job::new(payload, disk, &payload.directory()).run(events)
}

/// Installs, and expects that it works.
pub fn install_well(payload: &TestPayload, disk: &Path) -> Box<Installed> {
    match install(payload, disk, &Recorder::default()) {
        Ok(End::Installed(installed)) => installed,
        Ok(End::Cancelled { stage }) => panic!("cancelled in {stage:?}"),
        Err(refusal) => panic!("{}", refusal.sentence()),
    }
}

/// Takes a device as the helper does, or a file as `forgectl` does, and says what is found there.
fn target(path: &Path) -> Result<(Target, Inventory), TargetError> {
    if std::fs::metadata(path).is_ok_and(|about| about.file_type().is_block_device()) {
        let mut found = disk::found(path);
        let content = |source| TargetError::Call { what: "looking at the target", source };
        found.content = File::open(path).and_then(|file| probe::content(&file)).map_err(content)?;
        let target = Target::device(disk::open_exclusively(path).unwrap(), &found)?;
        return Ok((target, Inventory { disks: vec![found], firmware: None, devices: Vec::new(), tpm2: false }));
    }
    let target = open_target(path)?;
    let inventory = probe::file(&target)?;
    Ok((target, inventory))
}

/// Opens the target. Tests run side by side, so a tool of another one can hold a copy of a descriptor for an instant,
/// between its fork and its exec; that is waited out.
pub fn open_target(disk: &Path) -> Result<Target, TargetError> {
    let end = Instant::now() + Duration::from_millis(700);
    loop {
        match Target::open_file(disk) {
            Err(TargetError::InUse { .. }) if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
            result => return result,
        }
    }
}

/// Remembers the progress, and cancels when a test says so.
#[derive(Default)]
pub struct Recorder {
    seen: Mutex<Vec<Progress>>,
    cancelled: AtomicBool,
    cancel_at: Option<(forge_model::Stage, u64)>,
}

impl Recorder {
    /// One that cancels when a stage has done so many bytes.
    pub fn cancel_at(stage: forge_model::Stage, done: u64) -> Self {
        Self { cancel_at: Some((stage, done)), ..Self::default() }
    }

    /// All that was seen.
    pub fn seen(&self) -> Vec<Progress> {
        self.seen.lock().unwrap().clone()
    }

    /// The stages in their order, each once.
    pub fn stages(&self) -> Vec<forge_model::Stage> {
        let mut stages: Vec<_> = self.seen().iter().map(|progress| progress.stage).collect();
        stages.dedup();
        stages
    }
}

impl Events for Recorder {
    fn progress(&self, progress: Progress) {
        self.seen.lock().unwrap().push(progress);
        if self.cancel_at.is_some_and(|(stage, done)| progress.stage == stage && progress.done >= done) {
            self.cancelled.store(true, Ordering::SeqCst);
        }
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}
