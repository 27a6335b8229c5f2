//! What keeps a drive from being taken: a mounted file system, swap in use. Both end when they are dropped.

use super::until;
use crate::look::run;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A mounted ext4.
pub struct Mounted {
    place: TempDir,
}

impl Mounted {
    /// Makes an ext4 on a device node and mounts it.
    pub fn on(node: &str) -> Self {
        tool("mke2fs", &["-q", "-F", "-t", "ext4", node]);
        Self::existing(node)
    }

    /// Mounts the ext4 that is there.
    pub fn existing(node: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        tool("mount", &["-t", "ext4", node, &place.path().display().to_string()]);
        Self { place }
    }

    /// Where it is mounted.
    pub fn place(&self) -> &Path {
        self.place.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = run("umount", &[&self.place.path().display().to_string()]);
    }
}

/// Swap in use, by the whole kernel.
pub struct Swap {
    node: PathBuf,
}

impl Swap {
    /// Makes swap on a device node and uses it.
    pub fn on(node: &str) -> Self {
        tool("mkswap", &[node]);
        tool("swapon", &["--priority=0", node]);
        Self { node: PathBuf::from(node) }
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        let _ = run("swapoff", &[&self.node.display().to_string()]);
    }
}

/// Runs a tool. It is tried again while the device is busy: UDisks2 and the bus close their copies of a descriptor some time
/// after they handed it out.
fn tool(name: &str, arguments: &[&str]) {
    until(name, || {
        let said = run(name, arguments);
        assert!(said.well || said.text.contains("busy") || said.text.contains("in use"), "{name}: {}", said.text);
        said.well.then_some(())
    });
}
