//! Everything that the window says about data: kinds become sentences here and nowhere else.
//!
//! | file | what it says |
//! |---|---|
//! | [`audit`] | each promise of the system, and how it came out |
//! | [`card`] | what stands on the enrollment card |
//! | [`disks`] | what a disk is, what is on it, why it can not be taken |
//! | [`errors`] | what happened, what state things are in, what to do |
//! | [`firmware`] | what does not work without firmware, and what it is |
//! | [`help`] | what F1 says about a page |
//! | [`issues`] | why the answers do not fit |
//! | [`languages`] | languages, keyboards and time zones by their names |
//! | [`machine`] | how far the enrollment of the key is, and what mends it |
//! | [`plan`] | what will be done |
//! | [`progress`] | what is done now, how fast, how long it takes |
//! | [`recovery`] | what a recovery key is for |
//! | [`rehearsal`] | what to do on MokManager's screens |
//! | [`usage`] | the ways to use a disk, and what becomes of each part |
//! | [`way_issues`] | what stands in the way of using a disk in one way or another |
//! | [`way_plan`] | what a plan does to a disk on which something stays |

pub mod audit;
pub mod card;
pub mod disks;
pub mod errors;
pub mod firmware;
pub mod help;
pub mod issues;
pub mod languages;
pub mod machine;
pub mod plan;
pub mod progress;
pub mod recovery;
pub mod rehearsal;
pub mod usage;
pub mod way_issues;
pub mod way_plan;

/// Puts values into a translated text: `{disk}` becomes the value named `disk`. In a text that is written from right to
/// left, each value stands apart (U+2068 to U+2069), so that a path or a size does not take the words beside it along.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let [before_value, after_value] =
        if text.chars().any(is_right_to_left) { ["\u{2068}", "\u{2069}"] } else { [""; 2] };
    // One pass, so that a value which itself looks like a placeholder stays as it is.
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after
            .split_once('}')
            .and_then(|(name, tail)| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value, tail)));
        match value {
            Some((value, tail)) => {
                for part in [before_value, value, after_value] {
                    filled.push_str(part);
                }
                rest = tail;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// Hebrew, Arabic and the scripts beside them, and the marks that say so (Unicode, blocks and Bidi_Class R and AL).
fn is_right_to_left(letter: char) -> bool {
    matches!(letter, '\u{590}'..='\u{8ff}' | '\u{200f}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

/// A size as GNOME writes it: "1.0 TB".
pub fn size(bytes: u64) -> String {
    relm4::gtk::glib::format_size(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_arabic_a_value_stands_apart() {
        assert_eq!(fill("محو {a}؟", &[("a", "/dev/sda")]), "محو \u{2068}/dev/sda\u{2069}؟");
        assert_eq!(fill("Erase {a}?", &[("a", "محو")]), "Erase محو?");
    }

    #[test]
    fn values_take_the_place_of_their_names_in_any_order_and_once() {
        assert_eq!(fill("{b} of {a}", &[("a", "1"), ("b", "{a}")]), "{a} of 1");
        assert_eq!(fill("{unknown} { {a}", &[("a", "x")]), "{unknown} { x");
    }
}
