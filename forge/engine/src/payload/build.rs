//! Making a payload: from a system tree (or a finished image with its tree) and a few boot files to a signed index.

use super::{
    MANIFEST, SIGNATURE,
    offered::{self, OfferedError},
    open_in_root, sha256_of,
};
use crate::{
    firmware::{
        make::{self, MakeError},
        release,
    },
    openpgp::{self, SignError},
    tool::{Run, ToolError, Tools},
    verity::{self, SuperblockError, VerityError},
    watch::{Outcome, Watch},
};
use forge_model::{
    Manifest,
    firmware::Bundle,
    payload::{Accounts, Boot, Credential, Entry, Image},
};
use serde::Deserialize;
use std::{
    fs::{self, File},
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use uuid::Uuid;

/// What a payload is made of: the file `payload.toml`; paths are relative to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    version: u32,
    id: String,
    name: String,
    release: String,
    /// The tree of the system.
    root: PathBuf,
    /// A finished read-only image of that tree; made by mkfs.erofs when left out.
    image: Option<PathBuf>,
    #[serde(default = "erofs")]
    file_system: String,
    kernel: PathBuf,
    kernel_release: String,
    initrd: PathBuf,
    command_line: String,
    shim: PathBuf,
    mok_manager: PathBuf,
    fallback: PathBuf,
    grub: PathBuf,
    minimum_state_bytes: u64,
    #[serde(default = "bash")]
    shell: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default, rename = "credential")]
    credentials: Vec<Credential>,
    /// A directory that `forgectl payload firmware` made for this system.
    firmware: Option<PathBuf>,
}

fn erofs() -> String {
    "erofs".into()
}

fn bash() -> String {
    "/bin/bash".into()
}

