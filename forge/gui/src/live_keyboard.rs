//! Lets the live session type on the keyboard that was chosen, so that what is tried and typed is what will be.

use forge_model::answers::KeyboardAnswers;
use relm4::gtk::gio::{self, prelude::*};

/// GNOME's list of keyboards.
const SCHEMA: &str = "org.gnome.desktop.input-sources";

/// Switches the session's keyboard, where the session is GNOME.
pub fn switch_to(keyboard: &KeyboardAnswers) {
    let known = gio::SettingsSchemaSource::default().and_then(|source| source.lookup(SCHEMA, true));
    if known.is_none() {
        return log::info!("no {SCHEMA}: the keyboard of this session stays as it is");
    }
    let name = match keyboard.variant.as_str() {
        "" => keyboard.layout.clone(),
        variant => format!("{}+{variant}", keyboard.layout),
    };
    let sources = vec![("xkb".to_owned(), name)];
    if let Err(error) = gio::Settings::new(SCHEMA).set("sources", sources) {
        log::warn!("the keyboard of this session stays as it is: {error}");
    }
}
