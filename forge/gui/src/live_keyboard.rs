//! Lets the live session type on the keyboard that was chosen, so that what is tried and typed is what will be.

use crate::kiosk;
use forge_model::answers::KeyboardAnswers;
use relm4::gtk::gio::{self, prelude::*};

/// GNOME's list of keyboards.
const SCHEMA: &str = "org.gnome.desktop.input-sources";

/// Keys for the letters from a to z, which a user name needs and some keyboards lack; the desktop shows how to change to them.
const LATIN: &str = "us";

/// Switches the session's keyboard, where the session is GNOME or the medium's own screen.
pub fn switch_to(keyboard: &KeyboardAnswers, locale: &str) {
    if kiosk::is_there() {
        if kiosk::keyboard() != *keyboard {
            let error = kiosk::begin_again(keyboard, locale);
            log::warn!("the keyboard of this screen stays as it is: {error}");
        }
        return;
    }
    let known = gio::SettingsSchemaSource::default().and_then(|source| source.lookup(SCHEMA, true));
    if known.is_none() {
        return log::info!("no {SCHEMA}: the keyboard of this session stays as it is");
    }
    let name = match keyboard.variant.as_str() {
        "" => keyboard.layout.clone(),
        variant => format!("{}+{variant}", keyboard.layout),
    };
    let mut sources = vec![("xkb".to_owned(), name)];
    if keyboard.layout != LATIN {
        sources.push(("xkb".to_owned(), LATIN.to_owned()));
    }
    if let Err(error) = gio::Settings::new(SCHEMA).set("sources", sources) {
        log::warn!("the keyboard of this session stays as it is: {error}");
    }
}
