//! The consoles of the machine: the same plain lines on each, and any key on any of them.

use super::{
    outlet::{Outlet, timespec},
    place::Place,
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    termios::{InputModes, LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr},
};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    time::{Duration, Instant},
};

/// Where the kernel names its consoles.
const ACTIVE: &str = "/sys/class/tty/console/active";
/// Where it lists every terminal.
const LISTED: &str = "/sys/class/tty";
/// The console of the first screen; the kernel may be told to write to none.
const SCREEN: &str = "tty1";
/// How long the last lines may take.
const LAST_LINES: Duration = Duration::from_secs(3);

/// Every console that can be written to.
pub struct Consoles(Vec<Console>);

struct Console {
    name: String,
    device: File,
    outlet: Outlet,
}

impl Consoles {
    /// Opens the first screen, every console that the kernel writes to, and every line of the machine.
    pub fn open(place: &Place) -> Self {
        let active = place.text(ACTIVE).ok().flatten().unwrap_or_default();
        let lines = lines(&place.at(LISTED));
        let open = |name: String| {
            let opened = Outlet::open(&place.at(format!("/dev/{name}"))).and_then(|device| {
                let outlet = Outlet::to(device.try_clone()?)?;
                Ok(Console { name: name.clone(), device, outlet })
            });
            opened.inspect_err(|error| not_opened(&name, error)).ok()
        };
        Self(names(&active, &lines).into_iter().filter_map(open).collect())
    }

    /// Their names, for people.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|console| console.name.as_str()).collect()
    }

    /// Says something on each. Text of a disk or of an answer file may be in it, so only plain characters are let out.
    pub fn say(&self, text: &str) {
        for line in text.lines().map(plain) {
            self.0.iter().for_each(|console| console.outlet.put(&line));
        }
    }

    /// Listens for keys until this is dropped: they are not shown, and those that were pressed before do not count.
    pub fn listen(&self) -> Keys<'_> {
        Keys(self.0.iter().filter_map(|console| Silenced::new(&console.device)).collect())
    }

    /// Waits a moment for the last lines.
    pub fn finish(&mut self) {
        self.0.iter_mut().for_each(|console| console.outlet.finish(LAST_LINES));
    }
}

/// The kernel lists eight lines of a hypervisor as soon as there may be one: of those that are none it says so here.
fn not_opened(name: &str, error: &io::Error) {
    if error.raw_os_error() != Some(Errno::NODEV.raw_os_error()) {
        log::warn!("console {name}: {error}");
    }
}

/// The serial lines and those of a hypervisor, whether the kernel writes to them or not: somebody may sit at any of them.
fn lines(listed: &Path) -> Vec<String> {
    let is_numbered = |name: &str, kind: &str| {
        name.strip_prefix(kind).is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
    };
    // A port that no chip answers for is listed all the same; its type is 0.
    let is_there = |name: &str| fs::read_to_string(listed.join(name).join("type")).is_ok_and(|kind| kind.trim() != "0");
    let names =
        fs::read_dir(listed).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names
        .filter(|name| {
            is_numbered(name, "hvc") || is_numbered(name, "ttyAMA") || is_numbered(name, "ttyS") && is_there(name)
        })
        .collect();
    names.sort();
    names
}

/// The names of the consoles in the kernel's words, then those of further lines. `tty0` is whichever screen is in front: the
/// first.
fn names(active: &str, lines: &[String]) -> Vec<String> {
    let mut names = vec![SCREEN.to_owned()];
    for name in active.split_ascii_whitespace().chain(lines.iter().map(String::as_str)) {
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name && name != "tty0" && !names.iter().any(|known| known == name) {
            names.push(name.into());
        }
    }
    names
}

