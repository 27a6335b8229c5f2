//! Files that exist in memory only (memfd): a standard tool can open them, nothing of them reaches a disk.

use rustix::fs::{MemfdFlags, memfd_create};
use std::{
    ffi::CStr,
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    os::fd::{AsFd, BorrowedFd},
};

/// A file in memory with these contents; its name shows in `/proc` and nowhere else.
pub fn file(name: &CStr, contents: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(contents)?;
    Ok(file)
}

/// An empty file in memory of a length; only what is written to it takes room.
pub fn sparse(name: &CStr, length: u64) -> io::Result<File> {
    let file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.set_len(length)?;
    Ok(file)
}

/// A secret in memory that a tool can open as a file; wiped when dropped.
pub struct Hidden {
    file: File,
    length: usize,
}

impl Hidden {
    /// Copies a secret.
    pub fn new(bytes: &[u8]) -> io::Result<Self> {
        Ok(Self { file: file(c"forge-secret", bytes)?, length: bytes.len() })
    }
}

impl AsFd for Hidden {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // The kernel does not clear a page when it is given back, only before it is given out again.
        if self.file.seek(SeekFrom::Start(0)).is_ok() {
            let _ = self.file.write_all(&vec![0; self.length]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_secret_in_memory_is_wiped_when_it_is_dropped() {
        let mut copy = {
            let hidden = Hidden::new(b"secret").unwrap();
            File::from(hidden.as_fd().try_clone_to_owned().unwrap())
        };
        let mut left = Vec::new();
        copy.rewind().unwrap();
        copy.read_to_end(&mut left).unwrap();
        assert_eq!(left, [0; 6]);
    }
}
