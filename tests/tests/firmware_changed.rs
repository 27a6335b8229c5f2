//! Firmware of an installed machine: added and taken away later, and what a look at it says.

use forge_engine::{
    firmware::{
        addon_file,
        found::{self, Fault, Found},
        installed::{self, FirmwareError, Offer, Places},
    },
    mok::{Kind, Pair},
    payload::{MANIFEST, SIGNATURE},
    tool::Tools,
    watch::Unwatched,
};
use forge_model::firmware::{Consent, FirmwareAnswer, How};
use forge_tests::{
    firmware::{self, MICROCODE, WIFI},
    payload::{self, TestPayload, flip},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::PathBuf,
    sync::Arc,
    time::SystemTime,
};
use tempfile::TempDir;

/// An installed machine, as far as firmware goes.
struct Machine {
    root: TempDir,
    places: Places,
    certificate: Vec<u8>,
    payload: Arc<TestPayload>,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut places = Places::new(root.path(), &root.path().join("efi"));
        fs::create_dir_all(&places.keys).unwrap();
        places.os_release = places.keys.join("os-release");
        let system = firmware::shared().manifest().firmware[0].system.clone().unwrap();
        fs::write(&places.os_release, format!("NAME=Tests\n{system}")).unwrap();
        let pair = Pair::generate(Kind::Boot, "boot key of a test", SystemTime::now()).unwrap();
        fs::write(places.keys.join("boot.key"), pair.private_key_pem().unwrap()).unwrap();
        fs::write(places.keys.join("boot.pem"), pair.certificate_pem().unwrap()).unwrap();
        Self { root, places, certificate: pair.certificate_der().unwrap(), payload: firmware::shared() }
    }

    fn add(&self, name: &str) -> Result<Consent, FirmwareError> {
        self.add_from(&self.payload, name)
    }

    fn add_from(&self, payload: &TestPayload, name: &str) -> Result<Consent, FirmwareError> {
        let open = |path: &str| File::open(payload.file(path)).unwrap();
        let offer = Offer {
            manifest: open(MANIFEST),
            signature: open(SIGNATURE),
            image: open(&format!("firmware/{name}.raw")),
            companion: (name == MICROCODE).then(|| open("firmware/test-ucode.cpio")),
        };
        self.add_offer(offer, &wanted(name))
    }

    fn add_offer(&self, offer: Offer, wanted: &FirmwareAnswer) -> Result<Consent, FirmwareError> {
        let (certificate, now) = (&self.payload.keys.certificate, SystemTime::now());
        installed::add(&Tools::default(), &self.places, certificate, offer, wanted, "anna", now, &Unwatched)
    }

    fn list(&self) -> Vec<Found> {
        found::list(&self.places, &self.certificate).unwrap()
    }

    fn faults(&self) -> Vec<Fault> {
        self.list().into_iter().flat_map(|found| found.faults).collect()
    }

    /// Every file but the keys.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut pending = vec![self.root.path().to_owned()];
        while let Some(directory) = pending.pop() {
            for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
                match path.is_dir() {
                    true if path == self.places.keys => {}
                    true => pending.push(path),
                    false => drop(found.insert(path.clone(), fs::read(path).unwrap())),
                }
            }
        }
        found
    }
}

fn addons(places: &Places) -> &std::path::Path {
    places.addons.as_deref().unwrap()
}

fn wanted(name: &str) -> FirmwareAnswer {
    let bundles = firmware::shared().manifest().firmware;
    let bundle = bundles.into_iter().find(|bundle| bundle.name == name).unwrap();
    FirmwareAnswer { bundle: name.into(), sha256: bundle.image.sha256 }
}

#[test]
fn what_is_added_is_listed_with_who_accepted_it_and_is_gone_after_it_is_removed() {
    let machine = Machine::new();
    assert_eq!(machine.list(), []);
    let consent = machine.add(WIFI).unwrap();
    assert_eq!((consent.by.as_str(), consent.bundle.early), ("anna", false));
    machine.add(MICROCODE).unwrap();
    let names: Vec<_> = machine.list().into_iter().map(|found| (found.name, found.consent.is_some())).collect();
    assert_eq!(names, [(MICROCODE.into(), true), (WIFI.into(), true)]);
    assert_eq!(machine.faults(), []);
    assert!(addons(&machine.places).join(addon_file(MICROCODE)).exists());
    for (path, bytes) in machine.files() {
        assert!(memchr::memmem::find(&bytes, b"PRIVATE KEY").is_none(), "{}", path.display());
    }

    // The same again is no fault, and nothing is left over.
    let before: Vec<_> = machine.files().into_keys().collect();
    machine.add(WIFI).unwrap();
    assert_eq!(machine.files().into_keys().collect::<Vec<_>>(), before);

    installed::remove(&machine.places, WIFI).unwrap();
    installed::remove(&machine.places, MICROCODE).unwrap();
    assert_eq!(machine.files(), BTreeMap::new());
    let again = installed::remove(&machine.places, WIFI);
    assert!(matches!(again, Err(FirmwareError::NotInstalled { .. })));
    for name in ["../x", "", "a/b", "A"] {
        assert!(matches!(installed::remove(&machine.places, name), Err(FirmwareError::Name { .. })), "{name:?}");
    }
}

