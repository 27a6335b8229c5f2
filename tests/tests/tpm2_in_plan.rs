//! A TPM that is to open the state: it has to be there on this machine, and is part of what is confirmed.
#![allow(clippy::unwrap_used, reason = "in a test, to stop with the place is the right answer")]

use forge_engine::{gpt, probe, uki};
use forge_model::{
    Answers, Inventory, Issue, Plan,
    inventory::{DiskKind, Identity},
};
use forge_tests::{
    disk::{Disk, USUAL},
    job::ANSWERS,
    payload::shared,
};

/// A plan for a machine that has a TPM, or none; `more` is what the answers say of encryption.
fn plan(kind: DiskKind, tpm2: bool, more: &str) -> Result<Plan, Vec<Issue>> {
    let (payload, disk) = (shared(), Disk::empty(USUAL));
    let opened = payload.open().unwrap();
    let target = forge_engine::target::Target::open_file(&disk.path).unwrap();
    let mut inventory = Inventory { tpm2, ..probe::file(&target).unwrap() };
    inventory.disks[0].kind = kind;
    // The same disk each time, so that digests can be compared.
    inventory.disks[0].identity = Identity { path: "/dev/sdz".into(), serial: None, wwn: None, sequence: Some(1) };
    inventory.disks[0].model = None;
    let answers = Answers::parse(&format!("{ANSWERS}\n{more}")).unwrap();
    Plan::new(&inventory, "/dev/sdz", &answers, &opened.manifest, &opened.manifest_sha256)
}

const ENCRYPTED: &str = "[encryption]\npassphrase = { generate = \"passphrase\" }\n";

#[test]
fn a_tpm_that_is_not_there_is_in_the_way_of_a_disk_and_of_no_file() {
    let wanted = format!("{ENCRYPTED}tpm2 = true\n");
    let issues = plan(DiskKind::Disk, false, &wanted).unwrap_err();
    assert_eq!(issues, [Issue::NoTpm2]);
    assert_eq!(issues[0].place(), Some("encryption.tpm2"));
    // A plain file is started by another machine.
    assert!(plan(DiskKind::File, false, &wanted).unwrap().tpm2);
    assert!(plan(DiskKind::Disk, true, &wanted).unwrap().tpm2);
}

#[test]
fn a_tpm_opens_nothing_unless_it_is_asked_for_and_that_is_part_of_what_is_confirmed() {
    // One payload for all three: its last user removes it.
    let _payload = shared();
    let without = plan(DiskKind::Disk, true, ENCRYPTED).unwrap();
    assert!(!without.tpm2);
    let with = plan(DiskKind::Disk, true, &format!("{ENCRYPTED}tpm2 = true\n")).unwrap();
    assert_ne!(without.digest(), with.digest());
    // That a machine has one changes no plan by itself.
    assert_eq!(without.digest(), plan(DiskKind::Disk, false, ENCRYPTED).unwrap().digest());
}

#[test]
fn where_a_tpm_opens_the_state_the_signed_command_line_lets_nobody_have_a_shell_before_the_login() {
    let line = |more: &str| {
        let plan = plan(DiskKind::Disk, true, &format!("{ENCRYPTED}{more}")).unwrap();
        let line = uki::command_line(&plan, "quiet", "erofs", &gpt::with_ids(&plan.layout), Some(uuid::Uuid::nil()));
        line.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    let (with, without) = (line("tpm2 = true\n"), line(""));
    for word in [
        "systemd.import_credentials=no",
        "rd.shell=0",
        "rd.systemd.mask=emergency.service",
        "rd.systemd.mask=rescue.service",
    ] {
        assert!(with.iter().any(|one| one == word), "{with:?}");
        assert!(!without.iter().any(|one| one == word), "{without:?}");
    }
}
