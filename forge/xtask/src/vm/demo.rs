//! What the demo left in its folder: the disk, and what a guest that boots from it must show.
use super::tool::run;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The result of `cargo xtask demo`.
pub(super) struct Demo {
    /// The installed disk.
    pub disk: PathBuf,
    /// The machine's certificate, DER.
    pub certificate: PathBuf,
    /// The pending enrollment, as `virt-fw-vars --set-json` takes it.
    pub variables: PathBuf,
    /// The user's name and generated password.
    pub user: String,
    pub password: String,
    /// The code for MokManager.
    pub mok_code: String,
    /// The secret of the service `forge-demo`.
    pub service_secret: String,
    /// The root hash in the receipt.
    pub root_hash: String,
    /// What the answer file asked for.
    pub hostname: String,
    pub locale: String,
    pub timezone: String,
}

impl Demo {
    /// Reads the folder.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let disk = folder.join("disk.img");
        disk.metadata().with_context(|| format!("{} is missing: run `cargo xtask demo`", disk.display()))?;
        let enrollment = folder.join("enrollment");
        let credentials = json(&folder.join("credentials"))?;
        let receipt = json(&folder.join("receipt.json"))?;
        let answers = folder.join("answers.toml");
        let answers: toml::Table = text(&answers)?.parse().with_context(|| answers.display().to_string())?;
        let answers = serde_json::to_value(answers)?;
        let credential = |path: &str| {
            let value = credentials.pointer(path).and_then(Value::as_str);
            value.map(str::to_owned).with_context(|| format!("the credentials have no {path}"))
        };
        let answer = |name: &str| find(&answers, name).with_context(|| format!("the answers have no {name}"));
        Ok(Self {
            disk,
            certificate: certificate_in(&enrollment)?,
            variables: enrollment.join("variables.json"),
            user: credential("/user/name")?,
            password: credential("/user/password")?,
            mok_code: credential("/mok/code")?,
            service_secret: credential("/services/forge-demo.token")?,
            root_hash: find(&receipt, "root_hash").context("the receipt has no root_hash")?,
            hostname: answer("hostname")?,
            locale: answer("locale")?,
            timezone: answer("timezone")?,
        })
    }

    /// The certificate's SHA-1 fingerprint as `mokutil` prints it.
    pub(super) fn fingerprint(&self) -> Result<String> {
        let sum = run("/usr/bin/sha1sum", &[&self.certificate])?;
        let digits = String::from_utf8(sum)?.chars().take(40).collect::<Vec<_>>();
        let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
        Ok(pairs.collect::<Vec<_>>().join(":"))
    }
}

fn text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{} can not be read", file.display()))
}

fn json(file: &Path) -> Result<Value> {
    serde_json::from_str(&text(file)?).with_context(|| file.display().to_string())
}

/// The one `*.cer` in the folder.
fn certificate_in(folder: &Path) -> Result<PathBuf> {
    let entries = folder.read_dir().with_context(|| folder.display().to_string())?;
    let mut paths = entries.filter_map(|e| Some(e.ok()?.path()));
    let found = paths.find(|p| p.extension().is_some_and(|e| e == "cer"));
    found.with_context(|| format!("{} holds no .cer file", folder.display()))
}

/// The first text under a name, however deep it lies.
fn find(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(fields) => {
            let here = fields.get(name).and_then(Value::as_str).map(str::to_owned);
            here.or_else(|| fields.values().find_map(|v| find(v, name)))
        }
        Value::Array(items) => items.iter().find_map(|v| find(v, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::find;
    use serde_json::json;

    #[test]
    fn a_field_is_found_however_deep_it_lies() {
        let receipt = json!({ "image": [{ "slot": "a" }, { "root_hash": "00ff" }] });
        assert_eq!(find(&receipt, "root_hash").as_deref(), Some("00ff"));
        assert_eq!(find(&receipt, "digest"), None);
    }
}
