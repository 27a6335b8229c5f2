//! What `forgectl install` leaves in its output directory, also when something goes wrong.
#![allow(clippy::unwrap_used, reason = "in a test, to stop with the place is the right answer")]

mod bench;

use bench::{Bench, said};
use forge_tests::{
    disk::{Disk, USUAL},
    job::ANSWERS,
    payload::{flip, shared},
};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, BufReader},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Every file below a directory with its bytes.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.append(&mut contents(&entry.path())),
            false => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap())),
        }
    }
    found
}

#[test]
fn an_install_that_fails_leaves_an_older_handover_as_it_was() {
    let (payload, disk) = (shared().copy(), Disk::used(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    let handover = bench.path("handover");
    let first = bench.install(&payload, &disk.path).output().unwrap();
    assert!(first.status.success(), "{}", said(&first));
    let before = contents(&handover);
    assert_eq!(before.len(), 6);

    flip(&payload.file("kernel"), 5000);
    let refused = bench.install(&payload, &Disk::used(USUAL).path).output().unwrap();
    assert!(!refused.status.success() && said(&refused).contains("Nothing was written"), "{}", said(&refused));
    assert_eq!(contents(&handover), before);
}

#[test]
fn a_handover_replaces_links_and_does_not_write_through_them() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    fs::create_dir(bench.path("handover")).unwrap();
    fs::write(bench.path("elsewhere"), "mine").unwrap();
    for name in ["credentials", "receipt.json"] {
        symlink(bench.path("elsewhere"), bench.path("handover").join(name)).unwrap();
    }
    let output = bench.install(&payload, &disk.path).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(fs::read_to_string(bench.path("elsewhere")).unwrap(), "mine");
    let made = fs::symlink_metadata(bench.path("handover/credentials")).unwrap();
    assert!(made.is_file() && made.permissions().mode() & 0o777 == 0o600, "{made:?}");
}

#[test]
fn a_log_holds_every_command_and_stage_and_no_secret() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    let install = || {
        let output = bench.install(&payload, &disk.path).arg("--log").arg(bench.path("log")).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        fs::read_to_string(bench.path("log")).unwrap()
    };
    let log = install();
    for word in ["/usr/sbin/mke2fs", "/usr/bin/ukify", "/usr/bin/sbsign", "/usr/bin/mcopy", "/usr/sbin/mkfs.fat"] {
        assert!(log.contains(&format!("run {word} ")), "{word} is not in: {log}");
    }
    for stage in forge_model::Stage::ALL {
        assert!(log.contains(&format!(" stage {}\n", stage.id())), "{stage:?} is not in: {log}");
    }
    assert_eq!(fs::metadata(bench.path("log")).unwrap().permissions().mode() & 0o777, 0o600);
    let secrets = fs::read_to_string(bench.path("handover/credentials")).unwrap();
    let secrets: serde_json::Value = serde_json::from_str(&secrets).unwrap();
    for secret in ["/user/password", "/mok/code", "/services/forgetest.token"] {
        let secret = secrets.pointer(secret).unwrap().as_str().unwrap();
        assert!(secret.len() >= 16 && !log.contains(secret), "a secret was logged");
    }
    assert!(!log.contains("PRIVATE KEY") && !log.contains("$6$"), "a key or hash was logged");
    let longer = install();
    assert!(longer.len() > log.len() && longer.starts_with(&log), "the log was not appended to");
}

#[test]
fn a_log_says_why_an_install_was_refused() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let hash = format!("$6$saltsaltsalt${}", "canary".repeat(15));
    let hashed = format!("{{ hash = \"{hash}\", other = 1 }}");
    let bench = Bench::new(&payload, &ANSWERS.replace("{ generate = \"passphrase\" }", &hashed));
    let output = bench.install(&payload, &disk.path).arg("--log").arg(bench.path("log")).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let log = fs::read_to_string(bench.path("log")).unwrap();
    assert!(log.contains("answers.toml, line 16") && !log.contains("canary"), "{log}");
}

/// Runs a command whose output nobody reads any more after `lines` lines.
fn with_a_reader_that_goes_away(mut command: Command, lines: usize) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..lines {
        reader.read_line(&mut String::new()).unwrap();
    }
    drop(reader);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), said(&output))
}

#[test]
fn an_install_whose_reader_goes_away_still_hands_over() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    for lines in [0, 1] {
        let (code, said) = with_a_reader_that_goes_away(bench.install(&payload, &disk.path), lines);
        assert_eq!(code, Some(0), "{said}");
        let secrets = fs::read_to_string(bench.path("handover/credentials")).unwrap();
        let secrets: serde_json::Value = serde_json::from_str(&secrets).unwrap();
        assert!(secrets["mok"]["code"].as_str().unwrap().len() >= 16);
        fs::remove_file(bench.path("handover/credentials")).unwrap();
    }
}

#[test]
fn a_reader_that_goes_away_ends_no_other_command_badly() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    let words = |words: &[&str]| {
        let mut command = bench::forgectl();
        command.args(words);
        command
    };
    for command in [words(&["schema"]), words(&["completions", "bash"]), bench.command("plan", &payload, &disk.path)] {
        let (code, said) = with_a_reader_that_goes_away(command, 0);
        assert_eq!(code, Some(0), "{said}");
    }
}

#[test]
fn an_install_that_can_not_hand_over_says_so_with_its_own_code() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    let mut child = bench.install(&payload, &disk.path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"write\"") {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "it ended early");
    }
    // In the way after the check, before the end.
    fs::create_dir(bench.path("handover/receipt.json")).unwrap();
    io::copy(&mut reader, &mut io::sink()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(9), "{}", said(&output));
    assert!(said(&output).contains("installed, but") && said(&output).contains("receipt.json"), "{}", said(&output));
    // The other files are there all the same.
    assert!(bench.path("handover/credentials").is_file() && bench.path("handover/enrollment/card.txt").is_file());
}

#[test]
fn a_handover_that_could_not_be_written_is_refused_before_the_install() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let before = disk.digest();
    let refused = |bench: Bench, named: &str| {
        let output = bench.install(&payload, &disk.path).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(named), "{}", said(&output));
        assert_eq!(disk.digest(), before);
    };
    let bench = Bench::new(&payload, ANSWERS);
    fs::create_dir_all(bench.path("handover/receipt.json")).unwrap();
    refused(bench, "receipt.json");

    let bench = Bench::new(&payload, ANSWERS);
    fs::create_dir(bench.path("handover")).unwrap();
    fs::create_dir(bench.path("elsewhere")).unwrap();
    symlink(bench.path("elsewhere"), bench.path("handover/enrollment")).unwrap();
    refused(bench, "enrollment");
}
