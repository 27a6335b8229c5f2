//! One copy of a partition table, and what its header and the MBR say: the only place that reads either.

use super::{ENTRY, ends::Ends};
use forge_model::inventory::GptFault;
use gptman::{GPTHeader, GPTPartitionEntry};
use std::io::Seek as _;

/// The most entries that are read: sixteen times of what every tool makes.
const MOST_ENTRIES: u32 = 2048;

/// One copy of a table, whole.
pub(super) struct Copy {
    pub(super) header: GPTHeader,
    pub(super) entries: Vec<GPTPartitionEntry>,
}

/// Why a copy is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyFault {
    /// There is none, or its checksums do not hold, or it says itself that it lies elsewhere.
    Damaged,
    /// Its header is whole, and names entries of another size, milliards of them, or a list far from both ends.
    Unusual,
}

impl Copy {
    /// The copy whose header lies at this sector.
    ///
    /// The crate takes a header by its word, and ends the program where that is odd, though well summed: so each header
    /// is looked at before the crate reads what it names.
    pub(super) fn read(ends: &Ends, sector: u64, lba: u64) -> Result<Self, CopyFault> {
        let mut ends = ends.clone();
        ends.at = lba.checked_mul(sector).ok_or(CopyFault::Damaged)?;
        let header = GPTHeader::read_from(&mut ends).map_err(|_| CopyFault::Damaged)?;
        if header.primary_lba != lba {
            return Err(CopyFault::Damaged);
        }
        let from = header.partition_entry_lba.checked_mul(sector);
        let bytes = u64::from(header.number_of_partition_entries) * u64::from(ENTRY);
        let near = from.and_then(|from| ends.bytes(from, from.checked_add(bytes)?)).is_some();
        let count = header.number_of_partition_entries;
        if header.size_of_partition_entry != ENTRY || !(1..=MOST_ENTRIES).contains(&count) || !near {
            return Err(CopyFault::Unusual);
        }
        ends.rewind().map_err(|_| CopyFault::Damaged)?;
        let entries = header.read_partitions(&mut ends, sector).map_err(|_| CopyFault::Damaged)?;
        Ok(Self { header, entries })
    }

    /// The sectors of its list of entries: the first one, and the one behind the last.
    pub(super) fn list(&self, sector: u64) -> (u64, u64) {
        let from = self.header.partition_entry_lba;
        (from, from + sectors_of(&self.header, sector))
    }

    /// The entries in use, by their number.
    pub(super) fn used(&self) -> Vec<(u32, GPTPartitionEntry)> {
        (1..).zip(&self.entries).filter(|(_, entry)| entry.is_used()).map(|(n, entry)| (n, entry.clone())).collect()
    }

    /// Whether both copies say the same.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let facts = |copy: &Self| (copy.header.disk_guid, copy.header.first_usable_lba, copy.header.last_usable_lba);
        facts(self) == facts(other) && self.used() == other.used()
    }

    /// What is unusual about the places that this first copy names; `second` is the one at the end, if it is whole.
    pub(super) fn place_fault(&self, second: Option<&Self>, ends: &Ends, sector: u64) -> Option<GptFault> {
        let last = ends.size / sector - 1;
        let (from, to) = self.list(sector);
        let in_head =
            from >= 2 && to <= self.header.first_usable_lba && ends.bytes(from * sector, to * sector).is_some();
        let (from, to) = second_list(&self.header, second, last, sector);
        let at_end =
            from > self.header.last_usable_lba && to <= last && ends.bytes(from * sector, to * sector).is_some();
        match () {
            () if self.header.backup_lba != last => Some(GptFault::NotAtEnd),
            () if !in_head || !at_end => Some(GptFault::Unusual),
            () => None,
        }
    }
}

/// Sectors of the list of entries.
pub(super) fn sectors_of(header: &GPTHeader, sector: u64) -> u64 {
    (u64::from(header.number_of_partition_entries) * u64::from(ENTRY)).div_ceil(sector)
}

/// The sectors of the second copy's list: where that copy says so itself if it is whole, and else right before its
/// header.
pub(super) fn second_list(first: &GPTHeader, second: Option<&Copy>, last: u64, sector: u64) -> (u64, u64) {
    let sectors = sectors_of(first, sector);
    let usual = last.saturating_sub(sectors);
    let from = second.map_or(usual, |second| second.header.partition_entry_lba);
    (from, from.saturating_add(sectors))
}

/// The four entries of the MBR lie at byte 446, 16 bytes each, with the type in byte 4.
pub(super) fn mbr_fault(head: &[u8]) -> Option<GptFault> {
    let types = || (0..4).map(|entry| head[446 + 16 * entry + 4]);
    match () {
        () if head[510..512] != [0x55, 0xaa] || types().all(|kind| kind != 0xee) => Some(GptFault::NoProtectiveMbr),
        () if types().any(|kind| kind != 0 && kind != 0xee) => Some(GptFault::HybridMbr),
        () => None,
    }
}

/// Sectors of a partition; 0 where the entry has its end before its start, or counts beyond all numbers.
pub(crate) fn sectors(entry: &GPTPartitionEntry) -> u64 {
    entry.ending_lba.checked_sub(entry.starting_lba).and_then(|more| more.checked_add(1)).unwrap_or(0)
}
