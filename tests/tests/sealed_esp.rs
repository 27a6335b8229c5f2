//! Credentials that are left on the new EFI system partition, sealed.

use forge_engine::{
    credentials::{Brought, UserPassword},
    install::{self, End, InstallError, Installed},
    prepare::{PrepareError, credentials_file},
    seal::{Kind, SealTo, open_with_age, open_with_passphrase},
};
use forge_model::firmware::How;
use forge_model::{Secret, layout::Role};
use forge_tests::{
    disk::{Disk, USUAL},
    installed::assert_complete,
    job::{Job, Recorder, install_well},
    look::{fat_files, run},
    payload,
};
use std::{path::PathBuf, process::Command};

fn passphrase() -> Secret {
    Secret::new("a passphrase that is no canary".into())
}

/// Installs onto a disk, sealing to these.
fn installed(disk: &Disk, seal: SealTo) -> Box<Installed> {
    let payload = payload::shared();
    let directory = payload.directory();
    let job = Job::new(&payload, &disk.path, &directory);
    let (opened, target, plan, _) = job.plan().unwrap();
    let brought = Brought { password: UserPassword::Generate, disk: None, seal: Some(seal), consent: How::AtInstall };
    match install::run(&job.tools, &plan, &opened, &target, brought, &Recorder::default()) {
        Ok(End::Installed(installed)) => installed,
        Ok(End::Cancelled { stage }) => panic!("cancelled in {stage:?}"),
        Err(failed) => panic!("{:?}", failed.error),
    }
}

fn esp(installed: &Installed) -> u64 {
    installed.receipt.partitions.iter().find(|p| p.role == Role::Esp).unwrap().offset
}

#[test]
fn credentials_on_the_esp_are_opened_by_the_passphrase_and_may_be_taken_away() {
    let disk = Disk::used(USUAL);
    let installed = installed(&disk, SealTo { age: Vec::new(), passphrase: Some(passphrase()) });
    let path = credentials_file(Kind::Passphrase);
    let files = fat_files(&disk.path, esp(&installed));
    let text = open_with_passphrase(&files[path], &passphrase()).unwrap();
    assert_eq!(*text, *installed.credentials.text("anna").as_bytes());
    let told: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(told["mok"]["code"], installed.credentials.enrollment_code.expose());
    assert!(!files.contains_key(credentials_file(Kind::Age)));

    // The disk is complete with the file, and without it.
    let receipt = assert_complete(&disk.path);
    assert!(receipt.esp_files.iter().all(|file| file.path != path));
    let image = format!("{}@@{}", disk.path.display(), esp(&installed));
    let gone = run("mdel", &["-i", &image, &format!("::/{path}")]);
    assert!(gone.well, "{}", gone.text);
    assert!(!fat_files(&disk.path, esp(&installed)).contains_key(path));
    assert_complete(&disk.path);
}

#[test]
fn credentials_on_the_esp_are_opened_by_an_age_identity() {
    let Ok(keys) = Command::new("/usr/bin/age-keygen").output() else {
        eprintln!("not run: /usr/bin/age-keygen is not installed");
        return;
    };
    let text = String::from_utf8(keys.stdout.clone()).unwrap();
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().parse().unwrap();
    let disk = Disk::used(USUAL);
    let installed = installed(&disk, SealTo { age: vec![recipient], passphrase: None });
    let files = fat_files(&disk.path, esp(&installed));
    let opened = open_with_age(&Default::default(), &files[credentials_file(Kind::Age)], &keys.stdout).unwrap();
    assert_eq!(*opened, *installed.credentials.text("anna").as_bytes());
    assert_complete(&disk.path);
}

#[test]
fn without_anybody_to_seal_to_no_credentials_lie_on_the_esp() {
    let disk = Disk::used(USUAL);
    let installed = install_well(&payload::shared(), &disk.path);
    let files = fat_files(&disk.path, esp(&installed));
    assert!(files.keys().all(|path| !path.contains("credentials")), "{:?}", files.keys());
}

#[test]
fn what_can_not_be_sealed_is_refused_before_the_first_write() {
    let payload = payload::shared();
    let directory = payload.directory();
    let no_key = || vec![format!("age1{}", "q".repeat(58)).parse().unwrap()];
    for (age, missing) in [("/usr/bin/age", false), ("/none/age", true)] {
        if !missing && !PathBuf::from(age).exists() {
            continue;
        }
        let disk = Disk::used(USUAL);
        let before = disk.digest();
        let mut job = Job::new(&payload, &disk.path, &directory);
        job.tools.age = age.into();
        let (opened, target, plan, _) = job.plan().unwrap();
        let seal = Some(SealTo { age: no_key(), passphrase: None });
        let brought = Brought { password: UserPassword::Generate, disk: None, seal, consent: How::AtInstall };
        let Err(failed) = install::run(&job.tools, &plan, &opened, &target, brought, &Recorder::default()) else {
            panic!("it was installed");
        };
        assert!(!failed.written);
        match failed.error {
            InstallError::Prepare(PrepareError::Missing(tools)) => assert!(missing && tools == [PathBuf::from(age)]),
            InstallError::Prepare(PrepareError::Seal(_)) => assert!(!missing),
            other => panic!("{other:?}"),
        }
        assert_eq!(disk.digest(), before);
    }
}
