//! On the real shim that Microsoft signed, and the real `db` and `dbx` of OVMF's store with Microsoft's keys. A directory
//! plays the firmware.

use super::*;
use crate::efivars::{GLOBAL, PERSISTENT, Variable};
use serde_json::Value;
use std::{fs, path::Path, process::Command};

const SHIM: &str = "/usr/lib/shim/shimx64.efi.signed";
const MOK_MANAGER: &str = "/usr/lib/shim/mmx64.efi.signed";
const FALLBACK: &str = "/usr/lib/shim/fbx64.efi.signed";
const STORE: &str = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";
const TOOL: &str = "/usr/bin/virt-fw-vars";

/// A machine with Secure Boot on and Microsoft's keys; nothing where the files for it are missing.
fn machine() -> Option<(tempfile::TempDir, Variables)> {
    for needed in [SHIM, MOK_MANAGER, FALLBACK, STORE, TOOL] {
        if !Path::new(needed).exists() {
            eprintln!("not run: {needed} is not installed");
            return None;
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("store.json");
    let run = Command::new(TOOL).args(["--input", STORE, "--output-json"]).arg(&json).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let store: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    fs::remove_file(json).unwrap();
    let variables = Variables::at(directory.path());
    for found in store["variables"].as_array().unwrap() {
        let text = |name: &str| found[name].as_str().unwrap();
        let attributes = u32::try_from(found["attr"].as_u64().unwrap()).unwrap();
        let variable = Variable { attributes, data: hex::decode(text("data")).unwrap() };
        variables.write(text("name"), text("guid"), &variable).unwrap();
    }
    set(&variables, "SecureBoot", GLOBAL, &[1]);
    set(&variables, "SbatLevelRT", SHIM_LOCK, b"sbat,1,2021030218\n");
    Some((directory, variables))
}

fn set(variables: &Variables, name: &str, guid: &str, data: &[u8]) {
    variables.write(name, guid, &Variable { attributes: PERSISTENT, data: data.to_vec() }).unwrap();
}

/// The three files of Debian's shim.
fn chain() -> Chain {
    let read = |path| fs::read(path).unwrap();
    Chain::from_bytes(&[
        (BootFile::Shim, &read(SHIM)),
        (BootFile::MokManager, &read(MOK_MANAGER)),
        (BootFile::Fallback, &read(FALLBACK)),
    ])
}

fn found(variables: &Variables) -> Vec<ChainFault> {
    check(variables, Some(&chain())).unwrap().faults
}

/// A list of one entry.
fn list(kind: uuid::Uuid, data: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_bytes_le().to_vec();
    for length in [28 + 16 + data.len(), 0, 16 + data.len()] {
        bytes.extend((length as u32).to_le_bytes());
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes
}

const X509_LIST: uuid::Uuid = uuid::uuid!("a5c059a1-94e4-4aa7-87b5-ab155c2bf072");
const SHA256_LIST: uuid::Uuid = uuid::uuid!("c1c41626-504c-4092-aca9-41f936934328");

/// Leaves only those authorities in `db` whose name has this in it.
fn keep_authorities(variables: &Variables, wanted: &str) {
    let db = variables.read("db", SECURITY_DATABASE).unwrap().unwrap();
    let kept =
        signatures(&db.data).into_iter().filter(|entry| name(&X509::from_der(entry.data).unwrap()).contains(wanted));
    let kept: Vec<u8> = kept.flat_map(|entry| list(X509_LIST, entry.data)).collect();
    assert!(!kept.is_empty() || wanted == "nobody");
    set(variables, "db", SECURITY_DATABASE, &kept);
}

#[test]
fn the_digest_is_the_one_that_microsoft_signed() {
    if machine().is_none() {
        return;
    }
    // An Authenticode signature holds the digest that was signed, in its content.
    let bytes = fs::read(SHIM).unwrap();
    let pe = goblin::pe::PE::parse(&bytes).unwrap();
    let digest = Image::parse(&bytes).unwrap().digest;
    assert_eq!(pe.certificates.len(), 2);
    for signature in &pe.certificates {
        assert!(signature.certificate.windows(32).any(|window| window == digest));
    }
}

#[test]
fn a_shim_that_this_firmware_knows_is_let_through() {
    let Some((_directory, variables)) = machine() else { return };
    assert_eq!(found(&variables), []);
}

#[test]
fn either_of_the_two_authorities_of_microsoft_is_enough() {
    for authority in ["UEFI CA 2011", "UEFI CA 2023"] {
        let Some((_directory, variables)) = machine() else { return };
        keep_authorities(&variables, authority);
        assert_eq!(found(&variables), [], "{authority}");
    }
}

#[test]
fn a_firmware_that_knows_windows_only_refuses_and_both_sides_are_named() {
    let Some((_directory, variables)) = machine() else { return };
    keep_authorities(&variables, "Windows");
    let [ChainFault::UnknownAuthority { file: BootFile::Shim, signed_by, known }] = &found(&variables)[..] else {
        panic!("{:?}", found(&variables));
    };
    assert_eq!(signed_by[..], ["Microsoft Corporation UEFI CA 2011", "Microsoft UEFI CA 2023"]);
    assert!(known.iter().all(|name| name.contains("Windows")), "{known:?}");
}

#[test]
fn a_shim_that_nobody_signed_is_refused() {
    let Some((_directory, variables)) = machine() else { return };
    let unsigned = Chain::from_bytes(&[(BootFile::Shim, &fs::read("/usr/lib/shim/shimx64.efi").unwrap())]);
    assert_eq!(faults(&variables, &unsigned, true), [ChainFault::NotSigned { file: BootFile::Shim }]);
}

#[test]
fn a_revoked_image_is_found_by_its_hash_in_the_firmware_and_in_shims_list() {
    for (file, path, name, guid) in [
        (BootFile::Shim, SHIM, "dbx", SECURITY_DATABASE),
        (BootFile::MokManager, MOK_MANAGER, "MokListXRT", SHIM_LOCK),
        (BootFile::Fallback, FALLBACK, "dbx", SECURITY_DATABASE),
    ] {
        let Some((_directory, variables)) = machine() else { return };
        let digest = Image::parse(&fs::read(path).unwrap()).unwrap().digest;
        set(&variables, name, guid, &list(SHA256_LIST, &digest));
        assert_eq!(found(&variables), [ChainFault::RevokedImage { file, sha256: hex::encode(digest) }]);
    }
}

#[test]
fn one_revoked_authority_is_enough_for_a_refusal() {
    let Some((_directory, variables)) = machine() else { return };
    let db = variables.read("db", SECURITY_DATABASE).unwrap().unwrap();
    let authority = signatures(&db.data)
        .into_iter()
        .find(|entry| name(&X509::from_der(entry.data).unwrap()) == "Microsoft Corporation UEFI CA 2011");
    set(&variables, "dbx", SECURITY_DATABASE, &list(X509_LIST, authority.unwrap().data));
    let subject = "Microsoft Corporation UEFI CA 2011".to_owned();
    assert_eq!(found(&variables), [ChainFault::RevokedCertificate { file: BootFile::Shim, subject }]);
}

#[test]
fn a_level_above_shim_and_its_helpers_names_both_generations() {
    let Some((_directory, variables)) = machine() else { return };
    set(&variables, "SbatLevelRT", SHIM_LOCK, b"sbat,1,2099010100\nshim,5\ngrub,9\n");
    let revoked = |file| ChainFault::RevokedGeneration { file, component: "shim".into(), has: 4, needs: 5 };
    assert_eq!(found(&variables), [BootFile::Shim, BootFile::MokManager, BootFile::Fallback].map(revoked));
}

#[test]
fn an_older_level_of_the_firmware_gives_way_to_the_one_in_shim() {
    let Some(_) = machine() else { return };
    let shim = Image::parse(&fs::read(SHIM).unwrap()).unwrap();
    let level = Level::in_force(Some(b"sbat,1,2021030218\ngrub,1\n"), shim.built_in_level.as_deref()).unwrap();
    assert_eq!((level.of("shim"), level.of("grub")), (Some(4), Some(5)));
    let newer = Level::in_force(Some(b"sbat,1,2099010100\ngrub,6\n"), shim.built_in_level.as_deref()).unwrap();
    assert_eq!((newer.of("shim"), newer.of("grub")), (None, Some(6)));
}

#[test]
fn a_second_stage_without_generations_is_refused_and_so_is_what_is_no_image() {
    let Some((_directory, variables)) = machine() else { return };
    let mut bytes = fs::read(FALLBACK).unwrap();
    let place = bytes.windows(6).position(|window| window == b".sbat\0").unwrap();
    bytes[place..place + 5].copy_from_slice(b".none");
    let chain = Chain::from_bytes(&[
        (BootFile::Shim, &fs::read(SHIM).unwrap()),
        (BootFile::Fallback, &bytes),
        (BootFile::Grub, b"no image"),
    ]);
    let expected =
        [ChainFault::NoGeneration { file: BootFile::Fallback }, ChainFault::NoImage { file: BootFile::Grub }];
    assert_eq!(faults(&variables, &chain, true), expected);
    assert_eq!(faults(&variables, &chain, false), [], "a shim that checks nothing starts them");
}

#[test]
fn without_secure_boot_nobody_refuses() {
    let Some((_directory, variables)) = machine() else { return };
    keep_authorities(&variables, "nobody");
    assert_eq!(found(&variables).len(), 1);
    set(&variables, "SecureBoot", GLOBAL, &[0]);
    assert_eq!(found(&variables), []);
    set(&variables, "SecureBoot", GLOBAL, &[1]);
    set(&variables, "SetupMode", GLOBAL, &[1]);
    assert_eq!(found(&variables), []);
}

#[test]
fn a_machine_without_uefi_has_nothing_to_say() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(check(&Variables::at(directory.path()), None), None);
}

#[test]
fn broken_sections_give_nothing() {
    for section in [&b""[..], &[0; 7], &[1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0], &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]] {
        assert!(sbat::automatic(section).is_none());
    }
    assert!(sbat::generations(b"\xff\xff,,\nonly\n,3\nx,y\n").is_empty());
}
