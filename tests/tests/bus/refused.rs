//! Disks that are not taken, and disks that fail: each with its own sentence, and the old bytes where nothing was written.

use crate::bench::{Bench, Met, Slow, USUAL, Watched, program, said};
use forge_dbus::{
    Error,
    client::{ClientError, Update},
    status::{Failure, Outcome},
};
use forge_model::{Issue, Stage, inventory::Obstacle};
use forge_tests::{
    disk::{assert_starts_nothing, digest},
    look::run,
    private::{LoopDisk, Make, Person, System, busy, system},
};
use std::{fs, path::Path, process::Command};

/// Length and hash of what the file below a disk holds now.
fn bytes(disk: &LoopDisk) -> (u64, String) {
    assert!(run("blockdev", &["--flushbufs", &disk.node()]).well);
    digest(disk.file())
}

/// Runs a command that is to be refused with this exit code and with these words.
fn refused(command: &mut Command, code: i32, words: &[&str]) {
    let output = command.output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

/// Expects that `forgectl install` refuses a disk, with this sentence, and leaves it as it is.
fn install_refused(bench: &Bench, disk: &LoopDisk, code: i32, words: &[&str]) {
    let before = bytes(disk);
    refused(&mut bench.install(Person::Allowed, disk), code, words);
    assert!(before == bytes(disk), "the disk was written");
    assert!(bench.system.block_on(bench.forge().job()).unwrap().is_none(), "no job is left");
}

/// What stands against taking a disk, from the typed answer.
fn obstacles(bench: &Bench, disk: &LoopDisk) -> Vec<Obstacle> {
    issues(bench.prepare(disk, true))
        .into_iter()
        .map(|issue| match issue {
            Issue::NotFree { path, obstacle } if path == disk.node() => obstacle,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn issues<T>(result: Result<T, ClientError>) -> Vec<Issue> {
    match result {
        Err(ClientError::Issues(issues)) => issues,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it was not refused"),
    }
}

/// A mounted file system that is not written any more.
fn mounted(node: &str) -> busy::Mounted {
    let mounted = busy::Mounted::on(node);
    let place = mounted.place().display().to_string();
    assert!(run("mount", &["-o", "remount,ro", &place]).well);
    mounted
}

#[test]
fn a_disk_that_is_mounted_or_swap_is_refused_with_the_place_and_what_to_do() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "BUSY", USUAL, 512);
        let node = disk.node();
        {
            let mounted = mounted(&node);
            let at = mounted.place().display().to_string();
            disk.settle();
            assert_eq!(obstacles(&bench, &disk), [Obstacle::Mounted { device: node.clone(), at: at.clone() }]);
            let sentence = format!("{node} can not be taken: {node} is in use at {at}. Unmount it first.");
            install_refused(&bench, &disk, 3, &["this can not be installed", &sentence]);
            refused(&mut bench.on(Person::Allowed, "plan", &disk), 3, &[&sentence]);
            let sentence = format!("It can not be taken: {node} is in use at {at}.");
            let disks = bench.forgectl(Person::Allowed, &["disks"]).output().unwrap();
            assert!(said(&disks).contains(&sentence), "{}", said(&disks));
        }
        {
            let _swap = busy::Swap::on(&node);
            disk.settle();
            assert_eq!(obstacles(&bench, &disk), [Obstacle::Swap { device: node.clone() }]);
            let sentence = format!("{node} is in use as swap space. Turn that off first (swapoff).");
            install_refused(&bench, &disk, 3, &[&sentence]);
        }
        assert_eq!(disk.partition("label: gpt\nsize=64MiB\nsize=64MiB\n"), 2);
        let part = format!("{node}p2");
        {
            let mounted = mounted(&part);
            let at = mounted.place().display().to_string();
            disk.settle();
            assert_eq!(obstacles(&bench, &disk), [Obstacle::Mounted { device: part.clone(), at: at.clone() }]);
            let sentence = format!("{node} can not be taken: {part} is in use at {at}. Unmount it first.");
            install_refused(&bench, &disk, 3, &[&sentence]);
        }
        {
            let _swap = busy::Swap::on(&part);
            disk.settle();
            assert_eq!(obstacles(&bench, &disk), [Obstacle::Swap { device: part.clone() }]);
            install_refused(&bench, &disk, 3, &[&format!("{part} is in use as swap space.")]);
        }
        // A partition is no disk, whoever asks.
        let before = bytes(&disk);
        let mut command = bench.forgectl(Person::Allowed, &["install", "--target", &part, "--answers"]);
        command.arg(bench.path("answers.toml")).arg("--output").arg(bench.directory_of(Person::Allowed, "handover"));
        refused(&mut command, 3, &[&format!("{part} is not there.")]);
        assert!(before == bytes(&disk));
    });
}

