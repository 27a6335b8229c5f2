//! Looks at a plain file that stands for a disk, and says what is on it.

use crate::{
    esp::fat::Fat,
    gpt,
    journal::Journal,
    target::{Target, TargetError},
};
use forge_model::{
    inventory::{Content, Disk, DiskKind, Found, Holding, Inventory, Transport},
    layout::Role,
};
use std::{fs::File, os::unix::fs::FileExt};

/// The inventory of one plain file.
pub fn file(target: &Target) -> Result<Inventory, TargetError> {
    let call = |source| TargetError::Call { what: "looking at the target", source };
    let content = match gpt::probe(target.file()).map_err(call)? {
        Content::Unknown => match Journal::read(target)? {
            Some(journal) => Content::Unfinished { stage: journal.stage },
            None => Content::Unknown,
        },
        Content::Table { table, partitions, gpt } => {
            let looked_at = |found: Found| {
                let (holding, free) = (state(target.file(), &found), free(target.file(), &found));
                Found { holding, free, ..found }
            };
            let partitions = partitions.into_iter().map(looked_at);
            Content::Table { table, partitions: partitions.collect(), gpt }
        }
        known => known,
    };
    let disk = Disk {
        identity: target.identity()?,
        model: None,
        kind: DiskKind::File,
        transport: Transport::Other,
        rotational: false,
        removable: false,
        size: target.size(),
        sector_size: 512,
        content,
        obstacles: Vec::new(),
    };
    Ok(Inventory { disks: vec![disk], firmware: None, devices: Vec::new() })
}

/// Bytes that are free in an EFI system partition, where that can be told.
fn free(file: &File, found: &Found) -> Option<u64> {
    let entry = found.entry.filter(|_| found.type_id == Some(Role::Esp.type_id()))?;
    Fat::read(file, entry.offset, found.size).ok()??.free(file, entry.offset).ok()
}

/// What a partition holds that has the type of a state: that decides whether its `home` can be kept. On a disk, UDisks2 says
/// what is in each partition.
fn state(file: &File, found: &Found) -> Option<Holding> {
    /// Where the superblock of ext4 has its magic number (Linux, fs/ext4/ext4.h), and what LUKS begins with.
    const EXT4: (u64, &[u8]) = (1024 + 0x38, &[0x53, 0xef]);
    const LUKS: (u64, &[u8]) = (0, b"LUKS\xba\xbe");
    let entry = found.entry.filter(|_| found.type_id == Some(Role::State.type_id()))?;
    let has = |(at, magic): (u64, &[u8])| {
        let mut bytes = vec![0; magic.len()];
        let end = at + magic.len() as u64;
        end <= found.size && file.read_exact_at(&mut bytes, entry.offset.saturating_add(at)).is_ok() && bytes == magic
    };
    match (has(LUKS), has(EXT4)) {
        (true, _) => Some(Holding::Luks),
        (_, true) => Some(Holding::FileSystem { name: "ext4".into(), label: String::new() }),
        _ => None,
    }
}
