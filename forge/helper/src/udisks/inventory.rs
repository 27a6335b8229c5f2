//! From what UDisks and sysfs show to the disks that a person knows. Pure.

use super::{
    boot_medium::BootMedium,
    holding,
    objects::{Block, Drive, Objects, Partition},
    sysfs::{Facts, Sysfs},
};
use forge_model::inventory::{Content, Disk, DiskKind, Found, Holding, Identity, Inventory, Obstacle, Transport};

/// Every whole disk; those that can be taken first, then by path.
///
/// [`Content::Empty`] says here that UDisks could name nothing; only a look at the disk tells whether it is blank.
pub fn inventory(objects: &Objects, sysfs: &Sysfs, boot: &BootMedium) -> Inventory {
    let mut disks: Vec<Disk> = objects
        .blocks
        .iter()
        .filter_map(|(path, block)| {
            let drive = block.drive.as_ref().and_then(|drive| objects.drives.get(drive))?;
            is_whole_disk(block, drive).then(|| View { objects, sysfs, boot, path, block, drive }.disk())
        })
        .collect();
    disks.sort_by(|a, b| (!a.obstacles.is_empty(), &a.identity.path).cmp(&(!b.obstacles.is_empty(), &b.identity.path)));
    Inventory { disks, firmware: None, devices: Vec::new(), tpm2: false }
}

/// Not a partition, not the small areas that eMMC keeps for boot code and keys, not a drive for compact discs.
fn is_whole_disk(block: &Block, drive: &Drive) -> bool {
    let name = block.name();
    let area = name.starts_with("mmcblk") && (name.contains("boot") || name.ends_with("rpmb") || name.contains("gp"));
    block.partition.is_none() && !area && !drive.is_optical()
}

/// One disk and what is needed to describe it.
struct View<'a> {
    objects: &'a Objects,
    sysfs: &'a Sysfs,
    boot: &'a BootMedium,
    path: &'a str,
    block: &'a Block,
    drive: &'a Drive,
}

impl View<'_> {
    fn disk(&self) -> Disk {
        let (block, drive, facts) = (self.block, self.drive, self.facts(self.block));
        let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Disk {
            identity: Identity {
                path: block.device.clone(),
                serial: known(&drive.serial),
                wwn: known(&drive.wwn),
                sequence: facts.sequence,
            },
            model: model(drive),
            kind: DiskKind::Disk,
            transport: transport(block, drive, &facts),
            rotational: is_rotational(block, drive, &facts),
            removable: is_removable(drive, &facts),
            size: block.size,
            sector_size: facts.sector_size.unwrap_or(512),
            content: self.content(),
            obstacles: self.obstacles(&facts),
        }
    }

    fn facts(&self, block: &Block) -> Facts {
        self.sysfs.0.get(&block.name()).cloned().unwrap_or_default()
    }

    fn partitions(&self) -> Vec<(&Block, &Partition)> {
        self.objects.partitions_of(self.path)
    }

    /// A member of something larger may show that one's partition table as its own, so membership comes first.
    fn content(&self) -> Content {
        let whole = holding::of(self.block);
        match (&self.block.table, whole) {
            (_, Some(holding)) if self.block.id_usage == "raid" => Content::Whole { holding },
            (Some(table), _) => Content::Table {
                table: table.clone(),
                partitions: self.partitions().into_iter().map(|(block, partition)| found(block, partition)).collect(),
                // Only a look at the disk tells.
                gpt: None,
            },
            (None, Some(holding)) => Content::Whole { holding },
            (None, None) => Content::Empty,
        }
    }

    fn obstacles(&self, facts: &Facts) -> Vec<Obstacle> {
        let mut found = Vec::new();
        match self.boot {
            BootMedium::Unknown => found.push(Obstacle::BootMediumUnknown),
            BootMedium::Disks(disks) if disks.contains(&self.block.name()) => found.push(Obstacle::BootMedium),
            BootMedium::Disks(_) => {}
        }
        if !self.drive.media_available || self.block.size == 0 {
            found.push(Obstacle::NoMedium);
        } else if self.block.read_only || facts.read_only {
            found.push(Obstacle::ReadOnly);
        }
        let whole = holding::of(self.block);
        if let Some(holding @ (Holding::FirmwareRaidMember { .. } | Holding::MultipathMember)) = whole {
            found.push(Obstacle::PartOf { holding });
        }
        found.extend(self.in_use(self.block));
        for (block, _) in self.partitions() {
            found.extend(self.in_use(block));
        }
        found
    }

    /// What uses a disk or a partition of it now.
    fn in_use(&self, block: &Block) -> Vec<Obstacle> {
        let device = || block.device.clone();
        let mounted = |at: &String| Obstacle::Mounted { device: device(), at: at.clone() };
        let mut found: Vec<Obstacle> = self.mounted_at(block).into_iter().map(mounted).collect();
        if block.swaps {
            found.push(Obstacle::Swap { device: device() });
        }
        let mut by = self.facts(block).holders;
        // What UDisks knows of the same, where sysfs says nothing.
        if by.is_empty() {
            by.extend(
                block.cleartext.iter().filter_map(|path| self.objects.blocks.get(path)).map(|b| b.device.clone()),
            );
            let running = block.array.iter().filter(|array| self.objects.running_arrays.contains(array));
            by.extend(running.map(|array| format!("/dev/md/{}", array.rsplit('/').next().unwrap_or_default())));
        }
        found.extend(by.into_iter().map(|by| Obstacle::Held { device: device(), by }));
        found
    }

    /// Where it is mounted. A btrfs on several devices is mounted by the name of one, and uses them all.
    fn mounted_at<'a>(&'a self, block: &'a Block) -> Vec<&'a String> {
        if !block.mounted_at.is_empty() || block.id_type != "btrfs" || block.id_uuid.is_empty() {
            return block.mounted_at.iter().collect();
        }
        let same = |other: &&Block| other.id_type == "btrfs" && other.id_uuid == block.id_uuid;
        self.objects.blocks.values().filter(same).flat_map(|other| &other.mounted_at).collect()
    }
}

