//! Partitions beside others, which stay where they are, as they are.
//!
//! A partition that stays keeps its number, its GUID, its type, its name, its attributes and its extent; one that is made
//! smaller keeps its start. New partitions lie in the gaps, in the room of those that go, and behind those that are made
//! smaller, on whole mebibytes. They get the lowest numbers that nobody had. They have an EFI system partition of their
//! own, or share one: that of another system is not touched otherwise.
//!
//! The ways differ only in what `pick` picks.

use super::{
    Layout, Partition, Role, Sizes,
    gaps::{Gap, fit, gaps},
    labels,
    pick::pick,
};
use crate::{
    Disk, Issue, Manifest,
    answers::{DiskAnswers, SecondSlot, Way},
    inventory::{Content, Entry, Found, Gpt, GptFault, Shrinks},
    size::MIB,
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
    /// The number of an EFI system partition that stays because others have files in it, too, though a firmware without a
    /// boot entry starts the loader of an earlier system of this kind from it, which starts nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_loader: Option<u32>,
}

impl Beside {
    /// The partitions that are in the table when the first byte is written: those that stay and those that go.
    pub fn there(&self) -> Vec<Found> {
        let mut there: Vec<Found> = self.kept.iter().chain(&self.removed).cloned().collect();
        there.sort_by_key(|one| one.number);
        there
    }

    /// The partitions as they were found: those that are made smaller have the size that they had.
    pub fn found(&self) -> Vec<Found> {
        let mut found = self.there();
        for shrunk in &self.shrunk {
            let one = found.iter_mut().filter(|one| one.number == shrunk.number);
            one.for_each(|one| one.size = shrunk.before);
        }
        found
    }

