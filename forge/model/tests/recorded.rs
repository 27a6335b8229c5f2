//! The described machines, as `forgectl record` writes them (`tests/machines/recorded`): which disk do answers mean there?
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use forge_model::{
    Answers, Disk, Inventory, Recorded,
    answers::DiskMatch,
    disk::{Why, choose},
    inventory::Obstacle,
};
use std::{fs, path::PathBuf};

fn machines() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines")
}

/// Every machine: its name, the disks as they really are, and the file that was recorded.
fn all() -> Vec<(String, Vec<Disk>, Recorded)> {
    let names = fs::read_dir(machines().join("recorded")).unwrap().map(|entry| entry.unwrap().file_name());
    let all: Vec<_> = names
        .map(|name| {
            let golden: serde_json::Value = serde_json::from_slice(&fs::read(machines().join(&name)).unwrap()).unwrap();
            let disks = serde_json::from_value(golden["disks"].clone()).unwrap();
            let recorded = Recorded::parse(&fs::read(machines().join("recorded").join(&name)).unwrap()).unwrap();
            (name.to_str().unwrap().trim_end_matches(".json").to_owned(), disks, recorded)
        })
        .collect();
    assert_eq!(all.len(), 15);
    all
}

fn answers(wanted: &str) -> (Answers, DiskMatch) {
    let toml = format!(
        "version = 1\n[disk]\nmatch = {wanted}\n[system]\nhostname = 'h'\nlocale = 'C'\ntimezone = 'UTC'\n\
         keyboard = {{ layout = 'us' }}\n[user]\nname = 'a'\npassword = {{ ask = true }}\n"
    );
    let answers = Answers::parse(&toml).unwrap();
    let wanted = answers.disk.matching.clone().unwrap();
    (answers, wanted)
}

/// What is chosen on a machine: the disk's path, or why there is none. What is really there and what was recorded agree.
fn chosen(name: &str, wanted: &str) -> Result<String, Why> {
    let (_, disks, recorded) = all().into_iter().find(|(found, ..)| found == name).unwrap();
    let (answers, wanted) = answers(wanted);
    let path = |inventory: &Inventory| {
        choose(&wanted, inventory).map(|disk| disk.identity.path.clone()).map_err(|unclear| unclear.why)
    };
    let really = path(&Inventory { disks, firmware: None, devices: Vec::new(), tpm2: false });
    assert_eq!(path(&recorded.seen_by(&answers).1), really, "{name}");
    really
}

#[test]
fn each_name_of_a_disk_gives_that_disk_and_no_other_on_every_machine() {
    let mut tried = 0;
    for (name, disks, recorded) in all() {
        for disk in &disks {
            let serial = disk.identity.serial.iter().map(|serial| format!("{{ serial = '{serial}' }}"));
            let wwn = disk.identity.wwn.iter().map(|wwn| match wwn.strip_prefix("eui.") {
                Some(eui) => format!("{{ eui = '{eui}' }}"),
                None => format!("{{ wwn = '{wwn}' }}"),
            });
            for wanted in serial.chain(wwn) {
                tried += 1;
                let (answers, wanted) = answers(&wanted);
                let (_, seen) = recorded.seen_by(&answers);
                let same = |other: &&Disk| {
                    other.identity.serial == disk.identity.serial && other.identity.wwn == disk.identity.wwn
                };
                let expected = match (disks.iter().filter(same).count(), disk.obstacles.is_empty()) {
                    (1, true) => Ok(disk.identity.path.as_str()),
                    (1, false) => Err(Why::NotFree),
                    // Two paths to one disk.
                    _ => Err(Why::SeveralFit),
                };
                let found = choose(&wanted, &seen);
                let found = found.map(|disk| disk.identity.path.as_str()).map_err(|unclear| {
                    assert_eq!(unclear.seen.len(), disks.len());
                    assert!(
                        unclear
                            .seen
                            .iter()
                            .all(|seen| seen.fits() == (seen.path == disk.identity.path) || name == "multipath")
                    );
                    unclear.why
                });
                assert_eq!(found, expected, "{name}: {wanted:?}");
            }
        }
    }
    assert!(tried > 50, "{tried}");
}

