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
    /// It starts again.
    #[default]
    Reboot,
    /// It turns off.
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
    /// Whether they are shown, open, on the console at the end.
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
    /// On the volume that the answers came from (`FORGE-ANSWERS`).
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
    /// Looks at the form only. Whether it is a key is told when something is sealed to it.
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