/// Why no payload was made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file can not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `payload.toml` is not of this shape.
    #[error("{path}: {source}")]
    Source {
        /// Its path.
        path: PathBuf,
        /// Where and what.
        source: Box<toml::de::Error>,
    },
    /// The output directory is there and not empty.
    #[error("{path} is not empty; a payload is made in a new directory")]
    NotEmpty {
        /// Its path.
        path: PathBuf,
    },
    /// A tool failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The tree can not be read.
    #[error(transparent)]
    Offered(#[from] OfferedError),
    /// The image can not be sealed.
    #[error("the image can not be sealed: {0}")]
    Verity(#[from] VerityError),
    /// The image can not be sealed.
    #[error("the image can not be sealed: {0}")]
    Seal(#[from] SuperblockError),
    /// The directory of firmware can not be used.
    #[error(transparent)]
    Firmware(#[from] MakeError),
    /// The firmware was made for another system.
    #[error("{path} was made for another system: it says {found:?}, and this tree {wanted:?}")]
    OtherSystem {
        /// The directory of firmware.
        path: PathBuf,
        /// Its `extension-release`.
        found: String,
        /// The one that this system needs.
        wanted: String,
    },
    /// A file of the directory of firmware was changed since it was made.
    #[error("{path} is not the file that firmware.json names")]
    FirmwareChanged {
        /// Its path.
        path: PathBuf,
    },
    /// The index can not be signed.
    #[error("the manifest can not be signed: {0}")]
    Sign(#[from] SignError),
    /// The result would be refused by an install.
    #[error("the payload would be refused: {0}")]
    Manifest(#[from] forge_model::payload::ManifestFault),
}

/// Makes a payload in the new directory `output`, signed by the release key.
pub fn build(
    tools: &Tools,
    source: &Path,
    release_key: &[u8],
    output: &Path,
    now: SystemTime,
    watch: &dyn Watch,
) -> Result<Outcome<Manifest>, BuildError> {
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| BuildError::File { path, source }
    };
    let text = fs::read_to_string(source).map_err(file(source))?;
    let parsed: Result<Source, _> = toml::from_str(&text);
    let wanted = parsed.map_err(|e| BuildError::Source { path: source.into(), source: Box::new(e) })?;
    let base = source.parent().unwrap_or(Path::new("."));
    if fs::read_dir(output).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(BuildError::NotEmpty { path: output.into() });
    }
    fs::create_dir_all(output.join("accounts")).map_err(file(output))?;
    let root = base.join(&wanted.root);
    let take = |from: PathBuf, name: &str| copy(&from, output, name);

    let image_path = output.join("system.img");
    match &wanted.image {
        Some(image) => {
            fs::copy(base.join(image), &image_path).map_err(file(image))?;
        }
        None => make_erofs(tools, &root, &image_path)?,
    }
    let Outcome::Done(image) = seal(output, &wanted.file_system, watch)? else {
        return Ok(Outcome::Cancelled);
    };
    let in_root = |path: &str, name: &str| match open_in_root(&root, path) {
        Ok(mut from) => write(&mut from, output, name),
        Err(source) => Err(BuildError::File { path: root.join(path), source }),
    };
    let etc = |name: &str| match in_root(&format!("etc/{name}"), &format!("accounts/{name}")) {
        Err(BuildError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            write(&mut io::empty(), output, &format!("accounts/{name}"))
        }
        taken => taken,
    };
    let firmware = match &wanted.firmware {
        Some(from) => bundles(&base.join(from), &root, output)?,
        None => Vec::new(),
    };
    let manifest = Manifest {
        version: wanted.version,
        id: wanted.id,
        name: wanted.name,
        release: wanted.release,
        image,
        boot: Boot {
            kernel: take(base.join(wanted.kernel), "kernel")?,
            kernel_release: wanted.kernel_release,
            initrd: take(base.join(wanted.initrd), "initrd")?,
            command_line: wanted.command_line,
            os_release: in_root("usr/lib/os-release", "os-release")?,
            shim: take(base.join(wanted.shim), "shim.efi")?,
            mok_manager: take(base.join(wanted.mok_manager), "mok-manager.efi")?,
            fallback: take(base.join(wanted.fallback), "fallback.efi")?,
            grub: take(base.join(wanted.grub), "grub.efi")?,
        },
        accounts: Accounts {
            passwd: etc("passwd")?,
            group: etc("group")?,
            shadow: etc("shadow")?,
            gshadow: etc("gshadow")?,
            subuid: etc("subuid")?,
            subgid: etc("subgid")?,
            shell: wanted.shell,
            groups: wanted.groups,
        },
        offered: offered::read(tools, &root)?,
        credentials: wanted.credentials,
        minimum_state_bytes: wanted.minimum_state_bytes,
        firmware,
    };
    let mut index = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
    index.push(b'\n');
    // Whatever is wrong with it is said now, to the one who can mend it.
    let manifest = Manifest::parse(&index)?;
    let signature = openpgp::sign(&index, release_key, now)?;
    write(&mut index.as_slice(), output, MANIFEST)?;
    write(&mut signature.as_slice(), output, SIGNATURE)?;
    Ok(Outcome::Done(manifest))
}

/// Takes the bundles that were made for this system; each file must still be the one that was made.
fn bundles(from: &Path, root: &Path, output: &Path) -> Result<Vec<Bundle>, BuildError> {
    let made = make::read(from)?;
    let wanted = release::extension_release(root).map_err(MakeError::from)?;
    if made.extension_release != wanted {
        return Err(BuildError::OtherSystem { path: from.into(), found: made.extension_release, wanted });
    }
    let place = output.join(make::DIRECTORY);
    fs::create_dir_all(&place).map_err(|source| BuildError::File { path: place, source })?;
    for bundle in &made.bundles {
        for named in [Some(&bundle.image), Some(&bundle.licence.text), bundle.early.as_ref()].into_iter().flatten() {
            let path = from.join(named.path.rsplit('/').next().unwrap_or(&named.path));
            if copy(&path, output, &named.path)? != *named {
                return Err(BuildError::FirmwareChanged { path });
            }
        }
    }
    Ok(made.bundles)
}

/// A compressed read-only image with fixed times, so that two builds of one tree are the same bytes.
fn make_erofs(tools: &Tools, root: &Path, image: &Path) -> Result<(), BuildError> {
    Run::new(tools, &tools.mkfs_erofs)
        .args(["-zlz4hc,9", "-C65536", "-T0", "--all-time", "--quiet", "-Lsystem"])
        .arg("-U00000000-0000-0000-0000-000000000000")
        .arg(image)
        .arg(root)
        .limit(Duration::from_secs(1800))
        .run()?;
    Ok(())
}

/// Makes the hash tree beside the image.
fn seal(output: &Path, file_system: &str, watch: &dyn Watch) -> Result<Outcome<Image>, BuildError> {
    let (data_path, tree_path) = (output.join("system.img"), output.join("system.verity"));
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| BuildError::File { path, source }
    };
    let data = File::options().read(true).write(true).open(&data_path).map_err(file(&data_path))?;
    let bytes = data.metadata().map_err(file(&data_path))?.len();
    data.set_len(bytes.next_multiple_of(4096)).map_err(file(&data_path))?;
    let tree = File::options().read(true).write(true).create_new(true).open(&tree_path).map_err(file(&tree_path))?;
    let salt = Uuid::new_v4().into_bytes().to_vec();
    let uuid = Uuid::new_v4();
    let parameters = verity::Parameters::for_data(bytes.next_multiple_of(4096), salt.clone(), uuid.into_bytes())?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let built = verity::build(&data, &parameters, &tree, threads, watch)?;
    let Outcome::Done(root_hash) = built else {
        return Ok(Outcome::Cancelled);
    };
    Ok(Outcome::Done(Image {
        data: entry(output, "system.img")?,
        tree: entry(output, "system.verity")?,
        file_system: file_system.into(),
        root_hash,
        salt: hex::encode(salt),
        uuid,
        block_size: 4096,
    }))
}

fn copy(from: &Path, output: &Path, name: &str) -> Result<Entry, BuildError> {
    let mut opened = File::open(from).map_err(|source| BuildError::File { path: from.into(), source })?;
    write(&mut opened, output, name)
}

fn write(from: &mut dyn Read, output: &Path, name: &str) -> Result<Entry, BuildError> {
    let path = output.join(name);
    let file = |source| BuildError::File { path: path.clone(), source };
    let mut to = File::create_new(&path).map_err(file)?;
    io::copy(from, &mut to).map_err(file)?;
    entry(output, name)
}

fn entry(output: &Path, name: &str) -> Result<Entry, BuildError> {
    let path = output.join(name);
    let file = |source| BuildError::File { path: path.clone(), source };
    let mut opened = File::open(&path).map_err(file)?;
    opened.rewind().map_err(file)?;
    let sha256 = hex::encode(sha256_of(&mut opened).map_err(file)?);
    Ok(Entry { path: name.into(), size: opened.metadata().map_err(file)?.len(), sha256 })
}
