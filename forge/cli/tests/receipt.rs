//! `forgectl receipt verify`: a receipt and the boot files beside it, in a disk that nobody mounts and in a directory.
#![allow(clippy::unwrap_used, reason = "in a test, to stop with the place is the right answer")]

use forge_model::layout::Role;
use forge_tests::{disk::Disk, installed, look};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

fn verify(option: &str, place: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forgectl"));
    command.args(["receipt", "verify", option]).arg(place).output().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

/// The EFI system partition of the installed disk, copied to a directory.
fn copied() -> TempDir {
    let installed = installed::shared();
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in look::fat_files(&installed.disk.path, installed.partition(Role::Esp).offset) {
        let path = directory.path().join(name.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    directory
}

/// Breaks a copy, and expects that this is found and nothing else.
fn found(words: &str, breaks: impl FnOnce(&Path)) {
    let directory = copied();
    breaks(directory.path());
    let output = verify("--esp", directory.path());
    let said = said(&output);
    assert_eq!(output.status.code(), Some(8), "{said}");
    let bad: Vec<&str> = said.lines().filter(|line| line.starts_with("BAD")).collect();
    assert!(bad.len() == 1 && bad[0].contains(words), "{said}");
}

#[test]
fn a_disk_and_a_copy_of_its_boot_files_are_in_order() {
    // Held to the end: another install would have another key.
    let installed = installed::shared();
    let key = installed.receipt().boot_key.sha256.clone();
    let copy = copied();
    for output in [verify("--disk", &installed.disk.path), verify("--esp", copy.path())] {
        let said = said(&output);
        assert!(output.status.success(), "{said}");
        assert!(said.contains(&format!("Key of this machine, SHA-256: {key}")), "{said}");
        assert!(said.contains("compare it"), "{said}");
    }
}

#[test]
fn each_fault_is_found_by_its_name() {
    found("the signature does not match", |esp| {
        let path = esp.join("EFI/forge/receipt.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace("\"credentials\"", " \"credentials\"")).unwrap();
    });
    found("EFI/BOOT/mmx64.efi", |esp| fs::write(esp.join("EFI/BOOT/mmx64.efi"), b"MZ another").unwrap());
    found("EFI/Linux/zzz.efi: not signed", |esp| fs::write(esp.join("EFI/Linux/zzz.efi"), b"MZ nobody's").unwrap());
    found("EFI/x/shimx64.efi: a boot program that the receipt", |esp| {
        fs::create_dir(esp.join("EFI/x")).unwrap();
        fs::write(esp.join("EFI/x/shimx64.efi"), b"MZ").unwrap();
    });
}

#[test]
fn a_disk_without_a_receipt_is_not_in_order() {
    let disk = Disk::used(forge_tests::disk::USUAL);
    let output = verify("--disk", &disk.path);
    assert_eq!(output.status.code(), Some(8), "{}", said(&output));
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(verify("--esp", empty.path()).status.code(), Some(8));
}
