//! Makes the bundles that `firmware.toml` asks for, into a directory that `payload.toml` can name.

use super::{
    image::{ImageError, Staged},
    release::{self, ReleaseError},
    select::{self, SelectError},
    source::{Source, Wanted},
};
use crate::{
    payload::sha256_of,
    tool::Tools,
    watch::{Outcome, Watch},
};
use forge_model::{
    firmware::{Bundle, Licence},
    payload::Entry,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// The list of what was made, in the directory of the bundles.
pub const LIST: &str = "firmware.json";
/// The directory of bundles in a payload.
pub const DIRECTORY: &str = "firmware";

/// What was made, and for which system.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Format of this list; 1.
    pub version: u32,
    /// What the bundles' `extension-release` says.
    pub extension_release: String,
    /// The bundles as a manifest names them.
    pub bundles: Vec<Bundle>,
}

/// Why no bundles were made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A file can not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The source or the list is not of this shape.
    #[error("{path}: {reason}")]
    Shape {
        /// Its path.
        path: PathBuf,
        /// Where and what.
        reason: String,
    },
    /// The source is for another Forge.
    #[error("{path} has version {found}; this Forge reads version 1")]
    Version {
        /// Its path.
        path: PathBuf,
        /// The version found.
        found: u32,
    },
    /// Two bundles have one name, or a name is none.
    #[error("[[bundle]] {name:?}: a name is 1 to 64 lower-case letters, digits and \"-\", and another one for each")]
    Name {
        /// The name.
        name: String,
    },
    /// The output directory is there and not empty.
    #[error("{path} is not empty; bundles are made in a new directory")]
    NotEmpty {
        /// Its path.
        path: PathBuf,
    },
    /// The system's tree does not say what is needed.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The files of a bundle were not found.
    #[error("[[bundle]] {name:?}: {source}")]
    Select {
        /// The bundle.
        name: String,
        /// Why.
        source: SelectError,
    },
    /// A bundle's image was not made.
    #[error("[[bundle]] {name:?}: {source}")]
    Image {
        /// The bundle.
        name: String,
        /// Why.
        source: ImageError,
    },
    /// No device of the world would ask for a bundle.
    #[error("[[bundle]] {name:?}: no kernel of {root} has a module for it; name \"modules\" or \"modaliases\"")]
    NoDevice {
        /// The bundle.
        name: String,
        /// The system's tree.
        root: PathBuf,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> MakeError {
    let path = path.to_owned();
    move |source| MakeError::File { path, source }
}

/// Makes everything in the new directory `output`, for the system whose tree is at `root`.
pub fn make(
    tools: &Tools,
    source: &Path,
    root: &Path,
    output: &Path,
    watch: &dyn Watch,
) -> Result<Outcome<Made>, MakeError> {
    let text = fs::read_to_string(source).map_err(at(source))?;
    let wanted: Source =
        toml::from_str(&text).map_err(|e| MakeError::Shape { path: source.into(), reason: e.to_string() })?;
    if wanted.version != 1 {
        return Err(MakeError::Version { path: source.into(), found: wanted.version });
    }
    let mut names = BTreeSet::new();
    for bundle in &wanted.bundles {
        if !forge_model::firmware::is_name(&bundle.name) || !names.insert(&bundle.name) {
            return Err(MakeError::Name { name: bundle.name.clone() });
        }
    }
    if fs::read_dir(output).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(MakeError::NotEmpty { path: output.into() });
    }
    fs::create_dir_all(output).map_err(at(output))?;
    let extension_release = release::extension_release(root)?;
    let base = source.parent().unwrap_or(Path::new("."));
    let mut bundles = Vec::new();
    for bundle in &wanted.bundles {
        match one(tools, &wanted, bundle, base, root, &extension_release, output, watch)? {
            Outcome::Done(bundle) => bundles.push(bundle),
            Outcome::Cancelled => return Ok(Outcome::Cancelled),
        }
    }
    let made = Made { version: 1, extension_release, bundles };
    let mut json = serde_json::to_vec_pretty(&made).unwrap_or_default();
    json.push(b'\n');
    let list = output.join(LIST);
    fs::write(&list, json).map_err(at(&list))?;
    Ok(Outcome::Done(made))
}

#[expect(clippy::too_many_arguments, reason = "the parts of one bundle, for the loop above")]
fn one(
    tools: &Tools,
    source: &Source,
    wanted: &Wanted,
    base: &Path,
    root: &Path,
    extension_release: &str,
    output: &Path,
    watch: &dyn Watch,
) -> Result<Outcome<Bundle>, MakeError> {
    let name = &wanted.name;
    let of_select = |source| MakeError::Select { name: name.clone(), source };
    let of_image = |source| MakeError::Image { name: name.clone(), source };
    let selected = select::select(wanted, &wanted.places(&source.places()), base).map_err(of_select)?;
    let modules = wanted.modules.as_ref().unwrap_or(&wanted.drivers);
    let mut modaliases = release::modaliases(root, modules)?;
    modaliases.extend(wanted.modaliases.iter().cloned());
    if modaliases.is_empty() {
        return Err(MakeError::NoDevice { name: name.clone(), root: root.into() });
    }
    let staged = Staged::new(name, &selected, extension_release).map_err(of_image)?;
    let file = |end: &str| format!("{name}.{end}");
    let image = staged.image(tools, &output.join(file("raw")), watch).map_err(of_image)?;
    let Outcome::Done(root_hash) = image else {
        return Ok(Outcome::Cancelled);
    };
    let text = output.join(file("licence"));
    fs::write(&text, &selected.text).map_err(at(&text))?;
    if wanted.early {
        staged.archive(tools, wanted.kind, &output.join(file("cpio"))).map_err(of_image)?;
    }
    Ok(Outcome::Done(Bundle {
        name: name.clone(),
        title: wanted.title.clone(),
        vendor: wanted.vendor.clone(),
        kind: wanted.kind,
        licence: Licence { id: selected.licence, text: entry(output, &file("licence"))? },
        image: entry(output, &file("raw"))?,
        root_hash,
        files: staged.files,
        modaliases: modaliases.into_iter().collect(),
        without: wanted.without.clone(),
        early: wanted.early.then(|| entry(output, &file("cpio"))).transpose()?,
    }))
}

fn entry(output: &Path, name: &str) -> Result<Entry, MakeError> {
    let path = output.join(name);
    let mut file = File::open(&path).map_err(at(&path))?;
    let size = file.metadata().map_err(at(&path))?.len();
    let sha256 = hex::encode(sha256_of(&mut file).map_err(at(&path))?);
    Ok(Entry { path: format!("{DIRECTORY}/{name}"), size, sha256 })
}

/// Reads the list of a directory that [`make`] made.
pub fn read(directory: &Path) -> Result<Made, MakeError> {
    let path = directory.join(LIST);
    let text = fs::read(&path).map_err(at(&path))?;
    let shape = |e: serde_json::Error| MakeError::Shape { path: path.clone(), reason: e.to_string() };
    let made: Made = serde_json::from_slice(&text).map_err(shape)?;
    match made.version {
        1 => Ok(made),
        found => Err(MakeError::Version { path, found }),
    }
}
