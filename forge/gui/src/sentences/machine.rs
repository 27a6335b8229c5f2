//! How far the enrollment of a computer's key is, what that means, and what mends it.

use super::{errors::Told, fill};
use forge_dbus::{Error, client::ClientError};
use forge_model::machine::{Enrollment, Firmware, Machine, SecureBoot};
use gettextrs::gettext;

/// A state as a headline and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its icon.
    pub icon: &'static str,
    /// In one line.
    pub title: String,
    /// What it means, and what to do.
    pub text: String,
}

/// The state of a computer's key.
pub fn state(machine: &Machine) -> Said {
    let said = |icon, title, text: [String; 2]| Said { icon, title, text: text.join(" ") };
    match machine.enrollment {
        Enrollment::Enforced => said(
            "channel-secure-symbolic",
            gettext("This Computer Trusts Your Key"),
            [
                gettext("It starts only what is signed by it or by a key of the firmware."),
                gettext("Nothing is left to do."),
            ],
        ),
        Enrollment::Enrolled => said(
            "channel-insecure-symbolic",
            gettext("Secure Boot Is Off"),
            [
                gettext("Your key is enrolled, but the firmware checks nothing that it starts."),
                match machine.firmware.as_ref().map(|firmware| firmware.secure_boot) {
                    Some(SecureBoot::SetupMode) => gettext("It is in setup mode: it has no keys of its own yet."),
                    _ => gettext(
                        "Turn Secure Boot on in the firmware's settings, or leave it off: the system runs either way.",
                    ),
                },
            ],
        ),
        Enrollment::Pending => said(
            "system-reboot-symbolic",
            gettext("One Step Is Left"),
            [
                gettext("Your key waits to be enrolled. After a restart a blue screen asks for the code."),
                gettext("Have the code at hand before you restart."),
            ],
        ),
        Enrollment::Lost => said(
            "dialog-warning-symbolic",
            gettext("This Computer Does Not Trust Your Key Yet"),
            [
                gettext("The blue screen was missed, or the code was wrong three times. That loses nothing."),
                match machine.firmware.as_ref().is_some_and(|firmware| firmware.by_hand().is_none()) {
                    true => gettext("Get a new code, and the next restart asks once more."),
                    false => gettext("The firmware takes no requests, so the key is enrolled from the disk."),
                },
            ],
        ),
        Enrollment::Unknown => said(
            "dialog-question-symbolic",
            gettext("No Key Was Found"),
            match machine.firmware {
                Some(_) => [
                    gettext("This system has no key of its own that can be read, so nothing can be enrolled."),
                    gettext("Was it installed with Forge?"),
                ],
                None => [
                    gettext("This computer was not started by UEFI, so it has no Secure Boot."),
                    gettext("Nothing can be enrolled."),
                ],
            },
        ),
    }
}

/// What the firmware says about itself, in one line each.
pub fn facts(firmware: &Firmware) -> Vec<(String, String)> {
    let secure_boot = match firmware.secure_boot {
        SecureBoot::On => gettext("On"),
        SecureBoot::Off => gettext("Off"),
        SecureBoot::SetupMode => gettext("Setup mode: no keys yet"),
    };
    let mut facts = vec![(gettext("Secure Boot"), secure_boot)];
    if !firmware.shim_validates {
        // Translators: shim and mokutil are names of programs.
        facts.push((gettext("Checks by shim"), gettext("Off: turned off with mokutil --disable-validation")));
    }
    if !firmware.writable {
        facts.push((gettext("Firmware variables"), gettext("Cannot be written")));
    }
    if let Some(free) = firmware.free {
        // Translators: {size} is an amount of data.
        let room = fill(&gettext("{size} free"), &[("size", &super::size(free))]);
        facts.push((gettext("Room in the firmware"), room));
    }
    facts
}

/// What to do to turn Secure Boot on, step by step.
pub fn turning_on(machine: &Machine) -> Vec<(String, String)> {
    let in_setup = machine.firmware.as_ref().is_some_and(|firmware| firmware.secure_boot == SecureBoot::SetupMode);
    let mut steps = vec![(
        gettext("Restart into the firmware's settings"),
        gettext("Often with F2, F10, F12 or Delete, as soon as the computer starts."),
    )];
    if in_setup {
        steps.push((
            gettext("Restore the factory keys"),
            // Translators: words of firmware menus.
            gettext("Often called “Restore Factory Keys” or “Install Default Secure Boot Keys”."),
        ));
    }
    steps.push((
        gettext("Turn Secure Boot on"),
        gettext(
            "Most often under Security or Boot. Where there is a choice, allow the Microsoft 3rd-party certificate.",
        ),
    ));
    steps.push((gettext("Save and restart"), gettext("The system starts as before: your key is enrolled already.")));
    steps
}

/// Why the helper gives no answer.
pub fn refused(error: &ClientError) -> Told {
    let (title, text) = match error {
        ClientError::Refused(Error::NotAllowed(_) | Error::AuthenticationNeeded(_)) => (
            gettext("Not Allowed"),
            gettext("This account may not change what the computer trusts. An administrator decides that."),
        ),
        ClientError::Refused(Error::Dismissed(_)) => (
            gettext("No Password Was Given"),
            gettext("An administrator's password is needed. The question for it was closed; nothing was changed."),
        ),
        ClientError::NoBus(_) | ClientError::NoHelper(_) => (
            gettext("The Service of Forge Is Missing"),
            gettext("The part of Forge that reads the firmware does not start. Nothing was changed."),
        ),
        _ => (
            gettext("Something Failed"),
            gettext("The service of Forge could not do what was asked. What the computer trusts is as it was."),
        ),
    };
    Told { title, text, details: error.to_string() }
}
