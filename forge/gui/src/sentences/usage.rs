//! The ways to use a disk, what each means, and what becomes of every part.

use super::{disks, fill, issues, plan, size, way_issues, way_plan};
use crate::session::{
    before_after::{BeforeAfter, Piece, What},
    usage::{Esp, LeftAlone, Offered, Shrinkable},
};
use forge_model::{
    Disk,
    answers::Way,
    inventory::{Content, Found, Holding},
    layout::bars::Fate,
};
use gettextrs::{gettext, ngettext};

/// The name of a way. `system` is what is installed, such as "InterGenOS".
pub fn way(way: Way, system: &str) -> String {
    match way {
        Way::WholeDisk => gettext("Erase the Disk"),
        Way::FreeSpace => gettext("Use Free Space"),
        // Translators: {system} is the name of the system that is installed, such as InterGenOS.
        Way::Replace => fill(&gettext("Replace the Earlier {system}"), &[("system", system)]),
        Way::Manual => gettext("Choose by Hand"),
    }
}

/// What a way means, or why it can not be gone.
pub fn meaning(offered: &Offered, disk: &Disk) -> String {
    let mut said = match (offered.against.as_slice(), offered.way) {
        ([], Way::WholeDisk) => disks::loss(&disk.content),
        ([], Way::FreeSpace) if offered.shrinks.is_empty() => gettext("Everything that is on the disk stays."),
        ([], Way::FreeSpace) => {
            let found = partitions(disk).iter().find(|found| found.number == offered.shrinks[0].number);
            fill(
                // Translators: {name} is the name of a partition, such as "Windows (NTFS)".
                &gettext("Everything that is on the disk stays. {name} is made smaller, because too little is free."),
                &[("name", &found.map(disks::partition_and_kind).unwrap_or_default())],
            )
        }
        ([], Way::Replace) if offered.loses_home => {
            gettext("The earlier system and its personal files are lost. Everything else on the disk stays.")
        }
        ([], Way::Replace) => gettext("Only the earlier system is lost. Everything else on the disk stays."),
        ([], Way::Manual) => gettext("Say for each partition whether it is deleted, made smaller or left as it is."),
        (against, _) => against.iter().map(issues::issue).collect::<Vec<_>>().join(" "),
    };
    if offered.is_asked_for {
        said = [said, gettext("The answer file that was found asks for this.")].join("\n");
    }
    said
}

fn partitions(disk: &Disk) -> &[Found] {
    match &disk.content {
        Content::Table { partitions, .. } => partitions,
        _ => &[],
    }
}

/// A part of a disk by its name.
pub fn name(what: &What) -> String {
    match what {
        What::Old(found, _) => disks::partition_and_kind(found),
        What::Everything(content, _) => disks::content(content),
        What::New(role) => plan::role(*role),
        What::Free => gettext("Free"),
    }
}

/// Name and size of a part: "Windows (NTFS), 200.0 GB".
pub fn name_and_size(piece: &Piece) -> String {
    // Translators: the name of a disk and its size, such as "Samsung SSD 990 PRO, 2.0 TB".
    fill(&gettext("{name}, {size}"), &[("name", &name(&piece.what)), ("size", &size(piece.size))])
}

/// What becomes of a part; nothing of room.
pub fn fate(what: &What) -> String {
    match what {
        What::Old(_, Fate::Stays) | What::Everything(_, false) => gettext("Stays as it is"),
        What::Old(_, Fate::Goes) | What::Everything(_, true) => gettext("Will be lost"),
        What::Old(_, Fate::Shrinks { after, .. }) => {
            fill(&gettext("Is made smaller, to {size}; what is in it stays"), &[("size", &size(*after))])
        }
        What::Old(_, Fate::Shared) => gettext("Stays; boot files are added to it"),
        What::Old(_, Fate::Home) => gettext("Stays; its personal files are used by the new system"),
        What::New(_) => gettext("New"),
        What::Free => String::new(),
    }
}

