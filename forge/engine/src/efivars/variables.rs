//! A directory of firmware variables.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use rustix::fs::{IFlags, StatVfsMountFlags, ioctl_getflags, ioctl_setflags, statvfs};
use zeroize::Zeroize;

use super::error::{Action, VariableError};

/// Where the kernel shows the variables of this machine's firmware.
const SYSTEM: &str = "/sys/firmware/efi/efivars";
/// No firmware keeps a longer variable: whole stores have some hundred KiB.
const LONGEST: u64 = 1 << 20;
/// A GUID in the usual spelling.
const GUID_LENGTH: usize = 36;

/// The attributes and the content of a variable.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// As in the UEFI specification, section 8.2.
    pub attributes: u32,
    /// The content.
    pub data: Vec<u8>,
}

/// Does not print the content: `MokAuth` holds a hash from which a code could be searched.
impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, attributes {:#x}", self.data.len(), self.attributes)
    }
}

impl Drop for Variable {
    fn drop(&mut self) {
        self.data.zeroize();
    }
}

/// The variables of a machine's firmware: a directory with a file for each.
#[derive(Debug, Clone)]
pub struct Variables {
    root: PathBuf,
}

impl Default for Variables {
    /// Those of the running machine.
    fn default() -> Self {
        Self::at(SYSTEM)
    }
}

impl Variables {
    /// Those in another directory: what a test has made, or where efivarfs is mounted.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where they lie.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there are any. There are none where the machine was not started by UEFI.
    #[must_use]
    pub fn present(&self) -> bool {
        fs::read_dir(&self.root).is_ok_and(|mut entries| entries.next().is_some())
    }

