//! MokManager (shim 15 and 16), walked through by keys as a person does it.
use super::machine::{BOOT_FAILURES, Machine};
use anyhow::Result;

/// Enrolls the pending certificate with its code and lets MokManager reboot the machine.
///
/// Works with the countdown and without it (MokTimeout = -1 goes straight to the menu).
pub(super) fn enroll(machine: &mut Machine, code: &str) -> Result<()> {
    ask_for_code(machine)?;
    machine.type_keys(code)?;
    machine.press("ret")?;
    restart(machine)
}

/// Answers a wrong code as often as MokManager asks for one; then the request is gone.
pub(super) fn give_wrong_codes(machine: &mut Machine) -> Result<()> {
    ask_for_code(machine)?;
    for _ in 0..2 {
        machine.type_keys("wrong")?;
        machine.press("ret")?;
        machine.expect("Password doesn't match", 20)?;
        machine.press("ret")?;
        machine.expect("Password:", 20)?;
    }
    machine.type_keys("wrong")?;
    machine.press("ret")?;
    machine.expect("Password doesn't match", 20)?;
    machine.press("ret")?;
    machine.expect("Failed to enroll keys", 20)?;
    screen(machine, "8-three-times")?;
    machine.press("ret")?;
    // The menu comes back and would take the code once more; this person goes on instead.
    machine.expect("Perform MOK management", 20)?;
    machine.press("ret")
}

/// Lets the pending request go unanswered.
pub(super) fn pass_by(machine: &mut Machine) -> Result<()> {
    menu(machine)?;
    machine.expect("Enroll MOK", 20)?;
    machine.press("ret")
}

/// Enrolls the certificate that lies on the ESP, without a request: shim has just refused what it should start.
pub(super) fn enroll_from_disk(machine: &mut Machine) -> Result<()> {
    machine.expect("Verification failed: .0x1A. Security Violation", 120)?;
    machine.press("ret")?;
    menu(machine)?;
    machine.expect("Enroll hash from disk", 20)?;
    machine.press("down")?;
    screen(machine, "3-enroll-from-disk")?;
    machine.press("ret")?;
    machine.expect("Select Key", 20)?;
    screen(machine, "3a-volumes")?;
    machine.press("ret")?;
    machine.expect("INTERGENOS-KEY", 20)?;
    screen(machine, "3b-files")?;
    machine.press("down")?;
    screen(machine, "3c-chosen")?;
    machine.press("ret")?;
    say_yes(machine)?;
    restart(machine)
}

/// Goes from the countdown, if there is one, to the menu.
fn menu(machine: &mut Machine) -> Result<()> {
    let welcome = ["Press any key to perform MOK management", "Perform MOK management"];
    if machine.expect_unless(&welcome, &BOOT_FAILURES, 120)?.which == 0 {
        screen(machine, "1-countdown")?;
        machine.press("ret")?;
        machine.expect("Perform MOK management", 20)?;
    }
    Ok(())
}

/// Chooses the pending request, up to the question for its code.
fn ask_for_code(machine: &mut Machine) -> Result<()> {
    menu(machine)?;
    machine.expect("Enroll MOK", 20)?;
    machine.expect("Enroll hash from disk", 20)?;
    screen(machine, "2-menu")?;
    machine.press("down")?;
    screen(machine, "3-enroll-mok")?;
    machine.press("ret")?;

    say_yes(machine)?;

    machine.expect("Password:", 20)?;
    screen(machine, "7-code")?;
    Ok(())
}

/// Looks at the one key of the list, goes on, and says yes to it.
fn say_yes(machine: &mut Machine) -> Result<()> {
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
    machine.press("ret")
}

/// After the key was taken: restarts.
fn restart(machine: &mut Machine) -> Result<()> {
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
