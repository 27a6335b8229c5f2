//! Adding partitions to a table that is there: both copies are made in memory, and written at the very end.
//!
//! Only sectors of the two headers and of the two lists of entries are written: not the MBR, and nothing between the list
//! and the first partition, where boot loaders of other systems can lie. The second copy goes first. Until it is on the
//! disk, the first copy is the old one, whole; from then on the second is the new one, whole. Firmware and kernels take the
//! first copy if its checksums hold, and the second otherwise (UEFI 2.10, 5.3.2). So at each instant there is one
//! table in force, the old or the new; a first copy that was written in part has wrong checksums.

use super::{Ends, GptError, MARGIN, Table};
use crate::target::{Target, TargetError};
use forge_model::{
    inventory::{Content, Found, Gpt, GptFault},
    layout::Beside,
    receipt::WrittenPartition,
};
use gptman::{GPTHeader, GPTPartitionEntry};
use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
    num::NonZero,
};

/// Bytes of an entry; the specification allows more, which nobody uses.
const ENTRY: u64 = 128;

/// What the header says, and why nothing may be added to the table.
pub(super) fn facts(disk: &File, table: &Table) -> io::Result<Gpt> {
    let ends = Ends::read(disk)?;
    let sector = table.sector_size;
    let first = copy(&ends, sector, 1);
    let last = copy(&ends, sector, ends.size / sector - 1);
    let fault = mbr_fault(&ends.head).or_else(|| match &first {
        None => Some(GptFault::FirstCopy),
        Some((header, _)) => place_fault(header, &ends, sector),
    });
    let header = first.or(last).map(|(header, _)| header);
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

/// One copy of the table, if its checksums hold and it says itself that it lies there.
fn copy(ends: &Ends, sector: u64, lba: u64) -> Option<(GPTHeader, Vec<GPTPartitionEntry>)> {
    let mut ends = ends.clone();
    ends.seek(SeekFrom::Start(lba * sector)).ok()?;
    let header = GPTHeader::read_from(&mut ends).ok().filter(|header| header.primary_lba == lba)?;
    let entries = fits(&header).then(|| header.read_partitions(&mut ends, sector).ok()).flatten()?;
    Some((header, entries))
}

fn fits(header: &GPTHeader) -> bool {
    u64::from(header.number_of_partition_entries) * u64::from(header.size_of_partition_entry).max(ENTRY) < MARGIN
}

/// The four entries of the MBR lie at byte 446, 16 bytes each, with the type in byte 4.
fn mbr_fault(head: &[u8]) -> Option<GptFault> {
    let types = || (0..4).map(|entry| head[446 + 16 * entry + 4]);
    match () {
        () if head[510..512] != [0x55, 0xaa] || types().all(|kind| kind != 0xee) => Some(GptFault::NoProtectiveMbr),
        () if types().any(|kind| kind != 0 && kind != 0xee) => Some(GptFault::HybridMbr),
        () => None,
    }
}

/// What is unusual about the places that a header names.
fn place_fault(header: &GPTHeader, ends: &Ends, sector: u64) -> Option<GptFault> {
    let sectors = sectors_of(header, sector);
    let last = ends.size / sector - 1;
    let (from, to) = (header.partition_entry_lba, header.partition_entry_lba.saturating_add(sectors));
    let in_head = from >= 2 && to.saturating_mul(sector) <= MARGIN && to <= header.first_usable_lba;
    let room_at_end = header.last_usable_lba.saturating_add(sectors) < last && (sectors + 1) * sector <= MARGIN;
    match () {
        () if header.backup_lba != last => Some(GptFault::NotAtEnd),
        () if u64::from(header.size_of_partition_entry) != ENTRY || !in_head || !room_at_end => Some(GptFault::Unusual),
        () => None,
    }
}

/// Sectors of the list of entries.
fn sectors_of(header: &GPTHeader, sector: u64) -> u64 {
    (u64::from(header.number_of_partition_entries) * ENTRY).div_ceil(sector)
}

/// Both copies of a table with partitions added to it, ready to be written.
pub struct Change {
    /// Offsets and bytes of the second copy, then of the first; a flush comes after each copy.
    copies: [Vec<(u64, Vec<u8>)>; 2],
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
        let (mut first, mut entries) = copy(&old, sector, 1).ok_or_else(changed)?;
        for partition in partitions {
            let slot = entries.get_mut(partition.number as usize - 1).filter(|slot| slot.is_unused());
            *slot.ok_or_else(changed)? = entry(partition, sector);
        }
        let end = old.size / sector - 1;
        let mut second = GPTHeader { primary_lba: end, backup_lba: 1, ..first.clone() };
        second.partition_entry_lba = end - sectors_of(&first, sector);

        let mut new = old.clone();
        second.write_into(&mut new, sector, &entries)?;
        first.write_into(&mut new, sector, &entries)?;
        // Other people's entries are what this is about: they are compared once more, as bytes.
        let list = (first.partition_entry_lba * sector) as usize;
        for kept in &beside.kept {
            let at = list + (u64::from(kept.number - 1) * ENTRY) as usize;
            if old.head[at..at + ENTRY as usize] != new.head[at..at + ENTRY as usize] {
                return Err(changed());
            }
        }
        let copies = [&second, &first].map(|header| pieces(&new, header, sector));
        Ok(Self { copies })
    }

    /// Writes the second copy, then the first, and reads each back.
    pub fn write(&self, target: &Target) -> Result<(), TargetError> {
        for copy in &self.copies {
            for (offset, bytes) in copy {
                target.write(bytes, *offset)?;
            }
            target.sync()?;
            for (offset, bytes) in copy {
                // Only advice; where it is refused, the pages were just flushed all the same.
                let length = NonZero::new(bytes.len() as u64);
                let _ = rustix::fs::fadvise(target.file(), *offset, length, rustix::fs::Advice::DontNeed);
                let mut found = vec![0; bytes.len()];
                target.read(&mut found, *offset)?;
                if found != *bytes {
                    return Err(TargetError::ReadBack { path: target.path().into(), offset: *offset });
                }
            }
        }
        Ok(())
    }
}

