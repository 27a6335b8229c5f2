use super::*;
use crate::inventory::{Content, DiskKind, Identity};

fn disk(path: &str, serial: &str, wwn: Option<&str>, size: u64) -> Disk {
    let identity =
        Identity { path: path.into(), serial: Some(serial.into()), wwn: wwn.map(str::to_owned), sequence: None };
    Disk {
        identity,
        model: Some("Samsung SSD 870 EVO 500GB".into()),
        kind: DiskKind::Disk,
        transport: Transport::Ata,
        rotational: false,
        removable: false,
        size,
        sector_size: 512,
        content: Content::Empty,
        obstacles: Vec::new(),
    }
}

fn stick() -> Disk {
    let disk = disk("/dev/sdz", "STICK", None, 32_000_000_000);
    Disk {
        model: Some("Stick".into()),
        transport: Transport::Usb,
        removable: true,
        obstacles: vec![Obstacle::BootMedium],
        ..disk
    }
}

fn machine(disks: &[Disk]) -> Inventory {
    Inventory { disks: disks.to_vec(), firmware: None, devices: Vec::new(), tpm2: false }
}

fn wanted(toml: &str) -> DiskMatch {
    #[derive(Deserialize)]
    struct Table {
        r#match: DiskMatch,
    }
    toml::from_str::<Table>(&format!("match = {toml}")).unwrap().r#match
}

/// The path of the disk that is chosen, or why none is.
fn chosen(toml: &str, disks: &[Disk]) -> Result<String, Why> {
    choose(&wanted(toml), &machine(disks)).map(|disk| disk.identity.path.clone()).map_err(|unclear| {
        assert_eq!(unclear.seen.len(), disks.len(), "every disk is listed");
        unclear.why
    })
}

#[test]
fn a_world_wide_name_fits_in_whatever_way_it_is_written() {
    let disks = [
        disk("/dev/sda", "A", Some("0x5002538f30a1b2c3"), 1),
        disk("/dev/nvme0n1", "B", Some("eui.0025384151b0abcd"), 1),
        disk("/dev/nvme1n1", "C", Some("nvme.1af4-646561-51454d55-00000001"), 1),
    ];
    for same in ["0x5002538f30a1b2c3", "5002538F30A1B2C3", "naa.5002538f30a1b2c3", " 50:02:53:8f:30:a1:b2:c3 "] {
        assert_eq!(chosen(&format!("{{ wwn = '{same}' }}"), &disks), Ok("/dev/sda".into()), "{same}");
    }
    for same in ["eui.0025384151b0abcd", "0025384151B0ABCD", "0x0025384151b0abcd", "00-25-38-41-51-b0-ab-cd"] {
        assert_eq!(chosen(&format!("{{ eui = '{same}' }}"), &disks), Ok("/dev/nvme0n1".into()), "{same}");
    }
    assert_eq!(chosen("{ wwn = 'NVME.1af4-646561-51454d55-00000001' }", &disks), Ok("/dev/nvme1n1".into()));
    // A part of a name is none, and the name of a SATA disk is no EUI.
    for other in ["{ wwn = '5002538f30a1b2' }", "{ wwn = '0x' }", "{ eui = '5002538f30a1b2c3' }"] {
        assert_eq!(chosen(other, &disks), Err(Why::NoneFits), "{other}");
    }
}

#[test]
fn a_serial_number_fits_exactly_but_for_white_space_around_it() {
    let disks = [disk("/dev/sda", "S62A", None, 1), disk("/dev/sdb", "S62A0", None, 1)];
    assert_eq!(chosen("{ serial = ' S62A ' }", &disks), Ok("/dev/sda".into()));
    assert_eq!(chosen("{ serial = 's62a' }", &disks), Err(Why::NoneFits));
    assert_eq!(chosen("{ serial = 'S62' }", &disks), Err(Why::NoneFits));
    let nameless = Disk { identity: Identity { serial: None, ..disks[0].identity.clone() }, ..disks[0].clone() };
    assert_eq!(chosen("{ serial = 'S62A' }", &[nameless]), Err(Why::NoneFits));
}

#[test]
fn two_disks_that_fit_are_both_refused_even_if_only_one_is_free() {
    let (one, other) = (disk("/dev/sda", "A", None, 500), disk("/dev/sdb", "A", None, 500));
    let model = "{ model = 'Samsung SSD 870 EVO 500GB' }";
    for wanted in [model, "{ serial = 'A' }", "{ transport = 'ata', removable = false }"] {
        assert_eq!(chosen(wanted, &[one.clone(), other.clone()]), Err(Why::SeveralFit), "{wanted}");
    }
    let used = Disk { obstacles: vec![Obstacle::Swap { device: "/dev/sdb1".into() }], ..other };
    assert_eq!(chosen(model, &[one, used]), Err(Why::SeveralFit));
}

#[test]
fn the_medium_is_passed_by_in_a_description_and_refused_by_its_name() {
    let disks = [disk("/dev/sda", "A", None, 500_000_000_000), stick()];
    assert_eq!(chosen("{ min-size = '1GB' }", &disks), Ok("/dev/sda".into()));
    assert_eq!(chosen("{ removable = true }", &disks), Err(Why::NoneFits));
    assert_eq!(chosen("{ serial = 'STICK' }", &disks), Err(Why::NotFree));
    let unclear = choose(&wanted("{ serial = 'STICK' }"), &machine(&disks)).unwrap_err();
    assert!(unclear.seen[1].fits() && unclear.seen[1].obstacles == [Obstacle::BootMedium]);
}

#[test]
fn a_disk_that_can_not_be_taken_is_refused_with_its_reason() {
    let held = Disk { obstacles: vec![Obstacle::ReadOnly], ..disk("/dev/sda", "A", None, 500) };
    assert_eq!(chosen("{ serial = 'A' }", std::slice::from_ref(&held)), Err(Why::NotFree));
    assert_eq!(chosen("{ transport = 'ata' }", &[held]), Err(Why::NotFree));
}

#[test]
fn each_thing_that_does_not_fit_is_listed_for_each_disk() {
    let disks = [disk("/dev/sda", "A", None, 500_107_862_016), stick()];
    let toml = "{ model = 'X', transport = 'nvme', min-size = '1TB', max-size = '2TB', removable = false }";
    let seen = choose(&wanted(toml), &machine(&disks)).unwrap_err().seen;
    let than = Size(1_000_000_000_000);
    let found = Transport::Ata;
    assert_eq!(seen[0].misfits, [Misfit::Model, Misfit::Transport { found }, Misfit::Smaller { than }]);
    assert!(seen[1].misfits.contains(&Misfit::Removable { found: true }), "{seen:?}");
}

#[test]
fn both_ends_of_a_range_of_sizes_fit() {
    let disks = [disk("/dev/sda", "A", None, 200_000_000_000)];
    for fits in ["{ min-size = '200GB' }", "{ max-size = '200GB' }", "{ min-size = '200GB', max-size = '200GB' }"] {
        assert!(chosen(fits, &disks).is_ok(), "{fits}");
    }
    for misfit in ["{ min-size = '200.000000001GB' }", "{ max-size = '199999999999B' }"] {
        assert_eq!(chosen(misfit, &disks), Err(Why::NoneFits), "{misfit}");
    }
}

#[test]
fn no_disk_at_all_is_no_disk_that_fits() {
    assert_eq!(chosen("{ removable = false }", &[]), Err(Why::NoneFits));
}