    /// Whether the directory can be written to: the kernel mounts it read-only where the firmware allows no writing.
    #[must_use]
    pub fn writable(&self) -> bool {
        statvfs(&self.root).is_ok_and(|at| !at.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// The bytes that the kernel lets one write, where it says so.
    ///
    /// efivarfs answers from Linux 6.6 on: blocks of one byte, `f_blocks` for the whole store (nothing where the
    /// firmware does not say), `f_bavail` for what is free without the reserve that the kernel keeps on x86.
    #[must_use]
    pub fn free(&self) -> Option<u64> {
        let at = statvfs(&self.root).ok()?;
        (at.f_blocks > 0).then(|| at.f_bavail.saturating_mul(at.f_frsize.max(1)))
    }

    /// A variable, or nothing where the firmware has none of this name.
    ///
    /// # Errors
    /// When it can not be read, or is no variable.
    pub fn read(&self, name: &str, guid: &str) -> Result<Option<Variable>, VariableError> {
        let failed = |source| VariableError::from_io(name, Action::Read, source);
        let file = match File::open(self.path(name, guid)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mut bytes = Vec::new();
        file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > LONGEST {
            return Err(VariableError::Long(name.to_owned()));
        }
        // A variable that was made and never written: the kernel shows it as an empty file until the next start.
        if bytes.is_empty() {
            return Ok(None);
        }
        let variable = bytes
            .split_first_chunk()
            .map(|(attributes, data)| Variable { attributes: u32::from_le_bytes(*attributes), data: data.to_vec() });
        bytes.zeroize();
        variable.map(Some).ok_or_else(|| VariableError::Short(name.to_owned()))
    }

    /// The names and GUIDs of all variables, in order.
    ///
    /// # Errors
    /// When the directory can not be read.
    pub fn list(&self) -> Result<Vec<(String, String)>, VariableError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(VariableError::List)? {
            let file = entry.map_err(VariableError::List)?.file_name();
            if let Some((name, guid)) = file.to_str().and_then(split) {
                found.push((name.to_owned(), guid.to_owned()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Writes a variable, whether there was one of this name or not.
    ///
    /// The firmware gets attributes and content in one call, so that it holds the old variable or the new one.
    /// The kernel protects variables that it does not know by the immutable flag. It is cleared on this one only, and
    /// set again afterwards, also when the firmware refuses.
    ///
    /// # Errors
    /// When the kernel or the firmware refuses.
    pub fn write(&self, name: &str, guid: &str, variable: &Variable) -> Result<(), VariableError> {
        let path = self.path(name, guid);
        let failed = |source| VariableError::from_io(name, Action::Write, source);
        let flags = unprotect(&path).map_err(|source| VariableError::from_io(name, Action::Unprotect, source))?;
        let mut bytes = Vec::with_capacity(4 + variable.data.len());
        bytes.extend(variable.attributes.to_le_bytes());
        bytes.extend(&variable.data);
        let written = write_once(&path, &bytes);
        bytes.zeroize();
        match &flags {
            Found::Nothing if written.is_err() => remove_half(&path),
            Found::Nothing | Found::Open => {}
            Found::Protected(flags) => protect(&path, *flags),
        }
        written.map_err(failed)
    }

    /// Removes a variable; says whether there was one.
    ///
    /// # Errors
    /// When the kernel or the firmware refuses.
    pub fn delete(&self, name: &str, guid: &str) -> Result<bool, VariableError> {
        let path = self.path(name, guid);
        let flags = unprotect(&path).map_err(|source| VariableError::from_io(name, Action::Unprotect, source))?;
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => {
                if let Found::Protected(flags) = flags {
                    protect(&path, flags);
                }
                Err(VariableError::from_io(name, Action::Delete, error))
            }
        }
    }

    /// Reads a variable that was written, and compares it byte for byte.
    ///
    /// # Errors
    /// When it can not be read, or is another one.
    pub fn check(&self, name: &str, guid: &str, wanted: &Variable) -> Result<(), VariableError> {
        match self.read(name, guid)? {
            Some(found) if found == *wanted => Ok(()),
            _ => Err(VariableError::Differs(name.to_owned())),
        }
    }

    /// The first byte of a variable: the state of a switch. Nothing where there is none, or it can not be read.
    pub(crate) fn switch(&self, name: &str, guid: &str) -> Option<u8> {
        self.read(name, guid).ok().flatten()?.data.first().copied()
    }

    /// The file of a variable.
    fn path(&self, name: &str, guid: &str) -> PathBuf {
        self.root.join(format!("{name}-{guid}"))
    }
}

/// The name and the GUID in a file's name.
fn split(file: &str) -> Option<(&str, &str)> {
    let (name, guid) = file.split_at_checked(file.len().checked_sub(GUID_LENGTH)?)?;
    uuid::Uuid::try_parse(guid).ok()?;
    name.strip_suffix('-').filter(|name| !name.is_empty()).map(|name| (name, guid))
}

/// What there was of a variable.
enum Found {
    /// No such variable.
    Nothing,
    /// One that nothing protects.
    Open,
    /// One whose flags were these, with the immutable one, which is cleared now.
    Protected(IFlags),
}

/// Clears the immutable flag, if it is set.
fn unprotect(path: &Path) -> io::Result<Found> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    // A file system without such flags protects nothing.
    let Ok(flags) = ioctl_getflags(&file) else { return Ok(Found::Open) };
    if !flags.contains(IFlags::IMMUTABLE) {
        return Ok(Found::Open);
    }
    ioctl_setflags(&file, flags - IFlags::IMMUTABLE)?;
    Ok(Found::Protected(flags))
}

/// Sets the flags again. What fails here leaves a variable that works and is less protected until the next start.
fn protect(path: &Path, flags: IFlags) {
    let set = File::open(path).and_then(|file| Ok(ioctl_setflags(&file, flags)?));
    if let Err(error) = set {
        log::warn!("{} is not protected any more: {error}", path.display());
    }
}

/// Gives all bytes to the kernel in one call.
fn write_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Not truncated before: on efivarfs that would only change what the kernel thinks of the old content.
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    let written = file.write(bytes)?;
    if written < bytes.len() {
        return Err(io::ErrorKind::StorageFull.into());
    }
    // efivarfs sets the length itself. A directory that a test made keeps the end of a longer content.
    if file.metadata()?.len() > bytes.len() as u64 {
        file.set_len(bytes.len() as u64)?;
    }
    Ok(())
}

/// Removes the empty file that a refused new variable leaves until the next start.
fn remove_half(path: &Path) {
    let removed = unprotect(path).and_then(|_| fs::remove_file(path));
    if let Err(error) = removed {
        log::debug!("{} is left until the next start: {error}", path.display());
    }
}
