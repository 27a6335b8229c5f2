//! Language, keyboard and time zone: what is proposed before anybody chooses.

use forge_model::{
    answers::KeyboardAnswers,
    payload::{Keyboard, Offered},
};
use std::collections::BTreeMap;

/// The locale that fits what the program speaks: the same one, else one of the same language.
pub fn locale<'a>(offered: &'a Offered, spoken: &str) -> Option<&'a str> {
    let name = |locale: &'a String| locale.as_str();
    let same = offered.locales.iter().map(name).find(|locale| *locale == spoken);
    let language = language_of(spoken);
    same.or_else(|| offered.locales.iter().map(name).find(|locale| language_of(locale) == language))
}

/// The language of a locale: `de` of `de_DE.UTF-8`.
pub fn language_of(locale: &str) -> &str {
    locale.split(['_', '.', '@']).next().unwrap_or(locale)
}

/// The territory of a locale: `DE` of `de_DE.UTF-8`, or nothing.
pub fn territory_of(locale: &str) -> Option<&str> {
    let (_, rest) = locale.split(['.', '@']).next()?.split_once('_')?;
    Some(rest)
}

/// The keyboard that people of a locale most often have, of those that are offered.
pub fn keyboard(offered: &Offered, locale: &str) -> Option<KeyboardAnswers> {
    let territory = territory_of(locale).unwrap_or_default().to_lowercase();
    let by_name = |layout: &str| offered.keyboards.iter().find(|k| k.layout == layout && k.variant.is_empty());
    // Most layouts are named after a country; these few are not, or are spoken in countries that type otherwise.
    let other = match (language_of(locale), territory.as_str()) {
        ("en", "us" | "au" | "in" | "") => "us",
        ("en", "gb" | "ie") => "gb",
        ("ar", _) => "ara",
        ("es", "es") => "es",
        ("es", _) => "latam",
        ("sv", _) => "se",
        ("da", _) => "dk",
        ("cs", _) => "cz",
        ("el", _) => "gr",
        ("ja", _) => "jp",
        ("ko", _) => "kr",
        ("uk", _) => "ua",
        ("zh", _) => "cn",
        ("he", _) => "il",
        (language, _) => language,
    };
    let first: Option<&Keyboard> =
        by_name(other).filter(|_| other != language_of(locale)).or_else(|| by_name(&territory));
    first.or_else(|| by_name(other)).or_else(|| by_name("us")).map(answer)
}

/// The time zone of the country of a locale, where that country has one and the payload offers it.
pub fn timezone(offered: &Offered, locale: &str, zones: &BTreeMap<String, String>) -> Option<String> {
    let zone = zones.get(territory_of(locale)?)?;
    offered.timezones.contains(zone).then(|| zone.clone())
}

/// A keyboard as an answer.
pub fn answer(keyboard: &Keyboard) -> KeyboardAnswers {
    KeyboardAnswers { layout: keyboard.layout.clone(), variant: keyboard.variant.clone() }
}
