//! `forgectl check`: what would become of a recorded machine.
#![allow(clippy::unwrap_used, reason = "in a test, to stop with the place is the right answer")]

mod bench;

use bench::{forgectl, said};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};
use tempfile::TempDir;

/// Answers for a fleet, of which one machine has its own disk and name.
const FLEET: &str = r#"version = 1

[machine]
vendor = "Example Corp"

[disk]
erase = "all-data-on-this-disk"
match = { transport = "nvme", min-size = "200GB", removable = false }

[system]
hostname = "fleet"
locale = "C.UTF-8"
timezone = "Etc/UTC"
keyboard = { layout = "us" }

[user]
name = "anna"
password = { generate = "passphrase" }

[unattended.credentials]
age-recipients = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]
leave-on = "esp"

[[override]]
serial = "MACHINE-zfs-pool"
hostname = "storage"
disk-match = { serial = "VAGA1B1L" }
"#;

struct Bench(TempDir);

impl Bench {
    fn new(answers: &str) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        fs::write(bench.path("answers.toml"), answers).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn check(&self, more: &[&str]) -> Output {
        forgectl().current_dir(&self.0).args(["check", "answers.toml"]).args(more).output().unwrap()
    }

    fn on(&self, machine: &str) -> Output {
        self.check(&["--machine", recorded(machine).to_str().unwrap()])
    }

    /// The JSON, and the exit code.
    fn json(&self, machine: &str) -> (Value, Option<i32>) {
        let output = self.check(&["--json", "--machine", recorded(machine).to_str().unwrap()]);
        (serde_json::from_slice(&output.stdout).unwrap(), output.status.code())
    }
}

fn recorded(machine: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/machines/recorded/{machine}.json"))
}

#[test]
fn a_machine_that_fits_names_the_disk_that_would_be_erased_and_every_other_one() {
    let bench = Bench::new(FLEET);
    let output = bench.on("nvme-and-usb-stick");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for words in [
        "The machine: Example Corp nvme-and-usb-stick",
        "No override is for it.",
        "/dev/nvme0n1  Samsung SSD 990 PRO 2TB, 2 TB",
        ": it fits.",
        "/dev/sdb  SanDisk Ultra, 30.7 GB",
        "connected by usb, smaller than 200GB, it can be taken out; it can not be taken: this system was started from it.",
        "With nobody there, /dev/nvme0n1 would be erased, and the computer would be called fleet.",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
}

#[test]
fn an_override_is_found_by_the_digest_of_its_serial_number() {
    let bench = Bench::new(FLEET);
    let (json, code) = bench.json("zfs-pool");
    assert_eq!((code, &json["runs-alone"], &json["disk"]), (Some(0), &true.into(), &"/dev/sdb".into()), "{json:#}");
    assert_eq!((&json["override"], &json["hostname"]), (&"MACHINE-zfs-pool".into(), &"storage".into()));
    assert_eq!(json["disks"].as_array().unwrap().len(), 3);
}

#[test]
fn every_reason_against_a_machine_is_given_at_once_and_ends_with_3() {
    let bench = Bench::new(&FLEET.replace("Example Corp", "Other Corp").replace("leave-on = \"esp\"\n", ""));
    let output = bench.on("md-raid");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for words in [
        "answers.toml: this install would not begin with nobody there.",
        "machine.vendor is \"Other Corp\", and the machine has \"Example Corp\"",
        "disk.match: no disk fits.",
        "unattended.credentials.leave-on: nothing says where",
        "/dev/sda  HGST HUS726T4TALA6L4, 4 TB",
    ] {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
    let (json, code) = bench.json("md-raid");
    assert_eq!((code, &json["disk"]), (Some(3), &Value::Null));
    let reasons: Vec<&str> =
        json["reasons"].as_array().unwrap().iter().map(|r| r["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["other-machine", "needs", "disk"], "{json:#}");
}

#[test]
fn two_disks_that_fit_are_refused() {
    let bench = Bench::new(&FLEET.replace("transport = \"nvme\"", "transport = \"ata\""));
    let output = bench.on("sata-hdd-and-ssd");
    assert_eq!(output.status.code(), Some(3));
    assert!(said(&output).contains("more than one disk fits. Name one by its serial number"), "{}", said(&output));
}

#[test]
fn a_file_that_is_no_recorded_machine_is_refused_with_its_name() {
    let bench = Bench::new(FLEET);
    fs::write(bench.path("other.json"), "{ \"version\": 2 }").unwrap();
    let output = bench.check(&["--machine", "other.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("other.json: this Forge reads version 1"), "{}", said(&output));
}

#[test]
fn a_file_that_leaves_something_to_a_person_says_so_only_if_it_wants_to_do_without_one() {
    let output = Bench::new(&FLEET.replace("{ generate = \"passphrase\" }", "{ ask = true }")).check(&[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(said(&output).contains("  user.password: the password is asked for"), "{}", said(&output));
    let attended: String = FLEET.split("[unattended").next().unwrap().into();
    let output = Bench::new(&attended).check(&[]);
    assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
}

#[test]
fn answers_count_as_signed_only_by_the_certificate_that_is_named() {
    let bench = Bench::new(FLEET);
    for keys in ["admin", "other"] {
        let made = forgectl()
            .current_dir(&bench.0)
            .args(["payload", "keys", "--user-id", &format!("{keys} <{keys}@example.org>"), "--output", keys])
            .output();
        assert!(made.unwrap().status.success());
    }
    let file = |keys: &str, ending: &str| {
        let files = fs::read_dir(bench.path(keys)).unwrap().map(|entry| entry.unwrap().path());
        files.into_iter().find(|path| path.to_str().unwrap().ends_with(ending)).unwrap()
    };
    let certificate = |keys| file(keys, "certificate.pgp").to_str().unwrap().to_owned();
    let signed_by = |keys| bench.check(&["--signed-by", &certificate(keys)]);
    assert_eq!(signed_by("admin").status.code(), Some(3), "there is no signature yet");
    let sign = forgectl()
        .current_dir(&bench.0)
        .args(["answers", "sign", "answers.toml", "--key"])
        .arg(file("admin", "release-secret.pgp"))
        .output()
        .unwrap();
    assert!(sign.status.success(), "{}", said(&sign));
    let output = signed_by("admin");
    assert!(output.status.success() && said(&output).contains("It is signed by "), "{}", said(&output));
    assert_eq!(signed_by("other").status.code(), Some(3));
    fs::write(bench.path("answers.toml"), FLEET.replace("\"fleet\"", "\"flees\"")).unwrap();
    let output = bench.check(&["--signed-by", &certificate("admin"), "--machine", recorded("emmc").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(said(&output).contains("changed after they were signed"), "{}", said(&output));
}
