//! What F1 says about a page.

use crate::session::Page;
use gettextrs::gettext;

/// The paragraphs of help for a page.
pub fn help(page: Page) -> Vec<String> {
    let mut paragraphs = match page {
        Page::Welcome => vec![
            gettext(
                "Forge asks a few questions, shows exactly what it will do, and only then writes to the disk that you chose.",
            ),
            gettext("The language is for this window and for the installed system. It can be changed later."),
        ],
        Page::Keyboard => vec![
            gettext(
                "Choose the keyboard as it is printed on the keys, then type into the field: what appears there is what the computer will understand.",
            ),
            gettext(
                "Letters with accents and signs behind a third key are worth a try, if a password is to have them.",
            ),
        ],
        Page::TimeZone => {
            vec![gettext("Search for a city in the same time zone. Nothing is looked up: Forge uses no network.")]
        }
        Page::Disk => vec![
            gettext(
                "Model, size and serial number tell disks apart; the serial number is printed on the disk or on its box. The disk that this system was started from cannot be chosen.",
            ),
            gettext(
                "A disk that cannot be taken says why. Connect or disconnect disks while this page is open: the list follows.",
            ),
        ],
        Page::DiskUse => vec![
            gettext(
                "Each way says what stays and what is lost, and the bars show it before anything is written. Erasing the disk is the simplest; all other ways leave partitions where they are, and change the partition table at the very end.",
            ),
            gettext(
                "A way that is not possible says why. A copy of what matters is a good idea before partitions are made smaller or deleted.",
            ),
        ],
        Page::Encryption => vec![
            gettext(
                "Encrypted, your files, settings and programs' data are unreadable without the passphrase, also when the disk is taken out. The system itself is not secret, and is checked at each start instead.",
            ),
            gettext(
                "The passphrase is asked for before anything else, on the keyboard that you chose. It can be changed later; encryption cannot be turned on later.",
            ),
            gettext(
                "A security chip (TPM 2.0) can take over the typing: it opens the system when this computer starts as it did before, with Secure Boot on. After changes to the firmware or to Secure Boot, the passphrase is asked for again.",
            ),
        ],
        Page::RecoveryKey => vec![
            gettext(
                "The recovery key is a second way in, made at random. Forge shows it now and once more at the end, and stores it nowhere.",
            ),
            gettext("A photo is good enough, as long as the phone is not lost together with the computer."),
        ],
        Page::Account => vec![
            gettext(
                "The first person may administer the computer. There is no other account that anybody can log in to, and no password that is the same on two computers.",
            ),
            gettext(
                "A passphrase of random words is easier to keep in mind than a short password, and harder to guess.",
            ),
        ],
        Page::Firmware => vec![
            gettext(
                "Firmware is a program that runs inside a device. This firmware is proprietary: only its maker knows what it does. The system itself has none.",
            ),
            gettext(
                "Everything is off. Turn on what you want, or continue without. It can be added or removed later with forgectl firmware.",
            ),
        ],
        Page::SecureBoot => vec![
            gettext(
                "The computer gets a key of its own, made here and stored on its disk. It signs the system that the computer starts, and nobody else has it.",
            ),
            gettext(
                "At the next start a blue screen asks whether the key may be trusted, and for the code that Forge shows at the end.",
            ),
        ],
        Page::Review => vec![
            gettext(
                "This is everything that will be done, on the disk that is named. Go back to change an answer; nothing is lost by that.",
            ),
            gettext("What is on the disk cannot be brought back once the installation has begun."),
        ],
        Page::Installing => vec![
            gettext(
                "The system is written, read back and compared. The disk becomes able to start a computer only at the very end.",
            ),
            gettext("The installation can be stopped until then. The computer does not go to sleep meanwhile."),
        ],
        Page::Failure => vec![gettext(
            "The details say what went wrong, in words that somebody who helps can use. The log can be saved; it holds no password and no code.",
        )],
        Page::Done => vec![
            gettext(
                "The code is asked for once, at the next start. Write it down or take a picture of it: it is stored nowhere else.",
            ),
            gettext("If the blue screen is missed, nothing is lost: its key can be enrolled from the disk later."),
        ],
    };
    paragraphs.push(gettext("Escape goes back, Enter goes on, and Ctrl+L opens the log where there is one."));
    paragraphs
}
