//! A tree that leads to the signed root hash.
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::build::length;
use super::{BLOCK, HASH, Hasher, Level, Parameters, RootHash, Shape, VerityError, workers};
use crate::watch::{Outcome, Watch};

/// Leaf blocks that are read at a time: 1 MiB.
const BATCH: u64 = 256;

/// A tree that was found to lead to the signed root hash.
///
/// It keeps what lies before the leaf level (the superblock and the upper levels: 32 bytes for each
/// 512 KiB of data). The tree file itself is not trusted any further: a leaf block that is read
/// again is compared again with what is kept, so a medium that changes in between is noticed.
#[derive(Debug)]
pub struct Trusted {
    parameters: Parameters,
    shape: Shape,
    root: RootHash,
    head: Vec<u8>,
}

impl Trusted {
    /// Checks the whole tree against `root`, from the top down.
    ///
    /// The superblock must be that of `parameters`. Advances by the bytes of the tree.
    pub fn open(
        tree: &File,
        parameters: Parameters,
        root: RootHash,
        watch: &dyn Watch,
    ) -> Result<Outcome<Self>, VerityError> {
        let shape = parameters.shape();
        let read_error = |offset| move |source| VerityError::ReadTree { offset, source };
        let (found, wanted) = (length(tree).map_err(read_error(0))?, shape.bytes());
        if found < wanted {
            return Err(VerityError::ShortTree { found, wanted });
        }
        let mut head = vec![0; shape.head_bytes()];
        tree.read_exact_at(&mut head, 0).map_err(read_error(0))?;
        let (superblock, rest) = head[..BLOCK].split_at(Parameters::SUPERBLOCK);
        if Parameters::from_superblock(superblock)? != parameters || rest.iter().any(|byte| *byte != 0) {
            return Err(VerityError::OtherSuperblock);
        }
        let trusted = Self { parameters, shape, root, head };
        let hasher = Hasher::new(&trusted.parameters);
        trusted.check_upper_levels(&hasher)?;
        watch.advance(trusted.head.len() as u64);
        let Some(leaf) = trusted.shape.leaf() else {
            return Ok(Outcome::Done(trusted));
        };
        let scratch = || vec![0; BATCH as usize * BLOCK];
        let piece = |buffer: &mut Vec<u8>, batch: u64| -> Result<(), VerityError> {
            let first = batch * BATCH;
            let count = BATCH.min(leaf.blocks - first) as usize;
            let blocks = &mut buffer[..count * BLOCK];
            trusted.read_leaf_blocks(tree, &hasher, first, blocks)?;
            watch.advance(blocks.len() as u64);
            Ok(())
        };
        let batches = leaf.blocks.div_ceil(BATCH);
        let outcome = workers::work(workers::cores(), batches, watch, scratch, piece)?;
        Ok(outcome.map(|()| trusted))
    }

    /// What the tree depends on beside the data.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Where the levels of the tree lie.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The root hash that it leads to.
    pub fn root(&self) -> RootHash {
        self.root
    }

    /// The superblock and the upper levels, as they lie on disk before the leaf level.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Reads leaf blocks from number `first` on into `blocks`, and checks each against what is kept.
    pub(crate) fn read_leaf_blocks(
        &self,
        tree: &File,
        hasher: &Hasher,
        first: u64,
        blocks: &mut [u8],
    ) -> Result<(), VerityError> {
        let Some(leaf) = self.shape.leaf() else {
            // One data block has no leaf block: the root hash is its hash.
            blocks[..HASH].copy_from_slice(self.root.as_bytes());
            return Ok(());
        };
        let offset = leaf.offset(first);
        tree.read_exact_at(blocks, offset).map_err(|source| VerityError::ReadTree { offset, source })?;
        match self.shape.leaf_hashes_at() {
            Some(at) => {
                let hashes = &self.head[at + first as usize * HASH..];
                self.check_level(hasher, 0, leaf, first, blocks, hashes)
            }
            None => self.check_root(hasher, blocks),
        }
    }

    fn check_upper_levels(&self, hasher: &Hasher) -> Result<(), VerityError> {
        let blocks = |level: &Level| {
            let from = level.offset(0) as usize;
            &self.head[from..from + level.blocks as usize * BLOCK]
        };
        let mut above: Option<&[u8]> = None;
        for (number, level) in self.shape.levels().iter().enumerate().skip(1).rev() {
            let these = blocks(level);
            match above {
                Some(hashes) => self.check_level(hasher, number, *level, 0, these, hashes)?,
                None => self.check_root(hasher, these)?,
            }
            above = Some(these);
        }
        Ok(())
    }

    fn check_root(&self, hasher: &Hasher, top: &[u8]) -> Result<(), VerityError> {
        let (found, wanted) = (RootHash::new(hasher.block(top)), self.root);
        if found == wanted { Ok(()) } else { Err(VerityError::WrongRoot { found, wanted }) }
    }

    fn check_level(
        &self,
        hasher: &Hasher,
        number: usize,
        level: Level,
        first: u64,
        blocks: &[u8],
        hashes: &[u8],
    ) -> Result<(), VerityError> {
        match hasher.first_mismatch(blocks, hashes) {
            None => Ok(()),
            Some(index) => {
                let block = first + index as u64;
                Err(VerityError::TreeBlock { level: number, block, offset: level.offset(block) })
            }
        }
    }
}
