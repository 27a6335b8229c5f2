//! The files of an EFI system partition. The `fatfs` crate asks for a device that it can write to as well; nothing is written.

use super::Bounded;
use fatfs::{Dir, FileSystem, FsOptions};
use forge_model::esp;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// More files, and deeper ones, has none that only starts systems.
const MOST: usize = 512;
const DEEPEST: usize = 8;

/// All files with their lengths, or an error where there are more than anybody needs.
pub(super) fn files(device: &mut Bounded) -> io::Result<Vec<esp::File>> {
    let system = FileSystem::new(ReadOnly(device), FsOptions::new())?;
    let mut files = Vec::new();
    walk(&system.root_dir(), "", 0, &mut files)?;
    Ok(files)
}

fn walk(directory: &Dir<ReadOnly>, above: &str, depth: usize, files: &mut Vec<esp::File>) -> io::Result<()> {
    if depth > DEEPEST {
        return Err(io::Error::other("its directories are too deep"));
    }
    for (count, entry) in directory.iter().enumerate() {
        let entry = entry?;
        let name = entry.file_name();
        if count > MOST || files.len() >= MOST {
            return Err(io::Error::other("it has too many files"));
        }
        let path = format!("{above}{name}");
        match entry.is_dir() {
            true if name == "." || name == ".." => {}
            true => walk(&entry.to_dir(), &format!("{path}/"), depth + 1, files)?,
            false => files.push(esp::File { path, size: entry.len() }),
        }
    }
    Ok(())
}

/// What every write is refused to.
struct ReadOnly<'a, 'b>(&'a mut Bounded<'b>);

impl Read for ReadOnly<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for ReadOnly<'_, '_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl Write for ReadOnly<'_, '_> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
