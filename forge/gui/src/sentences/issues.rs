//! Why the answers do not fit, and what to change.

use super::{disks, fill, size, way_issues};
use crate::session::typed_twice::{PasswordFault, SHORTEST, Strength};
use forge_model::{Issue, inventory::GptFault, machine::ChainFault, names::NameFault};
use gettextrs::{gettext, ngettext};

/// One issue.
pub fn issue(issue: &Issue) -> String {
    match issue {
        Issue::NoSuchDisk { .. } => gettext("The disk is not connected any more."),
        Issue::NotFree { obstacle, .. } => {
            fill(&gettext("The disk cannot be used: {why}"), &[("why", &disks::obstacle(obstacle))])
        }
        Issue::EraseNotConfirmed => gettext("Nothing says that the disk may be erased."),
        Issue::TooSmall { has, needs } => fill(
            &gettext("The disk is too small. It has {has}, and {needs} is needed."),
            &[("has", &size(*has)), ("needs", &size(*needs))],
        ),
        Issue::SectorSize { found } => {
            fill(&gettext("The disk has sectors of {n} bytes, which Forge cannot write."), &[("n", &found.to_string())])
        }
        Issue::EspTooSmall { needs, .. } => {
            fill(&gettext("The boot partition needs {needs}."), &[("needs", &size(*needs))])
        }
        Issue::NoRoomForSecondSlot { needs, .. } => {
            fill(&gettext("There is no room for updates. That would need {needs}."), &[("needs", &size(*needs))])
        }
        Issue::UserName { fault, .. } => user_name(*fault),
        Issue::FullName { fault, .. } => full_name(*fault),
        Issue::HostName { fault, .. } => computer_name(*fault),
        Issue::PasswordHash => gettext("The password is in a form that the system does not take."),
        Issue::NoSuchLocale { name, .. } => {
            fill(&gettext("The system does not have the language {name}."), &[("name", name)])
        }
        Issue::NoSuchTimezone { name, .. } => {
            fill(&gettext("The system does not have the time zone {name}."), &[("name", name)])
        }
        Issue::NoSuchKeyboard { name, .. } => {
            fill(&gettext("The system does not have the keyboard {name}."), &[("name", name)])
        }
        Issue::UnknownBundle { name, .. } => {
            fill(&gettext("The installation medium does not have the firmware {name}."), &[("name", name)])
        }
        Issue::OtherBundle { name, .. } | Issue::TwiceBundle { name } => {
            fill(&gettext("The firmware {name} is not the one that was accepted."), &[("name", name)])
        }
        Issue::NoTpm2 => gettext(
            "This computer shows no security chip (TPM 2.0). Go back and turn off unlocking with it, or turn the chip on in the firmware settings.",
        ),
        Issue::ChainRefused { fault } => refused(fault),
        Issue::EraseAndKeep => gettext("What is on the disk cannot be kept and erased."),
        Issue::NoGpt { table: None } => {
            gettext("The disk has no partition table, so there is nothing to install beside. It can be erased.")
        }
        Issue::NoGpt { table: Some(table) } if table == "gpt" => {
            gettext("The partition table could not be read. Go back and choose the disk again.")
        }
        Issue::NoGpt { table: Some(table) } => fill(
            // Translators: {table} is the kind of a partition table, such as dos.
            &gettext(
                "The partition table is of an older kind ({table}), to which nothing can be added. The disk can be erased.",
            ),
            &[("table", table)],
        ),
        Issue::TableFault { fault } => table_fault(*fault),
        Issue::TableSectors { .. } => {
            gettext("The partition table was made for a disk with other sectors, so nothing can be added to it.")
        }
        Issue::NoFreeRoom { largest, needs, .. } => fill(
            &gettext("There is too little free space. {needs} is needed, and the largest piece has {has}."),
            &[("needs", &size(*needs)), ("has", &size(*largest))],
        ),
        Issue::NoFreeEntries { .. } => gettext("The partition table has no room for more partitions."),
        Issue::SameReleaseThere { number } => fill(
            &gettext("The same release is on this disk already, in partition {n}. It can be replaced."),
            &[("n", &number.to_string())],
        ),
        Issue::SlotsThere { number, .. } => fill(
            &gettext(
                "Another system of this kind is on this disk (partition {n}), and updates of the two would mix. It can be replaced.",
            ),
            &[("n", &number.to_string())],
        ),
        Issue::NotThisWay { .. }
        | Issue::EspSizeAndShared
        | Issue::NoSuchPartition { .. }
        | Issue::PartitionTwice { .. }
        | Issue::NoEarlierSystem { .. }
        | Issue::EarlierSystemsUnclear { .. }
        | Issue::HomeEncrypted { .. }
        | Issue::HomeUnknown { .. }
        | Issue::HomeNotEncrypted
        | Issue::Sleeping { .. }
        | Issue::ShrinkOnFile
        | Issue::NotShrinkable { .. }
        | Issue::ShrunkTooSmall { .. }
        | Issue::ShrunkGrows { .. }
        | Issue::NotSharable { .. }
        | Issue::SharedEspFull { .. }
        | Issue::StateTooSmall { .. } => way_issues::issue(issue),
    }
}

/// Why nothing can be added to a partition table.
fn table_fault(fault: GptFault) -> String {
    match fault {
        GptFault::FirstCopy => gettext(
            "The first copy of the partition table is damaged. A partition editor can restore it from the second one.",
        ),
        GptFault::NotAtEnd => gettext(
            "The disk was made larger, and its partition table does not know that. A partition editor can mend it.",
        ),
        GptFault::NoProtectiveMbr | GptFault::HybridMbr => gettext(
            "The disk has two partition tables that do not agree. Nothing is added to them; the disk can be erased.",
        ),
        GptFault::Overlap => gettext("Partitions on the disk overlap, so it is not safe to add any."),
        GptFault::Unusual => gettext("The partition table has a form that Forge does not change."),
    }
}

