//! A job that is asked to stop: at once, at every stage before the commit, by whoever may.

use crate::{
    bench::{Bench, Met, Slow, said},
    caller::{POLKIT, process_of, signal},
};
use forge_dbus::{
    Error,
    client::{ClientError, Update},
    status::{Outcome, State},
};
use forge_model::Stage;
use forge_tests::{
    disk::{assert_starts_nothing, digest},
    installed::assert_complete,
    private::{LoopDisk, Person, system, until},
};
use rustix::process::Signal;
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

/// Far more than it takes; a second is promised on a machine that does nothing else.
const BOUND: Duration = Duration::from_secs(5);

#[test]
fn at_each_stage_before_the_commit_it_ends_soon_and_the_disk_is_as_it_was_or_starts_nothing() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = bench.used_disk("CANCEL");
        for stage in [Stage::Check, Stage::Prepare, Stage::Claim, Stage::Write, Stage::Prove, Stage::Fill] {
            cancel_at(&bench, &disk, stage);
        }
        let mut job = bench.begin(&disk);
        assert!(matches!(job.finished(), Outcome::Installed { .. }));
        assert_complete(disk.file());
    });
}

/// Cancels at the first progress of a stage. It may have gone on to the next one when it hears of it.
fn cancel_at(bench: &Bench, disk: &LoopDisk, wanted: Stage) {
    for _ in 0..5 {
        let Met { mut job, stopped, before } = bench.meet(disk, wanted);
        // The request waits for it before it goes on.
        let asked = job.job.clone();
        let (outcome, took, asked) = std::thread::scope(|scope| {
            let asking = scope.spawn(|| bench.system.block_on(asked.cancel()));
            std::thread::sleep(Duration::from_millis(20));
            drop(stopped);
            let start = Instant::now();
            let outcome = job.finished();
            (outcome, start.elapsed(), asking.join().unwrap())
        });
        let Outcome::Cancelled { stage, written, .. } = outcome else {
            println!("{wanted:?}: it was over before it could be cancelled; once more");
            assert!(matches!(outcome, Outcome::Installed { .. }), "{outcome:?}");
            job.close();
            continue;
        };
        asked.unwrap();
        println!("cancelled in {stage:?}, asked for in {wanted:?}, after {} ms", took.as_millis());
        assert!(took < BOUND, "{took:?}");
        assert!(stage >= wanted && stage < Stage::Commit, "{stage:?}");
        assert_eq!(written, stage >= Stage::Claim);
        assert_eq!(bench.system.block_on(job.job.state()).unwrap(), State::Finished);
        match written {
            true => assert_starts_nothing(disk.file()),
            false => assert_eq!(digest(disk.file()), before),
        }
        assert!(bench.system.block_on(job.job.handover()).is_err(), "nothing is handed over");
        job.close();
        return;
    }
    panic!("{wanted:?} could not be cancelled");
}

#[test]
fn the_commit_goes_to_its_end() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = bench.used_disk("COMMIT");
        let Met { mut job, stopped, .. } = bench.meet(&disk, Stage::Commit);
        let asked = job.job.clone();
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| system.block_on(asked.cancel()));
            std::thread::sleep(Duration::from_millis(20));
            drop(stopped);
            job.finished()
        });
        assert!(matches!(outcome, Outcome::Installed { .. }), "{outcome:?}");
        system.block_on(job.job.handover()).unwrap();
        assert_complete(disk.file());
    });
}

#[test]
fn a_job_that_waits_is_forgotten_when_it_is_cancelled() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = bench.used_disk("WAITS");
        let before = digest(disk.file());
        let job = bench.prepare(&disk, true).unwrap();
        system.block_on(job.job.cancel()).unwrap();
        bench.until_no_job();
        assert!(job.try_run(None).is_err());
        assert_eq!(digest(disk.file()), before);
    });
}

