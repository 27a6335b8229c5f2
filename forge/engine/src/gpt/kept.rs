//! Changing a table that others need: both copies are made in memory, and written at the very end.
//!
//! Only sectors of the two headers and of the two lists of entries are written, and of these only what changes: not the
//! MBR, and nothing between the list and the first partition, where boot loaders of other systems can lie. They are written
//! past the page cache, which would write their neighbours with them. The second copy goes first. Until the
//! first one is begun, that is the old one, whole, and in force for everybody; when it is written, the second is the new
//! one, whole.
//!
//! A first copy that was written in part has wrong checksums. EDK2 and Windows then take the second one (UEFI 2.10,
//! 5.3.2), and EDK2 repairs the first; **Linux does not** (block/partitions/efi.c looks at the second copy only with `gpt` on
//! its command line): it sees no partitions until somebody restores the first. So that this can hardly happen, the first copy
//! is one call for neighbouring sectors; up to number 24 these lie within the first 4 KiB of the disk, which is one
//! physical sector of most disks.

use super::{
    ENTRY, Ends, GptError, Table,
    commit::{self, CopyChange},
    copies,
    copy::{Copy, CopyFault, mbr_fault, second_list},
};
use crate::target::{Target, TargetError};
use forge_model::{
    answers::Way,
    inventory::{Content, Found, Gpt, GptFault},
    layout::Beside,
    receipt::WrittenPartition,
};
use gptman::{GPTHeader, GPTPartitionEntry};
use std::{fs::File, io};

/// What the header says, and why nothing may be added to the table.
pub(super) fn facts(disk: &File, table: &Table) -> io::Result<Gpt> {
    let ends = Ends::read(disk)?;
    let sector = table.sector_size;
    let [first, last] = copies(&ends, sector);
    let fault = mbr_fault(&ends.head).or_else(|| match &first {
        Err(CopyFault::Damaged) => Some(GptFault::FirstCopy),
        Err(CopyFault::Unusual) => Some(GptFault::Unusual),
        Ok(first) => first.place_fault(last.as_ref().ok(), &ends, sector),
    });
    let header = first.or(last).ok().map(|copy| copy.header);
    let (first_usable, last_usable, entries) =
        header.map_or((0, 0, 0), |h| (h.first_usable_lba, h.last_usable_lba, h.number_of_partition_entries));
    Ok(Gpt {
        disk_id: table.disk_id,
        sector_size: u32::try_from(sector).unwrap_or_default(),
        first_usable: first_usable.saturating_mul(sector),
        end_usable: last_usable.saturating_add(1).saturating_mul(sector),
        entries,
        fault,
    })
}

/// Both copies of a table with partitions added and taken away, ready to be written.
pub struct Change {
    second: CopyChange,
    first: CopyChange,
}

impl Change {
    /// Makes the new table from the one that is there, if that is the one that was confirmed.
    pub fn prepare(target: &Target, beside: &Beside, partitions: &[WrittenPartition]) -> Result<Self, GptError> {
        let call = |source| TargetError::Call { what: "reading the partition table", source };
        let changed = || GptError::Changed { path: target.path().into() };
        let sector = u64::from(target.sector_size());
        if !is_as_confirmed(&super::probe(target.file()).map_err(call)?, beside, target.sector_size()) {
            return Err(changed());
        }
        let old = Ends::read(target.file()).map_err(call)?;
        let [first, second] = copies(&old, sector);
        let (first, second) = (first.map_err(|_| changed())?, second.ok());
        let list = first.list(sector);
        let Copy { header: mut first, mut entries } = first;
        // A number that becomes free here can be taken again: it is another partition then, with a GUID of its own.
        for gone in &beside.removed {
            *entries.get_mut(gone.number as usize - 1).ok_or_else(changed)? = GPTPartitionEntry::empty();
        }
        // An EFI system partition that is shared is there already.
        for partition in partitions.iter().filter(|one| !one.shared) {
            let slot = entries.get_mut(partition.number as usize - 1).filter(|slot| slot.is_unused());
            *slot.ok_or_else(changed)? = entry(partition, beside.way, sector);
        }
        let end = old.size / sector - 1;
        let second_list = second_list(&first, second.as_ref(), end, sector);
        let mut last = GPTHeader { primary_lba: end, backup_lba: 1, ..first.clone() };
        last.partition_entry_lba = second_list.0;

        let mut new = old.clone();
        last.write_into(&mut new, sector, &entries)?;
        first.write_into(&mut new, sector, &entries)?;
        // Other people's entries are what this is about: they are compared once more, as bytes.
        for kept in &beside.kept {
            let at = list.0 * sector + u64::from(kept.number - 1) * u64::from(ENTRY);
            let bytes = |ends: &Ends| ends.bytes(at, at + u64::from(ENTRY)).map(<[u8]>::to_vec);
            if bytes(&old).is_none_or(|bytes_before| bytes(&new) != Some(bytes_before)) {
                return Err(changed());
            }
        }
        Ok(Self {
            second: change(&old, &new, &changed_sectors(&old, &new, &[second_list, (end, end + 1)], sector), sector),
            first: change(&old, &new, &as_one(changed_sectors(&old, &new, &[(1, 2), list], sector), list), sector),
        })
    }

