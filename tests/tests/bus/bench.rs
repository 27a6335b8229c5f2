//! What the tests of the helper share: the real helper behind the real bus, the small payload, `forgectl` as a person runs it.

use forge_dbus::{
    client::{ClientError, Forge, Job, Update},
    status::{Outcome, Progress},
};
use forge_model::{Secret, Stage};
use forge_tests::{
    disk::{self, could_start, digest},
    installed,
    job::ANSWERS,
    payload::{TestPayload, shared},
    private::{LoopDisk, Make, Person, System, until},
};
use futures_util::{StreamExt, stream::BoxStream};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// The host's kernel may know no GPT: nothing waits for partitions here. Milliseconds that the helper stays when nobody needs it: long enough for a test's pauses.
pub const IDLE: &str = "20000";
/// The size of a disk that the small payload fits on.
pub const USUAL: u64 = 512 << 20;

/// The helper and what it installs.
pub struct Bench<'a> {
    pub system: &'a System,
    pub payload: Arc<TestPayload>,
    place: PathBuf,
}

impl<'a> Bench<'a> {
    /// The usual payload; the bus starts the helper from now on.
    pub fn new(system: &'a System) -> Self {
        Self::with(system, shared(), &["--idle-ms", IDLE, "--settle-ms", "0"])
    }

    /// Another payload, other options.
    pub fn with(system: &'a System, payload: Arc<TestPayload>, options: &[&str]) -> Self {
        let place = system.disks().parent().unwrap().join("bench");
        fs::create_dir(&place).unwrap();
        fs::set_permissions(&place, Permissions::from_mode(0o755)).unwrap();
        fs::write(place.join("certificate.pgp"), &payload.keys.certificate).unwrap();
        fs::write(place.join("answers.toml"), ANSWERS).unwrap();
        // Programs may lie where an ordinary person can not go.
        fs::copy(program("forgectl"), place.join("forgectl")).unwrap();
        let bench = Self { system, payload, place };
        let (payload, certificate) = (bench.payload.directory(), bench.path("certificate.pgp"));
        let mut arguments =
            vec!["--payload", payload.to_str().unwrap(), "--certificate", certificate.to_str().unwrap()];
        arguments.extend(options);
        system.helper(&program("forge-helper"), &arguments);
        bench
    }

    /// From now on the bus starts the helper under another program, such as `strace` with its options.
    pub fn helper_under(&self, program_and_options: &[&str], options: &[&str]) {
        let (payload, certificate) = (self.payload.directory(), self.path("certificate.pgp"));
        let helper = program("forge-helper");
        let mut words = program_and_options[1..].to_vec();
        words.extend([helper.to_str().unwrap(), "--payload", payload.to_str().unwrap()]);
        words.extend(["--certificate", certificate.to_str().unwrap()]);
        words.extend(options);
        self.system.helper(program_and_options[0].as_ref(), &words);
    }

    /// A file of it, readable by everybody.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    /// Other answers from now on.
    pub fn answer(&self, from: &str, to: &str) {
        assert!(ANSWERS.contains(from));
        fs::write(self.path("answers.toml"), ANSWERS.replace(from, to)).unwrap();
    }

    /// A directory that this person owns.
    pub fn directory_of(&self, person: Person, name: &str) -> PathBuf {
        let directory = self.path(name);
        fs::create_dir_all(&directory).unwrap();
        chown(&directory, Some(person.uid()), Some(person.uid())).unwrap();
        directory
    }

    /// `forgectl` as this person runs it.
    pub fn forgectl(&self, person: Person, words: &[&str]) -> Command {
        let mut command = self.system.command_as(person, self.path("forgectl"));
        command.args(words);
        command
    }

    /// `forgectl VERB` for a disk, with the usual answers.
    pub fn on(&self, person: Person, verb: &str, disk: &LoopDisk<'_>) -> Command {
        let mut command = self.forgectl(person, &[verb, "--target", &disk.node(), "--answers"]);
        command.arg(self.path("answers.toml"));
        command
    }