/// A line that every terminal can show, and that commands none.
pub fn plain(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            ' '..='~' => shown.push(c),
            '\t' => shown.push(' '),
            '…' => shown.push_str("..."),
            '“' | '”' => shown.push('"'),
            '‘' | '’' => shown.push('\''),
            '–' | '—' => shown.push('-'),
            _ => shown.push('?'),
        }
    }
    shown
}

/// Keys of every console, while they are listened for.
pub struct Keys<'a>(Vec<Silenced<'a>>);

impl Keys<'_> {
    /// Whether any console can be heard at all.
    pub fn can_be_heard(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether a key is pressed before the time is up.
    pub fn pressed_within(&mut self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut polled: Vec<_> = self.0.iter().map(|one| PollFd::new(one.device, PollFlags::IN)).collect();
            let polled_well = poll(&mut polled, Some(&timespec(left))).is_ok();
            let ready: Vec<bool> = polled.iter().map(|one| polled_well && !one.revents().is_empty()).collect();
            let mut deaf = Vec::new();
            for (index, _) in ready.iter().enumerate().filter(|(_, ready)| **ready) {
                match (&mut &*self.0[index].device).read(&mut [0; 64]) {
                    Ok(1..) => return true,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    // Hung up: it would be ready for ever, and says nothing.
                    Ok(0) | Err(_) => deaf.push(index),
                }
            }
            deaf.into_iter().rev().for_each(|index| drop(self.0.remove(index)));
            if left.is_zero() {
                return false;
            }
        }
    }
}

/// A console that shows no key and hands each on at once; as it was before when this is dropped.
struct Silenced<'a> {
    device: &'a File,
    before: Termios,
}

impl<'a> Silenced<'a> {
    /// Nothing for what is no terminal, or can not be read.
    fn new(device: &'a File) -> Option<Self> {
        let before = tcgetattr(device).ok()?;
        let can_read = rustix::fs::fcntl_getfl(device).ok()?.contains(rustix::fs::OFlags::RDWR);
        let mut silent = before.clone();
        // What is shown goes on as before; Ctrl+C and Ctrl+S are keys as any other.
        silent.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN);
        silent.input_modes.remove(InputModes::IXON);
        if !can_read || tcsetattr(device, OptionalActions::Now, &silent).is_err() {
            return None;
        }
        let _ = tcflush(device, QueueSelector::IFlush);
        Some(Self { device, before })
    }
}

impl Drop for Silenced<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.device, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_console_is_named_once_and_the_first_screen_always() {
        let of_kernel = |active| names(active, &[]);
        assert_eq!(of_kernel("tty0 ttyS0\n"), ["tty1", "ttyS0"]);
        assert_eq!(of_kernel("hvc0 tty1 ttyS0 hvc0"), ["tty1", "hvc0", "ttyS0"]);
        assert_eq!(of_kernel(""), ["tty1"]);
        assert_eq!(of_kernel("../mem x/y"), ["tty1"]);
    }

    #[test]
    fn a_line_of_the_machine_is_a_console_whether_the_kernel_writes_to_it_or_not() {
        let listed = tempfile::tempdir().unwrap();
        for (name, kind) in [
            ("ttyS1", Some("4\n")),
            ("ttyS2", Some("0\n")),
            ("ttyAMA0", None),
            ("hvc0", None),
            ("tty7", None),
            ("ttyUSB0", None),
            ("ttyprintk", None),
        ] {
            fs::create_dir(listed.path().join(name)).unwrap();
            if let Some(kind) = kind {
                fs::write(listed.path().join(name).join("type"), kind).unwrap();
            }
        }
        let lines = lines(listed.path());
        assert_eq!(lines, ["hvc0", "ttyAMA0", "ttyS1"]);
        assert_eq!(names("tty0 ttyS1", &lines), ["tty1", "ttyS1", "hvc0", "ttyAMA0"]);
    }

    #[test]
    fn nothing_that_is_shown_commands_a_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\u{7}\u{9b}c\u{202e}ü…"), "a?[2Jb??c??...");
    }
}
