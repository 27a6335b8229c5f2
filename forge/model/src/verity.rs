//! The root hash: the one value that a signed payload, a UKI and a receipt say of a system image.
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The SHA-256 hash at the top of a dm-verity tree; written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RootHash([u8; 32]);

impl RootHash {
    /// Takes the 32 bytes of the hash.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first and the last 128 bits: the PARTUUIDs of the image and of its tree, in the order
    /// in which a UUID is printed (Discoverable Partitions Specification, "Partition Attributes").
    pub fn halves(&self) -> ([u8; 16], [u8; 16]) {
        let (mut first, mut last) = ([0; 16], [0; 16]);
        first.copy_from_slice(&self.0[..16]);
        last.copy_from_slice(&self.0[16..]);
        (first, last)
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

/// Why a text is not a root hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootHashError {
    /// The text has another length than 64.
    #[error("a root hash has 64 hexadecimal digits, this has {found} characters")]
    Length {
        /// How many characters it has.
        found: usize,
    },
    /// One character is not a hexadecimal digit.
    #[error(
        "a root hash has only the digits 0 to 9 and a to f, this has '{found}' at position {position}"
    )]
    Digit {
        /// The character.
        found: char,
        /// Where it is, counted from 1.
        position: usize,
    },
}

impl FromStr for RootHash {
    type Err = RootHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong_digit = text
            .chars()
            .enumerate()
            .find(|(_, c)| !c.is_ascii_hexdigit());
        if let Some((index, found)) = wrong_digit {
            return Err(RootHashError::Digit {
                found,
                position: index + 1,
            });
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| RootHashError::Length { found: text.len() })?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for RootHash {
    type Error = RootHashError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RootHash> for String {
    fn from(root: RootHash) -> Self {
        root.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "4e378439c4086f60d601d192dd2b06c93a911be97ccc07b7cb9e4cafa9cd8e69";

    #[test]
    fn a_root_hash_is_the_same_after_text_and_after_json() {
        let root: RootHash = TEXT.parse().unwrap();
        assert_eq!(root.to_string(), TEXT);
        let json = serde_json::to_string(&root).unwrap();
        assert_eq!(json, format!("\"{TEXT}\""));
        assert_eq!(serde_json::from_str::<RootHash>(&json).unwrap(), root);
        let (first, last) = root.halves();
        assert_eq!(hex::encode([first, last].concat()), TEXT);
    }

    #[test]
    fn a_text_that_is_no_root_hash_is_refused_with_its_place() {
        assert_eq!(
            "ab".parse::<RootHash>(),
            Err(RootHashError::Length { found: 2 })
        );
        assert_eq!(
            format!("{TEXT}00").parse::<RootHash>(),
            Err(RootHashError::Length { found: 66 })
        );
        let wrong = TEXT.replacen('7', "x", 1);
        assert_eq!(
            wrong.parse::<RootHash>(),
            Err(RootHashError::Digit {
                found: 'x',
                position: 4
            })
        );
    }
}
