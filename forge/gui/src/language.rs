//! The language of the program. It is chosen before anything is built: to change it, the program starts itself again.

use crate::identity;
use gettextrs::{bind_textdomain_codeset, bindtextdomain, textdomain};
use std::{env, ffi::OsString, io, os::unix::process::CommandExt, process::Command};

/// The option that says that the language was chosen in the window.
const CHOSEN: &str = "--language-chosen";

/// Binds the translations. GTK has taken the locale from the environment when it began.
pub fn bind() {
    let bound = bindtextdomain(identity::DOMAIN, directory())
        .and_then(|_| bind_textdomain_codeset(identity::DOMAIN, "UTF-8"))
        .and_then(|_| textdomain(identity::DOMAIN));
    if let Err(error) = bound {
        log::warn!("no translations: {error}");
    }
}

/// Where translations are. Only a developer's build looks elsewhere: a text is data that others must not choose.
fn directory() -> OsString {
    #[cfg(any(debug_assertions, feature = "scripted"))]
    if let Some(elsewhere) = env::var_os("FORGE_LOCALE_DIRECTORY") {
        return elsewhere;
    }
    identity::LOCALE_DIRECTORY.into()
}

/// The locale that the environment asks for, such as `de_DE.UTF-8`.
pub fn of_environment() -> Option<String> {
    let wanted =
        ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| env::var(name).ok().filter(|v| !v.is_empty()));
    wanted.filter(|locale| locale.contains('_'))
}

/// Whether the person chose it in the window, just before the program started itself again.
pub fn was_chosen() -> bool {
    env::args().any(|argument| argument == CHOSEN)
}

/// Starts this program again in another language; returns only if that fails.
pub fn speak(locale: &str) -> io::Error {
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    Command::new(program)
        .arg(CHOSEN)
        .args(env::args_os().skip(1).filter(|argument| argument != CHOSEN))
        .env("LANG", locale)
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .env_remove("LANGUAGE")
        .exec()
}