#[test]
fn nothing_that_was_not_signed_is_added_and_nothing_is_written_then() {
    let machine = Machine::new();
    let refused = |damage: &dyn Fn(&TestPayload), name: &str| {
        let payload = machine.payload.copy();
        damage(&payload);
        let error = machine.add_from(&payload, name).unwrap_err();
        assert_eq!(machine.files(), BTreeMap::new(), "{error}");
        error.to_string()
    };
    let said = refused(&|payload| flip(&payload.file("firmware/test-wifi.raw"), 30_000), WIFI);
    assert!(said.contains("not the file that was signed"), "{said}");
    let said = refused(&|payload| flip(&payload.file("firmware/test-ucode.cpio"), 300), MICROCODE);
    assert!(said.contains("not the file that was signed"), "{said}");
    let said = refused(&|payload| flip(&payload.file(MANIFEST), 40), WIFI);
    assert!(said.contains(SIGNATURE), "{said}");
    let said = refused(&|payload| payload.sign(&payload::keys().release, SystemTime::now()), WIFI);
    assert!(said.contains("unknown key"), "{said}");
    let rename = |payload: &TestPayload| payload.edit_and_sign(|index| index["firmware"][0]["name"] = "x".into());
    let said = refused(&rename, WIFI);
    assert!(said.contains("its files are firmware/x.raw"), "{said}");
}

#[test]
fn another_image_than_was_accepted_and_a_missing_archive_are_refused() {
    let machine = Machine::new();
    let offer = |name: &str| Offer {
        manifest: File::open(machine.payload.file(MANIFEST)).unwrap(),
        signature: File::open(machine.payload.file(SIGNATURE)).unwrap(),
        image: File::open(machine.payload.file(&format!("firmware/{name}.raw"))).unwrap(),
        companion: None,
    };
    let other = FirmwareAnswer { sha256: "0".repeat(64), ..wanted(WIFI) };
    assert!(matches!(machine.add_offer(offer(WIFI), &other), Err(FirmwareError::Another { .. })));
    let early = machine.add_offer(offer(MICROCODE), &wanted(MICROCODE));
    assert!(matches!(early, Err(FirmwareError::NoCompanion { .. })));
    // One bundle's image under another one's name.
    assert!(matches!(machine.add_offer(offer(MICROCODE), &wanted(WIFI)), Err(FirmwareError::Payload(_))));
    let endless = Offer { image: File::open("/dev/zero").unwrap(), ..offer(WIFI) };
    let said = machine.add_offer(endless, &wanted(WIFI)).unwrap_err().to_string();
    assert!(said.contains("not a plain file"), "{said}");
    assert_eq!(machine.files(), BTreeMap::new());
}

#[test]
fn a_key_that_is_not_the_certificates_signs_no_consent() {
    let machine = Machine::new();
    let other = Pair::generate(Kind::Boot, "another", SystemTime::now()).unwrap();
    fs::write(machine.places.keys.join("boot.key"), other.private_key_pem().unwrap()).unwrap();
    assert!(matches!(machine.add(WIFI), Err(FirmwareError::Pair(_))));
    assert_eq!(machine.files(), BTreeMap::new());
}

