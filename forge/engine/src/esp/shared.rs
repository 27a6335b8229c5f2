//! Adding files to an EFI system partition that others use.
//!
//! It is read into memory as a whole, and checked: it has to be in order, and to have no file where one will be. mtools adds
//! the files to a copy. Whatever differs then is looked at, sector by sector, before anything is written: only clusters that
//! were free, entries of the allocation table that were free or the end of a directory, the count of what is free, and
//! entries of directories that were free. Each file that was there is read from the copy, and is what it was.
//!
//! The disk gets these sectors in an order in which every file that was there can be read at each instant: contents into
//! free clusters, then the tables, then the directories that name them, with a flush after each.

use super::{
    Esp, EspError, Mtools, check,
    fat::{Fat, Place},
};
use crate::{
    memory,
    payload::sha256_of,
    target::{Sectors, Target, TargetError, put},
    tool::Tools,
};
use forge_model::layout::MOST_SHARED_ESP;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io,
    os::unix::fs::FileExt,
};

/// Pieces in which it is read and compared.
const PIECE: usize = 1 << 20;

/// An EFI system partition as it was found.
pub(super) struct Found {
    before: File,
    size: u64,
    fat: Fat,
    /// SHA-256 of each file.
    files: BTreeMap<String, Vec<u8>>,
}

/// Sectors that are written to a shared EFI system partition, in three groups, each with its offset.
pub struct Changes {
    before: File,
    size: u64,
    groups: Groups,
}

/// Offsets and bytes in the order in which they are written: contents, tables, directories.
type Groups = [Vec<(u64, Vec<u8>)>; 3];

/// What mtools lists: directories, and files.
type Listed = (BTreeSet<String>, Vec<String>);

impl<'a> Esp<'a> {
    /// Reads the file system of a target that others use; files are added to a copy of it in memory.
    pub fn shared(tools: &'a Tools, target: &Target, offset: u64, size: u64) -> Result<Self, EspError> {
        if size > MOST_SHARED_ESP {
            return Err(EspError::NotShared("it is larger than 1 GiB".into()));
        }
        let [before, image] = [memory::sparse(c"forge-esp-before", size)?, memory::sparse(c"forge-esp", size)?];
        each_piece(target, offset, size, |at, piece| {
            if piece.iter().any(|byte| *byte != 0) {
                before.write_all_at(piece, at)?;
                image.write_all_at(piece, at)?;
            }
            Ok(true)
        })?;
        let fat = Fat::read(&image, 0, size)?;
        let fat = fat.ok_or_else(|| EspError::NotShared("it is no FAT16 or FAT32".into()))?;
        check(tools, &image).map_err(|error| match error {
            EspError::Faulty(said) => EspError::NotShared(format!("fsck.fat finds faults in it: {}", said.trim())),
            other => other,
        })?;
        let (directories, names) = list(Mtools::new(tools, &image, 0))?;
        let files = digests(Mtools::new(tools, &image, 0), &names)?;
        let directories = directories.iter().map(|name| format!("/{}", name.to_uppercase())).collect();
        let found = Found { before, size, fat, files };
        Ok(Self { tools, image, directories, files: Vec::new(), found: Some(found) })
    }

    /// Whether a file or a directory is there that others put there.
    pub fn has(&self, path: &str) -> bool {
        let path = path.to_uppercase();
        let files = self.found.iter().flat_map(|found| found.files.keys());
        self.directories.contains(&format!("/{path}")) || files.into_iter().any(|name| name.to_uppercase() == path)
    }
}

impl Found {
    /// What has to be written, if it harms nothing that is there.
    pub(super) fn changes(self, tools: &Tools, image: &File) -> Result<Changes, EspError> {
        let groups = self.differences(tools, image)?;
        Ok(Changes { before: self.before, size: self.size, groups })
    }

    /// The sectors that differ, if none of them harms what is there.
    pub(super) fn differences(&self, tools: &Tools, image: &File) -> Result<Groups, EspError> {
        self.are_as_they_were(tools, image)?;
        let harmful = |what: &str| EspError::Faulty(format!("{what} would be changed"));
        let (old, new) = (self.fat.entries(&self.before, 0)?, self.fat.entries(image, 0)?);
        let free = |cluster: u64| old.get(cluster as usize) == Some(&0);
        for (was, is) in old.iter().zip(&new).filter(|(was, is)| was != is) {
            // A directory that has no entry left goes on in another cluster.
            if *was != 0 && !(self.fat.is_end(*was) && *is != 0) {
                return Err(harmful("an allocation table that others need"));
            }
        }
        let sector = self.fat.sector as usize;
        let mut groups = [Vec::new(), Vec::new(), Vec::new()];
        each_difference(&self.before, image, self.size, sector, |at, was, is| {
            let group = match self.fat.place(at) {
                Place::Cluster(cluster) if free(cluster) => 0,
                Place::Table | Place::Info => 1,
                Place::Cluster(_) | Place::Root if only_free_entries(was, is) => 2,
                _ => return Err(harmful("something of others")),
            };
            push(&mut groups[group], at, is);
            Ok(())
        })?;
        Ok(groups)
    }

