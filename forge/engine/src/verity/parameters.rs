//! What a tree depends on beside the data, and the superblock that says so.
//!
//! Format: cryptsetup, `lib/verity/verity.c`, `struct verity_sb`, 512 bytes, little endian.
use super::{BLOCK, Shape};

/// The largest image: 128 GiB. Its upper tree levels, which stay in memory, take 8 MiB.
pub const MAX_DATA_BLOCKS: u64 = 1 << 25;

const MAX_SALT: usize = 256;
const SIGNATURE: [u8; 8] = *b"verity\0\0";
const VERSION: u32 = 1;
const HASH_TYPE: u32 = 1;
const ALGORITHM: &[u8; 32] = b"sha256\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// What a tree depends on beside the data: SHA-256, blocks of 4096 bytes, and these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    data_blocks: u64,
    salt: Vec<u8>,
    uuid: [u8; 16],
}

/// Why these are no parameters, or these bytes no superblock, that Forge takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuperblockError {
    /// The data has no block, or too many.
    #[error("an image has 1 to {MAX_DATA_BLOCKS} blocks of {BLOCK} bytes, this has {found}")]
    DataBlocks {
        /// How many it has.
        found: u64,
    },
    /// The data is not a whole number of blocks.
    #[error("the image has {bytes} bytes, {over} more than a whole number of blocks of {BLOCK} bytes")]
    DataLength {
        /// The length of the data.
        bytes: u64,
        /// How many bytes stand after the last whole block.
        over: u64,
    },
    /// The salt is too long.
    #[error("a salt has at most {MAX_SALT} bytes, this has {found}")]
    Salt {
        /// Its length.
        found: usize,
    },
    /// There are not even 512 bytes.
    #[error("a verity superblock has {} bytes, this has {found}", Parameters::SUPERBLOCK)]
    Length {
        /// How many there are.
        found: usize,
    },
    /// It does not begin as a superblock does.
    #[error("this is no verity superblock: its signature is missing")]
    Signature,
    /// One field has a value that Forge does not take.
    #[error("the verity superblock has {field} {found}, Forge takes only {wanted}")]
    Field {
        /// Which field.
        field: &'static str,
        /// Its value.
        found: u64,
        /// The only value that is taken.
        wanted: u64,
    },
    /// The hash is not SHA-256.
    #[error("the verity superblock names another hash than sha256")]
    Algorithm,
    /// Bytes that mean nothing are not zero.
    #[error("the verity superblock has bytes that are not zero where nothing is stored")]
    Padding,
}

impl Parameters {
    /// Length of the superblock in bytes; the rest of its block is zero.
    pub const SUPERBLOCK: usize = 512;

    /// Parameters for `data_blocks` blocks; `salt` has up to 256 bytes, `uuid` is in printed order.
    pub fn new(data_blocks: u64, salt: Vec<u8>, uuid: [u8; 16]) -> Result<Self, SuperblockError> {
        if !(1..=MAX_DATA_BLOCKS).contains(&data_blocks) {
            return Err(SuperblockError::DataBlocks { found: data_blocks });
        }
        if salt.len() > MAX_SALT {
            return Err(SuperblockError::Salt { found: salt.len() });
        }
        Ok(Self { data_blocks, salt, uuid })
    }

    /// Parameters for data of `bytes` bytes, which must be a whole number of blocks.
    pub fn for_data(bytes: u64, salt: Vec<u8>, uuid: [u8; 16]) -> Result<Self, SuperblockError> {
        match bytes % BLOCK as u64 {
            0 => Self::new(bytes / BLOCK as u64, salt, uuid),
            over => Err(SuperblockError::DataLength { bytes, over }),
        }
    }

    /// How many blocks the data has.
    pub fn data_blocks(&self) -> u64 {
        self.data_blocks
    }

    /// How many bytes the data has.
    pub fn data_bytes(&self) -> u64 {
        self.data_blocks * BLOCK as u64
    }

    /// How many bytes the superblock and the tree have.
    pub fn tree_bytes(&self) -> u64 {
        self.shape().bytes()
    }

    /// The salt.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// The UUID of the tree, in printed order.
    pub fn uuid(&self) -> &[u8; 16] {
        &self.uuid
    }

    /// Where the levels of the tree lie.
    pub fn shape(&self) -> Shape {
        Shape::new(self.data_blocks)
    }

