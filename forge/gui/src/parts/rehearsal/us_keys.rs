//! The keys of a US keyboard by where they are: MokManager reads them so, whatever is printed on them here.

/// The rows of a keyboard that hold letters and digits.
pub const ROWS: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// What the kernel calls the first key of each row (input-event-codes.h: KEY_1, KEY_Q, KEY_A, KEY_Z).
const FIRST: [u32; 4] = [2, 16, 30, 44];
/// Wayland and X11 count from 8.
const OFFSET: u32 = 8;

/// What MokManager would read from the key with this hardware keycode.
pub fn typed(keycode: u32) -> Option<char> {
    let code = keycode.checked_sub(OFFSET)?;
    FIRST.iter().zip(ROWS).find_map(|(first, row)| row.chars().nth(usize::try_from(code.checked_sub(*first)?).ok()?))
}

/// The hardware keycode of a character.
pub fn keycode(character: char) -> Option<u32> {
    FIRST.iter().zip(ROWS).find_map(|(first, row)| {
        let at = row.chars().position(|other| other == character)?;
        Some(first + OFFSET + u32::try_from(at).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_where_it_is() {
        assert_eq!(typed(10), Some('1'));
        assert_eq!(typed(24), Some('q'));
        assert_eq!(typed(52), Some('z'));
        assert_eq!([typed(0), typed(9), typed(65), typed(20), typed(36)], [None; 5]);
    }

    #[test]
    fn every_letter_and_digit_has_one_key() {
        for character in ROWS.concat().chars() {
            assert_eq!(keycode(character).and_then(typed), Some(character));
        }
        assert_eq!(ROWS.concat().len(), 36);
        assert_eq!(keycode('ä'), None);
    }
}
