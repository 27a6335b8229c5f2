//! Saving what is shown.

use gettextrs::gettext;
use relm4::gtk::{self, gio, prelude::*};
use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use zeroize::Zeroizing;

/// Asks where, and writes a file that only its owner can read. `done` is told how it went, unless the question was closed.
pub fn save(
    near: &impl IsA<gtk::Widget>,
    name: &str,
    text: Zeroizing<String>,
    done: impl FnOnce(io::Result<()>) + 'static,
) {
    let window = near.root().and_downcast::<gtk::Window>();
    let dialog = gtk::FileDialog::builder().title(gettext("Save")).initial_name(name).modal(true).build();
    dialog.save(window.as_ref(), gio::Cancellable::NONE, move |chosen| {
        if let Some(path) = chosen.ok().and_then(|file| file.path()) {
            done(write(&path, text.as_bytes()));
        }
    });
}

/// A new file takes the place of an old one: one that others can read keeps its mode otherwise.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_saved_file_is_for_its_owner_even_where_another_one_was() {
        let path = std::env::temp_dir().join(format!("forge-gui-save-{}", std::process::id()));
        std::fs::write(&path, "old and longer than the new one").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(&path).unwrap();
    }
}
