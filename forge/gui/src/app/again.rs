//! Starts the program again as another part of itself.

use std::{env, io, os::unix::process::CommandExt, process::Command};

/// The option that makes this program the first-boot guide.
pub(super) const GUIDE: &str = "--guide";
/// The option that lets the guide end silently where there is nothing new to tell.
pub(super) const ONCE: &str = "--once";

/// Starts this program again as the guide; returns only if that fails.
pub(super) fn as_guide() -> io::Error {
    match env::current_exe() {
        Ok(program) => Command::new(program).arg(GUIDE).exec(),
        Err(error) => error,
    }
}
