//! What the kernel's command line says about answers. On a medium it is a part of what is signed.

use std::path::{Component, Path, PathBuf};

/// The path of the answers on the medium.
const ANSWERS: &str = "forge.answers";
/// The SHA-256 that pins them.
const SHA256: &str = "forge.answers.sha256";
/// A certificate of the medium that may sign answers, by its fingerprint.
const SIGNER: &str = "forge.answers.signer";

/// What it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The answers on the medium.
    pub answers: Option<Pinned>,
    /// Fingerprints of certificates in the medium's `answers-keys`, in capital hexadecimal digits.
    pub signers: Vec<String>,
}

/// A file of the medium that is pinned by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Relative to the medium.
    pub path: PathBuf,
    /// In small hexadecimal digits.
    pub sha256: String,
}

/// Why it is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandLineFault {
    /// A path alone.
    #[error("{ANSWERS}= needs {SHA256}= beside it: a path alone says nothing about what lies there")]
    NoHash,
    /// A hash alone.
    #[error("{SHA256}= needs {ANSWERS}= beside it")]
    NoPath,
    /// A key twice.
    #[error("{0}= stands there more than once")]
    Twice(&'static str),
    /// Not a path on the medium.
    #[error("{ANSWERS}= names a file of the medium, such as /answers.toml, without \"..\" and without quotes")]
    BadPath,
    /// Not a SHA-256.
    #[error("{SHA256}= takes 64 hexadecimal digits (sha256sum prints them)")]
    BadHash,
    /// Not a fingerprint.
    #[error("{SIGNER}= takes the 40 or 64 hexadecimal digits of a fingerprint")]
    BadSigner,
}

impl CommandLine {
    /// Reads a command line. Other keys are other programs'.
    pub fn read(text: &str) -> Result<Self, CommandLineFault> {
        let (mut path, mut hash, mut signers) = (None, None, Vec::new());
        let words = text.split_ascii_whitespace().filter_map(|word| word.split_once('='));
        for (key, value) in words {
            match key {
                ANSWERS => once(ANSWERS, &mut path, value)?,
                SHA256 => once(SHA256, &mut hash, value)?,
                SIGNER if is_hex(value, &[40, 64]) => signers.push(value.to_ascii_uppercase()),
                SIGNER => return Err(CommandLineFault::BadSigner),
                _ => {}
            }
        }
        let answers = match (path, hash) {
            (None, None) => None,
            (Some(_), None) => return Err(CommandLineFault::NoHash),
            (None, Some(_)) => return Err(CommandLineFault::NoPath),
            (Some(_), Some(hash)) if !is_hex(hash, &[64]) => return Err(CommandLineFault::BadHash),
            (Some(path), Some(hash)) => Some(Pinned { path: below(path)?, sha256: hash.to_ascii_lowercase() }),
        };
        Ok(Self { answers, signers })
    }
}

fn once<'a>(key: &'static str, seen: &mut Option<&'a str>, value: &'a str) -> Result<(), CommandLineFault> {
    match seen.replace(value) {
        None => Ok(()),
        Some(_) => Err(CommandLineFault::Twice(key)),
    }
}

fn is_hex(text: &str, lengths: &[usize]) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A path that stays on the medium.
fn below(path: &str) -> Result<PathBuf, CommandLineFault> {
    let inner = Path::new(path.trim_start_matches('/'));
    let plain = |part| matches!(part, Component::Normal(_));
    match inner.components().all(plain) && inner.file_name().is_some() && !path.contains(['"', '\'']) {
        true => Ok(inner.into()),
        false => Err(CommandLineFault::BadPath),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

    #[test]
    fn a_path_with_its_hash_is_taken_and_other_keys_are_not_looked_at() {
        let read = CommandLine::read(&format!(
            "quiet root=/dev/x forge.answers=/fleet/answers.toml forge.answers.sha256={HASH}\n"
        ))
        .unwrap();
        let expected = Pinned { path: "fleet/answers.toml".into(), sha256: HASH.to_ascii_lowercase() };
        assert_eq!(read, CommandLine { answers: Some(expected), signers: Vec::new() });
        assert_eq!(CommandLine::read("quiet forge.answersx=1").unwrap(), CommandLine::default());
    }

    #[test]
    fn a_path_without_its_hash_is_refused_and_so_is_whatever_else_is_not_clear() {
        use CommandLineFault::*;
        let both = format!("forge.answers=/a forge.answers.sha256={HASH}");
        for (text, fault) in [
            ("forge.answers=/a".to_owned(), NoHash),
            (format!("forge.answers.sha256={HASH}"), NoPath),
            (format!("{both} forge.answers=/b"), Twice(ANSWERS)),
            (format!("{both} forge.answers.sha256={HASH}"), Twice(SHA256)),
            (both.replace("=/a", "=/../etc/shadow"), BadPath),
            (both.replace("=/a", "=/"), BadPath),
            (both.replace("=/a", "=\"/a\""), BadPath),
            (both.replace("00112233", "0011223"), BadHash),
            (both.replace("00112233", "0011223g"), BadHash),
            ("forge.answers.signer=ab".to_owned(), BadSigner),
        ] {
            assert_eq!(CommandLine::read(&text), Err(fault), "{text}");
        }
    }

    #[test]
    fn signers_can_be_several() {
        let (one, two) = ("ab".repeat(20), "CD".repeat(32));
        let read = CommandLine::read(&format!("forge.answers.signer={one} forge.answers.signer={two}")).unwrap();
        assert_eq!(read.signers, [one.to_ascii_uppercase(), two]);
    }
}