/// The names of partitions, one after another.
pub fn names<'a>(pieces: impl Iterator<Item = &'a Piece>) -> String {
    let named: Vec<String> = pieces.map(|piece| name(&piece.what)).collect();
    // Translators: what stands between the items of a list.
    named.join(&gettext(", "))
}

/// What is lost, made smaller and kept, in one line under the choice.
pub fn consequence(way: Way, outcome: &BeforeAfter) -> String {
    if outcome.after.is_empty() {
        return String::new();
    }
    let (lost, smaller) = (outcome.lost().count(), outcome.smaller().count());
    let counted = |count: usize, sentence: fn(u32) -> String| {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        (count > 0).then(|| fill(&sentence(count), &[("n", &count.to_string())]))
    };
    if way == Way::WholeDisk {
        return gettext("Everything on the disk will be lost.");
    }
    let said = [
        counted(lost, |n| ngettext("{n} partition will be lost.", "{n} partitions will be lost.", n)),
        counted(smaller, |n| ngettext("{n} partition is made smaller.", "{n} partitions are made smaller.", n)),
        (smaller > 0).then(way_plan::power_cut),
        (lost == 0 && smaller == 0).then(|| gettext("Nothing on the disk will be lost.")),
    ];
    said.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The row that makes a partition smaller.
pub fn shrink(row: &Shrinkable) -> (String, String) {
    let name = disks::partition_and_kind(&row.found);
    (
        // Translators: {name} is the name of a partition, such as "Windows (NTFS)".
        fill(&gettext("Make {name} Smaller"), &[("name", &name)]),
        fill(
            &gettext("What it keeps: from {least} to {has}"),
            &[("least", &size(row.least)), ("has", &size(row.found.size))],
        ),
    )
}

/// Why a partition is left alone.
pub fn left_alone(left: &LeftAlone) -> String {
    match &left.found.holding {
        Some(Holding::Bitlocker) => {
            gettext("Only Windows can make it smaller: in its disk management, with \"Shrink Volume\".")
        }
        Some(Holding::Luks) => gettext("Encrypted data is left alone: only the system that made it can change it."),
        Some(Holding::LvmMember) => {
            gettext("A part of a volume group (LVM) is left alone: only the system that made it can change it.")
        }
        Some(Holding::MdMember | Holding::FirmwareRaidMember { .. }) => {
            gettext("A part of a RAID is left alone: only the system that made it can change it.")
        }
        Some(Holding::ZfsMember) => {
            gettext("A part of a storage pool (ZFS) is left alone: only the system that made it can change it.")
        }
        _ => way_issues::shrink_fault(Some(left.why)),
    }
}

/// The row that deletes a partition.
pub fn delete(found: &Found, goes: bool) -> (String, String) {
    let piece = Piece { what: What::Old(Box::new(found.clone()), Fate::Stays), size: found.size };
    let state = match goes {
        true => gettext("Will be deleted, with everything in it"),
        false => gettext("Stays as it is"),
    };
    // Translators: {name} is the name of a partition and its size, such as "Windows (NTFS), 200.0 GB".
    (fill(&gettext("Delete {name}"), &[("name", &name_and_size(&piece))]), state)
}

/// An EFI system partition as a place for boot files.
pub fn esp(esp: &Esp) -> String {
    // Translators: {name} is the name of a partition.
    fill(&gettext("Shared: {name}"), &[("name", &disks::partition(&esp.found))])
}

/// How much room there is in it, or why it can not be shared.
pub fn esp_room(esp: &Esp) -> String {
    match &esp.against {
        Some(issue) => issues::issue(issue),
        None => fill(
            // Translators: {name} is the name of a partition, {free} a size.
            &gettext("{name} has {free} free, which is enough."),
            &[("name", &disks::partition(&esp.found)), ("free", &size(esp.found.free().unwrap_or_default()))],
        ),
    }
}
