//! Payloads that are not as they were signed: refused with the place, and the disk stays as it was.

use forge_engine::{
    install::End,
    openpgp::{self, Validity},
    payload::{MANIFEST, SIGNATURE},
    probe,
};
use forge_model::{inventory::Content, payload::Entry};
use forge_tests::{
    disk::{Disk, USUAL, assert_starts_nothing},
    installed::assert_complete,
    job::{Job, Recorder, install_well, open_target},
    payload::{self, DAY, TestPayload, flip, keys},
};
use serde_json::json;
use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
    time::SystemTime,
};

/// Damages a copy of the payload, expects that an install refuses it and leaves the disk alone; gives the sentence.
fn refused(damage: impl FnOnce(&TestPayload)) -> String {
    let payload = payload::shared().copy();
    damage(&payload);
    refused_at(&payload, SystemTime::now())
}

fn refused_at(payload: &TestPayload, now: SystemTime) -> String {
    let disk = Disk::used(USUAL);
    let before = disk.digest();
    let sentence = sentence(payload, &disk, now);
    assert_eq!(disk.digest(), before, "{sentence}");
    sentence
}

fn sentence(payload: &TestPayload, disk: &Disk, now: SystemTime) -> String {
    let directory = payload.directory();
    let mut job = Job::new(payload, &disk.path, &directory);
    job.now = now;
    match job.run(&Recorder::default()) {
        Err(refusal) => refusal.sentence(),
        Ok(_) => panic!("it was not refused"),
    }
}

fn assert_says(sentence: &str, words: &[&str]) {
    assert!(words.iter().all(|word| sentence.contains(word)), "{words:?} in: {sentence}");
}

#[test]
fn a_manifest_without_a_signature_is_refused() {
    let sentence = refused(|payload| fs::remove_file(payload.file(SIGNATURE)).unwrap());
    assert_says(&sentence, &[SIGNATURE, "No such file"]);
    let sentence = refused(|payload| fs::write(payload.file(SIGNATURE), b"").unwrap());
    assert_says(&sentence, &[SIGNATURE, "no signature"]);
    let sentence = refused(|payload| fs::write(payload.file(SIGNATURE), b"Trust me.").unwrap());
    assert_says(&sentence, &[SIGNATURE, "malformed"]);
}

#[test]
fn a_manifest_signed_by_another_key_is_refused() {
    let sentence = refused(|payload| payload.sign(&keys().release, SystemTime::now()));
    assert_says(&sentence, &[SIGNATURE, "unknown key"]);
}

#[test]
fn a_manifest_is_refused_when_the_subkey_that_signed_it_has_expired() {
    let mut payload = payload::shared().copy();
    let start = SystemTime::now() - 10 * DAY;
    let validity = Validity { master: 3650 * DAY, release: 5 * DAY };
    payload.keys = openpgp::generate("Forge test releases", start, validity).unwrap().into();
    payload.sign(&payload.keys.release, start + DAY);
    // The control: it was good while the subkey was.
    let directory = payload.directory();
    let disk = Disk::empty(USUAL);
    let mut job = Job::new(&payload, &disk.path, &directory);
    job.now = start + 2 * DAY;
    job.plan().unwrap();
    assert_says(&refused_at(&payload, SystemTime::now()), &[SIGNATURE, "expired on"]);
}

#[test]
fn one_changed_bit_in_the_manifest_is_refused() {
    for place in [0, 100, 2000] {
        let sentence = refused(|payload| flip(&payload.file(MANIFEST), place));
        assert_says(&sentence, &[SIGNATURE, "does not fit the index"]);
    }
}

#[test]
fn a_signed_manifest_with_a_path_that_leaves_the_payload_is_refused() {
    for path in ["../kernel", "/etc/hostname", "accounts/../../kernel", ".", ""] {
        let sentence = refused(|payload| payload.edit_and_sign(|m| m["boot"]["kernel"]["path"] = json!(path)));
        assert_says(&sentence, &["manifest.json", "inside the payload", path]);
    }
    let sentence = refused(|payload| {
        fs::rename(payload.file("accounts"), payload.file("real")).unwrap();
        symlink("real", payload.file("accounts")).unwrap();
    });
    assert_says(&sentence, &["accounts/passwd"]);
}

#[test]
fn a_signed_manifest_with_a_wrong_root_hash_is_refused() {
    let sentence = refused(|payload| {
        payload.edit_and_sign(|m| {
            let hash = m["image"]["root_hash"].as_str().unwrap();
            let first = if hash.starts_with('0') { '1' } else { '0' };
            m["image"]["root_hash"] = json!(format!("{first}{}", &hash[1..]));
        });
    });
    assert_says(&sentence, &["system.verity", "root hash"]);
}

