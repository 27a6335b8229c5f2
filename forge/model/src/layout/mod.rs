//! Where each partition lies (design.md section 5; Discoverable Partitions Specification).
//!
//! | file | what |
//! |---|---|
//! | `mod` | the partitions, their sizes, and where they lie on a disk that is erased |
//! | [`beside`] | where they lie on a disk on which everything else stays |
//! | `gaps` | room between partitions, and what fits into it |
//! | [`earlier`] | an earlier InterGenOS on the disk |
//! | [`labels`] | what partitions are called |
//! | `pick` | which partitions that are there go, become smaller, or are shared |
//! | `shared` | whether an EFI system partition that is there can be shared |
//! | [`offers`] | every way that a disk offers, for somebody who chooses |
//! | [`bars`] | a disk as a bar, before and after |

pub mod bars;
pub mod beside;
pub mod earlier;
mod gaps;
pub mod labels;
pub mod offers;
mod pick;
mod shared;

pub use beside::{Beside, Shrunk};
pub use earlier::{Earlier, Seen};
pub use offers::Offers;
pub use shared::MOST_SHARED_ESP;

use crate::{
    Disk, Issue, Manifest,
    answers::{DiskAnswers, SecondSlot, Way},
    size::{GIB, MIB, round_down, round_up},
    verity::Shape,
};
use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

/// Bytes before an encrypted state's data: two copies of LUKS2's metadata, and its key slots.
pub const LUKS_HEADER: u64 = 16 * MIB;
/// Every partition starts and ends on a multiple of this.
pub const ALIGNMENT: u64 = MIB;

/// The partitions of a plan, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The partitions that will be made.
    pub partitions: Vec<Partition>,
    /// The table that they are added to, with everything that stays; nothing when the whole disk is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
}

/// One partition that will be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Its number in the table, from 1.
    pub number: u32,
    /// What it is for.
    pub role: Role,
    /// Its first byte.
    pub offset: u64,
    /// Its length in bytes.
    pub size: u64,
    /// Its label in the table.
    pub label: String,
    /// PARTUUID, where it follows from the root hash or is there already; otherwise it is drawn at random while installing.
    pub fixed_id: Option<Uuid>,
    /// Whether it is there already, and is used as it is: an EFI system partition that is shared with other systems.
    /// Files are added to it; its entry in the table stays, and it is one of those that are kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
}

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// EFI system partition.
    Esp,
    /// System image, slot A.
    RootA,
    /// Hash tree, slot A.
    VerityA,
    /// Room for the next system image, empty now.
    RootB,
    /// Room for its hash tree, empty now.
    VerityB,
    /// Everything that may change: `/var`, `/home` and the writable layer of `/etc`.
    State,
}

impl Role {
    /// The partition type of the Discoverable Partitions Specification.
    pub fn type_id(self) -> Uuid {
        match self {
            Self::Esp => uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
            Self::RootA | Self::RootB => uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
            Self::VerityA | Self::VerityB => uuid!("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"),
            Self::State => uuid!("4d21b016-b534-45c2-a9fb-5c16e091fd2d"),
        }
    }

    /// The attribute bits: slot A is read-only (bit 60), an empty slot is not to be found by its type (bit 63).
    ///
    /// Beside other systems nothing but the ESP is: one that starts without `root=` would take slot A for its own root
    /// (systemd-gpt-auto-generator(8)). This system names each of its partitions on its command line.
    pub fn attributes(self, way: Way) -> u64 {
        let hidden = if way.is_whole_disk() { 0 } else { 1 << 63 };
        match self {
            Self::RootA | Self::VerityA => 1 << 60 | hidden,
            Self::RootB | Self::VerityB => 1 << 63,
            Self::State => hidden,
            Self::Esp => 0,
        }
    }
}

/// The sizes that a payload asks for, before any disk is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    esp: u64,
    root: u64,
    verity: u64,
    state: u64,
}

impl Layout {
    /// Lays the partitions out in the way that the answers want; all impossibilities at once, with numbers.
    pub fn new(disk: &Disk, answers: &DiskAnswers, manifest: &Manifest) -> Result<Self, Vec<Issue>> {
        match answers.way {
            Way::WholeDisk => match pick::misplaced(answers) {
                issues if issues.is_empty() => Self::on_whole_disk(disk.size, disk.sector_size, answers, manifest),
                issues => Err(issues),
            },
            Way::FreeSpace | Way::Replace | Way::Manual => Self::beside_others(disk, answers, manifest),
        }
    }

    /// Lays the partitions out on an empty disk of `disk_size` bytes; all impossibilities at once, with numbers.
    ///
    /// There is room for all firmware that the manifest has: see [`Manifest::needed`].
    pub fn on_whole_disk(
        disk_size: u64,
        sector_size: u32,
        answers: &DiskAnswers,
        manifest: &Manifest,
    ) -> Result<Self, Vec<Issue>> {
        let sizes = Sizes::new(disk_size, sector_size, answers, manifest).map_err(|issue| vec![issue])?;
        let (one, two) = (sizes.needed(1), sizes.needed(2));
        if disk_size < one {
            return Err(vec![Issue::TooSmall { has: disk_size, needs: one }]);
        }
        let second = match answers.second_slot {
            SecondSlot::No => false,
            SecondSlot::IfItFits => disk_size >= two,
            SecondSlot::Yes if disk_size >= two => true,
            SecondSlot::Yes => return Err(vec![Issue::NoRoomForSecondSlot { has: disk_size, needs: two }]),
        };
        Ok(Self::place(disk_size, sizes, second, manifest))
    }

