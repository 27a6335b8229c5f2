//! The firmware's variable stores: with Microsoft's keys, with a pending enrollment, without keys.
use super::tool::run;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

const VIRT_FW_VARS: &str = "/usr/bin/virt-fw-vars";
/// Enforces Secure Boot as soon as its variables hold keys.
const CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
/// Microsoft's keys: Secure Boot is enforced.
const MICROSOFT: &str = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";
/// No keys: Secure Boot is off.
const EMPTY: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// Whose a revocation, or a key that is trusted, is: nobody's in particular.
const OWNER: &str = "605dab50-e046-4300-abb6-3dd810dd8b23";

/// A private variable store of one machine.
pub(super) struct Store(PathBuf);

impl Store {
    /// A fresh store with Microsoft's keys: Secure Boot is enforced, nothing is enrolled.
    pub(super) fn microsoft(path: PathBuf) -> Result<Self> {
        Self::copy_of(Path::new(MICROSOFT), path)
    }

    /// A fresh store without keys: Secure Boot is off.
    pub(super) fn without_keys(path: PathBuf) -> Result<Self> {
        Self::copy_of(Path::new(EMPTY), path)
    }

    /// A copy of a store.
    pub(super) fn copy_of(from: &Path, path: PathBuf) -> Result<Self> {
        std::fs::copy(from, &path).with_context(|| format!("{} can not be copied", from.display()))?;
        Ok(Self(path))
    }

    /// Sets variables from the JSON file that the installer writes as `enrollment/variables.json`.
    pub(super) fn set(&self, json: &Path) -> Result<()> {
        run(VIRT_FW_VARS, &[as_str("--inplace"), &self.0, as_str("--set-json"), json])?;
        Ok(())
    }

    /// Lets the firmware trust what this certificate's key has signed, beside Microsoft's.
    pub(super) fn trust(&self, certificate: &Path) -> Result<()> {
        run(VIRT_FW_VARS, &[as_str("--inplace"), &self.0, as_str("--add-db"), as_str(OWNER), certificate])?;
        Ok(())
    }

    /// Revokes an image by its hash.
    pub(super) fn revoke(&self, sha256: &str) -> Result<()> {
        run(VIRT_FW_VARS, &[as_str("--inplace"), &self.0, as_str("--add-dbx-hash"), as_str(OWNER), as_str(sha256)])?;
        Ok(())
    }

    /// Sets shim's own list of the oldest generations that it starts.
    pub(super) fn set_sbat_level(&self, level: &Path) -> Result<()> {
        run(VIRT_FW_VARS, &[as_str("--inplace"), &self.0, as_str("--set-sbat-level"), level])?;
        Ok(())
    }

    /// The boot entries: variable name and content.
    pub(super) fn boot_entries(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let json = self.0.with_extension("json");
        run(VIRT_FW_VARS, &[as_str("-i"), &self.0, as_str("--output-json"), &json])?;
        let content: Value = serde_json::from_slice(&std::fs::read(&json)?)?;
        std::fs::remove_file(&json)?;
        let variables = content["variables"].as_array().context("virt-fw-vars listed no variables")?;
        let entries = variables.iter().filter_map(|v| {
            let name = v["name"].as_str()?;
            let number = name.strip_prefix("Boot")?;
            let is_entry = number.len() == 4 && number.bytes().all(|b| b.is_ascii_hexdigit());
            is_entry.then(|| Some((name.to_owned(), hex::decode(v["data"].as_str()?).ok()?)))?
        });
        Ok(entries.collect())
    }

    /// Whether a boot entry starts shim from a vendor's folder on the ESP.
    pub(super) fn has_shim_entry(&self) -> Result<bool> {
        let shim: Vec<u8> = "\\shimx64.efi".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let entries = self.boot_entries()?;
        let starts_shim = |data: &[u8]| data.to_ascii_lowercase().windows(shim.len()).any(|w| w == shim);
        Ok(entries.iter().any(|(_, data)| starts_shim(data)))
    }

    /// Forgets all boot entries, as a firmware update or an empty battery does.
    pub(super) fn drop_boot_entries(&self) -> Result<()> {
        let mut args = vec!["--inplace".into(), self.0.clone().into_os_string()];
        for (name, _) in self.boot_entries()? {
            args.extend(["--delete".into(), name.into()]);
        }
        args.extend(["--delete".into(), "BootOrder".into()]);
        run(VIRT_FW_VARS, &args)?;
        Ok(())
    }

    /// The file with the variables.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The file with the firmware's code.
    pub(super) fn code(&self) -> &'static Path {
        Path::new(CODE)
    }
}

fn as_str(word: &str) -> &Path {
    Path::new(word)
}
