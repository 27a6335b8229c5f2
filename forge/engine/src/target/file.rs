//! A plain file that stands for a disk: opened so that nobody else has it.

use super::{TargetError, kind_of};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// Opens a plain file, and refuses one that anybody else has open.
pub(super) fn open(path: &Path) -> Result<File, TargetError> {
    let shown = path.display().to_string();
    let open = |source| TargetError::Open { path: shown.clone(), source };
    // Looked at before it is opened, so that no device is; and again once it is held, in case it was exchanged.
    check_plain_file(&shown, &fs::metadata(path).map_err(open)?)?;
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).write(true).custom_flags(flags).open(path).map_err(open)?;
    check_plain_file(&shown, &file.metadata().map_err(open)?)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(TargetError::InUse { path: shown, by: "another program that locked it".into() });
    }
    if let Some(by) = other_user(&file).map_err(open)? {
        return Err(TargetError::InUse { path: shown, by });
    }
    Ok(file)
}

fn check_plain_file(shown: &str, about: &fs::Metadata) -> Result<(), TargetError> {
    match about.is_file() {
        true => Ok(()),
        false => Err(TargetError::NotAFile { path: shown.into(), what: kind_of(about) }),
    }
}

/// Who else has this file open: another process, or a loop device.
fn other_user(file: &File) -> io::Result<Option<String>> {
    let own = file.metadata()?;
    let same = |meta: &fs::Metadata| meta.ino() == own.ino() && meta.dev() == own.dev();
    for device in fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let backing = fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
        if fs::metadata(backing.trim_end()).is_ok_and(|meta| same(&meta)) {
            return Ok(Some(format!("the loop device /dev/{}", device.file_name().display())));
        }
    }
    let me = std::process::id().to_string();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = process.file_name();
        if pid.to_string_lossy() == me || !pid.to_string_lossy().bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        // Processes of other users can not be looked into; for them the lock has to do.
        for fd in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            if fs::metadata(fd.path()).is_ok_and(|meta| same(&meta)) {
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                return Ok(Some(format!("{} (process {})", name.trim_end(), pid.display())));
            }
        }
    }
    Ok(None)
}
