//! What dm-crypt would write: `aes-xts-plain64`, where the tweak is the number of the sector (Linux,
//! `Documentation/admin-guide/device-mapper/dm-crypt.rst`). It counts in 512 bytes, however much is encrypted at once.

use super::{KEY, LuksError, SECTOR};
use crate::{
    target::{TargetError, each_extent},
    watch::{Outcome, Stop},
};
use openssl::{cipher::Cipher, cipher_ctx::CipherCtx, error::ErrorStack};
use std::{fs::File, os::unix::fs::FileExt};

/// Writes the encrypted form of everything that was written to `plain`, from `offset` on.
pub(super) fn encrypt(
    plain: &File,
    to: &File,
    offset: u64,
    key: &[u8; KEY],
    stop: &Stop,
) -> Result<Outcome<()>, LuksError> {
    let mut sectors = Sectors::new(key)?;
    // Memory is written in pages, so each extent begins and ends with a sector.
    let done = each_extent(plain, u64::MAX, stop, |bytes, at| {
        let failed = |source| TargetError::Image { offset: at, source };
        let encrypted = sectors.encrypted(bytes, at / 512).map_err(|e| failed(e.into()))?;
        to.write_all_at(encrypted, offset + at).map_err(failed)
    });
    Ok(done?)
}

struct Sectors {
    cipher: CipherCtx,
    encrypted: Vec<u8>,
}

impl Sectors {
    fn new(key: &[u8; KEY]) -> Result<Self, ErrorStack> {
        let mut cipher = CipherCtx::new()?;
        cipher.encrypt_init(Some(Cipher::aes_256_xts()), Some(key), Some(&[0; 16]))?;
        Ok(Self { cipher, encrypted: Vec::new() })
    }

    /// The sectors that begin with this number of 512 bytes.
    fn encrypted(&mut self, plain: &[u8], first: u64) -> Result<&[u8], ErrorStack> {
        self.encrypted.clear();
        for (sector, number) in plain.chunks(SECTOR as usize).zip((first..).step_by(SECTOR as usize / 512)) {
            let mut tweak = [0; 16];
            tweak[..8].copy_from_slice(&number.to_le_bytes());
            self.cipher.encrypt_init(None, None, Some(&tweak))?;
            self.cipher.cipher_update_vec(sector, &mut self.encrypted)?;
        }
        Ok(&self.encrypted)
    }
}
