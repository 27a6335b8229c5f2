//! Where things are read: below `/`, or below a directory that a test has made.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// No file that is read whole is longer: kernel lists, account files, certificates.
const MOST: u64 = 16 << 20;

/// Why something below the root could not be read; it says the path as the machine has it.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct Unreadable {
    path: String,
    /// Why.
    pub source: io::Error,
}

impl Unreadable {
    /// Whether it is not there, which is known, and not merely closed.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    }
}

/// The directory below which everything is read.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Default for Root {
    /// The running machine.
    fn default() -> Self {
        Self::at("/")
    }
}

impl Root {
    /// Another directory.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// Where an absolute path of the machine lies.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// A file's bytes.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, Unreadable> {
        let mut bytes = Vec::new();
        let read = File::open(self.path(path)).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
        match read {
            // A part of a list would look like a whole one.
            Ok(length) if length as u64 > MOST => Err(unreadable(path, io::ErrorKind::FileTooLarge.into())),
            Ok(_) => Ok(bytes),
            Err(source) => Err(unreadable(path, source)),
        }
    }

    /// A file's text, without white space at its ends.
    pub fn text(&self, path: &str) -> Result<String, Unreadable> {
        Ok(String::from_utf8_lossy(&self.bytes(path)?).trim().to_owned())
    }

    /// What a file is, without following a link.
    pub fn about(&self, path: &str) -> Result<Metadata, Unreadable> {
        fs::symlink_metadata(self.path(path)).map_err(|source| unreadable(path, source))
    }

    /// The names in a directory, sorted.
    pub fn names(&self, path: &str) -> Result<Vec<String>, Unreadable> {
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        let names: io::Result<Vec<String>> = fs::read_dir(self.path(path)).and_then(|all| all.map(name).collect());
        let mut names = names.map_err(|source| unreadable(path, source))?;
        names.sort();
        Ok(names)
    }

    /// Where a link of sysfs leads, as a path of the machine.
    pub fn follow(&self, path: &str) -> Result<String, Unreadable> {
        let failed = |source| unreadable(path, source);
        let (top, end) =
            (fs::canonicalize(&self.0).map_err(failed)?, fs::canonicalize(self.path(path)).map_err(failed)?);
        let below = end.strip_prefix(&top).unwrap_or(&end);
        Ok(Path::new("/").join(below).to_string_lossy().into_owned())
    }
}

fn unreadable(path: &str, source: io::Error) -> Unreadable {
    Unreadable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_too_long_is_an_error_and_not_a_part_of_itself() {
        let directory = tempfile::tempdir().unwrap();
        let file = File::create(directory.path().join("long")).unwrap();
        let root = Root::at(directory.path());
        file.set_len(MOST).unwrap();
        assert_eq!(root.bytes("/long").unwrap().len() as u64, MOST);
        file.set_len(MOST + 1).unwrap();
        assert!(!root.bytes("/long").unwrap_err().is_absent());
    }
}