#[test]
fn a_signed_manifest_that_makes_no_sense_is_refused_with_the_field() {
    let sentence = refused(|payload| payload.edit_and_sign(|m| m["version"] = json!(2)));
    assert_says(&sentence, &["manifest.json", "version 2", "version 1"]);
    let sentence = refused(|payload| payload.edit_and_sign(|m| m["surprise"] = json!(1)));
    assert_says(&sentence, &["manifest.json, line 1", "surprise"]);
    let sentence = refused(|payload| payload.edit_and_sign(|m| m["image"]["block_size"] = json!(512)));
    assert_says(&sentence, &["image.block_size"]);
    for bytes in [u64::MAX, 1 << 62] {
        let sentence = refused(|payload| payload.edit_and_sign(|m| m["minimum_state_bytes"] = json!(bytes)));
        assert_says(&sentence, &["manifest.json", "minimum_state_bytes", "at most"]);
    }
}

/// Does something to each file of the payload in turn, undoes it, and asserts that each was refused by its name.
fn each_file(what: &str, damage: impl Fn(&Path, &Entry) -> bool) {
    let payload = payload::shared().copy();
    let disk = Disk::used(USUAL);
    let before = disk.digest();
    let manifest = payload.manifest();
    let mut refused = 0;
    for entry in manifest.entries() {
        let path = payload.file(&entry.path);
        let good = fs::read(&path).expect("a file of the payload");
        if !damage(&path, entry) {
            continue;
        }
        let sentence = sentence(&payload, &disk, SystemTime::now());
        assert!(sentence.contains(&entry.path), "{what}: {} in: {sentence}", entry.path);
        fs::remove_file(&path).unwrap_or_default();
        fs::write(&path, good).expect("a file of the payload");
        refused += 1;
    }
    assert!(refused >= 12, "{refused} files");
    assert_eq!(disk.digest(), before);
}

#[test]
fn each_missing_file_is_refused_by_its_name() {
    each_file("missing", |path, _| fs::remove_file(path).is_ok());
}

#[test]
fn each_file_that_is_a_byte_short_or_long_is_refused_by_its_name() {
    let resize = |path: &Path, size| File::options().write(true).open(path).unwrap().set_len(size).is_ok();
    each_file("short", |path, entry| entry.size > 0 && resize(path, entry.size - 1));
    each_file("long", |path, entry| resize(path, entry.size + 1));
}

#[test]
fn each_file_that_is_a_link_to_the_right_bytes_is_refused_by_its_name() {
    each_file("link", |path, _| {
        let elsewhere = path.with_extension("elsewhere");
        fs::rename(path, &elsewhere).unwrap();
        symlink(elsewhere.file_name().unwrap(), path).is_ok()
    });
}

#[test]
fn each_file_with_one_changed_bit_is_refused_by_its_name() {
    // The image is judged block by block while it is written; see below.
    each_file("bit", |path, entry| {
        let small = entry.size > 0 && entry.path != "system.img";
        if small {
            flip(path, entry.size / 2);
        }
        small
    });
}

#[test]
fn a_changed_bit_anywhere_in_the_hash_tree_is_refused() {
    let size = payload::shared().manifest().image.tree.size;
    for place in [0, 8, 100, 4096, 8192, 8192 + 32, size / 2, size - 4096] {
        let sentence = refused(|payload| flip(&payload.file("system.verity"), place));
        assert_says(&sentence, &["system.verity"]);
    }
}

#[test]
fn a_changed_block_of_the_image_stops_the_install_and_the_disk_starts_nothing() {
    let good = payload::shared();
    let bad = good.copy();
    flip(&bad.file("system.img"), (9 << 20) + 5);
    // Even a disk that held a system before.
    let disk = Disk::empty(USUAL);
    install_well(&good, &disk.path);
    let sentence = sentence(&bad, &disk, SystemTime::now());
    assert_says(&sentence, &[&format!("block {}", (9 << 20) / 4096), "not the block that was signed"]);
    assert_starts_nothing(&disk.path);
    let found = probe::file(&open_target(&disk.path).unwrap()).unwrap();
    assert!(matches!(found.disks[0].content, Content::Unfinished { .. }), "{:?}", found.disks[0].content);
    install_well(&good, &disk.path);
    assert_complete(&disk.path);
}

#[test]
fn a_payload_that_changed_after_the_plan_was_made_is_refused() {
    let (disk, first) = (Disk::used(USUAL), payload::shared());
    let before = disk.digest();
    let other = first.copy();
    other.edit_and_sign(|m| m["release"] = json!("2"));
    let directory = first.directory();
    let (_, target, plan, _) = Job::new(&first, &disk.path, &directory).plan().unwrap();
    let (tools, password) = (Default::default(), forge_engine::credentials::UserPassword::Generate);
    let end =
        forge_engine::install::run(&tools, &plan, &other.open().unwrap(), &target, password, &Recorder::default());
    match end {
        Err(error) => assert_says(&error.to_string(), &["changed since the plan", "make the plan again"]),
        Ok(End::Installed(_) | End::Cancelled { .. }) => panic!("it was not refused"),
    }
    assert_eq!(disk.digest(), before);
}
