//! The root hash, computed again from the target.
use std::fs::File;
use std::sync::{Mutex, PoisonError};

use super::buffer::Buffer;
use super::target::Target;
use super::{ImageError, PIECE, PIECE_LEAVES, Place, threads};
use crate::verity::{self, BLOCK, HASH, Hasher, LEAF_SPAN, Parameters, RootHash, Shape, workers};
use crate::watch::{Outcome, Unwatched, Watch};

/// Computes the root hash from the image on the target, and compares the tree on the target with it.
///
/// Reads past the page cache. Believes nothing that lies on the target: the caller compares the
/// result with the signed root hash. Advances by the bytes of image and tree.
pub fn read_back(
    target: &File,
    parameters: &Parameters,
    place: Place,
    watch: &dyn Watch,
) -> Result<Outcome<RootHash>, ImageError> {
    place.check(parameters)?;
    let target = Target::new(target);
    target.sync()?;
    target.forget_cache();
    let proof = Proof { target, parameters, place, shape: parameters.shape(), hasher: Hasher::new(parameters) };
    let Outcome::Done(leaf_hashes) = proof.leaf_hashes(watch)? else {
        return Ok(Outcome::Cancelled);
    };
    if proof.compare_leaves(&leaf_hashes, watch)? == Outcome::Cancelled {
        return Ok(Outcome::Cancelled);
    }
    let (head, root) = verity::head(parameters, &proof.hasher, &leaf_hashes);
    if proof.compare_head(&head, watch)? == Outcome::Cancelled {
        return Ok(Outcome::Cancelled);
    }
    watch.advance(head.len() as u64);
    Ok(Outcome::Done(root))
}

struct Proof<'a> {
    target: Target<'a>,
    parameters: &'a Parameters,
    place: Place,
    shape: Shape,
    hasher: Hasher,
}

impl Proof<'_> {
    /// Reads the image and makes the hashes that its leaf blocks must have.
    fn leaf_hashes(&self, watch: &dyn Watch) -> Result<Outcome<Vec<u8>>, ImageError> {
        let bytes = self.parameters.data_bytes();
        let all = Mutex::new(vec![0; self.shape.leaf_hash_bytes()]);
        let scratch = || (Buffer::new(PIECE), vec![0; BLOCK]);
        let piece = |(data, leaf): &mut (Buffer, Vec<u8>), number: u64| -> Result<(), ImageError> {
            let start = number * PIECE as u64;
            let data = &mut data[..PIECE.min((bytes - start) as usize)];
            if self.target.read(data, self.place.data + start, watch)? == Outcome::Cancelled {
                // The worker asks for itself before the next piece.
                return Ok(());
            }
            let mut hashes = [[0; HASH]; PIECE_LEAVES];
            let spans = data.chunks(LEAF_SPAN).zip(&mut hashes);
            for (span, hash) in spans {
                *hash = match self.shape.leaf() {
                    Some(_) => {
                        self.hasher.blocks(span, leaf);
                        self.hasher.block(leaf)
                    }
                    None => self.hasher.block(span),
                };
            }
            let hashes = &hashes.as_flattened()[..data.len().div_ceil(LEAF_SPAN) * HASH];
            let at = number as usize * PIECE_LEAVES * HASH;
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all[at..at + hashes.len()].copy_from_slice(hashes);
            drop(all);
            watch.advance(data.len() as u64);
            Ok(())
        };
        let outcome = workers::work(threads(), bytes.div_ceil(PIECE as u64), watch, scratch, piece)?;
        Ok(outcome.map(|()| all.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Compares the leaf blocks on the target with the hashes that they must have.
    fn compare_leaves(&self, hashes: &[u8], watch: &dyn Watch) -> Result<Outcome<()>, ImageError> {
        let Some(level) = self.shape.leaf() else {
            return Ok(Outcome::Done(()));
        };
        let batch = (PIECE / BLOCK) as u64;
        let piece = |buffer: &mut Buffer, number: u64| -> Result<(), ImageError> {
            let first = number * batch;
            let blocks = &mut buffer[..batch.min(level.blocks - first) as usize * BLOCK];
            if self.target.read(blocks, self.place.tree + level.offset(first), watch)? == Outcome::Cancelled {
                return Ok(());
            }
            if let Some(index) = self.hasher.first_mismatch(blocks, &hashes[first as usize * HASH..]) {
                let leaf = &blocks[index * BLOCK..][..BLOCK];
                return Err(self.blame(first + index as u64, leaf)?);
            }
            watch.advance(blocks.len() as u64);
            Ok(())
        };
        let batches = level.blocks.div_ceil(batch);
        workers::work(threads(), batches, watch, || Buffer::new(PIECE), piece)
    }

    /// Leaf block `index` and the data below it do not match: finds out which of them is wrong.
    fn blame(&self, index: u64, leaf: &[u8]) -> Result<ImageError, ImageError> {
        let offset = self.place.tree + self.shape.levels()[0].offset(index);
        let wrong_leaf = ImageError::TargetTreeBlock { level: 0, block: index, offset };
        if let Some(above) = self.shape.levels().get(1) {
            let at = index as usize * HASH;
            let mut block = Buffer::new(BLOCK);
            let _ = self.target.read(&mut block, self.place.tree + above.offset((at / BLOCK) as u64), &Unwatched)?;
            if self.hasher.block(leaf) != block[at % BLOCK..][..HASH] {
                return Ok(wrong_leaf);
            }
        }
        let start = index * LEAF_SPAN as u64;
        let length = LEAF_SPAN.min((self.parameters.data_bytes() - start) as usize);
        let mut data = Buffer::new(length);
        let _ = self.target.read(&mut data, self.place.data + start, &Unwatched)?;
        Ok(match self.hasher.first_mismatch(&data, leaf) {
            None => wrong_leaf,
            Some(bad) => {
                let offset = start + (bad * BLOCK) as u64;
                ImageError::TargetBlock { block: offset / BLOCK as u64, offset: self.place.data + offset }
            }
        })
    }

    /// Compares the superblock and the upper levels on the target with what they must be.
    fn compare_head(&self, head: &[u8], watch: &dyn Watch) -> Result<Outcome<()>, ImageError> {
        let mut buffer = Buffer::new(PIECE);
        for (number, wanted) in head.chunks(PIECE).enumerate() {
            let start = (number * PIECE) as u64;
            let found = &mut buffer[..wanted.len()];
            if self.target.read(found, self.place.tree + start, watch)? == Outcome::Cancelled {
                return Ok(Outcome::Cancelled);
            }
            let mut pairs = found.chunks_exact(BLOCK).zip(wanted.chunks_exact(BLOCK));
            if let Some(index) = pairs.position(|(found, wanted)| found != wanted) {
                return Err(self.wrong_head_block(start / BLOCK as u64 + index as u64));
            }
        }
        Ok(Outcome::Done(()))
    }

    fn wrong_head_block(&self, block: u64) -> ImageError {
        let offset = self.place.tree + block * BLOCK as u64;
        let levels = self.shape.levels().iter().enumerate();
        match levels.rev().find(|(_, level)| (level.first..level.first + level.blocks).contains(&block)) {
            Some((number, level)) => ImageError::TargetTreeBlock { level: number, block: block - level.first, offset },
            None => ImageError::TargetSuperblock { offset },
        }
    }
}
