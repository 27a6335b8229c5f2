//! Saving and copying what is shown.

use crate::session::{Notice, Trouble};
use gettextrs::gettext;
use relm4::gtk::{self, gdk, gio, prelude::*};
use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// File systems that are gone after a restart; an overlay is the live medium's.
const IN_MEMORY: [&str; 3] = ["tmpfs", "ramfs", "overlay"];

/// Asks where, and writes a file that only its owner can read. `done` is told how it went, unless the question was closed.
pub fn save(near: &impl IsA<gtk::Widget>, name: &str, text: Zeroizing<String>, done: impl FnOnce(Notice) + 'static) {
    save_by(near, name, move |path| fill(path, text.as_bytes()), done);
}

/// The same for what writes itself: `fill` gets an empty file that only its owner can read.
pub fn save_by(
    near: &impl IsA<gtk::Widget>,
    name: &str,
    fill: impl FnOnce(&Path) -> io::Result<()> + 'static,
    done: impl FnOnce(Notice) + 'static,
) {
    ask(near, name, move |chosen| {
        let written = chosen.and_then(|path| {
            make(&path)?;
            fill(&path)?;
            Ok(saved(&path))
        });
        done(written.unwrap_or_else(failed));
    });
}

/// Asks where something shall be saved. Nothing is told when the question is closed.
pub fn ask(near: &impl IsA<gtk::Widget>, name: &str, then: impl FnOnce(io::Result<PathBuf>) + 'static) {
    let window = near.root().and_downcast::<gtk::Window>();
    let dialog = gtk::FileDialog::builder().title(gettext("Save")).initial_name(name).modal(true).build();
    dialog.save(window.as_ref(), gio::Cancellable::NONE, move |chosen| match chosen {
        // A place without a path is one that only a network has.
        Ok(file) => then(file.path().ok_or_else(|| io::ErrorKind::Unsupported.into())),
        Err(error) if error.matches(gtk::DialogError::Dismissed) => {}
        Err(error) => then(Err(io::Error::other(error.to_string()))),
    });
}

/// What is told of a file that was saved. The medium's own screen has places in memory only.
pub fn saved(path: &Path) -> Notice {
    let place = gio::File::for_path(path);
    let of = place.query_filesystem_info(gio::FILE_ATTRIBUTE_FILESYSTEM_TYPE, gio::Cancellable::NONE);
    let name = of.ok().and_then(|of| of.attribute_string(gio::FILE_ATTRIBUTE_FILESYSTEM_TYPE));
    Notice::Saved { lasts: !name.is_some_and(|name| IN_MEMORY.contains(&name.as_str())) }
}

/// What is told of a file that could not be saved.
pub fn failed(error: io::Error) -> Notice {
    log::warn!("a file was not saved: {error}");
    Notice::Trouble(Trouble::NotSaved(error))
}

/// Puts a text into the clipboard.
pub fn copy(near: &impl IsA<gtk::Widget>, text: &str) -> Notice {
    let content = gdk::ContentProvider::for_value(&text.to_value());
    match near.clipboard().set_content(Some(&content)) {
        Ok(()) => Notice::Copied,
        Err(error) => {
            log::warn!("the clipboard: {error}");
            Notice::Trouble(Trouble::NotCopied)
        }
    }
}

/// A new file takes the place of an old one: one that others can read keeps its mode otherwise.
fn make(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_saved_in_memory_does_not_last() {
        let path = Path::new("/dev/shm").join(format!("forge-gui-save-{}", std::process::id()));
        make(&path).unwrap();
        assert!(matches!(saved(&path), Notice::Saved { lasts: false }));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(saved(Path::new(env!("CARGO_MANIFEST_DIR"))), Notice::Saved { lasts: true }));
    }

    #[test]
    fn a_saved_file_is_for_its_owner_even_where_another_one_was() {
        let path = std::env::temp_dir().join(format!("forge-gui-save-{}", std::process::id()));
        std::fs::write(&path, "old and longer than the new one").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        make(&path).unwrap();
        fill(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(&path).unwrap();
    }
}
