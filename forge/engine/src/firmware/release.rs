//! For which system a bundle is, and which devices its drivers are for: both are read from the system's own tree.

use crate::payload::open_in_root;
use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A file of the system's tree could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// It can not be read.
    #[error("{path}: {source}")]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not say whose system this is.
    #[error("{path} has no ID=; without one nothing says for which system firmware is")]
    NoId {
        /// Its path.
        path: PathBuf,
    },
}

/// The contents of `extension-release`: systemd merges an extension only into the system that this names
/// (os-release(5), systemd-sysext(8)).
pub fn extension_release(root: &Path) -> Result<String, ReleaseError> {
    let path = "usr/lib/os-release";
    let mut text = String::new();
    let read = open_in_root(root, path).and_then(|mut file| file.read_to_string(&mut text));
    read.map_err(|source| ReleaseError::Read { path: root.join(path), source })?;
    // The lines go over as they are, with whatever quotation marks they have.
    let line = |key: &str| {
        let value = |line: &str| line.trim().strip_prefix(key)?.strip_prefix('=').map(str::to_owned);
        text.lines().filter_map(value).rfind(|value| !matches!(value.as_str(), "" | "\"\"" | "''"))
    };
    let id = line("ID").ok_or_else(|| ReleaseError::NoId { path: root.join(path) })?;
    let level = ["SYSEXT_LEVEL", "VERSION_ID"].into_iter().find_map(|key| Some(format!("{key}={}\n", line(key)?)));
    Ok(format!("ID={id}\n{}", level.unwrap_or_default()))
}

/// The patterns of devices for which the tree's kernels load one of these modules.
pub fn modaliases(root: &Path, modules: &[String]) -> Result<BTreeSet<String>, ReleaseError> {
    let mut found = BTreeSet::new();
    let directory = root.join("usr/lib/modules");
    let kernels = match fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        kernels => kernels.map_err(|source| ReleaseError::Read { path: directory, source })?,
    };
    for kernel in kernels.flatten() {
        let path = kernel.path().join("modules.alias");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            text => text.map_err(|source| ReleaseError::Read { path, source })?,
        };
        // "alias PATTERN MODULE"
        let words = text.lines().filter_map(|line| line.strip_prefix("alias ")?.rsplit_once(' '));
        let ours = words.filter(|(_, module)| modules.iter().any(|name| super::whence::same_driver(name, module)));
        // A pattern without a bus is the name of something else that a driver offers.
        found.extend(ours.map(|(pattern, _)| pattern.to_owned()).filter(|pattern| pattern.contains(':')));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(os_release: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/lib/modules/7.1")).unwrap();
        fs::write(root.path().join("usr/lib/os-release"), os_release).unwrap();
        root
    }

    #[test]
    fn an_extension_is_for_the_systems_level_else_its_version_else_its_id() {
        for (os_release, wanted) in [
            ("NAME=x\nID=demo\nVERSION_ID=\"1\"\nSYSEXT_LEVEL=1.0\n", "ID=demo\nSYSEXT_LEVEL=1.0\n"),
            ("ID=\"demo\"\nVERSION_ID=\"2026.11\"\n", "ID=\"demo\"\nVERSION_ID=\"2026.11\"\n"),
            ("ID=demo\nID_LIKE=debian\nVERSION_ID=\n", "ID=demo\n"),
        ] {
            assert_eq!(extension_release(root(os_release).path()).unwrap(), wanted);
        }
        assert!(matches!(extension_release(root("NAME=x\n").path()), Err(ReleaseError::NoId { .. })));
    }

    #[test]
    fn the_devices_of_a_driver_come_from_the_kernels_own_list() {
        let root = root("ID=demo\n");
        let aliases = "# Aliases\nalias pci:v000010ECd0000B822sv*sd*bc*sc*i* rtw88_8822be\nalias usb:v0BDAp* rtw88_u\n\
                       alias rtw88-thing rtw88_8822be\n";
        fs::write(root.path().join("usr/lib/modules/7.1/modules.alias"), aliases).unwrap();
        let found = modaliases(root.path(), &["rtw88-8822be".into()]).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["pci:v000010ECd0000B822sv*sd*bc*sc*i*"]);
        assert!(modaliases(Path::new("/nowhere"), &[]).unwrap().is_empty());
    }
}
