//! The way through MokManager, as it answers keys: pure, no widget.
//!
//! ```text
//! any key -> menu -> the request's key -> question -> code -> last menu -> the computer restarts
//! ```
//!
//! Two things are not as they would be: a choice that would lose the request leads back to the menu and says so, and a
//! wrong code says where it was wrong.

use super::text_screen::{self, ANSWERS, KEYS, LAST_MENU, MENU, TextScreen};
use forge_model::{Secret, machine::Key as MachineKey};
use zeroize::Zeroizing;

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// The arrow up.
    Up,
    /// The arrow down.
    Down,
    /// Enter.
    Enter,
    /// Backspace.
    Backspace,
    /// A key that types this on a US keyboard.
    Character(char),
    /// Anything else.
    Other,
    /// None: nothing happens.
    Nothing,
}

/// What has to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Todo {
    /// Press any key.
    AnyKey,
    /// Mark Enroll MOK.
    MarkEnroll,
    /// Enroll MOK is marked.
    TakeEnroll,
    /// Mark Continue; the key can be looked at first.
    MarkContinue,
    /// Continue is marked.
    TakeContinue,
    /// The fingerprint can be compared; any key goes back.
    Compare,
    /// Mark Yes.
    MarkYes,
    /// Yes is marked.
    TakeYes,
    /// Type the code.
    TypeCode,
    /// A box waits for Enter.
    Acknowledge,
    /// Reboot is marked.
    Reboot,
    /// Mark Reboot.
    MarkReboot,
    /// It is done.
    Nothing,
}

/// What went otherwise than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// Continue boot: the request would be gone.
    ContinuedBoot,
    /// A way from disk, which needs no code and is another one.
    FromDisk,
    /// The answer was No.
    SaidNo,
    /// The code was too short or too long.
    Length {
        /// How many characters were typed.
        typed: usize,
        /// How many it has.
        wanted: usize,
    },
    /// This character of the code, counted from 1, was another one.
    Wrong {
        /// Which.
        at: usize,
    },
    /// The code was wrong three times: back to the menu, where it can be tried again.
    ThreeTimes,
}

/// Where MokManager is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    AnyKey,
    Menu { at: usize },
    Keys { at: usize },
    Details,
    Question { at: usize },
    Code,
    WrongCode,
    Failed,
    LastMenu { at: usize },
    Finished,
}

/// A rehearsal: the code that has to be typed, and how far it is.
#[derive(Debug)]
pub struct Walk {
    code: Secret,
    key: MachineKey,
    place: Place,
    typed: Typed,
    tries: u8,
    slip: Option<Slip>,
}

/// What was typed of the code. It does not print.
#[derive(Default)]
struct Typed(Zeroizing<String>);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(not shown)")
    }
}

/// MokManager gives so many tries.
const TRIES: u8 = 3;

impl Walk {
    /// The first screen. Spaces in the code are for reading only.
    pub fn new(code: &str, key: MachineKey) -> Self {
        let code = Secret::new(code.chars().filter(|c| c.is_ascii_alphanumeric()).collect());
        Self { code, key, place: Place::AnyKey, typed: Typed::default(), tries: 0, slip: None }
    }

    /// A key was pressed.
    pub fn press(&mut self, key: Key) {
        if self.place == Place::Finished || key == Key::Nothing {
            return;
        }
        // A slip is told until the next step.
        if key == Key::Enter || !matches!(self.place, Place::Code | Place::WrongCode | Place::Failed) {
            self.slip = None;
        }
        match &mut self.place {
            Place::AnyKey => self.place = Place::Menu { at: 0 },
            Place::Menu { at } => match marked(at, MENU.len(), key) {
                Some(0) => self.back_to_menu(Slip::ContinuedBoot),
                Some(1) => self.place = Place::Keys { at: 0 },
                Some(_) => self.back_to_menu(Slip::FromDisk),
                None => {}
            },
            Place::Keys { at } => match marked(at, KEYS.len(), key) {
                Some(0) => self.place = Place::Details,
                Some(_) => self.place = Place::Question { at: 0 },
                None => {}
            },
            Place::Details => self.place = Place::Keys { at: 0 },
            Place::Question { at } => match marked(at, ANSWERS.len(), key) {
                Some(0) => self.back_to_menu(Slip::SaidNo),
                Some(_) => (self.place, self.tries) = (Place::Code, 0),
                None => {}
            },
            Place::Code => self.type_code(key),
            Place::WrongCode if key == Key::Enter => {
                // What was wrong is best said while it is typed again.
                self.slip = self.wrong();
                self.typed = Typed::default();
                self.place = if self.tries < TRIES { Place::Code } else { Place::Failed };
                if self.tries >= TRIES {
                    self.slip = Some(Slip::ThreeTimes);
                }
            }
            Place::Failed if key == Key::Enter => self.back_to_menu(Slip::ThreeTimes),
            Place::WrongCode | Place::Failed => {}
            Place::LastMenu { at } => match marked(at, LAST_MENU.len(), key) {
                Some(0) => self.place = Place::Finished,
                Some(_) => (self.place, self.slip) = (Place::LastMenu { at: 0 }, Some(Slip::FromDisk)),
                None => {}
            },
            Place::Finished => {}
        }
    }

