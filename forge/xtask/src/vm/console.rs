//! The serial line of a machine: what it says, awaited by regular expression; what we type.
use super::ansi::Ansi;
use anyhow::{Context, Result};
use regex::bytes::Regex;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How much of the text an error shows.
const TAIL: usize = 1500;

/// What the reader thread has seen.
struct Heard {
    /// Text without escapes.
    text: Vec<u8>,
    /// Bytes with escapes: grows when a screen is painted again with the same words.
    bytes: u64,
    /// When the last byte came.
    at: Instant,
    /// The machine has closed the line.
    closed: bool,
}

/// One of the awaited texts.
pub(super) struct Found {
    /// Which of the patterns it was.
    pub which: usize,
    /// The text that matched.
    pub text: String,
    /// The first group of the pattern, or nothing.
    pub group: String,
}

/// Why a wait ended without the text.
pub(super) enum Silence {
    /// The time was over.
    TimedOut,
    /// The machine ended.
    Closed,
}

/// The serial line of one machine.
pub(super) struct Console {
    heard: Arc<(Mutex<Heard>, Condvar)>,
    input: Box<dyn Write>,
    /// Everything before this was matched already.
    read_to: usize,
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Console {
    /// Listens on a thread, so that the machine never waits for us, and keeps all bytes in `log`.
    pub(super) fn new(mut output: impl Read + Send + 'static, input: impl Write + 'static, mut log: File) -> Self {
        let heard = Heard { text: Vec::new(), bytes: 0, at: Instant::now(), closed: false };
        let heard = Arc::new((Mutex::new(heard), Condvar::new()));
        let ours = Arc::clone(&heard);
        std::thread::spawn(move || {
            let (mut ansi, mut buffer) = (Ansi::default(), [0; 65536]);
            loop {
                let length = output.read(&mut buffer).unwrap_or(0);
                let mut heard = lock(&ours.0);
                heard.closed = length == 0;
                heard.bytes += length as u64;
                heard.at = Instant::now();
                ansi.strip(&buffer[..length], &mut heard.text);
                drop(heard);
                ours.1.notify_all();
                if length == 0 || log.write_all(&buffer[..length]).is_err() {
                    return;
                }
            }
        });
        Self { heard, input: Box::new(input), read_to: 0 }
    }

    /// Waits for the first of the patterns in the text after the last match.
    pub(super) fn wait(&mut self, patterns: &[Regex], time: Duration) -> Result<Found, Silence> {
        let end = Instant::now() + time;
        let mut heard = lock(&self.heard.0);
        loop {
            let hits = patterns.iter().enumerate();
            let hits = hits.filter_map(|(i, p)| Some((i, p.captures_at(&heard.text, self.read_to)?)));
            let first = hits.min_by_key(|(_, c)| c.get(0).map_or(0, |m| m.start()));
            if let Some((which, captures)) = first {
                let of = |i| captures.get(i).map_or(Default::default(), |m: regex::bytes::Match| show(m.as_bytes()));
                self.read_to = captures.get(0).map_or(self.read_to, |m| m.end());
                return Ok(Found { which, text: of(0), group: of(1) });
            }
            if heard.closed {
                return Err(Silence::Closed);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Silence::TimedOut);
            }
            heard = self.heard.1.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many bytes came so far.
    pub(super) fn count(&self) -> u64 {
        lock(&self.heard.0).bytes
    }

    /// Waits until more than `count` bytes came and then none for `quiet`; gives up after `time`.
    pub(super) fn settle(&self, count: u64, quiet: Duration, time: Duration) {
        let end = Instant::now() + time;
        let mut heard = lock(&self.heard.0);
        while Instant::now() < end && !heard.closed {
            if heard.bytes > count && heard.at.elapsed() >= quiet {
                return;
            }
            heard = self.heard.1.wait_timeout(heard, quiet).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Types a line.
    pub(super) fn send_line(&mut self, line: &str) -> Result<()> {
        let typed = self.input.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.input.flush());
        typed.context("the machine's serial line is closed")
    }

    /// The last of what the machine said.
    pub(super) fn tail(&self) -> String {
        let text = &lock(&self.heard.0).text;
        show(&text[text.len().saturating_sub(TAIL)..])
    }
}

/// Bytes as text, with one kind of line end.
fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "")
}

#[cfg(test)]
mod tests {
    use super::{Console, Silence};
    use regex::bytes::Regex;
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    fn talk(script: &str) -> (Console, Child) {
        let mut command = Command::new("/bin/sh");
        let mut child = command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let log = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
        let (output, input) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        (Console::new(output, input, log), child)
    }

    fn wait(console: &mut Console, patterns: &[&str], millis: u64) -> Result<(usize, String), bool> {
        let patterns: Vec<_> = patterns.iter().map(|p| Regex::new(p).unwrap()).collect();
        let found = console.wait(&patterns, Duration::from_millis(millis));
        found.map(|f| (f.which, f.group)).map_err(|s| matches!(s, Silence::TimedOut))
    }

    #[test]
    fn the_earliest_of_several_texts_is_found_and_each_only_once() {
        let (mut console, mut child) = talk("printf 'one two'; read -r line; echo \"got $line\"");
        assert_eq!(wait(&mut console, &["(two)", "(one)"], 5000), Ok((1, "one".into())));
        assert_eq!(wait(&mut console, &["(two)", "(one)"], 5000), Ok((0, "two".into())));
        console.send_line("three").unwrap();
        assert_eq!(wait(&mut console, &["got (.*)\n"], 5000), Ok((0, "three".into())));
        child.wait().unwrap();
    }

    #[test]
    fn a_text_that_never_comes_times_out_and_a_machine_that_ends_is_told_apart() {
        let (mut console, mut child) = talk("echo hello; read -r line");
        assert_eq!(wait(&mut console, &["goodbye"], 200), Err(true));
        assert!(console.tail().contains("hello"));
        console.send_line("").unwrap();
        assert_eq!(wait(&mut console, &["goodbye"], 5000), Err(false));
        child.wait().unwrap();
    }
}
