use super::*;
use crate::{
    answers::{FoundValue, MachineAnswers},
    disk::{Why, choose},
    inventory::{DiskKind, Transport},
    machine::{Enrollment, SecureBoot},
};

/// A machine in which everything that a person could have named says "canary", and what identifies it says "4242".
fn canaries() -> (Machine, Inventory) {
    let text = |text: &str| text.to_owned();
    let machine = Machine {
        firmware: Some(Firmware { secure_boot: SecureBoot::On, shim_validates: true, writable: true, free: None }),
        enrollment: Enrollment::Pending,
        key: Some(crate::machine::Key { subject: text("canary"), sha1: text("4242"), sha256: text("4242") }),
        dmi: MachineFacts {
            vendor: Some(text("LENOVO")),
            product: Some(text("20XW")),
            serial: Some(text("PF4242\n")),
            uuid: Some(text("4C4C4242-0042-3510-8054-B4C04F4E4E32")),
        },
    };
    let holding = || Holding::FileSystem { name: text("ext4"), label: text("canary") };
    let found = Found {
        number: 1,
        label: text("canary"),
        type_id: None,
        size: 7,
        holding: Some(holding()),
        entry: None,
        shrinks: None,
        esp: None,
    };
    let disk = |path: &str, serial: &str, wwn: &str, content| Disk {
        identity: Identity { path: text(path), serial: Some(text(serial)), wwn: Some(text(wwn)), sequence: Some(4242) },
        model: Some(text("Samsung SSD 870 EVO 500GB")),
        kind: DiskKind::Disk,
        transport: Transport::Ata,
        rotational: false,
        removable: false,
        size: 500_107_862_016,
        sector_size: 512,
        content,
        obstacles: Vec::new(),
    };
    let mut first = disk(
        "/dev/sda",
        "S4242A",
        "0x5002538f42420001",
        Content::Table { table: text("gpt"), partitions: vec![found], gpt: None },
    );
    first.obstacles = vec![
        Obstacle::Mounted { device: text("/dev/mapper/canary-home"), at: text("/run/media/canary") },
        Obstacle::Held { device: text("/dev/sda3"), by: text("/dev/md/canary:0") },
        Obstacle::Swap { device: text("/dev/canary/swap") },
        Obstacle::PartOf { holding: holding() },
    ];
    let second = disk("/dev/nvme0n1", "S4242B", "eui.0025384142420002", Content::Whole { holding: holding() });
    (machine, Inventory { disks: vec![first, second], firmware: None, devices: Vec::new(), tpm2: false })
}

fn answers(machine: Option<MachineAnswers>, matching: Option<DiskMatch>) -> Answers {
    let toml = "version = 1\n[disk]\n[system]\nhostname = 'h'\nlocale = 'C'\ntimezone = 'UTC'\nkeyboard = { layout = 'us' }\n\
                [user]\nname = 'a'\npassword = { ask = true }\n";
    let mut answers = Answers::parse(toml).unwrap();
    (answers.machine, answers.disk.matching) = (machine, matching);
    answers
}

#[test]
fn nothing_that_a_person_named_and_nothing_that_identifies_is_in_the_file() {
    let (machine, inventory) = canaries();
    let whole = serde_json::to_string(&(&machine, &inventory)).unwrap();
    assert!(whole.contains("canary") && whole.contains("4242"));
    let file = serde_json::to_string_pretty(&Recorded::new(&machine, &inventory, Some("salt"))).unwrap();
    for private in ["canary", "4242", "PF", "S42", "4c4c", "4C4C"] {
        assert!(!file.contains(private), "{private}: {file}");
    }
    for kept in ["LENOVO", "20XW", "Samsung SSD 870 EVO 500GB", "/dev/sda3", "ext4", "500107862016", "mounted"] {
        assert!(file.contains(kept), "{kept}: {file}");
    }
    let named = serde_json::to_string(&Recorded::new(&machine, &inventory, None)).unwrap();
    assert!(!named.contains("canary"), "{named}");
    assert!(named.contains("PF4242") && named.contains("S4242A") && named.contains("0x5002538f42420001"), "{named}");
}

#[test]
fn the_same_salt_gives_the_same_file_and_another_one_another() {
    let (machine, inventory) = canaries();
    let with = |salt| Recorded::new(&machine, &inventory, Some(salt));
    assert_eq!(with("salt"), with("salt"));
    assert_ne!(with("salt").disks[0].identity.serial, with("other").disks[0].identity.serial);
}

