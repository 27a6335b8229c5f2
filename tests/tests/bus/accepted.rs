//! Proprietary firmware on an installed machine: listed, added and taken away, by whom, and what is refused.

use crate::{
    bench::{Bench, said},
    caller::{Caller, Refusal, memory},
};
use forge_dbus::backend::FirmwareState;
use forge_engine::mok::{Kind, Pair};
use forge_model::firmware::Consent;
use forge_tests::{
    firmware::{MICROCODE, WIFI, shared},
    payload::{TestPayload, flip, keys},
    private::{Person, System, system},
};
use openssl::{hash::MessageDigest, sign::Verifier, x509::X509};
use std::{fs, path::PathBuf, sync::Arc, time::SystemTime};
use zbus::OwnedFd;

/// A helper on an installed machine, and a payload with two bundles.
struct Installed<'a> {
    bench: Bench<'a>,
    place: PathBuf,
}

impl<'a> Installed<'a> {
    fn new(system: &'a System, payload: Arc<TestPayload>) -> Self {
        let place = system.disks().with_file_name("installed");
        for directory in ["keys", "esp"] {
            fs::create_dir_all(place.join(directory)).unwrap();
        }
        let of = |name: &str| place.join(name).to_str().unwrap().to_owned();
        let (keys, extensions, consents, esp) = (of("keys"), of("extensions"), of("consents"), of("esp"));
        let options = ["--idle-ms", "20000", "--settle-ms", "0", "--keys", &keys, "--extensions", &extensions];
        let more = ["--consents", &consents, "--esp", &esp];
        Self { bench: Bench::with(system, payload, &[&options[..], &more].concat()), place }
    }

    /// A key as an install makes it.
    fn key(&self) -> Pair {
        let pair = Pair::generate(Kind::Boot, "InterGenOS boot key test", SystemTime::now()).unwrap();
        let put = |name: &str, bytes: &[u8]| fs::write(self.place.join("keys").join(name), bytes).unwrap();
        put("boot.key", &pair.private_key_pem().unwrap());
        put("boot.pem", &pair.certificate_pem().unwrap());
        put("boot.cer", &pair.certificate_der().unwrap());
        pair
    }

    /// The bundle's SHA-256 and the files that a caller brings.
    fn brought(&self, name: &str) -> (String, [OwnedFd; 3], Vec<OwnedFd>) {
        let payload = &self.bench.payload;
        let bundle = payload.manifest().firmware.into_iter().find(|bundle| bundle.name == name).unwrap();
        let file = |path: &str| memory(&fs::read(payload.file(path)).unwrap());
        let files = [file("manifest.json"), file("manifest.json.sig"), file(&bundle.image.path)];
        (bundle.image.sha256, files, bundle.early.iter().map(|entry| file(&entry.path)).collect())
    }

    fn add(&self, person: Person, name: &str) -> Result<Consent, Refusal> {
        let (sha256, files, companion) = self.brought(name);
        self.add_these(person, name, &sha256, files, companion)
    }

    fn add_these(
        &self,
        person: Person,
        name: &str,
        sha256: &str,
        [manifest, signature, image]: [OwnedFd; 3],
        companion: Vec<OwnedFd>,
    ) -> Result<Consent, Refusal> {
        let body = (name, sha256, manifest, signature, image, companion);
        let consent: String = Caller::new(self.bench.system, person).manager("AddFirmware", &body)?;
        Ok(serde_json::from_str(&consent).unwrap())
    }

    fn remove(&self, person: Person, name: &str) -> Result<(), Refusal> {
        Caller::new(self.bench.system, person).manager("RemoveFirmware", &(name,))
    }

    fn state(&self) -> FirmwareState {
        let state: String = Caller::new(self.bench.system, Person::Allowed).manager("Firmware", &()).unwrap();
        serde_json::from_str(&state).unwrap()
    }

    /// Every file of it that a caller could have made the helper write.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        for directory in ["extensions", "consents", "esp/loader/addons"] {
            let entries = fs::read_dir(self.place.join(directory)).into_iter().flatten();
            found.extend(entries.map(|entry| format!("{directory}/{}", entry.unwrap().file_name().to_string_lossy())));
        }
        found.sort();
        found
    }
}

