use super::*;
use forge_engine::seal::{open_with_age, open_with_passphrase};
use forge_model::{Secret, handover::DiskKeys, machine::Staged};
use std::{collections::BTreeMap, process::Command};

const RECEIPT: &str = r#"{
    "version": 1, "forge": "0.1.0", "finished": 0, "plan_digest": "00",
    "target": { "identity": { "path": "/dev/sda", "serial": null, "wwn": null, "sequence": null },
                "model": null, "kind": "disk", "size": 1, "sector_size": 512 },
    "payload": { "id": "x", "name": "X", "release": "1", "manifest_sha256": "00", "image_bytes": 1,
                 "root_hash": "1111111111111111111111111111111111111111111111111111111111111111" },
    "payload_certificate": "F0", "payload_subkey": "F1",
    "root_hash": "1111111111111111111111111111111111111111111111111111111111111111",
    "disk_id": "00000000-0000-0000-0000-000000000007", "partitions": [], "esp_files": [],
    "boot_key": { "name": "boot key", "sha1": "1a", "sha256": "2b" },
    "module_key": { "name": "module key", "sha1": "1a", "sha256": "2b" },
    "command_line": "", "credentials": ["mesh.token"]
}"#;

/// Every secret of [`made`], and the code as it is read.
const CANARIES: [&str; 7] = [
    "canarypassword",
    "canarypassphrase",
    "canaryrecovery",
    "canarycodexx",
    "cana-ryco-dexx",
    "canarytoken",
    "canaryhash",
];

fn made() -> (Receipt, Handover) {
    let secret = |text: &str| Secret::new(text.into());
    let handover = Handover {
        receipt_json: RECEIPT.into(),
        receipt_signature: "00".into(),
        certificate: "30".into(),
        user_password: Some(secret("canarypassword")),
        disk: Some(DiskKeys { passphrase: Some(secret("canarypassphrase")), recovery: secret("canaryrecovery") }),
        enrollment_code: secret("canarycodexx"),
        services: BTreeMap::from([("mesh.token".into(), secret("canarytoken"))]),
        variables_json: secret("{\"MokAuth\":\"canaryhash\"}"),
        staged: Staged::NOT_HERE,
    };
    (serde_json::from_str(RECEIPT).unwrap(), handover)
}

/// The files below a directory by name, hidden ones, too.
fn everything(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => {
                found.extend(everything(&entry.path()).into_iter().map(|(below, b)| (format!("{name}/{below}"), b)))
            }
            false => drop(found.insert(name, fs::read(entry.path()).unwrap())),
        }
    }
    found
}

fn holds_a_secret(bytes: &[u8]) -> Option<&'static str> {
    CANARIES.into_iter().find(|canary| bytes.windows(canary.len()).any(|part| part == canary.as_bytes()))
}

fn names(found: &BTreeMap<String, Vec<u8>>) -> Vec<&str> {
    found.keys().map(String::as_str).collect()
}

#[test]
fn a_handover_to_a_passphrase_leaves_no_secret_readable() {
    let (receipt, handover) = made();
    let (directory, tools) = (tempfile::tempdir().unwrap(), Tools::default());
    let to = SealTo { age: Vec::new(), passphrase: Some(Secret::new("canarypassphrase".into())) };
    prepare_sealed(directory.path(), &tools, &to).unwrap();
    let left = seal(directory.path(), "ada", &receipt, &handover, (&to, &tools)).unwrap();
    let found = everything(directory.path());
    assert_eq!(
        names(&found),
        [
            "credentials.sealed",
            "enrollment/INTERGENOS-KEY.cer",
            "enrollment/card.txt",
            "enrollment/variables.json.sealed",
            "receipt.json",
            "receipt.json.sig"
        ]
    );
    for (name, bytes) in &found {
        assert_eq!(holds_a_secret(bytes), None, "in {name}");
        assert!(!bytes.windows(16).any(|part| part == b"canarypassphrase"), "in {name}");
    }
    assert_eq!(
        left,
        ["credentials.sealed", "enrollment/variables.json.sealed"].map(|name| directory.path().join(name))
    );
    let open = |name: &str| open_with_passphrase(&found[name], to.passphrase.as_ref().unwrap()).unwrap();
    assert_eq!(*open("credentials.sealed"), *credentials("ada", &handover).as_bytes());
    assert_eq!(*open("enrollment/variables.json.sealed"), handover.variables_json.expose().as_bytes());
}

#[test]
fn a_plain_handover_holds_every_secret_that_the_canaries_look_for() {
    let (receipt, handover) = made();
    let directory = tempfile::tempdir().unwrap();
    prepare(directory.path()).unwrap();
    write(directory.path(), "ada", &receipt, &handover).unwrap();
    let all = everything(directory.path()).into_values().flatten().collect::<Vec<_>>();
    for canary in CANARIES {
        assert!(all.windows(canary.len()).any(|part| part == canary.as_bytes()), "{canary}");
    }
}

#[test]
fn a_handover_to_age_keys_and_a_passphrase_leaves_a_file_for_each() {
    let Ok(keys) = Command::new("/usr/bin/age-keygen").output() else {
        eprintln!("not run: /usr/bin/age-keygen is not installed");
        return;
    };
    let text = String::from_utf8(keys.stdout.clone()).unwrap();
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().parse().unwrap();
    let (receipt, handover) = made();
    let (directory, tools) = (tempfile::tempdir().unwrap(), Tools::default());
    let to = SealTo { age: vec![recipient], passphrase: Some(Secret::new("p".into())) };
    prepare_sealed(directory.path(), &tools, &to).unwrap();
    seal(directory.path(), "ada", &receipt, &handover, (&to, &tools)).unwrap();
    let found = everything(directory.path());
    assert_eq!(names(&found)[..2], ["credentials.age", "credentials.sealed"]);
    assert_eq!(found.len(), 8, "{:?}", names(&found));
    for (name, bytes) in &found {
        assert_eq!(holds_a_secret(bytes), None, "in {name}");
    }
    let opened = open_with_age(&tools, &found["credentials.age"], &keys.stdout).unwrap();
    assert_eq!(*opened, *credentials("ada", &handover).as_bytes());
}

#[test]
fn what_can_not_be_sealed_is_not_written_plainly() {
    let (receipt, handover) = made();
    let directory = tempfile::tempdir().unwrap();
    let recipient = format!("age1{}", "q".repeat(58)).parse().unwrap();
    let to = SealTo { age: vec![recipient], passphrase: None };
    let tools = Tools { age: "/bin/false".into(), ..Tools::default() };
    let error = prepare_sealed(directory.path(), &tools, &to).unwrap_err();
    assert!(matches!(error, Failure::Seal(_)), "{error}");
    assert!(everything(directory.path()).is_empty());
    fs::create_dir(directory.path().join(ENROLLMENT)).unwrap();
    let error = seal(directory.path(), "ada", &receipt, &handover, (&to, &tools)).unwrap_err();
    assert!(matches!(error, Failure::SealHandover(_)), "{error}");
    let found = everything(directory.path());
    assert_eq!(
        names(&found),
        ["enrollment/INTERGENOS-KEY.cer", "enrollment/card.txt", "receipt.json", "receipt.json.sig"]
    );
    assert!(found.values().all(|bytes| holds_a_secret(bytes).is_none()));
    assert_eq!(holds_a_secret(format!("{error} {error:?}").as_bytes()), None);
}
