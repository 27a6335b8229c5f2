//! The files of the EFI system partition: mounted in a directory, or inside a disk that nobody mounts.

use super::Root;
use crate::{esp::Mtools, memory};
use std::{
    fs::{self, File},
    io::{self, Seek},
    path::{Path, PathBuf},
};

/// Where it is mounted: by systemd-gpt-auto-generator in the first two.
const PLACES: [&str; 3] = ["/efi", "/boot", "/boot/efi"];
/// No EFI system partition holds more files; a loop of links would.
const MOST_FILES: usize = 10_000;

/// The files of an EFI system partition.
pub trait Files {
    /// Opens a file by a path such as `EFI/BOOT/BOOTX64.EFI`.
    fn open(&self, path: &str) -> io::Result<File>;
    /// The paths of all files.
    fn list(&self) -> io::Result<Vec<String>>;
}

/// A directory with its files.
#[derive(Debug)]
pub struct Mounted(PathBuf);

impl Mounted {
    /// Files in a directory that is named.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// Where the running machine has it mounted, or why that can not be seen.
    pub fn find(root: &Root) -> Result<Self, String> {
        let mut why = None;
        for place in PLACES {
            match root.names(place) {
                Ok(names) if names.iter().any(|name| name.eq_ignore_ascii_case("EFI")) => {
                    return Ok(Self(root.path(place)));
                }
                Err(error) if !error.is_absent() => why = why.or(Some(error.to_string())),
                _ => {}
            }
        }
        Err(why.unwrap_or_else(|| format!("no EFI system partition is mounted at {}", PLACES.join(", "))))
    }
}

impl Files for Mounted {
    fn open(&self, path: &str) -> io::Result<File> {
        File::open(self.0.join(path))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let (mut found, mut left) = (Vec::new(), vec![self.0.clone()]);
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(&directory)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    left.push(entry.path());
                } else if let Ok(path) = entry.path().strip_prefix(&self.0) {
                    found.push(path.to_string_lossy().into_owned());
                }
            }
            if found.len() + left.len() > MOST_FILES {
                return Err(io::Error::other("too many files"));
            }
        }
        found.sort();
        Ok(found)
    }
}

impl Files for Mtools<'_> {
    fn open(&self, path: &str) -> io::Result<File> {
        let bytes = self.read(path).map_err(io::Error::other)?;
        let mut file = memory::file(c"forge-esp-file", &bytes)?;
        file.rewind()?;
        Ok(file)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Self::list(self).map_err(io::Error::other)
    }
}

/// Whether a file is a program that firmware, shim or GRUB could start.
#[must_use]
pub fn is_program(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|end| end.eq_ignore_ascii_case("efi"))
}

/// Whether a program is one of shim's own, which this machine's key does not sign: shim, MokManager, fallback.
#[must_use]
pub fn is_shims(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    ["bootx64.efi", "shimx64.efi", "mmx64.efi", "fbx64.efi"].contains(&name.as_str())
}
