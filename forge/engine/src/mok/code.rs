//! The enrollment code: what the person types into MokManager.

use std::fmt;

use rand::TryRng;
use rand::rngs::{SysError, SysRng};
use thiserror::Error;
use zeroize::Zeroizing;

/// From so many characters on, more of them make a code no shorter.
pub(super) const ENOUGH: usize = 14;
/// MokManager gives three tries, but the hash lies in a variable that a program can read and attack at leisure.
const ENTROPY_BITS: u32 = 60;
/// Characters in each group that is read at a glance.
const GROUP: usize = 4;
/// Fewer characters than this would make codes that nobody wants to type.
pub(super) const ALPHABET_LIMIT: usize = 10;

/// Why no code could be made.
#[derive(Debug, Error)]
pub enum CodeError {
    /// The alphabet is too small, has a character twice, or one that a US keyboard does not type without Shift.
    #[error("an alphabet needs at least {ALPHABET_LIMIT} different lower-case letters or digits")]
    Alphabet,
    /// The name of a layout or variant has characters that no such name has.
    #[error("{0:?} names no keyboard layout")]
    LayoutName(String),
    /// The system's keyboard data does not have this layout, or is not there.
    #[error("no keyboard layout {layout} in {directory}")]
    Layout {
        /// Layout, with its variant in parentheses.
        layout: String,
        /// Where the data is read.
        directory: String,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[from] SysError),
}

/// The characters that a code is drawn from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alphabet(Vec<u8>);

impl Alphabet {
    /// Takes lower-case ASCII letters and digits, each once.
    ///
    /// # Errors
    /// When there are too few, one stands twice, or one is something else.
    pub fn new(characters: &str) -> Result<Self, CodeError> {
        let bytes = characters.as_bytes();
        let mut sorted = bytes.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let plain = bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if bytes.len() < ALPHABET_LIMIT || sorted.len() != bytes.len() || !plain {
            return Err(CodeError::Alphabet);
        }
        Ok(Self(bytes.to_vec()))
    }

    /// Sixteen letters on the same keys in US, German and French layouts, none easily taken for another: for a system whose
    /// keyboard data can not be read.
    ///
    /// QWERTZ moves y and z; AZERTY moves a, m, q, w and z and puts the digits behind Shift. Of the rest, i, l and o
    /// look like digits and v like u.
    #[must_use]
    pub fn common() -> Self {
        Self(b"bcdefghjknprstux".to_vec())
    }

    /// The characters, in their order.
    #[must_use]
    pub fn characters(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// How many characters a code needs for at least 60 bits, in whole groups.
    #[must_use]
    pub fn length(&self) -> usize {
        let mut characters = 0;
        let mut choices: u128 = 1;
        while choices < 1 << ENTROPY_BITS {
            choices *= self.0.len() as u128;
            characters += 1;
        }
        usize::next_multiple_of(characters, GROUP)
    }
}

/// An enrollment code: a secret, which does not print.
pub struct Code(Zeroizing<String>);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

impl Code {
    /// Draws a code from the system's random source; every code is equally likely.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate(alphabet: &Alphabet) -> Result<Self, CodeError> {
        let size = alphabet.0.len();
        // Bytes from here on would make the first characters likelier than the others.
        let usable = 256 - 256 % size;
        let length = alphabet.length();
        let mut code = Zeroizing::new(String::with_capacity(length));
        let mut byte = Zeroizing::new([0_u8; 1]);
        while code.len() < length {
            SysRng.try_fill_bytes(&mut byte[..])?;
            let drawn = usize::from(byte[0]);
            if drawn < usable {
                code.push(char::from(alphabet.0[drawn % size]));
            }
        }
        Ok(Self(code))
    }

    /// The code as it is typed.
    #[must_use]
    pub fn typed(&self) -> &Zeroizing<String> {
        &self.0
    }

    /// The code in groups of four with dashes between them, which are not typed.
    #[must_use]
    pub fn grouped(&self) -> Zeroizing<String> {
        let mut shown = Zeroizing::new(String::with_capacity(self.0.len() * 2));
        for (place, character) in self.0.chars().enumerate() {
            if place > 0 && place % GROUP == 0 {
                shown.push('-');
            }
            shown.push(character);
        }
        shown
    }
}
