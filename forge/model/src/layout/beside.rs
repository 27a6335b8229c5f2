//! Partitions in room that no other one has: whatever is on the disk stays where it is, as it is.
//!
//! A partition that stays keeps its number, its GUID, its type, its name, its attributes and its extent. New partitions
//! lie in the gaps, on whole mebibytes, and get the lowest numbers that are free. They have an EFI system partition of
//! their own: that of another system is not touched.

use super::{
    Layout, Partition, Role, Sizes,
    gaps::{Gap, fit, gaps},
};
use crate::{
    Disk, Issue, Manifest,
    answers::{DiskAnswers, SecondSlot, Way},
    inventory::{Content, Entry, Found, Gpt, GptFault},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A partition table that partitions are added to. It is a part of what is confirmed: whatever of it changes before the
/// install, makes it another plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beside {
    /// Which room is used.
    pub way: Way,
    /// The GUID of the disk, which stays.
    pub disk_id: Uuid,
    /// The first byte that a partition can have.
    pub first_usable: u64,
    /// The first byte behind the last one that a partition can have.
    pub end_usable: u64,
    /// The partitions that stay, as they are when the table is written: one that is shrunk has its new size here.
    pub kept: Vec<Found>,
    /// The partitions that go, with what is in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Found>,
    /// Which of those that stay are made smaller before anything else is written, by the tool of their file system.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shrunk: Vec<Shrunk>,
    /// The number of an earlier InterGenOS' state, which stays and whose `home` is the new system's `/home`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<u32>,
}

impl Beside {
    /// The partitions that are in the table when the first byte is written: those that stay and those that go.
    pub fn there(&self) -> Vec<Found> {
        let mut there: Vec<Found> = self.kept.iter().chain(&self.removed).cloned().collect();
        there.sort_by_key(|one| one.number);
        there
    }
}

/// A partition that is made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrunk {
    /// Its number in the table.
    pub number: u32,
    /// Its length in bytes before.
    pub before: u64,
}

impl Layout {
    /// Lays the partitions out in the gaps of the table that is there; all impossibilities at once, with numbers.
    pub fn in_free_space(disk: &Disk, answers: &DiskAnswers, manifest: &Manifest) -> Result<Self, Vec<Issue>> {
        let (gpt, found) = match &disk.content {
            Content::Table { gpt: Some(gpt), partitions, .. } => (gpt, partitions),
            Content::Table { table, .. } => return Err(vec![Issue::NoGpt { table: Some(table.clone()) }]),
            _ => return Err(vec![Issue::NoGpt { table: None }]),
        };
        let (kept, mut issues) = kept(disk, gpt, found);
        let image = &manifest.image.root_hash;
        let same = |(_, entry): &&(u32, Entry)| [image.data_partition(), image.tree_partition()].contains(&entry.id);
        let places: Vec<(u32, Entry)> = kept.iter().filter_map(|one| Some((one.number, one.entry?))).collect();
        let release = places.iter().find(same).map(|(number, _)| *number);
        issues.extend(release.map(|number| Issue::SameReleaseThere { number }));
        // Updates find a slot by type and label alone (systemd-sysupdate): each system would take the other's.
        let slot = kept.iter().find(|one| is_slot(one, &manifest.id));
        let slot = slot.filter(|_| release.is_none());
        issues.extend(slot.map(|one| Issue::SlotsThere { number: one.number, label: one.label.clone() }));

        let taken = kept.iter().filter_map(|one| Some((one.entry?.offset, one.size)));
        // What a table claims need not be true.
        let gaps = gaps(gpt.first_usable, gpt.end_usable.min(disk.size), taken);
        let free: u64 = gaps.iter().map(|gap| gap.size).sum();
        let numbers: Vec<u32> = (1..=gpt.entries).filter(|n| !kept.iter().any(|one| one.number == *n)).collect();
        let placed = Sizes::new(free, disk.sector_size, answers, manifest)
            .and_then(|sizes| place(&gaps, &numbers, &sizes, answers.second_slot, manifest));
        match placed {
            Ok(partitions) if issues.is_empty() => {
                let Gpt { disk_id, first_usable, end_usable, .. } = *gpt;
                let beside = Beside {
                    way: answers.way,
                    disk_id,
                    first_usable,
                    end_usable,
                    kept,
                    removed: Vec::new(),
                    shrunk: Vec::new(),
                    home: None,
                };
                Ok(Self { partitions, beside: Some(beside) })
            }
            placed => {
                issues.extend(placed.err());
                Err(issues)
            }
        }
    }
}

