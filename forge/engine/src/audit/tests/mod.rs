//! A machine as an installed one looks, in a directory, with scripts for the tools: whole, and broken in one place each.
//!
//! The scripts print what the real tools print on the demo system; sbverify is the real one.

mod accepted;
mod machine;

use super::*;
use forge_model::audit::Finding;
use machine::TestMachine;

/// The checks with this result.
fn with(machine: &TestMachine, finding: Finding) -> Vec<Check> {
    let audit = measure(&machine.root(), &machine.tools(), SystemTime::now());
    audit.lines.into_iter().filter(|line| line.result == finding).map(|line| line.check).collect()
}

/// Breaks a machine in one place: only this check fails, and everything else could be told.
fn only_fails(check: Check, breaks: impl FnOnce(&TestMachine)) {
    fails(&[check], breaks);
}

fn fails(checks: &[Check], breaks: impl FnOnce(&TestMachine)) {
    let machine = TestMachine::installed();
    breaks(&machine);
    assert_eq!((with(&machine, Finding::Fail), with(&machine, Finding::CannotTell)), (checks.to_vec(), vec![]));
}

/// Hides something: these checks can not be told, and none fails.
fn hides(checks: &[Check], hides: impl FnOnce(&TestMachine)) {
    let machine = TestMachine::installed();
    hides(&machine);
    assert_eq!((with(&machine, Finding::CannotTell), with(&machine, Finding::Fail)), (checks.to_vec(), vec![]));
}

#[test]
fn an_installed_machine_passes_on_every_line_with_evidence_and_without_a_secret() {
    let machine = TestMachine::installed();
    let audit = measure(&machine.root(), &machine.tools(), SystemTime::now());
    for line in &audit.lines {
        assert_eq!(line.result, Finding::Pass, "{:?}: {:#?}", line.check, line.evidence);
        assert!(!line.evidence.is_empty() && !line.command.is_empty(), "{:?}", line.check);
    }
    let text = serde_json::to_string(&audit).unwrap();
    assert_eq!(serde_json::from_str::<Audit>(&text).unwrap(), audit);
    assert!(!text.contains("$6$") && !text.contains("PRIVATE KEY"), "{text}");
}

#[test]
fn a_root_that_is_not_sealed_or_has_another_hash_fails() {
    only_fails(Check::SealedRoot, |m| m.put("/sys/devices/virtual/block/dm-0/dm/uuid", b"LVM-0123\n"));
    only_fails(Check::SealedRoot, |m| m.replace("/proc/self/mountinfo", "/root ro,user", "/root rw,user"));
    only_fails(Check::SealedRoot, |m| m.replace("/proc/cmdline", "roothash=ab", "roothash=cd"));
    only_fails(Check::SealedRoot, |m| m.tool("dmsetup", "echo '0 8 verity 1 254:2 254:3 4096 4096 1 1 sha256 cd 00'"));
    hides(&[Check::SealedRoot], |m| m.tool("dmsetup", "echo 'Permission denied' >&2; exit 1"));
}

#[test]
fn secure_boot_that_is_off_and_shim_that_does_not_check_fail() {
    only_fails(Check::SecureBoot, |m| m.variable("SecureBoot", crate::efivars::GLOBAL, &[0]));
    only_fails(Check::SecureBoot, |m| m.variable("MokSBStateRT", crate::efivars::SHIM_LOCK, &[1]));
    let both = [Check::SecureBoot, Check::KeyEnrolled];
    fails(&both, |m| m.remove("/sys/firmware/efi"));
    hides(&both, |m| m.remove("/sys/firmware/efi/efivars"));
}

#[test]
fn a_key_that_shim_does_not_know_fails() {
    only_fails(Check::KeyEnrolled, |m| m.forget("MokListRT", crate::efivars::SHIM_LOCK));
}

#[test]
fn without_its_certificate_a_machine_can_not_tell_what_is_its_own() {
    let hidden = [Check::KeyEnrolled, Check::BootFilesSigned, Check::Receipt];
    hides(&hidden, |m| m.hide("/var/lib/forge/mok/boot.cer"));
}

#[test]
fn boot_files_that_another_key_signed_or_nobody_fail() {
    only_fails(Check::BootFilesSigned, |m| m.unsigned("/boot/EFI/Linux/intergenos-7.2.12.efi"));
    only_fails(Check::BootFilesSigned, |m| m.unsigned("/boot/EFI/Linux/zzz.efi"));
    only_fails(Check::BootFilesSigned, |m| m.unsigned("/boot/EFI/tools/shell.EFI"));
    only_fails(Check::BootFilesSigned, |m| m.remove("/boot/EFI/Linux/intergenos-7.2.12.efi"));
    // GRUB is not replaced by kernel-install, so the receipt knows it, too.
    fails(&[Check::BootFilesSigned, Check::Receipt], |m| m.unsigned("/boot/EFI/BOOT/grubx64.efi"));
    let machine = TestMachine::installed();
    machine.sbverify("/none/sbverify");
    assert_eq!(with(&machine, Finding::CannotTell), [Check::BootFilesSigned]);
}

#[test]
fn a_later_kernel_that_is_signed_is_in_order() {
    let machine = TestMachine::installed();
    machine.signed("/boot/EFI/Linux/intergenos-7.2.12.efi");
    machine.signed("/boot/EFI/Linux/intergenos-7.3.0.efi");
    assert_eq!(with(&machine, Finding::Pass), Check::ALL);
}

