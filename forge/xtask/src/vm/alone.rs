//! One installed disk by itself, of which nothing but the disk is known: does it start?
use super::{attached::Attached, firmware::Store, guest::Guest, machine::Machine, machine::Parts, tamper::Disk};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Starts a disk with Secure Boot off, up to its question for a name. Returns the picture of that.
///
/// A copy is started, which has one file more: it makes the system talk on the serial line.
pub(super) fn start(disk: &Path, out: &Path) -> Result<PathBuf> {
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    let copy = Disk::copy(disk, &out.join("alone.img"))?;
    let certificate = out.join("alone.cer");
    copy.take_certificate(&certificate)?;
    copy.add_console(&certificate)?;
    let store = Store::without_keys(out.join("alone.vars.fd"))?;
    let mut machine = Machine::start(&Parts {
        name: "alone",
        disk: copy.path(),
        snapshot: true,
        store: &store,
        out,
        attached: &Attached::default(),
    })?;
    Guest::boot(&mut machine)?;
    drop(machine);
    std::fs::remove_file(copy.path())?;
    Ok(out.join("alone-login.png"))
}
