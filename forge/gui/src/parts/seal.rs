//! Saving what is shown so that only a passphrase opens it. `forgectl credentials seal` does the sealing: this program has no
//! cryptography. What is sealed and the passphrase lie in memory, where `forgectl` reads them; no argument holds either.

use super::files::{self, Draft};
use crate::session::Notice;
use forge_dbus::sealed;
use forge_model::Secret;
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk};
use std::{
    env,
    io::{self, Read},
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// The program that seals; it lies beside this one.
const FORGECTL: &str = "forgectl";
/// A passphrase with fewer characters is found by whoever has the file.
const SHORTEST: usize = 12;
/// How long it may take: seconds, and more on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Whether this system can seal.
pub fn is_possible() -> bool {
    forgectl().is_ok_and(|program| program.exists()) || cfg!(feature = "scripted")
}

fn forgectl() -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name(FORGECTL))
}

/// Asks for a passphrase and a place, and writes a sealed file there. `done` is told how it went, unless a question was closed.
pub fn save(
    near: &impl IsA<gtk::Widget>,
    name: &'static str,
    text: Zeroizing<String>,
    done: impl Fn(Notice) + Clone + 'static,
) {
    let near = near.clone().upcast();
    ask(&near.clone(), move |passphrase| {
        let (text, passphrase) = (text.clone(), Secret::new(passphrase.expose().to_owned()));
        let done = done.clone();
        files::ask(&near, name, move |chosen| {
            // It takes seconds, on purpose: that is what stands against guessing.
            files::finish(chosen, move |file| seal(&file, text.as_bytes(), &passphrase), done);
        });
    });
}

/// Asks for a passphrase, twice.
fn ask(near: &gtk::Widget, then: impl Fn(&Secret) + 'static) {
    let dialog = adw::AlertDialog::new(
        Some(&gettext("Seal With a Passphrase")),
        Some(&gettext("Whoever has the file and the passphrase can read it. Nobody can open it without.")),
    );
    let row =
        |title: String| adw::PasswordEntryRow::builder().use_markup(false).title(title).activates_default(true).build();
    let (first, again) = (row(gettext("Passphrase")), row(gettext("Passphrase Again")));
    let group = adw::PreferencesGroup::new();
    group.add(&first);
    group.add(&again);
    dialog.set_extra_child(Some(&group));
    dialog.add_responses(&[("cancel", &gettext("_Cancel")), ("seal", &gettext("_Seal"))]);
    dialog.set_response_appearance("seal", adw::ResponseAppearance::Suggested);
    dialog.set_default_response(Some("seal"));
    dialog.set_close_response("cancel");
    dialog.set_response_enabled("seal", false);
    for row in [&first, &again] {
        let (dialog, first, again) = (dialog.downgrade(), first.clone(), again.clone());
        row.connect_changed(move |_| {
            let is_good = first.text().chars().count() >= SHORTEST && first.text() == again.text();
            if let Some(dialog) = dialog.upgrade() {
                dialog.set_response_enabled("seal", is_good);
            }
        });
    }
    // Translators: a rule for a passphrase, under the two fields.
    let rule = gtk::Label::new(Some(&gettext("Twelve characters or more, the same twice")));
    rule.add_css_class("dimmed");
    rule.add_css_class("caption");
    rule.set_wrap(true);
    rule.set_margin_top(6);
    group.add(&rule);
    dialog.connect_response(Some("seal"), move |_, _| then(&Secret::new(first.text().into())));
    dialog.present(Some(near));
}

fn seal(file: &Path, text: &[u8], passphrase: &Secret) -> io::Result<PathBuf> {
    let (text, passphrase) = (sealed::seal(text)?, sealed::seal(passphrase.expose().as_bytes())?);
    // The person was asked whether an old one goes; it goes when the new one is there.
    let draft = Draft::beside(file)?;
    let place = |fd: &OwnedFd| -> io::Result<String> {
        sealed::hand_down(fd)?;
        Ok(format!("/proc/self/fd/{}", fd.as_raw_fd()))
    };
    let mut command = Command::new(forgectl()?);
    command
        .args(["credentials", "seal", &place(&text)?, "--passphrase-file", &place(&passphrase)?, "--output"])
        .arg(draft.file())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    run(command, PATIENCE)?;
    draft.finish()
}

/// Runs a program to its end, and ends it when that takes too long. What it says is why it failed: less than a pipe holds.
fn run(mut command: Command, patience: Duration) -> io::Result<()> {
    let mut child = command.spawn()?;
    let end = Instant::now() + patience;
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if Instant::now() >= end => {
                child.kill()?;
                child.wait()?;
                return Err(io::ErrorKind::TimedOut.into());
            }
            None => thread::sleep(LOOK),
        }
    };
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        stderr.take(4096).read_to_string(&mut said)?;
    }
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(said.trim().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, patience: Duration) -> io::Result<()> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).stderr(Stdio::piped());
        run(command, patience)
    }

    #[test]
    fn a_program_that_hangs_is_ended_and_one_that_fails_says_why() {
        let begun = Instant::now();
        let hangs = sh("exec sleep 60", Duration::from_millis(100));
        assert_eq!(hangs.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(30));
        assert_eq!(sh("echo no room >&2; exit 3", PATIENCE).unwrap_err().to_string(), "no room");
        assert!(sh("exit 0", PATIENCE).is_ok());
    }
}
