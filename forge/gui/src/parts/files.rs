//! Saving and copying what is shown.

use crate::session::{Notice, Trouble};
use gettextrs::gettext;
use relm4::gtk::{self, gdk, gio, glib, prelude::*};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// File systems that are gone after a restart; an overlay is the live medium's.
const IN_MEMORY: [&str; 3] = ["tmpfs", "ramfs", "overlay"];

/// Asks where, and writes a file that only its owner can read. `done` is told how it went, unless the question was closed.
pub fn save(near: &impl IsA<gtk::Widget>, name: &str, text: Zeroizing<String>, done: impl FnOnce(Notice) + 'static) {
    ask(near, name, move |chosen| {
        let write = move |path: PathBuf| {
            let draft = Draft::beside(&path)?;
            draft.make()?.write_all(text.as_bytes())?;
            draft.finish()
        };
        finish(chosen, write, done);
    });
}

/// The same for what writes itself, and only where the window is drawn: `fill` gets an empty file that only its owner can
/// read.
pub fn save_by(
    near: &impl IsA<gtk::Widget>,
    name: &str,
    fill: impl FnOnce(&Path) -> io::Result<()> + 'static,
    done: impl FnOnce(Notice) + 'static,
) {
    ask(near, name, move |chosen| {
        let draft = chosen.and_then(|path| {
            let draft = Draft::beside(&path)?;
            draft.make()?;
            fill(&draft.file())?;
            Ok(draft)
        });
        finish(draft, Draft::finish, done);
    });
}

/// Does what can take long, such as to wait for a stick, and tells how it went. `work` says which file there is then.
pub fn finish<T: Send + 'static>(
    with: io::Result<T>,
    work: impl FnOnce(T) -> io::Result<PathBuf> + Send + 'static,
    done: impl FnOnce(Notice) + 'static,
) {
    let with = match with {
        Ok(with) => with,
        Err(error) => return done(failed(error)),
    };
    glib::spawn_future_local(async move {
        let worked = gio::spawn_blocking(move || Ok(Notice::Saved { lasts: lasts(&work(with)?) })).await;
        let worked = worked.unwrap_or_else(|_| Err(io::Error::other("the thread ended")));
        done(worked.unwrap_or_else(failed));
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

/// Whether a file is still there after a restart. The medium's own screen has places in memory only.
fn lasts(file: &Path) -> bool {
    let place = gio::File::for_path(file);
    let of = place.query_filesystem_info(gio::FILE_ATTRIBUTE_FILESYSTEM_TYPE, gio::Cancellable::NONE);
    let name = of.ok().and_then(|of| of.attribute_string(gio::FILE_ATTRIBUTE_FILESYSTEM_TYPE));
    !name.is_some_and(|name| IN_MEMORY.contains(&name.as_str()))
}

/// What is told of a file that could not be saved.
fn failed(error: io::Error) -> Notice {
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

/// A file that is made in a directory of its own beside its place. What lies in that place stays until the new one is whole.
pub struct Draft {
    directory: TempDir,
    place: PathBuf,
}

impl Draft {
    /// One that will lie there.
    pub fn beside(place: &Path) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix(".forge-").tempdir_in(parent(place))?;
        Ok(Self { directory, place: place.to_owned() })
    }

    /// Where it is made.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("new")
    }

    /// Makes it, empty and for its owner only.
    fn make(&self) -> io::Result<File> {
        File::options().write(true).create_new(true).mode(0o600).open(self.file())
    }

    /// Puts it in its place, once all of it is on the disk. A link that lies there is not followed.
    pub fn finish(self) -> io::Result<PathBuf> {
        File::open(self.file())?.sync_all()?;
        fs::rename(self.file(), &self.place)?;
        // Not every place lets its directory be read or flushed; the file is there all the same.
        let _ = File::open(parent(&self.place)).and_then(|directory| directory.sync_all());
        Ok(self.place)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A directory with an old file that everybody can read, and that file.
    fn old() -> (TempDir, PathBuf) {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("old");
        fs::write(&path, "old and longer than the new one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        (scratch, path)
    }

    #[test]
    fn what_is_saved_in_memory_does_not_last() {
        let in_memory = tempfile::tempdir_in("/dev/shm").unwrap();
        assert!(!lasts(in_memory.path()));
        assert!(lasts(Path::new(env!("CARGO_MANIFEST_DIR"))));
    }

    #[test]
    fn a_saved_file_is_for_its_owner_even_where_another_one_was() {
        let (scratch, path) = old();
        let draft = Draft::beside(&path).unwrap();
        draft.make().unwrap().write_all(b"new").unwrap();
        draft.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_lies_there_stays_where_the_new_file_is_not_finished() {
        let (scratch, path) = old();
        let draft = Draft::beside(&path).unwrap();
        draft.make().unwrap().write_all(b"ne").unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), 31);
        drop(draft);
        // Whoever was to make it made nothing.
        assert!(Draft::beside(&path).unwrap().finish().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"old and longer than the new one");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1, "nothing else is left");
    }
}
