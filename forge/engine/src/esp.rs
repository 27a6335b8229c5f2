//! The EFI system partition: a FAT32 image made in memory by mkfs.fat and mtools, read back by mtools.
//!
//! - here: one of this system's own
//! - `mtools`: reading one and adding to one
//! - `shared`: adding files to one that others use
//! - `fat`: where things lie in a FAT

pub(crate) mod fat;
mod mtools;
mod shared;

pub use mtools::Mtools;
pub use shared::Changes;

use crate::{
    memory,
    payload::sha256_of,
    target::TargetError,
    tool::{Run, ToolError, Tools},
};
use forge_model::receipt::WrittenFile;
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Seek},
    os::unix::fs::MetadataExt,
};

/// Why the file system could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum EspError {
    /// A tool failed.
    #[error("the EFI system partition: {0}")]
    Tool(#[from] ToolError),
    /// Memory or a descriptor failed.
    #[error("the EFI system partition: {0}")]
    Io(#[from] io::Error),
    /// The finished image has faults.
    #[error("the EFI system partition that was made has faults: {0}")]
    Faulty(String),
    /// The one that others use is left alone.
    #[error("the EFI system partition that would be shared is left alone: {0}")]
    NotShared(String),
    /// The target failed.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// A FAT32 image in memory, being filled.
pub struct Esp<'a> {
    tools: &'a Tools,
    image: File,
    directories: BTreeSet<String>,
    /// What was put in so far.
    pub files: Vec<WrittenFile>,
    /// What was there before, where it is shared.
    found: Option<shared::Found>,
}

/// The boot files, ready to be written.
pub enum Finished {
    /// A whole file system.
    Whole(File),
    /// What changes in one that others use.
    Added(Changes),
}

impl<'a> Esp<'a> {
    /// Makes an empty file system of `size` bytes.
    pub fn new(tools: &'a Tools, size: u64, sector_size: u32) -> Result<Self, EspError> {
        let image = memory::sparse(c"forge-esp", size)?;
        Run::new(tools, &tools.mkfs_fat)
            .args(["-F", "32", "-n", "ESP", "-S"])
            .arg(sector_size.to_string())
            .fd_arg("", &image)?
            .run()?;
        Ok(Self { tools, image, directories: BTreeSet::new(), files: Vec::new(), found: None })
    }

    /// Puts a file in at a path such as `EFI/BOOT/BOOTX64.EFI`, making the directories on the way.
    pub fn add(&mut self, path: &str, mut contents: &File) -> Result<(), EspError> {
        self.add_unlisted(path, contents)?;
        contents.rewind()?;
        let sha256 = hex::encode(sha256_of(&mut contents)?);
        self.files.push(WrittenFile { path: path.into(), size: contents.metadata()?.len(), sha256 });
        Ok(())
    }

    /// The same for a file that no receipt names, because a person may take it away.
    pub fn add_unlisted(&mut self, path: &str, contents: &File) -> Result<(), EspError> {
        self.make_way(path)?;
        self.mtools().add(path, contents)
    }

    /// Makes the directories on the way to a file that is not there yet.
    pub fn make_way(&mut self, path: &str) -> Result<(), EspError> {
        if self.has(path) {
            return Err(EspError::NotShared(format!("{path} is there already")));
        }
        let mut parent = String::new();
        let (directories, _) = path.rsplit_once('/').unwrap_or(("", path));
        for part in directories.split('/').filter(|p| !p.is_empty()) {
            parent = format!("{parent}/{part}");
            if self.directories.contains(&parent.to_uppercase()) {
                continue;
            }
            if self.has(&parent[1..]) {
                return Err(EspError::NotShared(format!("{} is a file there", &parent[1..])));
            }
            self.directories.insert(parent.to_uppercase());
            self.mtools().mkdir(&parent[1..])?;
        }
        Ok(())
    }

    /// Blocks of 512 bytes that were written so far.
    pub fn blocks(&self) -> io::Result<u64> {
        Ok(self.image.metadata()?.blocks())
    }

    /// Checks the file system, and gives its image, or what changed in it.
    pub fn finish(self) -> Result<Finished, EspError> {
        check(self.tools, &self.image)?;
        Ok(match self.found {
            None => Finished::Whole(self.image),
            Some(found) => Finished::Added(found.changes(self.tools, &self.image)?),
        })
    }

    /// Checks the file system as it is now, and that nothing of others changes in one that they use.
    pub fn check(&self) -> Result<(), EspError> {
        check(self.tools, &self.image)?;
        self.found.iter().try_for_each(|found| found.differences(self.tools, &self.image).map(drop))
    }

    fn mtools(&self) -> Mtools<'_> {
        Mtools::new(self.tools, &self.image, 0)
    }
}

/// Checks a file system in memory.
fn check(tools: &Tools, image: &File) -> Result<(), EspError> {
    // fsck.fat ends with 0 for some faults, so its words count: it lists files and clusters, and nothing else.
    let fsck = match Run::new(tools, &tools.fsck_fat).arg("-n").fd_arg("", image)?.run() {
        Err(failed @ ToolError::Failed { .. }) => return Err(EspError::Faulty(failed.to_string())),
        said => said?,
    };
    let said = String::from_utf8_lossy(&fsck).into_owned();
    let expected = |line: &str| line.starts_with("fsck.fat ") || line.contains(" files, ");
    match said.lines().find(|line| !line.trim().is_empty() && !expected(line)) {
        None => Ok(()),
        Some(_) => Err(EspError::Faulty(said)),
    }
}
