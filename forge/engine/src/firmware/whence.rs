//! Reads `WHENCE`, the file of linux-firmware that says where each file comes from and under which terms.
//!
//! Format: the file itself and linux-firmware's own `check_whence.py`. Sections lie between lines of dashes. In a section,
//! `Driver:` names it, `File:` and `RawFile:` name files (`RawFile:` one that must not be compressed), `Link: A -> B` a
//! link, `Licence:` (or `License:`) the terms; everything else is for people. Names can be quoted, or have their spaces
//! escaped by a backslash.

use std::collections::BTreeMap;

/// A line of dashes at least this long parts two sections.
const RULE: usize = 40;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whence {
    /// Its sections that name a file or a link, in order.
    pub sections: Vec<Section>,
}

/// What one driver needs, under the same terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The line that it begins at, from 1.
    pub line: usize,
    /// The drivers, each with the rest of its line.
    pub drivers: Vec<Driver>,
    /// The files.
    pub files: Vec<Named>,
    /// The links.
    pub links: Vec<Link>,
    /// The terms; nothing where a section does not say any.
    pub licence: Option<Licence>,
}

/// A `Driver:` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Driver {
    /// The names before the ` - `, without commas and colons.
    pub names: Vec<String>,
    /// What stands behind it.
    pub title: String,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The line that names it.
    pub line: usize,
    /// Its path below `/usr/lib/firmware`.
    pub path: String,
    /// Whether it is never compressed.
    pub raw: bool,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The line that names it.
    pub line: usize,
    /// Its path below `/usr/lib/firmware`.
    pub path: String,
    /// What it points to, from the directory that it is in.
    pub to: String,
}

/// Terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// The line that they begin at.
    pub line: usize,
    /// The words as they stand there, line by line.
    pub words: String,
    /// The files that hold the text: `See X and Y for details`.
    pub texts: Vec<String>,
}

/// Why a file is no `WHENCE`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenceError {
    /// A line names nothing.
    #[error("WHENCE, line {line}: {keyword} names nothing")]
    Nothing {
        /// Which line.
        line: usize,
        /// The word before the colon.
        keyword: &'static str,
    },
    /// A quotation has no end.
    #[error("WHENCE, line {line}: the quotation has no end")]
    Quotation {
        /// Which line.
        line: usize,
    },
    /// A link has no target.
    #[error("WHENCE, line {line}: a link is written \"Link: NAME -> TARGET\"")]
    Link {
        /// Which line.
        line: usize,
    },
    /// A name leads out of the directory of firmware.
    #[error("WHENCE, line {line}: {path:?} is no path below the directory of firmware")]
    Path {
        /// Which line.
        line: usize,
        /// The name.
        path: String,
    },
    /// A file or link is named in a section without a driver.
    #[error("WHENCE, line {line}: a file is named before any driver")]
    NoDriver {
        /// Which line.
        line: usize,
    },
    /// A file or link is named twice with another meaning.
    #[error("WHENCE, line {line}: {path:?} was a file or another link in line {first}")]
    Twice {
        /// Which line.
        line: usize,
        /// The name.
        path: String,
        /// The line that named it first.
        first: usize,
    },
    /// There is no section with a file.
    #[error("WHENCE names no file at all")]
    Empty,
}

impl Whence {
    /// Reads the text of the file.
    pub fn parse(text: &str) -> Result<Self, WhenceError> {
        let mut reader = Reader::default();
        for (line, text) in (1..).zip(text.lines()) {
            reader.line(line, text)?;
        }
        reader.close();
        match reader.sections.is_empty() {
            true => Err(WhenceError::Empty),
            false => Ok(Self { sections: reader.sections }),
        }
    }

    /// Sections that name files and do not say their terms.
    pub fn without_licence(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| section.licence.is_none())
    }

    /// The sections of a driver, by one of its names.
    pub fn of_driver<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Section> {
        self.sections.iter().filter(move |section| section.is_of_driver(name))
    }

    /// Every name of a driver.
    pub fn drivers(&self) -> impl Iterator<Item = &str> {
        let drivers = self.sections.iter().flat_map(|section| &section.drivers);
        drivers.flat_map(|driver| &driver.names).map(String::as_str)
    }
}

