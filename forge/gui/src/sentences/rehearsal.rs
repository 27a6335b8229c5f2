//! What is said beside a screen of MokManager: what to do now, and what the last key would have done.

use super::fill;
use crate::parts::rehearsal::walk::{Slip, Todo};
use gettextrs::gettext;

/// What to do now. Words on the screen are in English everywhere.
pub fn todo(todo: Todo) -> String {
    match todo {
        Todo::AnyKey => gettext("Press any key. This screen may be left out; then the next one comes first."),
        // Translators: "Enroll MOK", "Continue", "Yes", "No" and "Reboot" are words on a screen that is always in English.
        Todo::MarkEnroll => gettext("Press the Down key, until Enroll MOK is marked."),
        Todo::TakeEnroll => gettext("Enroll MOK is marked. Press Enter."),
        Todo::MarkContinue => {
            gettext("Press the Down key, until Continue is marked. View key 0 shows the fingerprint.")
        }
        Todo::TakeContinue => gettext("Continue is marked. Press Enter."),
        Todo::Compare => gettext("This is the fingerprint of your key. Press any key to go back."),
        Todo::MarkYes => gettext("No is marked. Press the Down key, until Yes is marked."),
        Todo::TakeYes => gettext("Yes is marked. Press Enter."),
        Todo::TypeCode => {
            gettext("Type the code without the spaces, then press Enter. Nothing is shown while you type.")
        }
        Todo::Acknowledge => gettext("Press Enter to go on."),
        Todo::Reboot => gettext("The key is enrolled. Reboot is marked: press Enter."),
        Todo::MarkReboot => gettext("Press the Up key, until Reboot is marked."),
        Todo::Nothing => gettext("That was all. The computer would restart now, and start the system."),
    }
}

/// What went otherwise than it should.
pub fn slip(slip: Slip) -> String {
    match slip {
        Slip::ContinuedBoot => gettext("Continue boot goes on without the key, and the question is not asked again."),
        Slip::FromDisk => gettext("From disk is another way, for when the code is lost."),
        Slip::SaidNo => gettext("No leads back to the menu. The key is not enrolled."),
        Slip::Length { typed, wanted } => {
            fill(
                // Translators: both are numbers of characters.
                &gettext("The code has {wanted} characters; {typed} were typed."),
                &[("wanted", &wanted.to_string()), ("typed", &typed.to_string())],
            )
        }
        Slip::Wrong { at } => {
            // Translators: {at} is a number: the place of a character in the code.
            fill(
                &gettext("Character {at} was not the right one. Look at the code once more."),
                &[("at", &at.to_string())],
            )
        }
        Slip::ThreeTimes => {
            gettext("After three wrong codes the menu is back. Choose Enroll MOK again: nothing is lost.")
        }
    }
}

/// The headline of a rehearsal that came to its end.
pub fn finished() -> String {
    gettext("You Know the Way")
}
