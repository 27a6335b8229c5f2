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
    assert!(line.evidence.iter().any(|e| e == "/usr: with firmware-card, which was accepted"), "{:?}", line.evidence);
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
    only_fails(Check::Firmware, accepted(|m| m.put("/var/lib/extensions/other.raw", b"x")));
    only_fails(Check::Firmware, accepted(|m| m.put("/run/extensions/firmware-card.raw", b"x")));
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
fn an_extension_that_is_merged_and_not_accepted_breaks_the_seal() {
    only_fails(Check::SealedRoot, |m| m.merged(&["other"]));
    only_fails(Check::SealedRoot, accepted(|m| m.merged(&["firmware-card", "other"])));
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
