//! Checked blocks, from the payload to the target.
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::buffer::Buffer;
use super::target::Target;
use super::{ImageError, PIECE, PIECE_LEAVES, Place, threads};
use crate::verity::{BLOCK, Hasher, LEAF_SPAN, Parameters, Trusted, workers};
use crate::watch::{Outcome, Watch};

/// Writes image and tree to the target and waits until the device confirms them.
///
/// No block reaches the target before it matched `trusted`; the superblock comes last. `target` is
/// a file or a whole disk, opened for reading and writing and used by nobody else meanwhile.
/// Advances by the bytes of image and tree.
pub fn write(
    source: &File,
    tree: &File,
    trusted: &Trusted,
    target: &File,
    place: Place,
    watch: &dyn Watch,
) -> Result<Outcome<()>, ImageError> {
    place.check(trusted.parameters())?;
    let payload = Payload::new(source, tree, trusted)?;
    reserve(target, trusted.parameters(), place)?;
    let target = Target::new(target);
    let data = |bytes: &[u8], offset| target.write(bytes, place.data + offset, watch);
    if payload.data(watch, data)? == Outcome::Cancelled {
        return Ok(Outcome::Cancelled);
    }
    let tree = |bytes: &[u8], offset| target.write(bytes, place.tree + offset, watch);
    if payload.leaves(watch, tree)? == Outcome::Cancelled {
        return Ok(Outcome::Cancelled);
    }
    if payload.head(watch, tree)? == Outcome::Cancelled {
        return Ok(Outcome::Cancelled);
    }
    target.sync()?;
    Ok(Outcome::Done(()))
}

/// Takes the room for image and tree if the target is a file; what it holds stays as it is.
pub fn reserve(target: &File, parameters: &Parameters, place: Place) -> Result<(), ImageError> {
    let target = Target::new(target);
    target.reserve(place.data, parameters.data_bytes())?;
    target.reserve(place.tree, parameters.tree_bytes())
}

/// Checks every block of the image against the tree, and writes nothing.
///
/// Advances by the bytes of the image.
pub fn check(source: &File, tree: &File, trusted: &Trusted, watch: &dyn Watch) -> Result<Outcome<()>, ImageError> {
    Payload::new(source, tree, trusted)?.data(watch, |_, _| Ok(Outcome::Done(())))
}

/// What is written: takes each block out of its file, checks it, and only then hands it on.
struct Payload<'a> {
    source: &'a File,
    tree: &'a File,
    trusted: &'a Trusted,
    hasher: Hasher,
}

impl<'a> Payload<'a> {
    fn new(source: &'a File, tree: &'a File, trusted: &'a Trusted) -> Result<Self, ImageError> {
        let wanted = trusted.parameters().data_bytes();
        let found = crate::verity::length(source).map_err(|source| ImageError::ReadSource { offset: 0, source })?;
        if found < wanted {
            return Err(ImageError::ShortSource { found, wanted });
        }
        Ok(Self { source, tree, trusted, hasher: Hasher::new(trusted.parameters()) })
    }

    /// Hands on the image, in pieces with their offset in the image.
    fn data(
        &self,
        watch: &dyn Watch,
        hand_on: impl Fn(&[u8], u64) -> Result<Outcome<()>, ImageError> + Sync,
    ) -> Result<Outcome<()>, ImageError> {
        let bytes = self.trusted.parameters().data_bytes();
        let scratch = || (Buffer::new(PIECE), Buffer::new(PIECE_LEAVES * BLOCK));
        // A piece that is left unfinished was cancelled; the worker asks for itself before the next one.
        let piece = |(data, leaves): &mut (Buffer, Buffer), number: u64| -> Result<(), ImageError> {
            let start = number * PIECE as u64;
            let data = &mut data[..PIECE.min((bytes - start) as usize)];
            let leaves = &mut leaves[..data.len().div_ceil(LEAF_SPAN) * BLOCK];
            let first_leaf = number * PIECE_LEAVES as u64;
            self.trusted.read_leaf_blocks(self.tree, &self.hasher, first_leaf, leaves)?;
            let spans = data.chunks_mut(LEAF_SPAN).zip(leaves.chunks_exact(BLOCK));
            for (index, (span, leaf)) in spans.enumerate() {
                // A stick may give 20 MB/s, for all threads together.
                if watch.cancelled() {
                    return Ok(());
                }
                self.read_span(span, leaf, start + (index * LEAF_SPAN) as u64)?;
            }
            if hand_on(data, start)? == Outcome::Done(()) {
                watch.advance(data.len() as u64);
            }
            Ok(())
        };
        workers::work(threads(), bytes.div_ceil(PIECE as u64), watch, scratch, piece)
    }

    /// Reads the data under one leaf block and checks it, while it is in the processor's cache.
    fn read_span(&self, span: &mut [u8], leaf: &[u8], offset: u64) -> Result<(), ImageError> {
        self.source.read_exact_at(span, offset).map_err(|source| match source.kind() {
            // It was long enough when we began.
            io::ErrorKind::UnexpectedEof => ImageError::ShortSource {
                found: crate::verity::length(self.source).unwrap_or(offset),
                wanted: self.trusted.parameters().data_bytes(),
            },
            _ => ImageError::ReadSource { offset, source },
        })?;
        match self.hasher.first_mismatch(span, leaf) {
            None => Ok(()),
            Some(index) => {
                let offset = offset + (index * BLOCK) as u64;
                Err(ImageError::SourceBlock { block: offset / BLOCK as u64, offset })
            }
        }
    }

    /// Hands on the leaf level, in pieces with their offset in the tree.
    fn leaves(
        &self,
        watch: &dyn Watch,
        hand_on: impl Fn(&[u8], u64) -> Result<Outcome<()>, ImageError> + Sync,
    ) -> Result<Outcome<()>, ImageError> {
        let Some(level) = self.trusted.shape().leaf() else {
            return Ok(Outcome::Done(()));
        };
        let batch = (PIECE / BLOCK) as u64;
        let piece = |buffer: &mut Buffer, number: u64| -> Result<(), ImageError> {
            let first = number * batch;
            let blocks = &mut buffer[..batch.min(level.blocks - first) as usize * BLOCK];
            self.trusted.read_leaf_blocks(self.tree, &self.hasher, first, blocks)?;
            if hand_on(blocks, level.offset(first))? == Outcome::Done(()) {
                watch.advance(blocks.len() as u64);
            }
            Ok(())
        };
        let batches = level.blocks.div_ceil(batch);
        workers::work(threads(), batches, watch, || Buffer::new(PIECE), piece)
    }

    /// Hands on the upper levels, and the superblock after them.
    fn head(
        &self,
        watch: &dyn Watch,
        hand_on: impl Fn(&[u8], u64) -> Result<Outcome<()>, ImageError>,
    ) -> Result<Outcome<()>, ImageError> {
        let mut buffer = Buffer::new(PIECE);
        let (superblock, levels) = self.trusted.head().split_at(BLOCK);
        let mut offset = BLOCK as u64;
        for piece in levels.chunks(PIECE) {
            buffer[..piece.len()].copy_from_slice(piece);
            if hand_on(&buffer[..piece.len()], offset)? == Outcome::Cancelled {
                return Ok(Outcome::Cancelled);
            }
            offset += piece.len() as u64;
        }
        buffer[..BLOCK].copy_from_slice(superblock);
        let outcome = hand_on(&buffer[..BLOCK], 0)?;
        watch.advance(self.trusted.head().len() as u64);
        Ok(outcome)
    }
}
