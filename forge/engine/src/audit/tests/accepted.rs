//! Firmware that somebody accepted, and what looks like it.

use super::{TestMachine, fails, hides, only_fails, with};
use crate::audit::measure;
use forge_model::audit::{Check, Finding};
use std::time::SystemTime;

const IMAGE: &str = "/var/lib/extensions/firmware-card.raw";
const CONSENT: &str = "/var/lib/forge/firmware/card.json";
const ADDON: &str = "/boot/loader/addons/firmware-card.addon.efi";

fn accepted(breaks: impl FnOnce(&TestMachine)) -> impl FnOnce(&TestMachine) {
    |machine| {
        machine.accept("card", true);
        breaks(machine);
    }
}

#[test]
fn what_was_accepted_passes_and_is_named_with_who_accepted_it() {
    let machine = TestMachine::installed();
    machine.accept("card", true);
    assert_eq!((with(&machine, Finding::Fail), with(&machine, Finding::CannotTell)), (vec![], vec![]));
    let audit = measure(&machine.root(), &machine.tools(), SystemTime::now());
    let line = audit.lines.iter().find(|line| line.check == Check::Firmware).unwrap();
    let text = line.evidence.join("\n");
    assert!(text.contains("A card (Somebody, LicenseRef-x), accepted by anna"), "{text}");
    assert!(text.contains("loader/addons/firmware-card.addon.efi: accepted"), "{text}");
    let line = audit.lines.iter().find(|line| line.check == Check::SealedRoot).unwrap();
    assert!(
        line.evidence.iter().any(|e| e == "/usr/lib/firmware: with firmware-card, which was accepted"),
        "{:?}",
        line.evidence
    );
}

#[test]
fn a_consent_that_is_missing_changed_or_of_another_bundle_fails() {
    // What is merged without a consent is no part of the sealed system either.
    let both = [Check::SealedRoot, Check::Firmware];
    fails(&both, accepted(|m| m.remove(CONSENT)));
    fails(&both, accepted(|m| m.replace(CONSENT, "anna", "otto")));
    fails(&both, accepted(|m| m.put("/var/lib/forge/firmware/card.json.sig", b"no signature")));
}

#[test]
fn an_image_that_is_another_than_was_accepted_fails() {
    let both = [Check::SealedRoot, Check::Firmware];
    fails(&both, accepted(|m| m.append(IMAGE, "x")));
    fails(&both, accepted(|m| m.put("/var/lib/extensions/firmware-card.roothash", "ef".repeat(32).as_bytes())));
}

#[test]
fn a_file_that_no_accepted_bundle_has_fails() {
    only_fails(Check::Firmware, accepted(|m| m.put("/usr/lib/firmware/card/more.bin", b"x")));
    only_fails(Check::Firmware, accepted(|m| m.put("/usr/lib/firmware/card/fw.bin", b"x")));
    only_fails(Check::Firmware, accepted(|m| m.put("/usr/lib/firmware/.systemd-sysext/fw.bin", b"x")));
    only_fails(Check::Firmware, accepted(|m| m.put("/var/lib/extensions/other.raw", b"x")));
    only_fails(Check::Firmware, accepted(|m| m.put("/run/extensions/firmware-card.raw", b"x")));
}

#[test]
fn a_link_of_a_directory_counts_for_what_it_leads_to() {
    let firmware = "/usr/lib/firmware";
    let machine = TestMachine::installed();
    machine.accept("card", false);
    machine.link(&format!("{firmware}/other-card"), "card");
    assert_eq!(with(&machine, Finding::Fail), []);
    only_fails(Check::Firmware, accepted(|m| m.link(&format!("{firmware}/other-card"), "/tmp")));
    only_fails(Check::Firmware, accepted(|m| m.link(&format!("{firmware}/card/link.bin"), "fw.bin")));
}

#[test]
fn an_addon_for_every_boot_image_that_nobody_accepted_fails() {
    only_fails(Check::Firmware, |m| m.signed("/boot/loader/addons/firmware-other.addon.efi"));
    only_fails(Check::Firmware, |m| m.signed("/boot/loader/addons/any.addon.efi"));
    only_fails(Check::Firmware, |m| {
        m.accept("card", false);
        m.signed(ADDON);
    });
}

