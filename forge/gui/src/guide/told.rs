//! What the guide told last: the name of a state in a file, and nothing else.

use forge_model::machine::Enrollment;
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// The name of a state, as it is kept.
pub fn name(enrollment: Enrollment) -> &'static str {
    match enrollment {
        Enrollment::Enforced => "enforced",
        Enrollment::Enrolled => "enrolled",
        Enrollment::Pending => "pending",
        Enrollment::Lost => "lost",
        Enrollment::Unknown => "unknown",
    }
}

/// Where it is kept: `$XDG_STATE_HOME/forge/guide`, by default below `~/.local/state`.
pub fn place() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("forge/guide"))
}

/// What was told last; nothing where it was never told, or cannot be read.
pub fn read(place: &Path) -> Option<String> {
    let text = fs::read_to_string(place).ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Keeps what was told.
pub fn write(place: &Path, name: &str) -> io::Result<()> {
    if let Some(directory) = place.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(place, format!("{name}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_known_at_the_next_login_and_is_a_name_alone() {
        let directory = env::temp_dir().join(format!("forge-gui-told-{}", std::process::id()));
        let place = directory.join("forge/guide");
        assert_eq!(read(&place), None);
        write(&place, name(Enrollment::Pending)).unwrap();
        write(&place, name(Enrollment::Enforced)).unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"enforced\n");
        assert_eq!(read(&place).as_deref(), Some("enforced"));
        fs::remove_dir_all(&directory).unwrap();
    }
}
