//! What lies on an EFI system partition that is there, and which of it is this kind of system's. FAT ignores case.

use serde::{Deserialize, Serialize};

/// The certificate of a machine's boot key, where a person finds it from MokManager.
pub const CERTIFICATE_FILE: &str = "INTERGENOS-KEY.cer";
/// Where systemd-stub looks for addons that every boot image gets.
pub const ADDONS: &str = "loader/addons";
/// What systemd-stub leaves.
const SEED: &str = "loader/random-seed";

/// What an EFI system partition holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "holds", rename_all = "kebab-case")]
pub enum Content {
    /// No FAT16 or FAT32: no firmware starts anything from it.
    NoFat,
    /// One, or what begins like one.
    Fat {
        /// Bytes that are free, where it is in order.
        free: Option<u64>,
        /// Its files, where all of them could be told.
        files: Option<Vec<File>>,
    },
}

/// A file on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its path, such as `EFI/BOOT/BOOTX64.EFI`.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
}

impl Content {
    /// Whether nothing is on it that is not of the system with this id.
    pub fn is_only_of(&self, id: &str) -> bool {
        match self {
            Self::NoFat => true,
            Self::Fat { files: None, .. } => false,
            Self::Fat { files: Some(files), .. } => {
                let (files, id) = (Known::new(files), id.to_lowercase());
                files.0.iter().all(|(path, _)| {
                    is_own(&id, path)
                        || is_addon(path)
                        || [CERTIFICATE_FILE, SEED].iter().any(|own| path.eq_ignore_ascii_case(own))
                        || files.is_copy(&id, path)
                })
            }
        }
    }

    /// Whether files with the name of the system with this id are on it.
    pub fn has_any_of(&self, id: &str) -> bool {
        matches!(self, Self::Fat { files: Some(files), .. } if files.iter().any(|file| is_own(id, &file.path)))
    }

    /// Whether a firmware without a boot entry starts the loader of the system with this id from it.
    pub fn starts(&self, id: &str) -> bool {
        let id = id.to_lowercase();
        matches!(self, Self::Fat { files: Some(files), .. } if Known::new(files).is_copy(&id, REMOVABLE))
    }
}

/// What a firmware starts without a boot entry.
const REMOVABLE: &str = "efi/boot/bootx64.efi";

/// Files by their paths in lower case, with their lengths.
struct Known(Vec<(String, u64)>);

impl Known {
    fn new(files: &[File]) -> Self {
        Self(files.iter().map(|file| (file.path.to_lowercase(), file.size)).collect())
    }

    fn size(&self, path: &str) -> Option<u64> {
        self.0.iter().find(|(known, _)| known == path).map(|(_, size)| *size)
    }

    /// Whether a file of `EFI/BOOT` is the copy of one in this system's own directory. Anybody's loader can lie there.
    fn is_copy(&self, id: &str, path: &str) -> bool {
        let same = |one: &str, other: &str| self.size(one).is_some_and(|size| self.size(other) == Some(size));
        match path.strip_prefix("efi/boot/") {
            Some("bootx64.efi") => same(path, &format!("efi/{id}/shimx64.efi")),
            // shim's fallback has no other place; it does what the list in that directory says.
            Some("fbx64.efi") => same(REMOVABLE, &format!("efi/{id}/shimx64.efi")),
            Some(name) => same(path, &format!("efi/{id}/{name}")),
            None => false,
        }
    }
}

/// Whether a path has the name of the system with this id.
pub fn is_own(id: &str, path: &str) -> bool {
    let (id, path) = (id.to_lowercase(), path.to_lowercase());
    [format!("efi/{id}/"), format!("efi/linux/{id}-"), "efi/forge/".to_owned()].iter().any(|own| path.starts_with(own))
}