/// Why the firmware would not start what is installed.
fn refused(fault: &ChainFault) -> String {
    match fault {
        ChainFault::UnknownAuthority { signed_by, .. } => fill(
            &gettext(
                "This computer would not start the system: its firmware does not know {who}. Allow the third-party UEFI CA in the firmware settings.",
            ),
            &[("who", &signed_by.join(", "))],
        ),
        ChainFault::RevokedImage { .. }
        | ChainFault::RevokedCertificate { .. }
        | ChainFault::RevokedGeneration { .. } => gettext(
            "This computer would not start the system: its firmware has revoked the boot loader. Use a newer installation medium.",
        ),
        ChainFault::NotSigned { .. } | ChainFault::NoGeneration { .. } | ChainFault::NoImage { .. } => gettext(
            "This computer would not start the system: the boot loader is not signed as it should be. Use another installation medium.",
        ),
    }
}

/// What stands against a user name.
pub fn user_name(fault: NameFault) -> String {
    match fault {
        NameFault::Empty => gettext("A user name is needed."),
        NameFault::TooLong { most } => too_long(most),
        NameFault::BadEnd { .. } => gettext("A user name begins with a small letter from a to z."),
        NameFault::BadCharacter { .. } => {
            gettext("A user name has small letters from a to z, digits, hyphens and underscores only.")
        }
        NameFault::Reserved => gettext("The system uses this name itself. Choose another one."),
    }
}

/// What stands against a name for people.
pub fn full_name(fault: NameFault) -> String {
    match fault {
        NameFault::TooLong { most } => too_long(most),
        NameFault::BadCharacter { found } | NameFault::BadEnd { found } => {
            // Translators: {c} is one character.
            fill(&gettext("A name cannot contain “{c}”."), &[("c", &found.to_string())])
        }
        NameFault::Empty | NameFault::Reserved => gettext("This name cannot be used."),
    }
}

/// What stands against a computer's name.
pub fn computer_name(fault: NameFault) -> String {
    match fault {
        NameFault::Empty => gettext("The computer needs a name."),
        NameFault::TooLong { most } => too_long(most),
        NameFault::BadEnd { .. } => gettext("A computer name does not begin or end with a hyphen or a dot."),
        NameFault::BadCharacter { .. } => {
            gettext("A computer name has letters from a to z, digits, hyphens and dots only.")
        }
        NameFault::Reserved => gettext("This name cannot be used."),
    }
}

fn too_long(most: usize) -> String {
    let count = u32::try_from(most).unwrap_or(u32::MAX);
    fill(
        &ngettext("It can have at most {n} character.", "It can have at most {n} characters.", count),
        &[("n", &most.to_string())],
    )
}

/// What stands against a password; nothing as long as nobody typed one.
pub fn password(fault: PasswordFault) -> Option<String> {
    Some(match fault {
        PasswordFault::Empty | PasswordFault::NotRepeated => return None,
        PasswordFault::TooShort => too_short(),
        PasswordFault::Invisible => gettext("A password cannot contain characters that cannot be seen."),
        PasswordFault::TooWeak => gettext("This password is guessed at once. Several unrelated words make a good one."),
        PasswordFault::Different => gettext("The two passwords are not the same."),
    })
}

/// The same for a passphrase.
pub fn passphrase(fault: PasswordFault) -> Option<String> {
    Some(match fault {
        PasswordFault::Empty | PasswordFault::NotRepeated => return None,
        PasswordFault::TooShort => too_short(),
        PasswordFault::Invisible => gettext("A passphrase cannot contain characters that cannot be seen."),
        PasswordFault::TooWeak => {
            gettext("This passphrase is guessed at once. Several unrelated words make a good one.")
        }
        PasswordFault::Different => gettext("The two passphrases are not the same."),
    })
}

/// What is still to be done about what was typed, where nothing is wrong with it.
pub fn hint(fault: PasswordFault) -> Option<String> {
    // Translators: the password or passphrase that was typed into the field above.
    (fault == PasswordFault::NotRepeated).then(|| gettext("Type it again."))
}

fn too_short() -> String {
    let count = SHORTEST as u32;
    fill(&ngettext("Use at least {n} character.", "Use at least {n} characters.", count), &[("n", &count.to_string())])
}

/// How good a password is.
pub fn strength(strength: Strength) -> String {
    match strength {
        Strength::VeryWeak => gettext("Very weak: guessed at once"),
        Strength::Weak => gettext("Weak: guessed within hours"),
        Strength::Fair => gettext("Fair: keeps out people who are near"),
        Strength::Good => gettext("Good: takes much effort to guess"),
        Strength::Strong => gettext("Strong"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_keeps_a_password_from_being_taken_is_said_once_something_was_typed() {
        use PasswordFault::{Different, Invisible, NotRepeated, TooShort, TooWeak};
        for fault in [TooShort, Invisible, TooWeak, NotRepeated, Different] {
            for wrong in [password(fault), passphrase(fault)] {
                assert!(wrong.is_some() != hint(fault).is_some(), "{fault:?}");
            }
        }
        assert_eq!(hint(NotRepeated).as_deref(), Some("Type it again."));
        assert!(password(PasswordFault::Empty).is_none() && hint(PasswordFault::Empty).is_none());
    }
}
