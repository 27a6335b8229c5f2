//! Looks into somebody else's file system, without mounting it: how small it can be made, what an EFI system partition holds.
//!
//! | file | what is read of it | source |
//! |---|---|---|
//! | `ext4` | the superblock | the kernel's `Documentation/filesystems/ext4/super.rst` |
//! | `fat` | the files of an EFI system partition, by the `fatfs` crate | its documentation |
//! | `ntfs` | `$Volume`, `$LogFile`, `hiberfil.sys`, `$Bitmap`, by the `ntfs` crate | its documentation; `layout.h` of ntfs-3g |
//! | `bounded` | how much is read, and for how long | |
//!
//! Nothing here is trusted: a file system that lies makes a wrong number, and its own tool, which makes it smaller, checks
//! again. One that was made to harm costs no more than the time and the bytes that `bounded` allows.

mod bounded;
mod ext4;
mod fat;
mod ntfs;

use crate::esp::fat::Fat;
use bounded::Bounded;
use forge_model::{
    esp,
    inventory::{Holding, ShrinkFault, Shrinks},
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
        "ext2" | "ext3" | "ext4" => guarded(partition, 0, size, ext4::look),
        "ntfs" => guarded(partition, 0, size, ntfs::look),
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
        "ext2" | "ext3" | "ext4" => guarded(partition, 0, size, |device| ext4::look(device).map(|look| look.length)),
        "ntfs" => guarded(partition, 0, size, ntfs::length),
        _ => None,
    };
    length.filter(|length| *length <= size)
}

/// What an EFI system partition holds, which has these bytes of a disk, or is a device of its own.
pub fn esp(file: &File, offset: u64, size: u64) -> Option<esp::Content> {
    let fat = |_: &mut Bounded| Fat::read(file, offset, size)?.map(|fat| fat.free(file, offset)).transpose();
    let free = guarded(file, offset, size, fat)?;
    let is_boot_sector = |device: &mut Bounded| Ok(device.bytes(510)? == [0x55, 0xaa]);
    // A FAT12, one that is longer than its partition, and what is damaged, may have files all the same.
    if free.is_none() && !guarded(file, offset, size, is_boot_sector)? {
        return Some(esp::Content::NoFat);
    }
    let free = free.filter(|free| *free <= size);
    Some(esp::Content::Fat { free, files: guarded(file, offset, size, fat::files) })
}

/// What a state holds, which has these bytes of a disk: that decides whether its `home` can be kept.
pub fn state(file: &File, offset: u64, size: u64) -> Option<Holding> {
    const LUKS: [u8; 6] = *b"LUKS\xba\xbe";
    if guarded(file, offset, size, |device| device.bytes(0)) == Some(LUKS) {
        return Some(Holding::Luks);
    }
    let ext4 = guarded(file, offset, size, ext4::look).is_some();
    ext4.then(|| Holding::FileSystem { name: "ext4".into(), label: String::new() })
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
fn guarded<T>(file: &File, offset: u64, size: u64, look: impl FnOnce(&mut Bounded) -> io::Result<T>) -> Option<T> {
    let mut device = Bounded::new(file, offset, size, PATIENCE);
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
