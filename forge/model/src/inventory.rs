//! What this machine has: disks with what is on them, and how its firmware is set.

use crate::{esp, firmware::Device, machine::Preflight};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What was found at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Every disk, the unusable ones too.
    pub disks: Vec<Disk>,
    /// The firmware, held against the boot chain of the payload; nothing where the machine was not started by UEFI, or
    /// where it does not matter, as for a plain file.
    #[serde(default)]
    pub firmware: Option<Preflight>,
    /// Devices that a bundle of firmware could be for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Whether there is a TPM 2.0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tpm2: bool,
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
    /// How it is connected.
    pub transport: Transport,
    /// Whether it has turning platters.
    pub rotational: bool,
    /// Whether a person can take it, or its medium, out.
    pub removable: bool,
    /// Its length in bytes.
    pub size: u64,
    /// Bytes in a logical sector: 512 or 4096.
    pub sector_size: u32,
    /// What is on it now.
    pub content: Content,
    /// Everything that stands against taking it; empty when it can be taken.
    pub obstacles: Vec<Obstacle>,
}

impl Disk {
    /// Whether the running system, or the installer itself, came from this disk.
    pub fn is_boot_medium(&self) -> bool {
        self.obstacles.contains(&Obstacle::BootMedium)
    }
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

/// How a disk is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// On PCI Express.
    Nvme,
    /// A SATA or older ATA disk.
    Ata,
    /// SCSI or SAS.
    Scsi,
    /// On USB.
    Usb,
    /// An SD card or soldered eMMC.
    Mmc,
    /// A disk of a virtual machine.
    Virtual,
    /// Something else, or a plain file.
    Other,
}

/// Why a disk can not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "obstacle", rename_all = "kebab-case")]
pub enum Obstacle {
    /// The running system or the installer came from it.
    BootMedium,
    /// It can not be told which disk the running system came from, so none is taken.
    BootMediumUnknown,
    /// It can not be written.
    ReadOnly,
    /// A drive without a medium.
    NoMedium,
    /// A file system of it is mounted.
    Mounted {
        /// The device that is mounted.
        device: String,
        /// Where.
        at: String,
    },
    /// It is used as swap space.
    Swap {
        /// The device that is used.
        device: String,
    },
    /// Another device lies on top of it: an unlocked volume, a volume group, an array.
    Held {
        /// The device that is held.
        device: String,
        /// The one that lies on it.
        by: String,
    },
    /// It is a part of something larger that has to be written as a whole: firmware RAID, one path of several.
    PartOf {
        /// What.
        holding: Holding,
    },
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
        /// What else the table says, where it was read: without it nothing can be installed beside the partitions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gpt: Option<Gpt>,
    },
    /// No partition table; one file system or member on the whole disk.
    Whole {
        /// What.
        holding: Holding,
    },
    /// Something is there that Forge can not name.
    Unknown,
    /// An install of Forge that did not end.
    Unfinished {
        /// The stage in which it stopped.
        stage: crate::Stage,
    },
}

impl Content {
    /// What it is, without what is only looked at to install beside it: that a disk answers in time must not make another
    /// plan of the same disk.
    #[must_use]
    pub fn to_erase(&self) -> Self {
        match self {
            Self::Table { table, partitions, gpt: _ } => Self::Table {
                table: table.clone(),
                partitions: partitions.iter().map(|one| Found { entry: None, ..one.without_sizes() }).collect(),
                gpt: None,
            },
            other => other.clone(),
        }
    }
}

impl Found {
    /// What its entry in the table says, and nothing of what is in it.
    #[must_use]
    pub fn entry_alone(&self) -> Self {
        Self { holding: None, ..self.without_sizes() }
    }

    /// Whether a system sleeps that has its file system open.
    pub fn sleeps(&self) -> bool {
        self.shrinks == Some(Shrinks::Not { why: ShrinkFault::Hibernated })
    }

