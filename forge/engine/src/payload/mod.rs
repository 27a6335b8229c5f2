//! The payload as the engine uses it: nothing is believed before its signature and its hash are checked.

pub mod build;
mod offered;

use crate::openpgp::{self, SignatureError, Signer};
use crate::{
    image::{self, ImageError},
    memory,
    verity::{self, SuperblockError, Trusted, VerityError},
    watch::{Outcome, Unwatched, Watch},
};
use forge_model::{
    Manifest,
    payload::{Entry, ManifestFault},
};
use openssl::hash::{Hasher, MessageDigest};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::Path,
    time::SystemTime,
};

/// Name of the index.
pub const MANIFEST: &str = "manifest.json";
/// Name of its detached OpenPGP signature.
pub const SIGNATURE: &str = "manifest.json.sig";

/// An index is small; more than this is not one.
const MOST_INDEX_BYTES: u64 = 8 << 20;

/// Why a payload is not used.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// A file of it can not be read.
    #[error("{path} can not be read: {source}")]
    Read {
        /// Its path in the payload.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file of it has another length than the signed index says.
    #[error("{path} has {found} bytes, but the signed manifest says {expected}")]
    Size {
        /// Its path in the payload.
        path: String,
        /// Bytes that it has.
        found: u64,
        /// Bytes that it should have.
        expected: u64,
    },
    /// Its index or signature is larger than any real one.
    #[error("{path} has {found} bytes; more than {MOST_INDEX_BYTES} is no index and no signature")]
    TooLarge {
        /// Its path in the payload.
        path: String,
        /// Bytes that it has.
        found: u64,
    },
    /// A file of it is not the one that was signed.
    #[error("{path} is not the file that was signed: its SHA-256 differs from the manifest")]
    Hash {
        /// Its path in the payload.
        path: String,
    },
    /// The signature of the index is not good.
    #[error("{SIGNATURE}: {0}")]
    Signature(#[from] SignatureError),
    /// The index is signed, but makes no sense.
    #[error(transparent)]
    Manifest(#[from] ManifestFault),
    /// The hash tree does not match the signed root hash.
    #[error("{path}: {source}")]
    Tree {
        /// Its path in the payload.
        path: String,
        /// What does not match.
        source: VerityError,
    },
    /// The image's numbers in the manifest fit no hash tree.
    #[error("{path}: {source}")]
    Seal {
        /// Its path in the payload.
        path: String,
        /// What does not fit.
        source: SuperblockError,
    },
    /// A copy was asked to stop.
    #[error("reading {path} was stopped")]
    Stopped {
        /// Its path in the payload.
        path: String,
    },
    /// A block of the image does not match the hash tree.
    #[error("{path}: {source}")]
    Image {
        /// Its path in the payload.
        path: String,
        /// Which block.
        source: ImageError,
    },
}

/// A payload with a good signature, all files of the right length.
pub struct Payload {
    directory: File,
    /// The signed index.
    pub manifest: Manifest,
    /// SHA-256 of the index, in hexadecimal digits.
    pub manifest_sha256: String,
    /// Who signed it.
    pub signer: Signer,
}

impl Payload {
    /// Opens a payload: checks the signature by `trusted` (an OpenPGP certificate), then every file's presence and
    /// length. What the files hold is checked when they are used, by [`Payload::copy`] and [`Payload::tree`].
    pub fn open(path: &Path, trusted: &[u8], now: SystemTime) -> Result<Self, PayloadError> {
        let shown = path.display().to_string();
        let directory = File::open(path).map_err(|source| PayloadError::Read { path: shown, source })?;
        let index = read_small(&directory, MANIFEST)?;
        let signature = read_small(&directory, SIGNATURE)?;
        let signer = openpgp::verify(&index, &signature, trusted, now)?;
        let manifest = Manifest::parse(&index)?;
        let manifest_sha256 = hex::encode(openssl::sha::sha256(&index));
        let payload = Self { directory, manifest, manifest_sha256, signer };
        for entry in payload.manifest.entries() {
            payload.open_entry(entry)?;
        }
        Ok(payload)
    }

    /// The system image, still to be checked block by block.
    pub fn image(&self) -> Result<File, PayloadError> {
        self.open_entry(&self.manifest.image.data)
    }

    /// The hash tree's file and what is trusted of it: checked against the signed root hash.
    pub fn tree(&self, watch: &dyn Watch) -> Result<Outcome<(File, Trusted)>, PayloadError> {
        let image = &self.manifest.image;
        let tree = |source| PayloadError::Tree { path: image.tree.path.clone(), source };
        let file = self.open_entry(&image.tree)?;
        let trusted = Trusted::open(&file, self.verity_parameters()?, image.root_hash, watch).map_err(tree)?;
        Ok(trusted.map(|trusted| (file, trusted)))
    }

    /// How the image is sealed.
    pub fn verity_parameters(&self) -> Result<verity::Parameters, PayloadError> {
        let image = &self.manifest.image;
        let salt = hex::decode(&image.salt).unwrap_or_default();
        verity::Parameters::for_data(image.data.size, salt, *image.uuid.as_bytes())
            .map_err(|source| PayloadError::Seal { path: image.data.path.clone(), source })
    }

    /// A small file's contents, in memory that no other process can change, checked against the index.
    ///
    /// An initrd on a slow stick takes seconds, so it asks between pieces whether to stop.
    pub fn copy(&self, entry: &Entry, watch: &dyn Watch) -> Result<File, PayloadError> {
        copy_checked(self.open_entry(entry)?, entry, watch)
    }

    /// A small file's contents as text.
    pub fn text(&self, entry: &Entry) -> Result<String, PayloadError> {
        let mut text = String::new();
        let read = |source| PayloadError::Read { path: entry.path.clone(), source };
        self.copy(entry, &Unwatched)?.read_to_string(&mut text).map_err(read)?;
        Ok(text)
    }

    /// Checks every byte of every file: what `forgectl payload verify` does.
    pub fn check_everything(&self, watch: &dyn Watch) -> Result<Outcome<()>, PayloadError> {
        for entry in self.manifest.small_entries() {
            match self.copy(entry, watch) {
                Err(PayloadError::Stopped { .. }) => return Ok(Outcome::Cancelled),
                copy => drop(copy?),
            }
        }
        let image = &self.manifest.image;
        let Outcome::Done((tree, trusted)) = self.tree(watch)? else {
            return Ok(Outcome::Cancelled);
        };
        for entry in [&image.data, &image.tree] {
            let read = |source| PayloadError::Read { path: entry.path.clone(), source };
            if hex::encode(sha256_of(&mut self.open_entry(entry)?).map_err(read)?) != entry.sha256 {
                return Err(PayloadError::Hash { path: entry.path.clone() });
            }
        }
        let blocks = |source| PayloadError::Image { path: image.data.path.clone(), source };
        image::check(&self.image()?, &tree, &trusted, watch).map_err(blocks)
    }

    fn open_entry(&self, entry: &Entry) -> Result<File, PayloadError> {
        let file = open_beneath(&self.directory, &entry.path)?;
        let read = |source| PayloadError::Read { path: entry.path.clone(), source };
        let found = file.metadata().map_err(read)?.len();
        if found != entry.size {
            return Err(PayloadError::Size { path: entry.path.clone(), found, expected: entry.size });
        }
        Ok(file)
    }
}

/// Copies what a reader gives into memory that no other process can change, and checks it against the index.
pub(crate) fn copy_checked(mut from: File, entry: &Entry, watch: &dyn Watch) -> Result<File, PayloadError> {
    let read = |source| PayloadError::Read { path: entry.path.clone(), source };
    let mut copy = memory::file(c"forge-payload", b"").map_err(read)?;
    let mut hasher = Hasher::new(MessageDigest::sha256()).map_err(|e| read(e.into()))?;
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        if watch.cancelled() {
            return Err(PayloadError::Stopped { path: entry.path.clone() });
        }
        let n = from.read(&mut buffer).map_err(read)?;
        if n == 0 {
            break;
        }
        size += n as u64;
        if size > entry.size {
            break;
        }
        hasher.update(&buffer[..n]).map_err(|e| read(e.into()))?;
        copy.write_all(&buffer[..n]).map_err(read)?;
    }
    if size != entry.size {
        return Err(PayloadError::Size { path: entry.path.clone(), found: size, expected: entry.size });
    }
    if hex::encode(hasher.finish().map_err(|e| read(e.into()))?) != entry.sha256 {
        return Err(PayloadError::Hash { path: entry.path.clone() });
    }
    copy.rewind().map_err(read)?;
    Ok(copy)
}

/// SHA-256 of everything that a reader gives.
pub(crate) fn sha256_of(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut hasher = Hasher::new(MessageDigest::sha256())?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(hasher.finish()?.to_vec()),
            n => hasher.update(&buffer[..n])?,
        }
    }
}