    /// The superblock.
    pub fn superblock(&self) -> [u8; Self::SUPERBLOCK] {
        let mut bytes = [0; Self::SUPERBLOCK];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &SIGNATURE);
        put(8, &VERSION.to_le_bytes());
        put(12, &HASH_TYPE.to_le_bytes());
        put(16, &self.uuid);
        put(32, ALGORITHM);
        put(64, &(BLOCK as u32).to_le_bytes());
        put(68, &(BLOCK as u32).to_le_bytes());
        put(72, &self.data_blocks.to_le_bytes());
        put(80, &(self.salt.len() as u16).to_le_bytes());
        put(88, &self.salt);
        bytes
    }

    /// Reads a superblock; `bytes` may go on after it.
    pub fn from_superblock(bytes: &[u8]) -> Result<Self, SuperblockError> {
        let bytes: &[u8; Self::SUPERBLOCK] =
            bytes.first_chunk().ok_or(SuperblockError::Length { found: bytes.len() })?;
        if !bytes.starts_with(&SIGNATURE) {
            return Err(SuperblockError::Signature);
        }
        let number = |at: usize, length: usize| {
            let digits = bytes[at..at + length].iter().rev();
            digits.fold(0, |sum, digit| sum << 8 | u64::from(*digit))
        };
        for (field, found, wanted) in [
            ("version", number(8, 4), u64::from(VERSION)),
            ("hash type", number(12, 4), u64::from(HASH_TYPE)),
            ("data block size", number(64, 4), BLOCK as u64),
            ("hash block size", number(68, 4), BLOCK as u64),
        ] {
            if found != wanted {
                return Err(SuperblockError::Field { field, found, wanted });
            }
        }
        if &bytes[32..64] != ALGORITHM {
            return Err(SuperblockError::Algorithm);
        }
        let salt_length = number(80, 2) as usize;
        if salt_length > MAX_SALT {
            return Err(SuperblockError::Salt { found: salt_length });
        }
        let salt = bytes[88..88 + salt_length].to_vec();
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&bytes[16..32]);
        let parameters = Self::new(number(72, 8), salt, uuid)?;
        if parameters.superblock() != *bytes {
            return Err(SuperblockError::Padding);
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters() -> Parameters {
        Parameters::new(7, vec![9; 32], [3; 16]).unwrap()
    }

    #[test]
    fn a_superblock_is_read_back_as_it_was_written() {
        for salt in [0, 1, 32, 256] {
            let parameters = Parameters::new(MAX_DATA_BLOCKS, vec![1; salt], [2; 16]).unwrap();
            assert_eq!(Parameters::from_superblock(&parameters.superblock()), Ok(parameters));
        }
    }

    #[test]
    fn every_byte_of_a_superblock_is_checked() {
        for at in 0..Parameters::SUPERBLOCK {
            let mut bytes = parameters().superblock();
            bytes[at] ^= 0x80;
            let read = Parameters::from_superblock(&bytes);
            assert_ne!(read, Ok(parameters()), "byte {at} was not looked at");
        }
    }

    #[test]
    fn values_out_of_bounds_are_refused_with_the_numbers() {
        let new = Parameters::new;
        assert_eq!(new(0, vec![], [0; 16]), Err(SuperblockError::DataBlocks { found: 0 }));
        let found = MAX_DATA_BLOCKS + 1;
        assert_eq!(new(found, vec![], [0; 16]), Err(SuperblockError::DataBlocks { found }));
        assert_eq!(new(1, vec![0; 257], [0; 16]), Err(SuperblockError::Salt { found: 257 }));
        let odd = Parameters::for_data(8193, vec![], [0; 16]);
        assert_eq!(odd, Err(SuperblockError::DataLength { bytes: 8193, over: 1 }));
        let short = Parameters::from_superblock(&[0; 100]);
        assert_eq!(short, Err(SuperblockError::Length { found: 100 }));
        let mut bytes = parameters().superblock();
        bytes[81] = 0xff;
        assert_eq!(Parameters::from_superblock(&bytes), Err(SuperblockError::Salt { found: 0xff20 }));
        bytes = parameters().superblock();
        bytes[8] = 2;
        let refused = SuperblockError::Field { field: "version", found: 2, wanted: 1 };
        assert_eq!(Parameters::from_superblock(&bytes), Err(refused));
    }
}