impl Section {
    /// Whether one of its drivers has this name.
    pub fn is_of_driver(&self, name: &str) -> bool {
        let mut names = self.drivers.iter().flat_map(|driver| &driver.names);
        names.any(|known| same_driver(known, name))
    }
}

/// The kernel takes `-` and `_` in names of modules for the same.
pub fn same_driver(a: &str, b: &str) -> bool {
    a.replace('-', "_").eq_ignore_ascii_case(&b.replace('-', "_"))
}

#[derive(Default)]
struct Reader {
    sections: Vec<Section>,
    open: Option<Section>,
    /// Whether the last keyword was `Licence:`, so that lines without one go on with it.
    in_licence: bool,
    /// Where each name was met, and where a link of that name leads.
    seen: BTreeMap<String, (usize, Option<String>)>,
}

impl Reader {
    fn line(&mut self, line: usize, text: &str) -> Result<(), WhenceError> {
        let trimmed = text.trim();
        if trimmed.len() >= RULE && trimmed.bytes().all(|byte| byte == b'-') {
            self.close();
            return Ok(());
        }
        // A keyword stands at the start of its line. What is indented belongs to something else.
        let keyword = ["Driver", "File", "RawFile", "Raw", "Link", "Licence", "License"]
            .into_iter()
            .find_map(|keyword| Some((keyword, text.strip_prefix(keyword)?.strip_prefix(':')?.trim())));
        match keyword {
            Some(("Driver", rest)) => self.driver(line, rest)?,
            Some(("Link", rest)) => self.link(line, rest)?,
            Some(("Licence" | "License", rest)) => {
                self.section(line).licence = Some(match self.open.as_mut().and_then(|open| open.licence.take()) {
                    Some(earlier) => Licence { words: format!("{}\n{rest}", earlier.words), ..earlier },
                    None => Licence { line, words: rest.to_owned(), texts: Vec::new() },
                });
                self.in_licence = true;
                return Ok(());
            }
            Some((keyword, rest)) => self.file(line, keyword, rest)?,
            // `Version:`, `Info:`, `Source:` and the like end a licence as well; prose that holds a colon does not.
            None if self.in_licence && !is_other_keyword(text) => {
                if let Some(licence) = self.open.as_mut().and_then(|open| open.licence.as_mut()) {
                    licence.words = format!("{}\n{}", licence.words, text.trim_end());
                }
                return Ok(());
            }
            None => {}
        }
        if keyword.is_some() || is_other_keyword(text) {
            self.in_licence = false;
        }
        Ok(())
    }

    fn section(&mut self, line: usize) -> &mut Section {
        let new = || Section { line, drivers: vec![], files: vec![], links: vec![], licence: None };
        self.open.get_or_insert_with(new)
    }

    fn driver(&mut self, line: usize, rest: &str) -> Result<(), WhenceError> {
        if rest.is_empty() {
            return Err(WhenceError::Nothing { line, keyword: "Driver:" });
        }
        // "name[ name…] - title", in some sections "name -- title" or "name: title", or a title alone.
        let parted = [" - ", " -- ", ": "].iter().filter_map(|mark| rest.split_once(mark));
        let (names, title) = parted.min_by_key(|(names, _)| names.len()).unwrap_or((rest, ""));
        let plain = |name: &str| name.trim_end_matches([',', ':', '-']).to_owned();
        let names = names.split([' ', ',', '/', '\t']).map(plain).filter(|name| !name.is_empty()).collect();
        self.section(line).drivers.push(Driver { names, title: title.trim().to_owned() });
        Ok(())
    }

    fn file(&mut self, line: usize, keyword: &str, rest: &str) -> Result<(), WhenceError> {
        let raw = keyword != "File";
        let path = name(line, rest, if raw { "RawFile:" } else { "File:" })?;
        self.meet(line, &path, None)?;
        self.with_driver(line)?.files.push(Named { line, path, raw });
        Ok(())
    }

    fn link(&mut self, line: usize, rest: &str) -> Result<(), WhenceError> {
        let (path, to) = rest.split_once(" -> ").ok_or(WhenceError::Link { line })?;
        let (path, to) = (name(line, path, "Link:")?, unquoted(line, to.trim())?);
        if to.is_empty() {
            return Err(WhenceError::Link { line });
        }
        if resolved(&path, &to).is_none() {
            return Err(WhenceError::Path { line, path: to });
        }
        self.meet(line, &path, Some(&to))?;
        self.with_driver(line)?.links.push(Link { line, path, to });
        Ok(())
    }

