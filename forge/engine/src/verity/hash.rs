//! SHA-256 over salt and block.
use openssl::sha::Sha256;

use super::{BLOCK, HASH, Parameters};

/// Hashes blocks with one salt; the salt is taken in once and its state copied for each block.
#[derive(Clone)]
pub(crate) struct Hasher {
    salted: Sha256,
}

impl Hasher {
    pub(crate) fn new(parameters: &Parameters) -> Self {
        let mut salted = Sha256::new();
        salted.update(parameters.salt());
        Self { salted }
    }

    /// The hash of one block of data or of the tree.
    pub(crate) fn block(&self, block: &[u8]) -> [u8; HASH] {
        let mut hash = self.salted.clone();
        hash.update(block);
        hash.finish()
    }

    /// Writes the hashes of `data` (whole blocks) into `hashes`; the room left over becomes zero.
    pub(crate) fn blocks(&self, data: &[u8], hashes: &mut [u8]) {
        let mut slots = hashes.chunks_exact_mut(HASH);
        for (block, slot) in data.chunks_exact(BLOCK).zip(&mut slots) {
            slot.copy_from_slice(&self.block(block));
        }
        slots.for_each(|slot| slot.fill(0));
    }

    /// The first block of `data` whose hash is not the one in `hashes`, counted in `data`.
    pub(crate) fn first_mismatch(&self, data: &[u8], hashes: &[u8]) -> Option<usize> {
        let pairs = data.chunks_exact(BLOCK).zip(hashes.chunks_exact(HASH));
        pairs.into_iter().position(|(block, hash)| self.block(block) != hash)
    }
}
