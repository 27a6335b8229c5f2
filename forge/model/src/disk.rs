//! Which disk an answer file means. Pure: the same inventory gives the same disk, or the same reasons.

use crate::{
    Disk, Inventory,
    answers::{Described, DiskMatch, Size},
    inventory::{Obstacle, Transport},
};
use serde::{Deserialize, Serialize};

/// Why no disk is chosen, with every disk that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unclear {
    /// What stands in the way.
    pub why: Why,
    /// Every disk, in the order of the inventory.
    pub seen: Vec<Seen>,
}

/// What stands in the way of choosing a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// No disk fits.
    NoneFits,
    /// More than one disk fits.
    SeveralFit,
    /// One fits, and can not be taken.
    NotFree,
}

/// A disk that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its path now; it may be another disk's after the next start.
    pub path: String,
    /// Its model.
    pub model: Option<String>,
    /// Its length in bytes.
    pub size: u64,
    /// Its serial number.
    pub serial: Option<String>,
    /// Its world wide name.
    pub wwn: Option<String>,
    /// What of the answers does not fit it; empty when it fits.
    pub misfits: Vec<Misfit>,
    /// Why it can not be taken.
    pub obstacles: Vec<Obstacle>,
}

impl Seen {
    /// Whether it fits what the answers say.
    pub fn fits(&self) -> bool {
        self.misfits.is_empty()
    }
}

/// One thing that an answer file says of a disk, and another disk has otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "misfit", rename_all = "kebab-case")]
pub enum Misfit {
    /// It has another world wide name, or none.
    Wwn,
    /// It has another EUI, or none.
    Eui,
    /// It has another serial number, or none.
    Serial,
    /// It is another model.
    Model,
    /// It is connected in another way.
    Transport {
        /// How.
        found: Transport,
    },
    /// It is too small.
    Smaller {
        /// The least size that fits.
        than: Size,
    },
    /// It is too large.
    Larger {
        /// The greatest size that fits.
        than: Size,
    },
    /// It can be taken out, and should not, or the other way around.
    Removable {
        /// Whether it can.
        found: bool,
    },
}

/// The one disk that fits and can be taken.
///
/// A disk that is in use or write-protected counts as one that fits: which disk is erased may not depend on what else is
/// plugged in or mounted at that moment. Only what can never be meant does not count for a description: the medium that
/// this system was started from, and a drive without a medium. A name by WWN, EUI or serial number that any two disks
/// have, is no name.
pub fn choose<'a>(wanted: &DiskMatch, inventory: &'a Inventory) -> Result<&'a Disk, Unclear> {
    let mut fitting = inventory.disks.iter().filter(|disk| misfits(wanted, disk).is_empty() && counts(wanted, disk));
    let why = match (fitting.next(), fitting.next()) {
        (Some(disk), None) if disk.obstacles.is_empty() => return Ok(disk),
        (Some(_), None) => Why::NotFree,
        (Some(_), Some(_)) => Why::SeveralFit,
        (None, _) => Why::NoneFits,
    };
    Err(Unclear { why, seen: seen(wanted, inventory) })
}

/// Every disk, held against what the answers say.
pub fn seen(wanted: &DiskMatch, inventory: &Inventory) -> Vec<Seen> {
    let seen = |disk: &Disk| Seen {
        path: disk.identity.path.clone(),
        model: disk.model.clone(),
        size: disk.size,
        serial: disk.identity.serial.clone(),
        wwn: disk.identity.wwn.clone(),
        misfits: misfits(wanted, disk),
        obstacles: disk.obstacles.clone(),
    };
    inventory.disks.iter().map(seen).collect()
}

fn counts(wanted: &DiskMatch, disk: &Disk) -> bool {
    let never = |obstacle: &Obstacle| matches!(obstacle, Obstacle::BootMedium | Obstacle::NoMedium);
    !matches!(wanted, DiskMatch::Described(_)) || !disk.obstacles.iter().any(never)
}

/// What of the answers does not fit a disk.
fn misfits(wanted: &DiskMatch, disk: &Disk) -> Vec<Misfit> {
    let same = |wanted: &str, found: &Option<String>| found.as_ref().is_some_and(|found| found.trim() == wanted.trim());
    let only = |fits: bool, misfit| if fits { Vec::new() } else { vec![misfit] };
    match wanted {
        DiskMatch::Wwn { wwn } => only(same_name(wwn, disk.identity.wwn.as_deref()), Misfit::Wwn),
        DiskMatch::Eui { eui } => {
            let is_eui = |name: &&str| name.trim().to_ascii_lowercase().starts_with("eui.");
            only(same_name(eui, disk.identity.wwn.as_deref().filter(is_eui)), Misfit::Eui)
        }
        DiskMatch::Serial { serial } => only(same(serial, &disk.identity.serial), Misfit::Serial),
        DiskMatch::Described(Described { model, transport, min_size, max_size, removable }) => {
            let all = [
                model.as_ref().filter(|model| !same(model, &disk.model)).map(|_| Misfit::Model),
                transport.filter(|t| *t != disk.transport).map(|_| Misfit::Transport { found: disk.transport }),
                min_size.filter(|least| disk.size < least.0).map(|than| Misfit::Smaller { than }),
                max_size.filter(|most| disk.size > most.0).map(|than| Misfit::Larger { than }),
                removable.filter(|r| *r != disk.removable).map(|_| Misfit::Removable { found: disk.removable }),
            ];
            all.into_iter().flatten().collect()
        }
    }
}

/// Whether two world wide names are the same: their hexadecimal digits are, whatever stands before or between them.
fn same_name(wanted: &str, found: Option<&str>) -> bool {
    found.is_some_and(|found| wwn_digits(found) == wwn_digits(wanted))
}

/// The digits of a world wide name in lower case, or the whole text where it is none of digits, as `nvme.1af4-…` is.
pub(crate) fn wwn_digits(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    let bare = ["0x", "naa.", "eui.", "uuid."].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(&name);
    let digits: String = bare.chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' ')).collect();
    match !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        true => digits,
        false => name,
    }
}

#[cfg(test)]
mod tests;
