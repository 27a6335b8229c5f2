//! Looks at a plain file that stands for a disk, and says what is on it.

use crate::{
    filesystem, gpt,
    journal::Journal,
    target::{Target, TargetError},
};
use forge_model::{
    inventory::{Content, Disk, DiskKind, Entry, Found, Inventory, Transport},
    layout::Role,
};
use std::{fs::File, io};

/// The inventory of one plain file.
pub fn file(target: &Target) -> Result<Inventory, TargetError> {
    let call = |source| TargetError::Call { what: "looking at the target", source };
    let content = match content(target.file()).map_err(call)? {
        Content::Unknown => match Journal::read(target)? {
            Some(journal) => Content::Unfinished { stage: journal.stage },
            None => Content::Unknown,
        },
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
    Ok(Inventory { disks: vec![disk], firmware: None, devices: Vec::new(), tpm2: false })
}

/// What is on a disk, with a look into the partitions that a plan asks for.
pub fn content(file: &File) -> io::Result<Content> {
    Ok(match gpt::probe(file)? {
        Content::Table { table, partitions, gpt } => {
            let partitions = partitions.into_iter().map(|found| looked_into(file, found)).collect();
            Content::Table { table, partitions, gpt }
        }
        known => known,
    })
}

/// A partition with what is known of it that a plan asks for: whether an earlier state can be kept, and what an EFI system
/// partition holds. On a disk, UDisks2 says what is in each partition.
fn looked_into(file: &File, found: Found) -> Found {
    let Some(Entry { offset, .. }) = found.entry else { return found };
    match found.type_id {
        Some(id) if id == Role::Esp.type_id() => Found { esp: filesystem::esp(file, offset, found.size), ..found },
        Some(id) if id == Role::State.type_id() => {
            Found { holding: filesystem::state(file, offset, found.size), ..found }
        }
        _ => found,
    }
}
