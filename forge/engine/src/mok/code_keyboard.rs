//! What an enrollment code is drawn from: characters that one and the same key types in the chosen layout and in US.
//!
//! MokManager reads a US keyboard, whatever a person has. So the characters of a code are those that the person's own keys
//! type there as they do here, without Shift. This is computed from the data of libxkbcommon, which the installed system
//! types with, too.
//!
//! Look-alikes: i, l and o are never used (they stand for 1 and 0); of each of `gq9`, `uv`, `z2`, `s5`, `b86` only the first
//! that can be typed. Digits come in only where the letters are too few: so nobody looks for a 5 in a word of letters,
//! and a number pad never matters.
//!
//! Layouts that share too little with US (Russian, Arabic, Dvorak…) get the letters of the US keyboard: the keys are found
//! by where they are, which a drawing shows. Keyboards for scripts other than Latin have these letters printed on them.

use super::code::{ALPHABET_LIMIT, Alphabet, CodeError, ENOUGH};
use forge_model::answers::KeyboardAnswers;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use xkbcommon::xkb;

/// Where the system keeps its keyboard layouts.
const DATA: &str = "/usr/share/X11/xkb";
/// What MokManager reads.
const US: &str = "us";
/// Every plain character, letters first, each once.
const CHARACTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
/// They are taken for each other and for digits.
const NEVER: &str = "ilo01";
/// Of each of these, one is enough.
const ALIKE: [&str; 5] = ["gq9", "uv", "z2", "s5", "b86"];

/// The keyboard layouts of a system.
#[derive(Clone, Debug)]
pub struct Keyboards {
    directory: PathBuf,
}

impl Default for Keyboards {
    fn default() -> Self {
        Self { directory: DATA.into() }
    }
}

impl Keyboards {
    /// The layouts in another directory.
    #[must_use]
    pub fn within(directory: &Path) -> Self {
        Self { directory: directory.into() }
    }

    /// What a code is drawn from for people who type on this keyboard.
    ///
    /// # Errors
    /// When a name is no name of a layout, or the data does not have it.
    pub fn alphabet(&self, keyboard: &KeyboardAnswers) -> Result<Alphabet, CodeError> {
        let us = self.keys(US, "")?;
        let own = self.keys(&keyboard.layout, &keyboard.variant)?;
        let shared = chosen(|character| us.get(&character).is_some_and(|key| own.get(&character) == Some(key)));
        if shared.len() < ALPHABET_LIMIT {
            return Alphabet::new(&chosen(|character| us.contains_key(&character)));
        }
        Alphabet::new(&shared)
    }

    /// The same. A system that lacks the layout still gets a code: one of letters that the usual layouts share.
    #[must_use]
    pub fn alphabet_or_common(&self, keyboard: &KeyboardAnswers) -> Alphabet {
        self.alphabet(keyboard).unwrap_or_else(|error| {
            log::warn!("the enrollment code is drawn from letters that most keyboards share: {error}");
            Alphabet::common()
        })
    }

    /// The key of each plain character that a layout types without any modifier.
    fn keys(&self, layout: &str, variant: &str) -> Result<BTreeMap<char, u32>, CodeError> {
        let keymap = self.keymap(layout, variant)?;
        let mut keys = BTreeMap::new();
        keymap.key_for_each(|keymap, key| {
            if let [symbol] = keymap.key_get_syms_by_level(key, 0, 0) {
                let typed = char::from_u32(xkb::keysym_to_utf32(*symbol)).filter(|c| CHARACTERS.contains(*c));
                if let Some(character) = typed {
                    // Some layouts have a character twice; the first key is the one of the main block.
                    keys.entry(character).or_insert(key.raw());
                }
            }
        });
        Ok(keys)
    }

    /// Compiles a layout. Neither the environment nor files of a user have a say.
    fn keymap(&self, layout: &str, variant: &str) -> Result<xkb::Keymap, CodeError> {
        let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        for name in [layout, variant] {
            if !is_name(name) || layout.is_empty() {
                return Err(CodeError::LayoutName(name.into()));
            }
        }
        let missing = || CodeError::Layout {
            layout: if variant.is_empty() { layout.into() } else { format!("{layout}({variant})") },
            directory: self.directory.display().to_string(),
        };
        let mut context = xkb::Context::new(xkb::CONTEXT_NO_DEFAULT_INCLUDES | xkb::CONTEXT_NO_ENVIRONMENT_NAMES);
        // It would print what it does not find.
        context.set_log_level(xkb::LogLevel::Critical);
        if !context.include_path_append(&self.directory) {
            return Err(missing());
        }
        let flags = xkb::KEYMAP_COMPILE_NO_FLAGS;
        let compiled = xkb::Keymap::new_from_names(&context, "evdev", "pc105", layout, variant, None, flags);
        compiled.ok_or_else(missing)
    }
}

/// Characters that can be typed and are not taken for each other; letters alone where they are enough.
fn chosen(can_be_typed: impl Fn(char) -> bool) -> String {
    let mut taken = String::new();
    for character in CHARACTERS.chars().filter(|c| !NEVER.contains(*c) && can_be_typed(*c)) {
        if character.is_ascii_digit() && taken.len() >= ENOUGH {
            break;
        }
        let mut alike = ALIKE.iter().filter(|group| group.contains(character));
        // Letters stand before digits, and g before q, as in the groups: what was taken already is the first of its group.
        if !alike.any(|group| taken.chars().any(|other| group.contains(other))) {
            taken.push(character);
        }
    }
    taken
}
