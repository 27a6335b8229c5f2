//! Reading an answer file: every refusal names line, column and the fix.

use super::{Answers, ESP_MIB, Generator, Override, Password, unattended::is_file_name};
use crate::issue::nearest;
use serde::{Deserialize, Deserializer, de};
use toml::{Spanned, Value};

/// Why an answer file can not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}{}", .hint.as_ref().map(|h| format!(" {h}")).unwrap_or_default())]
pub struct AnswersError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}

impl AnswersError {
    /// The recipient with this index, from 0, is none: a fault that shows only to who can seal. `toml` is what the answers
    /// were read from.
    pub fn at_recipient(toml: &str, index: usize, reason: String) -> Self {
        #[derive(Deserialize)]
        struct Places {
            unattended: Unattended,
        }
        #[derive(Deserialize)]
        struct Unattended {
            credentials: Credentials,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Credentials {
            age_recipients: Vec<Spanned<String>>,
        }
        let places: Option<Places> = toml::from_str(toml).ok();
        let offset =
            places.and_then(|places| Some(places.unattended.credentials.age_recipients.get(index)?.span().start));
        let (line, column) = place(toml, offset.unwrap_or_default());
        Self { line, column, reason, hint: Some("Write the line that \"age-keygen -y\" prints.".into()) }
    }
}

/// An answer file is short; more than this is a mistake or an attack.
const MOST_BYTES: usize = 1 << 20;

impl Answers {
    /// Reads an answer file.
    pub fn parse(toml: &str) -> Result<Self, AnswersError> {
        let at = |offset: usize, reason: String, hint: Option<String>| {
            let (line, column) = place(toml, offset);
            AnswersError { line, column, reason, hint }
        };
        if toml.len() > MOST_BYTES {
            return Err(at(0, "the file is larger than 1 MiB.".into(), None));
        }
        let answers: Self = toml::from_str(toml).map_err(|e| {
            let (reason, hint) = explain(e.message());
            at(e.span().map_or(0, |s| s.start), reason, hint)
        })?;
        if answers.version != 1 {
            let offset = toml.find("version").unwrap_or(0);
            let reason = format!("this Forge reads version 1, not version {}.", answers.version);
            return Err(at(offset, reason, Some("Write \"version = 1\".".into())));
        }
        if let Some(second) = twice(&answers.overrides) {
            let reason = format!("an override for the serial number \"{}\" stands above already.", second.serial);
            let offset = serial_offset(toml, &answers.overrides, second);
            return Err(at(offset, reason, Some("Write what is different on a machine into one override.".into())));
        }
        Ok(answers)
    }

