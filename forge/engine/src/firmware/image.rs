//! A bundle as a sealed image: a partition table with an erofs and its hash tree, as systemd-dissect(1) opens it.
//!
//! Nothing in it depends on where, when or by whom it was made: the same files give the same bytes.

use super::{extension, select::Selected};
use crate::{
    payload::{open_in_root, sha256_of},
    tool::{Run, ToolError, Tools},
    verity::{self, SuperblockError, VerityError},
    watch::{Outcome, Watch},
};
use forge_model::{
    RootHash,
    answers::Way,
    firmware::{BundledFile, Kind},
    layout::Role,
};
use gptman::{GPT, GPTPartitionEntry};
use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use uuid::Uuid;

const SECTOR: u64 = 512;
/// Blocks of erofs and of the hash tree; both parts begin and end at a multiple.
const BLOCK: u64 = 4096;
/// The first part begins behind the table: 34 sectors, rounded up.
const FIRST: u64 = 5 * BLOCK;
/// The second copy of the table.
const BACKUP: u64 = 33 * SECTOR;
/// Where firmware lies in a system.
const FIRMWARE: &str = "usr/lib/firmware";
/// Where the kernel looks for microcode in an archive (Documentation/arch/x86/microcode.rst): one file for each vendor.
const MICROCODE: [(&str, &str, &str); 2] = [
    ("intel-ucode/", "", "kernel/x86/microcode/GenuineIntel.bin"),
    ("amd-ucode/", ".bin", "kernel/x86/microcode/AuthenticAMD.bin"),
];

