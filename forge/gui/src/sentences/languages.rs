//! Languages, keyboards and time zones by their names.

use super::fill;
use crate::session::choices::{language_of, territory_of};
use gettextrs::{dgettext, gettext};
use isolang::Language;

/// Territories that share a language, in that language. Others stand by their code.
const TERRITORIES: &[(&str, &str, &str)] = &[
    ("de", "AT", "Österreich"),
    ("de", "CH", "Schweiz"),
    ("de", "DE", "Deutschland"),
    ("en", "AU", "Australia"),
    ("en", "CA", "Canada"),
    ("en", "GB", "United Kingdom"),
    ("en", "IE", "Ireland"),
    ("en", "IN", "India"),
    ("en", "NZ", "New Zealand"),
    ("en", "US", "United States"),
    ("en", "ZA", "South Africa"),
    ("es", "AR", "Argentina"),
    ("es", "ES", "España"),
    ("es", "MX", "México"),
    ("fr", "BE", "Belgique"),
    ("fr", "CA", "Canada"),
    ("fr", "CH", "Suisse"),
    ("fr", "FR", "France"),
    ("it", "CH", "Svizzera"),
    ("it", "IT", "Italia"),
    ("nl", "BE", "België"),
    ("nl", "NL", "Nederland"),
    ("pt", "BR", "Brasil"),
    ("pt", "PT", "Portugal"),
    ("zh", "CN", "中国"),
    ("zh", "TW", "台灣"),
    ("ar", "EG", "مصر"),
    ("ar", "SA", "السعودية"),
    ("ar", "MA", "المغرب"),
];

/// A language in itself: "Deutsch" for `de_DE.UTF-8`.
pub fn language(locale: &str) -> String {
    let code = language_of(locale);
    // The list has no entry of its own for the two written Norwegians.
    let name = match code {
        "nb" => Some("Norsk bokmål"),
        "nn" => Some("Norsk nynorsk"),
        _ => Language::from_639_1(code).or_else(|| Language::from_639_3(code)).and_then(|found| found.to_autonym()),
    };
    let mut letters = name.unwrap_or(code).chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The territory of a locale in its language, or its code.
pub fn territory(locale: &str) -> Option<String> {
    let (language, code) = (language_of(locale), territory_of(locale)?);
    let known = TERRITORIES.iter().find(|(l, c, _)| *l == language && *c == code);
    Some(known.map_or(code, |(_, _, name)| name).to_owned())
}

/// Language and territory: "Deutsch (Österreich)".
pub fn locale(locale: &str) -> String {
    match territory(locale) {
        Some(territory) => fill(
            // Translators: a language and where it is spoken, such as "Deutsch (Österreich)".
            &gettext("{language} ({territory})"),
            &[("language", &language(locale)), ("territory", &territory)],
        ),
        None => language(locale),
    }
}

/// A city of a time zone: "Buenos Aires" for `America/Argentina/Buenos_Aires`.
pub fn city(zone: &str) -> String {
    zone.rsplit('/').next().unwrap_or(zone).replace('_', " ")
}

/// The region of a time zone: "America".
pub fn region(zone: &str) -> String {
    match zone.split_once('/').map(|(region, _)| region) {
        Some("Africa") => gettext("Africa"),
        Some("America") => gettext("America"),
        Some("Antarctica") => gettext("Antarctica"),
        Some("Arctic") => gettext("Arctic"),
        Some("Asia") => gettext("Asia"),
        Some("Atlantic") => gettext("Atlantic Ocean"),
        Some("Australia") => gettext("Australia"),
        Some("Europe") => gettext("Europe"),
        Some("Indian") => gettext("Indian Ocean"),
        Some("Pacific") => gettext("Pacific Ocean"),
        Some(other) => other.to_owned(),
        None => gettext("World Time"),
    }
}

/// A time zone in a sentence: "Berlin (Europe)".
pub fn zone(zone: &str) -> String {
    match zone.contains('/') {
        // Translators: a city and its part of the world, such as "Berlin (Europe)".
        true => fill(&gettext("{city} ({region})"), &[("city", &city(zone)), ("region", &region(zone))]),
        false => zone.to_owned(),
    }
}

/// A keyboard by the description that xkeyboard-config has of it, in the language of the program.
pub fn keyboard(description: &str) -> String {
    dgettext("xkeyboard-config", description)
}

/// A keyboard by its codes: "de, nodeadkeys".
pub fn keyboard_code(layout: &str, variant: &str) -> String {
    match variant {
        "" => layout.to_owned(),
        _ => format!("{layout}, {variant}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_named_in_itself() {
        assert_eq!(language("de_DE.UTF-8"), "Deutsch");
        assert_eq!(language("fr_FR.UTF-8"), "Français");
        assert_eq!(language("nb_NO.UTF-8"), "Norsk bokmål");
        assert_eq!(locale("de_AT.UTF-8"), "Deutsch (Österreich)");
        assert_eq!(language("qq"), "Qq");
    }

    #[test]
    fn a_zone_is_a_city_in_a_region() {
        assert_eq!(city("America/Argentina/Buenos_Aires"), "Buenos Aires");
        assert_eq!(zone("Europe/Berlin"), "Berlin (Europe)");
        assert_eq!(zone("UTC"), "UTC");
    }
}
