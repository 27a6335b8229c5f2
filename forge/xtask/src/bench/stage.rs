//! The files that the contenders work on.
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::contender::{format, output, tool};

/// The salt and the UUID of the trees; the engine's program has the same.
pub const SALT: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
pub const UUID: &str = "07070707-0707-0707-0707-070707070707";

const MIB: u64 = 1 << 20;

/// A directory with an image that cannot be compressed, its tree and its block map.
pub struct Stage {
    directory: PathBuf,
    size: u64,
    /// The engine's program.
    pub program: PathBuf,
    /// The image.
    pub image: PathBuf,
    /// Its tree, made by veritysetup.
    pub tree: PathBuf,
    /// The root hash of that tree.
    pub root: String,
    /// Where contenders make a tree.
    pub other_tree: PathBuf,
    /// The block map of the image.
    pub bmap: PathBuf,
    /// What contenders write.
    pub target: PathBuf,
}

impl Stage {
    /// Makes the files in a new directory below `parent`; the image has `size` MiB.
    pub fn new(parent: &Path, size: u64, program: &Path) -> Result<Self> {
        let directory = parent.join(format!("forge-bench-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let directory = directory.canonicalize()?;
        let path = |name| directory.join(name);
        let mut stage = Self {
            size,
            program: program.to_owned(),
            image: path("image"),
            tree: path("tree"),
            root: String::new(),
            other_tree: path("other-tree"),
            bmap: path("bmap"),
            target: path("target"),
            directory,
        };
        let random = File::open("/dev/urandom")?;
        let mut image = File::create(&stage.image)?;
        io::copy(&mut random.take(size * MIB), &mut image)?;
        image.sync_all()?;
        let said = String::from_utf8(output(format(&stage.image, &stage.tree))?.stdout)?;
        let root = said.lines().find_map(|line| line.strip_prefix("Root hash:"));
        stage.root = root.context("veritysetup told no root hash")?.trim().to_owned();
        let mut create = tool("/usr/bin/bmaptool");
        create.arg("create").arg("-o").args([&stage.bmap, &stage.image]);
        output(create)?;
        Ok(stage)
    }

    /// A target with nothing in it, large enough for image and tree, and a quiet disk.
    pub fn renew_target(&self) -> Result<()> {
        for file in [&self.target, &self.other_tree] {
            if file.exists() {
                fs::remove_file(file)?;
            }
        }
        let target = File::create(&self.target)?;
        target.set_len((self.size + self.size / 100 + 4) * MIB)?;
        target.sync_all()?;
        output(tool("/usr/bin/sync"))?;
        // The image comes from the page cache for everybody.
        io::copy(&mut File::open(&self.image)?, &mut io::sink())?;
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            eprintln!("{} is left behind: {error}", self.directory.display());
        }
    }
}
