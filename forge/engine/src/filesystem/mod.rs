//! Looks into somebody else's file system, without mounting it: how small it can be made, how much of it is free.
//!
//! | file | what is read of it | source |
//! |---|---|---|
//! | `ext4` | the superblock | the kernel's `Documentation/filesystems/ext4/super.rst` |
//! | `ntfs` | `$Volume`, `$LogFile`, `hiberfil.sys`, `$Bitmap`, by the `ntfs` crate | its documentation; `layout.h` of ntfs-3g |
//! | `bounded` | how much is read, and for how long | |
//!
//! Nothing here is trusted: a file system that lies makes a wrong number, and its own tool, which makes it smaller, checks
//! again. One that was made to harm costs no more than the time and the bytes that `bounded` allows.

mod bounded;
mod ext4;
mod ntfs;

use crate::esp::fat::Fat;
use bounded::Bounded;
use forge_model::{
    inventory::{ShrinkFault, Shrinks},
    size::{MIB, round_up},
};
use std::{
    fs::File,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// Room that is left free besides a tenth of what is used.
const SPARE: u64 = 64 * MIB;

/// How small the file system in the first `size` bytes of a partition can be made; `name` is libblkid's.
pub fn shrinks(partition: &File, size: u64, name: &str) -> Shrinks {
    let not = |why| Shrinks::Not { why };
    let looked = match name {
        "ext2" | "ext3" | "ext4" => guarded(partition, size, ext4::look),
        "ntfs" => guarded(partition, size, ntfs::look),
        _ => return not(ShrinkFault::FileSystem),
    };
    match looked {
        None => not(ShrinkFault::Unreadable),
        Some(Look { fault: Some(why), .. }) => not(why),
        // Whatever it says: a file system that is longer than its partition is none that can be used.
        Some(Look { length, .. }) if length > size => not(ShrinkFault::Unreadable),
        Some(Look { used, .. }) => Shrinks::To { least: least(used).min(size) },
    }
}

/// The length in bytes that a file system itself names; `name` is libblkid's.
pub fn length(partition: &File, size: u64, name: &str) -> Option<u64> {
    let length = match name {
        "ext2" | "ext3" | "ext4" => guarded(partition, size, |device| ext4::look(device).map(|look| look.length)),
        "ntfs" => guarded(partition, size, ntfs::length),
        _ => None,
    };
    length.filter(|length| *length <= size)
}

/// Bytes of free clusters in a FAT, such as that of an EFI system partition.
pub fn free(partition: &File, size: u64) -> Option<u64> {
    let look = |_: &mut Bounded| Fat::read(partition, 0, size)?.map(|fat| fat.free(partition, 0)).transpose();
    guarded(partition, size, look).flatten().filter(|free| *free <= size)
}

/// What was seen.
struct Look {
    /// Why it is not made smaller as it is.
    fault: Option<ShrinkFault>,
    /// Its whole length in bytes.
    length: u64,
    /// Bytes that are in use, or that it needs for other reasons.
    used: u64,
}

/// What is used and a tenth of that, and a little more, in whole mebibytes: a system that starts from it writes at once.
fn least(used: u64) -> u64 {
    round_up(used.saturating_add(used / 10).saturating_add(SPARE).min(u64::MAX / 2), MIB)
}

/// Nothing when it could not be read to the end, or when what was found there made the reading code stumble.
fn guarded<T>(partition: &File, size: u64, look: impl FnOnce(&mut Bounded) -> io::Result<T>) -> Option<T> {
    let mut device = Bounded::new(partition, size, PATIENCE);
    match catch_unwind(AssertUnwindSafe(|| look(&mut device))) {
        Ok(Ok(looked)) => Some(looked),
        Ok(Err(error)) => {
            log::info!("a file system can not be looked at: {error}");
            None
        }
        Err(_) => {
            log::warn!("a file system can not be looked at: it is not made as one is");
            None
        }
    }
}

#[cfg(test)]
mod tests;
