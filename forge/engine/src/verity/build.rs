//! From data to tree.
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use super::{BLOCK, HASH, Hasher, LEAF_SPAN, Parameters, RootHash, Shape, VerityError, workers};
use crate::watch::{Outcome, Watch};

/// Makes the tree over `data` into `out`, byte for byte what `veritysetup format` makes.
///
/// `data` must be exactly as long as `parameters` say. `out` is cut or grown to the length of the
/// tree if it is a file; it is not synchronised. Advances by the bytes of the data.
pub fn build(
    data: &File,
    parameters: &Parameters,
    out: &File,
    threads: usize,
    watch: &dyn Watch,
) -> Result<Outcome<RootHash>, VerityError> {
    let wanted = parameters.data_bytes();
    let found = length(data).map_err(|source| VerityError::ReadData { offset: 0, source })?;
    if found != wanted {
        return Err(VerityError::DataLength { found, wanted });
    }
    let shape = parameters.shape();
    let write_error = |offset| move |source| VerityError::WriteTree { offset, source };
    if out.metadata().is_ok_and(|about| about.is_file()) {
        out.set_len(shape.bytes()).map_err(write_error(0))?;
    }
    let hasher = Hasher::new(parameters);
    let leaf_hashes = Mutex::new(vec![0; shape.leaf_hash_bytes()]);
    let keep = |index: u64, hash: &[u8; HASH]| {
        let at = index as usize * HASH;
        let mut all = leaf_hashes.lock().unwrap_or_else(PoisonError::into_inner);
        all[at..at + HASH].copy_from_slice(hash);
    };
    let scratch = || (vec![0; LEAF_SPAN], vec![0; BLOCK]);
    let piece = |(span, leaf): &mut (Vec<u8>, Vec<u8>), index: u64| -> Result<(), VerityError> {
        let offset = index * LEAF_SPAN as u64;
        let length = LEAF_SPAN.min((wanted - offset) as usize);
        let span = &mut span[..length];
        data.read_exact_at(span, offset).map_err(|source| VerityError::ReadData { offset, source })?;
        match shape.leaf() {
            Some(level) => {
                hasher.blocks(span, leaf);
                keep(index, &hasher.block(leaf));
                let offset = level.offset(index);
                out.write_all_at(leaf, offset).map_err(write_error(offset))?;
            }
            None => keep(index, &hasher.block(span)),
        }
        watch.advance(length as u64);
        Ok(())
    };
    let spans = wanted.div_ceil(LEAF_SPAN as u64);
    if workers::work(threads, spans, watch, scratch, piece)? == Outcome::Cancelled {
        return Ok(Outcome::Cancelled);
    }
    let leaf_hashes = leaf_hashes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (head, root) = head(parameters, &hasher, &leaf_hashes);
    out.write_all_at(&head, 0).map_err(write_error(0))?;
    Ok(Outcome::Done(root))
}

/// All that lies before the leaf level, made from the hashes of the leaf blocks, and the root hash.
pub(crate) fn head(parameters: &Parameters, hasher: &Hasher, leaf_hashes: &[u8]) -> (Vec<u8>, RootHash) {
    let shape: Shape = parameters.shape();
    let mut head = vec![0; shape.head_bytes()];
    head[..Parameters::SUPERBLOCK].copy_from_slice(&parameters.superblock());
    let mut root = [0; HASH];
    root.copy_from_slice(&leaf_hashes[..HASH]);
    if let Some(at) = shape.leaf_hashes_at() {
        head[at..at + leaf_hashes.len()].copy_from_slice(leaf_hashes);
    }
    for (number, level) in shape.levels().iter().enumerate().skip(1) {
        for index in 0..level.blocks {
            let at = level.offset(index) as usize;
            let hash = hasher.block(&head[at..at + BLOCK]);
            match shape.levels().get(number + 1) {
                Some(above) => {
                    let slot = above.offset(0) as usize + index as usize * HASH;
                    head[slot..slot + HASH].copy_from_slice(&hash);
                }
                None => root = hash,
            }
        }
    }
    (head, RootHash::new(root))
}

/// How long a file or a block device is.
pub(crate) fn length(mut file: &File) -> io::Result<u64> {
    file.seek(SeekFrom::End(0))
}
