//! A machine as a file, so that it can be told somewhere else what answers would do to it.
//!
//! It says nothing of what is stored on the machine: no label, no mount point, no name that a person gave. What tells this
//! machine or a disk from every other one is replaced by a salted digest, which can be compared with the value that an
//! answer file names, and not be read back. A serial number is short, though: whoever can guess it can confirm the guess.

use crate::{
    Answers, Disk, Inventory, MachineFacts,
    answers::DiskMatch,
    disk::wwn_digits,
    dmi::Key,
    firmware::Device,
    inventory::{Content, Found, Holding, Identity, Obstacle},
    machine::{Firmware, Machine},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A recorded machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Format of this file; 1.
    pub version: u32,
    /// What the digests are salted with; nothing where the machine is recorded with its identity.
    pub salt: Option<String>,
    /// Which machine it is.
    pub machine: MachineFacts,
    /// Its firmware; nothing where it was not started by UEFI.
    pub firmware: Option<Firmware>,
    /// Every disk.
    pub disks: Vec<Disk>,
    /// Devices that a bundle of firmware could be for. They have no serial number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Whether it has a TPM 2.0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tpm2: bool,
}

/// Why a recorded machine can not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    /// It is not the file that `forgectl record` writes.
    #[error("this is no recorded machine: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is of another format.
    #[error("this Forge reads version 1 of recorded machines, not version {0}")]
    Version(u32),
}

impl Recorded {
    /// A machine with its identity, or with digests that are made with this salt.
    pub fn new(machine: &Machine, inventory: &Inventory, salt: Option<&str>) -> Self {
        let hide = |value: &str| salt.map_or_else(|| value.trim().to_owned(), |salt| digest(salt, value));
        let hide_wwn = |name: &str| match salt {
            None => name.trim().to_owned(),
            Some(salt) => wwn_digest(salt, wwn_prefix(name), name),
        };
        let MachineFacts { vendor, product, .. } = &machine.dmi;
        let identity = |key: Key| {
            let value = machine.dmi.value(key)?;
            // What nobody filled in tells nobody anything, and has to be seen as what it is.
            Some(if key.is_junk(value) { value.to_owned() } else { hide(&key.plain(value)) })
        };
        let facts = MachineFacts {
            vendor: vendor.clone(),
            product: product.clone(),
            serial: identity(Key::Serial),
            uuid: identity(Key::Uuid),
        };
        let disks = inventory.disks.iter().map(|disk| recorded(disk, &hide, &hide_wwn)).collect();
        Self {
            version: 1,
            salt: salt.map(str::to_owned),
            machine: facts,
            firmware: machine.firmware.clone(),
            disks,
            devices: inventory.devices.clone(),
            tpm2: inventory.tpm2,
        }
    }

    /// Reads a recorded machine.
    pub fn parse(json: &[u8]) -> Result<Self, RecordedError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        match serde_json::from_slice::<Version>(json)?.version {
            1 => Ok(serde_json::from_slice(json)?),
            other => Err(RecordedError::Version(other)),
        }
    }

    /// The machine as these answers see it: each digest of a value that they name is that value again.
    pub fn seen_by(&self, answers: &Answers) -> (MachineFacts, Inventory) {
        let (mut facts, mut disks) = (self.machine.clone(), self.disks.clone());
        if let Some(salt) = &self.salt {
            let machine = answers.machine.iter();
            let serials = machine.clone().filter_map(|machine| machine.serial.as_deref());
            for serial in serials.chain(answers.overrides.iter().map(|one| one.serial.as_str())) {
                show(&mut facts.serial, &digest(salt, serial), serial);
            }
            for uuid in machine.filter_map(|machine| machine.uuid.as_deref()) {
                show(&mut facts.uuid, &digest(salt, &Key::Uuid.plain(uuid)), uuid);
            }
            let overrides = answers.overrides.iter().filter_map(|one| one.disk_match.as_ref());
            for wanted in answers.disk.matching.iter().chain(overrides) {
                for disk in &mut disks {
                    known(&mut disk.identity, wanted, salt);
                }
            }
        }
        (facts, Inventory { disks, firmware: None, devices: self.devices.clone(), tpm2: self.tpm2 })
    }
}

fn show(found: &mut Option<String>, digest: &str, value: &str) {
    if found.as_deref() == Some(digest) {
        *found = Some(value.to_owned());
    }
}

/// Names a disk again, if it is the one that is wanted.
fn known(identity: &mut Identity, wanted: &DiskMatch, salt: &str) {
    match wanted {
        DiskMatch::Serial { serial } => show(&mut identity.serial, &digest(salt, serial), serial.trim()),
        DiskMatch::Wwn { wwn: name } | DiskMatch::Eui { eui: name } => {
            for prefix in WWN_PREFIXES {
                let plain = format!("{prefix}{}", wwn_digits(name));
                show(&mut identity.wwn, &wwn_digest(salt, prefix, name), &plain);
            }
        }
        DiskMatch::Described(_) => {}
    }
}

/// What stands before the digits of a world wide name, and says of which kind it is.
fn wwn_prefix(name: &str) -> &'static str {
    let name = name.trim().to_ascii_lowercase();
    WWN_PREFIXES.into_iter().find(|prefix| name.starts_with(prefix)).unwrap_or_default()
}