    fn place(disk_size: u64, sizes: Sizes, second: bool, manifest: &Manifest) -> Self {
        let used = sizes.needed(if second { 2 } else { 1 }) - sizes.state;
        let rest = round_down(disk_size, ALIGNMENT) - used;
        let mut offset = ALIGNMENT;
        let rows = sizes.rows(second).into_iter().zip(1..);
        let partitions = rows.map(|((role, size), number)| {
            let size = if role == Role::State { rest } else { size };
            let partition = Partition::new(number, role, offset, size, manifest);
            offset += size;
            partition
        });
        Self { partitions: partitions.collect(), beside: None }
    }

    /// The partition with this role, if the layout has it.
    pub fn find(&self, role: Role) -> Option<&Partition> {
        self.partitions.iter().find(|p| p.role == role)
    }

    /// The partition with a role that every layout has: ESP, slot A and state.
    ///
    /// # Panics
    /// When asked for slot B of a layout without one.
    pub fn must(&self, role: Role) -> &Partition {
        self.find(role).expect("every layout has an ESP, slot A and state")
    }
}

impl Partition {
    /// One with the label and the PARTUUID that follow from its role.
    fn new(number: u32, role: Role, offset: u64, size: u64, manifest: &Manifest) -> Self {
        let (hash, release) = (manifest.image.root_hash, labels::slot(&manifest.id, &manifest.release));
        let (label, fixed_id) = match role {
            Role::Esp => (labels::ESP.to_owned(), None),
            Role::RootA => (label(&release), Some(hash.data_partition())),
            Role::VerityA => (label(&format!("{release}_verity")), Some(hash.tree_partition())),
            Role::RootB | Role::VerityB => (labels::EMPTY.to_owned(), None),
            Role::State => (labels::STATE.to_owned(), None),
        };
        Self { number, role, offset, size, label, fixed_id, shared: false }
    }
}

impl Sizes {
    /// What a payload asks for, where there are `room` bytes for it.
    fn new(room: u64, sector_size: u32, answers: &DiskAnswers, manifest: &Manifest) -> Result<Self, Issue> {
        if sector_size != 512 && sector_size != 4096 {
            return Err(Issue::SectorSize { found: sector_size });
        }
        let esp_needs = esp_needs(sector_size, manifest);
        let default_esp = if room >= 16 * GIB { GIB } else { 512 * MIB };
        let esp = answers.esp_mib.map_or(default_esp.max(esp_needs), |mib| u64::from(mib) * MIB);
        if esp < esp_needs {
            return Err(Issue::EspTooSmall { asked: esp, needs: esp_needs });
        }
        let root = round_up(manifest.image.data.size.saturating_mul(3) / 2, 16 * MIB);
        let verity = round_up(tree_bytes(root, manifest.image.block_size).max(manifest.image.tree.size), MIB);
        let state = least_state(manifest);
        Ok(Self { esp, root, verity, state })
    }

    /// Each partition with its least size, in the order in which they are numbered.
    fn rows(&self, second: bool) -> Vec<(Role, u64)> {
        let mut rows = vec![(Role::Esp, self.esp), (Role::RootA, self.root), (Role::VerityA, self.verity)];
        if second {
            rows.extend([(Role::RootB, self.root), (Role::VerityB, self.verity)]);
        }
        rows.push((Role::State, self.state));
        rows
    }

    /// Bytes that a disk needs for this many slots: 1 MiB at each end holds the partition tables.
    fn needed(&self, slots: u64) -> u64 {
        2 * ALIGNMENT + self.esp + slots * (self.root + self.verity) + self.state
    }
}

/// The least state, with room for all firmware that the manifest has.
fn least_state(manifest: &Manifest) -> u64 {
    let firmware: u64 = manifest.firmware.iter().map(|bundle| bundle.image.size + MIB).sum();
    round_up(manifest.minimum_state_bytes.max(16 * MIB).saturating_add(firmware), MIB)
}

/// Room for the boot files, and for what FAT32 itself needs.
fn esp_needs(sector_size: u32, manifest: &Manifest) -> u64 {
    // FAT32 has at least 65,525 clusters of one sector each, and two tables of four bytes a cluster.
    let smallest_fat32 = 65_525 * (u64::from(sector_size) + 8) + MIB;
    boot_files(manifest).max(round_up(smallest_fat32, MIB))
}

/// Room for three UKIs, two copies of the loaders, and the addons of the firmware that the manifest has.
fn boot_files(manifest: &Manifest) -> u64 {
    let boot = &manifest.boot;
    let uki = boot.kernel.size + boot.initrd.size + MIB;
    let loaders = 2 * (boot.shim.size + boot.mok_manager.size + boot.grub.size) + boot.fallback.size;
    let addons: u64 = manifest.firmware.iter().flat_map(|bundle| &bundle.early).map(|archive| archive.size + MIB).sum();
    round_up(3 * uki + loaders + addons + 4 * MIB, MIB)
}

/// Bytes of a dm-verity superblock and hash tree over `data` bytes (SHA-256, as veritysetup(8) lays it out).
fn tree_bytes(data: u64, block_size: u32) -> u64 {
    Shape::new(data.div_ceil(u64::from(block_size))).bytes()
}

/// A GPT label holds 36 UTF-16 units.
fn label(text: &str) -> String {
    text.chars().filter(char::is_ascii).take(36).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_a_gigabyte_is_as_large_as_veritysetup_makes_it() {
        // veritysetup format on 1 GiB: 2048 + 16 + 1 hash blocks and the superblock.
        assert_eq!(tree_bytes(GIB, 4096), (1 + 2048 + 16 + 1) * 4096);
        assert_eq!(tree_bytes(4096, 4096), 4096);
    }
}
