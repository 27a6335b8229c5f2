//! mtools on a FAT file system, in memory or on a disk: nothing is mounted.

use super::EspError;
use crate::{
    memory,
    tool::{Run, ToolError, Tools},
};
use std::{
    fs::File,
    io::{Read, Seek},
    path::PathBuf,
};

/// A FAT file system in a file or on a disk.
#[derive(Clone, Copy)]
pub struct Mtools<'a> {
    tools: &'a Tools,
    image: &'a File,
    offset: u64,
}

impl<'a> Mtools<'a> {
    /// The file system that begins at `offset`.
    pub fn new(tools: &'a Tools, image: &'a File, offset: u64) -> Self {
        Self { tools, image, offset }
    }

    /// A file's contents.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, EspError> {
        let mut bytes = Vec::new();
        self.copy(path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A file's contents as a file in memory.
    pub(super) fn copy(&self, path: &str) -> Result<File, EspError> {
        let mut copy = memory::file(c"forge-esp-file", b"")?;
        self.run(&self.tools.mcopy, &["-n", "-o"])?.arg(format!("::/{path}")).fd_arg("", &copy)?.run()?;
        copy.rewind()?;
        Ok(copy)
    }

    /// The paths of all files, as they are written there.
    pub fn list(&self) -> Result<Vec<String>, EspError> {
        let mut paths = self.paths()?;
        paths.retain(|path| !path.ends_with('/'));
        Ok(paths)
    }

    /// The paths of all files, and of all directories with a slash at their end. What is no text in a name is replaced.
    pub(super) fn paths(&self) -> Result<Vec<String>, EspError> {
        let listed = self.run(&self.tools.mdir, &["-/", "-a", "-b"])?.arg("::/").run()?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        Ok(listed.lines().filter_map(|line| line.strip_prefix("::/")).map(str::to_owned).collect())
    }

    /// Puts a file there.
    pub(super) fn add(&self, path: &str, mut contents: &File) -> Result<(), EspError> {
        contents.rewind()?;
        self.run(&self.tools.mcopy, &[])?.fd_arg("", contents)?.arg(format!("::/{path}")).run()?;
        Ok(())
    }

    /// Makes a directory.
    pub(super) fn mkdir(&self, path: &str) -> Result<(), EspError> {
        self.run(&self.tools.mmd, &[])?.arg(format!("::/{path}")).run()?;
        Ok(())
    }

    /// Its own check of a file system looks at less than `fsck.fat`, and does not take some that are in order.
    fn run(&self, tool: &'a PathBuf, options: &[&str]) -> Result<Run<'a>, ToolError> {
        let run = Run::new(self.tools, tool).env("MTOOLS_SKIP_CHECK", "1").args(options).arg("-i");
        run.fd_arg_between("", self.image, &format!("@@{}", self.offset))
    }
}
