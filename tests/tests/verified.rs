//! What `verify` says of a disk that is not as it was installed: each fault by its name, and nothing else.

use forge_engine::{
    tool::Tools,
    verify::{self, Check},
    watch::Unwatched,
};
use forge_model::layout::Role;
use forge_tests::{disk::Disk, installed, look, payload::flip};
use std::path::Path;

/// The checks that fail on a copy of the installed disk after `change`.
fn faults(change: impl FnOnce(&Disk, &installed::Installed)) -> Vec<Check> {
    let installed = installed::shared();
    let disk = Disk::copy_of(&installed.disk.path);
    change(&disk, &installed);
    let handed_over = Some(installed.handed.receipt_json.as_slice());
    let checked = verify::verify(&Tools::default(), Path::new(&disk.path), handed_over, &Unwatched).unwrap();
    let (_, findings) = checked.done().unwrap();
    findings.into_iter().filter(|finding| finding.fault.is_some()).map(|finding| finding.check).collect()
}

/// Puts a file on the ESP of a disk.
fn put(disk: &Disk, path: &str, contents: &[u8]) {
    let esp = installed::shared().partition(Role::Esp).offset;
    let said = look::run_with("mcopy", &["-o", "-i", &format!("{}@@{esp}", disk.text()), "-", path], contents);
    assert!(said.well, "{}", said.text);
}

#[test]
fn an_untouched_disk_has_no_fault() {
    assert_eq!(faults(|_, _| {}), []);
}

#[test]
fn a_boot_file_too_many_is_found() {
    assert_eq!(faults(|disk, _| put(disk, "::/EFI/Linux/zzz.efi", b"MZ")), [Check::NoOtherFile]);
}

#[test]
fn a_changed_boot_loader_is_found_by_its_hash_and_its_signature() {
    let path = "EFI/BOOT/grubx64.efi".to_owned();
    let found = faults(|disk, _| put(disk, "::/EFI/BOOT/grubx64.efi", b"MZ but not the signed one"));
    assert_eq!(found, [Check::File(path.clone()), Check::Signed(path)]);
}

#[test]
fn another_receipt_is_not_the_one_that_was_handed_over() {
    let found = faults(|disk, installed| {
        let text = String::from_utf8(installed.handed.receipt_json.clone()).unwrap();
        put(disk, "::/EFI/forge/receipt.json", text.replace("\"credentials\"", " \"credentials\"").as_bytes());
    });
    assert_eq!(found, [Check::ReceiptSignature, Check::SameReceipt]);
}

#[test]
fn a_table_with_one_damaged_copy_is_found() {
    assert_eq!(faults(|disk, _| flip(&disk.path, 512 + 40)), [Check::Table]);
    assert_eq!(faults(|disk, _| flip(&disk.path, disk.digest().0 - 512 + 40)), [Check::Table]);
}

#[test]
fn a_changed_block_of_the_system_image_is_found() {
    let found = faults(|disk, installed| flip(&disk.path, installed.partition(Role::RootA).offset + 123_456));
    assert_eq!(found, [Check::RootHash]);
}

#[test]
fn a_partition_with_another_name_is_found() {
    let found = faults(|disk, _| {
        let said = look::run("sgdisk", &["-c", "6:other", &disk.text()]);
        assert!(said.well, "{}", said.text);
    });
    assert!(matches!(found.as_slice(), [Check::Partition(p)] if p.number == 6), "{found:?}");
}
