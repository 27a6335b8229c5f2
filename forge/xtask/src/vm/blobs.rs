//! Looks for pieces of firmware bundles: in a disk image as it lies there, and in the tree that its system image unpacks to.
use anyhow::{Context, Result, ensure};
use memchr::memmem;
use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes that are compared at once.
const WINDOW: usize = 64;
/// Other files could have what has fewer different bytes: zeros, text, tables of numbers.
const TELLING: usize = 32;
const CHUNK: usize = 4 << 20;
/// Files up to this size may have no telling window (Intel's of 539 bytes): the middle half of each is looked for as a whole.
const SMALL: usize = 4096;

/// Finds any piece of 127 telling bytes, wherever in a file it begins: each window of the pieces is known, and what is
/// searched is looked at once in each window's length, so one of these looks falls into the piece.
#[derive(Default)]
pub(super) struct Finder {
    windows: HashSet<u64>,
    small: Vec<memmem::Finder<'static>>,
    names: Vec<PathBuf>,
}

impl Finder {
    /// Looks for all of a file, too.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if (WINDOW..=SMALL).contains(&bytes.len()) && bytes.iter().any(|byte| *byte != 0) {
            self.small.push(memmem::Finder::new(&bytes[bytes.len() / 4..bytes.len() * 3 / 4]).into_owned());
        }
        let (mut counts, mut different) = ([0_u32; 256], 0);
        for (at, byte) in bytes.iter().enumerate() {
            let count = &mut counts[usize::from(*byte)];
            *count += 1;
            different += usize::from(*count == 1);
            if at >= WINDOW {
                let count = &mut counts[usize::from(bytes[at - WINDOW])];
                *count -= 1;
                different -= usize::from(*count == 0);
            }
            if at + 1 >= WINDOW && different > TELLING {
                self.windows.insert(hash(&bytes[at + 1 - WINDOW..=at]));
            }
        }
    }

    /// Looks for a file below `/usr/lib/firmware` by its name, too, packed or not.
    pub(super) fn add_name(&mut self, name: &str) {
        self.names.push(name.into());
    }

    /// How many windows it knows.
    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }

    /// Where about the first piece in a file is.
    pub(super) fn search(&self, file: &Path) -> Result<Option<u64>> {
        let opened = File::open(file).with_context(|| file.display().to_string())?;
        let (mut buffer, zeros, mut at) = (vec![0; CHUNK + SMALL], vec![0; CHUNK + SMALL], 0);
        loop {
            let mut length = 0;
            while length < buffer.len() {
                match opened.read_at(&mut buffer[length..], at + length as u64)? {
                    0 => break,
                    read => length += read,
                }
            }
            if length == 0 {
                return Ok(None);
            }
            let data = &buffer[..length];
            if *data != zeros[..length] {
                let mut looks = data.chunks_exact(WINDOW);
                if let Some(look) = looks.position(|look| self.windows.contains(&hash(look))) {
                    return Ok(Some(at + (look * WINDOW) as u64));
                }
                if let Some(found) = self.small.iter().find_map(|small| small.find(data)) {
                    return Ok(Some(at + found as u64));
                }
            }
            // The next part begins with the end of this one, where a small file may have been cut.
            at += CHUNK as u64;
        }
    }

    /// The first file of a tree that is one of the bundles' by its name, or has a piece of them.
    pub(super) fn search_tree(&self, tree: &Path) -> Result<Option<PathBuf>> {
        let (mut left, mut files) = (vec![tree.to_owned()], 0);
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
                let entry = entry?;
                let (path, kind) = (entry.path(), entry.file_type()?);
                if kind.is_dir() {
                    left.push(path);
                    continue;
                }
                files += 1;
                if self.is_named(path.strip_prefix(tree)?) || kind.is_file() && self.search(&path)?.is_some() {
                    return Ok(Some(path));
                }
            }
        }
        ensure!(files > 0, "{} is empty", tree.display());
        Ok(None)
    }

    fn is_named(&self, path: &Path) -> bool {
        let places = ["usr/lib/firmware", "lib/firmware", "usr/lib/firmware/updates"];
        let below = places.iter().filter_map(|place| path.strip_prefix(place).ok());
        let packed = |path: &Path| matches!(path.extension(), Some(end) if end == "xz" || end == "zst");
        let plain = |path: &Path| if packed(path) { path.with_extension("") } else { path.to_owned() };
        below.map(plain).any(|path| self.names.contains(&path))
    }
}

/// Of a window. One of millions is the same as another's by chance less often than once in a hundred thousand runs.
fn hash(window: &[u8]) -> u64 {
    let words = window.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
    words.fold(0, |sum: u64, word| {
        let mixed = (sum ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ mixed >> 29
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that look like a program's.
    fn noise(length: usize, mut seed: u64) -> Vec<u8> {
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn a_small_file_of_few_different_bytes_is_found_too() {
        let place = std::env::temp_dir().join(format!("forge-small-{}", std::process::id()));
        let blob: Vec<u8> = noise(539, 9).iter().map(|byte| byte % 16).collect();
        let mut finder = Finder::default();
        finder.add(&blob);
        assert_eq!(finder.len(), 0);
        for offset in [0, 777, CHUNK - 300, CHUNK - 100] {
            let mut disk = noise(CHUNK + 9000, 8);
            fs::write(&place, &disk).unwrap();
            assert_eq!(finder.search(&place).unwrap(), None);
            disk[offset..offset + blob.len()].copy_from_slice(&blob);
            fs::write(&place, &disk).unwrap();
            assert!(finder.search(&place).unwrap().is_some(), "{offset}");
        }
        fs::remove_file(place).unwrap();
    }

    #[test]
    fn a_piece_is_found_wherever_it_begins_and_nothing_is_found_where_there_is_none() {
        let place = std::env::temp_dir().join(format!("forge-blobs-{}", std::process::id()));
        fs::create_dir_all(place.join("usr/lib/firmware/sub")).unwrap();
        let blob = noise(3000, 7);
        let mut finder = Finder::default();
        finder.add(&blob);
        finder.add(&[0; 4096]);
        finder.add_name("sub/blob.bin");
        let file = place.join("disk");
        for (offset, length) in [(0, 3000), (1, 127), (63, 127), (12_345, 200), (CHUNK - 60, 250), (CHUNK + 12, 127)] {
            let mut disk = noise(CHUNK + 9000, 8);
            fs::write(&file, &disk).unwrap();
            assert_eq!(finder.search(&file).unwrap(), None);
            disk[offset..offset + length].copy_from_slice(&blob[91.min(3000 - length)..][..length]);
            fs::write(&file, &disk).unwrap();
            let found = finder.search(&file).unwrap().expect("it is there");
            assert!((offset as u64..(offset + length) as u64).contains(&found), "{offset} {length}: {found}");
            assert_eq!(finder.search_tree(&place).unwrap().as_deref(), Some(file.as_path()));
        }
        fs::write(&file, vec![0; 8192]).unwrap();
        assert_eq!(finder.search_tree(&place).unwrap(), None);
        // By its name alone, too.
        for name in ["sub/blob.bin", "sub/blob.bin.zst"] {
            let named = place.join("usr/lib/firmware").join(name);
            fs::write(&named, b"x").unwrap();
            assert_eq!(finder.search_tree(&place).unwrap().as_deref(), Some(named.as_path()));
            fs::remove_file(named).unwrap();
        }
        fs::remove_dir_all(place).unwrap();
    }
}
