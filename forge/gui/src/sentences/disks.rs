//! What a disk is, what is on it, why it can not be taken.

use super::{fill, size};
use forge_model::{
    Disk,
    inventory::{Content, Found, Holding, Obstacle, Transport},
    layout::{Role, labels},
};
use gettextrs::{gettext, ngettext};

/// The name of a disk: its model, or what kind of disk it is.
pub fn name(disk: &Disk) -> String {
    match disk.model.as_deref().map(str::trim) {
        Some(model) if !model.is_empty() => model.to_owned(),
        _ => kind(disk),
    }
}

/// Name and size: "Samsung SSD 990 PRO, 2.0 TB".
pub fn name_and_size(disk: &Disk) -> String {
    // Translators: the name of a disk and its size, such as "Samsung SSD 990 PRO, 2.0 TB".
    fill(&gettext("{name}, {size}"), &[("name", &name(disk)), ("size", &size(disk.size))])
}

/// What kind of disk it is.
pub fn kind(disk: &Disk) -> String {
    match (disk.transport, disk.rotational) {
        (Transport::Nvme, _) => gettext("Built-in SSD"),
        (Transport::Ata | Transport::Scsi, true) => gettext("Hard disk"),
        (Transport::Ata | Transport::Scsi, false) => gettext("SSD"),
        (Transport::Usb, true) => gettext("USB hard disk"),
        (Transport::Usb, false) => gettext("USB disk"),
        (Transport::Mmc, _) => gettext("Memory card"),
        // Translators: the disk of a virtual machine.
        (Transport::Virtual, _) => gettext("Virtual disk"),
        (Transport::Other, _) => gettext("Disk"),
    }
}

/// The icon of that kind.
pub fn icon(disk: &Disk) -> &'static str {
    match (disk.transport, disk.rotational) {
        (Transport::Usb, _) => "drive-removable-media-symbolic",
        (Transport::Mmc, _) => "media-flash-symbolic",
        (_, true) => "drive-harddisk-symbolic",
        _ => "drive-harddisk-solidstate-symbolic",
    }
}

/// What is on it, in one line.
pub fn content(content: &Content) -> String {
    match content {
        Content::Empty => gettext("Empty"),
        Content::Unknown => gettext("Something is stored here that Forge cannot read"),
        Content::Unfinished { .. } => gettext("An installation that did not end"),
        Content::Whole { holding } => self::holding(holding),
        Content::Table { partitions, .. } if partitions.is_empty() => gettext("No partitions"),
        Content::Table { partitions, .. } => table(partitions),
    }
}

fn table(partitions: &[Found]) -> String {
    let count = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
    // Translators: {n} is the number of partitions on a disk.
    let counted = fill(&ngettext("{n} partition", "{n} partitions", count), &[("n", &count.to_string())]);
    match system(partitions) {
        // Translators: what is on a disk, such as "Windows, 4 partitions".
        Some(system) => fill(&gettext("{system}, {partitions}"), &[("system", &system), ("partitions", &counted)]),
        None => counted,
    }
}

/// The system that these partitions most likely belong to.
fn system(partitions: &[Found]) -> Option<String> {
    let holds = |found: fn(&Holding) -> bool| partitions.iter().any(|p| p.holding.as_ref().is_some_and(found));
    if holds(|h| *h == Holding::Bitlocker) {
        return Some(gettext("Windows (encrypted by BitLocker)"));
    }
    if partitions.iter().any(|p| p.label == "Microsoft reserved partition") {
        return Some(gettext("Windows"));
    }
    if holds(|h| matches!(h, Holding::FileSystem { name, .. } if name == "apfs")) {
        return Some(gettext("macOS"));
    }
    if holds(|h| *h == Holding::Luks) {
        return Some(gettext("Encrypted data"));
    }
    None
}

/// A partition by its name, for a legend.
pub fn partition(found: &Found) -> String {
    match (&found.holding, found.label.as_str()) {
        // As Forge labels partitions itself.
        (None, labels::EMPTY) if found.type_id == Some(Role::RootB.type_id()) => gettext("Room for updates"),
        (None, labels::EMPTY) if found.type_id == Some(Role::VerityB.type_id()) => gettext("Room for updates (hashes)"),
        (_, labels::STATE) if found.type_id == Some(Role::State.type_id()) => gettext("Files and settings"),
        (Some(Holding::FileSystem { label, .. }), _) if !label.is_empty() => label.clone(),
        (Some(Holding::FileSystem { .. }) | None, label) if !label.is_empty() => label.to_owned(),
        (Some(holding), _) => self::holding(holding),
        // Translators: {n} is the number of a partition that has no name.
        (None, _) => fill(&gettext("Partition {n}"), &[("n", &found.number.to_string())]),
    }
}

