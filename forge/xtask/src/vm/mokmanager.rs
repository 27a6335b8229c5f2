//! MokManager (shim 15 and 16), walked through by keys as a person does it.
use super::machine::{BOOT_FAILURES, Machine};
use anyhow::Result;

/// Enrolls the pending certificate with its code and lets MokManager reboot the machine.
///
/// Works with the countdown and without it (MokTimeout = -1 goes straight to the menu).
pub(super) fn enroll(machine: &mut Machine, code: &str) -> Result<()> {
    let welcome = ["Press any key to perform MOK management", "Perform MOK management"];
    if machine.expect_unless(&welcome, &BOOT_FAILURES, 120)?.which == 0 {
        screen(machine, "1-countdown")?;
        machine.press("ret")?;
        machine.expect("Perform MOK management", 20)?;
    }
    machine.expect("Enroll MOK", 20)?;
    machine.expect("Enroll hash from disk", 20)?;
    screen(machine, "2-menu")?;
    machine.press("down")?;
    screen(machine, "3-enroll-mok")?;
    machine.press("ret")?;

    key_list(machine)?;
    screen(machine, "4-key-list")?;
    machine.press("ret")?;
    machine.expect(r"\[Fingerprint\]", 20)?;
    screen(machine, "5-key-details")?;
    machine.press("ret")?;
    key_list(machine)?;
    machine.press("down")?;
    machine.press("ret")?;

    machine.expect(r"Enroll the key\(s\)\?", 20)?;
    machine.expect("Yes", 20)?;
    screen(machine, "6-question")?;
    machine.press("down")?;
    machine.press("ret")?;

    machine.expect("Password:", 20)?;
    screen(machine, "7-code")?;
    machine.type_keys(code)?;
    machine.press("ret")?;

    machine.expect_unless(&["Perform MOK management"], &["Password doesn't match", "Failed to"], 30)?;
    machine.expect("Reboot", 20)?;
    screen(machine, "8-reboot")?;
    machine.press("ret")?;
    machine.say("the key is enrolled; MokManager reboots");
    Ok(())
}

/// The list of pending keys, with Continue below it.
fn key_list(machine: &mut Machine) -> Result<()> {
    machine.expect("View key 0", 20)?;
    machine.expect("Continue", 20)?;
    Ok(())
}

/// Waits until the screen is painted to its end and saves it.
fn screen(machine: &mut Machine, label: &str) -> Result<()> {
    machine.settle();
    machine.screenshot(label)?;
    Ok(())
}