/// Whether a path is an addon of a bundle of firmware.
pub fn is_addon(path: &str) -> bool {
    let path = path.to_lowercase();
    let name = path.strip_prefix(ADDONS).and_then(|rest| rest.strip_prefix("/firmware-"));
    name.and_then(|rest| rest.strip_suffix(".addon.efi")).is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an install leaves, a later kernel, and what a start leaves.
    const OWN: [(&str, u64); 13] = [
        ("EFI/Linux/intergenos-7.2.efi", 30),
        ("EFI/Linux/intergenos-7.3.efi", 31),
        ("EFI/Linux/intergenos-7.3.efi.extra.d/console.addon.efi", 3),
        ("EFI/BOOT/BOOTX64.EFI", 10),
        ("EFI/BOOT/grubx64.efi", 20),
        ("EFI/BOOT/mmx64.efi", 9),
        ("EFI/BOOT/fbx64.efi", 2),
        ("EFI/intergenos/shimx64.efi", 10),
        ("EFI/intergenos/grubx64.efi", 20),
        ("EFI/intergenos/mmx64.efi", 9),
        ("intergenos-key.CER", 1),
        ("loader/addons/firmware-amd.addon.efi", 4),
        ("loader/random-seed", 1),
    ];

    fn content(files: &[(&str, u64)]) -> Content {
        let file = |(path, size): &(&str, u64)| File { path: (*path).into(), size: *size };
        Content::Fat { free: Some(0), files: Some(files.iter().map(file).collect()) }
    }

    fn own() -> Vec<(&'static str, u64)> {
        OWN.to_vec()
    }

    #[test]
    fn what_this_system_leaves_is_its_own() {
        assert!(content(&own()).is_only_of("intergenos"));
        assert!(content(&own()).starts("intergenos") && content(&own()).has_any_of("InterGenOS"));
        assert!(content(&[]).is_only_of("intergenos") && !content(&[]).starts("intergenos"));
        assert!(Content::NoFat.is_only_of("intergenos") && !Content::NoFat.has_any_of("intergenos"));
        assert!(!Content::Fat { free: Some(1), files: None }.is_only_of("intergenos"));
        assert!(!content(&own()).is_only_of("other") && !content(&own()).starts("other"));
    }

    #[test]
    fn one_file_of_another_is_enough() {
        for other in [
            "EFI/Microsoft/Boot/bootmgfw.efi",
            "EFI/Linux/fedora-7.2.efi",
            "EFI/intergenos-two/shimx64.efi",
            "EFI/BOOT/BOOTIA32.EFI",
            "loader/entries/arch.conf",
            "loader/addons/other.addon.efi",
            "holiday.jpg",
        ] {
            assert!(!content(&[own(), vec![(other, 10)]].concat()).is_only_of("intergenos"), "{other}");
        }
    }

    #[test]
    fn a_loader_that_is_no_copy_of_this_systems_is_anothers() {
        for name in ["EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/grubx64.efi"] {
            let changed: Vec<_> = own().into_iter().map(|(p, n)| (p, if p == name { 99 } else { n })).collect();
            assert!(!content(&changed).is_only_of("intergenos"), "{name}");
            assert_eq!(content(&changed).starts("intergenos"), name.ends_with("grubx64.efi"));
        }
        assert!(!content(&[("EFI/BOOT/BOOTX64.EFI", 10)]).is_only_of("intergenos"));
        assert!(!content(&[("EFI/BOOT/fbx64.efi", 2)]).is_only_of("intergenos"));
    }

    #[test]
    fn only_addons_of_bundles_are_addons_of_this_kind() {
        assert!(
            is_addon("loader/addons/firmware-intel-ucode.addon.efi") && is_addon("LOADER/ADDONS/FIRMWARE-A.ADDON.EFI")
        );
        for path in ["loader/addons/firmware-.addon.efi", "loader/addons/a.addon.efi", "loader/addons/firmware-a.efi"] {
            assert!(!is_addon(path), "{path}");
        }
        assert!(!is_addon("EFI/Linux/loader/addons/firmware-a.addon.efi"));
        assert!(!is_addon("loader/addons/firmware-a/b.addon.efi"));
    }
}
