use super::*;
use std::path::PathBuf;

/// A machine without a disk: everything else is well there.
const MACHINE: &str = r#"{"version":1,"salt":null,"machine":{"vendor":"QEMU"},"firmware":null,"disks":[]}"#;

fn answers(recipients: &str) -> String {
    format!(
        r#"version = 1
[machine]
vendor = "QEMU"
[disk]
erase = "all-data-on-this-disk"
match = {{ transport = "virtual" }}
[system]
hostname = "box"
locale = "C.UTF-8"
timezone = "Etc/UTC"
keyboard = {{ layout = "us" }}
[user]
name = "anna"
password = {{ generate = "passphrase" }}
[unattended.credentials]
leave-on = "esp"
age-recipients = [{recipients}]
"#
    )
}

fn checked(recipients: &str, on_machine: bool) -> Failure {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let machine = on_machine.then(|| path("machine.json", MACHINE));
    let answers = path("answers.toml", &answers(recipients));
    run(&CheckArguments { answers, machine, signed_by: None, json: true }).unwrap_err()
}

#[test]
fn a_recipient_that_a_run_would_refuse_is_refused_with_its_place() {
    let good = format!("\"age1{}\"", "q".repeat(58));
    let short = format!("\"age1{}\"", "q".repeat(57));
    let plugin = format!("\"age1yubikey1{}\"", "q".repeat(50));
    // b, i and o are no characters of such a key.
    let mistyped = format!("\"age1{}o\"", "q".repeat(57));
    for bad in [&short, &plugin, &mistyped] {
        for on_machine in [true, false] {
            let Failure::Answers(_, error) = checked(&format!("{good}, {bad}"), on_machine) else {
                panic!("{bad} is taken");
            };
            assert_eq!((error.line, error.column), (17, 19 + good.len() + 2), "{error}");
            assert!(error.to_string().contains("62 characters"), "{error}");
        }
    }
    let failure = checked(&good, true);
    assert!(matches!(&failure, Failure::NeedsSomebody(_, reasons) if reasons.len() == 1), "{failure}");
}