    /// Each file that was there is what it was.
    fn are_as_they_were(&self, tools: &Tools, image: &File) -> Result<(), EspError> {
        let names: Vec<String> = self.files.keys().cloned().collect();
        match digests(Mtools::new(tools, image, 0), &names)? == self.files {
            true => Ok(()),
            false => Err(EspError::Faulty("files of others would be changed".into())),
        }
    }
}

impl Changes {
    /// Bytes that are written.
    pub fn bytes(&self) -> u64 {
        self.groups.iter().flatten().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// Whether the file system on the target is still the one that was read.
    pub fn is_as_read(&self, target: &Target, offset: u64) -> Result<bool, EspError> {
        is_the_same(&self.before, target, offset, self.size)
    }

    /// Writes them, with a flush after each group, and reads them back.
    pub fn write(&self, target: &Target, offset: u64) -> Result<(), TargetError> {
        for group in &self.groups {
            put(target, group.iter().map(|(at, bytes)| (offset + at, bytes.as_slice())))?;
        }
        Ok(())
    }
}

/// Whether what differs in these sectors of a directory are entries of 32 bytes that were free.
fn only_free_entries(was: &[u8], is: &[u8]) -> bool {
    let mut entries = was.chunks(32).zip(is.chunks(32));
    entries.all(|(was, is)| was == is || matches!(was[0], 0 | 0xe5))
}

/// Adds a piece, and makes one piece of neighbours.
fn push(pieces: &mut Vec<(u64, Vec<u8>)>, at: u64, bytes: &[u8]) {
    match pieces.last_mut() {
        Some((start, last)) if *start + last.len() as u64 == at && last.len() < PIECE => last.extend_from_slice(bytes),
        _ => pieces.push((at, bytes.to_vec())),
    }
}

/// Calls for each sector that differs, with both.
fn each_difference(
    before: &File,
    after: &File,
    size: u64,
    sector: usize,
    mut act: impl FnMut(u64, &[u8], &[u8]) -> Result<(), EspError>,
) -> Result<(), EspError> {
    let (mut was, mut is) = (vec![0; PIECE], vec![0; PIECE]);
    for at in (0..size).step_by(PIECE) {
        let length = (size - at).min(PIECE as u64) as usize;
        before.read_exact_at(&mut was[..length], at)?;
        after.read_exact_at(&mut is[..length], at)?;
        if was[..length] == is[..length] {
            continue;
        }
        let sectors = was[..length].chunks(sector).zip(is[..length].chunks(sector)).zip((at..).step_by(sector));
        for ((was, is), at) in sectors.filter(|((was, is), _)| was != is) {
            act(at, was, is)?;
        }
    }
    Ok(())
}

/// Hands on what the disk itself holds there, not what the page cache has of it: others had written to a partition by its
/// own name, and that cache is another one. Ends early, and says so, where it is told to.
fn each_piece(
    disk: &dyn Sectors,
    offset: u64,
    size: u64,
    mut hand_on: impl FnMut(u64, &[u8]) -> io::Result<bool>,
) -> Result<bool, EspError> {
    for at in (0..size).step_by(PIECE) {
        let length = (size - at).min(PIECE as u64) as usize;
        if !hand_on(at, &disk.read(length, offset + at)?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the disk holds there what was read before.
fn is_the_same(before: &File, disk: &dyn Sectors, offset: u64, size: u64) -> Result<bool, EspError> {
    let mut was = vec![0; PIECE];
    each_piece(disk, offset, size, |at, is| {
        let was = &mut was[..is.len()];
        before.read_exact_at(was, at)?;
        Ok(was == is)
    })
}

fn list(found: Mtools) -> Result<Listed, EspError> {
    let paths = found.paths()?;
    if paths.iter().any(|path| path.contains(char::REPLACEMENT_CHARACTER)) {
        return Err(EspError::NotShared("it has names that are no text".into()));
    }
    let (mut directories, mut files) = (BTreeSet::new(), Vec::new());
    for path in paths {
        directories.extend(path.match_indices('/').map(|(slash, _)| path[..slash].to_owned()));
        if !path.ends_with('/') {
            files.push(path);
        }
    }
    Ok((directories, files))
}

/// SHA-256 of each file.
fn digests(found: Mtools, names: &[String]) -> Result<BTreeMap<String, Vec<u8>>, EspError> {
    names.iter().map(|name| Ok((name.clone(), sha256_of(&mut found.copy(name)?)?))).collect()
}