    fn back_to_menu(&mut self, slip: Slip) {
        (self.place, self.slip) = (Place::Menu { at: 0 }, Some(slip));
    }

    fn type_code(&mut self, key: Key) {
        match key {
            Key::Character(character) => self.typed.0.push(character),
            Key::Backspace => {
                self.typed.0.pop();
            }
            Key::Enter if *self.typed.0 == self.code.expose() => {
                self.typed = Typed::default();
                self.place = Place::LastMenu { at: 0 };
            }
            Key::Enter => {
                self.tries += 1;
                self.slip = self.wrong();
                self.place = Place::WrongCode;
            }
            Key::Up | Key::Down | Key::Other | Key::Nothing => {}
        }
    }

    /// What is wrong with the code as it was typed.
    fn wrong(&self) -> Option<Slip> {
        let (code, typed) = (self.code.expose(), &self.typed.0);
        let differs = code.chars().zip(typed.chars()).position(|(wanted, typed)| wanted != typed);
        match differs {
            Some(at) => Some(Slip::Wrong { at: at + 1 }),
            None if code.len() == typed.len() => None,
            None => Some(Slip::Length { typed: typed.len(), wanted: code.len() }),
        }
    }

    /// What stands on the screen.
    pub fn screen(&self) -> TextScreen {
        match self.place {
            Place::AnyKey => text_screen::any_key(),
            Place::Menu { at } => text_screen::menu(&MENU, at),
            Place::Keys { at } => text_screen::keys(at),
            Place::Details => text_screen::details(&self.key.subject, &self.key.sha1),
            Place::Question { at } => text_screen::question(at),
            Place::Code => text_screen::password(),
            Place::WrongCode => TextScreen::error("Password doesn't match"),
            Place::Failed => TextScreen::list("Failed to enroll keys", &["OK"], 0),
            Place::LastMenu { at } => text_screen::menu(&LAST_MENU, at),
            Place::Finished => TextScreen::text("", &[], ""),
        }
    }

    /// What has to be done now.
    pub fn todo(&self) -> Todo {
        match self.place {
            Place::AnyKey => Todo::AnyKey,
            Place::Menu { at: 1 } => Todo::TakeEnroll,
            Place::Menu { .. } => Todo::MarkEnroll,
            Place::Keys { at: 1 } => Todo::TakeContinue,
            Place::Keys { .. } => Todo::MarkContinue,
            Place::Details => Todo::Compare,
            Place::Question { at: 1 } => Todo::TakeYes,
            Place::Question { .. } => Todo::MarkYes,
            Place::Code => Todo::TypeCode,
            Place::WrongCode | Place::Failed => Todo::Acknowledge,
            Place::LastMenu { at: 0 } => Todo::Reboot,
            Place::LastMenu { .. } => Todo::MarkReboot,
            Place::Finished => Todo::Nothing,
        }
    }

    /// What went otherwise than it should, at the last step.
    pub fn slip(&self) -> Option<Slip> {
        self.slip
    }

    /// Whether the way was walked to its end.
    pub fn is_finished(&self) -> bool {
        self.place == Place::Finished
    }
}

