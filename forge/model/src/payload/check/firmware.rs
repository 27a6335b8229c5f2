//! The bounds of firmware bundles: their names become files of the installed system, their texts are shown to people.

use super::{Checked, is_hex, is_made_of, is_words, must};
use crate::{
    firmware::{Bundle, BundledFile, is_name, is_pattern},
    payload::ManifestFault,
};
use std::collections::BTreeSet;

/// More bundles than anybody would read about.
const MOST_BUNDLES: usize = 256;
/// linux-firmware as a whole has some 3,500 files.
const MOST_FILES: usize = 10_000;
/// A driver of graphics cards names some 600 devices.
const MOST_PATTERNS: usize = 20_000;

/// Checks all of them, and that no two have one name.
pub(super) fn check(bundles: &[Bundle]) -> Checked {
    must(bundles.len() <= MOST_BUNDLES, "firmware", "has at most 256 bundles")?;
    let names: BTreeSet<&str> = bundles.iter().map(|bundle| bundle.name.as_str()).collect();
    must(names.len() == bundles.len(), "firmware.name", "is another one for each bundle")?;
    bundles.iter().try_for_each(check_bundle)
}

fn check_bundle(bundle: &Bundle) -> Checked {
    let name = is_name(&bundle.name);
    must(name, "firmware.name", "is 1 to 64 lower-case letters, digits and \"-\", a letter first")?;
    must(is_words(&bundle.title), "firmware.title", "is 1 to 128 characters of one line")?;
    must(is_words(&bundle.vendor), "firmware.vendor", "is 1 to 128 characters of one line")?;
    let without = (1..=512).contains(&bundle.without.chars().count()) && !bundle.without.chars().any(char::is_control);
    must(without, "firmware.without", "is 1 to 512 characters of one line")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | ' ' | '(' | ')');
    let licence = is_made_of(&bundle.licence.id, 512, plain) && bundle.licence.id.trim() == bundle.licence.id;
    must(licence, "firmware.licence.id", "is made of SPDX ids")?;
    must(bundle.licence.text.size != 0, "firmware.licence.text", "is not empty")?;
    let whole = bundle.image.size != 0 && bundle.image.size.is_multiple_of(4096);
    must(whole, "firmware.image", "is a multiple of 4096 bytes, and not empty")?;
    must(is_plain_hash(&bundle.image.sha256), "firmware.image", "has a SHA-256 of 64 lower-case digits")?;
    let early = bundle.early.as_ref().is_none_or(|archive| archive.size != 0);
    must(early, "firmware.early", "is not empty")?;
    must(bundle.modaliases.len() <= MOST_PATTERNS, "firmware.modaliases", "has at most 20,000 patterns")?;
    let pattern = |text: &String| is_made_of(text, 1024, |c| c.is_ascii_graphic()) && is_pattern(text);
    must(bundle.modaliases.iter().all(pattern), "firmware.modaliases", "are patterns as in modules.alias")?;
    let count = (1..=MOST_FILES).contains(&bundle.files.len());
    must(count, "firmware.files", "has 1 to 10,000 files")?;
    bundle.files.iter().try_for_each(check_file)?;
    let paths: BTreeSet<&str> = bundle.files.iter().map(|file| file.path.as_str()).collect();
    must(paths.len() == bundle.files.len(), "firmware.files", "names each file once")
}

fn check_file(file: &BundledFile) -> Checked {
    if !is_firmware_path(&file.path) {
        return Err(ManifestFault::Path { path: file.path.clone() });
    }
    must(is_plain_hash(&file.sha256), "firmware.files", "have SHA-256s of 64 lower-case digits")?;
    must(file.size <= super::SMALL, "firmware.files", "have at most 1 GiB each")
}

