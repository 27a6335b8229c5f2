//! The translations are complete, and keep what is filled in.

use std::{collections::BTreeSet, fs, path::PathBuf};

/// A text and its translations, in the order of the forms.
struct Entry {
    texts: Vec<String>,
    translations: Vec<String>,
    is_fuzzy: bool,
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../po")
}

/// What follows the keyword of each line of a translation; texts that go over several lines are put together.
fn entries(text: &str) -> Vec<Entry> {
    text.split("\n\n")
        .map(|block| {
            let mut entry = Entry { texts: vec![], translations: vec![], is_fuzzy: false };
            let mut in_translation = false;
            for line in block.lines().filter(|line| !line.starts_with("#~")) {
                entry.is_fuzzy |= line.starts_with("#,") && line.contains("fuzzy");
                let Some((keyword, quoted)) = line.split_once('"') else { continue };
                if line.starts_with('#') {
                    continue;
                }
                let part = quoted.strip_suffix('"').expect("a text ends");
                in_translation = if keyword.is_empty() { in_translation } else { keyword.starts_with("msgstr") };
                let to = if in_translation { &mut entry.translations } else { &mut entry.texts };
                match to.last_mut() {
                    Some(last) if keyword.is_empty() => last.push_str(part),
                    _ => to.push(part.to_owned()),
                }
            }
            entry
        })
        .filter(|entry| entry.texts.first().is_some_and(|text| !text.is_empty()))
        .collect()
}

fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[test]
fn every_language_is_complete_and_keeps_its_placeholders() {
    let list = fs::read_to_string(directory().join("LINGUAS")).unwrap();
    let languages: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(languages.contains(&"ar") && languages.contains(&"de"), "{languages:?}");
    let wanted = entries(&fs::read_to_string(directory().join("forge.pot")).unwrap());
    assert!(wanted.len() > 250);
    let mut faults = vec![];
    for language in languages {
        let file = fs::read_to_string(directory().join(format!("{language}.po"))).unwrap();
        let forms: usize = file.split_once("nplurals=").unwrap().1.split(';').next().unwrap().parse().unwrap();
        let found = entries(&file);
        for text in wanted.iter().map(|entry| &entry.texts[0]) {
            let Some(entry) = found.iter().find(|entry| entry.texts[0] == *text) else {
                faults.push(format!("{language}: not there: {text}"));
                continue;
            };
            let has_number = entry.texts.len() == 2;
            let is_whole = entry.translations.len() == if has_number { forms } else { 1 };
            if entry.is_fuzzy || !is_whole || entry.translations.iter().any(String::is_empty) {
                faults.push(format!("{language}: not translated: {text}"));
            }
            let wanted = placeholders(text);
            for translation in &entry.translations {
                let kept = placeholders(translation);
                // "One" and "two" are words of their own in some languages.
                let is_kept = if has_number { kept.is_subset(&wanted) } else { kept == wanted };
                if !is_kept {
                    faults.push(format!("{language}: {wanted:?} became {kept:?}: {text}"));
                }
                if text.matches('_').count() == 1 && text.len() < 25 && translation.matches('_').count() != 1 {
                    faults.push(format!("{language}: no access key: {text}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[cfg(feature = "scripted")]
#[test]
fn no_two_ways_have_the_same_button_in_any_language() {
    use forge_gui::{gateway::scripted::machine, sentences::way_plan};
    use forge_model::answers::{DiskAnswers, Shrink, Way};
    let with = |way| DiskAnswers { way, ..DiskAnswers::default() };
    let labels: Vec<String> = [
        ("/dev/sdc", with(Way::WholeDisk)),
        ("/dev/sdc", with(Way::FreeSpace)),
        ("/dev/sda", with(Way::Replace)),
        ("/dev/sdc", DiskAnswers { delete: vec![4], ..with(Way::Manual) }),
        ("/dev/nvme0n1", DiskAnswers { shrink: vec![Shrink { number: 3, to_mib: 300_000 }], ..with(Way::FreeSpace) }),
    ]
    .into_iter()
    .map(|(disk, answers)| way_plan::button(&machine::plan(&machine::shared_inventory(), disk, answers)).0)
    .collect();
    let told = |labels: Vec<String>| labels.iter().map(|label| label.replace('_', "")).collect::<BTreeSet<_>>();
    assert_eq!(told(labels.clone()).len(), labels.len(), "{labels:?}");
    for language in ["de", "ar"] {
        let found = entries(&fs::read_to_string(directory().join(format!("{language}.po"))).unwrap());
        let translated = labels.iter().map(|label| {
            let entry = found.iter().find(|entry| entry.texts[0] == *label);
            entry.unwrap_or_else(|| panic!("{language}: {label}")).translations[0].clone()
        });
        let said = told(translated.collect());
        assert_eq!(said.len(), labels.len(), "{language}: {said:?}");
    }
}