#[test]
fn a_disk_that_somebody_has_for_himself_is_refused_when_it_is_to_be_opened() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = bench.used_disk("HELD");
        let held = system.open_exclusively(disk.name()).unwrap();
        let words = ["is in use", "Close whatever uses the disk", "Nothing was written; the target is as it was."];
        install_refused(&bench, &disk, 5, &words);
        let failure = failure(bench.begin(&disk));
        assert_eq!((failure.kind.as_str(), failure.stage, failure.written), ("disk-busy", Stage::Check, false));
        drop(held);
    });
}

/// How a job failed.
fn failure(mut job: Watched) -> Failure {
    let outcome = job.finished();
    job.close();
    match outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_disk_that_is_write_protected_or_too_small_is_refused() {
    system(|system| {
        let bench = Bench::new(system);
        let make = Make { serial: "PROTECTED", size: USUAL, read_only: true, ..Make::default() };
        let disk = LoopDisk::make(system, make);
        assert_eq!(obstacles(&bench, &disk), [Obstacle::ReadOnly]);
        install_refused(&bench, &disk, 3, &[&format!("{} can not be taken: it is write-protected.", disk.node())]);

        let disk = LoopDisk::new(system, "SMALL", 64 << 20, 512);
        let found = issues(bench.prepare(&disk, true));
        assert!(
            matches!(found.as_slice(), [Issue::TooSmall { has, needs }] if *has == 64 << 20 && needs > has),
            "{found:?}"
        );
        install_refused(&bench, &disk, 3, &["the target is too small: it has 64 MiB, and "]);
    });
}

#[test]
fn a_path_that_is_no_disk_is_refused() {
    system(|system| {
        let bench = Bench::new(system);
        let (forge, answers) = (bench.forge(), bench.answers());
        let prepare = |path: &str| system.block_on(forge.prepare(path, &answers, true)).map(drop);
        for path in ["/dev/no-such-disk", "/dev/null", "/dev/loop-control", "/dev/zero"] {
            assert_eq!(issues(prepare(path)), [Issue::NoSuchDisk { path: path.into() }]);
        }
        for path in ["", "/etc/passwd", "/dev/../etc/passwd", "/dev/disk/by-id/ata-x", "loop0", "/dev/"] {
            let refused = prepare(path);
            assert!(matches!(refused, Err(ClientError::Refused(Error::BadArgument(_)))), "{path}: {refused:?}");
        }
    });
}

#[test]
fn a_disk_that_vanished_after_it_was_confirmed_is_refused() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "GONE", USUAL, 512);
        let node = disk.node();
        let mut install = bench.install(Person::Allowed, &disk);
        install.args(["--digest", &plan_digest(&bench, &disk)]);
        let job = bench.prepare(&disk, true).unwrap();
        drop(disk);
        assert_eq!(issues(job.try_run(None)), [Issue::NoSuchDisk { path: node.clone() }]);
        job.close();
        refused(&mut install, 3, &[&format!("{node} is not there.")]);
    });
}

