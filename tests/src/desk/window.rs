//! The real window, used as a person uses it.

use super::{
    Desk,
    keys::Keyboard,
    settle,
    sight::{self, State, Thing},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

/// How long a person waits for the window to do something that takes the machine no time.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a person looks at a window before they look again.
const GLANCE: Duration = Duration::from_millis(40);
/// How long the keyboard takes from one place to the next, on a machine that does other things.
const MOMENT: Duration = Duration::from_secs(10);
/// More stops than any page has.
const STOPS: usize = 60;

/// A window and the person before it. When a test fails, a picture of the screen is kept in `target/window-failures`.
pub struct Window<'a> {
    desk: &'a Desk<'a>,
    process: Child,
    keyboard: Keyboard,
    log: PathBuf,
}

impl<'a> Desk<'a> {
    /// Starts the window. `forge` lies where the person can reach it; `name` is that of its log.
    pub fn open(&'a self, forge: &Path, name: &str) -> Window<'a> {
        self.open_by(forge, name, |command| command.spawn().unwrap())
    }

    /// The same, with options, or started by somebody else, such as an [`Agent`](crate::private::Agent).
    pub fn open_by(&'a self, forge: &Path, name: &str, start: impl FnOnce(&mut Command) -> Child) -> Window<'a> {
        let log = self.log_of(name);
        // The person writes it; nobody's pipe is between.
        self.give(&log);
        let mut command = self.command("/bin/sh");
        command.args(["-c", "log=$1; shift; exec \"$0\" \"$@\" >\"$log\" 2>&1"]).arg(forge).arg(&log);
        let process = start(&mut command);
        Window { desk: self, process, keyboard: self.keyboard(), log }
    }
}

impl Window<'_> {
    /// Everything that is shown now.
    pub fn sees(&self) -> Vec<Thing> {
        self.desk.system.block_on(sight::look(&self.desk.bus, self.process.id()))
    }

    /// Waits until something is to be seen.
    pub fn until<T>(&self, what: &str, found: impl Fn(&[Thing]) -> Option<T>) -> T {
        self.until_within(PATIENCE, what, found)
    }

    /// The same, with patience of one's own.
    pub fn until_within<T>(&self, patience: Duration, what: &str, found: impl Fn(&[Thing]) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let things = self.sees();
            if let Some(found) = found(&things) {
                return found;
            }
            assert!(begun.elapsed() < patience, "waited in vain for: {what}; there is:\n{}", told(&things));
            settle(GLANCE);
        }
    }

    /// Waits until words are to be read somewhere.
    pub fn reads(&self, words: &str) {
        self.until(words, |things| has(things, words).then_some(()));
    }

    /// Waits until these words are the title of the page: no other page shows them as a heading of its bar.
    pub fn at(&self, title: &str) {
        self.until(title, |things| {
            let mut titles = things.iter().filter(|thing| thing.name == title && is_heading(thing));
            titles.next().map(drop)
        });
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.press(keys);
    }

    /// Types.
    pub fn write(&mut self, text: &str) {
        self.keyboard.write(text);
    }

    /// What has the keyboard now.
    pub fn focused(&self) -> Option<Thing> {
        // The innermost: a row that holds an entry can say that it is focused, too.
        self.sees().into_iter().rfind(|thing| thing.is(State::Focused))
    }

    /// Presses Tab and waits until the keyboard is elsewhere, a moment at most: there may be only one place to be.
    /// Gives what has it then.
    pub fn tab(&mut self) -> Option<Thing> {
        let before = self.focused();
        self.press("Tab");
        let begun = Instant::now();
        loop {
            let now = self.focused();
            if now != before && now.is_some() || begun.elapsed() > MOMENT {
                return now;
            }
            settle(GLANCE);
        }
    }

    /// Goes with Tab until this is reached.
    pub fn go_to(&mut self, name: &str) -> Thing {
        self.until(name, |things| has(things, name).then_some(()));
        let mut passed = Vec::new();
        for _ in 0..STOPS {
            let now = self.focused();
            if let Some(now) = now.clone().filter(|thing| thing.name == name) {
                return now;
            }
            passed.push(now.map_or("nothing".into(), |thing| format!("{} {:?}", thing.role, thing.name)));
            self.tab();
        }
        panic!("Tab never reaches {name:?}, but {passed:#?}; there is:\n{}", told(&self.sees()));
    }