/// Moves the mark of a list; the line that Enter takes.
fn marked(at: &mut usize, lines: usize, key: Key) -> Option<usize> {
    match key {
        Key::Up => *at = at.saturating_sub(1),
        Key::Down => *at = (*at + 1).min(lines - 1),
        Key::Enter => return Some(*at),
        Key::Backspace | Key::Character(_) | Key::Other | Key::Nothing => {}
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk() -> Walk {
        let key = MachineKey { subject: "a key".into(), sha1: "ab".repeat(20), sha256: "cd".repeat(32) };
        Walk::new("hdjk ufgs", key)
    }

    fn press(walk: &mut Walk, keys: &[Key]) {
        for key in keys {
            walk.press(*key);
        }
    }

    fn type_text(walk: &mut Walk, text: &str) {
        text.chars().for_each(|c| walk.press(Key::Character(c)));
        walk.press(Key::Enter);
    }

    const TO_CODE: [Key; 7] = [Key::Other, Key::Down, Key::Enter, Key::Down, Key::Enter, Key::Down, Key::Enter];

    #[test]
    fn the_keys_that_enroll_a_key_on_a_real_machine_do_so_here() {
        let mut walk = walk();
        assert_eq!(walk.todo(), Todo::AnyKey);
        press(&mut walk, &TO_CODE);
        assert_eq!(walk.todo(), Todo::TypeCode);
        type_text(&mut walk, "hdjkufgs");
        assert_eq!(walk.screen().choice(), Some("Reboot"));
        assert_eq!(walk.slip(), None);
        walk.press(Key::Enter);
        assert!(walk.is_finished());
    }

    #[test]
    fn no_is_the_default_of_the_last_question_and_loses_nothing_here() {
        let mut walk = walk();
        press(&mut walk, &TO_CODE[..5]);
        assert_eq!(walk.screen().choice(), Some("No"));
        walk.press(Key::Enter);
        assert_eq!((walk.slip(), walk.todo()), (Some(Slip::SaidNo), Todo::MarkEnroll));
        walk.press(Key::Down);
        assert_eq!(walk.slip(), None, "it is told once");
    }

    #[test]
    fn enter_alone_in_the_menu_would_lose_the_request_and_says_so() {
        let mut walk = walk();
        press(&mut walk, &[Key::Enter, Key::Enter]);
        assert_eq!((walk.slip(), walk.todo()), (Some(Slip::ContinuedBoot), Todo::MarkEnroll));
        press(&mut walk, &[Key::Down, Key::Down, Key::Enter]);
        assert_eq!(walk.slip(), Some(Slip::FromDisk));
    }

    #[test]
    fn nothing_that_is_typed_shows() {
        let mut walk = walk();
        press(&mut walk, &TO_CODE);
        let before = walk.screen();
        walk.press(Key::Character('h'));
        assert_eq!(walk.screen(), before);
        assert!(!format!("{walk:?}").contains("hdjk"), "{walk:?}");
        // Backspace takes the last one away, as it does there.
        press(&mut walk, &[Key::Character('x'), Key::Backspace]);
        type_text(&mut walk, "djkufgs");
        assert_eq!(walk.todo(), Todo::Reboot);
    }

    #[test]
    fn a_wrong_code_says_where_it_was_wrong_and_the_third_one_leads_back_to_the_menu() {
        let mut walk = walk();
        press(&mut walk, &TO_CODE);
        type_text(&mut walk, "hdjyufgs");
        assert_eq!((walk.slip(), walk.todo()), (Some(Slip::Wrong { at: 4 }), Todo::Acknowledge));
        walk.press(Key::Enter);
        assert_eq!((walk.slip(), walk.todo()), (Some(Slip::Wrong { at: 4 }), Todo::TypeCode));
        type_text(&mut walk, "hdjk");
        assert_eq!(walk.slip(), Some(Slip::Length { typed: 4, wanted: 8 }));
        walk.press(Key::Enter);
        type_text(&mut walk, "");
        walk.press(Key::Enter);
        assert_eq!(walk.screen().words(), "Failed to enroll keys\nOK");
        walk.press(Key::Enter);
        assert_eq!((walk.slip(), walk.todo()), (Some(Slip::ThreeTimes), Todo::MarkEnroll));
        // It can be tried again at once, as in MokManager.
        press(&mut walk, &TO_CODE[1..]);
        type_text(&mut walk, "hdjkufgs");
        assert_eq!(walk.todo(), Todo::Reboot);
    }

    #[test]
    fn the_key_can_be_looked_at_on_the_way() {
        let mut walk = walk();
        press(&mut walk, &TO_CODE[..3]);
        walk.press(Key::Enter);
        assert!(walk.screen().words().contains("AB AB AB"));
        walk.press(Key::Character('q'));
        assert_eq!(walk.todo(), Todo::MarkContinue);
    }
}
