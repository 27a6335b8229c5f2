//! Text as it is, where the toolkit would read markup: names of disks, partitions and people come from elsewhere.

use relm4::gtk::glib::{GString, markup_escape_text};

/// The text for the description of a status page or a group, or for a group's title: these have no switch for markup. Rows,
/// banners and toasts have one, and it is off.
pub fn plain(text: &str) -> GString {
    markup_escape_text(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use relm4::gtk::pango;
    use std::{fs, path::Path};

    #[test]
    fn a_name_that_looks_like_markup_is_read_as_it_is() {
        for name in ["A&B <b>", "&amp;", "<span size=\"0\">gone</span>", "Photos"] {
            let (_, text, _) = pango::parse_markup(&plain(name), '\0').expect("no markup is broken");
            assert_eq!(text, name);
        }
    }

    /// Every statement of the sources, with its file.
    fn statements(of: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(of).expect("the sources").flatten() {
            let path = entry.path();
            if path.is_dir() {
                statements(&path, found);
            } else if !path.ends_with("parts/plain.rs") {
                let text = fs::read_to_string(&path).expect("a source");
                found.extend(text.split(';').map(|one| (path.display().to_string(), one.trim().to_owned())));
            }
        }
    }

    #[test]
    fn nothing_gives_the_toolkit_text_that_it_would_read_as_markup() {
        let mut all = Vec::new();
        statements(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
        let rows = ["ActionRow", "ExpanderRow", "SwitchRow", "ComboRow", "EntryRow", "Banner", "Toast"];
        let is_built = |text: &str| rows.iter().any(|row| text.contains(&format!("adw::{row}::")));
        let is_described = |text: &str| {
            text.contains("set_description(") || text.replace(".description()", "").contains(".description(")
        };
        // What a translator writes is checked elsewhere.
        let is_fixed = |text: &str| text.contains("gettext(") && !text.contains("fill(");
        let faults: Vec<_> = all
            .iter()
            .filter(|(_, text)| {
                (is_built(text) && !text.contains("use_markup(false)") && !is_fixed(text))
                    || (is_described(text) && !text.contains("plain") && !is_fixed(text))
            })
            .collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
}
