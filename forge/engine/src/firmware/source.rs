//! What a packager asks for: the file `firmware.toml`. Its paths are relative to it.

use forge_model::firmware::Kind;
use serde::Deserialize;
use std::path::PathBuf;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Format of this file; 1.
    pub version: u32,
    /// The directory of the files, for bundles that say nothing else.
    pub firmware: Option<PathBuf>,
    /// The list of files and licences, for bundles that say nothing else.
    pub whence: Option<PathBuf>,
    /// The directory of licences, for bundles that say nothing else.
    pub licences: Option<PathBuf>,
    /// The bundles.
    #[serde(rename = "bundle")]
    pub bundles: Vec<Wanted>,
}

/// Where files, their list and their licences are.
#[derive(Debug, Default, Clone)]
pub struct Places {
    /// The directory of the files: a checkout of linux-firmware, or a `/usr/lib/firmware`.
    pub firmware: Option<PathBuf>,
    /// The list of files and licences. Without one, a bundle names its files and its licence itself.
    pub whence: Option<PathBuf>,
    /// The directory of the licences that the list names; the one that it is in, when left out.
    pub licences: Option<PathBuf>,
}

/// A bundle that is to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Who made the files.
    pub vendor: String,
    /// What it is for.
    pub kind: Kind,
    /// What does not work without it.
    pub without: String,
    /// Its files: those of these drivers in the list.
    #[serde(default)]
    pub drivers: Vec<String>,
    /// Its files: those that fit one of these patterns; together with drivers, both must hold.
    #[serde(default)]
    pub files: Vec<String>,
    /// The kernel modules whose devices want it; the drivers', when left out.
    pub modules: Option<Vec<String>>,
    /// More patterns of devices that want it.
    #[serde(default)]
    pub modaliases: Vec<String>,
    /// Whether it is needed before the root is mounted.
    #[serde(default)]
    pub early: bool,
    /// Its terms, where no list says them.
    pub licence: Option<Given>,
    /// Another directory of files than the others'.
    pub firmware: Option<PathBuf>,
    /// Another list than the others'.
    pub whence: Option<PathBuf>,
    /// Another directory of licences than the others'.
    pub licences: Option<PathBuf>,
}

/// Terms that no list says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// An SPDX id or expression.
    pub id: String,
    /// The files that hold the text.
    pub texts: Vec<PathBuf>,
}

impl Source {
    /// The places for bundles that say nothing else.
    pub fn places(&self) -> Places {
        Places { firmware: self.firmware.clone(), whence: self.whence.clone(), licences: self.licences.clone() }
    }
}

impl Wanted {
    /// Where its files are: its own places, else the others'. Its own list of files goes with its own files.
    pub fn places(&self, others: &Places) -> Places {
        let firmware = self.firmware.clone().or_else(|| others.firmware.clone());
        let own = self.firmware.is_some() || self.whence.is_some();
        let whence = self.whence.clone().or_else(|| others.whence.clone().filter(|_| !own));
        let licences = self.licences.clone().or_else(|| others.licences.clone().filter(|_| !own));
        Places { firmware, whence, licences }
    }
}
