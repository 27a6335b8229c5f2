//! Proprietary firmware on an installed disk: what was accepted and nothing else, each with its consent.

use forge_engine::{
    firmware::{addon_file, image_file},
    install::End,
    mok,
    tool::Tools,
    verify::{self, Check},
    watch::Unwatched,
};
use forge_model::{Issue, firmware::Consent, layout::Role};
use forge_tests::{
    disk::{Disk, USUAL, assert_starts_nothing},
    firmware::{self, MICROCODE, WIFI},
    installed::assert_complete,
    job::{ANSWERS, Job, Recorder, Refusal},
    look::{self, Ext4, fat_files},
    payload::{TestPayload, flip},
};
use memchr::memmem;
use std::{fs, path::Path};

/// Installs with these bundles.
fn install(payload: &TestPayload, disk: &Disk, bundles: &[&str]) -> Result<End, Refusal> {
    let directory = payload.directory();
    let mut job = Job::new(payload, &disk.path, &directory);
    job.answers = format!("{ANSWERS}{}", firmware::answers(&payload.manifest(), bundles));
    job.run(&Recorder::default())
}

/// The bundles' files of which any part of some length is on a disk.
fn found(disk: &Path) -> Vec<&'static str> {
    let bytes = fs::read(disk).unwrap();
    let pieces = |contents: &[u8]| {
        let at = [0, contents.len() / 2, contents.len() - 64];
        at.map(|at| memmem::find(&bytes, &contents[at..at + 64]).is_some()).contains(&true)
    };
    firmware::contents().into_iter().filter(|(_, contents)| pieces(contents)).map(|(path, _)| path).collect()
}

#[test]
fn what_was_accepted_lies_sealed_on_the_state_partition_with_a_signed_consent() {
    let (payload, disk) = (firmware::shared(), Disk::used(USUAL));
    let Ok(End::Installed(installed)) = install(&payload, &disk, &[WIFI, MICROCODE]) else { panic!("not installed") };
    let receipt = assert_complete(&disk.path);
    assert_eq!(found(&disk.path).len(), firmware::contents().len());
    let state = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap().offset;
    let state = Ext4::at(&disk.path, state);
    let scratch = tempfile::tempdir().unwrap();
    let certificate = openssl::x509::X509::from_der(&installed.certificate).unwrap();
    let key = scratch.path().join("key.pem");
    fs::write(&key, certificate.public_key().unwrap().public_key_to_pem().unwrap()).unwrap();
    let manifest = payload.manifest();
    for (bundle, consent) in manifest.firmware.iter().zip(&receipt.firmware) {
        let name = &bundle.name;
        assert_eq!((&consent.bundle, consent.by.as_str()), (&bundle.chosen(), "anna"));
        assert!(consent.at.abs_diff(receipt.finished) < 3600);

        let copy = scratch.path().join("image");
        let dump = state.ask(&format!("dump /lib/extensions/{} {}", image_file(name), copy.display()));
        assert!(dump.well, "{}", dump.text);
        assert!(fs::read(&copy).unwrap() == fs::read(payload.file(&bundle.image.path)).unwrap(), "{name}");
        let beside = state.read(&format!("/lib/extensions/firmware-{name}.roothash"));
        assert_eq!(beside.trim(), bundle.root_hash.to_string());

        let (json, signature) = (scratch.path().join("json"), scratch.path().join("sig"));
        for (path, to) in [("json", &json), ("json.sig", &signature)] {
            state.ask(&format!("dump /lib/forge/firmware/{name}.{path} {}", to.display()));
        }
        let (key, json, signature) =
            (key.display().to_string(), json.display().to_string(), signature.display().to_string());
        let checked = look::run("openssl", &["dgst", "-sha256", "-verify", &key, "-signature", &signature, &json]);
        assert!(checked.text.contains("Verified OK"), "{name}: {}", checked.text);
        let written: Consent = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
        assert_eq!(written, *consent);
    }
    assert_eq!(receipt.firmware.len(), 2);
    assert_eq!(state.stat("/lib/forge/firmware").unwrap().mode, 0o755);
}

