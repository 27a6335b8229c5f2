//! Why something can not be done: a user's mistake or a machine's limit, as data. Programs turn it into sentences.

use crate::{
    answers::Way,
    inventory::{GptFault, Obstacle, ShrinkFault},
    layout::Seen,
    machine::ChainFault,
    names::NameFault,
};
use serde::{Deserialize, Serialize};

/// One reason why a plan can not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "issue", rename_all = "kebab-case")]
pub enum Issue {
    /// The target is not in the inventory.
    NoSuchDisk {
        /// The path asked for.
        path: String,
    },
    /// The disk can not be taken.
    NotFree {
        /// Its path.
        path: String,
        /// Why not.
        obstacle: Obstacle,
    },
    /// The answers do not say that everything on the disk may go.
    EraseNotConfirmed,
    /// The answers say that everything on the disk may go, and that it stays.
    EraseAndKeep,
    /// There is no GUID partition table to which partitions could be added.
    NoGpt {
        /// The table that is there, such as `dos`; nothing when there is none that was read.
        table: Option<String>,
    },
    /// Nothing may be added to the partition table as it is.
    TableFault {
        /// Why.
        fault: GptFault,
    },
    /// The partition table counts in other sectors than the disk has.
    TableSectors {
        /// Bytes in a sector of the disk.
        disk: u32,
        /// Bytes in a sector, as the table counts them.
        table: u32,
    },
    /// There is too little room between the partitions, or not enough in one piece.
    NoFreeRoom {
        /// Bytes that no partition has, without what alignment takes.
        free: u64,
        /// The largest piece of it.
        largest: u64,
        /// Bytes that are needed, at the least.
        needs: u64,
        /// The largest partition of these, which needs one piece.
        piece: u64,
    },
    /// The partition table has no entries left.
    NoFreeEntries {
        /// How many are free.
        free: u32,
        /// How many are needed, at the least.
        needs: u32,
    },
    /// The same release is on this disk already: its partitions have the same names, so that neither could be told apart.
    SameReleaseThere {
        /// The number of its partition.
        number: u32,
    },
    /// The answers say something about the disk that has no place in the way that they choose.
    NotThisWay {
        /// What.
        key: DiskKey,
        /// The way.
        way: Way,
    },
    /// Two answers exclude each other: a size for an EFI system partition, and one that is shared and there already.
    EspSizeAndShared,
    /// The answers name a partition that is not on the disk.
    NoSuchPartition {
        /// Where.
        key: DiskKey,
        /// The number.
        number: u32,
    },
    /// The answers name a partition more than once: in one list, or for two things that exclude each other.
    PartitionTwice {
        /// Where it stands for the second time.
        key: DiskKey,
        /// The number.
        number: u32,
    },
    /// A system sleeps in a partition: when it wakes up it goes on with what it remembers of the disk.
    Sleeping {
        /// What would change the disk under it.
        key: DiskKey,
        /// The number of its partition.
        number: u32,
    },
    /// There is no earlier system of this kind on the disk.
    NoEarlierSystem {
        /// What looked like a part of one.
        seen: Vec<Seen>,
    },
    /// More than one earlier system may be there, and it can not be told which partitions belong together.
    EarlierSystemsUnclear {
        /// What was seen.
        seen: Vec<Seen>,
    },
    /// The earlier system's state can not stay as a place for `/home`: it is encrypted.
    HomeEncrypted {
        /// The number of its partition.
        number: u32,
    },
    /// The earlier system's state can not stay as a place for `/home`: nobody knows that it is an ext4 file system.
    HomeUnknown {
        /// The number of its partition.
        number: u32,
    },
    /// Encryption is wanted, and `/home` would stay in the earlier system's state, which is not encrypted.
    HomeNotEncrypted,
    /// Partitions in a plain file are not made smaller: the tools need a disk.
    ShrinkOnFile,
    /// A partition can not be made smaller.
    NotShrinkable {
        /// Its number.
        number: u32,
        /// Why; nothing when it was not looked at.
        why: Option<ShrinkFault>,
    },
    /// A partition would be made smaller than its contents allow.
    ShrunkTooSmall {
        /// Its number.
        number: u32,
        /// Bytes asked for.
        asked: u64,
        /// Bytes that it needs.
        least: u64,
    },
    /// A partition would not become smaller.
    ShrunkGrows {
        /// Its number.
        number: u32,
        /// Bytes asked for.
        asked: u64,
        /// Bytes that it has.
        has: u64,
    },
    /// A partition can not be shared as the EFI system partition.
    NotSharable {
        /// Its number.
        number: u32,
        /// Why.
        fault: SharedFault,
    },
    /// The EFI system partition that would be shared has too little free room.
    SharedEspFull {
        /// Its number.
        number: u32,
        /// Bytes that are free.
        free: u64,
        /// Bytes that are needed: for three boot images and their loaders.
        needs: u64,
    },
    /// The state would be too small.
    StateTooSmall {
        /// Bytes asked for.
        asked: u64,
        /// Bytes that are needed.
        needs: u64,
    },
    /// A partition is a slot of a system that is updated in the same way: updates of each would take the other's.
    SlotsThere {
        /// The number of its partition.
        number: u32,
        /// Its label.
        label: String,
    },
    /// The disk is smaller than the smallest layout.
    TooSmall {
        /// Bytes that it has.
        has: u64,
        /// Bytes that are needed.
        needs: u64,
    },
    /// The disk has sectors of a size that Forge does not write.
    SectorSize {
        /// The size found.
        found: u32,
    },
    /// The EFI system partition asked for is too small for the boot files.
    EspTooSmall {
        /// Bytes asked for.
        asked: u64,
        /// Bytes that are needed.
        needs: u64,
    },
    /// A second slot was asked for and does not fit.
    NoRoomForSecondSlot {
        /// Bytes that the disk has.
        has: u64,
        /// Bytes that are needed with it.
        needs: u64,
    },
    /// The user name can not be used.
    UserName {
        /// The name.
        name: String,
        /// Why not.
        fault: NameFault,
    },
    /// The full name can not be used.
    FullName {
        /// The name.
        name: String,
        /// Why not.
        fault: NameFault,
    },
    /// The host name can not be used.
    HostName {
        /// The name.
        name: String,
        /// Why not.
        fault: NameFault,
    },
    /// The password hash is not of a kind that the system takes.
    PasswordHash,
    /// The image has no such locale.
    NoSuchLocale {
        /// The name asked for.
        name: String,
        /// The nearest name that it has.
        nearest: Option<String>,
    },
    /// The image has no such time zone.
    NoSuchTimezone {
        /// The name asked for.
        name: String,
        /// The nearest name that it has.
        nearest: Option<String>,
    },
    /// The image has no such keyboard.
    NoSuchKeyboard {
        /// The name asked for, as `layout` or `layout(variant)`.
        name: String,
        /// The nearest name that it has.
        nearest: Option<String>,
    },
    /// The payload has no such bundle of firmware.
    UnknownBundle {
        /// The name asked for.
        name: String,
        /// The nearest name that it has.
        nearest: Option<String>,
    },
    /// The payload's bundle of this name is not the one that was accepted.
    OtherBundle {
        /// Its name.
        name: String,
        /// SHA-256 of the image that was accepted.
        asked: String,
        /// SHA-256 of the image that is there.
        has: String,
    },
    /// The answers name a bundle of firmware more than once.
    TwiceBundle {
        /// Its name.
        name: String,
    },
    /// A TPM is to open the state, and this machine has none that could.
    NoTpm2,
    /// This machine's firmware would refuse to start what is installed.
    ChainRefused {
        /// Why.
        fault: ChainFault,
    },
}