fn found(block: &Block, partition: &Partition) -> Found {
    Found {
        number: partition.number,
        label: partition.name.clone(),
        type_id: partition.type_id,
        size: partition.size,
        holding: match partition.is_container {
            true => Some(Holding::Other { name: "extended".into() }),
            false => holding::of(block),
        },
        entry: None,
        shrinks: None,
        esp: None,
    }
}

/// Vendor and model as one name. Many models say their vendor already, and ATA gives a bus for a vendor.
fn model(drive: &Drive) -> Option<String> {
    let (vendor, model) = (drive.vendor.trim_end_matches(['-', '_', ' ']), drive.model.as_str());
    let said = model.to_lowercase().starts_with(&vendor.to_lowercase());
    match (vendor, model) {
        ("", "") => None,
        ("" | "ATA", model) => Some(model.into()),
        (vendor, "") => Some(vendor.into()),
        (_, model) if said => Some(model.into()),
        (vendor, model) => Some(format!("{vendor} {model}")),
    }
}

/// The nearest thing on the way to the disk that says how it is connected.
fn transport(block: &Block, drive: &Drive, facts: &Facts) -> Transport {
    let along = |kind: &str| {
        facts.place.iter().any(|part| {
            part.strip_prefix(kind).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()) && !rest.is_empty())
        })
    };
    let name = block.name();
    let (virtual_name, virtual_place) = (name.starts_with("vd") || name.starts_with("xvd"), along("virtio"));
    match drive.connection.as_str() {
        _ if virtual_name || virtual_place || facts.place.iter().any(|part| part == "VMBUS") => Transport::Virtual,
        "usb" => Transport::Usb,
        "sdio" => Transport::Mmc,
        _ if along("usb") => Transport::Usb,
        _ if name.starts_with("nvme") => Transport::Nvme,
        _ if name.starts_with("mmcblk") => Transport::Mmc,
        _ if drive.ata || along("ata") => Transport::Ata,
        _ if along("host") => Transport::Scsi,
        _ => Transport::Other,
    }
}

/// Sticks, cards and virtual disks often tell the kernel that they turn.
fn is_rotational(block: &Block, drive: &Drive, facts: &Facts) -> bool {
    let flash = drive.media.starts_with("flash") || drive.media == "thumb";
    match drive.rotation_rate {
        _ if flash || transport(block, drive, facts) == Transport::Virtual => false,
        0 => false,
        1.. => true,
        _ => facts.rotational,
    }
}

/// A card that calls itself MMC is soldered; of the others the kernel does not say that they come out.
fn is_removable(drive: &Drive, facts: &Facts) -> bool {
    match facts.card.as_deref() {
        Some("MMC") => false,
        Some("SD") => true,
        _ => drive.removable || drive.media_removable,
    }
}

#[cfg(test)]
mod tests;
