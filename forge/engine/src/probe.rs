//! Looks at a plain file that stands for a disk, and says what is on it.

use crate::{
    gpt,
    journal::Journal,
    target::{Target, TargetError},
};
use forge_model::inventory::{Content, Disk, DiskKind, Inventory, Transport};

/// The inventory of one plain file.
pub fn file(target: &Target) -> Result<Inventory, TargetError> {
    let call = |source| TargetError::Call { what: "looking at the target", source };
    let content = match gpt::probe(target.file()).map_err(call)? {
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