/// Whether updates of this system would take it for a slot of their own.
fn is_slot(found: &Found, id: &str) -> bool {
    let kind = [Role::RootA, Role::VerityA].map(|role| Some(role.type_id())).contains(&found.type_id);
    let ours = found.label.strip_prefix(id).is_some_and(|rest| rest.starts_with('_'));
    kind && (ours || found.label == "_empty")
}

/// What stays, and what of the table stands in the way of adding to it.
fn kept(disk: &Disk, gpt: &Gpt, found: &[Found]) -> (Vec<Found>, Vec<Issue>) {
    let mut issues = Vec::new();
    if gpt.sector_size != disk.sector_size {
        issues.push(Issue::TableSectors { disk: disk.sector_size, table: gpt.sector_size });
    }
    let mut places: Vec<_> = found.iter().filter_map(|one| Some((one.entry?.offset, one.size))).collect();
    places.sort_unstable();
    let end = |(offset, size): (u64, u64)| offset.saturating_add(size);
    let overlap = places.windows(2).any(|pair| end(pair[0]) > pair[1].0)
        || places.iter().any(|place| place.0 < gpt.first_usable || end(*place) > gpt.end_usable || place.1 == 0)
        || gpt.end_usable > disk.size
        || places.len() != found.len();
    if let Some(fault) = gpt.fault.or(overlap.then_some(GptFault::Overlap)) {
        issues.push(Issue::TableFault { fault });
    }
    (found.to_vec(), issues)
}

/// Puts the partitions into the gaps, with a second slot if it is wanted and fits.
fn place(
    gaps: &[Gap],
    numbers: &[u32],
    sizes: &Sizes,
    second: SecondSlot,
    manifest: &Manifest,
) -> Result<Vec<Partition>, Issue> {
    let total = |rows: &[(_, u64)]| rows.iter().map(|row| row.1).sum::<u64>();
    let free: u64 = gaps.iter().map(|gap| gap.size).sum();
    let (one, two) = (sizes.rows(false), sizes.rows(true));
    let no_entries = |rows: &[_]| Issue::NoFreeEntries { free: numbers.len() as u32, needs: rows.len() as u32 };
    let tried = |rows: &[(_, u64)]| {
        let sizes: Vec<u64> = rows.iter().map(|row| row.1).collect();
        fit(gaps, &sizes).filter(|_| numbers.len() >= sizes.len())
    };
    let (rows, chosen) = match (second, tried(&one), tried(&two)) {
        (SecondSlot::Yes | SecondSlot::IfItFits, _, Some(chosen)) => (two, chosen),
        (SecondSlot::No | SecondSlot::IfItFits, Some(chosen), _) => (one, chosen),
        (SecondSlot::Yes, Some(_), None) if numbers.len() < two.len() => return Err(no_entries(&two)),
        (SecondSlot::Yes, Some(_), None) => return Err(Issue::NoRoomForSecondSlot { has: free, needs: total(&two) }),
        (_, None, _) if numbers.len() < one.len() => return Err(no_entries(&one)),
        (_, None, _) => {
            return Err(Issue::NoFreeRoom {
                free,
                largest: gaps.iter().map(|gap| gap.size).max().unwrap_or_default(),
                needs: total(&one),
                piece: one.iter().map(|row| row.1).max().unwrap_or_default(),
            });
        }
    };
    let mut gaps = gaps.to_vec();
    let last = rows.len() - 1;
    let rows = rows.into_iter().zip(chosen).zip(numbers).enumerate();
    let partitions = rows.map(|(index, (((role, least), gap), number))| {
        let gap = &mut gaps[gap];
        // The last one is the state, which takes what is left.
        let size = if index == last { gap.size } else { least };
        let partition = Partition::new(*number, role, gap.offset, size, manifest);
        (gap.offset, gap.size) = (gap.offset + size, gap.size - size);
        partition
    });
    Ok(partitions.collect())
}