/// A bundle, what is done to it, and the fault that has to be named.
type Case = (&'static str, fn(&Places), fn(&Fault) -> bool);

#[test]
fn each_thing_that_is_not_as_it_was_accepted_is_named() {
    let cases: [Case; 8] = [
        (WIFI, |p| flip(&p.extensions.join("firmware-test-wifi.raw"), 9000), |f| matches!(f, Fault::Image { .. })),
        (WIFI, |p| fs::remove_file(p.extensions.join("firmware-test-wifi.raw")).unwrap(), |f| *f == Fault::NoImage),
        (
            WIFI,
            |p| fs::remove_file(p.extensions.join("firmware-test-wifi.roothash")).unwrap(),
            |f| *f == Fault::RootHash,
        ),
        (WIFI, |p| fs::remove_file(p.consents.join("test-wifi.json")).unwrap(), |f| *f == Fault::NoConsent),
        (WIFI, |p| flip(&p.consents.join("test-wifi.json"), 20), |f| matches!(f, Fault::Consent { .. })),
        (
            WIFI,
            |p| {
                fs::rename(p.consents.join("test-wifi.json"), p.consents.join("other.json")).unwrap();
                fs::rename(p.consents.join("test-wifi.json.sig"), p.consents.join("other.json.sig")).unwrap();
            },
            |f| matches!(f, Fault::Consent { why } if why.contains("test-wifi")),
        ),
        (MICROCODE, |p| fs::remove_file(addons(p).join(addon_file(MICROCODE))).unwrap(), |f| *f == Fault::NoAddon),
        (
            WIFI,
            |p| {
                fs::create_dir_all(addons(p)).unwrap();
                fs::write(addons(p).join(addon_file(WIFI)), "MZ").unwrap();
            },
            |f| *f == Fault::Addon,
        ),
    ];
    for (number, (name, damage, is_wanted)) in cases.into_iter().enumerate() {
        let machine = Machine::new();
        machine.add(name).unwrap();
        damage(&machine.places);
        let faults = machine.faults();
        assert!(faults.iter().any(is_wanted), "{number}: {faults:?}");
    }
}

#[test]
fn while_the_boot_partition_is_not_seen_nothing_changes_that_may_have_a_part_there() {
    let mut machine = Machine::new();
    machine.add(MICROCODE).unwrap();
    machine.add(WIFI).unwrap();
    let before = machine.files();
    let seen = std::mem::replace(&mut machine.places.addons, Err("it is not mounted".into()));
    let refused = |result: Result<(), FirmwareError>| {
        let said = result.unwrap_err();
        assert!(matches!(said, FirmwareError::NoEsp { .. }) && said.to_string().contains("not mounted"), "{said}");
        assert!(machine.files() == before);
    };
    refused(installed::remove(&machine.places, MICROCODE));
    refused(machine.add(MICROCODE).map(drop));
    assert_eq!(machine.faults(), [Fault::EspUnseen { why: "it is not mounted".into() }]);
    // What has no part there goes on; but a consent that can not be read does not say so.
    let consent = machine.places.consents.join("test-wifi.json");
    let text = fs::read(&consent).unwrap();
    fs::write(&consent, "{").unwrap();
    assert!(matches!(installed::remove(&machine.places, WIFI), Err(FirmwareError::NoEsp { .. })));
    assert!(matches!(machine.add(WIFI), Err(FirmwareError::NoEsp { .. })));
    fs::write(&consent, text).unwrap();
    machine.add(WIFI).unwrap();
    installed::remove(&machine.places, WIFI).unwrap();
    machine.places.addons = seen;
    installed::remove(&machine.places, MICROCODE).unwrap();
    assert_eq!(machine.files(), BTreeMap::new());
}

#[test]
fn what_was_there_stays_as_it_was_until_all_of_the_new_is_written() {
    let machine = Machine::new();
    machine.add(MICROCODE).unwrap();
    let before = machine.files();
    // The last file can not be written: as on a disk that is full.
    let blocked = machine.places.extensions.join(".firmware-test-ucode.raw.new");
    fs::create_dir(&blocked).unwrap();
    assert!(matches!(machine.add(MICROCODE), Err(FirmwareError::File { .. })));
    fs::remove_dir(&blocked).unwrap();
    assert!(machine.files() == before);
}

#[test]
fn what_a_power_cut_left_unfinished_is_listed_and_taken_away() {
    let machine = Machine::new();
    fs::create_dir_all(&machine.places.extensions).unwrap();
    let left = machine.places.extensions.join(".firmware-test-wifi.raw.new");
    fs::write(&left, "half").unwrap();
    let unfinished = Fault::Unfinished { file: ".firmware-test-wifi.raw.new".into() };
    assert!(machine.faults().contains(&unfinished));
    installed::remove(&machine.places, WIFI).unwrap();
    assert_eq!(machine.files(), BTreeMap::new());
    fs::write(&left, "half").unwrap();
    machine.add(WIFI).unwrap();
    assert!(!left.exists());
    assert_eq!(machine.faults(), []);
}

#[test]
fn what_systemd_would_leave_out_is_refused_and_named_after_an_update_of_the_system() {
    let machine = Machine::new();
    machine.add(MICROCODE).unwrap();
    let before = machine.files();
    fs::write(&machine.places.os_release, "ID=another\nVERSION_ID=1\n").unwrap();
    for name in [WIFI, MICROCODE] {
        let said = machine.add(name).unwrap_err();
        assert!(matches!(said, FirmwareError::OtherRelease { .. }), "{said}");
    }
    assert!(machine.files() == before);
    assert_eq!(machine.faults(), [Fault::OtherRelease]);
}

#[test]
fn an_older_payload_does_not_take_the_place_of_a_newer_one() {
    let machine = Machine::new();
    let (older, newer) = (machine.payload.copy(), machine.payload.copy());
    older.sign(&machine.payload.keys.release, SystemTime::now());
    // A signature says its time to the second.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    newer.sign(&machine.payload.keys.release, SystemTime::now());
    let consent = machine.add_from(&newer, WIFI).unwrap();
    assert_eq!(consent.release, Some(newer.manifest().release));
    assert_eq!(consent.how, Some(How::Later));
    let before = machine.files();
    let said = machine.add_from(&older, WIFI).unwrap_err();
    assert!(matches!(said, FirmwareError::Older { .. }), "{said}");
    assert!(machine.files() == before);
    // Whoever takes the newer one away may have the older one, and then the newer one again.
    installed::remove(&machine.places, WIFI).unwrap();
    machine.add_from(&older, WIFI).unwrap();
    machine.add_from(&newer, WIFI).unwrap();
}
