//! A screen of MokManager as what stands on it: a blue box with a title, in it a smaller one with a list or a field.
//!
//! The words are MokManager's own (shim 16, `MokManager.c`, `lib/console.c`); they are in English everywhere. The real
//! screen has 80 columns, most of them empty. This one leaves out the empty ones, so that it can be read in a window.

/// Columns of the whole screen.
pub const COLUMNS: u16 = 50;
/// Columns of a screen with long lines.
pub const WIDE: u16 = 72;
/// Rows of the whole screen.
pub const ROWS: u16 = 15;

/// What stands on a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextScreen {
    /// How wide it is.
    pub columns: u16,
    /// How high it is.
    pub rows: u16,
    /// The lines at the top, in the middle of the row.
    pub title: Vec<String>,
    /// The list, with its own box around it.
    pub list: Vec<String>,
    /// Which line of the list is marked.
    pub marked: Option<usize>,
    /// Lines in the middle, without a box.
    pub text: Vec<String>,
    /// A line at the lower end, at the left.
    pub note: String,
    /// Whether a field for typing stands in the box instead of a list.
    pub field: bool,
}

impl TextScreen {
    /// An empty screen with this title.
    fn titled(title: &str) -> Self {
        Self {
            columns: COLUMNS,
            rows: ROWS,
            title: vec![title.into()],
            list: vec![],
            marked: None,
            text: vec![],
            note: String::new(),
            field: false,
        }
    }

    /// A list under a title; one line is marked.
    pub fn list(title: &str, lines: &[&str], marked: usize) -> Self {
        let list = lines.iter().map(|&line| line.into()).collect();
        Self { list, marked: Some(marked), ..Self::titled(title) }
    }

    /// The same with more lines of title, which may be long.
    #[must_use]
    pub fn under(mut self, lines: &[&str]) -> Self {
        self.title.extend(lines.iter().map(|&line| line.into()));
        self.columns = WIDE;
        self
    }

    /// Lines in the middle.
    pub fn text(title: &str, lines: &[&str], note: &str) -> Self {
        let text = lines.iter().map(|&line| line.into()).collect();
        Self { text, note: note.into(), ..Self::titled(title) }
    }

    /// A field for the code. What is typed is never shown.
    pub fn field(title: &str, name: &str) -> Self {
        let list = vec![format!("{name}            ")];
        Self { list, field: true, ..Self::titled(title) }
    }

    /// What refuses: a box that waits for Enter.
    pub fn error(words: &str) -> Self {
        Self { title: vec!["ERROR".into(), String::new(), words.into()], ..Self::list("", &["OK"], 0) }
    }

    /// Everything that stands on it, line by line, as a screen reader says it.
    pub fn words(&self) -> String {
        let lines = self.title.iter().chain(&self.text).chain(&self.list).chain([&self.note]);
        lines.map(|line| line.trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// The line that is marked.
    pub fn choice(&self) -> Option<&str> {
        self.marked.and_then(|at| self.list.get(at)).map(String::as_str)
    }
}

// The screens, in the order in which they come.

/// It may count down first.
pub fn any_key() -> TextScreen {
    TextScreen::text("Shim UEFI key management", &["Press any key to perform MOK management"], "Booting in 10 seconds")
}

/// The menu while a request waits.
pub const MENU: [&str; 4] = ["Continue boot", "Enroll MOK", "Enroll key from disk", "Enroll hash from disk"];
/// The menu while none waits.
pub const MENU_WITHOUT_REQUEST: [&str; 3] = ["Continue boot", "Enroll key from disk", "Enroll hash from disk"];
/// The menu after a key was enrolled.
pub const LAST_MENU: [&str; 3] = ["Reboot", "Enroll key from disk", "Enroll hash from disk"];
/// The keys of a request.
pub const KEYS: [&str; 2] = ["View key 0", "Continue"];
/// The last question; the first answer is the marked one.
pub const ANSWERS: [&str; 2] = ["No", "Yes"];

/// A menu.
pub fn menu(lines: &[&str], marked: usize) -> TextScreen {
    TextScreen::list("Perform MOK management", lines, marked)
}

/// The keys of the request.
pub fn keys(marked: usize) -> TextScreen {
    TextScreen::list("[Enroll MOK]", &KEYS, marked)
}

/// A key; any key leaves it.
pub fn details(subject: &str, sha1: &str) -> TextScreen {
    let pairs: Vec<String> =
        sha1.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase()).collect();
    let half = pairs.len().div_ceil(2);
    let (first, second) = (pairs[..half].join(" "), pairs[half..].join(" "));
    let subject = format!("CN={subject}");
    let lines =
        ["[Extended Key Usage]", "OID: Code Signing", "", "[Subject]", &subject, "", "[Fingerprint]", &first, &second];
    TextScreen::text("", &lines, "")
}

/// The last question.
pub fn question(marked: usize) -> TextScreen {
    TextScreen::list("Enroll the key(s)?", &ANSWERS, marked)
}

/// The code.
pub fn password() -> TextScreen {
    TextScreen::field("Enroll the key(s)?", "Password:")
}

/// What shim says when it refuses to start something.
pub fn refused() -> TextScreen {
    TextScreen::error("Verification failed: (0x1A) Security Violation")
}

/// Where the certificate is looked for; the lines are the volumes, or what is in one.
pub fn select_key(lines: &[&str], marked: usize) -> TextScreen {
    let warning = [
        "",
        "The selected key will be enrolled into the MOK database",
        "This means any binaries signed with it will be run without prompting",
        "Remember to make sure it is a genuine key before Enrolling it",
    ];
    TextScreen::list("Select Key", lines, marked).under(&warning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_stands_in_two_lines_of_ten_pairs_as_mokmanager_writes_it() {
        let shown = details("a key", &"b0f7".repeat(10));
        assert_eq!(shown.text[7], "B0 F7 B0 F7 B0 F7 B0 F7 B0 F7");
        assert_eq!(shown.text[8], shown.text[7]);
    }

    #[test]
    fn every_line_fits_its_screen() {
        let screens = [
            any_key(),
            menu(&MENU, 1),
            menu(&LAST_MENU, 0),
            keys(0),
            details("InterGenOS boot key, a-long-name", &"ab".repeat(20)),
            question(0),
            password(),
            refused(),
            select_key(&["EFI/", "INTERGENOS-KEY.cer"], 1),
        ];
        for screen in screens {
            for line in screen.title.iter().chain(&screen.list).chain(&screen.text) {
                assert!(line.len() + 2 <= usize::from(screen.columns), "{line}");
            }
        }
    }

    #[test]
    fn a_screen_reader_says_what_stands_there_and_which_line_is_marked() {
        let screen = menu(&MENU, 1);
        assert!(screen.words().starts_with("Perform MOK management\nContinue boot\nEnroll MOK\n"));
        assert_eq!(screen.choice(), Some("Enroll MOK"));
    }
}
