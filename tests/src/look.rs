//! What other people's tools say about a result: sgdisk, debugfs, mtools, veritysetup, sbverify, openssl.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    marker::PhantomData,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// What a tool said.
pub struct Said {
    /// Whether it ended with 0.
    pub well: bool,
    /// Standard output, then standard error.
    pub text: String,
    /// Standard output alone.
    pub output: Vec<u8>,
}

/// Runs a tool by its name; panics when it is not installed.
pub fn run(tool: &str, args: &[&str]) -> Said {
    said(command(tool, args).stdin(Stdio::null()).output().unwrap())
}

/// Runs a tool that reads `input`.
pub fn run_with(tool: &str, args: &[&str], input: &[u8]) -> Said {
    let mut child =
        command(tool, args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    said(child.wait_with_output().unwrap())
}

/// Where a tool is installed, if it is.
pub fn find(tool: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(|dir| Path::new(dir).join(tool)).into_iter().find(|p| p.is_file())
}

fn command(tool: &str, args: &[&str]) -> Command {
    let mut command = Command::new(find(tool).unwrap_or_else(|| panic!("{tool} is not installed")));
    command.args(args).env("LC_ALL", "C.UTF-8").env("MTOOLS_SKIP_CHECK", "1");
    command
}

fn said(output: Output) -> Said {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Said { well: output.status.success(), text, output: output.stdout }
}

/// Copies a part of a disk into a file of its own.
pub fn part(disk: &Path, offset: u64, size: u64, to: &Path) {
    let (from, to) = (File::open(disk).unwrap(), File::create(to).unwrap());
    to.set_len(size).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    while at < size {
        let n = (size - at).min(1 << 20) as usize;
        from.read_exact_at(&mut buffer[..n], offset + at).unwrap();
        if buffer[..n].iter().any(|byte| *byte != 0) {
            to.write_all_at(&buffer[..n], at).unwrap();
        }
        at += n as u64;
    }
}

/// An ext4 inside a disk, read by debugfs; the disk must stay meanwhile.
pub struct Ext4<'a> {
    image: String,
    disk: PhantomData<&'a Path>,
}

/// A file as debugfs shows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Inode {
    /// "directory", "regular" or "symlink".
    pub kind: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl<'a> Ext4<'a> {
    /// The file system at this offset.
    pub fn at(disk: &'a Path, offset: u64) -> Self {
        Self { image: format!("{}?offset={offset}", disk.display()), disk: PhantomData }
    }

    /// debugfs's answer to one request.
    pub fn ask(&self, request: &str) -> Said {
        run("debugfs", &["-R", request, &self.image])
    }

    /// Kind, mode, owner and group of a path, if it is there.
    pub fn stat(&self, path: &str) -> Option<Inode> {
        let text = self.ask(&format!("stat \"{path}\"")).text;
        let field = |name: &str| {
            let rest = text.split(&format!("{name}:")).nth(1)?;
            rest.split_whitespace().next().map(str::to_owned)
        };
        assert!(text.contains("Inode:") || text.contains("not found"), "{path}: {text}");
        Some(Inode {
            kind: field("Type")?,
            mode: u32::from_str_radix(&field("Mode")?, 8).ok()?,
            uid: field("User")?.parse().ok()?,
            gid: field("Group")?.parse().ok()?,
        })
    }

    /// Contents of a file.
    pub fn read(&self, path: &str) -> String {
        String::from_utf8(self.ask(&format!("cat \"{path}\"")).output).unwrap()
    }

    /// Where a symbolic link leads.
    pub fn link(&self, path: &str) -> String {
        let text = self.ask(&format!("stat \"{path}\"")).text;
        text.split("Fast link dest: \"").nth(1).unwrap_or("").split('"').next().unwrap().to_owned()
    }
}

/// Every file on the FAT at this offset, by its path without a leading slash.
pub fn fat_files(disk: &Path, offset: u64) -> BTreeMap<String, Vec<u8>> {
    let image = format!("{}@@{offset}", disk.display());
    let list = run("mdir", &["-i", &image, "-/", "-b", "::/"]);
    assert!(list.well, "{}", list.text);
    let paths = list.text.lines().map(|line| line.trim().trim_start_matches("::/").to_owned());
    let files = paths.filter(|path| !path.is_empty() && !path.ends_with('/')).map(|path| {
        let read = run("mcopy", &["-i", &image, &format!("::/{path}"), "-"]);
        assert!(read.well, "{path}: {}", read.text);
        (path, read.output)
    });
    files.collect()
}
