//! QEMU's control socket (QMP): keys, screenshots, quit.
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long QEMU may take to open its socket, and to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to one QEMU.
pub(super) struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects as soon as QEMU listens; `alive` says whether it still runs.
    pub(super) fn connect(socket: &Path, mut alive: impl FnMut() -> bool) -> Result<Self> {
        let end = Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(_) if alive() && Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => return Err(error).context("QEMU did not start"),
            }
        };
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut qmp = Self { stream: BufReader::new(stream) };
        qmp.line()?;
        qmp.ask("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.stream.read_line(&mut line).context("QEMU does not answer")?;
        serde_json::from_str(&line).with_context(|| format!("QEMU answered {line:?}"))
    }

    /// Sends a command and waits for its answer; events are passed over.
    pub(super) fn ask(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let request = json!({ "execute": command, "arguments": arguments });
        writeln!(self.stream.get_mut(), "{request}").context("QEMU has closed its socket")?;
        loop {
            let mut answer = self.line()?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU refused {command}: {error}");
            }
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    /// Presses keys together (QEMU's names, such as `shift` and `a`) for `hold`.
    pub(super) fn press(&mut self, keys: &[&str], hold: Duration) -> Result<()> {
        let keys: Vec<_> = keys.iter().map(|k| json!({ "type": "qcode", "data": k })).collect();
        self.ask("send-key", json!({ "keys": keys, "hold-time": hold.as_millis() as u64 }))?;
        std::thread::sleep(hold);
        Ok(())
    }
}

/// The keys that give a character on a US keyboard, which is what firmware reads.
pub(super) fn keys_of(character: char) -> Result<Vec<String>> {
    let shifted = "!@#$%^&*()_+{}|:\"~<>?".chars().zip("1234567890-=[]\\;'`,./".chars());
    let (base, shift) = match shifted.into_iter().find(|(upper, _)| *upper == character) {
        Some((_, base)) => (base, true),
        None => (character.to_ascii_lowercase(), character.is_ascii_uppercase()),
    };
    let name = match base {
        'a'..='z' | '0'..='9' => base.to_string(),
        ' ' => "spc".into(),
        '-' => "minus".into(),
        '=' => "equal".into(),
        '[' => "bracket_left".into(),
        ']' => "bracket_right".into(),
        '\\' => "backslash".into(),
        ';' => "semicolon".into(),
        '\'' => "apostrophe".into(),
        '`' => "grave_accent".into(),
        ',' => "comma".into(),
        '.' => "dot".into(),
        '/' => "slash".into(),
        other => bail!("{other:?} is not on a US keyboard"),
    };
    Ok(if shift { vec!["shift".into(), name] } else { vec![name] })
}

#[cfg(test)]
mod tests {
    use super::keys_of;

    #[test]
    fn characters_become_the_keys_of_a_us_keyboard() {
        assert_eq!(keys_of('a').unwrap(), ["a"]);
        assert_eq!(keys_of('Q').unwrap(), ["shift", "q"]);
        assert_eq!(keys_of('?').unwrap(), ["shift", "slash"]);
        assert!(keys_of('ß').is_err());
    }
}