#[test]
fn a_bundle_is_added_with_a_signed_consent_listed_and_taken_away_without_a_trace() {
    system(|system| {
        let machine = Installed::new(system, shared());
        let pair = machine.key();
        assert_eq!(machine.state().installed, []);
        let consent = machine.add(Person::Root, MICROCODE).unwrap();
        assert_eq!((consent.by.as_str(), consent.bundle.name.as_str()), ("root", MICROCODE));
        assert_eq!(
            machine.files(),
            [
                "consents/test-ucode.json",
                "consents/test-ucode.json.sig",
                "esp/loader/addons/firmware-test-ucode.addon.efi",
                "extensions/firmware-test-ucode.raw",
                "extensions/firmware-test-ucode.roothash",
            ]
        );
        let read = |path: &str| fs::read(machine.place.join(path)).unwrap();
        let key = X509::from_der(&pair.certificate_der().unwrap()).unwrap().public_key().unwrap();
        let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
        verifier.update(&read("consents/test-ucode.json")).unwrap();
        assert!(verifier.verify(&read("consents/test-ucode.json.sig")).unwrap());
        let state = machine.state();
        assert_eq!(state.installed.len(), 1);
        assert_eq!((state.installed[0].consent.as_ref(), &state.installed[0].faults), (Some(&consent), &vec![]));
        machine.remove(Person::Root, MICROCODE).unwrap();
        assert_eq!(machine.files(), [""; 0]);
        assert_eq!(machine.remove(Person::Root, MICROCODE).unwrap_err().kind(), "WrongState");
    });
}

#[test]
fn whoever_may_only_look_adds_and_takes_away_nothing() {
    system(|system| {
        let machine = Installed::new(system, shared());
        machine.key();
        machine.add(Person::Root, WIFI).unwrap();
        let before = machine.files();
        for (person, kind) in [(Person::Nobody, "NotAllowed"), (Person::Refused, "NotAllowed")] {
            assert_eq!(machine.add(person, MICROCODE).unwrap_err().kind(), kind, "{person:?}");
            assert_eq!(machine.remove(person, WIFI).unwrap_err().kind(), kind, "{person:?}");
        }
        assert_eq!(machine.files(), before);
    });
}

#[test]
fn nothing_that_is_not_signed_as_it_is_gets_in() {
    system(|system| {
        let machine = Installed::new(system, shared());
        machine.key();
        let add = |change: &dyn Fn(&TestPayload)| {
            let payload = shared().copy();
            change(&payload);
            let (sha256, [_, _, _], companion) = machine.brought(MICROCODE);
            let file = |path: &str| memory(&fs::read(payload.file(path)).unwrap());
            let files = [file("manifest.json"), file("manifest.json.sig"), file("firmware/test-ucode.raw")];
            let companion = match companion.is_empty() {
                true => vec![],
                false => vec![file("firmware/test-ucode.cpio")],
            };
            machine.add_these(Person::Root, MICROCODE, &sha256, files, companion).unwrap_err().kind().to_owned()
        };
        assert_eq!(add(&|payload| flip(&payload.file("manifest.json"), 5)), "NoPayload");
        assert_eq!(add(&|payload| payload.sign(&keys().release, SystemTime::now())), "NoPayload");
        assert_eq!(add(&|payload| flip(&payload.file("firmware/test-ucode.raw"), 9000)), "NoPayload");
        assert_eq!(add(&|payload| flip(&payload.file("firmware/test-ucode.cpio"), 200)), "NoPayload");
        assert_eq!(add(&|payload| fs::write(payload.file("firmware/test-ucode.cpio"), b"").unwrap()), "NoPayload");
        assert_eq!(machine.files(), [""; 0]);
    });
}