/// A path below `/usr/lib/firmware`. Names there hold spaces and commas, after boards that are called so.
pub fn is_firmware_path(path: &str) -> bool {
    let plain = |c: char| c == ' ' || (c.is_ascii_graphic() && !matches!(c, '\\' | '"' | '\'' | '`'));
    let name = |name: &str| !matches!(name, "" | "." | "..") && name.len() <= 255 && name.chars().all(plain);
    path.len() <= 1024 && path.split('/').all(name)
}

fn is_plain_hash(text: &str) -> bool {
    text.len() == 64 && is_hex(text, 64) && !text.contains(|c: char| c.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::check::tests::parse;
    use serde_json::{Value, json};

    fn good() -> Value {
        let entry = |name: &str| json!({ "path": name, "size": 4096, "sha256": "0".repeat(64) });
        json!({
            "name": "realtek-wifi", "title": "Realtek Wi-Fi", "vendor": "Realtek", "kind": "wi-fi",
            "licence": { "id": "LicenseRef-rtlwifi-firmware", "text": entry("firmware/realtek-wifi.licence") },
            "image": entry("firmware/realtek-wifi.raw"), "root_hash": "0".repeat(64),
            "files": [{ "path": "rtw88/a b,c.bin", "size": 1, "sha256": "0".repeat(64) }],
            "modaliases": ["pci:v000010ECd0000B822sv*sd*bc*sc*i*"], "without": "No wireless network.",
            "early": entry("firmware/realtek-wifi.cpio")
        })
    }

    fn refused(pointer: &str, value: Value) -> bool {
        let mut bundle = good();
        *bundle.pointer_mut(pointer).expect(pointer) = value;
        let fault = parse("/firmware", json!([bundle])).unwrap_err();
        matches!(fault, ManifestFault::Value { .. } | ManifestFault::Path { .. })
    }

    #[test]
    fn a_good_bundle_is_taken_and_its_files_are_the_payloads() {
        let manifest = parse("/firmware", json!([good()])).unwrap();
        let paths: Vec<&str> = manifest.small_entries().iter().map(|entry| entry.path.as_str()).collect();
        for file in ["raw", "licence", "cpio"] {
            assert!(paths.contains(&format!("firmware/realtek-wifi.{file}").as_str()), "{paths:?}");
        }
    }

    #[test]
    fn a_bundle_that_is_out_of_bounds_is_refused() {
        for (pointer, values) in [
            ("/name", vec![json!(""), json!("../x"), json!("A"), json!("a/b"), json!("-a"), json!("x".repeat(65))]),
            ("/title", vec![json!(""), json!("a\nb")]),
            ("/vendor", vec![json!(""), json!("x".repeat(129))]),
            ("/without", vec![json!(""), json!("a\u{1b}[2J"), json!("x".repeat(513))]),
            ("/licence/id", vec![json!(""), json!("a\nb"), json!("<b>")]),
            ("/licence/text/path", vec![json!("../x"), json!("/etc/passwd")]),
            ("/licence/text/size", vec![json!(0)]),
            ("/image/path", vec![json!("../x")]),
            ("/image/size", vec![json!(0), json!(4097), json!(1_u64 << 31)]),
            ("/image/sha256", vec![json!("A".repeat(64)), json!("0".repeat(63))]),
            ("/early/size", vec![json!(0)]),
            ("/modaliases/0", vec![json!(""), json!("a b"), json!("a\n"), json!("[")]),
            ("/files", vec![json!([])]),
            ("/files/0/path", ["../x", "/x", "a//b", "", "a/..", "a\nb", "a\\b"].map(|path| json!(path)).to_vec()),
            ("/files/0/sha256", vec![json!("0"), json!("A".repeat(64))]),
        ] {
            for value in values {
                assert!(refused(pointer, value.clone()), "{pointer} {value}");
            }
        }
    }

    #[test]
    fn neither_two_bundles_of_one_name_nor_a_file_twice_is_taken() {
        assert!(parse("/firmware", json!([good(), good()])).is_err());
        let file = good()["files"][0].clone();
        assert!(refused("/files", json!([file, file])));
    }
}
