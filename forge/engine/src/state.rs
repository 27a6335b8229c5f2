//! The state file system: a fresh ext4, made and filled by mke2fs in memory from a tar stream, never mounted.

use crate::{
    memory,
    system::{NodeKind, Tree},
    tool::{Run, ToolError, Tools},
};
use std::{
    fs::File,
    io::{self, Seek, Write},
};
use uuid::Uuid;

/// Why the file system could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// mke2fs failed.
    #[error("the state file system could not be made: {0}")]
    Tool(#[from] ToolError),
    /// Memory or a descriptor failed.
    #[error("the state file system could not be made: {0}")]
    Io(#[from] io::Error),
}

/// Makes the image of an ext4 of `size` bytes with this tree in it; only its written extents take memory.
pub fn image(tools: &Tools, size: u64, tree: &Tree) -> Result<File, StateError> {
    let image = memory::sparse(c"forge-state", size)?;
    Run::new(tools, &tools.mke2fs)
        .args(["-q", "-F", "-t", "ext4", "-b", "4096", "-L", "state", "-m", "1", "-U", &Uuid::new_v4().to_string()])
        // Only the extents of the image reach a disk, and the rest of it may hold anything. So no discard is trusted
        // to have made zeros, and those that a reader relies on are written, not punched as holes. What is left
        // out is not relied on: unused inode tables, and the journal, which has checksums with this file system's UUID.
        .env("UNIX_IO_NOZEROOUT", "1")
        .args(["-O", "metadata_csum"])
        .args(["-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0", "-d", "-"])
        .fd_arg("", &image)?
        .run_with(|stdin| write_tar(tree, stdin))?;
    Ok(image)
}

fn write_tar(tree: &Tree, to: &mut dyn Write) -> io::Result<()> {
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0, |age| age.as_secs());
    let mut tar = tar::Builder::new(to);
    for (path, node) in tree {
        let mut header = tar::Header::new_gnu();
        header.set_mode(node.mode);
        header.set_uid(node.uid.into());
        header.set_gid(node.gid.into());
        header.set_mtime(now);
        match &node.kind {
            NodeKind::Directory => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_size(0);
                tar.append_data(&mut header, format!("{path}/"), io::empty())?;
            }
            NodeKind::File(bytes) => {
                header.set_entry_type(tar::EntryType::Regular);
                header.set_size(bytes.len() as u64);
                tar.append_data(&mut header, path, bytes.as_slice())?;
            }
            NodeKind::Copy(file) => {
                let mut file = file;
                file.rewind()?;
                header.set_entry_type(tar::EntryType::Regular);
                header.set_size(file.metadata()?.len());
                tar.append_data(&mut header, path, file)?;
            }
            NodeKind::Link(to) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_size(0);
                tar.append_link(&mut header, path, to)?;
            }
        }
    }
    tar.finish()
}
