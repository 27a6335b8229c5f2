use super::*;
use crate::{
    answers::Differs,
    disk::Why,
    inventory::{Content, DiskKind, Identity, Transport},
};

const GOOD: &str = r#"version = 1
[machine]
vendor = "QEMU"
[disk]
erase = "all-data-on-this-disk"
match = { transport = "virtual" }
[system]
hostname = "box"
locale = "C.UTF-8"
timezone = "Etc/UTC"
keyboard = { layout = "us" }
[user]
name = "anna"
password = { generate = "passphrase" }
[unattended.credentials]
age-recipients = ["age1qqqq"]
leave-on = "esp"
"#;

fn disk(path: &str) -> Disk {
    Disk {
        identity: Identity { path: path.into(), serial: None, wwn: None, sequence: None },
        model: None,
        kind: DiskKind::Disk,
        transport: Transport::Virtual,
        rotational: false,
        removable: false,
        size: 1 << 40,
        sector_size: 512,
        content: Content::Empty,
        obstacles: Vec::new(),
    }
}

fn decided(trust: &Trust, toml: &str, vendor: &str, paths: &[&str]) -> Result<String, Vec<Reason>> {
    let inventory = Inventory {
        disks: paths.iter().map(|path| disk(path)).collect(),
        firmware: None,
        devices: Vec::new(),
        tpm2: false,
    };
    let facts = MachineFacts { vendor: Some(vendor.into()), serial: Some("M1".into()), ..Default::default() };
    match decide(trust, &Answers::parse(toml).unwrap(), &facts, &inventory) {
        Decision::RunAlone { disk, .. } => Ok(disk.identity.path),
        Decision::Prefill { reasons, .. } => {
            assert!(!reasons.is_empty());
            Err(reasons)
        }
    }
}

#[test]
fn trusted_answers_for_this_machine_with_one_disk_run_alone() {
    let signed = Trust::Signed { fingerprint: "AB".into() };
    for trust in [Trust::Pinned, Trust::Credential, signed] {
        assert_eq!(decided(&trust, GOOD, "QEMU", &["/dev/vda"]), Ok("/dev/vda".into()), "{trust:?}");
    }
}

#[test]
fn each_reason_alone_is_enough_to_need_a_person() {
    let untrusted = Trust::Untrusted { why: Distrust::NotSigned };
    let reasons = decided(&untrusted, GOOD, "QEMU", &["/dev/vda"]).unwrap_err();
    assert_eq!(reasons, [Reason::Untrusted { distrust: Distrust::NotSigned }]);

    let reasons = decided(&Trust::Pinned, GOOD, "Dell Inc.", &["/dev/vda"]).unwrap_err();
    assert!(matches!(&reasons[..], [Reason::OtherMachine { mismatch }] if mismatch.keys.len() == 1), "{reasons:?}");

    for (paths, why) in [(vec![], Why::NoneFits), (vec!["/dev/vda", "/dev/vdb"], Why::SeveralFit)] {
        let reasons = decided(&Trust::Pinned, GOOD, "QEMU", &paths).unwrap_err();
        assert!(matches!(&reasons[..], [Reason::Disk { unclear }] if unclear.why == why), "{reasons:?}");
    }
    for (from, to, need) in [
        ("[machine]\nvendor = \"QEMU\"\n", "", Need::Machine),
        ("erase = \"all-data-on-this-disk\"\n", "", Need::Erase),
        ("match = { transport = \"virtual\" }\n", "", Need::Match),
        ("generate = \"passphrase\"", "ask = true", Need::Password),
        ("age-recipients = [\"age1qqqq\"]\nleave-on = \"esp\"\n", "", Need::Secrets),
        ("age-recipients = [\"age1qqqq\"]\n", "", Need::Secrets),
        ("age-recipients = [\"age1qqqq\"]\n", "print = true\n", Need::Secrets),
        ("leave-on = \"esp\"\n", "", Need::LeaveOn),
        ("leave-on = \"esp\"\n", "print = true\n", Need::LeaveOn),
        ("age-recipients = [\"age1qqqq\"]\nleave-on = \"esp\"\n", "print = true\n", Need::Stay),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let reasons = decided(&Trust::Pinned, &GOOD.replace(from, to), "QEMU", &["/dev/vda"]).unwrap_err();
        assert_eq!(reasons, [Reason::Needs { need }], "{from} -> {to}");
    }
}

