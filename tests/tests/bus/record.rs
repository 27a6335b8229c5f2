//! A machine as a file: what it says to whoever may look, what of it is private, and what answers mean there.

use crate::bench::{Bench, USUAL, said};
use forge_tests::{
    payload::shared,
    private::{LoopDisk, Person, System, system},
};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

/// Answers for the one disk of the machine, whose identity is CANARY.
const ANSWERS: &str = r#"version = 1
[machine]
vendor = "Example Corp"
serial = "MACHINECANARY"
[disk]
erase = "all-data-on-this-disk"
match = { serial = "DISKCANARY" }
[system]
hostname = "box"
locale = "C.UTF-8"
timezone = "Etc/UTC"
keyboard = { layout = "us" }
[user]
name = "anna"
password = { generate = "passphrase" }
[unattended]
exit = "stay"
credentials = { print = true }
"#;

/// A helper on a machine whose firmware is a directory.
fn bench(system: &System) -> Bench<'_> {
    let dmi = system.disks().with_file_name("dmi");
    fs::create_dir(&dmi).unwrap();
    let uuid = "4C4C4544-CA9A-3510-8054-B4C04F4E4E32";
    let values = [("sys_vendor", "Example Corp"), ("product_name", "Box 7"), ("product_serial", "MACHINECANARY")];
    for (name, value) in values.into_iter().chain([("product_uuid", uuid)]) {
        fs::write(dmi.join(name), format!("{value}\n")).unwrap();
    }
    let options = ["--idle-ms", "20000", "--settle-ms", "0", "--dmi", dmi.to_str().unwrap()];
    let bench = Bench::with(system, shared(), &options);
    fs::write(bench.path("answers.toml"), ANSWERS).unwrap();
    bench
}

fn labelled<'a>(system: &'a System) -> LoopDisk<'a> {
    let disk = LoopDisk::new(system, "DISKCANARY", USUAL, 512);
    let made = Command::new("/usr/sbin/mke2fs").args(["-q", "-L", "labelcanary", &disk.node()]).status().unwrap();
    assert!(made.success());
    disk.settle();
    disk
}

#[test]
fn a_machine_is_recorded_without_private_data_and_is_enough_to_tell_which_disk_answers_mean() {
    system(|system| {
        let bench = bench(system);
        let _disk = labelled(system);
        let file = bench.directory_of(Person::Allowed, "recorded").join("machine.json");
        let output = bench.forgectl(Person::Allowed, &["record", "--output"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("Example Corp Box 7"), "{}", said(&output));
        let text = fs::read_to_string(&file).unwrap();
        for private in ["canary", "ca9a", "4c4c"] {
            assert!(!text.to_lowercase().contains(private), "{private}: {text}");
            assert!(!said(&output).to_lowercase().contains(private), "{}", said(&output));
        }
        assert!(text.contains("\"ext2\"") && text.contains("Box 7"), "{text}");

        let check = |file: &Path, words: &[&str]| {
            let mut command = bench.forgectl(Person::Nobody, &["check"]);
            command.arg(bench.path("answers.toml")).arg("--machine").arg(file).args(words).output().unwrap()
        };
        let output = check(&file, &["--json"]);
        assert!(output.status.success(), "{}", said(&output));
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&json["runs-alone"], &json["machine"]["serial"]), (&true.into(), &"MACHINECANARY".into()));
        fs::write(bench.path("answers.toml"), ANSWERS.replace("DISKCANARY", "DISKCANARZ")).unwrap();
        let output = check(&file, &[]);
        assert_eq!(output.status.code(), Some(3));
        assert!(said(&output).contains("disk.match: no disk fits"), "{}", said(&output));
    });
}

#[test]
fn a_salt_gives_the_same_file_again_and_the_identity_is_there_only_when_it_is_asked_for() {
    system(|system| {
        let bench = bench(system);
        let _disk = labelled(system);
        let record = |words: &[&str]| {
            let output = bench.forgectl(Person::Allowed, &["record"]).args(words).output().unwrap();
            assert!(output.status.success(), "{}", said(&output));
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(record(&["--salt", "ours"]), record(&["--salt", "ours"]));
        assert_ne!(record(&[]), record(&[]));
        let whole = record(&["--with-identity"]);
        assert!(whole.contains("MACHINECANARY") && whole.contains("DISKCANARY"), "{whole}");
        assert!(!whole.contains("labelcanary"), "{whole}");
    });
}

#[test]
fn whoever_may_not_look_at_the_disks_does_not_learn_which_machine_it_is() {
    system(|system| {
        let bench = bench(system);
        for person in [Person::Nobody, Person::Refused] {
            for words in [&["record"][..], &["machine", "--json"]] {
                let output = bench.forgectl(person, words).output().unwrap();
                assert_eq!(output.status.code(), Some(10), "{}", said(&output));
                assert!(!said(&output).contains("CANARY"), "{}", said(&output));
            }
        }
    });
}
