//! Where the keys of a code are on a US keyboard, for people whose keys type something else.

use super::rehearsal::us_keys::{self, ROWS};
use gettextrs::gettext;
use relm4::gtk::{self, gdk, prelude::*};

/// A drawing of the keys, unless this session's keyboard types every character of the code on the key that MokManager
/// reads it from.
pub fn unless_known(code: &str) -> Option<gtk::Widget> {
    #[cfg(feature = "scripted")]
    if crate::gateway::scripted::has_other_keyboard() {
        return Some(drawing(code));
    }
    let display = gdk::Display::default()?;
    let is_known = code.chars().filter(|c| c.is_ascii_alphanumeric()).all(|character| {
        let keys = gdk::Key::from_name(character.to_string()).and_then(|symbol| display.map_keyval(symbol));
        let wanted = us_keys::keycode(character);
        keys.is_some_and(|keys| keys.iter().any(|key| Some(key.keycode()) == wanted && key.level() == 0))
    });
    (!is_known).then(|| drawing(code))
}

/// The keys that hold letters and digits; those of the code stand out.
pub fn drawing(code: &str) -> gtk::Widget {
    let all = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(12).build();
    let words = gtk::Label::builder()
        .label(gettext(
            "The blue screen reads every key as on a US keyboard. Press the keys that are marked here, wherever your \
             own keyboard has other letters on them.",
        ))
        .wrap(true)
        .justify(gtk::Justification::Center)
        .build();
    all.append(&words);
    let keyboard = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(3).build();
    keyboard.set_halign(gtk::Align::Center);
    keyboard.set_direction(gtk::TextDirection::Ltr);
    keyboard.set_accessible_role(gtk::AccessibleRole::Img);
    keyboard.update_property(&[gtk::accessible::Property::Label(&gettext("A US keyboard"))]);
    for (row, letters) in ROWS.iter().enumerate() {
        let line = gtk::Box::builder().spacing(3).build();
        // Each row stands about half a key further to the right than the one above.
        line.set_margin_start([0, 12, 20, 34][row]);
        line.set_direction(gtk::TextDirection::Ltr);
        for letter in letters.chars() {
            let key = gtk::Label::builder().label(letter.to_string()).build();
            key.set_accessible_role(gtk::AccessibleRole::Presentation);
            key.add_css_class("place");
            if code.contains(letter) {
                key.add_css_class("wanted");
            }
            line.append(&key);
        }
        keyboard.append(&line);
    }
    all.append(&keyboard);
    all.upcast()
}