    /// `forgectl install` for a disk; hands over into the person's directory `handover`.
    pub fn install(&self, person: Person, disk: &LoopDisk<'_>) -> Command {
        let mut command = self.on(person, "install", disk);
        command.arg("--output").arg(self.directory_of(person, "handover"));
        command
    }

    /// Expects that a disk was installed well: `forgectl verify` finds nothing wrong with what its file holds.
    pub fn assert_installed(&self, disk: &LoopDisk<'_>) {
        let receipt = self.path("handover").join("receipt.json");
        let mut command = Command::new(self.path("forgectl"));
        let output = command.arg("verify").arg(disk.file()).arg("--receipt").arg(receipt).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// Jobs that a test begins itself, as root.
impl<'a> Bench<'a> {
    /// The helper, over a connection of its own.
    pub fn forge(&self) -> Forge {
        self.system.block_on(Forge::on(&self.system.connect())).unwrap()
    }

    /// The usual answers as they are now.
    pub fn answers(&self) -> String {
        fs::read_to_string(self.path("answers.toml")).unwrap()
    }

    /// A disk on which a system lies that could start.
    pub fn used_disk(&self, serial: &str) -> LoopDisk<'a> {
        let installed = installed::shared();
        let content = Some(installed.disk.path.as_path());
        let disk = LoopDisk::make(self.system, Make { serial, size: disk::USUAL, content, ..Make::default() });
        assert!(could_start(disk.file()), "the control");
        disk
    }

    /// A job that waits.
    pub fn prepare(&self, disk: &LoopDisk, unattended: bool) -> Result<Watched<'a>, ClientError> {
        let connection = self.system.connect();
        self.system.block_on(async {
            let forge = Forge::on(&connection).await?;
            let job = forge.prepare(&disk.node(), &self.answers(), unattended).await?;
            Ok(Watched::of(self.system, job).await)
        })
    }

    /// A job that runs.
    pub fn begin(&self, disk: &LoopDisk) -> Watched<'a> {
        let watched = self.prepare(disk, true).unwrap_or_else(|e| panic!("{e:?}"));
        watched.run();
        watched
    }

    /// The job that exists, which somebody else began.
    pub fn watch(&self) -> Watched<'a> {
        let connection = self.system.connect();
        self.system.block_on(async {
            let job = Forge::on(&connection).await.unwrap().job().await.unwrap().expect("a job");
            Watched::of(self.system, job).await
        })
    }

    /// Waits until the helper knows no job.
    pub fn until_no_job(&self) {
        let forge = self.forge();
        until("the job is forgotten", || self.system.block_on(forge.job()).unwrap().is_none().then_some(()));
    }

    /// The process that is the helper now.
    pub fn helper(&self) -> Pid {
        let bus = self.system.bus();
        let id = self.system.block_on(async {
            let name = forge_dbus::NAME.try_into().unwrap();
            zbus::fdo::DBusProxy::new(bus).await?.get_connection_unix_process_id(name).await
        });
        Pid::from_raw(id.unwrap().try_into().unwrap()).unwrap()
    }

    /// Runs jobs on a disk until one is met at the beginning of this stage.
    pub fn meet(&self, disk: &LoopDisk, stage: Stage) -> Met<'a> {
        for _ in 0..8 {
            let before = digest(disk.file());
            let mut job = self.prepare(disk, true).unwrap_or_else(|e| panic!("{e:?}"));
            if let Some(stopped) = job.run_until(self.helper(), stage) {
                return Met { job, stopped, before };
            }
            job.finished();
            job.close();
        }
        panic!("{stage:?} was never met");
    }
}

/// A job that stands still at the beginning of a stage.
pub struct Met<'a> {
    pub job: Watched<'a>,
    pub stopped: Stopped,
    /// What the disk held before it ran.
    pub before: (u64, String),
}

/// A job, its client and what it tells.
pub struct Watched<'a> {
    system: &'a System,
    pub job: Job,
    updates: BoxStream<'static, Update>,
    /// Every progress with its time.
    pub seen: Vec<(Instant, Progress)>,
    ended: Option<Outcome>,
}

