//! dm-verity as values: the root hash that stands for a whole system image, and where the levels of its tree lie.

mod shape;

pub use shape::{Level, Shape};

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Bytes in one block of data or of the tree.
pub const BLOCK: usize = 4096;
/// Bytes in one hash.
pub const HASH: usize = 32;
/// Hashes in one block of the tree.
pub const FAN_OUT: usize = BLOCK / HASH;

/// A SHA-256 root hash; written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RootHash([u8; 32]);

impl RootHash {
    /// Takes the 32 bytes of a hash.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// PARTUUID of the data partition: the first 128 bits (Discoverable Partitions Specification).
    pub fn data_partition(&self) -> Uuid {
        self.half(0)
    }

    /// PARTUUID of the hash partition: the last 128 bits.
    pub fn tree_partition(&self) -> Uuid {
        self.half(16)
    }

    fn half(&self, from: usize) -> Uuid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.0[from..from + 16]);
        Uuid::from_bytes(bytes)
    }
}

impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootHash({self})")
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a root hash is 64 hexadecimal digits")]
pub struct NotARootHash;

impl FromStr for RootHash {
    type Err = NotARootHash;

    fn from_str(text: &str) -> Result<Self, NotARootHash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotARootHash)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for RootHash {
    type Error = NotARootHash;

    fn try_from(text: String) -> Result<Self, NotARootHash> {
        text.parse()
    }
}

impl From<RootHash> for String {
    fn from(hash: RootHash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_ids_are_the_two_halves_of_the_hash() {
        let hash: RootHash = "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0".parse().unwrap();
        assert_eq!(hash.data_partition().to_string(), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(hash.tree_partition().to_string(), "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0");
        assert!("0011".parse::<RootHash>().is_err());
    }
}
