//! Why something can not be done: a user's mistake or a machine's limit, as data. Programs turn it into sentences.

use crate::{
    inventory::{GptFault, Obstacle},
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
            Self::NoGpt { .. }
            | Self::NoFreeRoom { .. }
            | Self::NoFreeEntries { .. }
            | Self::SameReleaseThere { .. } => "disk.use",
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
