//! The partition table: what is there now, and the new one, written as one piece.
//!
//! - here: reading a table, and writing one for a disk that is Forge's alone.
//! - `kept`: adding partitions to a table that is there.

mod kept;

pub use kept::Change;

use crate::target::{Target, TargetError};
use forge_model::{
    inventory::{Content, Entry, Found},
    layout::Layout,
    receipt::WrittenPartition,
    size::MIB,
};
use gptman::{GPT, GPTHeader, GPTPartitionEntry};
use kept::entry;
use std::{
    fs::File,
    io::{self, Cursor, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
};
use uuid::Uuid;

/// Partition tables lie within this many bytes at each end of the target; partitions never do.
const MARGIN: u64 = MIB;

/// Bytes of an entry (UEFI 2.10, 5.3.2 allows more; nobody writes them).
const ENTRY: u32 = 128;
/// The most entries that are read: sixteen times of what every tool makes.
const MOST_ENTRIES: u32 = 2048;

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

/// Writes the table: the backup first, then the primary, so that a cut between them leaves no table in force.
pub fn write(
    target: &Target,
    size: u64,
    sector_size: u64,
    disk_id: Uuid,
    partitions: &[WrittenPartition],
) -> Result<(), GptError> {
    let mut disk = Ends::new(size);
    let mut gpt = GPT::new_from(&mut disk, sector_size, disk_id.to_bytes_le())?;
    gpt.align = MIB / sector_size;
    for partition in partitions {
        gpt[partition.number] = entry(partition, sector_size);
    }
    GPT::write_protective_mbr_into(&mut disk, sector_size)?;
    gpt.write_into(&mut disk)?;
    target.write(&disk.tail, size - MARGIN)?;
    target.sync()?;
    target.write(&disk.head, 0)?;
    target.sync()?;
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
    let mut ends = Ends::read(disk)?;
    for sector_size in [512, 4096] {
        if let Some(gpt) = table(&mut ends, sector_size) {
            let disk_id = Uuid::from_bytes_le(gpt.header.disk_guid);
            return Ok(Some(Table { disk_id, sector_size, entries: used(&gpt) }));
        }
    }
    Ok(None)
}

/// The table at these ends. The crate takes a header by its word, and ends the program where that is odd, though well summed:
/// entries of another size than 128 bytes, milliards of them, or one that begins at the table itself.
fn table(ends: &mut Ends, sector_size: u64) -> Option<GPT> {
    for lba in [1, (ends.size / sector_size).saturating_sub(1)] {
        ends.at = lba * sector_size;
        // The crate takes the other copy where this one has no such header.
        let Ok(header) = GPTHeader::read_from(ends) else { continue };
        let count = header.number_of_partition_entries;
        if header.size_of_partition_entry != ENTRY || count > MOST_ENTRIES {
            return None;
        }
        let mut entries = vec![0; (count * ENTRY) as usize];
        ends.at = header.partition_entry_lba.checked_mul(sector_size)?;
        ends.read_exact(&mut entries).ok()?;
        let begins_at_0 = |entry: &[u8]| entry[..16] != [0; 16] && entry[32..40] == [0; 8];
        if entries.chunks_exact(ENTRY as usize).any(begins_at_0) {
            return None;
        }
    }
    ends.at = 0;
    GPT::read_from(ends, sector_size).ok()
}

/// The entries in use, by their number.
fn used(gpt: &GPT) -> Vec<(u32, GPTPartitionEntry)> {
    gpt.iter().filter(|(_, p)| p.is_used()).map(|(n, p)| (n, p.clone())).collect()
}

/// What is wrong with a table that could be read: each of its copies must be whole, and both the same.
pub fn fault(disk: &File, table: &Table) -> io::Result<Option<&'static str>> {
    let ends = Ends::read(disk)?;
    let sector = table.sector_size as usize;
    if ends.head[510..512] != [0x55, 0xaa] || ends.head[450] != 0xee {
        return Ok(Some("the protective MBR is missing"));
    }
    let without = |blank: fn(&mut Ends, usize)| {
        let mut one = ends.clone();
        blank(&mut one, sector);
        self::table(&mut one, table.sector_size).map(|gpt| used(&gpt))
    };
    let primary = without(|ends, _| ends.tail.fill(0));
    let backup = without(|ends, sector| ends.head[sector..2 * sector].fill(0));
    Ok(match (primary, backup) {
        (None, _) => Some("the first copy of the table is damaged"),
        (_, None) => Some("the second copy of the table is damaged"),
        (Some(primary), Some(backup)) if primary != backup => Some("the two copies of the table differ"),
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
            size: p.size().unwrap_or(0).saturating_mul(table.sector_size),
            holding: None,
            entry: Some(Entry {
                offset: p.starting_lba.saturating_mul(table.sector_size),
                id: Uuid::from_bytes_le(p.unique_partition_guid),
                attributes: p.attribute_bits,
            }),
            shrinks: None,
            free: None,
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
            free: None,
        }
    });
    found.collect()
}