#[test]
fn secrets_may_be_sealed_to_a_passphrase_or_shown_instead_on_a_machine_that_stays() {
    let sealing = "[unattended.credentials]\nage-recipients = [\"age1qqqq\"]\nleave-on = \"esp\"\n";
    let passphrase = "passphrase = { credential = \"forge.seal\" }\nleave-on = \"answers-volume\"\n";
    let shown = |exit: &str| format!("[unattended]\nexit = \"{exit}\"\ncredentials = {{ print = true }}\n");
    let all = [
        (shown("stay"), true),
        (format!("[unattended.credentials]\n{passphrase}"), true),
        // What is sealed as well is not lost with the screen.
        (format!("[unattended.credentials]\n{passphrase}print = true\n"), true),
        (shown("reboot"), false),
        (shown("power-off"), false),
    ];
    for (instead, alone) in all {
        let toml = GOOD.replace(sealing, &instead);
        assert_ne!(toml, GOOD);
        let decided = decided(&Trust::Pinned, &toml, "QEMU", &["/dev/vda"]);
        match alone {
            true => assert!(decided.is_ok(), "{instead}: {decided:?}"),
            false => assert_eq!(decided, Err(vec![Reason::Needs { need: Need::Stay }]), "{instead}"),
        }
    }
}

#[test]
fn every_reason_is_given_at_once() {
    let toml = GOOD.replace("erase = \"all-data-on-this-disk\"\n", "");
    let untrusted = Trust::Untrusted { why: Distrust::NotListed { fingerprint: None } };
    assert_eq!(decided(&untrusted, &toml, "Dell", &[]).unwrap_err().len(), 4);
}

#[test]
fn what_an_override_says_counts() {
    let asks = GOOD.replace("generate = \"passphrase\"", "ask = true");
    let own = |serial: &str| {
        format!(
            "{asks}[[override]]\nserial = \"{serial}\"\nuser = {{ password = {{ credential = \"forge.password\" }} }}\n"
        )
    };
    assert!(decided(&Trust::Pinned, &own("M1"), "QEMU", &["/dev/vda"]).is_ok());
    assert_eq!(
        decided(&Trust::Pinned, &own("M2"), "QEMU", &["/dev/vda"]),
        Err(vec![Reason::Needs { need: Need::Password }])
    );
}

#[test]
fn a_machine_without_a_serial_number_needs_a_person_where_an_override_names_a_disk() {
    let own = |what: &str| format!("{GOOD}[[override]]\nserial = \"M1\"\n{what}\n");
    let inventory = Inventory { disks: vec![disk("/dev/vda")], firmware: None, devices: Vec::new(), tpm2: false };
    let decide = |toml: &str, serial: Option<&str>| {
        let serial = serial.map(str::to_owned);
        let facts = MachineFacts { vendor: Some("QEMU".into()), serial, ..Default::default() };
        decide(&Trust::Pinned, &Answers::parse(toml).unwrap(), &facts, &inventory)
    };
    // The general rule fits the one disk here. It may be the one that the override is there to keep.
    let with_disk = own("disk-match = { serial = \"S1\" }");
    for (serial, found) in [
        (None, FoundValue::Nothing),
        (Some("To be filled by O.E.M."), FoundValue::Junk("To be filled by O.E.M.".into())),
    ] {
        let Decision::Prefill { reasons, answers } = decide(&with_disk, serial) else { panic!("it ran: {serial:?}") };
        assert_eq!(reasons, [Reason::UnknownOverride { found: found.clone() }]);
        assert_eq!(answers.disk.matching, None);
        let json = serde_json::to_string(&reasons).unwrap();
        assert!(json.contains(r#""reason":"unknown-override","found":"#), "{json}");
        assert_eq!(serde_json::from_str::<Vec<Reason>>(&json).unwrap(), reasons);
        assert!(matches!(decide(&own("hostname = \"other\""), serial), Decision::RunAlone { .. }));
    }
    // It has a serial number, and no override has it.
    assert!(matches!(decide(&with_disk, Some("M2")), Decision::RunAlone { .. }));
}

#[test]
fn reasons_arrive_as_they_were_sent() {
    let toml = GOOD.replace("vendor = \"QEMU\"", "vendor = \"QEMU\"\nuuid = \"4c4c4544-0042-3510-8054-b4c04f4e4e32\"");
    let untrusted = Trust::Untrusted { why: Distrust::BadSignature { details: "x".into() } };
    let reasons = decided(&untrusted, &toml, "Dell", &["/dev/vda", "/dev/vdb"]).unwrap_err();
    let json = serde_json::to_string(&reasons).unwrap();
    assert!(json.contains(r#""key":"uuid","wanted":"4c4c"#) && json.contains(r#""found":"nothing""#), "{json}");
    assert!(json.contains(r#""why":"several-fit""#), "{json}");
    assert_eq!(serde_json::from_str::<Vec<Reason>>(&json).unwrap(), reasons);
    let _: &Differs = match &reasons[1] {
        Reason::OtherMachine { mismatch } => &mismatch.keys[0],
        other => panic!("{other:?}"),
    };
}
