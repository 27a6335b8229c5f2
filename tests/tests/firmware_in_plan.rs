//! What the firmware of this machine changes in a plan for a disk: a chain that it refuses is in the way, a store that takes
//! nothing is news, and neither matters for a plain file.
#![allow(clippy::unwrap_used, reason = "in a test, to stop with the place is the right answer")]

use forge_engine::probe;
use forge_model::{
    Answers, Inventory, Issue, Plan,
    inventory::{DiskKind, Identity},
    machine::{BootFile, ByHand, ChainFault, Firmware, Preflight, SecureBoot},
};
use forge_tests::{
    disk::{Disk, USUAL},
    job::ANSWERS,
    payload::{TestPayload, shared},
};

/// A plan for a machine with this firmware.
fn plan(payload: &TestPayload, kind: DiskKind, firmware: Option<Preflight>) -> Result<Plan, Vec<Issue>> {
    let disk = Disk::empty(USUAL);
    let opened = payload.open().unwrap();
    let target = forge_engine::target::Target::open_file(&disk.path).unwrap();
    let Inventory { mut disks, .. } = probe::file(&target).unwrap();
    disks[0].kind = kind;
    // The same disk each time, so that digests can be compared.
    disks[0].identity = Identity { path: "/dev/sdz".into(), serial: None, wwn: None, sequence: Some(1) };
    disks[0].model = None;
    let answers = Answers::parse(ANSWERS).unwrap();
    Plan::new(
        &Inventory { disks, firmware, devices: Vec::new(), tpm2: false },
        "/dev/sdz",
        &answers,
        &opened.manifest,
        &opened.manifest_sha256,
    )
}

fn firmware(writable: bool, free: Option<u64>, faults: Vec<ChainFault>) -> Option<Preflight> {
    Some(Preflight { firmware: Firmware { secure_boot: SecureBoot::On, shim_validates: true, writable, free }, faults })
}

#[test]
fn every_fault_of_the_chain_is_in_the_way_of_a_disk_and_of_no_file() {
    let payload = shared();
    let faults = [BootFile::Shim, BootFile::Grub].map(|file| ChainFault::NoGeneration { file });
    let issues = plan(&payload, DiskKind::Disk, firmware(true, None, faults.to_vec())).unwrap_err();
    assert_eq!(issues, faults.clone().map(|fault| Issue::ChainRefused { fault }));
    assert_eq!(issues[0].place(), None);
    let file = plan(&payload, DiskKind::File, firmware(false, Some(0), faults.to_vec())).unwrap();
    assert_eq!(file.by_hand, None);
}

#[test]
fn a_firmware_that_takes_no_request_is_told_and_is_no_part_of_what_is_confirmed() {
    let payload = shared();
    let plans = [
        (None, Some(ByHand::NoFirmware)),
        (firmware(false, None, vec![]), Some(ByHand::ReadOnly)),
        (firmware(true, Some(100), vec![]), Some(ByHand::NoRoom)),
        (firmware(true, Some(100_000), vec![]), None),
        (firmware(true, None, vec![]), None),
    ];
    let plans = plans.map(|(firmware, expected)| {
        let plan = plan(&payload, DiskKind::Disk, firmware).unwrap();
        assert_eq!(plan.by_hand, expected);
        plan
    });
    for other in &plans[1..] {
        assert_eq!(plans[0].digest(), other.digest());
    }
    let json = serde_json::to_string(&plans[1]).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plans[1], "it travels");
}

#[test]
fn the_firmware_that_is_accepted_is_a_part_of_what_is_confirmed() {
    let payload = shared();
    let mut opened = payload.open().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/machines/firmware/bundles.json");
    opened.manifest.firmware = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let disk = Disk::empty(USUAL);
    let target = forge_engine::target::Target::open_file(&disk.path).unwrap();
    let inventory = probe::file(&target).unwrap();
    let plan = |more: &str| {
        let answers = Answers::parse(&format!("{ANSWERS}\n{more}")).unwrap();
        Plan::new(&inventory, target.path(), &answers, &opened.manifest, &opened.manifest_sha256)
    };
    let accept =
        |name: &str, digit: &str| format!("[[firmware]]\nbundle = \"{name}\"\nsha256 = \"{}\"\n", digit.repeat(32));
    let (none, one) = (plan("").unwrap(), plan(&accept("intel-wifi", "a2")).unwrap());
    assert!(none.firmware.is_empty());
    assert_eq!(one.firmware.iter().map(|chosen| chosen.name.as_str()).collect::<Vec<_>>(), ["intel-wifi"]);
    assert_ne!(none.digest(), one.digest());
    let issues = plan(&accept("intel-wifi", "ff")).unwrap_err();
    assert!(matches!(&issues[..], [Issue::OtherBundle { name, .. }] if name == "intel-wifi"), "{issues:?}");
    assert_eq!(issues[0].place(), Some("firmware.sha256"));
}
