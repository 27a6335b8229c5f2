//! What sysfs says of a block device and UDisks does not.
//!
//! Source: the kernel's `Documentation/ABI/stable/sysfs-block`.

use super::objects::{Objects, tidy};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The block devices of UDisks as sysfs describes them, by the kernel's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sysfs(pub BTreeMap<String, Facts>);

/// What sysfs says of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The names along its place in the device tree: `pci0000:00`, `usb1`, `host4`, …
    pub place: Vec<String>,
    /// Devices that lie on top of it, as paths in `/dev` that a person knows.
    pub holders: Vec<String>,
    /// The disk sequence number.
    pub sequence: Option<u64>,
    /// Bytes in a logical sector.
    pub sector_size: Option<u32>,
    /// Whether the kernel takes it for one that turns.
    pub rotational: bool,
    /// Whether it can not be written.
    pub read_only: bool,
    /// What an MMC card calls itself: `MMC` is soldered, `SD` is not.
    pub card: Option<String>,
}

/// Whether the machine has a TPM 2.0 (the kernel's `Documentation/ABI/stable/sysfs-class-tpm`).
pub fn has_tpm2(sys: &Path) -> bool {
    text(&sys.join("class/tpm/tpm0/tpm_version_major")).as_deref() == Some("2")
}

impl Sysfs {
    /// Reads what is known of every block device in the view. `sys` is where sysfs lies.
    pub fn read(sys: &Path, objects: &Objects) -> Self {
        let facts = |name: String| {
            let facts = Facts::read(sys, &name);
            (name, facts)
        };
        Self(objects.blocks.values().map(|block| facts(block.name())).collect())
    }
}

impl Facts {
    fn read(sys: &Path, name: &str) -> Self {
        let Ok(place) = fs::canonicalize(sys.join("class/block").join(name)) else {
            return Self::default();
        };
        let devices = fs::canonicalize(sys.join("devices")).unwrap_or_else(|_| sys.join("devices"));
        let along = place.strip_prefix(devices).unwrap_or(Path::new(""));
        Self {
            place: along.iter().map(|part| part.to_string_lossy().into_owned()).collect(),
            holders: holders(&place),
            sequence: number(&place.join("diskseq")),
            sector_size: number(&place.join("queue/logical_block_size")),
            rotational: number(&place.join("queue/rotational")) == Some(1_u8),
            read_only: number(&place.join("ro")) == Some(1_u8),
            card: text(&place.join("device/type")),
        }
    }
}

/// Holders by the name that a person gave them, where they have one.
fn holders(place: &Path) -> Vec<String> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(place.join("holders")).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    let shown = |holder: &PathBuf| match text(&holder.join("dm/name")) {
        Some(name) => format!("/dev/mapper/{name}"),
        None => format!("/dev/{}", holder.file_name().unwrap_or_default().to_string_lossy()),
    };
    found.iter().map(|holder| tidy(&shown(holder))).collect()
}

/// The one line of an attribute; nothing when it is not there or empty.
pub(super) fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim_end().to_owned()).filter(|text| !text.is_empty())
}

fn number<T: std::str::FromStr>(path: &Path) -> Option<T> {
    text(path).and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tpm_of_the_second_generation_counts() {
        let sys = tempfile::tempdir().unwrap();
        assert!(!has_tpm2(sys.path()));
        let tpm = sys.path().join("class/tpm/tpm0");
        fs::create_dir_all(&tpm).unwrap();
        for (version, counts) in [("1\n", false), ("2\n", true)] {
            fs::write(tpm.join("tpm_version_major"), version).unwrap();
            assert_eq!(has_tpm2(sys.path()), counts);
        }
    }
}