/// What a person confirms.
fn plan_digest(bench: &Bench, disk: &LoopDisk) -> String {
    let output = bench.on(Person::Allowed, "plan", disk).output().unwrap();
    let text = said(&output);
    let digest = text.lines().find_map(|line| line.strip_prefix("Plan digest: "));
    digest.unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// Another file under the same name of the kernel, with the same serial number.
fn exchange<'a>(system: &'a System, disk: LoopDisk<'a>, serial: &str) -> LoopDisk<'a> {
    let (name, file) = (disk.name().to_owned(), disk.file().to_owned());
    let content = file.with_file_name("other");
    fs::rename(&file, file.with_file_name("before")).unwrap();
    drop(disk);
    for _ in 0..50 {
        let _ = fs::remove_file(&file);
        let make = Make { serial, size: USUAL, content: Some(&content), ..Make::default() };
        let disk = LoopDisk::make(system, make);
        // Loop devices belong to the whole kernel: another system may have been quicker.
        if disk.name() == name {
            return disk;
        }
        drop(disk);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{name} can not be had again");
}

#[test]
fn another_disk_at_the_same_path_with_the_same_serial_number_is_refused_and_not_written() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "SAME", USUAL, 512);
        let confirmed = plan_digest(&bench, &disk);
        let job = bench.prepare(&disk, true).unwrap();
        fs::write(disk.file().with_file_name("other"), vec![0; 1 << 20]).unwrap();
        let disk = exchange(system, disk, "SAME");
        let before = bytes(&disk);
        let now = plan_digest(&bench, &disk);
        assert_ne!(confirmed, now);
        match job.try_run(None) {
            Err(ClientError::Refused(Error::OtherPlan(digest))) => assert_eq!(digest, now),
            other => panic!("{other:?}"),
        }
        job.close();
        let mut install = bench.install(Person::Allowed, &disk);
        refused(
            install.args(["--digest", &confirmed]),
            3,
            &["not the one that was confirmed", &now, "Nothing was written"],
        );
        assert!(before == bytes(&disk), "the disk was written");
        // The control: it is the disk that was refused, not the install.
        let output = bench.install(Person::Allowed, &disk).args(["--digest", &now]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    });
}

#[test]
fn the_disk_that_holds_the_payload_is_part_of_the_running_system_and_refused() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "MEDIUM", USUAL, 512);
        let mounted = busy::Mounted::on(&disk.node());
        let payload = mounted.place().join("payload");
        bench.payload.copy_to(&payload);
        let place = mounted.place().display().to_string();
        assert!(run("mount", &["-o", "remount,ro", &place]).well);
        disk.settle();
        let certificate = bench.path("certificate.pgp");
        let arguments = ["--payload", text(&payload), "--certificate", text(&certificate), "--idle-ms", "2000"];
        system.helper(&program("forge-helper"), &arguments);
        let found = obstacles(&bench, &disk);
        assert!(found.contains(&Obstacle::BootMedium), "{found:?}");
        let sentence = format!("{} can not be taken: this system was started from it.", disk.node());
        install_refused(&bench, &disk, 3, &[&sentence]);
        // Another one can be taken.
        let other = LoopDisk::new(system, "OTHER", USUAL, 512);
        bench.prepare(&other, true).unwrap().close();
    });
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_disk_that_takes_no_more_ends_the_install_cleanly_and_starts_nothing() {
    system(|system| {
        let bench = Bench::new(system);
        // The file below the disk is on a file system that fills up: the kernel reports I/O errors.
        for (mib, stage) in [(10, Stage::Claim), (35, Stage::Write), (44, Stage::Fill)] {
            let disks = system.disks().display().to_string();
            let options = format!("size={mib}m");
            assert!(run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", &disks]).well);
            {
                let disk = LoopDisk::new(system, &format!("FULL-{mib}"), USUAL, 512);
                let failure = failure(bench.begin(&disk));
                println!("{mib} MiB: {failure:?}");
                assert!(["disk-faulty", "no-room"].contains(&failure.kind.as_str()), "{failure:?}");
                assert_eq!((failure.written, failure.stage), (true, stage), "{failure:?}");
                assert_starts_nothing(disk.file());
                let words = ["failed.", "The target starts nothing now."];
                refused(&mut bench.install(Person::Allowed, &disk), 6, &words);
                assert_starts_nothing(disk.file());
            }
            assert!(run("umount", &["--lazy", &disks]).well);
        }
    });
}

#[test]
fn a_disk_that_loses_what_was_written_is_called_faulty_and_starts_nothing() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = bench.used_disk("LOSES");
        let Met { mut job, stopped, .. } = bench.meet(&disk, Stage::Write);
        // Slowly on, until a part of the image is there.
        let slow = Slow::down(bench.helper());
        drop(stopped);
        loop {
            match job.next() {
                Update::Progress(progress) if progress.stage() > Some(Stage::Write) || progress.done >= 1 << 20 => {
                    break;
                }
                Update::Progress(_) => {}
                other => panic!("{other:?}"),
            }
        }
        let stopped = slow.stop();
        let file = fs::File::options().write(true).open(disk.file()).unwrap();
        file.set_len(8 << 20).unwrap();
        drop(stopped);
        let failure = failure(job);
        assert_eq!((failure.kind.as_str(), failure.written), ("disk-faulty", true), "{failure:?}");
        file.set_len(forge_tests::disk::USUAL).unwrap();
        assert_starts_nothing(disk.file());
    });
}
