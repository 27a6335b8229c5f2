//! The files, links and terms of one bundle, out of what a packager has.

use super::{
    source::{Places, Wanted},
    whence::{self, Section, Whence, WhenceError},
};
use crate::payload::open_in_root;
use forge_model::issue::nearest;
use glob::{MatchOptions, Pattern};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// How a bundle's patterns are read: `*` goes over `/`, as in a list of files of any depth.
const LOOSE: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: false, require_literal_leading_dot: false };

/// Why a bundle's files were not found.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// Nothing says where files are.
    #[error("neither it nor the top of the file says in \"firmware\" where the files are")]
    NoPlace,
    /// Nothing says which files.
    #[error("it names neither drivers nor files")]
    NoFiles,
    /// Drivers without a list.
    #[error("it names drivers, but no \"whence\" says which files those are")]
    NoWhence,
    /// The list can not be used.
    #[error("{path}: {source}")]
    Whence {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: WhenceError,
    },
    /// The list has no such driver.
    #[error("WHENCE has no driver {name:?}{}", .nearest.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default())]
    NoDriver {
        /// The name asked for.
        name: String,
        /// The nearest that it has.
        nearest: Option<String>,
    },
    /// A pattern is none.
    #[error("{pattern:?} is no pattern: {source}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        source: glob::PatternError,
    },
    /// A pattern fits no file.
    #[error("no file fits {pattern:?}")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// A file that the list has is not there.
    #[error("{path} is missing{}", .line.map(|line| format!("; WHENCE names it in line {line}")).unwrap_or_default())]
    Missing {
        /// Its path.
        path: PathBuf,
        /// The line of the list.
        line: Option<usize>,
    },
    /// A file is there under another name, compressed.
    #[error("{path} is compressed; bundles are compressed as a whole, so unpack it before")]
    Compressed {
        /// Its path.
        path: PathBuf,
    },
    /// A file's name can not be one.
    #[error("{path:?} is no path below /usr/lib/firmware")]
    Path {
        /// The name.
        path: String,
    },
    /// A link leads to nothing in the bundle.
    #[error("the link {path} leads to {to}, which is not in the bundle")]
    Link {
        /// Its path.
        path: String,
        /// What it leads to.
        to: String,
    },
    /// The terms are not known.
    #[error("nothing says under which terms its files are{}; name a \"licence\"", .line.map(|line| format!(" (WHENCE, line {line})")).unwrap_or_default())]
    NoLicence {
        /// The line of the list at which a section without terms begins.
        line: Option<usize>,
    },
    /// The text of a licence is missing.
    #[error("the text of the licence {path} is missing: {source}")]
    LicenceText {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file can not be read.
    #[error("{path}: {source}")]
    Read {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What goes into a bundle.
#[derive(Debug)]
pub struct Selected {
    /// The directory that the files are in.
    pub firmware: PathBuf,
    /// The files, by their path below it.
    pub files: BTreeSet<String>,
    /// The links: path, and what they point to from their own directory.
    pub links: BTreeMap<String, String>,
    /// Id of the terms.
    pub licence: String,
    /// Text of the terms.
    pub text: String,
}

/// Finds everything; `base` is the directory that paths are relative to.
pub fn select(wanted: &Wanted, places: &Places, base: &Path) -> Result<Selected, SelectError> {
    let firmware = base.join(places.firmware.as_ref().ok_or(SelectError::NoPlace)?);
    if wanted.drivers.is_empty() && wanted.files.is_empty() {
        return Err(SelectError::NoFiles);
    }
    let patterns: Vec<Pattern> = wanted.files.iter().map(|pattern| compile(pattern)).collect::<Result<_, _>>()?;
    let whence = places.whence.as_ref().map(|path| read_whence(&base.join(path))).transpose()?;
    let (files, links, sections) = match &whence {
        Some(whence) => listed(wanted, &patterns, whence)?,
        None if wanted.drivers.is_empty() => walked(&firmware, &patterns)?,
        None => return Err(SelectError::NoWhence),
    };
    for pattern in &patterns {
        let fits = |path: &String| pattern.matches_with(path, LOOSE);
        if !files.keys().any(fits) && !links.keys().any(fits) {
            return Err(SelectError::NoMatch { pattern: pattern.as_str().into() });
        }
    }
    for (path, line) in &files {
        is_there(&firmware, path, *line)?;
    }
    for (path, to) in &links {
        // Some families of cards share a whole directory by a link.
        let is_in = |target: &String| {
            let below = format!("{target}/");
            let holds = |path: &String| path == target || path.starts_with(&below);
            files.keys().any(holds) || links.keys().filter(|link| *link != path).any(holds)
        };
        let target = whence::resolved(path, to).filter(is_in);
        target.ok_or_else(|| SelectError::Link { path: path.clone(), to: to.clone() })?;
    }
    let beside = places.whence.as_ref().and_then(|path| path.parent()).unwrap_or(Path::new("."));
    let (licence, text) = match &wanted.licence {
        Some(given) => (given.id.clone(), given_text(base, &given.texts)?),
        None => terms(&sections, &base.join(places.licences.as_deref().unwrap_or(beside)))?,
    };
    Ok(Selected { firmware, files: files.into_keys().collect(), links, licence, text })
}

fn compile(pattern: &str) -> Result<Pattern, SelectError> {
    Pattern::new(pattern).map_err(|source| SelectError::Pattern { pattern: pattern.into(), source })
}

fn read_whence(path: &Path) -> Result<Whence, SelectError> {
    let text = fs::read(path).map_err(|source| SelectError::Read { path: path.into(), source })?;
    // People's names in it are not always UTF-8.
    Whence::parse(&String::from_utf8_lossy(&text)).map_err(|source| SelectError::Whence { path: path.into(), source })
}

/// Files with the line that names them, links, and the sections that they are from.
type Listed<'a> = (BTreeMap<String, Option<usize>>, BTreeMap<String, String>, Vec<&'a Section>);

/// Takes the files from the list.
fn listed<'a>(wanted: &Wanted, patterns: &[Pattern], whence: &'a Whence) -> Result<Listed<'a>, SelectError> {
    for name in &wanted.drivers {
        if whence.of_driver(name).next().is_none() {
            let nearest = nearest(name, whence.drivers()).map(str::to_owned);
            return Err(SelectError::NoDriver { name: name.clone(), nearest });
        }
    }
    let is_asked =
        |section: &&Section| wanted.drivers.is_empty() || wanted.drivers.iter().any(|name| section.is_of_driver(name));
    let fits = |path: &str| patterns.is_empty() || patterns.iter().any(|p| p.matches_with(path, LOOSE));
    let (mut files, mut links, mut sections) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for section in whence.sections.iter().filter(is_asked) {
        let before = files.len() + links.len();
        let named = section.files.iter().filter(|file| fits(&file.path));
        files.extend(named.map(|file| (file.path.clone(), Some(file.line))));
        let linked = section.links.iter().filter(|link| fits(&link.path));
        links.extend(linked.map(|link| (link.path.clone(), link.to.clone())));
        if files.len() + links.len() > before {
            sections.push(section);
        }
    }
    Ok((files, links, sections))
}