#[test]
fn what_is_needed_early_is_an_addon_that_the_machines_key_signed() {
    let (payload, disk) = (firmware::shared(), Disk::used(USUAL));
    let Ok(End::Installed(installed)) = install(&payload, &disk, &[WIFI, MICROCODE]) else { panic!("not installed") };
    let esp = installed.receipt.partitions.iter().find(|p| p.role == Role::Esp).unwrap().offset;
    let files = fat_files(&disk.path, esp);
    let addons: Vec<&String> = files.keys().filter(|path| path.starts_with("loader/")).collect();
    assert_eq!(addons, [&format!("loader/addons/{}", addon_file(MICROCODE))]);
    let addon = &files[addons[0]];
    assert!(memmem::find(addon, b"PRIVATE KEY").is_none());

    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("addon.efi");
    fs::write(&path, addon).unwrap();
    let pem = openssl::x509::X509::from_der(&installed.certificate).unwrap().to_pem().unwrap();
    mok::check_signed(&Tools::default(), &pem, fs::File::open(&path).unwrap()).unwrap();
    let section = scratch.path().join("ucode");
    let args = ["-O", "binary", "--dump-section", &format!(".ucode={}", section.display())].map(str::to_owned);
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (path, null) = (path.display().to_string(), "/dev/null".to_owned());
    args.extend([path.as_str(), null.as_str()]);
    assert!(look::run("objcopy", &args).well);
    // Both updates, one after the other, under the one name that the kernel's early loader knows.
    let archive = fs::read(&section).unwrap();
    let contents = firmware::contents();
    let all = [contents[2].1.clone(), contents[3].1.clone()].concat();
    assert!(memmem::find(&archive, b"kernel/x86/microcode/GenuineIntel.bin\0").is_some());
    assert!(memmem::find(&archive, &all).is_some());
    // The receipt pins no addon: it may go, and its consent says who wanted it.
    assert!(installed.receipt.esp_files.iter().all(|file| !file.path.starts_with("loader/")));
}

#[test]
fn an_addon_may_go_and_one_that_another_key_signed_is_found() {
    let (payload, disk) = (firmware::shared(), Disk::used(USUAL));
    let Ok(End::Installed(installed)) = install(&payload, &disk, &[MICROCODE]) else { panic!("not installed") };
    let esp = installed.receipt.partitions.iter().find(|p| p.role == Role::Esp).unwrap().offset;
    let image = format!("{}@@{esp}", disk.text());
    let path = format!("loader/addons/{}", addon_file(MICROCODE));
    let faults = || {
        let checked = verify::verify(&Tools::default(), &disk.path, None, &Unwatched).unwrap();
        let (_, findings) = checked.done().unwrap();
        findings.into_iter().filter(|found| found.fault.is_some()).map(|found| found.check).collect::<Vec<_>>()
    };
    assert_eq!(faults(), []);
    assert!(look::run("mdel", &["-i", &image, &format!("::/{path}")]).well);
    assert_eq!(faults(), []);
    let unsigned = fs::read("/usr/lib/systemd/boot/efi/addonx64.efi.stub").unwrap();
    assert!(look::run_with("mcopy", &["-o", "-i", &image, "-", &format!("::/{path}")], &unsigned).well);
    assert_eq!(faults(), [Check::Signed(path)]);
    assert!(look::run_with("mcopy", &["-i", &image, "-", "::/loader/addons/other.addon.efi"], b"MZ").well);
    assert!(faults().contains(&Check::NoOtherFile));
}

