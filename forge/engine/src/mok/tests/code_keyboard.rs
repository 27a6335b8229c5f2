use super::*;
use crate::mok::{Alphabet, CodeError, Keyboards};
use forge_model::answers::KeyboardAnswers;
use std::{collections::BTreeMap, path::Path};
use xkbcommon::xkb;

const DATA: &str = "/usr/share/X11/xkb";

fn keyboard(layout: &str, variant: &str) -> KeyboardAnswers {
    KeyboardAnswers { layout: layout.into(), variant: variant.into() }
}

fn characters(layout: &str, variant: &str) -> String {
    Keyboards::default().alphabet(&keyboard(layout, variant)).unwrap().characters().to_owned()
}

/// What each key types when it is struck, asked of a keyboard in its first state: not the way the alphabet is computed.
fn struck(layout: &str, variant: &str) -> Option<BTreeMap<u32, String>> {
    let context = xkb::Context::new(xkb::CONTEXT_NO_ENVIRONMENT_NAMES);
    let keymap = xkb::Keymap::new_from_names(&context, "evdev", "pc105", layout, variant, None, 0)?;
    let state = xkb::State::new(&keymap);
    let keys = keymap.min_keycode().raw()..=keymap.max_keycode().raw();
    Some(keys.map(|key| (key, state.key_get_utf8(key.into()))).collect())
}

/// Every layout and variant that the system offers, from the list that its settings show (evdev.lst).
fn offered() -> Vec<(String, String)> {
    let list = std::fs::read_to_string(format!("{DATA}/rules/evdev.lst")).unwrap();
    let section = |name: &str| {
        let after = list.split(&format!("! {name}\n")).nth(1).unwrap_or_default().to_owned();
        after.split("\n!").next().unwrap_or_default().to_owned()
    };
    let layouts = section("layout");
    let variants = section("variant");
    let plain = layouts.lines().filter_map(|line| Some((line.split_whitespace().next()?.to_owned(), String::new())));
    let varied = variants.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.nth(1)?.trim_end_matches(':').to_owned(), line.split_whitespace().next()?.to_owned()))
    });
    plain.chain(varied).filter(|(layout, _)| layout != "custom").collect()
}

#[test]
fn for_every_layout_of_the_system_each_character_sits_on_one_key_there_and_in_us() {
    if !installed(DATA) {
        return;
    }
    let us = struck("us", "").unwrap();
    let offered = offered();
    assert!(offered.len() > 400, "{}", offered.len());
    let (mut shared, mut by_position) = (0, vec![]);
    for (layout, variant) in &offered {
        let alphabet = Keyboards::default().alphabet(&keyboard(layout, variant)).unwrap();
        let bits = alphabet.length() as f64 * (alphabet.characters().len() as f64).log2();
        assert!(bits >= 60.0, "{layout}({variant}): {bits} bits");
        let own = struck(layout, variant).unwrap();
        let key_of = |keys: &BTreeMap<u32, String>, wanted: char| {
            keys.iter().find(|(_, typed)| **typed == wanted.to_string()).map(|(key, _)| *key)
        };
        let stray: Vec<char> = alphabet
            .characters()
            .chars()
            .filter(|c| key_of(&us, *c).is_none() || key_of(&us, *c) != key_of(&own, *c))
            .collect();
        match stray.is_empty() {
            true => shared += 1,
            // Then it is the whole US alphabet, found by position, and never a mixture.
            false => {
                assert_eq!(alphabet.characters(), characters("us", ""), "{layout}({variant}) moves {stray:?}");
                by_position.push(format!("{layout}({variant})"));
            }
        }
    }
    eprintln!("{shared} layouts share a key for each character; {} by position: {by_position:?}", by_position.len());
    assert!(shared > 200, "{shared}");
    for layout in ["ru()", "gr()", "ara()", "us(dvorak)"] {
        assert!(by_position.iter().any(|name| name == layout), "{layout}");
    }
}

#[test]
fn the_keys_that_people_know_to_move_are_left_out() {
    if !installed(DATA) {
        return;
    }
    assert_eq!(characters("us", ""), "abcdefghjkmnprstuwxyz");
    assert_eq!(characters("de", ""), "abcdefghjkmnprstuwx");
    let french = characters("fr", "");
    assert!(!french.contains(['a', 'q', 'w', 'z', 'm']), "{french}");
    assert!(french.bytes().all(|b| b.is_ascii_lowercase()), "digits are behind Shift: {french}");
}

#[test]
fn nothing_in_a_code_is_taken_for_something_else() {
    if !installed(DATA) {
        return;
    }
    for (layout, variant) in offered() {
        let characters = characters(&layout, &variant);
        for alike in ["ilo01", "gq9", "uv", "z2", "s5", "b86"] {
            let found = characters.chars().filter(|c| alike.contains(*c)).count();
            assert!(found <= usize::from(!alike.starts_with('i')), "{layout}({variant}): {characters}");
        }
    }
}

#[test]
fn a_name_that_is_no_layout_reads_no_file() {
    for (layout, variant) in [("", ""), ("us,ru", ""), ("../us", ""), ("us", "a)b"), ("us(intl)", ""), ("us\n", "")] {
        let error = Keyboards::default().alphabet(&keyboard(layout, variant)).unwrap_err();
        assert!(matches!(error, CodeError::LayoutName(_)) || !Path::new(DATA).exists(), "{layout}: {error}");
    }
    if installed(DATA) {
        let error = Keyboards::default().alphabet(&keyboard("klingon", "")).unwrap_err();
        assert_eq!(error.to_string(), format!("no keyboard layout klingon in {DATA}"));
    }
}

#[test]
fn a_system_without_keyboard_data_is_named() {
    let error = Keyboards::within(Path::new("/nonexistent/xkb")).alphabet(&keyboard("de", "")).unwrap_err();
    assert_eq!(error.to_string(), "no keyboard layout us in /nonexistent/xkb");
    assert_eq!(Alphabet::common().characters().len(), 16);
}
