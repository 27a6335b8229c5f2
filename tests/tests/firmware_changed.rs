//! Firmware of an installed machine: added and taken away later, and what a look at it says.

use forge_engine::{
    firmware::{
        addon_file,
        installed::{self, Fault, FirmwareError, Found, Offer, Places},
    },
    mok::{Kind, Pair},
    payload::{MANIFEST, SIGNATURE},
    tool::Tools,
    watch::Unwatched,
};
use forge_model::firmware::{Consent, FirmwareAnswer};
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
        let places = Places::new(root.path(), &root.path().join("efi"));
        fs::create_dir_all(&places.keys).unwrap();
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
        installed::list(&self.places, &self.certificate).unwrap()
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
    assert!(machine.places.addons.join(addon_file(MICROCODE)).exists());
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
    assert!(said.contains("no firmware \"test-wifi\""), "{said}");
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
        (MICROCODE, |p| fs::remove_file(p.addons.join(addon_file(MICROCODE))).unwrap(), |f| *f == Fault::NoAddon),
        (
            WIFI,
            |p| {
                fs::create_dir_all(&p.addons).unwrap();
                fs::write(p.addons.join(addon_file(WIFI)), "MZ").unwrap();
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
