//! Answers and secrets travel as sealed files in memory: nobody can change or shorten one while it is read, reading it
//! never waits, and the bus never holds its contents.

use rustix::{
    fs::{FileType, MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create},
    io::{Errno, pread},
};
use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    os::fd::{AsFd, OwnedFd},
};
use zeroize::Zeroizing;

/// The seals without which a file is not read.
const SEALS: SealFlags = SealFlags::WRITE.union(SealFlags::GROW).union(SealFlags::SHRINK);

/// Why a descriptor is not read.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not a file in memory, or could still be changed.
    #[error("it is not a sealed file in memory (memfd with F_SEAL_WRITE, F_SEAL_GROW and F_SEAL_SHRINK)")]
    NotSealed,
    /// It is longer than anybody would write.
    #[error("it holds more than {most} bytes")]
    TooLong {
        /// The limit.
        most: usize,
    },
    /// It is not UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
    /// The kernel refused to read it.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Makes sure that no program that is started inherits a descriptor; what comes over the bus is inherited otherwise.
pub fn keep_to_ourselves(fd: impl AsFd) -> io::Result<()> {
    Ok(rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?)
}

/// Lets a program that is started next inherit a descriptor, and only what is started while it is open.
pub fn hand_down(fd: impl AsFd) -> io::Result<()> {
    Ok(rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?)
}

/// Puts bytes into a sealed file in memory.
pub fn seal(bytes: &[u8]) -> io::Result<OwnedFd> {
    let fd = memfd_create(c"forge-sealed", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    fcntl_add_seals(&file, SEALS | SealFlags::SEAL)?;
    Ok(file.into())
}

/// Copies a file of at most `most` bytes into a sealed file in memory.
pub fn copy(from: impl Read, most: u64) -> io::Result<OwnedFd> {
    let fd = memfd_create(c"forge-sealed", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(fd);
    if io::copy(&mut from.take(most.saturating_add(1)), &mut file)? > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    file.rewind()?;
    fcntl_add_seals(&file, SEALS | SealFlags::SEAL)?;
    Ok(file.into())
}

/// Whether a descriptor is a plain file in memory that nobody can change any more.
pub fn is_sealed(fd: impl AsFd) -> bool {
    let plain = fstat(&fd).is_ok_and(|about| FileType::from_raw_mode(about.st_mode) == FileType::RegularFile);
    plain && fcntl_get_seals(&fd).is_ok_and(|seals| seals.contains(SEALS))
}

/// Reads a sealed file in memory of at most `most` bytes.
pub fn open(fd: impl AsFd, most: usize) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let about = fstat(&fd).map_err(io::Error::from)?;
    if !is_sealed(&fd) {
        return Err(Refused::NotSealed);
    }
    let length = usize::try_from(about.st_size).unwrap_or(usize::MAX);
    if length > most {
        return Err(Refused::TooLong { most });
    }
    let mut bytes = Zeroizing::new(vec![0; length]);
    let mut at = 0;
    while at < length {
        match pread(&fd, &mut bytes[at..], at as u64) {
            // A sealed file can not shrink.
            Ok(0) => return Err(Refused::NotSealed),
            Ok(n) => at += n,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Refused::Io(errno.into())),
        }
    }
    Ok(bytes)
}

/// Reads text.
pub fn text(fd: impl AsFd, most: usize) -> Result<Zeroizing<String>, Refused> {
    let bytes = open(fd, most)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Refused::NotText),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memfd(bytes: &[u8], seals: SealFlags) -> OwnedFd {
        let mut file = File::from(memfd_create(c"test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap());
        file.write_all(bytes).unwrap();
        fcntl_add_seals(&file, seals).unwrap();
        file.into()
    }

    #[test]
    fn what_was_sealed_is_read_whole() {
        assert_eq!(*open(seal(b"six words").unwrap(), 9).unwrap(), b"six words");
        assert_eq!(*text(seal("Grüße".as_bytes()).unwrap(), 100).unwrap(), "Grüße");
        assert_eq!(*open(seal(b"").unwrap(), 0).unwrap(), b"");
    }

    #[test]
    fn what_could_still_be_changed_is_refused() {
        for seals in [SealFlags::empty(), SealFlags::WRITE, SealFlags::GROW | SealFlags::SHRINK] {
            assert!(matches!(open(memfd(b"x", seals), 10), Err(Refused::NotSealed)), "{seals:?}");
        }
        assert!(matches!(open(File::open("/etc/passwd").unwrap(), 1 << 20), Err(Refused::NotSealed)));
        assert!(matches!(open(File::open("/dev/zero").unwrap(), 1 << 20), Err(Refused::NotSealed)));
        let (reader, _writer) = std::io::pipe().unwrap();
        assert!(matches!(open(reader, 10), Err(Refused::NotSealed)));
    }

    #[test]
    fn what_is_too_long_or_no_text_is_refused() {
        assert!(matches!(open(seal(b"1234").unwrap(), 3), Err(Refused::TooLong { most: 3 })));
        assert!(matches!(text(seal(&[0xff, 0xfe]).unwrap(), 10), Err(Refused::NotText)));
    }
}
