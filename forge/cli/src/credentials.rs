//! `credentials open` and `credentials seal`: files that only some can read.

use crate::{arguments::CredentialsCommand, failure::Failure, output, password};
use forge_engine::{
    seal::{self, Kind, OpenError, Recipient, SealError, SealTo},
    tool::Tools,
};
use forge_model::Secret;
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    str,
};
use zeroize::Zeroizing;

/// More bytes than a passphrase, a password or a list of identities has.
const SMALL: usize = 64 << 10;

/// Runs one of them.
pub fn run(command: CredentialsCommand) -> Result<(), Failure> {
    match command {
        CredentialsCommand::Open { file, passphrase_file, identity } => {
            let text = open(&file, passphrase_file.as_deref(), identity.as_deref())?;
            output::print_bytes(&text)
        }
        CredentialsCommand::Seal { file, output, age_recipient, passphrase_file } => {
            seal(&file, &output, age_recipient, passphrase_file.as_deref())
        }
    }
}

fn open(path: &Path, passphrase: Option<&Path>, identity: Option<&Path>) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let sealed = read(path, seal::SEALED_LIMIT)?;
    let refused = |error| Failure::Open(path.to_owned(), error);
    match (Kind::of(&sealed), identity) {
        (Some(Kind::Age), Some(identity)) => {
            let keys = read(identity, SMALL)?;
            seal::open_with_age(&Tools::default(), &sealed, &keys).map_err(|error| match error {
                OpenError::NoIdentity => Failure::Open(identity.to_owned(), error),
                error => refused(error),
            })
        }
        (Some(Kind::Age), None) => Err(Failure::OpenWith(path.to_owned(), Kind::Age)),
        (Some(Kind::Passphrase), Some(_)) => Err(Failure::OpenWith(path.to_owned(), Kind::Passphrase)),
        // Whatever else is wrong with the file is said before a passphrase is asked for.
        (Some(Kind::Passphrase), None) => {
            seal::check_form(&sealed).map_err(refused)?;
            let passphrase = passphrase.map_or_else(password::passphrase, read_line)?;
            seal::open_with_passphrase(&sealed, &passphrase).map_err(refused)
        }
        (None, _) => Err(refused(OpenError::NotSealed)),
    }
}

fn seal(path: &Path, output: &Path, age: Vec<Recipient>, passphrase: Option<&Path>) -> Result<(), Failure> {
    // Also refused when it is written; this is before anybody types.
    if fs::symlink_metadata(output).is_ok() {
        return Err(Failure::file(output, io::ErrorKind::AlreadyExists.into()));
    }
    let text = match path.as_os_str() == "-" {
        true => read(Path::new("/dev/stdin"), seal::TEXT_LIMIT)?,
        false => read(path, seal::TEXT_LIMIT)?,
    };
    let passphrase = match age.is_empty() {
        true => Some(passphrase.map_or_else(password::new_passphrase, read_line)?),
        false => None,
    };
    let sealed = SealTo { age, passphrase }.seal(&Tools::default(), &text).map_err(Failure::Seal)?;
    // Either age keys or a passphrase: one file.
    let sealed = sealed.into_iter().next().ok_or(Failure::Seal(SealError::Nobody))?;
    let mut file =
        File::options().write(true).create_new(true).mode(0o600).open(output).map_err(|e| Failure::file(output, e))?;
    file.write_all(&sealed.bytes).and_then(|()| file.sync_all()).map_err(|error| {
        // A part of a sealed file is of no use; this one is ours.
        let _ = fs::remove_file(output);
        Failure::file(output, error)
    })
}

/// Reads a file that may be a pipe. The buffer never grows, so that no copy of a secret stays in memory.
fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    File::open(path)
        .and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::file(path, error))?;
    match bytes.len() > limit {
        true => Err(Failure::file(path, io::ErrorKind::FileTooLarge.into())),
        false => Ok(bytes),
    }
}

/// Reads a passphrase: one line, whose end is not part of it.
fn read_line(path: &Path) -> Result<Secret, Failure> {
    let bytes = read(path, SMALL)?;
    line(&bytes).map(|line| Secret::new(line.to_owned())).ok_or_else(|| Failure::NoPassphrase(path.to_owned()))
}

/// The one line of a text, without its end; nothing if it is empty, or not one line.
pub fn line(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    (!text.is_empty() && !text.contains(['\n', '\r', '\0'])).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_one_line_without_its_end() {
        for (bytes, found) in [
            (&b"word"[..], Some("word")),
            (b"word\n", Some("word")),
            (b"word\r\n", Some("word")),
            (b" two words ", Some(" two words ")),
            (b"", None),
            (b"\n", None),
            (b"one\ntwo\n", None),
            (b"word\n\n", None),
            (b"wo\0rd", None),
            (b"\xff", None),
        ] {
            assert_eq!(line(bytes), found, "{bytes:?}");
        }
    }
}