/// Takes the files from the directory itself.
fn walked<'a>(firmware: &Path, patterns: &[Pattern]) -> Result<Listed<'a>, SelectError> {
    let (mut files, mut links) = (BTreeMap::new(), BTreeMap::new());
    let mut pending = vec![firmware.to_owned()];
    while let Some(directory) = pending.pop() {
        let read = |path: &Path| {
            let path = path.to_owned();
            move |source| SelectError::Read { path, source }
        };
        for entry in fs::read_dir(&directory).map_err(read(&directory))? {
            let entry = entry.map_err(read(&directory))?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(read(&directory))?);
            let name = path.strip_prefix(firmware).unwrap_or(&path).to_string_lossy().into_owned();
            if kind.is_dir() {
                pending.push(path);
            } else if patterns.iter().any(|pattern| pattern.matches_with(&name, LOOSE)) {
                if !forge_model::payload::is_firmware_path(&name) {
                    return Err(SelectError::Path { path: name });
                }
                if kind.is_symlink() {
                    let to = fs::read_link(&path).map_err(read(&path))?;
                    links.insert(name, to.to_string_lossy().into_owned());
                } else {
                    files.insert(name, None);
                }
            }
        }
    }
    Ok((files, links, Vec::new()))
}

/// A file that the list names is a plain file, and not compressed.
fn is_there(firmware: &Path, path: &str, line: Option<usize>) -> Result<(), SelectError> {
    let full = firmware.join(path);
    let packed = |name: &str| [".xz", ".zst", ".gz"].iter().any(|end| name.ends_with(end));
    if packed(path) {
        return Err(SelectError::Compressed { path: full });
    }
    match open_in_root(firmware, path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let beside = ["xz", "zst", "gz"].map(|end| firmware.join(format!("{path}.{end}")));
            match beside.into_iter().find(|path| path.exists()) {
                Some(path) => Err(SelectError::Compressed { path }),
                None => Err(SelectError::Missing { path: full, line }),
            }
        }
        Err(source) => Err(SelectError::Read { path: full, source }),
    }
}