#[test]
fn what_else_is_handed_to_a_boot_image_fails_and_a_signed_addon_of_it_does_not() {
    let folder = "/boot/EFI/Linux/intergenos-7.2.12.efi.extra.d";
    for path in [
        format!("{folder}/x.raw"),
        format!("{folder}/x.sysext.raw"),
        format!("{folder}/X.CRED"),
        format!("{folder}/anything"),
        "/boot/loader/credentials/anything".into(),
        "/boot/loader/credentials/systemd.extra-unit.x.cred".into(),
        "/boot/loader/extensions/x.confext.raw".into(),
    ] {
        only_fails(Check::Firmware, |m| m.put(&path, b"x"));
    }
    let machine = TestMachine::installed();
    machine.signed(&format!("{folder}/console.addon.efi"));
    assert_eq!(with(&machine, Finding::Fail), []);
}

#[test]
fn what_could_be_laid_over_the_system_from_other_places_fails() {
    for place in ["/run/confexts", "/var/lib/confexts", "/var/lib/extensions.mutable/usr/lib"] {
        only_fails(Check::Firmware, |m| m.put(&format!("{place}/x"), b"x"));
    }
    let settings = "/etc/systemd/sysext.conf.d/x.conf";
    only_fails(Check::Firmware, |m| m.put(settings, b"[SysExt]\n Mutable = yes\n"));
    only_fails(Check::Firmware, |m| m.put("/run/systemd/sysext.conf", b"[SysExt]\nMutable=ephemeral\n"));
    let machine = TestMachine::installed();
    machine.put(settings, b"[SysExt]\nMutable=no\n# Mutable=yes\n");
    assert_eq!(with(&machine, Finding::Fail), []);
}

#[test]
fn an_extension_that_is_merged_and_not_accepted_breaks_the_seal() {
    only_fails(Check::SealedRoot, |m| m.merged(&["other"]));
    only_fails(Check::SealedRoot, accepted(|m| m.merged(&["firmware-card", "other"])));
}

#[test]
fn an_overlay_that_is_hidden_below_the_one_of_systemd_sysext_breaks_the_seal() {
    let below = |machine: &TestMachine| {
        let mounts = machine.root().text("/proc/self/mountinfo").unwrap();
        let (front, last) = mounts.rsplit_once('\n').unwrap();
        let at = "/usr/lib/firmware";
        let other = format!("90 29 0:37 / {at} rw shared:3 - overlay overlay rw,lowerdir={at},upperdir=/var/x");
        machine.put("/proc/self/mountinfo", format!("{front}\n{other}\n{last}\n").as_bytes());
    };
    only_fails(Check::SealedRoot, accepted(below));
    // Not even the same extensions twice.
    only_fails(Check::SealedRoot, accepted(|m| m.merged(&["firmware-card"])));
}

#[test]
fn an_extension_that_is_merged_from_another_image_than_lies_there_now_breaks_the_seal() {
    let other = "ef".repeat(32);
    only_fails(Check::SealedRoot, accepted(|m| m.replace("/tools/tables", &"cd".repeat(32), &other)));
    // Or from one that no dm-verity proves.
    only_fails(Check::SealedRoot, accepted(|m| m.put("/tools/tables", b"")));
    let refused = "test $# = 4 || { echo 'Permission denied' >&2; exit 1; }; cat";
    hides(&[Check::SealedRoot], accepted(|m| m.replace("/tools/dmsetup", "else cat", &format!("else {refused}"))));
}

#[test]
fn a_part_that_is_missing_breaks_no_promise() {
    let machine = TestMachine::installed();
    machine.accept("card", true);
    machine.remove(ADDON);
    assert_eq!(with(&machine, Finding::Fail), []);
}

#[test]
fn consents_that_can_not_be_read_leave_it_open() {
    hides(&[Check::SealedRoot, Check::Firmware], accepted(|m| m.hide("/var/lib/forge/firmware")));
}
