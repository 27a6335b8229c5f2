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
pub(super) const LENGTH: usize = 2 * BYTES + BYTES / GROUP - 1;
/// The letters that stand for 0 to 15.
const MODHEX: &[u8; 16] = b"cbdefghijklnrtuv";

/// A new recovery key.
pub fn recovery_key() -> Result<Secret, SysError> {
    let mut bytes = Zeroizing::new([0; BYTES]);
    SysRng.try_fill_bytes(&mut *bytes)?;
    Ok(words(&bytes))
}

/// Whether a text has the form of one.
pub fn is_recovery_key(text: &Secret) -> bool {
    let mut groups = text.expose().split('-');
    let good = |group: &str| group.len() == 2 * GROUP && group.bytes().all(|letter| MODHEX.contains(&letter));
    groups.by_ref().take(BYTES / GROUP).filter(|group| good(group)).count() == BYTES / GROUP && groups.next().is_none()
}

fn words(bytes: &[u8; BYTES]) -> Secret {
    let mut text = String::with_capacity(LENGTH);
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
        assert_eq!(one.expose().len(), LENGTH);
        assert!(is_recovery_key(&one));
        let key = one.expose();
        for wrong in [&key[1..], &format!("{key}-{}", &key[..8]), &key.to_uppercase(), &key.replacen('-', "", 1), ""] {
            assert!(!is_recovery_key(&Secret::new(wrong.to_owned())), "{wrong}");
        }
    }

    #[test]
    fn each_half_of_a_byte_is_a_letter_of_modhex() {
        let bytes: [u8; BYTES] = std::array::from_fn(|at| if at == 0 { 0x01 } else { 0xef });
        assert!(words(&bytes).expose().starts_with("cbuvuvuv-uvuvuvuv-"));
    }
}