/// The first and the last MiB of a disk in memory; everything between reads as zeros and can not be written.
#[derive(Clone)]
struct Ends {
    size: u64,
    at: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Ends {
    fn new(size: u64) -> Self {
        Self { size, at: 0, head: vec![0; MARGIN as usize], tail: vec![0; MARGIN as usize] }
    }

    fn read(mut disk: &File) -> io::Result<Self> {
        let size = disk.seek(SeekFrom::End(0))?;
        let mut ends = Self::new(size.max(2 * MARGIN));
        disk.read_exact_at(&mut ends.head[..size.min(MARGIN) as usize], 0)?;
        if size >= 2 * MARGIN {
            disk.read_exact_at(&mut ends.tail, size - MARGIN)?;
        }
        Ok(ends)
    }

    /// The part that `self.at` lies in, from there on.
    fn part(&mut self) -> Option<&mut [u8]> {
        let tail = self.size - MARGIN;
        if self.at < MARGIN {
            Some(&mut self.head[self.at as usize..])
        } else if self.at >= tail && self.at < self.size {
            Some(&mut self.tail[(self.at - tail) as usize..])
        } else {
            None
        }
    }
}

impl Read for Ends {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (at, tail) = (self.at, self.size - MARGIN);
        let n = match self.part() {
            Some(part) => Cursor::new(part).read(buffer)?,
            None if at >= tail => 0,
            None => {
                let n = buffer.len().min((tail - at) as usize);
                buffer[..n].fill(0);
                n
            }
        };
        self.at += n as u64;
        Ok(n)
    }
}

impl io::Write for Ends {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = match self.part() {
            Some(part) => {
                let n = bytes.len().min(part.len());
                part[..n].copy_from_slice(&bytes[..n]);
                n
            }
            None => return Err(io::Error::other("a partition table lies at the ends of a disk")),
        };
        self.at += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Ends {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::other("a place before the start of the disk"))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// A disk with one partition, whose header and list are changed, and summed again.
    fn disk(change: impl Fn(&mut GPT)) -> File {
        let size = 16 * MIB;
        let mut ends = Ends::new(size);
        let mut gpt = GPT::new_from(&mut ends, 512, [7; 16]).unwrap();
        gpt[1] = GPTPartitionEntry {
            partition_type_guid: [1; 16],
            unique_partition_guid: [2; 16],
            starting_lba: 2048,
            ending_lba: 4095,
            attribute_bits: 0,
            partition_name: "one".into(),
        };
        gpt.write_into(&mut ends).unwrap();
        change(&mut gpt);
        gpt.header.crc32_checksum = gpt.header.generate_crc32_checksum();
        ends.at = 512;
        let mut header = Vec::new();
        // The fields that are changed, where they lie in the header.
        header.extend_from_slice(&ends.head[512..604]);
        header[16..20].copy_from_slice(&gpt.header.crc32_checksum.to_le_bytes());
        header[80..84].copy_from_slice(&gpt.header.number_of_partition_entries.to_le_bytes());
        header[84..88].copy_from_slice(&gpt.header.size_of_partition_entry.to_le_bytes());
        header[88..92].copy_from_slice(&gpt.header.partition_entry_array_crc32.to_le_bytes());
        ends.write_all(&header).unwrap();
        ends.head[1024 + 32..1024 + 40].copy_from_slice(&gpt[1].starting_lba.to_le_bytes());
        let file = tempfile::tempfile().unwrap();
        file.set_len(size).unwrap();
        file.write_all_at(&ends.head, 0).unwrap();
        file
    }

    #[test]
    fn a_table_with_odd_entries_is_none_and_ends_nothing() {
        assert_eq!(read(&disk(|_| ())).unwrap().unwrap().entries.len(), 1);
        for size in [0, 64, 256, u32::MAX] {
            assert!(read(&disk(|gpt| gpt.header.size_of_partition_entry = size)).unwrap().is_none(), "{size}");
        }
        assert!(read(&disk(|gpt| gpt.header.number_of_partition_entries = u32::MAX)).unwrap().is_none());
        let at_0 = disk(|gpt| {
            gpt[1].starting_lba = 0;
            let entries: Vec<_> = gpt.iter().map(|(_, entry)| entry.clone()).collect();
            gpt.header.partition_entry_array_crc32 = gpt.header.generate_partition_entry_array_crc32(&entries);
        });
        assert!(read(&at_0).unwrap().is_none());
    }
}