    /// The text of an answer file that says this.
    pub fn text(&self) -> String {
        toml::to_string(self).expect("answers are plain data")
    }
}

/// The first override whose serial number an earlier one has.
fn twice(overrides: &[Override]) -> Option<&Override> {
    let earlier = |(i, one): &(usize, &Override)| overrides[..*i].iter().any(|other| other.serial == one.serial);
    overrides.iter().enumerate().find(earlier).map(|(_, one)| one)
}

/// Where the serial number of an override stands in the text.
fn serial_offset(toml: &str, overrides: &[Override], one: &Override) -> usize {
    #[derive(Deserialize)]
    struct Places {
        r#override: Vec<Place>,
    }
    #[derive(Deserialize)]
    struct Place {
        serial: Spanned<String>,
    }
    let index = overrides.iter().position(|other| std::ptr::eq(other, one)).unwrap_or_default();
    let places: Option<Places> = toml::from_str(toml).ok();
    places.and_then(|places| places.r#override.get(index).map(|place| place.serial.span().start)).unwrap_or_default()
}

/// Line and column, from 1, of a byte offset.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Turns serde's message into a sentence, and the list of names it carries into the nearest one.
fn explain(message: &str) -> (String, Option<String>) {
    let message = message.trim().replace('`', "\"");
    let quoted: Vec<&str> = message.split('"').skip(1).step_by(2).collect();
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    if let (true, Some((wrong, known))) = (unknown, quoted.split_first()) {
        let hint = match nearest(wrong, known.iter().copied()) {
            Some(near) => format!("Did you mean \"{near}\"?"),
            None => format!("Known here: {}.", known.join(", ")),
        };
        let what = if message.starts_with("unknown field") { "key" } else { "value" };
        return (format!("the {what} \"{wrong}\" is not known here."), Some(hint));
    }
    if let Some(missing) = message.strip_prefix("missing field ") {
        return (format!("the key {missing} is missing."), None);
    }
    // A Rust type says nothing to a person.
    let plain = message.replace("expected i64", "expected a whole number").replace("invalid type: ", "this is the ");
    (format!("{}.", plain.trim_end_matches('.')), None)
}

impl<'de> Deserialize<'de> for Password {
    /// Reads one of `{ generate = "passphrase" }`, `{ ask = true }`, `{ hash = "…" }`, `{ credential = "…" }` and
    /// `{ sealed = "…" }`. Whatever else stands there may be a password that somebody wrote down, so no refusal repeats
    /// it; serde's own would.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refuse = |reason: &str| {
            Err(de::Error::custom(format!(
                "{reason}; write {{ generate = 'passphrase' }}, {{ ask = true }}, \
                 {{ hash = '$6$…' }} with the output of 'openssl passwd -6', {{ credential = 'forge.password' }}, \
                 or {{ sealed = 'FILE' }}"
            )))
        };
        let Ok(Value::Table(table)) = Value::deserialize(deserializer) else {
            return refuse("a password is never written in an answer file");
        };
        match table.iter().next() {
            _ if table.len() > 1 => {
                refuse("a password says one of 'generate', 'ask', 'hash', 'credential' and 'sealed', and nothing else")
            }
            Some((key, Value::String(how))) if key == "generate" && how == "passphrase" => {
                Ok(Self::Generate { generate: Generator::Passphrase })
            }
            Some((key, _)) if key == "generate" => refuse("the only password that can be generated is a passphrase"),
            Some((key, Value::Boolean(true))) if key == "ask" => Ok(Self::Ask { ask: true }),
            Some((key, _)) if key == "ask" => refuse("a password is asked for, or the word does not stand there"),
            Some((key, Value::String(hash))) if key == "hash" => Ok(Self::Hash { hash: hash.clone() }),
            Some((key, _)) if key == "hash" => refuse("the hash of a password is text in quotes"),
            Some((key, Value::String(name))) if key == "credential" && is_file_name(name) => {
                Ok(Self::Credential { credential: name.clone() })
            }
            Some((key, _)) if key == "credential" => {
                refuse("a credential is named by letters, digits, '.', '-' and '_'")
            }
            Some((key, Value::String(name))) if key == "sealed" && is_file_name(name) => {
                Ok(Self::Sealed { sealed: name.clone() })
            }
            Some((key, _)) if key == "sealed" => refuse("a sealed file lies beside the answers and has no directory"),
            _ => refuse("a password says 'generate', 'ask', 'hash', 'credential' or 'sealed'"),
        }
    }
}

/// Takes what opens an encrypted disk: the text itself, wherever it comes from.
pub(super) fn opening<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Password, D::Error> {
    match Password::deserialize(deserializer)? {
        Password::Hash { .. } => Err(de::Error::custom(
            "a hash opens no encrypted disk; write { generate = 'passphrase' }, { ask = true }, \
             { credential = 'forge.disk' }, or { sealed = 'FILE' }",
        )),
        other => Ok(other),
    }
}

