//! What a client brings to a job, held against what its answers say. Pure.

use forge_dbus::{Error, backend::Secrets};
use forge_engine::{
    credentials::{Brought, DiskBrought, UserPassword},
    luks,
    seal::{RecipientError, SealTo},
};
use forge_model::{
    Answers, Secret,
    answers::{LeaveOn, Password},
    firmware::How,
};

/// Holds what came against what the answers say.
pub fn brought(answers: &Answers, unattended: bool, secrets: Secrets) -> Result<Brought, Error> {
    let password = user_password(answers, secrets.user_password)?;
    let bad = |reason: &str| Err(Error::BadArgument(format!("secrets: {reason}")));
    let wanted = answers.unattended.as_ref().map(|unattended| &unattended.credentials);
    let wanted = wanted.filter(|wanted| wanted.leave_on == Some(LeaveOn::Esp) && wanted.is_sealed_to_somebody());
    let seal = match (wanted, secrets.seal_passphrase) {
        (Some(wanted), passphrase) => {
            if wanted.passphrase.is_some() != passphrase.is_some() {
                return bad("a passphrase to seal with is there when the answers name one, and only then");
            }
            let age = wanted.age_recipients.iter().map(|key| key.as_str().parse()).collect::<Result<_, _>>();
            let age = age.map_err(|error: RecipientError| Error::BadArgument(format!("answers: {error}")))?;
            Some(SealTo { age, passphrase })
        }
        (None, None) => None,
        (None, Some(_)) => return bad("a passphrase to seal with is there, and the answers leave nothing on the ESP"),
    };
    let disk = disk_brought(answers, secrets.disk_passphrase, secrets.recovery_key)?;
    let consent = if unattended { How::Answers } else { How::AtInstall };
    Ok(Brought { password, disk, seal, consent })
}

fn disk_brought(
    answers: &Answers,
    passphrase: Option<Secret>,
    recovery: Option<Secret>,
) -> Result<Option<DiskBrought>, Error> {
    let bad = |reason: &str| Err(Error::BadArgument(format!("secrets: {reason}")));
    let Some(wanted) = &answers.encryption else {
        return match (passphrase, recovery) {
            (None, None) => Ok(None),
            _ => bad("a key of the disk is there, and the answers encrypt nothing"),
        };
    };
    if wanted.passphrase.is_brought() != passphrase.is_some() {
        return bad("a passphrase of the disk is there when the answers say that it is brought along, and only then");
    }
    if recovery.as_ref().is_some_and(|key| !luks::is_recovery_key(key)) {
        return bad("a recovery key is one that RecoveryKey made");
    }
    Ok(Some(DiskBrought { passphrase, recovery }))
}

fn user_password(answers: &Answers, typed: Option<Secret>) -> Result<UserPassword, Error> {
    let bad = |reason: &str| Err(Error::BadArgument(format!("secrets: {reason}")));
    match (&answers.user.password, typed) {
        (Password::Generate { .. }, None) => Ok(UserPassword::Generate),
        (Password::Hash { hash }, None) => Ok(UserPassword::Hash(Secret::new(hash.clone()))),
        (Password::Ask { .. } | Password::Credential { .. } | Password::Sealed { .. }, Some(typed)) => {
            Ok(UserPassword::Typed(typed))
        }
        (Password::Ask { .. } | Password::Credential { .. } | Password::Sealed { .. }, None) => {
            bad("the answers say that the password is brought along, and none is there")
        }
        (Password::Generate { .. } | Password::Hash { .. }, Some(_)) => {
            bad("a password is there, and the answers do not ask for one")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_was_asked_about_came_by_the_answers() {
        let answers = "version = 1\n[disk]\nerase = \"all-data-on-this-disk\"\n[system]\nhostname = \"quiet-otter\"\n\
                       locale = \"de_DE.UTF-8\"\ntimezone = \"Europe/Berlin\"\nkeyboard = { layout = \"de\" }\n\
                       [user]\nname = \"anna\"\nfull-name = \"Anna\"\npassword = { generate = \"passphrase\" }\n";
        let answers = Answers::parse(answers).unwrap();
        let how = |unattended| brought(&answers, unattended, Secrets::default()).unwrap().consent;
        assert_eq!((how(true), how(false)), (How::Answers, How::AtInstall));
    }
}
