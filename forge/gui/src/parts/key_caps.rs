//! A code to type, on keys: the same on every keyboard, so that it is read as it is typed.

use relm4::{adw, adw::prelude::*, gtk};

/// Letters of a group: what an eye takes in at once.
const GROUP: usize = 4;

/// How wide a line of large caps becomes, so that four groups stand two by two.
const LINE: i32 = 380;
/// The same for small caps: four groups stand side by side.
const SMALL_LINE: i32 = 520;

/// A code in groups of four, which is how it is read and typed. `name` is what a screen reader says before it.
pub fn caps(code: &str, name: &str) -> gtk::Widget {
    keys(code, name, LINE)
}

/// The same on small keys, beside what it is typed into.
pub fn small_caps(code: &str, name: &str) -> gtk::Widget {
    let keys = keys(code, name, SMALL_LINE);
    keys.add_css_class("small-caps");
    keys
}

fn keys(code: &str, name: &str, line: i32) -> gtk::Widget {
    let all = adw::WrapBox::builder().child_spacing(18).line_spacing(9).justify(adw::JustifyMode::None).build();
    // A code is typed from left to right in every language.
    all.set_direction(gtk::TextDirection::Ltr);
    all.set_align(0.5);
    // A screen reader says it when the focus comes to it: it is what this page is for.
    all.set_focusable(true);
    all.add_css_class("key-caps");
    all.upcast_ref::<gtk::Widget>().set_accessible_role(gtk::AccessibleRole::Group);
    all.upcast_ref::<gtk::Widget>()
        .update_property(&[gtk::accessible::Property::Label(&format!("{name}: {}", spelled(code)))]);
    for group in groups(code) {
        let keys = gtk::Box::builder().spacing(4).build();
        keys.set_direction(gtk::TextDirection::Ltr);
        for letter in group {
            let key = gtk::Label::builder().label(letter.to_string()).build();
            key.add_css_class("key-cap");
            keys.append(&key);
        }
        all.append(&keys);
    }
    adw::Clamp::builder().maximum_size(line).tightening_threshold(line).child(&all).build().upcast()
}

fn groups(code: &str) -> Vec<Vec<char>> {
    let letters: Vec<char> = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    letters.chunks(GROUP).map(<[char]>::to_vec).collect()
}

/// Letter by letter, as it has to be heard.
fn spelled(code: &str) -> String {
    groups(code)
        .iter()
        .map(|group| group.iter().map(char::to_string).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_heard_letter_by_letter_in_groups_of_four_however_it_was_handed_over() {
        assert_eq!(spelled("pedpnbhe"), "p e d p, n b h e");
        assert_eq!(spelled("pedp nbhe"), spelled("pedpnbhe"));
    }
}
