//! The medium's own screen: a compositor that shows this program and nothing else, and reads its keyboard once, when it starts.
//! So another keyboard or language is left in a file, this program ends, and both begin again with it (`data/live/kiosk`).

use forge_model::answers::KeyboardAnswers;
use relm4::gtk::glib;
use std::{env, fs, io, path::PathBuf};

/// The option that says that this is that screen.
const OPTION: &str = "--kiosk";

/// Whether it is.
pub fn is_there() -> bool {
    env::args().any(|argument| argument == OPTION)
}

/// The keyboard that the screen began with.
pub fn keyboard() -> KeyboardAnswers {
    let first = |name| env::var(name).map(|list| list.split(',').next().unwrap_or_default().to_owned());
    let layout = first("XKB_DEFAULT_LAYOUT").ok().filter(|layout| !layout.is_empty());
    // What libxkbcommon takes where nobody says anything.
    let layout = layout.unwrap_or_else(|| "us".into());
    KeyboardAnswers { layout, variant: first("XKB_DEFAULT_VARIANT").unwrap_or_default() }
}

/// Begins again with this keyboard and this language; returns only if that fails.
pub fn begin_again(keyboard: &KeyboardAnswers, locale: &str) -> io::Error {
    match leave(keyboard, locale) {
        Ok(()) => std::process::exit(0),
        Err(error) => error,
    }
}

fn leave(keyboard: &KeyboardAnswers, locale: &str) -> io::Result<()> {
    let (file, text) = (file(), words(keyboard, locale)?);
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(&file, text)
}

fn file() -> PathBuf {
    glib::user_state_dir().join("forge/screen")
}

/// A line each: layout, variant, language.
fn words(keyboard: &KeyboardAnswers, locale: &str) -> io::Result<String> {
    let lines = [&keyboard.layout, &keyboard.variant, locale];
    let is_plain = |line: &&str| line.chars().all(|c| c.is_ascii_alphanumeric() || "_-.@".contains(c));
    match lines.iter().all(is_plain) {
        true => Ok(lines.iter().map(|line| format!("{line}\n")).collect()),
        false => Err(io::ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_reads_three_lines_and_nothing_else_gets_into_them() {
        let keyboard = |layout: &str, variant: &str| KeyboardAnswers { layout: layout.into(), variant: variant.into() };
        assert_eq!(words(&keyboard("de", ""), "de_DE.UTF-8").unwrap(), "de\n\nde_DE.UTF-8\n");
        assert_eq!(words(&keyboard("fr", "bepo_afnor"), "fr_FR.UTF-8").unwrap(), "fr\nbepo_afnor\nfr_FR.UTF-8\n");
        assert!(words(&keyboard("de\nLD_PRELOAD=x", ""), "de_DE.UTF-8").is_err());
        assert!(words(&keyboard("de", "$(x)"), "de_DE.UTF-8").is_err());
    }
}