    /// Two sections can share a file; it can not be two things.
    fn meet(&mut self, line: usize, path: &str, to: Option<&str>) -> Result<(), WhenceError> {
        let is = (line, to.map(str::to_owned));
        let first = self.seen.entry(path.to_owned()).or_insert_with(|| is.clone());
        match first.1 == is.1 {
            true => Ok(()),
            false => Err(WhenceError::Twice { line, path: path.into(), first: first.0 }),
        }
    }

    fn with_driver(&mut self, line: usize) -> Result<&mut Section, WhenceError> {
        let open = self.open.as_mut().filter(|open| !open.drivers.is_empty());
        open.ok_or(WhenceError::NoDriver { line })
    }

    /// Ends a section. One that names no file is an introduction.
    fn close(&mut self) {
        self.in_licence = false;
        if let Some(mut section) = self.open.take()
            && !(section.files.is_empty() && section.links.is_empty())
        {
            if let Some(licence) = &mut section.licence {
                licence.words = licence.words.trim().to_owned();
                licence.texts = texts(&licence.words);
            }
            section.licence = section.licence.filter(|licence| !licence.words.is_empty());
            self.sections.push(section);
        }
    }
}

/// A keyword that means nothing here.
fn is_other_keyword(text: &str) -> bool {
    ["Version:", "Info:", "Source:", "Origin:", "Author:"].iter().any(|keyword| text.starts_with(keyword))
}

/// A name as a line gives it.
fn name(line: usize, rest: &str, keyword: &'static str) -> Result<String, WhenceError> {
    let path = unquoted(line, rest.trim())?;
    if path.is_empty() {
        return Err(WhenceError::Nothing { line, keyword });
    }
    match forge_model::payload::is_firmware_path(&path) {
        true => Ok(path),
        false => Err(WhenceError::Path { line, path }),
    }
}

/// Takes quotation marks away, and backslashes before spaces.
fn unquoted(line: usize, text: &str) -> Result<String, WhenceError> {
    match text.strip_prefix('"') {
        Some(rest) => match rest.split_once('"') {
            Some((inner, "")) => Ok(inner.to_owned()),
            _ => Err(WhenceError::Quotation { line }),
        },
        None => Ok(text.replace("\\ ", " ")),
    }
}

/// Where a link leads, from the top of the directory of firmware; nothing when it leads out of it.
pub fn resolved(link: &str, to: &str) -> Option<String> {
    if to.starts_with('/') {
        return None;
    }
    let mut path: Vec<&str> = link.split('/').collect();
    path.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(path.pop()?),
            part => path.push(part),
        }
    }
    let path = path.join("/");
    forge_model::payload::is_firmware_path(&path).then_some(path)
}

/// The files that a licence points to: words that name one, after "See".
fn texts(words: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    // Some sections name nothing but the file, on a line of its own.
    let alone = words.lines().map(str::trim).filter(|line| !line.contains(' ') && is_licence_file(line));
    found.extend(alone.map(str::to_owned));
    let mut after_see = false;
    for word in words.split_whitespace() {
        let plain = word.trim_matches([',', ';', '(', ')', '"']).trim_end_matches('.');
        after_see |= plain.eq_ignore_ascii_case("see");
        if after_see && is_licence_file(plain) && !found.iter().any(|known| known == plain) {
            found.push(plain.to_owned());
        }
        // A sentence ends what "See" began, but not the dot inside a name.
        if word.ends_with('.') && !is_licence_file(plain) {
            after_see = false;
        }
    }
    found
}

/// Names of licence files, as linux-firmware has them.
fn is_licence_file(word: &str) -> bool {
    let file = word.rsplit('/').next().unwrap_or(word).to_ascii_lowercase();
    let known = ["licence.", "license.", "licence_", "license_", "notice", "copying", "gpl-", "apache-"];
    known.iter().any(|start| file.starts_with(start)) || matches!(file.as_str(), "licence" | "license")
}

#[cfg(test)]
mod tests;
