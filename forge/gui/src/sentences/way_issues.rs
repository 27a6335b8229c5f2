//! What stands in the way of using a disk in one way or another.

use super::{fill, size};
use forge_model::{Issue, inventory::ShrinkFault, issue::SharedFault};
use gettextrs::gettext;

/// One issue of a way. Anything else has no words here.
pub fn issue(issue: &Issue) -> String {
    let of = |sentence: String, number: &u32| fill(&sentence, &[("n", &number.to_string())]);
    match issue {
        Issue::NotThisWay { .. } => gettext("These choices do not go together. Choose again how the disk is used."),
        Issue::EspSizeAndShared => gettext("A boot partition that is shared keeps the size that it has."),
        Issue::NoSuchPartition { number, .. } => {
            of(gettext("The disk has no partition {n} any more. Choose again."), number)
        }
        Issue::PartitionTwice { number, .. } => {
            of(gettext("Partition {n} is chosen for two things. Choose one of them."), number)
        }
        Issue::NoEarlierSystem { .. } => gettext("There is no earlier system on this disk that could be replaced."),
        Issue::EarlierSystemsUnclear { .. } => {
            gettext("It is not certain which partitions belong to the earlier system. Choose by hand what is deleted.")
        }
        Issue::HomeEncrypted { .. } => gettext(
            "The personal files of the earlier system are encrypted, and cannot be kept. Copy them to another disk first.",
        ),
        Issue::HomeUnknown { .. } => gettext(
            "The personal files of the earlier system could not be recognized, and cannot be kept. Copy them to another disk first.",
        ),
        Issue::HomeNotEncrypted => gettext(
            "The personal files that are kept would not be encrypted. Turn encryption off, or copy them to another disk and do not keep them.",
        ),
        Issue::ShrinkOnFile => gettext("Partitions in a file cannot be made smaller."),
        Issue::NotShrinkable { number, why } => left_alone(*number, *why),
        Issue::Sleeping { number, .. } => left_alone(*number, Some(ShrinkFault::Hibernated)),
        Issue::ShrunkTooSmall { number, least, .. } => fill(
            &gettext("Partition {n} needs {size} for what is in it."),
            &[("n", &number.to_string()), ("size", &size(*least))],
        ),
        Issue::ShrunkGrows { number, has, .. } => fill(
            &gettext("Partition {n} has {size}, and can only be made smaller."),
            &[("n", &number.to_string()), ("size", &size(*has))],
        ),
        Issue::NotSharable { number, fault } => of(shared_fault(*fault), number),
        Issue::SharedEspFull { number, free, needs } => fill(
            &gettext(
                "The boot partition {n} has {free} left, and {needs} is needed. The system can have one of its own.",
            ),
            &[("n", &number.to_string()), ("free", &size(*free)), ("needs", &size(*needs))],
        ),
        Issue::StateTooSmall { needs, .. } => {
            fill(&gettext("Settings and personal files need {size} at least."), &[("size", &size(*needs))])
        }
        // Every other issue has its sentence elsewhere.
        _ => gettext("The disk cannot be used in this way."),
    }
}

fn left_alone(number: u32, why: Option<ShrinkFault>) -> String {
    fill(&gettext("Partition {n} is left as it is. {why}"), &[("n", &number.to_string()), ("why", &shrink_fault(why))])
}

fn shared_fault(fault: SharedFault) -> String {
    match fault {
        SharedFault::Type | SharedFault::NotFat => gettext("Partition {n} is no boot partition that could be shared."),
        SharedFault::FreeUnknown => {
            gettext("Nobody can say how much is free in boot partition {n}, so it is not shared.")
        }
        SharedFault::Replaced => gettext("Boot partition {n} belongs to the system that is replaced."),
        SharedFault::SameSystem => {
            gettext("Boot partition {n} has boot files of such a system already, so it is not shared.")
        }
        SharedFault::TooLarge => {
            gettext("Boot partition {n} is too large to be shared. The system can have one of its own.")
        }
    }
}

/// Why a partition is not made smaller, and what can be done about it.
pub fn shrink_fault(why: Option<ShrinkFault>) -> String {
    match why {
        None | Some(ShrinkFault::Unreadable) => gettext("It could not be read."),
        Some(ShrinkFault::FileSystem) => gettext("Its file system cannot be made smaller here."),
        Some(ShrinkFault::Wrapped) => {
            gettext("It is encrypted, or a part of something larger; only the system that made it can change it.")
        }
        Some(ShrinkFault::Hibernated) => gettext(
            "Windows, or another system on it, was not shut down: it only sleeps. Start it, shut it down, and come back; in Windows, turn fast startup off first.",
        ),
        Some(ShrinkFault::Dirty) => gettext(
            "It was not closed properly. Start the system that it belongs to, let it check the disk, and shut it down.",
        ),
    }
}
