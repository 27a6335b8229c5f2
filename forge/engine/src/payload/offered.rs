//! What an image can be set to, read from its own tree: locales, keyboards, time zones.

use crate::tool::{Run, ToolError, Tools};
use forge_model::payload::{Keyboard, Offered};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Why the tree could not be read.
#[derive(Debug, thiserror::Error)]
pub enum OfferedError {
    /// localedef failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A file can not be read.
    #[error("{path} can not be read: {source}")]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Reads everything from the tree at `root`.
pub fn read(tools: &Tools, root: &Path) -> Result<Offered, OfferedError> {
    Ok(Offered { locales: locales(tools, root)?, keyboards: keyboards(root)?, timezones: timezones(root)? })
}

/// The compiled locales: those of the archive, and directories of `/usr/lib/locale`.
fn locales(tools: &Tools, root: &Path) -> Result<Vec<String>, OfferedError> {
    let mut found = BTreeSet::from(["C.UTF-8".to_owned()]);
    if root.join("usr/lib/locale/locale-archive").is_file() {
        let list = Run::new(tools, &tools.localedef).arg("--list-archive").arg("--prefix").arg(root).run()?;
        found.extend(String::from_utf8_lossy(&list).lines().map(canonical));
    }
    for entry in fs::read_dir(root.join("usr/lib/locale")).into_iter().flatten().flatten() {
        if entry.path().join("LC_CTYPE").is_file() {
            found.insert(canonical(&entry.file_name().to_string_lossy()));
        }
    }
    found.retain(|name| name.ends_with(".UTF-8"));
    Ok(found.into_iter().collect())
}

/// glibc writes `de_DE.utf8` where people write `de_DE.UTF-8`.
fn canonical(name: &str) -> String {
    name.trim().replace(".utf8", ".UTF-8")
}

/// The table by which systemd-localed joins XKB layouts and console keymaps; the first line for a layout counts.
fn keyboards(root: &Path) -> Result<Vec<Keyboard>, OfferedError> {
    let path = root.join("usr/share/systemd/kbd-model-map");
    let text = fs::read_to_string(&path).map_err(|source| OfferedError::Read { path, source })?;
    let mut found: Vec<Keyboard> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.split_whitespace();
        let (Some(keymap), Some(layout), Some(_model), Some(variant)) =
            (columns.next(), columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        let variant = if variant == "-" { "" } else { variant };
        if !found.iter().any(|k| k.layout == layout && k.variant == variant) {
            found.push(Keyboard { layout: layout.into(), variant: variant.into(), keymap: keymap.into() });
        }
    }
    found.sort_by(|a, b| (&a.layout, &a.variant).cmp(&(&b.layout, &b.variant)));
    Ok(found)
}

/// Every compiled zone of the tz database that lies in the tree.
fn timezones(root: &Path) -> Result<Vec<String>, OfferedError> {
    let base = root.join("usr/share/zoneinfo");
    let mut found = BTreeSet::new();
    let mut pending = vec![base.clone()];
    while let Some(directory) = pending.pop() {
        let read = |source| OfferedError::Read { path: directory.clone(), source };
        for entry in fs::read_dir(&directory).map_err(read)? {
            let path = entry.map_err(read)?.path();
            let name = path.strip_prefix(&base).unwrap_or(&path).display().to_string();
            if matches!(name.as_str(), "posix" | "right" | "posixrules" | "localtime") {
                continue;
            }
            if path.is_dir() {
                pending.push(path);
            } else if fs::read(&path).is_ok_and(|bytes| bytes.starts_with(b"TZif")) {
                found.insert(name);
            }
        }
    }
    Ok(found.into_iter().collect())
}
