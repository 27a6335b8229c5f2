//! Installs, and kills itself with SIGKILL at a given place: `forge-tests-victim PAYLOAD CERTIFICATE DISK STAGE BYTES`.
//!
//! With STAGE `commit-refused` nothing can be written behind the first half of the disk from the commit on.
//! With `free-space` behind these it installs beside what is there, with `shared-esp` it shares the first partition. With STAGE `none` it runs to its end. It prints each stage that begins, so that a test can also kill it from outside.

use forge_engine::install::{End, Events};
use forge_model::{Progress, Stage};
use forge_tests::job::{ANSWERS, Job, beside_answers, sharing_answers};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};
use std::{io::Write, process::ExitCode, time::SystemTime};

struct Suicide {
    stage: String,
    bytes: u64,
}

impl Events for Suicide {
    fn progress(&self, progress: Progress) {
        if progress.done == 0 {
            let mut out = std::io::stdout().lock();
            let _ = writeln!(out, "{}", progress.stage.id()).and_then(|()| out.flush());
        }
        if self.stage == "commit-refused" && progress.stage == Stage::Commit {
            let half = Rlimit { current: Some(self.bytes), maximum: None };
            setrlimit(Resource::Fsize, half).expect("a limit");
        }
        if progress.stage.id() == self.stage && progress.done >= self.bytes {
            let _ = kill_process(getpid(), Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (args, answers) = match args.split_last() {
        Some((last, rest)) if last == "free-space" => (rest, beside_answers()),
        Some((last, rest)) if last == "shared-esp" => (rest, sharing_answers()),
        _ => (args.as_slice(), ANSWERS.into()),
    };
    let [payload, certificate, disk, stage, bytes] = args else {
        return ExitCode::from(2);
    };
    let (Ok(certificate), Ok(bytes)) = (std::fs::read(certificate), bytes.parse()) else {
        return ExitCode::from(2);
    };
    let job = Job {
        payload: payload.as_ref(),
        certificate: &certificate,
        disk: disk.as_ref(),
        answers,
        tools: Default::default(),
        now: SystemTime::now(),
    };
    match job.run(&Suicide { stage: stage.clone(), bytes }) {
        Ok(End::Installed(_)) => ExitCode::SUCCESS,
        Ok(End::Cancelled { .. }) => ExitCode::from(3),
        Err(refusal) => {
            eprintln!("{} {refusal:?}", refusal.sentence());
            ExitCode::FAILURE
        }
    }
}
