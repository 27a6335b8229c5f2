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
    payload::shared,
    private::{LoopDisk, Make, Person, busy, system, until},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Length and hash of what the file below a disk holds now.
fn bytes(disk: &LoopDisk) -> (u64, String) {
    assert!(run("blockdev", &["--flushbufs", &disk.node()]).well);
    digest(disk.file())
}

/// Runs a command that is to end with this exit code and with these words.
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
        refused(&mut command, 3, &[&format!("{part} is not a disk that is there.")]);
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
        install.args(["--digest", &plan_digest(&bench, &disk.node())]);
        let job = bench.prepare(&disk, true).unwrap();
        drop(disk);
        assert_eq!(issues(job.try_run(None)), [Issue::NoSuchDisk { path: node.clone() }]);
        job.close();
        refused(&mut install, 3, &[&format!("{node} is not a disk that is there.")]);
    });
}

/// What a person confirms.
fn plan_digest(bench: &Bench, node: &str) -> String {
    let mut command = bench.forgectl(Person::Allowed, &["plan", "--target", node, "--answers"]);
    let output = command.arg(bench.path("answers.toml")).output().unwrap();
    let text = said(&output);
    let digest = text.lines().find_map(|line| line.strip_prefix("Plan digest: "));
    digest.unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// A drive at a place of the kernel's that others do not come to: they take the first one that is free.
struct Placed {
    node: String,
    file: PathBuf,
    device: Option<fs::File>,
}

impl Placed {
    /// A new file at a place, or nothing where somebody has that. Its name is the serial number.
    fn at(node: &str, file: PathBuf) -> Option<Self> {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::File::create(&file).unwrap().set_len(USUAL).unwrap();
        if !run("losetup", &[node, text(&file)]).well {
            return None;
        }
        // Detached while it is open, it goes with the last descriptor, also when this process is killed.
        let device = Some(fs::File::open(node).unwrap());
        assert!(run("losetup", &["--detach", node]).well);
        assert!(run("udevadm", &["trigger", "--settle", "--action=add", node]).well);
        Some(Self { node: node.into(), file, device })
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        drop(self.device.take());
        let _ = run("udevadm", &["trigger", "--settle", "--action=remove", &self.node]);
    }
}

#[test]
fn another_disk_at_the_same_path_with_the_same_serial_number_is_refused_and_not_written() {
    system(|system| {
        let bench = Bench::new(system);
        let (one, other) = (system.disks().join("SAME.img"), system.disks().join("other/SAME.img"));
        let disk = (40..60).find_map(|n| Placed::at(&format!("/dev/loop{n}"), one.clone())).unwrap();
        let node = disk.node.clone();
        let forge = bench.forge();
        let see = || {
            until("the disk is seen", || {
                let inventory = system.block_on(forge.inventory()).unwrap();
                inventory.disk(&node).map(|disk| disk.identity.clone())
            })
        };
        let before = see();
        let confirmed = plan_digest(&bench, &node);
        let job = system.block_on(forge.prepare(&node, &bench.answers(), true)).unwrap();
        let digest_of_job = system.block_on(job.digest()).unwrap();
        assert_eq!(digest_of_job, confirmed);
        drop(disk);
        until("it is unplugged", || system.block_on(forge.inventory()).unwrap().disk(&node).is_none().then_some(()));
        let disk = until("its place is free", || Placed::at(&node, other.clone()));
        let after = see();
        assert_eq!((&before.serial, &before.wwn, &before.path), (&after.serial, &after.wwn, &after.path));
        assert_ne!(before.sequence, after.sequence);

        let (held, now) = (digest(&disk.file), plan_digest(&bench, &node));
        match system.block_on(job.run(&confirmed, None)) {
            Err(ClientError::Refused(Error::OtherPlan(digest))) => assert_eq!(digest, now),
            other => panic!("{other:?}"),
        }
        system.block_on(job.close()).unwrap();
        let install = |confirmed: &str| {
            let words = ["install", "--target", &node, "--digest", confirmed, "--answers"];
            let mut command = bench.forgectl(Person::Allowed, &words);
            command.arg(bench.path("answers.toml"));
            command.arg("--output").arg(bench.directory_of(Person::Allowed, "handover"));
            command
        };
        refused(&mut install(&confirmed), 3, &["not the one that was confirmed", &now, "Nothing was written"]);
        assert!(held == digest(&disk.file), "the disk was written");
        // The control: it is the disk that was refused, not the install.
        refused(&mut install(&now), 0, &["installed"]);
        assert!(held != digest(&disk.file));
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
        let file = fs::File::options().write(true).open(disk.file()).unwrap();
        let lose = || {
            let Met { mut job, stopped, .. } = bench.meet(&disk, Stage::Write);
            // Slowly on, until a part of the image is there.
            let slow = Slow::by(bench.helper(), 1, 40);
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
            file.set_len(8 << 20).unwrap();
            drop(stopped);
            let outcome = job.finished();
            job.close();
            file.set_len(forge_tests::disk::USUAL).unwrap();
            match outcome {
                Outcome::Failed(failure) => Some(failure),
                // It had committed before it was told of.
                Outcome::Installed { .. } => None,
                other => panic!("{other:?}"),
            }
        };
        let failure = (0..8).find_map(|_| lose()).expect("a disk that loses what was written was never met");
        assert_eq!((failure.kind.as_str(), failure.written), ("disk-faulty", true), "{failure:?}");
        assert_starts_nothing(disk.file());
    });
}

#[test]
fn a_live_system_installs_only_the_release_that_it_is() {
    system(|system| {
        let running = system.disks().parent().unwrap().join("root-hash");
        let payload = shared();
        let hash = payload.manifest().image.root_hash.to_string();
        fs::write(&running, format!("{hash}\n")).unwrap();
        let bench =
            Bench::with(system, payload, &["--idle-ms", "2000", "--settle-ms", "0", "--root-hash", text(&running)]);
        let disk = LoopDisk::new(system, "RELEASE", USUAL, 512);
        bench.prepare(&disk, true).unwrap().close();
        // A second medium, well signed, has put its payload in the place of the one that was started.
        fs::write(&running, hash.chars().rev().collect::<String>()).unwrap();
        let before = bytes(&disk);
        match bench.prepare(&disk, true) {
            Err(ClientError::Refused(Error::NoPayload(text))) => assert!(text.contains("another release"), "{text}"),
            Err(error) => panic!("{error:?}"),
            Ok(_) => panic!("another release was taken"),
        }
        assert!(before == bytes(&disk), "the disk was written");
    });
}
