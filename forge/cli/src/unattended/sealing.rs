//! To whom the credentials are sealed, and the passwords that come sealed.

use super::{fault::Fault, place::Place, sources::Found};
use crate::credentials;
use forge_engine::{
    seal::{Kind, Recipient, SealTo, open_with_passphrase},
    tool::Tools,
};
use forge_model::{
    Secret,
    answers::{CredentialsAnswers, Password},
};
use std::{io, str::FromStr, sync::Arc};
use zeroize::Zeroizing;

/// The credential that opens sealed files beside the answers.
const UNSEAL: &str = "forge.unseal";
/// The most bytes of a password or a passphrase.
const LONGEST: usize = 4096;

/// Seals credentials as the answers say.
pub struct Seal(Arc<SealTo>);

impl Seal {
    /// Reads whom the answers name, and tries it once: nothing is erased for secrets that nobody could open.
    pub fn new(place: &Place, wanted: &CredentialsAnswers) -> Result<Self, Fault> {
        let recipient = |text: &str| {
            Recipient::from_str(text).map_err(|error| Fault::NotSealed(format!("{}.", crate::failure::Chain(&error))))
        };
        let age = wanted.age_recipients.iter().map(|one| recipient(one.as_str())).collect::<Result<_, _>>()?;
        let passphrase = wanted.passphrase.as_ref().map(|from| secret(place, &from.credential)).transpose()?;
        let seal = SealTo { age, passphrase };
        if !seal.is_nobody() {
            seal.rehearse(&Tools::default()).map_err(not_sealed)?;
        }
        Ok(Self(Arc::new(seal)))
    }

    /// The passphrase, for the helper, which seals what it leaves on the new disk.
    pub fn passphrase(&self) -> Option<&Secret> {
        self.0.passphrase.as_ref()
    }

    /// Whom it is sealed to; nothing where it is sealed to nobody.
    pub fn to(&self) -> Option<Arc<SealTo>> {
        Some(Arc::clone(&self.0)).filter(|to| !to.is_nobody())
    }
}

fn not_sealed(error: forge_engine::seal::SealError) -> Fault {
    Fault::NotSealed(format!("{}.", crate::failure::Chain(&error)))
}

/// A password that the answers do not hold; nothing where they do, or where one is made.
pub fn password(place: &Place, found: &Found, wanted: &Password) -> Result<Option<Secret>, Fault> {
    match wanted {
        Password::Credential { credential } => secret(place, credential).map(Some),
        Password::Sealed { sealed } => open(place, found, sealed).map(Some),
        Password::Generate { .. } | Password::Hash { .. } | Password::Ask { .. } => Ok(None),
    }
}

fn open(place: &Place, found: &Found, file: &str) -> Result<Secret, Fault> {
    let unused = |reason: String| Fault::Sealed { file: file.into(), reason };
    let bytes = found.sealed.get(file).ok_or_else(|| unused("it does not lie beside the answers.".into()))?;
    if Kind::of(bytes) != Some(Kind::Passphrase) {
        return Err(unused("only a file that was sealed to a passphrase can be opened here.".into()));
    }
    let passphrase = secret(place, UNSEAL)?;
    let text =
        open_with_passphrase(bytes, &passphrase).map_err(|e| unused(format!("{}.", crate::failure::Chain(&e))))?;
    line(&text).map_err(|error| unused(format!("{error}.")))
}

/// A credential of this unit, as one line of text.
fn secret(place: &Place, name: &str) -> Result<Secret, Fault> {
    let failed = |error| Fault::Credential { name: name.into(), error };
    let bytes = place.credential(name).map_err(failed)?.map(Zeroizing::new);
    line(&bytes.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?).map_err(failed)
}

/// One line of text, as `forgectl credentials` takes it. What no keyboard can type is refused now, not after the install.
fn line(bytes: &[u8]) -> io::Result<Secret> {
    str::from_utf8(bytes).map_err(|_| io::Error::other("it is not text"))?;
    let text = credentials::line(bytes).ok_or_else(|| io::Error::other("it is not one line of text"))?;
    if text.len() > LONGEST {
        return Err(io::Error::other(format!("it is longer than {LONGEST} bytes")));
    }
    if text.contains(char::is_control) {
        return Err(io::Error::other("it holds control characters"));
    }
    Ok(Secret::new(text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_and_its_line_feed_is_no_part_of_it() {
        for end in ["", "\n", "\r\n"] {
            assert_eq!(line(format!("correct horse{end}").as_bytes()).unwrap().expose(), "correct horse");
        }
        assert!(line("x".repeat(LONGEST).as_bytes()).is_ok());
        assert!(line("x".repeat(LONGEST + 1).as_bytes()).is_err());
        assert_eq!(line(" spaces stay ".as_bytes()).unwrap().expose(), " spaces stay ");
        for bad in ["", "\n", "\r\n", "two\nlines", "a\0b", "a\tb", "a\u{1b}[2J", "a\u{85}"] {
            assert!(line(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(line(&[0xff]).is_err());
    }
}
