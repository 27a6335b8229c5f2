//! An install that is killed or cancelled at any point: the disk starts nothing or is as it was, and a second run works.

use forge_engine::{install::End, journal::Journal, probe};
use forge_model::{Progress, Stage, inventory::Content};
use forge_tests::{
    disk::{Disk, MIB, USUAL, assert_starts_nothing, could_start},
    installed::assert_complete,
    job::{Job, Recorder, Refusal, install, install_well, open_target},
    look::run_with,
    payload::{self, TestPayload},
};
use std::{
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// A disk with a system on it that starts, and the payload that it came from.
fn installed() -> (Arc<TestPayload>, Disk) {
    let installed = forge_tests::installed::shared();
    let disk = Disk::copy_of(&installed.disk.path);
    assert!(could_start(&disk.path), "the control");
    (installed.payload.clone(), disk)
}

/// Starts an install that kills itself at this place, or is killed from outside.
fn victim(payload: &TestPayload, disk: &Path, stage: &str, bytes: u64) -> (Child, tempfile::NamedTempFile) {
    let certificate = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(certificate.path(), &payload.keys.certificate).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_forge-tests-victim"));
    command.arg(payload.directory()).arg(certificate.path()).arg(disk).args([stage, &bytes.to_string()]);
    (command.stdout(Stdio::piped()).spawn().unwrap(), certificate)
}

fn kill_at(payload: &TestPayload, disk: &Path, stage: Stage, bytes: u64) {
    let (child, _certificate) = victim(payload, disk, stage.id(), bytes);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{stage:?} at {bytes}: {output:?}");
}

fn content(disk: &Path) -> Content {
    let target = open_target(disk).unwrap();
    probe::file(&target).unwrap().disks.remove(0).content
}

/// The second run: it works, and everything is in order then. Gives the stages that it went through.
fn run_again(payload: &TestPayload, disk: &Path) -> Vec<Stage> {
    let recorder = Recorder::default();
    match install(payload, disk, &recorder) {
        Ok(End::Installed(installed)) => assert_eq!(assert_complete(disk), installed.receipt),
        Ok(End::Cancelled { .. }) => panic!("nobody cancelled"),
        Err(refusal) => panic!("{}", refusal.sentence()),
    }
    recorder.stages()
}

#[test]
fn killed_before_the_claim_the_disk_is_as_it_was() {
    let (payload, disk) = installed();
    let before = disk.digest();
    for stage in [Stage::Check, Stage::Prepare] {
        kill_at(&payload, &disk.path, stage, 0);
        assert_eq!(disk.digest(), before, "{stage:?}");
    }
    run_again(&payload, &disk.path);
}

#[test]
fn killed_while_writing_the_disk_starts_nothing_and_a_second_run_works() {
    for bytes in [0, 4 * MIB, 11 * MIB] {
        let (payload, disk) = installed();
        kill_at(&payload, &disk.path, Stage::Write, bytes);
        assert_starts_nothing(&disk.path);
        assert_eq!(content(&disk.path), Content::Unfinished { stage: Stage::Claim });
        assert!(run_again(&payload, &disk.path).contains(&Stage::Write));
    }
}

#[test]
fn killed_after_the_image_was_written_a_second_run_proves_it_and_writes_it_no_more() {
    for (stage, bytes, reached) in [
        (Stage::Prove, 0, Stage::Write),
        (Stage::Prove, 8 * MIB, Stage::Write),
        (Stage::Fill, 0, Stage::Prove),
        (Stage::Commit, 0, Stage::Prove),
    ] {
        let (payload, disk) = installed();
        kill_at(&payload, &disk.path, stage, bytes);
        assert_starts_nothing(&disk.path);
        assert_eq!(content(&disk.path), Content::Unfinished { stage: reached }, "{stage:?}");
        let stages = run_again(&payload, &disk.path);
        let wanted = Stage::ALL.into_iter().filter(|stage| *stage != Stage::Write);
        assert_eq!(stages, wanted.collect::<Vec<_>>(), "{stage:?} at {bytes}");
    }
}

#[test]
fn killed_twice_while_it_proves_a_third_run_still_needs_no_new_write() {
    let (payload, disk) = installed();
    for _ in 0..2 {
        kill_at(&payload, &disk.path, Stage::Prove, 4 * MIB);
        assert_starts_nothing(&disk.path);
    }
    assert!(!run_again(&payload, &disk.path).contains(&Stage::Write));
}

#[test]
fn what_a_killed_run_left_is_not_believed_when_it_changed() {
    let (payload, disk) = installed();
    kill_at(&payload, &disk.path, Stage::Fill, 0);
    let image = forge_tests::installed::shared().partition(forge_model::layout::Role::RootA).offset;
    payload::flip(&disk.path, image + 5 * MIB);
    let stages = run_again(&payload, &disk.path);
    let prove_and_write = [Stage::Claim, Stage::Prove, Stage::Write, Stage::Prove, Stage::Fill];
    assert!(stages.windows(5).any(|w| w == prove_and_write), "{stages:?}");
}

#[test]
fn a_journal_for_another_image_is_not_resumed() {
    let (payload, disk) = installed();
    kill_at(&payload, &disk.path, Stage::Fill, 0);
    let found = Journal::read(&open_target(&disk.path).unwrap()).unwrap().unwrap();
    let other = Journal::new(found.stage, "11".repeat(32).parse().unwrap(), found.data_offset, found.tree_offset);
    other.write(&open_target(&disk.path).unwrap()).unwrap();
    let stages = run_again(&payload, &disk.path);
    assert_eq!(stages, Stage::ALL);
}

#[test]
fn killed_after_the_commit_the_disk_is_complete() {
    let (payload, disk) = installed();
    let old = assert_complete(&disk.path);
    kill_at(&payload, &disk.path, Stage::Receipt, 0);
    assert_ne!(assert_complete(&disk.path).disk_id, old.disk_id);
}

#[test]
fn killed_at_any_moment_the_disk_is_as_it_was_or_starts_nothing_or_is_complete() {
    let old = assert_complete(&forge_tests::installed::shared().disk.path);
    for (stage, wait) in [("claim", 1), ("fill", 2), ("fill", 15), ("commit", 1), ("commit", 3)] {
        let (payload, disk) = installed();
        let (mut child, _certificate) = victim(&payload, &disk.path, "none", 0);
        let stages = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        stages.take_while(|line| line != stage).for_each(drop);
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
        if could_start(&disk.path) {
            let receipt = assert_complete(&disk.path);
            assert!(stage == "claim" || stage == "commit" || receipt.disk_id != old.disk_id, "{stage} + {wait} ms");
        }
        run_again(&payload, &disk.path);
    }
}

#[test]
fn cancelled_in_a_stage_it_says_which_and_the_disk_is_as_it_was_or_starts_nothing() {
    for (stage, bytes) in [
        (Stage::Check, 0),
        (Stage::Prepare, 0),
        (Stage::Claim, 0),
        (Stage::Write, 8 * MIB),
        (Stage::Prove, 8 * MIB),
        (Stage::Fill, 0),
    ] {
        let (payload, disk) = installed();
        let before = disk.digest();
        let end = install(&payload, &disk.path, &Recorder::cancel_at(stage, bytes));
        assert!(matches!(end, Ok(End::Cancelled { stage: at }) if at == stage), "{stage:?} at {bytes}");
        if stage < Stage::Claim {
            assert_eq!(disk.digest(), before, "{stage:?}");
        } else {
            assert_starts_nothing(&disk.path);
        }
        if [Stage::Claim, Stage::Write].contains(&stage) {
            run_again(&payload, &disk.path);
        }
    }
}

#[test]
fn cancelled_while_an_earlier_run_is_proved_again_nothing_is_written() {
    let (payload, disk) = installed();
    kill_at(&payload, &disk.path, Stage::Fill, 0);
    let recorder = Recorder::cancel_at(Stage::Prove, 0);
    let end = install(&payload, &disk.path, &recorder);
    assert!(matches!(end, Ok(End::Cancelled { stage: Stage::Prove })));
    assert!(!recorder.stages().contains(&Stage::Write));
    assert!(!run_again(&payload, &disk.path).contains(&Stage::Write));
}

#[test]
fn cancelled_when_the_commit_has_begun_it_goes_to_its_end() {
    let (payload, disk) = installed();
    let end = install(&payload, &disk.path, &Recorder::cancel_at(Stage::Commit, 0));
    assert!(matches!(end, Ok(End::Installed(_))));
    assert_complete(&disk.path);
}

#[test]
fn progress_names_every_stage_in_order_and_never_falls() {
    let (payload, disk) = (payload::shared(), Disk::empty(USUAL));
    let recorder = Recorder::default();
    assert!(matches!(install(&payload, &disk.path, &recorder), Ok(End::Installed(_))));
    assert_eq!(recorder.stages(), Stage::ALL);
    for pair in recorder.seen().windows(2) {
        assert!(pair[0].stage != pair[1].stage || pair[0].done <= pair[1].done, "{pair:?}");
        assert!(pair[1].done <= pair[1].total);
    }
    for stage in [Stage::Write, Stage::Prove] {
        let last = recorder.seen().into_iter().rfind(|p| p.stage == stage).unwrap();
        assert_eq!(last.done, last.total, "{stage:?} ends full");
    }
    install_well(&payload, &disk.path);
}

/// Cancels a while after a stage began.
struct Impatient {
    stage: Stage,
    since: Mutex<Option<Instant>>,
}

impl forge_engine::install::Events for Impatient {
    fn progress(&self, progress: Progress) {
        if progress.stage == self.stage {
            self.since.lock().unwrap().get_or_insert_with(Instant::now);
        }
    }

    fn cancelled(&self) -> bool {
        self.since.lock().unwrap().is_some_and(|since| since.elapsed() > Duration::from_millis(300))
    }
}

#[test]
fn cancelled_while_a_standard_tool_hangs_the_tool_is_ended_and_the_run_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let hangs = scratch.path().join("hangs");
    // Made by a program: a file that this process had open for writing could not be run while another test forks.
    let script = "#!/bin/sh\ncase \"$*\" in *receipt*|build*) sleep 600 & wait;; esac\nexec /usr/bin/mcopy \"$@\"\n";
    let made =
        run_with("sh", &["-c", "cat > \"$0\" && chmod +x \"$0\"", &hangs.display().to_string()], script.as_bytes());
    assert!(made.well, "{}", made.text);
    for stage in [Stage::Prepare, Stage::Fill] {
        let (payload, disk) = installed();
        let (before, directory) = (disk.digest(), payload.directory());
        let mut job = Job::new(&payload, &disk.path, &directory);
        match stage {
            Stage::Prepare => job.tools.ukify = hangs.clone(),
            _ => job.tools.mcopy = hangs.clone(),
        }
        let (impatient, begun) = (Impatient { stage, since: Mutex::default() }, Instant::now());
        let end = job.run(&impatient);
        assert!(matches!(end, Ok(End::Cancelled { stage: at }) if at == stage), "{stage:?}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
        match stage {
            Stage::Prepare => assert_eq!(disk.digest(), before),
            _ => assert_starts_nothing(&disk.path),
        }
    }
}

#[test]
fn what_fails_after_it_was_cancelled_is_no_failure() {
    let (payload, disk) = installed();
    let (before, directory) = (disk.digest(), payload.directory());
    let mut job = Job::new(&payload, &disk.path, &directory);
    job.tools.mke2fs = "/usr/bin/false".into();
    assert!(matches!(job.run(&Recorder::default()), Err(Refusal::Install(_))), "the control");
    let end = job.run(&Recorder::cancel_at(Stage::Prepare, 0));
    assert!(matches!(end, Ok(End::Cancelled { stage: Stage::Prepare })));
    assert_eq!(disk.digest(), before);
}