/// Takes a size of the EFI system partition within the bounds that the schema names.
pub(super) fn esp_mib<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(asked) = Option::<i64>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match u32::try_from(asked) {
        Ok(mib) if ESP_MIB.contains(&mib) => Ok(Some(mib)),
        _ => {
            let (least, most) = (ESP_MIB.start(), ESP_MIB.end());
            Err(de::Error::custom(format!(
                "an EFI system partition has {least} to {most} MiB, not {asked}; write a number between them, \
                 or leave the key out"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"version = 1

[disk]
erase = "all-data-on-this-disk"

[system]
hostname = "quiet-otter"
locale = "de_DE.UTF-8"
timezone = "Europe/Berlin"
keyboard = { layout = "de" }

[user]
name = "anna"
password = { generate = "passphrase" }
"#;

    fn fault(from: &str, to: &str) -> AnswersError {
        assert!(GOOD.contains(from));
        Answers::parse(&GOOD.replace(from, to)).unwrap_err()
    }

    #[test]
    fn a_good_file_is_read() {
        let answers = Answers::parse(GOOD).unwrap();
        assert_eq!(answers.system.hostname, "quiet-otter");
        assert_eq!(answers.user.password, Password::Generate { generate: Generator::Passphrase });
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_place_and_the_nearest_name() {
        let fault = fault("hostname", "hostnme");
        assert_eq!((fault.line, fault.column), (7, 1));
        assert_eq!(fault.hint.as_deref(), Some("Did you mean \"hostname\"?"));
    }

    #[test]
    fn a_plain_password_is_refused_with_the_fix_and_is_not_repeated() {
        let fault = fault("{ generate = \"passphrase\" }", "\"canary-password\"");
        assert_eq!(fault.line, 14);
        let shown = fault.to_string();
        assert!(shown.contains("generate") && !shown.contains("canary"), "{shown}");
    }

    #[test]
    fn nothing_that_stands_where_a_password_goes_is_repeated() {
        for (wrong, canary) in [
            ("31415926", "31415926"),
            ("3.1415926", "1415926"),
            ("-31415926", "31415926"),
            ("0x31415926", "1415926"),
            ("314159263141592631415926", "314159"),
            ("false", "false"),
            ("1979-05-27", "1979"),
            ("[\"canary\"]", "canary"),
            ("canary", "canary"),
            ("'canary", "canary"),
            ("\"\"\"canary", "canary"),
            ("\"\\canary\"", "canary"),
            ("{ generate = \"canary\" }", "canary"),
            ("{ generate = 31415926 }", "31415926"),
            ("{ generate = { canary = 1 } }", "canary"),
            ("{ hash = 31415926 }", "31415926"),
            ("{ hash = 314159263141592631415926 }", "314159"),
            ("{ hash = false }", "false"),
            ("{ hash = [\"canary\"] }", "canary"),
            ("{ plain = \"canary\" }", "canary"),
            ("{ canary = 1 }", "canary"),
            ("{ canary }", "canary"),
            ("{ generate = \"passphrase\", canary = \"canary\" }", "canary"),
            ("{ generate = \"passphrase\", hash = \"canary\" }", "canary"),
            ("{}", "canary"),
        ] {
            let fault = fault("{ generate = \"passphrase\" }", wrong);
            assert!(fault.line >= 14 && !fault.to_string().contains(canary), "{wrong}: {fault}");
        }
    }

    #[test]
    fn a_hash_is_read_as_it_is() {
        let answers = Answers::parse(&GOOD.replace("{ generate = \"passphrase\" }", "{ hash = \"$6$x\" }")).unwrap();
        assert_eq!(answers.user.password, Password::Hash { hash: "$6$x".into() });
    }

    #[test]
    fn a_hash_is_no_passphrase_of_a_disk_and_is_not_repeated() {
        let with = |wanted: &str| format!("{GOOD}\n[encryption]\npassphrase = {wanted}\n");
        let fault = Answers::parse(&with("{ hash = \"$6$canary\" }")).unwrap_err();
        assert_eq!(fault.line, 17, "{fault}");
        assert!(fault.to_string().contains("opens no encrypted disk") && !fault.to_string().contains("canary"));
        for wanted in ["{ generate = \"passphrase\" }", "{ ask = true }", "{ credential = \"forge.disk\" }"] {
            assert!(Answers::parse(&with(wanted)).unwrap().encryption.is_some());
        }
        assert!(Answers::parse(&format!("{GOOD}\n[encryption]\n")).unwrap_err().to_string().contains("passphrase"));
    }

    #[test]
    fn an_esp_out_of_bounds_is_refused_with_its_place_and_the_bounds() {
        let with = |mib: &str| GOOD.replace("[system]", &format!("esp-mib = {mib}\n\n[system]"));
        for wrong in ["0", "63", "16385", "-64", "4294967360"] {
            let fault = Answers::parse(&with(wrong)).unwrap_err();
            assert_eq!((fault.line, fault.column), (6, 11), "{fault}");
            let said = fault.to_string();
            assert!(
                said.contains("64 to 16384") && said.contains(wrong) && said.contains("leave the key out"),
                "{said}"
            );
        }
        for good in [64, 16384] {
            assert_eq!(Answers::parse(&with(&good.to_string())).unwrap().disk.esp_mib, Some(good));
        }
        assert_eq!(Answers::parse(GOOD).unwrap().disk.esp_mib, None);
    }

    #[test]
    fn a_wrong_type_names_its_line() {
        let fault = fault("\"quiet-otter\"", "7");
        assert_eq!((fault.line, fault.column), (7, 12), "{fault}");
    }

    #[test]
    fn a_wrong_type_is_said_in_words() {
        let fault = fault("[system]", "esp-mib = \"512\"\n[system]");
        assert!(fault.reason.contains("this is the string \"512\", expected a whole number"), "{fault}");
    }

    #[test]
    fn a_missing_key_is_named() {
        let fault = fault("name = \"anna\"\n", "");
        assert!(fault.reason.contains("\"name\""), "{fault}");
    }

    #[test]
    fn another_version_is_refused() {
        assert!(fault("version = 1", "version = 2").to_string().contains("version 1"));
    }

    #[test]
    fn a_wrong_value_names_the_one_that_is_known() {
        let fault = fault("\"all-data-on-this-disk\"", "\"all-data-on-the-disk\"");
        assert_eq!(fault.line, 4, "{fault}");
        assert_eq!(fault.hint.as_deref(), Some("Did you mean \"all-data-on-this-disk\"?"));
    }
}
