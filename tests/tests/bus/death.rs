//! A client or the helper that dies in the middle, and a job that waits for the one whose it is.

use crate::bench::{Bench, Met, Slow, program, said};
use forge_dbus::{
    Error,
    client::{ClientError, Update},
    status::{Outcome, State},
};
use forge_model::Stage;
use forge_tests::{
    disk::{assert_starts_nothing, could_start, digest},
    installed::assert_complete,
    private::{LoopDisk, Person, System, system, until},
};
use std::{
    fs,
    process::{Child, Command, Output, Stdio},
};

/// A program that runs and whose words are kept.
fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn state(bench: &Bench) -> Option<State> {
    let forge = bench.forge();
    bench.system.block_on(async {
        match forge.job().await.unwrap() {
            Some(job) => job.state().await.ok(),
            None => None,
        }
    })
}

/// `forgectl attach` as this person, into a directory of theirs.
fn attach(bench: &Bench, person: Person) -> Output {
    let directory = bench.directory_of(person, &format!("attached-{person:?}"));
    bench.forgectl(person, &["attach", "--output"]).arg(directory).output().unwrap()
}

#[test]
fn an_unattended_install_goes_on_without_its_client_and_is_handed_over_to_the_same_person_only() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = bench.used_disk("LEFT");
        let mut child = spawn(bench.install(Person::Allowed, &disk));
        until("it runs", || (state(&bench) == Some(State::Running)).then_some(()));
        let mut watched = bench.watch();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(state(&bench), Some(State::Running));
        // Comes back in the middle, and stays to the end.
        let output = attach(&bench, Person::Allowed);
        assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
        assert!(matches!(watched.finished(), Outcome::Installed { .. }));
        for file in ["credentials", "receipt.json", "enrollment/variables.json"] {
            assert!(bench.path("attached-Allowed").join(file).exists(), "{file}");
        }
        assert_complete(disk.file());
        assert_eq!(state(&bench), None, "who took the handover closed it");
        let output = attach(&bench, Person::Allowed);
        assert_eq!(output.status.code(), Some(10), "{}", said(&output));
        assert!(said(&output).contains("no install is under way"), "{}", said(&output));

        // Comes back when it has ended; others were there before.
        let mut child = spawn(bench.install(Person::Allowed, &disk));
        until("it runs", || (state(&bench) == Some(State::Running)).then_some(()));
        child.kill().unwrap();
        child.wait().unwrap();
        until("it ended", || (state(&bench) == Some(State::Finished)).then_some(()));
        for other in [Person::Refused, Person::Nobody, Person::Asked] {
            let output = attach(&bench, other);
            assert_eq!(output.status.code(), Some(10), "{other:?}: {}", said(&output));
            assert!(said(&output).contains("not allowed"), "{other:?}: {}", said(&output));
            let directory = bench.path(&format!("attached-{other:?}"));
            assert!(!directory.join("credentials").exists() && !directory.join("receipt.json").exists());
        }
        assert_eq!(state(&bench), Some(State::Finished), "it still waits");
        let receipt = bench.path("attached-Allowed").join("receipt.json");
        let before = fs::read(&receipt).unwrap();
        let output = attach(&bench, Person::Allowed);
        assert!(output.status.success(), "{}", said(&output));
        assert_ne!(fs::read(&receipt).unwrap(), before, "the second one's");
    });
}

/// A client that stays attended or not, as a process that can be killed.
fn client(bench: &Bench, disk: &LoopDisk, how: &str) -> Child {
    // Programs may lie where an ordinary person can not go.
    let copy = bench.path("client");
    if !copy.exists() {
        fs::copy(program("forge-tests-client"), &copy).unwrap();
    }
    let mut command = bench.system.command_as(Person::Allowed, copy);
    command.arg(how).arg(disk.node()).arg(bench.path("answers.toml"));
    spawn(command)
}

#[test]
fn an_attended_install_is_cancelled_when_its_client_dies_before_the_commit() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = bench.used_disk("ATTENDED");
        for stage in [Stage::Prepare, Stage::Write] {
            let before = digest(disk.file());
            let mut child = client(&bench, &disk, "attended");
            until("it runs", || (state(&bench) == Some(State::Running)).then_some(()));
            let slow = Slow::down(bench.helper());
            let mut job = bench.watch();
            loop {
                let now = system.block_on(job.job.progress()).unwrap().stage();
                if now >= Some(stage) {
                    break;
                }
                assert!(matches!(job.next(), Update::Progress(_)));
            }
            child.kill().unwrap();
            child.wait().unwrap();
            drop(slow);
            let Outcome::Cancelled { stage: at, written, .. } = job.finished() else { panic!("not cancelled") };
            assert!(at >= stage && written == (at >= Stage::Claim), "{at:?} {written}");
            match written {
                true => assert_starts_nothing(disk.file()),
                false => assert!(digest(disk.file()) == before),
            }
            bench.until_no_job();
            assert!(system.log("helper").contains("the client left: the install is cancelled"));
        }
        // The control: the same client, but unattended.
        let mut child = client(&bench, &disk, "unattended");
        until("it runs", || (state(&bench) == Some(State::Running)).then_some(()));
        let mut job = bench.watch();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(matches!(job.finished(), Outcome::Installed { .. }));
        assert_complete(disk.file());
    });
}

