//! The partition table: what is there now, and the new one, written as one piece.
//!
//! - here: reading a table, and writing one for a disk that is Forge's alone.
//! - `copy`: one copy of a table; the one place that takes a header by its word.
//! - `kept`: adding partitions to a table that is there, and taking some away.
//! - `commit`: writing that, and putting the old table back when it fails.
//! - `ends`: the two ends of a disk in memory.

mod commit;
mod copy;
mod ends;
mod kept;

pub(crate) use copy::sectors;
pub use kept::Change;

use crate::target::{self, Sectors, Target, TargetError};
use copy::{Copy, mbr_fault};
use ends::Ends;
use forge_model::{
    OldTable,
    answers::Way,
    inventory::{Content, Entry, Found, GptFault},
    layout::Layout,
    receipt::WrittenPartition,
    size::MIB,
};
use gptman::{GPT, GPTPartitionEntry};
use kept::entry;
use std::{fs::File, io, iter};
use uuid::Uuid;

/// Partition tables lie within this many bytes at each end of the target; partitions never do.
const MARGIN: u64 = MIB;

/// Bytes of an entry (UEFI 2.10, 5.3.2 allows more; nobody writes them).
const ENTRY: u32 = 128;

/// Why a partition table could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum GptError {
    /// The target failed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The table does not fit its rules.
    #[error("the partition table can not be made: {0}")]
    Table(#[from] gptman::Error),
    /// It is not the table that was confirmed.
    #[error("the partition table of {path} is not the one that was confirmed")]
    Changed {
        /// The target's path.
        path: String,
    },
    /// The table that others need could not be changed.
    #[error("{source}")]
    NotCommitted {
        /// Why.
        source: TargetError,
        /// Which table is there now.
        table: OldTable,
    },
}

/// Gives every partition of a layout its PARTUUID: the fixed one, or a random one.
pub fn with_ids(layout: &Layout) -> Vec<WrittenPartition> {
    let written = |p: &forge_model::layout::Partition| WrittenPartition {
        number: p.number,
        role: p.role,
        offset: p.offset,
        size: p.size,
        label: p.label.clone(),
        id: p.fixed_id.unwrap_or_else(Uuid::new_v4),
        shared: p.shared,
    };
    layout.partitions.iter().map(written).collect()
}

/// Makes the target hold no partition table and no boot sector, at either end.
pub fn erase(target: &Target, size: u64) -> Result<(), TargetError> {
    let zeros = vec![0; MARGIN as usize];
    target.write(&zeros, 0)?;
    target.write(&zeros, size - MARGIN)?;
    target.sync()
}

/// Writes the table: the backup first, then the primary, so that a cut between them leaves no table in force. Each is read
/// back.
pub fn write(
    target: &Target,
    size: u64,
    sector_size: u64,
    disk_id: Uuid,
    partitions: &[WrittenPartition],
) -> Result<(), GptError> {
    write_to(target, size, sector_size, disk_id, partitions)
}

fn write_to(
    disk: &dyn Sectors,
    size: u64,
    sector_size: u64,
    disk_id: Uuid,
    partitions: &[WrittenPartition],
) -> Result<(), GptError> {
    let mut ends = Ends::new(size);
    let mut gpt = GPT::new_from(&mut ends, sector_size, disk_id.to_bytes_le())?;
    gpt.align = MIB / sector_size;
    for partition in partitions {
        gpt[partition.number] = entry(partition, Way::WholeDisk, sector_size);
    }
    GPT::write_protective_mbr_into(&mut ends, sector_size)?;
    gpt.write_into(&mut ends)?;
    target::put(disk, iter::once((size - MARGIN, ends.tail.as_slice())))?;
    target::put(disk, iter::once((0, ends.head.as_slice())))?;
    Ok(())
}

/// A table as it is on a disk or file.
pub struct Table {
    /// Its GUID.
    pub disk_id: Uuid,
    /// Bytes in a logical sector.
    pub sector_size: u64,
    /// The entries in use, by their number.
    pub entries: Vec<(u32, GPTPartitionEntry)>,
}

/// Reads the table of a disk or file; nothing when it has no GPT.
pub fn read(disk: &File) -> io::Result<Option<Table>> {
    let ends = Ends::read(disk)?;
    Ok([512, 4096].into_iter().find_map(|sector_size| {
        // As everybody does: the first copy, and the one at the end where the first is damaged.
        let [first, last] = copies(&ends, sector_size);
        let copy = first.or(last).ok()?;
        let disk_id = Uuid::from_bytes_le(copy.header.disk_guid);
        Some(Table { disk_id, sector_size, entries: copy.used() })
    }))
}

/// The first copy and the one in the last sector.
fn copies(ends: &Ends, sector_size: u64) -> [Result<Copy, copy::CopyFault>; 2] {
    [1, (ends.size / sector_size).saturating_sub(1)].map(|lba| Copy::read(ends, sector_size, lba))
}

/// What is wrong with a table that could be read: each of its copies must be whole, and both the same.
pub fn fault(disk: &File, table: &Table) -> io::Result<Option<&'static str>> {
    let ends = Ends::read(disk)?;
    let copies = copies(&ends, table.sector_size);
    Ok(match (mbr_fault(&ends.head), copies) {
        (Some(GptFault::HybridMbr), _) => Some("the MBR has partitions, too"),
        (Some(_), _) => Some("the protective MBR is missing"),
        (None, [Err(_), _]) => Some("the first copy of the table is damaged"),
        (None, [_, Err(_)]) => Some("the second copy of the table is damaged"),
        (None, [Ok(first), Ok(second)]) if !first.agrees(&second) => Some("the two copies of the table differ"),
        _ => None,
    })
}

/// What the first and last bytes of a disk or file say about its contents.
pub fn probe(disk: &File) -> io::Result<Content> {
    if let Some(table) = read(disk)? {
        let partitions = table.entries.iter().map(|(number, p)| Found {
            number: *number,
            label: p.partition_name.as_str().to_owned(),
            type_id: Some(Uuid::from_bytes_le(p.partition_type_guid)),
            size: sectors(p).saturating_mul(table.sector_size),
            holding: None,
            entry: Some(Entry {
                offset: p.starting_lba.saturating_mul(table.sector_size),
                id: Uuid::from_bytes_le(p.unique_partition_guid),
                attributes: p.attribute_bits,
            }),
            shrinks: None,
            esp: None,
        });
        let partitions = partitions.collect();
        return Ok(Content::Table { table: "gpt".into(), partitions, gpt: Some(kept::facts(disk, &table)?) });
    }
    let ends = Ends::read(disk)?;
    if ends.head[510..512] == [0x55, 0xaa] {
        return Ok(Content::Table { table: "dos".into(), partitions: dos_partitions(&ends.head), gpt: None });
    }
    let blank = ends.head.iter().chain(&ends.tail).all(|byte| *byte == 0);
    Ok(if blank { Content::Empty } else { Content::Unknown })
}

/// The four primary entries of an MBR: type at byte 4, sectors at byte 12 of each 16.
fn dos_partitions(head: &[u8]) -> Vec<Found> {
    let entries = head[446..510].chunks_exact(16).zip(1..).filter(|(entry, _)| entry[4] != 0);
    let found = entries.map(|(entry, number)| {
        let sectors = u32::from_le_bytes([entry[12], entry[13], entry[14], entry[15]]);
        let size = u64::from(sectors) * 512;
        Found {
            number,
            label: String::new(),
            type_id: None,
            size,
            holding: None,
            entry: None,
            shrinks: None,
            esp: None,
        }
    });
    found.collect()
}

#[cfg(test)]
mod tests;
