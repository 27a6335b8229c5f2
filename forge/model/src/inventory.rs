//! What this machine has: disks with what is on them, and how its firmware is set.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What was found at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Every disk, the unusable ones too.
    pub disks: Vec<Disk>,
}

impl Inventory {
    /// The disk with this path.
    pub fn disk(&self, path: &str) -> Option<&Disk> {
        self.disks.iter().find(|d| d.identity.path == path)
    }
}

/// A disk, or a plain file that stands for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// What makes it this disk and no other.
    pub identity: Identity,
    /// What it is, for people: "Samsung SSD 990 PRO", or nothing.
    pub model: Option<String>,
    /// A disk or a file.
    pub kind: DiskKind,
    /// Its length in bytes.
    pub size: u64,
    /// Bytes in a logical sector: 512 or 4096.
    pub sector_size: u32,
    /// What is on it now.
    pub content: Content,
}

/// What pins a disk: checked again right before the first write.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Its path; may change between boots, so it never stands alone for a real disk.
    pub path: String,
    /// Serial number, where the disk has one.
    pub serial: Option<String>,
    /// World wide name, where the disk has one.
    pub wwn: Option<String>,
    /// The kernel's disk sequence number, or a file's inode number.
    pub sequence: Option<u64>,
}

/// The two kinds of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskKind {
    /// A block device.
    Disk,
    /// A plain file: image building, tests, the demo.
    File,
}

/// What is on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Content {
    /// Nothing but zeros where a partition table or a boot sector would be.
    Empty,
    /// A partition table with these partitions.
    Table {
        /// `gpt` or `dos`.
        table: String,
        /// Its partitions, in order.
        partitions: Vec<Found>,
    },
    /// Something is there that Forge can not name.
    Unknown,
    /// An install of Forge that did not end.
    Unfinished {
        /// The stage in which it stopped.
        stage: crate::Stage,
    },
}

/// A partition that is there now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its number in the table.
    pub number: u32,
    /// Its label, or empty.
    pub label: String,
    /// Its type in a GPT.
    pub type_id: Option<Uuid>,
    /// Its length in bytes.
    pub size: u64,
}
