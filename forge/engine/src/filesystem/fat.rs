//! FAT12, FAT16 and FAT32: clusters that are free. The count in FSInfo is a hint that may be wrong, so the table is read.
//!
//! Source: Microsoft, "FAT: General Overview of On-Disk Format", version 1.03.

use super::Bounded;
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes of a table that no EFI system partition has.
const MOST: u64 = 64 << 20;

pub(super) fn free(device: &mut Bounded) -> io::Result<u64> {
    let boot: [u8; 512] = device.bytes(0)?;
    let half = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
    let word = |at: usize| u64::from(u32::from_le_bytes([boot[at], boot[at + 1], boot[at + 2], boot[at + 3]]));
    let or = |small: u64, large: u64| if small == 0 { large } else { small };
    let none = || io::Error::new(io::ErrorKind::InvalidData, "there is no FAT");
    let (sector, in_cluster, reserved, tables) = (half(11), u64::from(boot[13]), half(14), u64::from(boot[16]));
    let (table, sectors) = (or(half(22), word(36)), or(half(19), word(32)));
    let root = (half(17) * 32).div_ceil(sector.max(1));
    if boot[510..] != [0x55, 0xaa] || !matches!(sector, 512 | 1024 | 2048 | 4096) || in_cluster == 0 || reserved == 0 {
        return Err(none());
    }
    let data = sectors.checked_sub(reserved + tables * table + root).ok_or_else(none)?;
    let clusters = data / in_cluster;
    let bits = match clusters {
        0..4085 => 12,
        4085..65525 => 16,
        _ => 32,
    };
    // The first two entries stand for no cluster.
    let end = clusters + 2;
    if sectors * sector > device.size() || (end * bits).div_ceil(8) > table * sector {
        return Err(none());
    }
    let mut table = vec![0; (end * bits).div_ceil(8).min(MOST) as usize];
    if table.len() as u64 == MOST {
        return Err(none());
    }
    device.seek(SeekFrom::Start(reserved * sector))?;
    device.read_exact(&mut table)?;
    let entry = |cluster: u64| match (bits, (cluster * bits / 8) as usize) {
        (12, at) => (u32::from(u16::from_le_bytes([table[at], table[at + 1]])) >> (cluster % 2 * 4)) & 0xfff,
        (16, at) => u32::from(u16::from_le_bytes([table[at], table[at + 1]])),
        (_, at) => u32::from_le_bytes([table[at], table[at + 1], table[at + 2], table[at + 3]]) & 0x0fff_ffff,
    };
    let free = (2..end).filter(|cluster| entry(*cluster) == 0).count() as u64;
    Ok(free * in_cluster * sector)
}