#[test]
fn another_name_another_hash_and_what_could_still_be_changed_are_refused() {
    system(|system| {
        let machine = Installed::new(system, shared());
        machine.key();
        let add = |name: &str, sha256: &str| {
            let (_, files, companion) = machine.brought(WIFI);
            machine.add_these(Person::Root, name, sha256, files, companion).unwrap_err().kind().to_owned()
        };
        let (right, ..) = machine.brought(WIFI);
        assert_eq!(add("test-wfi", &right), "BadArgument");
        assert_eq!(add("../test-wifi", &right), "BadArgument");
        assert_eq!(add(WIFI, &"0".repeat(64)), "BadArgument");
        assert_eq!(add(WIFI, ""), "BadArgument");
        for name in ["", "..", "../../etc/passwd", "a b", "Test-Wifi"] {
            assert_eq!(machine.remove(Person::Root, name).unwrap_err().kind(), "BadArgument", "{name:?}");
        }
        let plain = || {
            let file = fs::File::open(machine.bench.payload.file("firmware/test-wifi.raw")).unwrap();
            OwnedFd::from(std::os::fd::OwnedFd::from(file))
        };
        let (_, [manifest, signature, _], companion) = machine.brought(WIFI);
        let refused = machine.add_these(Person::Root, WIFI, &right, [manifest, signature, plain()], companion);
        assert_eq!(refused.unwrap_err().kind(), "BadArgument");
        // Early ones come with their archive, and there is one archive at most.
        let (sha256, files, _) = machine.brought(MICROCODE);
        assert_eq!(
            machine.add_these(Person::Root, MICROCODE, &sha256, files, vec![]).unwrap_err().kind(),
            "BadArgument"
        );
        let (sha256, files, mut companion) = machine.brought(MICROCODE);
        companion.push(memory(b"more"));
        let refused = machine.add_these(Person::Root, MICROCODE, &sha256, files, companion);
        assert_eq!(refused.unwrap_err().kind(), "BadArgument");
        assert_eq!(machine.files(), [""; 0]);
    });
}

#[test]
fn a_machine_that_forge_did_not_install_gets_no_firmware() {
    system(|system| {
        let machine = Installed::new(system, shared());
        assert_eq!(machine.add(Person::Root, WIFI).unwrap_err().kind(), "WrongState");
        assert_eq!(machine.remove(Person::Root, WIFI).unwrap_err().kind(), "WrongState");
        assert_eq!((machine.state().installed, machine.files()), (vec![], vec![]));
    });
}

#[test]
fn forgectl_lists_adds_and_takes_away() {
    system(|system| {
        let machine = Installed::new(system, shared());
        machine.key();
        let payload = machine.bench.payload.directory();
        let certificate = machine.bench.path("certificate.pgp");
        let from = ["--from", payload.to_str().unwrap(), "--certificate", certificate.to_str().unwrap()];
        let run = |person, words: &[&str]| {
            let output = machine.bench.forgectl(person, &[&["firmware"], words].concat()).output().unwrap();
            (output.status.code(), said(&output))
        };
        let list = || run(Person::Root, &[&["list"], &from[..]].concat());
        let (code, text) = list();
        assert_eq!(code, Some(0), "{text}");
        let (sha256, ..) = machine.brought(WIFI);
        assert!(text.contains("There is no proprietary firmware on this machine."), "{text}");
        assert!(text.contains(&format!("[[firmware]]\nbundle = \"test-wifi\"\nsha256 = \"{sha256}\"")), "{text}");
        let (code, text) = run(Person::Root, &[&["add", WIFI], &from[..]].concat());
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("in use from the next start on"), "{text}");
        let (_, text) = list();
        assert!(
            text.contains("test-wifi: Wi-Fi of the tests, by Somebody") && text.contains("accepted by root"),
            "{text}"
        );
        let (code, text) = run(Person::Root, &[&["add", "test-wfi"], &from[..]].concat());
        assert!(code == Some(4) && text.contains("this payload has only test-wifi, test-ucode"), "{text}");
        let (code, text) = run(Person::Root, &["add", WIFI, "--from", "/nonexistent"]);
        assert!(code == Some(4) && text.contains("Put in the medium"), "{text}");
        let (code, text) = run(Person::Nobody, &["remove", WIFI]);
        assert_eq!(code, Some(10), "{text}");
        let (code, text) = run(Person::Root, &["remove", WIFI]);
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(machine.files(), [""; 0]);
    });
}