/// The sectors of one copy: the list of entries and the header, as one piece where nothing lies between them.
fn pieces(ends: &Ends, header: &GPTHeader, sector: u64) -> Vec<(u64, Vec<u8>)> {
    let list = (header.partition_entry_lba, header.partition_entry_lba + sectors_of(header, sector));
    let own = (header.primary_lba, header.primary_lba + 1);
    let spans = match () {
        () if own.1 == list.0 => vec![(own.0, list.1)],
        () if list.1 == own.0 => vec![(list.0, own.1)],
        () => vec![list, own],
    };
    let bytes = |(from, to): (u64, u64)| {
        let (from, to) = (from * sector, to * sector);
        let tail = ends.size - MARGIN;
        let part = if from < MARGIN {
            &ends.head[from as usize..to as usize]
        } else {
            &ends.tail[(from - tail) as usize..(to - tail) as usize]
        };
        (from, part.to_vec())
    };
    spans.into_iter().map(bytes).collect()
}

/// Whether the table is the one that was confirmed, partition by partition. What is in them was looked at by others.
fn is_as_confirmed(found: &Content, beside: &Beside, sector_size: u32) -> bool {
    let Content::Table { gpt: Some(gpt), partitions, .. } = found else { return false };
    let without = |found: &Found| Found { holding: None, ..found.clone() };
    gpt.fault.is_none()
        && gpt.sector_size == sector_size
        && (gpt.disk_id, gpt.first_usable, gpt.end_usable) == (beside.disk_id, beside.first_usable, beside.end_usable)
        && partitions.iter().map(without).eq(beside.kept.iter().map(without))
}

/// The entry of a new partition.
pub(super) fn entry(partition: &WrittenPartition, sector_size: u64) -> GPTPartitionEntry {
    GPTPartitionEntry {
        partition_type_guid: partition.role.type_id().to_bytes_le(),
        unique_partition_guid: partition.id.to_bytes_le(),
        starting_lba: partition.offset / sector_size,
        ending_lba: (partition.offset + partition.size) / sector_size - 1,
        attribute_bits: partition.role.attributes(),
        partition_name: partition.label.as_str().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpt;
    use forge_model::layout::Role;
    use std::{io::Cursor, os::unix::fs::FileExt};
    use uuid::Uuid;

    const SIZE: u64 = 8 << 20;

    fn disk() -> (tempfile::NamedTempFile, Target) {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(SIZE).unwrap();
        let target = Target::open_file(file.path()).unwrap();
        let (role, label, id) = (Role::Esp, "mine".into(), Uuid::from_u128(7));
        let mine = WrittenPartition { number: 3, role, offset: MARGIN, size: MARGIN, label, id };
        gpt::write(&target, SIZE, 512, Uuid::from_u128(1), &[mine]).unwrap();
        (file, target)
    }

    #[test]
    fn a_header_that_names_milliards_of_entries_is_no_table() {
        let (_file, target) = disk();
        for lba in [1, SIZE / 512 - 1] {
            for (count, size) in [(u32::MAX, 128), (u32::MAX, 0), (1 << 13, 128)] {
                let mut sector = [0; 512];
                target.read(&mut sector, lba * 512).unwrap();
                let mut header = GPTHeader::read_from(&mut Cursor::new(&sector)).unwrap();
                (header.number_of_partition_entries, header.size_of_partition_entry) = (count, size);
                let mut other = sector;
                other[80..84].copy_from_slice(&count.to_le_bytes());
                other[84..88].copy_from_slice(&size.to_le_bytes());
                other[16..20].copy_from_slice(&header.generate_crc32_checksum().to_le_bytes());
                target.file().write_all_at(&other, lba * 512).unwrap();
                assert!(gpt::read(target.file()).unwrap().is_none(), "{lba}: {count} of {size}");
                target.file().write_all_at(&sector, lba * 512).unwrap();
                assert!(gpt::read(target.file()).unwrap().is_some());
            }
        }
    }

    #[test]
    fn a_number_that_is_taken_is_never_overwritten() {
        let (_file, target) = disk();
        let Content::Table { gpt: Some(gpt), partitions, .. } = gpt::probe(target.file()).unwrap() else { panic!() };
        let Gpt { disk_id, first_usable, end_usable, .. } = gpt;
        let beside = Beside {
            way: Default::default(),
            disk_id,
            first_usable,
            end_usable,
            kept: partitions,
            removed: Vec::new(),
            shrunk: Vec::new(),
            home: None,
        };
        let new = |number| WrittenPartition {
            number,
            role: Role::State,
            offset: 4 * MARGIN,
            size: MARGIN,
            label: "state".into(),
            id: Uuid::from_u128(9),
        };
        assert!(matches!(Change::prepare(&target, &beside, &[new(3)]), Err(GptError::Changed { .. })));
        Change::prepare(&target, &beside, &[new(1)]).unwrap().write(&target).unwrap();
        let table = gpt::read(target.file()).unwrap().unwrap();
        assert_eq!(table.entries.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(gpt::fault(target.file(), &table).unwrap(), None);
    }
}
