//! Devices that want firmware: who hears of them, the licence of a bundle, and what `forgectl` says about both.

use crate::{
    bench::{Bench, USUAL, said},
    caller::Caller,
};
use forge_tests::{
    job::ANSWERS,
    payload::{TestPayload, flip, shared},
    private::{LoopDisk, Person, System, system},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{fs, sync::Arc};

/// Intel's AX200, and a graphics card that no bundle is for.
const WIFI: &str = "pci:v00008086d00002723sv00008086sd00000084bc02sc80i00";
const CARD: &str = "pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00";
const LICENCE: &str = "You may pass this on.\nYou may not take it apart.\n";

/// The usual payload with one bundle, for the Wi-Fi.
fn payload() -> Arc<TestPayload> {
    let payload = shared().copy();
    fs::create_dir(payload.file("firmware")).unwrap();
    let entry = |name: &str, bytes: &[u8]| -> Value {
        let path = format!("firmware/{name}");
        fs::write(payload.file(&path), bytes).unwrap();
        json!({ "path": path, "size": bytes.len(), "sha256": hex::encode(Sha256::digest(bytes)) })
    };
    let bundle = json!({
        "name": "intel-wifi", "title": "Intel Wi-Fi", "vendor": "Intel", "kind": "wi-fi",
        "licence": { "id": "LicenseRef-iwlwifi", "text": entry("intel-wifi.licence", LICENCE.as_bytes()) },
        "image": entry("intel-wifi.raw", &[7; 8192]), "root_hash": "5a".repeat(32),
        "files": [{ "path": "iwlwifi-cc-a0-77.ucode", "size": 1, "sha256": "00".repeat(32) }],
        "modaliases": ["pci:v00008086d00002723sv*sd*bc*sc*i*"], "without": "There is no wireless network.",
    });
    payload.edit_and_sign(|index| index["firmware"] = json!([bundle]));
    Arc::new(payload)
}

/// A helper on a machine with these two devices.
fn bench(system: &System) -> Bench<'_> {
    let sysfs = system.disks().with_file_name("sysfs");
    for (address, modalias) in [("0000:00:14.3", WIFI), ("0000:00:02.0", CARD)] {
        let device = sysfs.join("bus/pci/devices").join(address);
        fs::create_dir_all(&device).unwrap();
        fs::write(device.join("modalias"), format!("{modalias}\n")).unwrap();
    }
    let options = ["--idle-ms", "20000", "--settle-ms", "0", "--sysfs", sysfs.to_str().unwrap()];
    Bench::with(system, payload(), &options)
}

#[test]
fn a_device_that_a_bundle_is_for_is_in_the_inventory_and_no_other() {
    system(|system| {
        let bench = bench(system);
        let found = system.block_on(bench.forge().inventory()).unwrap();
        let modaliases: Vec<_> = found.devices.iter().map(|device| device.modalias.as_str()).collect();
        assert_eq!(modaliases, [WIFI]);
        // A recorded machine takes it along.
        let output = bench.forgectl(Person::Allowed, &["record"]).output().unwrap();
        assert!(said(&output).contains(WIFI) && !said(&output).contains(CARD), "{}", said(&output));
    });
}

#[test]
fn the_licence_of_a_bundle_is_read_by_whoever_may_look_and_only_as_it_was_signed() {
    system(|system| {
        let bench = bench(system);
        let read = |person, bundle: &str| Caller::new(system, person).manager::<String>("Licence", &(bundle,));
        assert_eq!(read(Person::Allowed, "intel-wifi").unwrap(), LICENCE);
        assert_eq!(read(Person::Nobody, "intel-wifi").unwrap_err().kind(), "NotAllowed");
        for unknown in ["", "intel-wfi", "../intel-wifi", "firmware/intel-wifi"] {
            assert_eq!(read(Person::Allowed, unknown).unwrap_err().kind(), "BadArgument", "{unknown}");
        }
        flip(&bench.payload.file("firmware/intel-wifi.licence"), 3);
        assert_eq!(read(Person::Allowed, "intel-wifi").unwrap_err().kind(), "NoPayload");
    });
}

#[test]
fn a_plan_says_what_is_asked_for_and_not_accepted_and_what_is_accepted() {
    system(|system| {
        let bench = bench(system);
        let disk = LoopDisk::new(system, "FIRMWARE", USUAL, 512);
        let plan = || said(&bench.on(Person::Allowed, "plan", &disk).output().unwrap());
        let without = plan();
        assert!(without.contains("No proprietary firmware will be installed."), "{without}");
        assert!(without.contains("(intel-wifi), which is not accepted: There is no wireless network."), "{without}");
        let hash = &bench.payload.manifest().firmware[0].image.sha256;
        let accept = |hash: &str| {
            let text = format!("{ANSWERS}\n[[firmware]]\nbundle = \"intel-wifi\"\nsha256 = \"{hash}\"\n");
            fs::write(bench.path("answers.toml"), text).unwrap();
        };
        accept(hash);
        let with = plan();
        assert!(
            with.contains(&format!("intel-wifi: Intel Wi-Fi, by Intel, licence LicenseRef-iwlwifi, SHA-256 {hash}")),
            "{with}"
        );
        assert!(!with.contains("not accepted"), "{with}");
        accept(&"00".repeat(32));
        assert!(plan().contains("firmware.sha256: what was accepted as \"intel-wifi\""), "{}", plan());
        fs::write(bench.path("answers.toml"), format!("firmware = true\n{ANSWERS}")).unwrap();
        let refused = plan();
        assert!(refused.contains("line 1") && refused.contains("bundle by bundle"), "{refused}");
    });
}