    /// Without what only its file system knows: how small it can be, and what an EFI system partition holds.
    #[must_use]
    pub fn without_sizes(&self) -> Self {
        Self { shrinks: None, esp: None, ..self.clone() }
    }

    /// Bytes that are free in an EFI system partition, where that was looked at.
    pub fn free(&self) -> Option<u64> {
        match self.esp {
            Some(esp::Content::Fat { free, .. }) => free,
            Some(esp::Content::NoFat) | None => None,
        }
    }
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
    /// What is in it, where that was looked at and could be named.
    pub holding: Option<Holding>,
    /// Where it lies and what else its entry says, where the table was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Entry>,
    /// How small it can be made, where that was looked at and its file system allows it at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shrinks: Option<Shrinks>,
    /// What an EFI system partition holds, where that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub esp: Option<esp::Content>,
}

/// Whether a partition can be made smaller. It is looked at again right before that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "shrinks", rename_all = "kebab-case")]
pub enum Shrinks {
    /// By the tool of its file system.
    To {
        /// The least length in bytes, with room to live.
        least: u64,
    },
    /// Not as it is.
    Not {
        /// Why.
        why: ShrinkFault,
    },
}

/// Why a partition is not made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShrinkFault {
    /// Its file system has no tool that makes it smaller, or Forge does not use it.
    FileSystem,
    /// BitLocker, LUKS, LVM, MD, ZFS: something lies between the partition and its file system.
    Wrapped,
    /// Windows is hibernated, or its fast start keeps the file system open.
    Hibernated,
    /// It was not unmounted, or its own check finds faults.
    Dirty,
    /// It could not be looked at.
    Unreadable,
}

/// The rest of a partition's entry in a GPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its first byte.
    pub offset: u64,
    /// Its PARTUUID.
    pub id: Uuid,
    /// Its attribute bits, as they are.
    pub attributes: u64,
}

/// What the header of a GPT says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpt {
    /// The GUID of the disk.
    pub disk_id: Uuid,
    /// Bytes in a sector, as the table counts them.
    pub sector_size: u32,
    /// The first byte that a partition can have.
    pub first_usable: u64,
    /// The first byte behind the last one that a partition can have.
    pub end_usable: u64,
    /// How many partitions the table has room for.
    pub entries: u32,
    /// Why nothing may be added to it.
    pub fault: Option<GptFault>,
}

/// Why nothing may be added to a GPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GptFault {
    /// The first copy of the table is damaged: the second one is all that there is.
    FirstCopy,
    /// The second copy does not lie at the end of the disk; the disk, or the file, was made larger.
    NotAtEnd,
    /// The protective MBR is missing: other systems do not see the table.
    NoProtectiveMbr,
    /// The MBR has entries of its own, which would have to agree with the table.
    HybridMbr,
    /// Its partitions overlap, or lie where none can.
    Overlap,
    /// It lies in an unusual place or form, which Forge does not write.
    Unusual,
}

/// What a partition or a whole disk holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "holds", rename_all = "kebab-case")]
pub enum Holding {
    /// A file system.
    FileSystem {
        /// Its type as libblkid names it: `ntfs`, `ext4`, `vfat`.
        name: String,
        /// Its label, or empty.
        label: String,
    },
    /// A volume that Windows encrypted.
    Bitlocker,
    /// A LUKS volume.
    Luks,
    /// A physical volume of LVM.
    LvmMember,
    /// A member of a Linux software array (MD).
    MdMember,
    /// A member of an array that the firmware makes (Intel RST/VMD, DDF and others).
    FirmwareRaidMember {
        /// Its type as libblkid names it: `isw_raid_member`.
        name: String,
    },
    /// A member of a ZFS pool.
    ZfsMember,
    /// One of several paths to a disk.
    MultipathMember,
    /// A swap area.
    Swap,
    /// Something else that has a name.
    Other {
        /// The name that libblkid gives it.
        name: String,
    },
}