#[test]
fn the_usual_laptop_gets_its_internal_disk_and_never_the_stick() {
    assert_eq!(chosen("nvme-and-usb-stick", "{ transport = 'nvme' }"), Ok("/dev/nvme0n1".into()));
    assert_eq!(chosen("nvme-and-usb-stick", "{ removable = false }"), Ok("/dev/nvme0n1".into()));
    assert_eq!(chosen("nvme-and-usb-stick", "{ transport = 'usb' }"), Err(Why::NoneFits));
    assert_eq!(chosen("nvme-and-usb-stick", "{ model = 'SanDisk Ultra' }"), Err(Why::NoneFits));
    assert_eq!(chosen("emmc", "{ transport = 'mmc' }"), Ok("/dev/mmcblk0".into()));
}

#[test]
fn two_equal_disks_need_a_name() {
    let model = "{ model = 'WDC WD80EFAX-68KNBN0', transport = 'ata' }";
    assert_eq!(chosen("zfs-pool", model), Err(Why::SeveralFit));
    assert_eq!(chosen("zfs-pool", "{ serial = 'VAGA1B1L' }"), Ok("/dev/sdb".into()));
}

#[test]
fn equal_disks_in_an_array_are_counted_so_that_the_third_one_is_not_taken_by_luck() {
    assert_eq!(chosen("md-raid", "{ model = 'HGST HUS726T4TALA6L4' }"), Err(Why::SeveralFit));
    assert_eq!(chosen("md-raid", "{ serial = 'VGH9Z9Z9' }"), Ok("/dev/sdc".into()));
    assert_eq!(chosen("intel-rst", "{ serial = 'ZFL0A1B2' }"), Err(Why::NotFree));
}

#[test]
fn a_size_tells_a_hard_disk_from_an_ssd_and_a_disk_that_is_too_small_is_none() {
    assert_eq!(chosen("sata-hdd-and-ssd", "{ max-size = '500GB' }"), Ok("/dev/sdb".into()));
    assert_eq!(chosen("sata-hdd-and-ssd", "{ min-size = '500GB' }"), Ok("/dev/sda".into()));
    // It is sold as 1 TB, and has a little more.
    assert_eq!(chosen("sata-hdd-and-ssd", "{ min-size = '500GB', max-size = '1TB' }"), Err(Why::NoneFits));
    assert_eq!(chosen("sata-hdd-and-ssd", "{ transport = 'ata' }"), Err(Why::SeveralFit));
    assert_eq!(chosen("tiny-disk", "{ transport = 'virtual', min-size = '20GB' }"), Err(Why::NoneFits));
}

#[test]
fn an_empty_reader_of_cards_is_passed_by_and_a_disk_in_use_is_not() {
    assert_eq!(chosen("card-reader", "{ transport = 'usb' }"), Err(Why::NoneFits));
    assert_eq!(chosen("card-reader", "{ max-size = '1TB' }"), Ok("/dev/nvme0n1".into()));
    assert_eq!(chosen("luks", "{ min-size = '900GB', max-size = '1.1TB' }"), Err(Why::SeveralFit));
    assert_eq!(chosen("write-protected-stick", "{ transport = 'usb' }"), Err(Why::NotFree));
}

#[test]
fn no_recorded_machine_holds_a_name_a_label_or_an_identity() {
    for (name, disks, recorded) in all() {
        let file = serde_json::to_string(&recorded).unwrap();
        for disk in &disks {
            let identities = disk.identity.serial.iter().chain(&disk.identity.wwn);
            identities.for_each(|private| assert!(!file.contains(private.as_str()), "{name}: {private}"));
            for obstacle in &disk.obstacles {
                if let Obstacle::Held { by, .. } = obstacle
                    && by.contains("/mapper/")
                {
                    assert!(!file.contains(by.as_str()), "{name}: {by}");
                }
            }
        }
        for label in ["EFI system partition", "Windows", "SYSTEM", "Basic data"] {
            assert!(!file.contains(label), "{name}: {label}");
        }
    }
}
