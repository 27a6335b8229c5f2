//! What an answer file says about an install at which nobody sits.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use toml::Value;

/// How an install goes at which nobody sits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UnattendedAnswers {
    /// What the machine does when all is done.
    #[serde(default)]
    pub exit: Exit,
    /// Where the secrets go that the install makes.
    #[serde(default)]
    pub credentials: CredentialsAnswers,
}

/// What the machine does when an unattended install is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// It starts again: from the medium, if that is still there and the firmware prefers it. Then it would install once more.
    Reboot,
    /// It turns off.
    #[default]
    PowerOff,
    /// It stays as it is.
    Stay,
}

/// Where the secrets go that an unattended install makes: the code that enrolls the key, credentials of services, and a
/// password, if one is made. They are sealed to every recipient and to the passphrase, each of which opens them alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CredentialsAnswers {
    /// Public keys of age that can open them (`age1…`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub age_recipients: Vec<Recipient>,
    /// The passphrase that can open them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<FromCredential>,
    /// Where the sealed file is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave_on: Option<LeaveOn>,
    /// Whether they are shown, open, on the console at the end. Sealed to nobody, they need a machine that stays.
    #[serde(default)]
    pub print: bool,
}

impl CredentialsAnswers {
    /// Whether somebody could open what is sealed.
    pub fn is_sealed_to_somebody(&self) -> bool {
        !self.age_recipients.is_empty() || self.passphrase.is_some()
    }
}

/// Where sealed credentials are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LeaveOn {
    /// On the volume `FORGE-ANSWERS`, whether the answers came from it or not.
    AnswersVolume,
    /// On the EFI system partition of the new system.
    Esp,
}

/// A public key of age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(extend("pattern" = "^age1[0-9a-z]+$"))]
pub struct Recipient(String);

impl Recipient {
    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Recipient {
    /// Looks at the beginning and the characters. Whether it is a key is told by who seals to it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refuse = |reason: &str| {
            let instead = "write the line that 'age-keygen -y' prints; it begins with age1";
            Err(de::Error::custom(format!("{reason}; {instead}")))
        };
        let Ok(Value::String(text)) = Value::deserialize(deserializer) else {
            return refuse("a recipient is text in quotes");
        };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        match text.strip_prefix("age1") {
            Some(rest) if !rest.is_empty() && rest.chars().all(plain) => Ok(Self(text)),
            // A person may have put the secret key here, so it is not repeated.
            _ if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") => {
                refuse("this is a secret key, which has no place in an answer file")
            }
            _ => refuse("this is no recipient of age"),
        }
    }
}

/// A secret that systemd hands over as a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct FromCredential {
    /// The credential's name, such as `forge.seal`.
    pub credential: String,
}

impl<'de> Deserialize<'de> for FromCredential {
    /// Reads `{ credential = "NAME" }`. Whatever else stands there may be the passphrase itself, so it is not repeated.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refuse = |reason: &str| {
            Err(de::Error::custom(format!("{reason}; write {{ credential = 'forge.seal' }} and bring it by that name")))
        };
        let Ok(Value::Table(table)) = Value::deserialize(deserializer) else {
            return refuse("a passphrase is never written in an answer file");
        };
        match table.iter().next() {
            Some((key, Value::String(name))) if key == "credential" && table.len() == 1 => match is_file_name(name) {
                true => Ok(Self { credential: name.clone() }),
                false => refuse("this is no name of a credential"),
            },
            _ => refuse("a passphrase says 'credential', and nothing else"),
        }
    }
}

/// Whether a text is the name of one file: of a credential, or of a file beside the answers.
pub(super) fn is_file_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    (1..=255).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answers, answers::Password};

    const GOOD: &str = r#"version = 1
[disk]
[system]
hostname = "box"
locale = "C.UTF-8"
timezone = "Etc/UTC"
keyboard = { layout = "us" }
[user]
name = "anna"
password = { generate = "passphrase" }
[unattended]
"#;

    fn read(more: &str) -> Result<UnattendedAnswers, String> {
        let answers = Answers::parse(&format!("{GOOD}{more}")).map_err(|fault| fault.to_string())?;
        assert_eq!(Answers::parse(&answers.text()).unwrap(), answers);
        Ok(answers.unattended.unwrap())
    }

    #[test]
    fn a_machine_starts_again_when_nothing_else_is_said() {
        assert_eq!(read(""), Ok(UnattendedAnswers::default()));
        assert_eq!(read("exit = \"power-off\"").unwrap().exit, Exit::PowerOff);
        assert_eq!(UnattendedAnswers::default().exit, Exit::PowerOff);
    }

    #[test]
    fn what_seals_the_secrets_is_read() {
        let read = read(
            "credentials = { age-recipients = [\"age1abc\"], passphrase = { credential = \"forge.seal\" }, \
             leave-on = \"answers-volume\" }",
        );
        let credentials = read.unwrap().credentials;
        assert_eq!(credentials.age_recipients[0].as_str(), "age1abc");
        assert_eq!(credentials.passphrase, Some(FromCredential { credential: "forge.seal".into() }));
        assert_eq!((credentials.leave_on, credentials.print), (Some(LeaveOn::AnswersVolume), false));
    }

    #[test]
    fn a_secret_that_stands_there_is_refused_with_its_place_and_is_not_repeated() {
        for (wrong, says) in [
            ("age-recipients = [\"AGE-SECRET-KEY-1CANARY\"]", "a secret key"),
            ("age-recipients = [\"age-secret-key-1canary\"]", "a secret key"),
            ("age-recipients = [\"age1CANARY\"]", "no recipient"),
            ("age-recipients = [\"ssh-ed25519 canary\"]", "no recipient"),
            ("age-recipients = [7]", "text in quotes"),
            ("passphrase = \"canary\"", "never written"),
            ("passphrase = 31415926", "never written"),
            ("passphrase = { plain = \"canary\" }", "says 'credential'"),
            ("passphrase = { credential = \"canary canary\" }", "no name"),
            ("passphrase = { credential = \"../canary\" }", "no name"),
            ("passphrase = { credential = \"a\", plain = \"canary\" }", "says 'credential'"),
        ] {
            let said = read(&format!("[unattended.credentials]\n{wrong}\n")).unwrap_err();
            assert!(said.starts_with("line 13") && said.contains(says), "{wrong}: {said}");
            assert!(!said.to_lowercase().contains("canary") && !said.contains("31415926"), "{said}");
        }
    }

    #[test]
    fn a_password_may_be_brought_by_a_credential_or_in_a_sealed_file() {
        let with = |password: &str| {
            let toml = GOOD.replace("{ generate = \"passphrase\" }", password);
            Answers::parse(&toml).map(|answers| answers.user.password).map_err(|fault| fault.to_string())
        };
        let credential = with("{ credential = \"forge.password\" }").unwrap();
        assert_eq!(credential, Password::Credential { credential: "forge.password".into() });
        let sealed = with("{ sealed = \"anna.sealed\" }").unwrap();
        assert_eq!(sealed, Password::Sealed { sealed: "anna.sealed".into() });
        assert!(credential.is_brought() && sealed.is_brought());
        for wrong in [
            "{ credential = \"my canary\" }",
            "{ credential = \"\" }",
            "{ credential = 7 }",
            "{ sealed = \"../canary\" }",
            "{ sealed = \"/canary\" }",
            "{ sealed = \".canary\" }",
            "{ sealed = \"canary\", credential = \"canary\" }",
        ] {
            let said = with(wrong).unwrap_err();
            assert!(said.starts_with("line 10") && !said.contains("canary") && said.contains("generate"), "{said}");
        }
    }
}
