//! Machines whose devices want firmware (`tests/machines/firmware`), each against one payload: which rows does a person see?
//!
//! The modaliases, names and files are those of real devices, as people posted them and as the kernel's modules name them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use forge_model::{
    Answers, Inventory, Recorded,
    firmware::{self, Bundle, Device, wanted},
};
use std::{collections::BTreeMap, fs, path::PathBuf};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines/firmware")
}

fn bundles() -> Vec<Bundle> {
    serde_json::from_slice(&fs::read(directory().join("bundles.json")).unwrap()).unwrap()
}

/// Every recorded machine by its name.
fn machines() -> BTreeMap<String, Recorded> {
    let names = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name != "bundles.json")
        .map(|name| {
            let recorded = Recorded::parse(&fs::read(directory().join(&name)).unwrap()).unwrap();
            (name.trim_end_matches(".json").to_owned(), recorded)
        })
        .collect()
}

#[test]
fn each_machine_shows_a_row_for_each_bundle_that_its_devices_want_and_no_other() {
    let (bundles, mut seen) = (bundles(), 0);
    let machines = machines();
    for (name, rows) in [
        ("intel-wifi", &["intel-wifi", "intel-bluetooth", "intel-microcode"][..]),
        ("realtek", &["realtek-wifi", "realtek-ethernet"]),
        ("amd-graphics", &["amd-graphics", "amd-microcode"]),
        ("nvidia-graphics", &["nvidia-graphics"]),
        ("bluetooth-stick", &["realtek-bluetooth"]),
        ("sof-sound", &["intel-sound"]),
        ("other-file", &[]),
        ("none", &[]),
    ] {
        let found = wanted(&machines[name].devices, &bundles);
        assert_eq!(found.iter().map(|row| row.bundle.name.as_str()).collect::<Vec<_>>(), rows, "{name}");
        assert!(found.iter().all(|row| row.devices.len() == 1), "{name}");
        seen += 1;
    }
    assert_eq!(machines.len(), seen, "every machine is looked at");
}

#[test]
fn a_device_that_misses_a_file_of_no_bundle_is_told_apart() {
    let (bundles, machines) = (bundles(), machines());
    let missed = |name: &str| firmware::missed(&machines[name].devices, &bundles).len();
    assert_eq!((missed("other-file"), missed("intel-wifi"), missed("none")), (1, 0, 0));
}

#[test]
fn a_device_is_known_by_what_it_is_also_when_the_kernel_did_not_ask_yet() {
    let bundles = bundles();
    for machine in machines().values().filter(|machine| machine.machine.product.as_deref() != Some("Box 8")) {
        let quiet: Vec<Device> =
            machine.devices.iter().map(|device| Device { missed: vec![], ..device.clone() }).collect();
        let rows = |devices: &[Device]| wanted(devices, &bundles).len();
        assert_eq!(rows(&quiet), rows(&machine.devices));
    }
}

#[test]
fn devices_travel_with_a_recorded_machine_and_an_old_file_has_none() {
    let recorded = machines().remove("intel-wifi").unwrap();
    let json = serde_json::to_vec(&recorded).unwrap();
    assert_eq!(Recorded::parse(&json).unwrap(), recorded);
    let toml = "version = 1\n[disk]\n[system]\nhostname = 'h'\nlocale = 'C'\ntimezone = 'UTC'\nkeyboard = { layout = 'us' }\n\
                [user]\nname = 'a'\npassword = { ask = true }\n";
    let (_, Inventory { devices, .. }) = recorded.seen_by(&Answers::parse(toml).unwrap());
    assert_eq!(devices, recorded.devices);
    let old = br#"{"version":1,"salt":null,"machine":{},"firmware":null,"disks":[]}"#;
    assert!(Recorded::parse(old).unwrap().devices.is_empty());
}