/// Id and text of the terms of all sections that a bundle is from.
fn terms(sections: &[&Section], directory: &Path) -> Result<(String, String), SelectError> {
    let (mut ids, mut texts, mut words) = (Vec::new(), Vec::new(), Vec::new());
    for section in sections {
        let licence = section.licence.as_ref().ok_or(SelectError::NoLicence { line: Some(section.line) })?;
        let drivers: Vec<&str> = section.drivers.iter().flat_map(|driver| &driver.names).map(String::as_str).collect();
        words.push(format!("{}: {}\n", drivers.join(" "), licence.words));
        let of_section: Vec<String> = match licence.texts.as_slice() {
            [] => vec![licence_id(&format!("WHENCE-{}", drivers.first().unwrap_or(&"")))],
            texts => texts.iter().map(|text| licence_id(text)).collect(),
        };
        for id in of_section {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        for text in &licence.texts {
            if !texts.contains(text) {
                texts.push(text.clone());
            }
        }
    }
    if ids.is_empty() {
        return Err(SelectError::NoLicence { line: None });
    }
    let mut all = format!("The terms as WHENCE of linux-firmware says them:\n\n{}", words.join("\n"));
    for text in texts {
        // The texts lie beside the list, or in a directory of their own.
        let names = [text.clone(), format!("LICENSES/{text}")];
        let read = |name: &String| read_text(directory, name);
        let found = names.iter().map(read).find(Result::is_ok).unwrap_or_else(|| read(&text));
        let found = found.map_err(|source| SelectError::LicenceText { path: directory.join(&text), source })?;
        all.push_str(&format!("\n---- {text} ----\n\n{}\n", found.trim_end()));
    }
    Ok((ids.join(" AND "), all))
}

fn given_text(base: &Path, texts: &[PathBuf]) -> Result<String, SelectError> {
    if texts.is_empty() {
        return Err(SelectError::NoLicence { line: None });
    }
    let read = |path: &PathBuf| {
        let path = base.join(path);
        let bytes = fs::read(&path).map_err(|source| SelectError::LicenceText { path, source })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let texts: Vec<String> = texts.iter().map(read).collect::<Result<_, _>>()?;
    Ok(texts.join("\n----\n\n"))
}

fn read_text(directory: &Path, name: &str) -> io::Result<String> {
    let mut bytes = Vec::new();
    open_in_root(directory, name)?.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The SPDX id of a licence file, or one made of its name for a licence that SPDX does not list.
fn licence_id(file: &str) -> String {
    match file.rsplit('/').next().unwrap_or(file) {
        "GPL-2" => return "GPL-2.0-only".into(),
        "GPL-3" => return "GPL-3.0-only".into(),
        "Apache-2" => return "Apache-2.0".into(),
        _ => {}
    }
    let name = ["LICENCE", "LICENSE"].iter().find_map(|start| file.strip_prefix(start)).unwrap_or(file);
    let name = name.trim_start_matches(['.', '_', '-']);
    let name = name.strip_suffix(".txt").unwrap_or(name);
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    format!("LicenseRef-{}", plain.trim_matches('-'))
}

#[cfg(test)]
mod tests;