#[test]
fn another_person_can_cancel_only_with_polkits_yes() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = bench.used_disk("OTHER");
        let mut command = bench.install(Person::Allowed, &disk);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let forge = bench.forge();
        until("it runs", || {
            let job = system.block_on(forge.job()).unwrap()?;
            (system.block_on(job.state()).unwrap() == State::Running).then_some(())
        });
        let slow = Slow::down(bench.helper());
        let job = bench.watch();
        let path = system.block_on(async { forge_dbus::manager::ManagerProxy::new(system.bus()).await?.jobs().await });
        let path = path.unwrap().remove(0).to_string();
        for verb in ["Cancel", "Close", "Handover"] {
            let mut call = system.command_as(Person::Refused, "/usr/bin/busctl");
            call.args(["--system", "call", forge_dbus::NAME, &path, "org.intergenos.Forge1.Job", verb]);
            let output = call.output().unwrap();
            // busctl shows the text of an error, which is the action or the reason.
            let words = said(&output);
            assert!(!output.status.success(), "{verb}: {words}");
            assert!(words.contains("cancel-other") || words.contains("belong to another user"), "{verb}: {words}");
        }
        assert_eq!(system.block_on(job.job.state()).unwrap(), State::Running);
        // polkit says yes to root; also Close needs that it stands still first.
        let close = system.block_on(job.job.close());
        assert!(matches!(close, Err(ClientError::Refused(Error::WrongState(_)))), "{close:?}");
        system.block_on(job.job.cancel()).unwrap();
        drop(slow);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(7), "{}", said(&output));
        assert!(said(&output).contains("forgectl: cancelled while "), "{}", said(&output));
    });
}

#[test]
fn there_is_one_job_at_a_time_and_the_next_client_is_told() {
    system(|system| {
        let bench = Bench::new(system);
        let (disk, other) = (bench.used_disk("ONE"), bench.used_disk("TWO"));
        let busy = |disk: &LoopDisk| match bench.prepare(disk, true) {
            Err(ClientError::Refused(Error::Busy(why))) => assert!(why.starts_with("another "), "{why}"),
            Err(error) => panic!("{error:?}"),
            Ok(_) => panic!("two at once"),
        };
        let first = bench.prepare(&disk, true).unwrap();
        busy(&disk);
        busy(&other);
        let output = bench.install(Person::Allowed, &other).output().unwrap();
        assert_eq!(output.status.code(), Some(10), "{}", said(&output));
        assert!(said(&output).contains("the helper is busy: another plan waits to be confirmed"), "{}", said(&output));
        first.close();
        // A client that leaves makes room, too.
        let second = bench.prepare(&other, true).unwrap();
        drop(second);
        bench.until_no_job();
        let mut third = bench.begin(&disk);
        assert!(matches!(third.next(), Update::Progress(_)));
        busy(&other);
        assert!(matches!(third.finished(), Outcome::Installed { .. }));
    });
}

/// polkitd stands still as if somebody thought about the password: Run waits, and nothing has begun.
#[test]
fn what_is_cancelled_closed_or_left_while_somebody_types_a_password_never_begins() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = bench.used_disk("DIALOG");
        for way in ["cancel", "close", "leave"] {
            let before = digest(disk.file());
            let client = system.connect();
            let job = system.block_on(async {
                let forge = forge_dbus::client::Forge::on(&client).await.unwrap();
                forge.prepare(&disk.node(), &bench.answers(), false).await.unwrap()
            });
            let confirmed = system.block_on(job.digest()).unwrap();
            let polkit = process_of(system, POLKIT);
            signal(polkit, Signal::STOP);
            let mut running = Box::pin(job.run(&confirmed, None));
            let ended = system.block_on(async { tokio::time::timeout(Duration::from_millis(300), &mut running).await });
            assert!(ended.is_err(), "{way}: polkit was not waited for: {ended:?}");
            match way {
                "cancel" => system.block_on(job.cancel()).unwrap(),
                "close" => system.block_on(job.close()).unwrap(),
                // As when its process dies: the bus drops what it has asked for.
                _ => system.block_on(client.clone().close()).unwrap(),
            }
            bench.until_no_job();
            signal(polkit, Signal::CONT);
            if way != "leave" {
                let refused = system.block_on(running);
                assert!(matches!(refused, Err(ClientError::Refused(Error::WrongState(_)))), "{way}: {refused:?}");
            }
            // It has the time that an install would need to begin.
            std::thread::sleep(Duration::from_secs(2));
            assert_eq!(digest(disk.file()), before, "{way}: the disk was written");
            assert!(!system.log("helper").contains("install "), "{way}: {}", system.log("helper"));
        }
    });
}
