//! Whether there is a desktop behind the window, to try the system on without installing it: the live session's autostart
//! file says so. On the medium's own screen for installing there is none.

use std::env;

/// The option that says so.
const OPTION: &str = "--live-desktop";

/// Whether there is one.
pub fn is_there() -> bool {
    env::args().any(|argument| argument == OPTION)
}
