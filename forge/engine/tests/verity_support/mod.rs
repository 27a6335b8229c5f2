//! Images and trees for the tests of dm-verity.
#![allow(dead_code, clippy::unwrap_used, reason = "a test may panic, and uses what it needs")]
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use forge_engine::verity::{BLOCK, Parameters, RootHash, Trusted, VerityError, build};
use forge_engine::watch::{Outcome, Unwatched, Watch};

pub const UUID: [u8; 16] = *b"0123456789abcdef";

/// Bytes that no two places share, the same in every run.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A nameless file with these bytes.
pub fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// All bytes of a file.
pub fn bytes(file: &File) -> Vec<u8> {
    let length = { file }.seek(SeekFrom::End(0)).unwrap() as usize;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// Changes one bit of the byte at `offset`.
pub fn flip(file: &File, offset: u64) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    byte[0] ^= 0x10;
    file.write_all_at(&byte, offset).unwrap();
}

/// An image of noise with its tree.
pub struct Sample {
    pub data: File,
    pub tree: File,
    pub parameters: Parameters,
    pub root: RootHash,
}

impl Sample {
    pub fn new(blocks: usize, salt: usize) -> Self {
        let data = file(&noise(blocks * BLOCK));
        let parameters = Parameters::new(blocks as u64, noise(salt), UUID).unwrap();
        let tree = tempfile::tempfile().unwrap();
        let root = build(&data, &parameters, &tree, 3, &Unwatched).unwrap().done().unwrap();
        Self { data, tree, parameters, root }
    }

    pub fn open(&self) -> Result<Trusted, VerityError> {
        let opened = Trusted::open(&self.tree, self.parameters.clone(), self.root, &Unwatched);
        opened.map(|outcome| outcome.done().unwrap())
    }
}

/// Counts, and cancels once `after` bytes were done.
pub struct Counter {
    pub done: AtomicU64,
    pub after: u64,
}

impl Counter {
    pub fn new(after: u64) -> Self {
        Self { done: AtomicU64::new(0), after }
    }

    pub fn total(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }
}

impl Watch for Counter {
    fn advance(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::SeqCst);
    }

    fn cancelled(&self) -> bool {
        self.total() >= self.after
    }
}

/// Whether this is the outcome of cancelled work.
pub fn is_cancelled<T>(outcome: &Outcome<T>) -> bool {
    matches!(outcome, Outcome::Cancelled)
}
