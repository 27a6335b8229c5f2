//! ext2, ext3 and ext4: the counts in the superblock, which are right when it was unmounted well.
//!
//! Source: the kernel's `Documentation/filesystems/ext4/super.rst`.

use super::{Bounded, Look};
use forge_model::inventory::ShrinkFault;
use std::io;

/// Where the superblock lies.
const PLACE: u64 = 1024;
/// `s_magic`.
const MAGIC: u16 = 0xef53;
/// `s_state`: unmounted well, and no faults found.
const CLEAN: u16 = 1;
/// `s_feature_incompat`: the journal has to be replayed first.
const RECOVER: u32 = 0x4;
/// `s_feature_incompat`: a journal for another file system.
const JOURNAL: u32 = 0x8;
/// `s_feature_incompat`: counts have an upper half.
const WIDE: u32 = 0x80;
/// `s_feature_incompat`: several groups keep their metadata together.
const FLEX_GROUPS: u32 = 0x200;
/// `s_feature_compat`: inodes keep their numbers, so that none can be moved.
const STABLE_INODES: u32 = 0x800;
/// `s_feature_ro_compat`: clusters of several blocks, which resize2fs is still new to.
const BIGALLOC: u32 = 0x200;
/// `s_feature_ro_compat`: blocks that several files share.
const SHARED_BLOCKS: u32 = 0x4000;
/// `s_feature_ro_compat`: the list of deleted files that are still open is not empty.
const ORPHANS: u32 = 0x10000;

pub(super) fn look(device: &mut Bounded) -> io::Result<Look> {
    let block: [u8; 1024] = device.bytes(PLACE)?;
    let half = |at: usize| u16::from_le_bytes([block[at], block[at + 1]]);
    let word = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
    let none = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let (incompat, ro_compat) = (word(0x60), word(0x64));
    let wide = |low, high| u64::from(word(low)) | if incompat & WIDE == 0 { 0 } else { u64::from(word(high)) << 32 };
    if half(0x38) != MAGIC {
        return Err(none("there is no superblock"));
    }
    let block_size = 1024_u64.checked_shl(word(0x18)).filter(|size| *size <= 1 << 16);
    let block_size = block_size.ok_or_else(|| none("blocks of that size do not exist"))?;
    let (blocks, free) = (wide(0x4, 0x150), wide(0xc, 0x158));
    let length = blocks.checked_mul(block_size).ok_or_else(|| none("it has too many blocks"))?;
    let used = blocks.checked_sub(free).ok_or_else(|| none("more is free than there is"))?;
    // A group has a fixed number of inodes: where many small files are, as many groups have to stay.
    let (inodes, free_inodes, per_group) = (word(0), word(0x10), word(0x28));
    let in_use = inodes.checked_sub(free_inodes).ok_or_else(|| none("more inodes are free than there are"))?;
    let groups = u64::from(in_use.checked_div(per_group).ok_or_else(|| none("groups have no inodes"))?) + 1;
    let for_inodes = groups.saturating_mul(u64::from(word(0x20))).min(blocks);
    // Beyond what is used, resize2fs wants room for the inode tables of one such bundle of groups, and for what moved files
    // need; and it counts what lies in the first bundle twice (calculate_minimum_resize_size, 1.47).
    let flex = if incompat & FLEX_GROUPS == 0 { 1 } else { 1_u64.checked_shl(block[0x174].into()).unwrap_or(u64::MAX) };
    let table = (u64::from(per_group) * u64::from(half(0x58)).max(128)).div_ceil(block_size) + 2;
    let all_groups = blocks.div_ceil(u64::from(word(0x20)).max(1));
    let bundle = flex.min(all_groups);
    let twice = bundle.saturating_mul(word(0x20).into()).min(used);
    let slack = bundle.saturating_mul(table).saturating_add(free / 500).saturating_add(twice);
    let fault = match () {
        () if word(0x5c) & STABLE_INODES != 0 => Some(ShrinkFault::FileSystem),
        () if word(0xe8) != 0 => Some(ShrinkFault::Dirty),
        () if incompat & JOURNAL != 0 || ro_compat & (BIGALLOC | SHARED_BLOCKS) != 0 => Some(ShrinkFault::FileSystem),
        () if half(0x3a) != CLEAN || incompat & RECOVER != 0 || ro_compat & ORPHANS != 0 => Some(ShrinkFault::Dirty),
        () => None,
    };
    Ok(Look { fault, length, used: used.max(for_inodes).saturating_add(slack).saturating_mul(block_size) })
}