#[test]
fn of_what_was_not_accepted_no_byte_is_on_the_disk() {
    let (payload, disk) = (firmware::shared(), Disk::used(USUAL));
    let Ok(End::Installed(installed)) = install(&payload, &disk, &[]) else { panic!("not installed") };
    assert_eq!(found(&disk.path), Vec::<&str>::new());
    assert!(installed.receipt.firmware.is_empty());
    assert!(!String::from_utf8_lossy(&installed.receipt_json).contains("firmware"));
    let state = installed.receipt.partitions.iter().find(|p| p.role == Role::State).unwrap().offset;
    let state = Ext4::at(&disk.path, state);
    assert!(state.stat("/lib/extensions").is_none() && state.stat("/lib/forge/firmware").is_none());

    let disk = Disk::used(USUAL);
    let Ok(End::Installed(_)) = install(&payload, &disk, &[WIFI]) else { panic!("not installed") };
    assert_eq!(found(&disk.path), ["testwifi/one.bin", "testwifi/two too.bin"]);
}

/// Damages the payload, expects that an install with firmware refuses it before the first write; gives the sentence.
fn refused(damage: impl FnOnce(&TestPayload)) -> String {
    let payload = firmware::shared().copy();
    let answers = format!("{ANSWERS}{}", firmware::answers(&payload.manifest(), &[WIFI, MICROCODE]));
    damage(&payload);
    let (disk, directory) = (Disk::used(USUAL), payload.directory());
    let before = disk.digest();
    let mut job = Job::new(&payload, &disk.path, &directory);
    job.answers = answers;
    let Err(refusal) = job.run(&Recorder::default()) else { panic!("it was not refused") };
    assert_eq!(disk.digest(), before, "{}", refusal.sentence());
    refusal.sentence()
}

#[test]
fn a_tampered_bundle_is_refused_before_the_first_write() {
    let bundles = firmware::shared().manifest().firmware;
    let paths = bundles.iter().flat_map(|bundle| {
        [Some(&bundle.image), Some(&bundle.licence.text), bundle.early.as_ref()].into_iter().flatten()
    });
    for path in paths.map(|entry| entry.path.clone()) {
        let sentence = refused(|payload| flip(&payload.file(&path), 30));
        assert!(sentence.contains(&path) && sentence.contains("not the file that was signed"), "{sentence}");
        let sentence = refused(|payload| fs::remove_file(payload.file(&path)).unwrap());
        assert!(sentence.contains(&path) && sentence.contains("No such file"), "{sentence}");
        let sentence = refused(|payload| fs::write(payload.file(&path), b"short").unwrap());
        assert!(sentence.contains(&path) && sentence.contains("has 5 bytes"), "{sentence}");
    }
}

#[test]
fn another_bundle_than_was_accepted_is_refused_when_the_plan_is_made() {
    let sentence = refused(|payload| payload.edit_and_sign(|index| index["firmware"][0]["name"] = "other".into()));
    assert!(sentence.contains("test-wifi"), "{sentence}");
    let zeros = "0".repeat(64);
    let sentence = refused(|payload| {
        payload.edit_and_sign(|index| index["firmware"][0]["image"]["sha256"] = zeros.clone().into());
    });
    assert!(sentence.contains(&zeros), "{sentence}");
}

#[test]
fn the_least_disk_has_room_for_what_was_accepted_and_for_no_more() {
    let payload = firmware::shared();
    let least = |bundles: &[&str]| {
        let answers = format!("{ANSWERS}{}", firmware::answers(&payload.manifest(), bundles));
        let (disk, directory) = (Disk::empty(8 << 20), payload.directory());
        let mut job = Job::new(&payload, &disk.path, &directory);
        job.answers = answers;
        match job.plan() {
            Err(Refusal::Issues(issues)) => match issues.as_slice() {
                [Issue::TooSmall { needs, .. }] => *needs,
                issues => panic!("{issues:?}"),
            },
            _ => panic!("a plan for 8 MiB"),
        }
    };
    let (none, all) = (least(&[]), least(&[WIFI, MICROCODE]));
    assert!(none < all, "{none} {all}");
    let disk = Disk::used(all);
    let Ok(End::Installed(_)) = install(&payload, &disk, &[WIFI, MICROCODE]) else { panic!("not installed") };
    assert_complete(&disk.path);
    let disk = Disk::used(all - 1);
    assert!(matches!(install(&payload, &disk, &[WIFI, MICROCODE]), Err(Refusal::Issues(_))));
    assert_starts_nothing(&disk.path);
}
