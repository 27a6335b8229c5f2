//! Where the runner looks: everything lies below one root, so that a test can bring a machine of its own.

use rustix::fs::OFlags;
use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Where the medium is mounted.
pub const MEDIUM: &str = "/run/forge/medium";
/// The most bytes of a file that is read whole: answers, signatures, certificates.
const MOST_BYTES: u64 = 1 << 20;

/// The machine that the runner is on.
#[derive(Debug, Clone)]
pub struct Place {
    root: PathBuf,
    credentials: Option<PathBuf>,
}

impl Place {
    /// Below a root; the credentials lie where systemd says (`$CREDENTIALS_DIRECTORY`).
    pub fn new(root: &Path) -> Self {
        Self { root: root.into(), credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from) }
    }

    /// A file of this machine by its absolute path.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The bytes of a credential of this unit; nothing if there is none of this name.
    pub fn credential(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(directory) = &self.credentials else { return Ok(None) };
        // systemd's names of credentials are file names; anything else would lead out of the directory.
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if_there(read(&directory.join(name)))
    }

    /// The text of a file of the kernel's, which need not be there.
    pub fn text(&self, path: &str) -> io::Result<Option<String>> {
        if_there(fs::read_to_string(self.at(path)))
    }
}

/// Nothing, where there is no such file.
pub fn if_there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The bytes of a plain file that came from outside: no link is followed, no pipe waited for, and it is bounded.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_on_a_volume_is_not_followed_and_a_pipe_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("answers.toml");
        std::os::unix::fs::symlink("/proc/version", &link).unwrap();
        assert!(read(&link).is_err());
        assert!(read(Path::new("/dev/null")).is_err());
        let plain = directory.path().join("plain");
        fs::write(&plain, "x").unwrap();
        assert_eq!(read(&plain).unwrap(), b"x");
        fs::write(&plain, vec![0; MOST_BYTES as usize + 1]).unwrap();
        assert_eq!(read(&plain).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_credential_is_a_name_and_no_path() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("forge.answers"), "x").unwrap();
        let place = Place { root: "/".into(), credentials: Some(directory.path().into()) };
        assert_eq!(place.credential("forge.answers").unwrap().unwrap(), b"x");
        assert!(place.credential("forge.other").unwrap().is_none());
        for bad in ["", ".", "..", "../x", "/etc/passwd"] {
            assert!(place.credential(bad).is_err(), "{bad}");
        }
        assert!(Place { credentials: None, ..place }.credential("forge.answers").unwrap().is_none());
    }
}