#[test]
fn a_helper_that_is_killed_at_any_stage_leaves_a_disk_that_starts_nothing_or_is_complete_and_the_next_install_works() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = bench.used_disk("KILLED");
        for stage in Stage::ALL {
            killed_at(system, &bench, &disk, stage);
        }
        let mut job = bench.begin(&disk);
        assert!(matches!(job.finished(), Outcome::Installed { .. }), "{}", system.log("helper"));
        assert_complete(disk.file());
    });
}

fn killed_at(system: &System, bench: &Bench, disk: &LoopDisk, stage: Stage) {
    let (mut job, before) = match stage {
        // It takes no time that could be met: killed as soon as the end is told.
        Stage::Receipt => {
            let before = digest(disk.file());
            let mut job = bench.begin(disk);
            let helper = bench.helper();
            assert!(matches!(job.finished(), Outcome::Installed { .. }));
            rustix::process::kill_process(helper, rustix::process::Signal::KILL).unwrap();
            until("the helper is gone", || job.try_run(None).is_err().then_some(()));
            assert!(before != digest(disk.file()));
            assert_complete(disk.file());
            return;
        }
        stage => {
            let Met { job, stopped, before } = bench.meet(disk, stage);
            stopped.kill();
            (job, before)
        }
    };
    assert_eq!(job.end(), None, "the client hears that it is lost");
    // The first moment of Claim lies before its first write.
    let untouched = stage <= Stage::Claim && before == digest(disk.file());
    let after = match (stage < Stage::Claim || untouched, could_start(disk.file())) {
        (true, _) => {
            assert!(untouched, "{stage:?}");
            "as it was"
        }
        (false, false) => "starts nothing",
        (false, true) => {
            assert!(stage == Stage::Commit, "{stage:?}");
            assert_complete(disk.file());
            "complete"
        }
    };
    println!("killed in {stage:?}: {after}");
    // The bus starts another one, which knows nothing of it.
    assert!(system.block_on(bench.forge().job()).unwrap().is_none());
}

#[test]
fn forgectl_says_what_a_lost_helper_means_and_the_same_command_goes_on() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = bench.used_disk("LOST");
        let child = spawn(bench.install(Person::Allowed, &disk));
        until("it runs", || (state(&bench) == Some(State::Running)).then_some(()));
        let slow = Slow::down(bench.helper());
        let mut job = bench.watch();
        while system.block_on(job.job.progress()).unwrap().stage() < Some(Stage::Write) {
            assert!(matches!(job.next(), Update::Progress(_)));
        }
        slow.stop().kill();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(6), "{}", said(&output));
        let sentence = "forgectl: the helper went away in the middle of the install. Its log says why: ";
        assert!(said(&output).contains(sentence), "{}", said(&output));
        assert_starts_nothing(disk.file());
        // There is no watch here that would tell udev that the disk was closed.
        disk.settle();
        assert!(said(&bench.on(Person::Allowed, "plan", &disk).output().unwrap()).contains("did not end is there"));
        let output = bench.install(Person::Allowed, &disk).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        bench.assert_installed(&disk);
    });
}

#[test]
fn what_is_handed_over_is_there_until_the_job_is_closed() {
    system(|system| {
        let bench = Bench::new(system);
        let (disk, other) = (bench.used_disk("HANDOVER"), bench.used_disk("NEXT"));
        let mut job = bench.begin(&disk);
        let early = system.block_on(job.job.handover());
        assert!(matches!(early, Err(ClientError::Refused(Error::WrongState(_)))), "nothing yet");
        assert!(matches!(job.finished(), Outcome::Installed { .. }));
        let first = system.block_on(job.job.handover()).unwrap();
        // The client leaves without closing it.
        drop(job);
        let again = bench.watch();
        assert_eq!(system.block_on(again.job.state()).unwrap(), State::Finished);
        let second = system.block_on(again.job.handover()).unwrap();
        assert_eq!(first.receipt_json, second.receipt_json);
        assert_eq!(first.enrollment_code.expose(), second.enrollment_code.expose());
        match bench.prepare(&other, true) {
            Err(ClientError::Refused(Error::Busy(why))) => assert!(why.contains("not in a safe place"), "{why}"),
            Err(error) => panic!("{error:?}"),
            Ok(_) => panic!("the credentials were lost"),
        }
        again.close();
        assert!(system.block_on(again.job.handover()).is_err());
        bench.until_no_job();
        // One that failed is there for a client that comes back, and gives way to the next.
        let held = system.open_exclusively(other.name()).unwrap();
        let mut failed = bench.begin(&other);
        assert!(matches!(failed.finished(), Outcome::Failed(_)));
        drop(failed);
        let back = bench.watch();
        assert!(matches!(system.block_on(back.job.outcome()).unwrap(), Some(Outcome::Failed(_))));
        drop(held);
        let mut next = bench.begin(&other);
        assert!(matches!(next.finished(), Outcome::Installed { .. }));
    });
}
