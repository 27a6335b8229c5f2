//! Where things lie: the repository, the build output and the cache.
use anyhow::{Context, Result};
use std::{
    env,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

/// The root of the repository that this program was built from.
pub fn repository() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    here.canonicalize().with_context(|| format!("the repository has moved: {}", here.display()))
}

/// Where cargo puts what it builds: `target/`, or what `CARGO_TARGET_DIR` says.
pub fn target() -> Result<PathBuf> {
    let root = repository()?;
    Ok(match env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => root.join(directory),
        None => root.join("target"),
    })
}

/// `~/.cache/forge`: what is made once and used by every clone.
pub fn cache() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME") {
        Some(directory) if Path::new(&directory).is_absolute() => PathBuf::from(directory),
        _ => home()?.join(".cache"),
    };
    Ok(base.join("forge"))
}

/// The home directory of whoever runs this.
pub fn home() -> Result<PathBuf> {
    env::var_os("HOME").map(PathBuf::from).context("HOME is not set, so there is no place for the cache")
}

/// The socket of the Wayland compositor that this was started in, if it was.
pub fn wayland() -> Option<PathBuf> {
    // An absolute name stays as it is.
    let directory = PathBuf::from(env::var_os("XDG_RUNTIME_DIR").unwrap_or_default());
    let socket = directory.join(env::var_os("WAYLAND_DISPLAY").filter(|name| !name.is_empty())?);
    socket.exists().then_some(socket)
}

/// Names a recipe in 16 hexadecimal digits: another recipe, another place in the cache.
pub fn fingerprint(recipe: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    recipe.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Makes a directory of the cache once: built beside its place, then renamed into it.
///
/// A build that dies leaves only `NAME.partial`, which the next one replaces. Two builds at
/// the same time wait for each other.
pub fn once(place: &Path, build: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if place.exists() {
        return Ok(());
    }
    let parent = place.parent().context("a cache directory has a parent")?;
    std::fs::create_dir_all(parent)?;
    let lock = std::fs::File::create(place.with_extension("lock"))?;
    lock.lock().context("cannot wait for the other build")?;
    if place.exists() {
        return Ok(());
    }
    let partial = place.with_extension("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial).with_context(|| format!("cannot clear {}", partial.display()))?;
    }
    build(&partial)?;
    std::fs::rename(&partial, place).with_context(|| format!("cannot name the finished {}", place.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_build_leaves_nothing_in_place_and_the_next_one_starts_clean() {
        let base = env::temp_dir().join(format!("forge-once-{}", std::process::id()));
        let place = base.join("thing-1");
        let failed = once(&place, |partial| {
            std::fs::create_dir(partial)?;
            std::fs::write(partial.join("half"), "half")?;
            anyhow::bail!("no network")
        });
        assert!(failed.is_err());
        assert!(!place.exists());
        once(&place, |partial| Ok(std::fs::create_dir(partial)?)).unwrap();
        assert!(place.exists() && !place.join("half").exists());
        once(&place, |_| anyhow::bail!("built twice")).unwrap();
        std::fs::remove_dir_all(base).unwrap();
    }
}
