//! What debugfs and e2fsck find in the state file system after an install: settings, accounts, keys, credentials.

use forge_model::layout::Role;
use forge_tests::{
    installed::{self, etc},
    look::{Inode, run, run_with},
    payload::CREDENTIAL,
};

fn inode(kind: &str, mode: u32, uid: u32, gid: u32) -> Option<Inode> {
    Some(Inode { kind: kind.into(), mode, uid, gid })
}

/// The line of an account file that belongs to a name, in fields.
fn account(text: &str, name: &str) -> Vec<String> {
    let line = text.lines().find(|line| line.split(':').next() == Some(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).split(':').map(str::to_owned).collect()
}

#[test]
fn the_state_file_system_is_clean() {
    let installed = installed::shared();
    let (_scratch, part) = installed.part(Role::State);
    let said = run("e2fsck", &["-fn", &part]);
    assert!(said.well, "{}", said.text);
    let size = installed.partition(Role::State).size / 4096;
    assert!(said.text.contains(&format!("/{size} blocks")), "it fills its partition: {}", said.text);
}

#[test]
fn the_machine_is_set_as_the_answers_ask() {
    let installed = installed::shared();
    let state = installed.state();
    assert_eq!(state.read(&etc("hostname")), "quiet-otter\n");
    assert_eq!(state.read(&etc("locale.conf")), "LANG=de_DE.UTF-8\n");
    let console = "KEYMAP=de-latin1-nodeadkeys\nXKBLAYOUT=de\nXKBVARIANT=nodeadkeys\n";
    assert_eq!(state.read(&etc("vconsole.conf")), console);
    assert_eq!(state.link(&etc("localtime")), "../usr/share/zoneinfo/Europe/Berlin");
    let id = state.read(&etc("machine-id"));
    assert!(id.len() == 33 && id.trim_end().bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{id}");
}

#[test]
fn secrets_have_the_owners_and_modes_that_keep_them() {
    let installed = installed::shared();
    let state = installed.state();
    for (path, wanted) in [
        (etc("shadow"), inode("regular", 0o640, 0, 42)),
        (etc("gshadow"), inode("regular", 0o640, 0, 42)),
        (etc("passwd"), inode("regular", 0o644, 0, 0)),
        (etc("group"), inode("regular", 0o644, 0, 0)),
        (etc("credstore"), inode("directory", 0o700, 0, 0)),
        (etc(&format!("credstore/{CREDENTIAL}")), inode("regular", 0o600, 0, 0)),
        ("/lib/forge".into(), inode("directory", 0o700, 0, 0)),
        ("/lib/forge/mok".into(), inode("directory", 0o700, 0, 0)),
        ("/lib/forge/mok/boot.key".into(), inode("regular", 0o600, 0, 0)),
        ("/lib/forge/mok/module.key".into(), inode("regular", 0o600, 0, 0)),
        // What the overlay shows as /etc.
        ("/lib/forge/etc/upper".into(), inode("directory", 0o755, 0, 0)),
        ("/".into(), inode("directory", 0o755, 0, 0)),
        ("/home".into(), inode("directory", 0o755, 0, 0)),
        ("/home/anna".into(), inode("directory", 0o700, 1000, 1000)),
    ] {
        assert_eq!(state.stat(&path), wanted, "{path}");
    }
}

#[test]
fn the_keys_in_the_state_are_the_ones_of_the_receipt() {
    let installed = installed::shared();
    let state = installed.state();
    for (name, key) in [("boot", &installed.receipt().boot_key), ("module", &installed.receipt().module_key)] {
        let (secret, certificate) = (format!("/lib/forge/mok/{name}.key"), format!("/lib/forge/mok/{name}.pem"));
        let certificate = state.read(&certificate);
        let print = run_with("openssl", &["x509", "-noout", "-fingerprint", "-sha256"], certificate.as_bytes());
        assert!(print.text.to_lowercase().replace(':', "").contains(&key.sha256), "{}", print.text);
        let public = run_with("openssl", &["x509", "-noout", "-pubkey"], certificate.as_bytes());
        let of_secret = run_with("openssl", &["pkey", "-pubout"], state.read(&secret).as_bytes());
        assert!(of_secret.well && of_secret.output == public.output, "{name}");
    }
}

#[test]
fn root_is_locked_whatever_the_image_says() {
    let installed = installed::shared();
    let state = installed.state();
    let shadow = state.read(&etc("shadow"));
    assert_eq!(account(&shadow, "root")[1], "!*");
    assert_eq!(shadow.lines().filter(|line| line.starts_with("root:")).count(), 1);
    let open: Vec<&str> = shadow.lines().filter(|line| line.contains(":$")).collect();
    assert!(open.len() == 1 && open[0].starts_with("anna:"), "only the person can log in");
}

#[test]
fn the_person_can_log_in_with_the_password_that_was_handed_over() {
    let installed = installed::shared();
    let state = installed.state();
    let hash = &account(&state.read(&etc("shadow")), "anna")[1];
    let fields: Vec<&str> = hash.split('$').collect();
    let salt = format!("{}${}", fields[2], fields[3]);
    let password = installed.handed.credentials.user_password.as_ref().unwrap().expose();
    let made = run_with("openssl", &["passwd", "-6", "-salt", &salt, "-stdin"], password.as_bytes());
    assert_eq!(made.text.trim(), hash);
    let wrong = run_with("openssl", &["passwd", "-6", "-salt", &salt, "-stdin"], b"another password");
    assert_ne!(wrong.text.trim(), hash);
}

#[test]
fn the_person_has_an_account_a_group_and_the_groups_of_the_payload() {
    let installed = installed::shared();
    let state = installed.state();
    let passwd = state.read(&etc("passwd"));
    assert_eq!(account(&passwd, "anna").join(":"), "anna:x:1000:1000:Anna Müller:/home/anna:/bin/bash");
    assert!(passwd.starts_with("root:x:0:0:"), "the image's own accounts stay");
    let group = state.read(&etc("group"));
    assert_eq!(account(&group, "anna"), ["anna", "x", "1000", ""]);
    assert_eq!(account(&group, "sudo")[3], "anna");
    let others = group.lines().filter(|line| !line.starts_with("sudo:") && line.ends_with("anna")).count();
    assert_eq!(others, 0, "{group}");
    let gshadow = state.read(&etc("gshadow"));
    assert_eq!(account(&gshadow, "sudo")[3], "anna");
    assert_eq!(account(&gshadow, "anna")[1], "!");
    for file in ["subuid", "subgid"] {
        assert_eq!(state.read(&etc(file)), "anna:100000:65536\n", "{file}");
    }
}

#[test]
fn a_service_finds_the_credential_that_was_handed_over() {
    let installed = installed::shared();
    let stored = installed.state().read(&etc(&format!("credstore/{CREDENTIAL}")));
    assert_eq!(stored, installed.handed.credentials.services[CREDENTIAL].expose());
    assert!(stored.len() == 64 && stored.bytes().all(|b| b.is_ascii_hexdigit()), "{} characters", stored.len());
}

#[test]
fn later_kernels_are_signed_with_the_same_key() {
    let installed = installed::shared();
    let state = installed.state();
    let uki = state.read(&etc("kernel/uki.conf"));
    assert!(uki.contains("SecureBootPrivateKey=/var/lib/forge/mok/boot.key"), "{uki}");
    assert!(uki.contains("SecureBootCertificate=/var/lib/forge/mok/boot.pem"), "{uki}");
    assert_eq!(state.read(&etc("kernel/cmdline")).trim_end(), installed.receipt().command_line);
    assert_eq!(state.read(&etc("kernel/entry-token")), "forgetest\n");
}
