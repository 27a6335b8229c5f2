//! `forgectl` as a person, or a program, runs it.
#![allow(clippy::unwrap_used, reason = "in a test, to stop with the place is the right answer")]

mod bench;

use bench::{Bench, forgectl, said};
use forge_tests::{
    disk::{self, Disk, USUAL},
    job::ANSWERS,
    payload::{DAY, flip, shared},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::SystemTime,
};

/// Asserts an exit code and a sentence, and that the disk is as it was.
fn assert_refused(mut command: Command, disk: &Disk, code: i32, words: &[&str]) {
    let before = disk.digest();
    let output = command.output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert_eq!(disk.digest(), before, "the disk was changed: {said}");
}

#[test]
fn an_install_hands_over_and_the_result_verifies() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    let plan = bench.command("plan", &payload, &disk.path).output().unwrap();
    let digest = said(&plan).lines().find_map(|l| l.strip_prefix("Plan digest: ").map(str::to_owned)).unwrap();

    let output = bench.install(&payload, &disk.path).args(["--digest", &digest]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    let events: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.first().unwrap()["digest"], *digest);
    assert_eq!(events.last().unwrap()["event"], "installed");
    let stages: Vec<&str> = events.iter().filter_map(|event| event["stage"].as_str()).collect();
    let mut order = stages.clone();
    order.dedup();
    assert_eq!(order, ["check", "prepare", "claim", "write", "prove", "fill", "commit", "receipt"]);

    let mode = |name: &str| fs::metadata(bench.path("handover").join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("credentials"), mode("enrollment"), mode("enrollment/variables.json")), (0o600, 0o700, 0o600));
    let secrets = fs::read_to_string(bench.path("handover/credentials")).unwrap();
    let secrets: serde_json::Value = serde_json::from_str(&secrets).unwrap();
    for secret in ["/user/password", "/mok/code", "/services/forgetest.token"] {
        let secret = secrets.pointer(secret).unwrap().as_str().unwrap();
        assert!(secret.len() >= 16 && !lines.contains(secret), "a secret was printed");
    }

    let code = secrets["mok"]["code"].as_str().unwrap();
    let grouped = secrets["mok"]["grouped"].as_str().unwrap();
    assert_eq!(grouped.replace('-', ""), code);
    assert!(grouped.split('-').all(|group| group.len() == 4), "the code is not in groups of four");

    let verify = |disk: &Disk| {
        let receipt = bench.path("handover/receipt.json");
        forgectl().arg("verify").arg(&disk.path).arg("--receipt").arg(receipt).output().unwrap()
    };
    let good = verify(&disk);
    assert!(good.status.success(), "{}", said(&good));
    let receipt = fs::read_to_string(bench.path("handover/receipt.json")).unwrap();
    let receipt: serde_json::Value = serde_json::from_str(&receipt).unwrap();
    let damaged = Disk::copy_of(&disk.path);
    flip(&damaged.path, receipt["partitions"][1]["offset"].as_u64().unwrap() + 123_456);
    let bad = verify(&damaged);
    assert_eq!(bad.status.code(), Some(8), "{}", said(&bad));
    assert!(said(&bad).contains("BAD   system image has the root hash"), "{}", said(&bad));
}

#[test]
fn a_plan_changes_nothing_and_says_what_would_be_lost() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    let words = ["will be written", "can not read", "quiet-otter", "Plan digest: "];
    assert_refused(bench.command("plan", &payload, &disk.path), &disk, 0, &words);
}

#[test]
fn another_plan_than_the_confirmed_one_is_refused() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    let mut command = bench.install(&payload, &disk.path);
    command.args(["--digest", &"0".repeat(64)]);
    assert_refused(command, &disk, 3, &["not the one that was confirmed", "Nothing was written"]);
}