/// A key of the answers about the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskKey {
    /// `shared-esp`
    SharedEsp,
    /// `keep-home`
    KeepHome,
    /// `delete`
    Delete,
    /// `shrink`
    Shrink,
    /// `state-mib`
    StateMib,
}

impl DiskKey {
    /// Its place in an answer file.
    pub fn place(self) -> &'static str {
        match self {
            Self::SharedEsp => "disk.shared-esp",
            Self::KeepHome => "disk.keep-home",
            Self::Delete => "disk.delete",
            Self::Shrink => "disk.shrink",
            Self::StateMib => "disk.state-mib",
        }
    }
}

/// Why a partition can not be shared as the EFI system partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SharedFault {
    /// Its type in the table is another one.
    Type,
    /// It holds no FAT file system, or nobody could say what it holds.
    NotFat,
    /// It could not be told how much is free in it.
    FreeUnknown,
    /// It belongs to the system that is replaced, and goes with it.
    Replaced,
    /// It has files of a system of this kind already: each would start the other's.
    SameSystem,
    /// It is larger than [`MOST_SHARED_ESP`](crate::layout::MOST_SHARED_ESP).
    TooLarge,
}

impl Issue {
    /// The place in an answer file that has to change, or nothing when it is the machine.
    pub fn place(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoSuchDisk { .. }
            | Self::NotFree { .. }
            | Self::TooSmall { .. }
            | Self::SectorSize { .. }
            | Self::TableFault { .. }
            | Self::TableSectors { .. }
            | Self::ChainRefused { .. } => return None,
            Self::EraseNotConfirmed | Self::EraseAndKeep => "disk.erase",
            Self::NotThisWay { key, .. }
            | Self::NoSuchPartition { key, .. }
            | Self::PartitionTwice { key, .. }
            | Self::Sleeping { key, .. } => key.place(),
            Self::EspSizeAndShared | Self::NotSharable { .. } | Self::SharedEspFull { .. } => "disk.shared-esp",
            Self::HomeEncrypted { .. } | Self::HomeUnknown { .. } | Self::HomeNotEncrypted => "disk.keep-home",
            Self::ShrinkOnFile
            | Self::NotShrinkable { .. }
            | Self::ShrunkTooSmall { .. }
            | Self::ShrunkGrows { .. } => "disk.shrink",
            Self::StateTooSmall { .. } => "disk.state-mib",
            Self::NoEarlierSystem { .. }
            | Self::EarlierSystemsUnclear { .. }
            | Self::NoGpt { .. }
            | Self::NoFreeRoom { .. }
            | Self::NoFreeEntries { .. }
            | Self::SameReleaseThere { .. }
            | Self::SlotsThere { .. } => "disk.use",
            Self::EspTooSmall { .. } => "disk.esp-mib",
            Self::NoRoomForSecondSlot { .. } => "disk.second-slot",
            Self::UserName { .. } => "user.name",
            Self::FullName { .. } => "user.full-name",
            Self::PasswordHash => "user.password",
            Self::HostName { .. } => "system.hostname",
            Self::NoSuchLocale { .. } => "system.locale",
            Self::NoSuchTimezone { .. } => "system.timezone",
            Self::NoSuchKeyboard { .. } => "system.keyboard",
            Self::UnknownBundle { .. } | Self::TwiceBundle { .. } => "firmware.bundle",
            Self::OtherBundle { .. } => "firmware.sha256",
            Self::NoTpm2 => "encryption.tpm2",
        })
    }
}

/// The name of a list that is nearest to a misspelt one, if any is near.
pub fn nearest<'a>(asked: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&asked.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        let zones = ["Europe/Berlin", "Europe/Paris", "Asia/Tokyo"];
        assert_eq!(nearest("Europe/Berln", zones), Some("Europe/Berlin"));
        assert_eq!(nearest("xyz", zones), None);
    }
}
