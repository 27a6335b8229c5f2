//! Disks that are not the one that was found or confirmed, or that fail under the install.

use forge_engine::{
    credentials::UserPassword,
    install::{self, Events, FailureKind},
    target::Target,
};
use forge_model::{Progress, Stage, inventory, size::MIB};
use forge_tests::{
    disk::{Disk, Loop, USUAL, assert_starts_nothing, found, open_exclusively},
    job::{Job, Recorder, Refusal},
    look::run,
    payload,
};
use std::{fs::File, path::PathBuf};

fn device() -> Option<Loop> {
    Loop::over(Disk::used(USUAL), 512)
}

fn refused(file: File, disk: &inventory::Disk) -> String {
    Target::device(file, disk).unwrap_err().to_string()
}

#[test]
fn a_descriptor_that_is_not_of_the_disk_that_was_found_is_refused_with_the_fact_that_differs() {
    let Some(device) = device() else { return };
    let (now, before) = (found(&device.path), device.disk.digest());
    let path = device.text();
    let changed = |disk: inventory::Disk| refused(open_exclusively(&device.path).unwrap(), &disk);
    let confirmed = |what| format!("{path} is not the target that was confirmed: {what} changed");
    assert_eq!(changed(inventory::Disk { size: USUAL + 512, ..now.clone() }), confirmed("its size"));
    assert_eq!(changed(inventory::Disk { sector_size: 4096, ..now.clone() }), confirmed("its sector size"));
    let kind = inventory::DiskKind::File;
    assert_eq!(changed(inventory::Disk { kind, ..now.clone() }), confirmed("its kind"));
    for sequence in [None, now.identity.sequence.map(|n| n + 1)] {
        let identity = inventory::Identity { sequence, ..now.identity.clone() };
        assert_eq!(changed(inventory::Disk { identity, ..now.clone() }), confirmed("its sequence number"));
    }
    let only_read = refused(File::open(&device.path).unwrap(), &now);
    assert_eq!(only_read, format!("{path} is not open for reading and writing"));
    let only_written = refused(File::options().write(true).open(&device.path).unwrap(), &now);
    assert_eq!(only_written, format!("{path} is not open for reading and writing"));
    assert_eq!(device.disk.digest(), before);
}

#[test]
fn a_partition_is_not_a_whole_disk() {
    let Some(device) = device() else { return };
    assert!(run("sgdisk", &["-Z", "-o", "-n1:2048:204800", &device.text()]).well);
    let said = run("partx", &["--add", "--nr", "1", &device.text()]);
    let partition = PathBuf::from(format!("{}p1", device.text()));
    let opened = File::options().read(true).write(true).open(&partition);
    let refusal = opened.map(|file| refused(file, &found(&device.path)));
    let _ = run("partx", &["--delete", "--nr", "1", &device.text()]);
    match refusal {
        Ok(sentence) => assert_eq!(sentence, format!("{} is a partition, not a whole disk", device.text())),
        Err(error) => println!("skipped: {}: {error}; {}", partition.display(), said.text),
    }
}

/// Does something to the disk when a stage begins.
struct At<F: Fn() + Sync>(Stage, F);

impl<F: Fn() + Sync> Events for At<F> {
    fn progress(&self, progress: Progress) {
        if progress.stage == self.0 && progress.done == 0 {
            (self.1)();
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

fn failed(device: &Loop, events: &dyn Events) -> install::InstallError {
    let payload = payload::shared();
    match Job::new(&payload, &device.path, &payload.directory()).run(events) {
        Err(Refusal::Install(error)) => error,
        Err(other) => panic!("{}", other.sentence()),
        Ok(_) => panic!("it did not fail"),
    }
}

#[test]
fn a_disk_that_grew_after_it_was_confirmed_is_refused_before_the_first_write() {
    let Some(device) = device() else { return };
    let before = device.disk.digest();
    for stage in [Stage::Prepare, Stage::Claim] {
        let error = failed(&device, &At(stage, || device.resize(USUAL + MIB)));
        assert_eq!(error.kind(), FailureKind::DiskChanged);
        assert!(error.to_string().contains("its size changed"), "{error}");
        device.resize(USUAL);
        assert_eq!(device.disk.digest(), before);
    }
}

#[test]
fn another_disk_at_the_same_path_is_refused_and_not_touched() {
    let Some(device) = device() else { return };
    let (payload, before) = (payload::shared(), device.disk.digest());
    let directory = payload.directory();
    let (opened, target, plan, _) = Job::new(&payload, &device.path, &directory).plan().unwrap();
    drop(target);
    device.attach_again(512);
    // The helper looks again, and what it finds is a disk like any other.
    let target = Target::device(open_exclusively(&device.path).unwrap(), &found(&device.path)).unwrap();
    let end = install::run(&Default::default(), &plan, &opened, &target, UserPassword::Generate, &Recorder::default());
    let Err(failed) = end else { panic!("it was not refused") };
    assert!(!failed.written);
    assert_eq!(failed.error.kind(), FailureKind::DiskChanged);
    assert!(failed.to_string().contains("its sequence number changed"), "{failed}");
    drop(target);
    assert_eq!(device.disk.digest(), before);
}

#[test]
fn a_disk_that_does_not_keep_what_was_written_is_called_faulty_and_starts_nothing() {
    let Some(device) = device() else { return };
    // The file below loses its end: the device keeps its size, and reads as zeros there.
    let lose = || File::options().write(true).open(&device.disk.path).unwrap().set_len(8 * MIB).unwrap();
    let error = failed(&device, &At(Stage::Prove, lose));
    assert_eq!(error.kind(), FailureKind::DiskFaulty, "{error:?}");
    assert_starts_nothing(&device.path);
}
