//! The recovery key in systemd's form: 256 random bits in modhex, in groups of eight (systemd-cryptenroll(1)).
//!
//! The letters of modhex lie at the same place on most keyboards, and the initrd may not know which keyboard this is.

use forge_model::Secret;
use rand::{TryRng, rngs::SysError, rngs::SysRng};
use zeroize::Zeroizing;

/// Random bytes in it.
const BYTES: usize = 32;
/// Bytes between two dashes.
const GROUP: usize = 4;
/// Its length: 64 letters in eight groups.
pub const RECOVERY_LENGTH: usize = 2 * BYTES + BYTES / GROUP - 1;
/// The letters that stand for 0 to 15.
const MODHEX: &[u8; 16] = b"cbdefghijklnrtuv";

/// A new recovery key.
pub fn recovery_key() -> Result<Secret, SysError> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    SysRng.try_fill_bytes(&mut *bytes)?;
    Ok(words(&bytes))
}

fn words(bytes: &[u8; BYTES]) -> Secret {
    let mut text = String::with_capacity(RECOVERY_LENGTH);
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 && at % GROUP == 0 {
            text.push('-');
        }
        text.extend([byte >> 4, byte & 15].map(|half| char::from(MODHEX[usize::from(half)])));
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sixty_four_letters_in_eight_groups_and_never_the_same() {
        let (one, other) = (recovery_key().unwrap(), recovery_key().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(one.expose().len(), RECOVERY_LENGTH);
        let groups: Vec<&str> = one.expose().split('-').collect();
        assert_eq!(groups.len(), 8);
        assert!(groups.iter().all(|group| group.len() == 8 && group.bytes().all(|b| MODHEX.contains(&b))));
    }

    #[test]
    fn each_half_of_a_byte_is_a_letter_of_modhex() {
        let bytes: [u8; BYTES] = std::array::from_fn(|at| if at == 0 { 0x01 } else { 0xef });
        assert!(words(&bytes).expose().starts_with("cbuvuvuv-uvuvuvuv-"));
    }
}