#[test]
fn a_recorded_machine_is_read_back_and_another_format_is_refused() {
    let (machine, inventory) = canaries();
    let recorded = Recorded::new(&machine, &inventory, Some("salt"));
    let json = serde_json::to_string(&recorded).unwrap();
    assert_eq!(Recorded::parse(json.as_bytes()).unwrap(), recorded);
    let newer = json.replace("\"version\":1", "\"version\":2");
    assert!(matches!(Recorded::parse(newer.as_bytes()), Err(RecordedError::Version(2))));
    assert!(Recorded::parse(b"{}").is_err());
}

#[test]
fn what_the_answers_name_is_found_behind_the_digests_and_nothing_else() {
    let (machine, inventory) = canaries();
    let free = |mut inventory: Inventory| {
        inventory.disks.iter_mut().for_each(|disk| disk.obstacles.clear());
        inventory
    };
    let recorded = Recorded::new(&machine, &free(inventory), Some("salt"));
    let uuid = Some("4c4c4242-0042-3510-8054-b4c04f4e4e32".to_owned());
    let here = MachineAnswers { vendor: Some("LENOVO".into()), product: None, serial: Some("PF4242".into()), uuid };
    for (wanted, path) in [
        (DiskMatch::Serial { serial: "S4242A".into() }, Some("/dev/sda")),
        (DiskMatch::Serial { serial: " S4242B ".into() }, Some("/dev/nvme0n1")),
        (DiskMatch::Serial { serial: "s4242b".into() }, None),
        (DiskMatch::Wwn { wwn: "50:02:53:8F:42:42:00:01".into() }, Some("/dev/sda")),
        (DiskMatch::Wwn { wwn: "0x5002538f42420002".into() }, None),
        (DiskMatch::Eui { eui: "0025384142420002".into() }, Some("/dev/nvme0n1")),
        (DiskMatch::Eui { eui: "5002538f42420001".into() }, None),
    ] {
        let answers = answers(Some(here.clone()), Some(wanted.clone()));
        let (facts, inventory) = recorded.seen_by(&answers);
        assert_eq!(here.matches(&facts), Ok(()));
        let chosen = choose(&wanted, &inventory).map(|disk| disk.identity.path.as_str());
        match path {
            Some(path) => assert_eq!(chosen, Ok(path), "{wanted:?}"),
            None => assert_eq!(chosen.unwrap_err().why, Why::NoneFits, "{wanted:?}"),
        }
    }
    let other = MachineAnswers { serial: Some("PF4243".into()), ..here };
    let (facts, _) = recorded.seen_by(&answers(Some(other.clone()), None));
    let mismatch = other.matches(&facts).unwrap_err();
    assert!(matches!(&mismatch.keys[..], [only] if only.key == Key::Serial), "{mismatch:?}");
}

#[test]
fn an_override_is_found_behind_the_digest_of_its_serial_number() {
    let (machine, inventory) = canaries();
    let recorded = Recorded::new(&machine, &inventory, Some("salt"));
    let mut all = answers(None, None);
    let toml = all.text() + "\n[[override]]\nserial = 'X1'\n[[override]]\nserial = 'PF4242'\nhostname = 'mine'\n";
    all = Answers::parse(&toml).unwrap();
    let (facts, _) = recorded.seen_by(&all);
    assert_eq!(all.override_for(&facts).unwrap().hostname.as_deref(), Some("mine"));
}

#[test]
fn what_nobody_filled_in_is_recorded_as_it_is() {
    let (mut machine, inventory) = canaries();
    machine.dmi.serial = Some("To Be Filled By O.E.M.".into());
    let recorded = Recorded::new(&machine, &inventory, Some("salt"));
    let wanted = MachineAnswers { vendor: None, product: None, serial: Some("PF1".into()), uuid: None };
    let mismatch = wanted.matches(&recorded.machine).unwrap_err();
    assert_eq!(mismatch.keys[0].found, FoundValue::Junk("To Be Filled By O.E.M.".into()));
}

#[test]
fn a_name_that_the_kernel_gave_is_kept_and_one_that_a_person_gave_is_not() {
    for kept in ["/dev/sda", "/dev/sda3", "/dev/sdaa12", "/dev/nvme0n1p2", "/dev/mmcblk0", "/dev/dm-3", "/dev/md127"] {
        assert_eq!(device(kept), kept);
    }
    for named in
        ["/dev/mapper/vg-home", "/dev/md/box:0", "/dev/sdanna", "/home/anna/disk.img", "/dev/mdbox", "/dev/dm-anna"]
    {
        assert_eq!(device(named), NOT_SAID);
    }
}