#[test]
fn another_password_hash_gives_another_digest_and_no_plan_shows_the_hash() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let plan = |canary: &str| {
        let hash = format!("$6$saltsaltsalt${}", canary.repeat(86 / canary.len() + 1));
        let hashed = format!("{{ hash = \"{hash}\" }}");
        let bench = Bench::new(&payload, &ANSWERS.replace("{ generate = \"passphrase\" }", &hashed));
        let output = bench.command("plan", &payload, &disk.path).arg("--json").output().unwrap();
        assert!(output.status.success() && !said(&output).contains(canary), "{}", said(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let (one, other) = (plan("canary"), plan("ostrich"));
    assert_ne!(one["digest"], other["digest"]);
    assert_eq!(one["digest"], plan("canary")["digest"]);
}

#[test]
fn a_confirmed_install_that_failed_asks_for_a_new_digest_and_goes_on_with_it() {
    let (payload, disk) = (shared().copy(), Disk::used(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    let digest = || {
        let plan = said(&bench.command("plan", &payload, &disk.path).output().unwrap());
        plan.lines().find_map(|l| l.strip_prefix("Plan digest: ").map(str::to_owned)).unwrap()
    };
    let install = |digest: &str| bench.install(&payload, &disk.path).args(["--digest", digest]).output().unwrap();
    let first = digest();
    flip(&payload.file("system.img"), 5000);
    let failed = install(&first);
    assert_eq!(failed.status.code(), Some(6), "{}", said(&failed));
    assert!(said(&failed).contains("with a new --digest, if one was given"), "{}", said(&failed));
    flip(&payload.file("system.img"), 5000);
    assert_eq!(install(&first).status.code(), Some(3));
    let again = install(&digest());
    assert!(again.status.success(), "{}", said(&again));
}

#[test]
fn answers_are_refused_with_file_line_column_and_fix() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let bench = Bench::new(&payload, &ANSWERS.replace("hostname", "hostnme"));
    let words = ["answers.toml, line 8, column 1", "Did you mean \"hostname\"?"];
    assert_refused(bench.install(&payload, &disk.path), &disk, 3, &words);

    let wrong = ANSWERS.replace("Europe/Berlin", "Europe/Berln").replace("\"anna\"", "\"root\"");
    let bench = Bench::new(&payload, &wrong);
    let words = ["user.name", "the system uses this name itself", "Did you mean \"Europe/Berlin\"?"];
    assert_refused(bench.install(&payload, &disk.path), &disk, 3, &words);
}

#[test]
fn a_payload_that_is_not_as_signed_is_refused_with_its_code() {
    let (payload, disk) = (shared().copy(), Disk::used(USUAL));
    flip(&payload.file("manifest.json"), 40);
    let bench = Bench::new(&payload, ANSWERS);
    assert_refused(
        bench.install(&payload, &disk.path),
        &disk,
        4,
        &["manifest.json.sig", "does not fit the index: ", "Nothing was written"],
    );
}

#[test]
fn a_payload_signed_in_the_future_asks_for_a_look_at_the_clock() {
    let (payload, disk) = (shared().copy(), Disk::used(USUAL));
    payload.sign(&payload.keys.release, SystemTime::now() + 30 * DAY);
    let bench = Bench::new(&payload, ANSWERS);
    let words = ["made in the future", "Check the clock of this computer"];
    assert_refused(bench.install(&payload, &disk.path), &disk, 4, &words);
}

#[test]
fn a_plan_claims_no_more_than_was_looked_at() {
    let (payload, disk) = (shared(), Disk::empty(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    let words = ["No partition table and no boot sector is there."];
    assert_refused(bench.command("plan", &payload, &disk.path), &disk, 0, &words);
    let help = said(&forgectl().args(["install", "--help"]).output().unwrap());
    assert!(help.contains("everything on it is lost") && !help.contains("every byte"), "{help}");
}

#[test]
fn a_device_and_a_busy_file_are_refused_with_their_code() {
    let (payload, disk) = (shared(), Disk::used(USUAL));
    let bench = Bench::new(&payload, ANSWERS);
    let command = bench.install(&payload, Path::new("/dev/null"));
    assert_refused(command, &disk, 5, &["/dev/null is a character device, not a plain file"]);

    let holder = fs::File::open(&disk.path).unwrap();
    let mut child = Command::new("/bin/sleep").arg("60").stdin(Stdio::from(holder)).spawn().unwrap();
    assert_refused(bench.install(&payload, &disk.path), &disk, 5, &["in use by sleep"]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_bad_image_block_ends_with_the_code_for_a_disk_that_starts_nothing() {
    let (payload, disk) = (shared().copy(), Disk::used(USUAL));
    flip(&payload.file("system.img"), 5000);
    let bench = Bench::new(&payload, ANSWERS);
    let output = bench.install(&payload, &disk.path).output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", said(&output));
    assert!(said(&output).contains("starts nothing now"), "{}", said(&output));
    disk::assert_starts_nothing(&disk.path);
}

#[test]
fn help_lists_the_exit_codes_and_every_page_is_written() {
    let help = said(&forgectl().arg("--help").output().unwrap());
    assert!(help.contains("Exit codes:") && help.contains("the disk starts nothing now"), "{help}");
    let directory = tempfile::tempdir().unwrap();
    assert!(forgectl().arg("man").arg(directory.path()).status().unwrap().success());
    let pages = fs::read_dir(directory.path()).unwrap().count();
    assert!(pages >= 8 && directory.path().join("forgectl-install.1").exists(), "{pages} pages");
}