#[test]
fn a_receipt_or_a_disk_that_was_changed_fails() {
    only_fails(Check::Receipt, |m| m.replace("/boot/EFI/forge/receipt.json", "\"version\":1", "\"version\": 1"));
    only_fails(Check::Receipt, |m| m.put("/boot/EFI/BOOT/BOOTX64.EFI", b"MZ another shim"));
    only_fails(Check::Receipt, |m| m.put("/boot/EFI/other/shimx64.efi", b"MZ one more shim"));
    only_fails(Check::Receipt, |m| m.put("/boot/INTERGENOS-KEY.cer", b"another"));
    let partition = "/sys/devices/pci/vda/vda2/uevent";
    only_fails(Check::Receipt, |m| m.replace(partition, "abababab-abab", "cdcdcdcd-abab"));
    only_fails(Check::Receipt, |m| m.put("/sys/devices/pci/vda/vda3/start", b"7777\n"));
    only_fails(Check::Receipt, |m| {
        for (name, value) in [("partition", "4"), ("start", "90000"), ("size", "8")] {
            m.put(&format!("/sys/devices/pci/vda/vda4/{name}"), value.as_bytes());
        }
    });
    hides(&[Check::Receipt], |m| m.put(partition, b"PARTN=2\n"));
    hides(&[Check::SealedRoot, Check::BootFilesSigned, Check::Receipt, Check::Firmware], |m| m.hide("/boot"));
}

#[test]
fn partitions_of_others_are_no_fault_where_the_receipt_says_that_they_stayed() {
    let machine = TestMachine::installed();
    let receipt = std::fs::read_to_string(machine.at("/boot/EFI/forge/receipt.json")).unwrap();
    machine.receipt(&receipt.replace("\"version\":1", "\"version\":1,\"way\":\"free-space\""));
    for (name, value) in [("partition", "4"), ("start", "90000"), ("size", "8")] {
        machine.put(&format!("/sys/devices/pci/vda/vda4/{name}"), value.as_bytes());
    }
    assert_eq!(with(&machine, Finding::Pass), Check::ALL);
    machine.put("/sys/devices/pci/vda/vda3/start", b"7777\n");
    assert_eq!(with(&machine, Finding::Fail), [Check::Receipt]);
}

#[test]
fn keys_that_others_can_read_and_kernels_that_another_key_signs_fail() {
    only_fails(Check::KeysPrivate, |m| m.mode("/var/lib/forge/mok/boot.key", 0o644));
    only_fails(Check::KeysPrivate, |m| m.mode("/var/lib/forge/mok/module.key", 0o640));
    only_fails(Check::KeysPrivate, |m| m.remove("/var/lib/forge/mok/module.key"));
    only_fails(Check::KeysPrivate, |m| m.replace("/etc/kernel/uki.conf", "mok/boot.key", "mok/module.key"));
    only_fails(Check::KeysPrivate, |m| m.put("/etc/kernel/install.conf", b"layout=bls\n"));
    only_fails(Check::KeysPrivate, |m| m.remove("/etc/kernel/uki.conf"));
    hides(&[Check::KeysPrivate], |m| m.hide("/etc/kernel/uki.conf"));
}

#[test]
fn apparmor_that_is_off_or_only_complains_fails() {
    let profiles = "/sys/kernel/security/apparmor/profiles";
    only_fails(Check::AppArmor, |m| m.replace(profiles, "forgectl (enforce)", "forgectl (complain)"));
    only_fails(Check::AppArmor, |m| m.put(profiles, b""));
    only_fails(Check::AppArmor, |m| m.remove(profiles));
    hides(&[Check::AppArmor], |m| m.hide(profiles));
}

#[test]
fn a_firewall_that_is_off_fails_and_one_that_can_not_be_asked_is_not_known() {
    only_fails(Check::Firewall, |m| m.tool("nft", r#"echo '{"nftables": [{"metainfo": {"version": "1.1.6"}}]}'"#));
    hides(&[Check::Firewall], |m| m.tool("nft", "echo 'Operation not permitted (you must be root)' >&2; exit 1"));
}

#[test]
fn a_listener_fails() {
    let line = "\n   1: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 3 1\n";
    only_fails(Check::NothingListens, |m| m.append("/proc/net/tcp", line));
    hides(&[Check::NothingListens], |m| m.hide("/proc/net/udp"));
}

#[test]
fn a_password_that_is_empty_or_known_fails() {
    only_fails(Check::Passwords, |m| m.append("/etc/shadow", "guest::20000:0:99999:7:::\n"));
    only_fails(Check::Passwords, |m| m.replace("/etc/shadow", "root:!*:", "root:$6$saltsalt$x:"));
    only_fails(Check::Passwords, |m| m.append("/etc/passwd", "guest::1001:1001::/home/guest:/bin/sh\n"));
    hides(&[Check::Passwords], |m| m.hide("/etc/shadow"));
}

#[test]
fn another_network_service_and_a_bare_service_fail() {
    only_fails(Check::Network, |m| m.networkd("active"));
    only_fails(Check::Sandboxes, |m| {
        m.tool("systemd-analyze", r#"echo '[{"unit":"dbus.service","exposure":"9.1"}]'"#);
    });
    hides(&[Check::Network, Check::Sandboxes], |m| m.tool("systemctl", "echo 'Failed to connect' >&2; exit 1"));
}

#[test]
fn firmware_that_nobody_accepted_fails() {
    only_fails(Check::Firmware, |m| m.put("/usr/lib/firmware/iwlwifi.ucode", b"blob"));
    only_fails(Check::Firmware, |m| m.put("/var/lib/extensions/nvidia.raw", b"image"));
    only_fails(Check::Firmware, |m| m.put("/sys/module/firmware_class/parameters/path", b"/home/anna/firmware\n"));
    hides(&[Check::Firmware], |m| m.hide("/usr/lib/firmware"));
}