/// Opens a plain file inside the payload, name by name: a symbolic link or a way out is refused.
///
/// One `openat2` would do the same, but the helper's sandbox has none: systemd's RestrictSUIDSGID= can not look into its
/// arguments, and takes it away.
fn open_beneath(directory: &File, path: &str) -> Result<File, PayloadError> {
    let read = |source| PayloadError::Read { path: path.into(), source };
    let open = |at: &File, name: &str, flags: OFlags| {
        let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        openat(at, name, flags, Mode::empty()).map(File::from).map_err(|e| read(e.into()))
    };
    let names: Vec<&str> = path.split('/').collect();
    if names.iter().any(|name| matches!(*name, "" | "." | "..")) {
        return Err(read(io::Error::new(io::ErrorKind::InvalidInput, "its path leads out of the payload")));
    }
    let mut at = directory.try_clone().map_err(read)?;
    for name in &names[..names.len() - 1] {
        at = open(&at, name, OFlags::DIRECTORY)?;
    }
    let file = open(&at, names[names.len() - 1], OFlags::NONBLOCK)?;
    if !file.metadata().map_err(read)?.is_file() {
        return Err(read(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file")));
    }
    Ok(file)
}

/// Opens a file of a system tree as the running system would: a link stays inside the tree, even an absolute one.
pub(crate) fn open_in_root(root: &Path, path: &str) -> io::Result<File> {
    let root = File::open(root)?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = File::from(openat2(root, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), resolve)?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a plain file"));
    }
    Ok(file)
}

fn read_small(directory: &File, path: &str) -> Result<Vec<u8>, PayloadError> {
    read_index(path, open_beneath(directory, path)?)
}

/// Reads an index or a signature; more than any real one is refused.
pub(crate) fn read_index(path: &str, file: File) -> Result<Vec<u8>, PayloadError> {
    let read = |source| PayloadError::Read { path: path.into(), source };
    let found = file.metadata().map_err(read)?.len();
    if found > MOST_INDEX_BYTES {
        return Err(PayloadError::TooLarge { path: path.into(), found });
    }
    let mut bytes = Vec::new();
    file.take(MOST_INDEX_BYTES).read_to_end(&mut bytes).map_err(read)?;
    Ok(bytes)
}
