//! Names of keyboards, from the list of xkeyboard-config that the live system has.

use crate::sentences::languages;
use std::collections::HashMap;

/// Descriptions by layout and variant; empty where there is no list.
#[derive(Debug, Clone, Default)]
pub struct KeyboardNames(HashMap<(String, String), String>);

impl KeyboardNames {
    /// Reads the list; takes some hundredths of a second.
    pub fn read() -> Self {
        let list = match xkb_data::keyboard_layouts() {
            Ok(list) => list,
            Err(error) => {
                log::warn!("names of keyboards: {error}");
                return Self::default();
            }
        };
        let mut names = HashMap::new();
        for layout in list.layouts() {
            names.insert((layout.name().to_owned(), String::new()), layout.description().to_owned());
            for variant in layout.variants().into_iter().flatten() {
                names.insert((layout.name().to_owned(), variant.name().to_owned()), variant.description().to_owned());
            }
        }
        Self(names)
    }

    /// A keyboard as a person knows it: its description in the language of the program, or its codes.
    pub fn words(&self, layout: &str, variant: &str) -> String {
        match self.name(layout, variant) {
            Some(name) => languages::keyboard(name),
            None => languages::keyboard_code(layout, variant),
        }
    }

    /// The description of a keyboard, in English.
    fn name(&self, layout: &str, variant: &str) -> Option<&str> {
        self.0.get(&(layout.to_owned(), variant.to_owned())).map(String::as_str)
    }
}