    /// A disk as it was before its partitions were made smaller, which they may be by now.
    fn before_it_was_smaller(&self, disk: &Disk) -> Disk {
        let mut disk = disk.clone();
        let Content::Table { partitions, .. } = &mut disk.content else { return disk };
        for shrunk in &self.shrunk {
            let kept = self.kept.iter().find(|kept| kept.number == shrunk.number);
            let now =
                |found: &&mut Found| kept.is_some_and(|kept| (kept.number, kept.size) == (found.number, found.size));
            for found in partitions.iter_mut().filter(now) {
                // That it can be so small was looked at then. An NTFS waits for a check now.
                found.shrinks = Some(Shrinks::To { least: found.size });
                found.size = shrunk.before;
            }
        }
        disk
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
    /// Whether the same answers give the same layout on a disk as it is now. What is made smaller may have its new size.
    pub fn still_fits(&self, disk: &Disk, answers: &DiskAnswers, manifest: &Manifest) -> bool {
        let now = match &self.beside {
            None => Self::new(disk, answers, manifest),
            Some(beside) => Self::new(&beside.before_it_was_smaller(disk), answers, manifest),
        };
        now.is_ok_and(|now| now == *self)
    }

    /// Lays the partitions out in room that is free, or that the answers free; all impossibilities at once, with numbers.
    pub fn beside_others(disk: &Disk, answers: &DiskAnswers, manifest: &Manifest) -> Result<Self, Vec<Issue>> {
        let (gpt, found) = match &disk.content {
            Content::Table { gpt: Some(gpt), partitions, .. } => (gpt, partitions),
            Content::Table { table, .. } => return Err(vec![Issue::NoGpt { table: Some(table.clone()) }]),
            _ => return Err(vec![Issue::NoGpt { table: None }]),
        };
        let mut issues = faults(disk, gpt, found);
        let picked = match pick(disk, found, answers, manifest) {
            Ok(picked) => picked,
            // What would be free is not known then.
            Err(more) => {
                issues.extend(more);
                return Err(issues);
            }
        };
        let (removed, mut kept): (Vec<Found>, Vec<Found>) =
            found.iter().map(Found::without_sizes).partition(|one| picked.removed.contains(&one.number));
        for one in &mut kept {
            let smaller = picked.shrunk.iter().find(|(shrunk, _)| shrunk.number == one.number);
            one.size = smaller.map_or(one.size, |(_, size)| *size);
        }
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
        // A number that goes is taken only when there is no other: whoever remembers it means what was there.
        let unused = |n: &u32| !found.iter().any(|one| one.number == *n);
        let gone = removed.iter().map(|one| one.number).filter(|n| (1..=gpt.entries).contains(n));
        let numbers: Vec<u32> = (1..=gpt.entries).filter(unused).chain(gone).collect();
        let shared = kept.iter().find(|one| picked.shared == Some(one.number)).and_then(Partition::shared);
        let state = answers.state_mib.map(|mib| u64::from(mib) * MIB);
        let wanted = Wanted { second: answers.second_slot, shared, state, home: picked.home };
        let placed = Sizes::new(free, disk.sector_size, answers, manifest)
            .and_then(|sizes| place(&gaps, &numbers, &sizes, &wanted, manifest));
        match placed {
            Ok(partitions) if issues.is_empty() => {
                let Gpt { disk_id, first_usable, end_usable, .. } = *gpt;
                let shrunk = picked.shrunk.into_iter().map(|(one, _)| one).collect();
                let (home, old_loader) = (picked.home, picked.old_loader);
                let way = answers.way;
                let beside = Beside { way, disk_id, first_usable, end_usable, kept, removed, shrunk, home, old_loader };
                Ok(Self { partitions, beside: Some(beside) })
            }
            placed => {
                issues.extend(placed.err());
                Err(issues)
            }
        }
    }
}

impl Partition {
    /// An EFI system partition that is there, as one that is used.
    fn shared(found: &Found) -> Option<Self> {
        let Entry { offset, id, .. } = found.entry?;
        Some(Self {
            number: found.number,
            role: Role::Esp,
            offset,
            size: found.size,
            label: found.label.clone(),
            fixed_id: Some(id),
            shared: true,
        })
    }
}

/// Whether updates of this system would take it for a slot of their own.
fn is_slot(found: &Found, id: &str) -> bool {
    let kind = [Role::RootA, Role::VerityA].map(|role| Some(role.type_id())).contains(&found.type_id);
    kind && (labels::is_slot_of(&found.label, id) || found.label == labels::EMPTY)
}

/// What of the table stands in the way of adding to it.
fn faults(disk: &Disk, gpt: &Gpt, found: &[Found]) -> Vec<Issue> {
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
    issues
}

/// What is wanted of the layout, beside the sizes.
struct Wanted {
    second: SecondSlot,
    /// The EFI system partition, where one that is there is shared.
    shared: Option<Partition>,
    /// Bytes of the state, where it does not take what is left.
    state: Option<u64>,
    /// The number of the state that stays for its `home`.
    home: Option<u32>,
}

impl Wanted {
    /// Each partition that is made, with its least size; the state is the last one.
    fn rows(&self, sizes: &Sizes, second: bool) -> Vec<(Role, u64)> {
        let mut rows = sizes.rows(second);
        rows.retain(|(role, _)| *role != Role::Esp || self.shared.is_none());
        let state = rows.last_mut().expect("every layout has a state");
        state.1 = self.state.unwrap_or(state.1);
        rows
    }
}

/// Puts the partitions into the gaps, with a second slot if it is wanted and fits.
fn place(
    gaps: &[Gap],
    numbers: &[u32],
    sizes: &Sizes,
    wanted: &Wanted,
    manifest: &Manifest,
) -> Result<Vec<Partition>, Issue> {
    let total = |rows: &[(_, u64)]| rows.iter().map(|row| row.1).sum::<u64>();
    let free: u64 = gaps.iter().map(|gap| gap.size).sum();
    let (one, two) = (wanted.rows(sizes, false), wanted.rows(sizes, true));
    let no_entries = |rows: &[_]| Issue::NoFreeEntries { free: numbers.len() as u32, needs: rows.len() as u32 };
    let tried = |rows: &[(_, u64)]| {
        let sizes: Vec<u64> = rows.iter().map(|row| row.1).collect();
        fit(gaps, &sizes).filter(|_| numbers.len() >= sizes.len())
    };
    let (rows, chosen) = match (wanted.second, tried(&one), tried(&two)) {
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
        // The last one is the state, which takes what is left where nobody said how much.
        let size = if index == last && wanted.state.is_none() { gap.size } else { least };
        let mut partition = Partition::new(*number, role, gap.offset, size, manifest);
        if role == Role::State && wanted.home.is_some() {
            // Whoever replaces this system has to tell the two apart.
            partition.label = labels::STATE_BESIDE_HOME.to_owned();
        }
        (gap.offset, gap.size) = (gap.offset + size, gap.size - size);
        partition
    });
    Ok(wanted.shared.iter().cloned().chain(partitions).collect())
}