    /// Waits until something can be used, goes there and presses Return.
    pub fn choose(&mut self, name: &str) {
        self.until(name, |things| things.iter().any(|t| t.name == name && t.is(State::Sensitive)).then_some(()));
        self.go_to(name);
        self.press("Return");
    }

    /// The same in a question that has come up: what is below it is called alike.
    pub fn choose_in_question(&mut self, name: &str) {
        let is_it = |thing: &Thing| thing.name == name && thing.is(State::Focused);
        let mut stops = 0;
        loop {
            let things = self.sees();
            let question = question(&things).unwrap_or_else(|| panic!("there is no question:\n{}", told(&things)));
            if question.iter().any(is_it) {
                return self.press("Return");
            }
            assert!(stops < STOPS, "Tab never reaches {name:?}:\n{}", told(&things));
            stops += 1;
            self.tab();
        }
    }

    /// Gives a name to the dialog that asks where to save, and saves there.
    pub fn save_as(&mut self, file: &Path) {
        // The toolkit's own dialog: the keyboard is in the name.
        self.until("the dialog", |things| {
            let focused = things.iter().rfind(|thing| thing.is(State::Focused))?;
            (has(things, "Save") && focused.text.is_some()).then_some(())
        });
        self.press("ctrl+a");
        self.write(file.to_str().unwrap());
        self.press("Return");
    }

    /// A picture of the screen, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        self.desk.picture()
    }

    /// The same, once it is another one than before; none when it stays as it was.
    pub fn picture_after(&self, before: &[u8]) -> Option<Vec<u8>> {
        let begun = Instant::now();
        loop {
            let picture = self.desk.picture();
            if picture != before {
                return Some(picture);
            }
            if begun.elapsed() > MOMENT {
                return None;
            }
        }
    }

    /// Goes to a field and types into it.
    pub fn fill(&mut self, name: &str, text: &str) {
        self.go_to(name);
        self.press("ctrl+a");
        self.write(text);
        // A password is read as so many dots.
        let length = Some(text.chars().count());
        self.until("the text arrives", |things| {
            let mut fields = things.iter().filter(|thing| thing.name == name);
            fields.any(|field| field.text.as_ref().map(|text| text.chars().count()) == length).then_some(())
        });
    }

    /// What the program said until now.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it ends by itself.
    pub fn ended(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the window stays; there is:\n{}", told(&self.sees()));
            settle(GLANCE);
        }
    }

    /// Ends it as a fault would.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Keeps a picture of the screen; gives the place.
    pub fn keep_picture(&self, directory: &str, name: &str) -> PathBuf {
        // target/debug/deps/NAME: the pictures go beside `debug`.
        let program = env::current_exe().unwrap();
        let directory = program.ancestors().nth(3).unwrap().join(directory);
        fs::create_dir_all(&directory).unwrap();
        let file = directory.join(format!("{name}.png"));
        fs::write(&file, self.desk.picture()).unwrap();
        file
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
            println!("what was on the screen: {}", self.keep_picture("window-failures", &test).display());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether words are to be read somewhere.
pub fn has(things: &[Thing], words: &str) -> bool {
    things.iter().any(|thing| thing.name.contains(words) || thing.description.contains(words))
}

/// What belongs to the question that is asked before the page, if one is.
pub fn question(things: &[Thing]) -> Option<&[Thing]> {
    let at = things.iter().rposition(|thing| ["alert", "dialog", "alert dialog"].contains(&&*thing.role))?;
    let inside = things[at + 1..].iter().take_while(|thing| thing.depth > things[at].depth).count();
    Some(&things[at..=at + inside])
}

fn is_heading(thing: &Thing) -> bool {
    thing.role == "label" || thing.role == "heading"
}

/// Everything as a text, a thing a line.
pub fn told(things: &[Thing]) -> String {
    let line = |thing: &Thing| {
        let mark = |state, mark| if thing.is(state) { mark } else { "" };
        format!(
            "{}{} {:?}{}{}{}{}\n",
            "  ".repeat(thing.depth),
            thing.role,
            thing.name,
            mark(State::Focused, " FOCUSED"),
            mark(State::Sensitive, ""),
            thing.text.as_ref().map(|text| format!(" text {text:?}")).unwrap_or_default(),
            if thing.description.is_empty() { String::new() } else { format!(" ({})", thing.description) },
        )
    };
    things.iter().map(line).collect()
}