/// A partition by its name, with the kind of its file system: "Windows (NTFS)".
pub fn partition_and_kind(found: &Found) -> String {
    let name = partition(found);
    let kind = match &found.holding {
        Some(Holding::FileSystem { name: kind, label }) if !(label.is_empty() && found.label.is_empty()) => {
            match kind.as_str() {
                "ntfs" => "NTFS",
                "vfat" => "FAT",
                "exfat" => "exFAT",
                "apfs" => "APFS",
                "hfsplus" => "HFS+",
                other => other,
            }
        }
        _ => return name,
    };
    // Translators: the name of a partition and the kind of its file system, such as "Windows (NTFS)".
    fill(&gettext("{name} ({kind})"), &[("name", &name), ("kind", kind)])
}

/// What a partition or a whole disk holds.
pub fn holding(holding: &Holding) -> String {
    match holding {
        Holding::FileSystem { name, label } if label.is_empty() => fill(&gettext("Files ({kind})"), &[("kind", name)]),
        Holding::FileSystem { label, .. } => label.clone(),
        Holding::Bitlocker => gettext("Encrypted by BitLocker"),
        Holding::Luks => gettext("Encrypted data (LUKS)"),
        Holding::LvmMember => gettext("Part of a volume group (LVM)"),
        Holding::MdMember => gettext("Part of a RAID"),
        Holding::FirmwareRaidMember { .. } => gettext("Part of a RAID that the firmware makes"),
        Holding::ZfsMember => gettext("Part of a storage pool (ZFS)"),
        Holding::MultipathMember => gettext("One of several paths to the same disk"),
        Holding::Swap => gettext("Swap space"),
        Holding::Other { name } => name.clone(),
    }
}

/// Everything that is known of a disk: what it is called, and each partition.
pub fn facts(disk: &Disk) -> Vec<(String, String)> {
    let identity = &disk.identity;
    let mut facts = vec![(gettext("Kind"), kind(disk)), (gettext("Device"), identity.path.clone())];
    // Translators: the serial number of a disk.
    facts.extend(identity.serial.clone().map(|serial| (gettext("Serial Number"), serial)));
    // Translators: the world wide name (WWN) of a disk, a number that no other disk has.
    facts.extend(identity.wwn.clone().map(|wwn| (gettext("World Wide Name"), wwn)));
    if let Content::Table { partitions, .. } = &disk.content {
        facts.extend(partitions.iter().map(|found| {
            let name = fill(&gettext("Partition {n}"), &[("n", &found.number.to_string())]);
            // Translators: the name of a disk and its size, such as "Samsung SSD 990 PRO, 2.0 TB".
            let what = fill(&gettext("{name}, {size}"), &[("name", &partition(found)), ("size", &size(found.size))]);
            (name, what)
        }));
    }
    facts
}

/// Why it can not be taken, and what mends that.
pub fn obstacle(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::BootMedium => gettext("This computer was started from it."),
        Obstacle::BootMediumUnknown => {
            gettext("Forge cannot tell which disk this computer was started from, so it takes none.")
        }
        Obstacle::ReadOnly => gettext("It is write-protected. Some USB sticks and cards have a switch for that."),
        Obstacle::NoMedium => gettext("There is nothing in it."),
        Obstacle::Mounted { at, .. } => {
            // Translators: {place} is a folder.
            fill(&gettext("It is open at {place}. Eject it in Files to use it."), &[("place", at)])
        }
        Obstacle::Swap { .. } => gettext("This live system uses it as swap space. Turn that off in Disks to use it."),
        Obstacle::Held { .. } => gettext("An encrypted or combined volume on it is open. Close it in Disks to use it."),
        Obstacle::PartOf { holding: Holding::FirmwareRaidMember { .. } } => {
            gettext("Part of a RAID that the firmware makes. Turn the RAID off in the firmware settings to use it.")
        }
        Obstacle::PartOf { holding } => {
            // Translators: {what} says what the disk belongs to, such as "Part of a RAID".
            fill(&gettext("{what}. It can only be used as a whole."), &[("what", &self::holding(holding))])
        }
    }
}

/// What will be lost, in one sentence.
pub fn loss(content: &Content) -> String {
    match content {
        Content::Empty => gettext("The disk is empty."),
        Content::Table { partitions, .. } if partitions.is_empty() => gettext("The disk has no partitions."),
        Content::Unknown => gettext("Something is stored here that Forge cannot read. It will be erased."),
        other => {
            // Translators: {what} says what is on a disk, such as "Windows, 4 partitions".
            fill(&gettext("Everything on this disk will be erased: {what}."), &[("what", &self::content(other))])
        }
    }
}
