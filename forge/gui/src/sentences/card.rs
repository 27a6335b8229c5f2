//! What stands on the enrollment card, and what its picture holds.

use super::fill;
use forge_model::machine::Key;
use gettextrs::gettext;
use zeroize::Zeroizing;

/// The certificate at the top of the boot partition.
pub const FILE: &str = "INTERGENOS-KEY.cer";
/// The label of that partition.
pub const VOLUME: &str = "ESP";

/// What a card is made of.
#[derive(Debug, Clone)]
pub struct Card {
    /// The computer's name.
    pub computer: String,
    /// Its key.
    pub key: Key,
}

/// A fingerprint in pairs of digits, as MokManager shows it.
pub fn pairs(digits: &str) -> String {
    let pairs: Vec<&str> =
        digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default()).collect();
    pairs.join(" ").to_uppercase()
}

/// The steps on the blue screen, each as a headline and a sentence.
pub fn steps() -> [(String, String); 4] {
    [
        (gettext("A blue screen appears"), gettext("If it counts down, press any key.")),
        // Translators: "Enroll MOK", "Continue" and "Yes" are words on a screen that is always in English.
        (gettext("Choose Enroll MOK, Continue, Yes"), gettext("With the arrow keys and Enter.")),
        (gettext("Type the code"), gettext("Without the spaces. Nothing is shown while you type.")),
        (gettext("Choose Reboot"), gettext("The system starts. The code is not needed again.")),
    ]
}

/// The steps of the way without a code, from the screen that refuses to the restart. Words on the screens are in English
/// everywhere; [`FILE`] and [`VOLUME`] are two of them.
pub fn steps_from_disk() -> [String; 8] {
    let with = |text: String, name: &str| fill(&text, &[("name", name)]);
    [
        gettext("The computer says that it refuses. Press Enter."),
        gettext("Press any key, before the ten seconds are over."),
        // Translators: "Enroll key from disk" is a line on a screen that is always in English.
        gettext("Choose Enroll key from disk with the arrow keys, and press Enter."),
        // Translators: {name} is the name of a partition.
        with(gettext("Choose {name}. Where several disks are listed, it is the one with the system."), VOLUME),
        // Translators: {name} is the name of a file.
        with(gettext("Choose {name}."), FILE),
        // Translators: "Continue", "Yes" and "Reboot" are lines on a screen that is always in English.
        gettext("Choose Continue. View key 0 shows the fingerprint, to be compared."),
        gettext("Choose Yes. No is marked at first."),
        gettext("Choose Reboot. The system starts."),
    ]
}

/// The lines of a card. The code stands on it only where it was asked for.
pub fn text(card: &Card, code: Option<&str>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    let mut line = |words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    line(&fill(&gettext("The key of {computer}"), &[("computer", &card.computer)]));
    line("");
    line(&gettext("Fingerprint that the blue screen shows (SHA-1)"));
    line(&pairs(&card.key.sha1));
    line("");
    line(&gettext("Fingerprint (SHA-256)"));
    line(&pairs(&card.key.sha256));
    line("");
    for (number, (title, words)) in (1..).zip(steps()) {
        line(&format!("{number}. {title}. {words}"));
    }
    line(&fill(
        // Translators: "Enroll key from disk" and the name of the file are words on a screen that is always in English.
        &gettext("Without the code: choose Enroll key from disk, then ESP, then {file}."),
        &[("file", FILE)],
    ));
    if let Some(code) = code {
        line("");
        line(&gettext("Code"));
        line(code);
    }
    text
}

/// What the picture holds: the fingerprints and the steps in plain letters, and never the code unless it was asked for.
pub fn picture(card: &Card, code: Option<&str>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(512));
    let Key { sha1, sha256, .. } = &card.key;
    // In English, as the screen is, and short: a smaller picture is read more easily.
    text.push_str(&format!("InterGenOS key of {}\nSHA-1 {sha1}\nSHA-256 {sha256}\n", card.computer));
    text.push_str("Enroll MOK > Continue > Yes > code > Reboot");
    if let Some(code) = code {
        text.push_str("\nCode ");
        text.push_str(code);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Card {
        let key = Key { subject: "a key".into(), sha1: "ab12".repeat(10), sha256: "cd34".repeat(16) };
        Card { computer: "quiet-otter".into(), key }
    }

    #[test]
    fn the_code_stands_on_a_card_only_where_it_was_asked_for() {
        let without = [text(&card(), None), picture(&card(), None)];
        assert!(without.iter().all(|text| !text.contains("hdjk")));
        let with = [text(&card(), Some("hdjk ufgs")), picture(&card(), Some("hdjk ufgs"))];
        assert!(with.iter().all(|text| text.contains("hdjk ufgs")));
    }

    #[test]
    fn both_fingerprints_stand_on_it_in_pairs_as_they_are_compared() {
        let text = text(&card(), None);
        assert!(text.contains(&["AB 12"; 10].join(" ")) && text.contains(&["CD 34"; 16].join(" ")), "{}", *text);
    }
}