/// How long a test waits for a job to tell something.
const PATIENCE: Duration = Duration::from_secs(60);

impl<'a> Watched<'a> {
    async fn of(system: &'a System, job: Job) -> Self {
        let updates = job.updates().await.unwrap().boxed();
        Self { system, job, updates, seen: Vec::new(), ended: None }
    }

    /// Begins.
    pub fn run(&self) {
        self.try_run(None).unwrap_or_else(|e| panic!("{e:?}"));
    }

    /// Begins, with a password that was typed.
    pub fn try_run(&self, password: Option<&Secret>) -> Result<(), ClientError> {
        self.system.block_on(async { self.job.run(&self.job.digest().await?, password).await })
    }

    /// The next thing that it tells.
    pub fn next(&mut self) -> Update {
        let next = self.system.block_on(async { tokio::time::timeout(PATIENCE, self.updates.next()).await });
        let next = next.ok().flatten().unwrap_or_else(|| panic!("nothing more is told after {:?}", self.seen.last()));
        match &next {
            Update::Progress(progress) => self.seen.push((Instant::now(), progress.clone())),
            Update::Finished(outcome) => self.ended = Some(*outcome.clone()),
            Update::Lost => {}
        }
        next
    }

    /// Waits for its end, also when the helper went away.
    pub fn end(&mut self) -> Option<Outcome> {
        while self.ended.is_none() {
            if self.next() == Update::Lost {
                return None;
            }
        }
        self.ended.clone()
    }

    /// Waits for its end.
    pub fn finished(&mut self) -> Outcome {
        self.end().expect("the helper went away")
    }

    /// Begins, and slows the helper down until a stage begins; then it stands still. Nothing if the stage was over
    /// before it was told.
    pub fn run_until(&mut self, helper: Pid, stage: Stage) -> Option<Stopped> {
        let slow = Slow::down(helper);
        self.run();
        loop {
            match self.next() {
                Update::Progress(progress) => match progress.stage() {
                    Some(now) if now == stage => return Some(slow.stop()),
                    Some(now) if now > stage => return None,
                    _ => {}
                },
                Update::Finished(_) | Update::Lost => return None,
            }
        }
    }

    /// Lets the helper forget it.
    pub fn close(&self) {
        self.system.block_on(self.job.close()).unwrap();
    }
}

/// A helper that gets a part of the time, so that no stage is too short to be met.
pub struct Slow {
    helper: Pid,
    end: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Slow {
    /// From now on.
    pub fn down(helper: Pid) -> Self {
        Self::by(helper, 3, 27)
    }

    /// One that runs and stands still for so many milliseconds in turn.
    pub fn by(helper: Pid, runs: u64, stands: u64) -> Self {
        let (end, ended) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let wait = |milliseconds| {
                ended.recv_timeout(Duration::from_millis(milliseconds)) == Err(mpsc::RecvTimeoutError::Timeout)
            };
            while wait(runs) {
                let _ = kill_process(helper, Signal::STOP);
                let go_on = wait(stands);
                let _ = kill_process(helper, Signal::CONT);
                if !go_on {
                    return;
                }
            }
        });
        Self { helper, end: Some(end), thread: Some(thread) }
    }

    /// Stops it altogether.
    pub fn stop(self) -> Stopped {
        let helper = self.helper;
        drop(self);
        Stopped::now(helper)
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A helper that stands still until this is dropped.
pub struct Stopped {
    helper: Pid,
}

impl Stopped {
    /// From now on.
    pub fn now(helper: Pid) -> Self {
        kill_process(helper, Signal::STOP).unwrap();
        Self { helper }
    }

    /// Ends it as a fault would: it gets no word in.
    pub fn kill(self) {
        kill_process(self.helper, Signal::KILL).unwrap();
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill_process(self.helper, Signal::CONT);
    }
}

/// A program of ours, built beside this test.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join(name);
    assert!(program.exists(), "{} is not built: cargo build --workspace", program.display());
    program
}

/// Everything that a program said.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
