//! A recovery key, to be written down: its groups never break, and stand beside each other as far as there is room.

use relm4::{adw, adw::prelude::*, gtk};

/// How wide a line becomes: four groups of large letters, so that there are two lines of four.
const LINE: i32 = 540;

/// The key with its dashes. `name` is what a screen reader says before it.
pub fn groups(key: &str, name: &str) -> gtk::Widget {
    let all = adw::WrapBox::builder().child_spacing(12).line_spacing(9).justify(adw::JustifyMode::None).build();
    // It is typed from left to right in every language.
    all.set_direction(gtk::TextDirection::Ltr);
    all.set_align(0.5);
    // A screen reader says it when the focus comes to it: it is what this page is for.
    all.set_focusable(true);
    all.add_css_class("key-caps");
    all.upcast_ref::<gtk::Widget>().set_accessible_role(gtk::AccessibleRole::Group);
    let spelled = format!("{name}: {}", spelled(key));
    all.upcast_ref::<gtk::Widget>().update_property(&[gtk::accessible::Property::Label(&spelled)]);
    for group in key.split_inclusive('-') {
        // The last one has no hyphen, and is as wide as the others: the lines stand under each other.
        let label = gtk::Label::builder().label(format!("{group:<9}")).build();
        label.set_direction(gtk::TextDirection::Ltr);
        label.add_css_class("recovery-key");
        all.append(&label);
    }
    adw::Clamp::builder().maximum_size(LINE).tightening_threshold(LINE).child(&all).build().upcast()
}

/// Letter by letter, with a pause after each group.
fn spelled(key: &str) -> String {
    let group = |group: &str| group.chars().map(String::from).collect::<Vec<_>>().join(" ");
    key.split('-').map(group).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_key_is_heard_letter_by_letter_in_its_groups() {
        assert_eq!(spelled("cbde-fghi"), "c b d e, f g h i");
    }
}