/// The kinds of world wide names; the last one is a name without a kind.
const WWN_PREFIXES: [&str; 5] = ["0x", "naa.", "eui.", "uuid.", ""];

/// 128 bits of SHA-256 over the salt, a zero byte and the value without the white space around it.
fn digest(salt: &str, value: &str) -> String {
    let hash = Sha256::new().chain_update(salt).chain_update([0]).chain_update(value.trim()).finalize();
    format!("digest:{}", hex::encode(&hash[..16]))
}

/// The digest of a world wide name's digits, with the kind that it is of.
fn wwn_digest(salt: &str, prefix: &str, name: &str) -> String {
    format!("{prefix}{}", digest(salt, &wwn_digits(name)))
}

/// A disk without what people named. Every field is written down here, so that a new one is thought about.
fn recorded(disk: &Disk, hide: &dyn Fn(&str) -> String, hide_wwn: &dyn Fn(&str) -> String) -> Disk {
    let Disk { identity, model, kind, transport, rotational, removable, size, sector_size, content, obstacles } = disk;
    let Identity { path, serial, wwn, sequence: _ } = identity;
    Disk {
        identity: Identity {
            path: device(path),
            serial: serial.as_deref().map(hide),
            wwn: wwn.as_deref().map(hide_wwn),
            sequence: None,
        },
        model: model.clone(),
        kind: *kind,
        transport: *transport,
        rotational: *rotational,
        removable: *removable,
        size: *size,
        sector_size: *sector_size,
        content: match content {
            Content::Empty => Content::Empty,
            Content::Unknown => Content::Unknown,
            Content::Unfinished { stage } => Content::Unfinished { stage: *stage },
            Content::Whole { holding } => Content::Whole { holding: unnamed(holding) },
            // The numbers of the table name this one disk.
            Content::Table { table, partitions, gpt: _ } => Content::Table {
                gpt: None,
                table: table.clone(),
                partitions: partitions
                    .iter()
                    .map(|Found { number, label: _, type_id, size, holding, entry: _, shrinks: _, esp: _ }| Found {
                        number: *number,
                        label: String::new(),
                        type_id: *type_id,
                        size: *size,
                        holding: holding.as_ref().map(unnamed),
                        entry: None,
                        shrinks: None,
                        esp: None,
                    })
                    .collect(),
            },
        },
        obstacles: obstacles.iter().map(obstacle).collect(),
    }
}

fn unnamed(holding: &Holding) -> Holding {
    match holding {
        Holding::FileSystem { name, label: _ } => Holding::FileSystem { name: name.clone(), label: String::new() },
        Holding::Bitlocker => Holding::Bitlocker,
        Holding::Luks => Holding::Luks,
        Holding::LvmMember => Holding::LvmMember,
        Holding::MdMember => Holding::MdMember,
        Holding::FirmwareRaidMember { name } => Holding::FirmwareRaidMember { name: name.clone() },
        Holding::ZfsMember => Holding::ZfsMember,
        Holding::MultipathMember => Holding::MultipathMember,
        Holding::Swap => Holding::Swap,
        Holding::Other { name } => Holding::Other { name: name.clone() },
    }
}

fn obstacle(obstacle: &Obstacle) -> Obstacle {
    match obstacle {
        Obstacle::BootMedium => Obstacle::BootMedium,
        Obstacle::BootMediumUnknown => Obstacle::BootMediumUnknown,
        Obstacle::ReadOnly => Obstacle::ReadOnly,
        Obstacle::NoMedium => Obstacle::NoMedium,
        Obstacle::Mounted { device: name, at: _ } => Obstacle::Mounted { device: device(name), at: NOT_SAID.into() },
        Obstacle::Swap { device: name } => Obstacle::Swap { device: device(name) },
        Obstacle::Held { device: name, by } => Obstacle::Held { device: device(name), by: device(by) },
        Obstacle::PartOf { holding } => Obstacle::PartOf { holding: unnamed(holding) },
    }
}

/// What stands where a name was.
const NOT_SAID: &str = "(not recorded)";

/// A name that the kernel gave. Volumes, arrays and files have names that people gave, such as that of a computer.
fn device(path: &str) -> String {
    // Letters of a disk, numbers of partitions and namespaces, and no word.
    let lettered = |name: &str| {
        let rest = ["sd", "vd", "xvd", "hd"].iter().find_map(|kind| name.strip_prefix(kind))?;
        let number = rest.trim_start_matches(|c: char| c.is_ascii_lowercase());
        Some((1..=3).contains(&(rest.len() - number.len())) && number.chars().all(|c| c.is_ascii_digit()))
    };
    let numbered = |name: &str| {
        let kinds = ["sr", "nvme", "mmcblk", "loop", "dm-", "md", "pmem", "nbd", "zram"];
        let rest = kinds.iter().find_map(|kind| name.strip_prefix(kind))?;
        Some(!rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit() || matches!(c, 'n' | 'p')))
    };
    let by_kernel = |name| lettered(name).or_else(|| numbered(name)).unwrap_or(false);
    match path.strip_prefix("/dev/") {
        Some(name) if by_kernel(name) => path.to_owned(),
        _ => NOT_SAID.into(),
    }
}

#[cfg(test)]
mod tests;