/// Why an image was not made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file can not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A tool failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The image can not be sealed.
    #[error("the image can not be sealed: {0}")]
    Verity(#[from] VerityError),
    /// The image can not be sealed.
    #[error("the image can not be sealed: {0}")]
    Seal(#[from] SuperblockError),
    /// The partition table can not be made.
    #[error("the partition table can not be made: {0}")]
    Table(#[from] gptman::Error),
    /// Microcode that is not where the kernel's early loader would find it.
    #[error("it is for the processor, but has no file in intel-ucode/ or amd-ucode/")]
    NoMicrocode,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ImageError {
    let path = path.to_owned();
    move |source| ImageError::File { path, source }
}

/// The tree of an extension, in a directory of its own.
pub struct Staged {
    scratch: tempfile::TempDir,
    /// Every file and link by its path below `/usr/lib/firmware`, as a driver reads it.
    pub files: Vec<BundledFile>,
}

impl Staged {
    /// Lays the files out.
    pub fn new(name: &str, selected: &Selected, extension_release: &str) -> Result<Self, ImageError> {
        let scratch = tempfile::tempdir().map_err(at(Path::new("a directory for a bundle's files")))?;
        let root = scratch.path().join("root");
        for path in &selected.files {
            let to = made(&root, &format!("{FIRMWARE}/{path}"))?;
            let mut from = open_in_root(&selected.firmware, path).map_err(at(&selected.firmware.join(path)))?;
            let mut copy = File::create_new(&to).map_err(at(&to))?;
            io::copy(&mut from, &mut copy).map_err(at(&to))?;
        }
        for (path, target) in &selected.links {
            let link = made(&root, &format!("{FIRMWARE}/{path}"))?;
            symlink(target, &link).map_err(at(&link))?;
        }
        let release = format!("usr/lib/extension-release.d/extension-release.{}", extension(name));
        let release = made(&root, &release)?;
        fs::write(&release, extension_release).map_err(at(&release))?;
        plain_modes(&root)?;

        let firmware = root.join(FIRMWARE);
        let describe = |path: &String| {
            let full = firmware.join(path);
            let mut file = File::open(&full).map_err(at(&full))?;
            let size = file.metadata().map_err(at(&full))?.len();
            let sha256 = hex::encode(sha256_of(&mut file).map_err(at(&full))?);
            Ok(BundledFile { path: path.clone(), size, sha256 })
        };
        let mut names: Vec<String> = selected.files.iter().cloned().collect();
        for link in selected.links.keys() {
            let full = firmware.join(link);
            match full.is_dir() {
                false => names.push(link.clone()),
                // Whatever a driver finds through it; a link in there that is a directory itself stands for itself.
                true => {
                    let mut through = Vec::new();
                    collect(&firmware, &full, &mut through)?;
                    names.extend(through.into_iter().filter(|name| !firmware.join(name).is_dir()));
                }
            }
        }
        let mut files: Vec<BundledFile> = names.iter().map(describe).collect::<Result<_, ImageError>>()?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { scratch, files })
    }

    fn root(&self) -> PathBuf {
        self.scratch.path().join("root")
    }

    /// Makes the sealed image.
    pub fn image(&self, tools: &Tools, output: &Path, watch: &dyn Watch) -> Result<Outcome<RootHash>, ImageError> {
        let (erofs, tree) = (self.scratch.path().join("erofs"), self.scratch.path().join("verity"));
        Run::new(tools, &tools.mkfs_erofs)
            .args(["-zlz4hc,9", "-C65536", "-T0", "--all-time", "--all-root", "-x-1", "--quiet", "-Lfirmware"])
            .arg("-U00000000-0000-0000-0000-000000000000")
            .arg(&erofs)
            .arg(self.root())
            .limit(Duration::from_secs(600))
            .run()?;
        let data = File::options().read(true).write(true).open(&erofs).map_err(at(&erofs))?;
        let bytes = data.metadata().map_err(at(&erofs))?.len().next_multiple_of(BLOCK);
        data.set_len(bytes).map_err(at(&erofs))?;
        // Random enough to differ from every other image's, and the same for the same files.
        let salt = sha256_of(&mut &data).map_err(at(&erofs))?;
        let uuid = id(&salt, "hash tree");
        let parameters = verity::Parameters::for_data(bytes, salt.clone(), uuid.into_bytes())?;
        let hashes = File::options().read(true).write(true).create_new(true).open(&tree).map_err(at(&tree))?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let Outcome::Done(root_hash) = verity::build(&data, &parameters, &hashes, threads, watch)? else {
            return Ok(Outcome::Cancelled);
        };
        let hashes_bytes = hashes.metadata().map_err(at(&tree))?.len().next_multiple_of(BLOCK);
        let parts = [
            (Role::RootA, FIRST, bytes, root_hash.data_partition(), &erofs),
            (Role::VerityA, FIRST + bytes, hashes_bytes, root_hash.tree_partition(), &tree),
        ];
        let size = (FIRST + bytes + hashes_bytes + BACKUP).next_multiple_of(BLOCK);
        let mut image = File::options().read(true).write(true).create_new(true).open(output).map_err(at(output))?;
        image.set_len(size).map_err(at(output))?;
        let mut table = GPT::new_from(&mut image, SECTOR, id(&salt, "table").to_bytes_le())?;
        for ((role, offset, length, partition, from), number) in parts.into_iter().zip(1..) {
            table[number] = GPTPartitionEntry {
                partition_type_guid: role.type_id().to_bytes_le(),
                unique_partition_guid: partition.to_bytes_le(),
                starting_lba: offset / SECTOR,
                ending_lba: (offset + length) / SECTOR - 1,
                attribute_bits: role.attributes(Way::WholeDisk),
                partition_name: if role == Role::RootA { "root" } else { "root-verity" }.into(),
            };
            let mut from = File::open(from).map_err(at(from))?;
            io::Seek::seek(&mut image, io::SeekFrom::Start(offset)).map_err(at(output))?;
            io::copy(&mut from, &mut image).map_err(at(output))?;
        }
        GPT::write_protective_mbr_into(&mut image, SECTOR)?;
        table.write_into(&mut image)?;
        Ok(Outcome::Done(root_hash))
    }

    /// Makes the archive of what is needed before the root is mounted: uncompressed, in the form that the kernel reads.
    pub fn archive(&self, tools: &Tools, kind: Kind, output: &Path) -> Result<(), ImageError> {
        let root = match kind {
            Kind::Processor => self.microcode()?,
            _ => {
                let (early, all) = (self.scratch.path().join("early"), self.root().join(FIRMWARE));
                let to = made(&early, FIRMWARE)?;
                fs::rename(&all, &to).map_err(at(&to))?;
                plain_modes(&early)?;
                early
            }
        };
        let mut names = Vec::new();
        collect(&root, &root, &mut names)?;
        names.sort();
        for name in names.iter().rev() {
            let path = root.join(name);
            // A link's own time can not be set by its path; the archive gets none, as it is the same each time here.
            if !path.is_symlink() {
                let times = fs::FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
                File::open(&path).and_then(|file| file.set_times(times)).map_err(at(&path))?;
            }
        }
        let list: String = names.iter().map(|name| format!("{name}\0")).collect();
        let archive = File::options().read(true).write(true).create_new(true).open(output).map_err(at(output))?;
        Run::new(tools, &tools.cpio)
            .args(["--create", "--null", "--format=newc", "--reproducible", "--owner=+0:+0", "--quiet", "--directory"])
            .arg(&root)
            .fd_arg("--file=", &archive)?
            .run_with(|stdin| stdin.write_all(list.as_bytes()))?;
        Ok(())
    }

    /// All updates of a vendor in one file, as the kernel's early loader wants them.
    fn microcode(&self) -> Result<PathBuf, ImageError> {
        let early = self.scratch.path().join("early");
        let mut any = false;
        for (directory, end, archive) in MICROCODE {
            let ours = |file: &&BundledFile| file.path.starts_with(directory) && file.path.ends_with(end);
            let ours: Vec<&BundledFile> = self.files.iter().filter(ours).collect();
            if ours.is_empty() {
                continue;
            }
            any = true;
            let path = made(&early, archive)?;
            let mut all = File::create_new(&path).map_err(at(&path))?;
            for file in ours {
                let from = self.root().join(FIRMWARE).join(&file.path);
                io::copy(&mut File::open(&from).map_err(at(&from))?, &mut all).map_err(at(&path))?;
            }
        }
        plain_modes(&early)?;
        if any { Ok(early) } else { Err(ImageError::NoMicrocode) }
    }
}

/// A path below a root, with the directories above it.
fn made(root: &Path, path: &str) -> Result<PathBuf, ImageError> {
    let path = root.join(path);
    let parent = path.parent().unwrap_or(root);
    fs::create_dir_all(parent).map_err(at(parent))?;
    Ok(path)
}

/// The modes of every system's own files, whatever the umask is here.
fn plain_modes(root: &Path) -> Result<(), ImageError> {
    let mut names = Vec::new();
    if root.exists() {
        collect(root, root, &mut names)?;
        names.push(String::new());
    }
    for path in names.iter().map(|name| root.join(name)).filter(|path| !path.is_symlink()) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(at(&path))?;
    }
    Ok(())
}

/// Every name below a directory, relative to the root.
fn collect(root: &Path, directory: &Path, names: &mut Vec<String>) -> Result<(), ImageError> {
    for entry in fs::read_dir(directory).map_err(at(directory))? {
        let path = entry.map_err(at(directory))?.path();
        names.push(path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned());
        if path.is_dir() && !path.is_symlink() {
            collect(root, &path, names)?;
        }
    }
    Ok(())
}

/// A UUID that follows from the contents (RFC 9562, version 8).
fn id(salt: &[u8], purpose: &str) -> Uuid {
    let hash = openssl::sha::sha256(&[salt, purpose.as_bytes()].concat());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