    /// Writes the second copy, then the first, and reads each back. What fails is taken back, as far as it can be.
    pub fn write(&self, target: &Target) -> Result<(), GptError> {
        commit::commit(target, &self.second, &self.first)
    }

    /// What it writes, in order: offsets and lengths of the second copy's pieces, then of the first one's.
    pub fn extents(&self) -> [Vec<(u64, u64)>; 2] {
        [&self.second, &self.first].map(|copy| copy.new.iter().map(|(at, bytes)| (*at, bytes.len() as u64)).collect())
    }
}

/// The runs of sectors in these spans that differ.
fn changed_sectors(old: &Ends, new: &Ends, spans: &[(u64, u64)], sector: u64) -> Vec<(u64, u64)> {
    let differs = |lba: &u64| {
        let bytes = |ends: &Ends| ends.bytes(lba * sector, (lba + 1) * sector).map(<[u8]>::to_vec);
        bytes(old) != bytes(new)
    };
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for lba in spans.iter().flat_map(|(from, to)| *from..*to).filter(differs) {
        match runs.last_mut() {
            Some((_, end)) if *end == lba => *end += 1,
            _ => runs.push((lba, lba + 1)),
        }
    }
    runs
}

/// One run from the first to the last, where nothing but the header and the list lies between them: one call can hardly be
/// cut into pieces.
fn as_one(runs: Vec<(u64, u64)>, list: (u64, u64)) -> Vec<(u64, u64)> {
    match (runs.first(), runs.last()) {
        (Some(first), Some(last)) if list.0 == 2 => vec![(first.0, last.1)],
        _ => runs,
    }
}

/// These runs of sectors, as they were and as they will be.
fn change(old: &Ends, new: &Ends, runs: &[(u64, u64)], sector: u64) -> CopyChange {
    let pieces = |ends: &Ends| {
        let piece = |(from, to): &(u64, u64)| {
            let (from, to) = (from * sector, to * sector);
            Some((from, ends.bytes(from, to)?.to_vec()))
        };
        runs.iter().filter_map(piece).collect()
    };
    CopyChange { new: pieces(new), old: pieces(old) }
}

/// Whether the table is the one that was confirmed, partition by partition. What is in them was looked at by others.
fn is_as_confirmed(found: &Content, beside: &Beside, sector_size: u32) -> bool {
    let Content::Table { gpt: Some(gpt), partitions, .. } = found else { return false };
    gpt.fault.is_none()
        && gpt.sector_size == sector_size
        && (gpt.disk_id, gpt.first_usable, gpt.end_usable) == (beside.disk_id, beside.first_usable, beside.end_usable)
        && partitions.iter().map(Found::entry_alone).eq(beside.there().iter().map(Found::entry_alone))
}

/// The entry of a new partition.
pub(super) fn entry(partition: &WrittenPartition, way: Way, sector_size: u64) -> GPTPartitionEntry {
    GPTPartitionEntry {
        partition_type_guid: partition.role.type_id().to_bytes_le(),
        unique_partition_guid: partition.id.to_bytes_le(),
        starting_lba: partition.offset / sector_size,
        ending_lba: (partition.offset + partition.size) / sector_size - 1,
        attribute_bits: partition.role.attributes(way),
        partition_name: partition.label.as_str().into(),
    }
}

#[cfg(test)]
mod tests;
