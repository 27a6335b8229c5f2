//! `cargo xtask validate`: meson sets up, installs into an empty directory and checks what it installs.
use crate::{command, paths, workbench};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What meson has to install, one path a line; checked in.
const LIST: &str = "data/installed.txt";
/// The programs that meson installs.
pub const PROGRAMS: &[&str] = &["forge", "forgectl", "forge-helper"];

/// Runs the checks; with `write`, brings the list of installed files up to date.
pub fn run(write: bool) -> Result<()> {
    workbench::enter()?;
    // What is checked are the data files: empty files stand for the programs.
    let programs = paths::target()?.join("validate/programs");
    fs::create_dir_all(&programs)?;
    for name in PROGRAMS {
        fs::write(programs.join(name), "")?;
    }
    let build = paths::target()?.join("validate/meson");
    set_up(&build, &programs, true)?;
    command::output(
        Command::new("/usr/bin/meson").args(["test", "--no-rebuild", "--print-errorlogs", "-C"]).arg(&build),
    )
    .with_context(|| format!("a data file is not in order; see {}/meson-logs/testlog.txt", build.display()))?;
    let place = paths::target()?.join("validate/installed");
    install(&build, &place)?;
    compare(&place, write)?;
    eprintln!(
        "validate: unit, policies, profiles, desktop file, metainfo and the list of installed files are in order"
    );
    Ok(())
}

/// Has meson prepare a build directory that takes the programs from another directory, for a live medium or an installed
/// system.
pub fn set_up(build: &Path, programs: &Path, live: bool) -> Result<()> {
    if build.exists() {
        fs::remove_dir_all(build).with_context(|| build.display().to_string())?;
    }
    let mut meson = Command::new("/usr/bin/meson");
    meson.args(["setup", "--prefix=/usr", "--libexecdir=libexec"]);
    meson.arg(format!("-Dlive={live}"));
    meson.arg(format!("-Dbinaries={}", programs.display())).arg(build).current_dir(paths::repository()?);
    let said = command::output(&mut meson)?;
    let version = env!("CARGO_PKG_VERSION");
    ensure!(said.contains(&format!("Project version: {version}\n")), "meson.build has another version than {version}");
    // Compiles the translations and merges them into desktop file and metainfo.
    command::output(Command::new("/usr/bin/meson").args(["compile", "-C"]).arg(build)).map(drop)
}

/// Has meson install into a directory, which is emptied first.
pub fn install(build: &Path, place: &Path) -> Result<()> {
    if place.exists() {
        fs::remove_dir_all(place).with_context(|| place.display().to_string())?;
    }
    command::run(
        Command::new("/usr/bin/meson")
            .args(["install", "--no-rebuild", "--quiet", "-C"])
            .arg(build)
            .env("DESTDIR", place),
    )
}

fn compare(place: &Path, write: bool) -> Result<()> {
    let mut found = Vec::new();
    list(place, place, &mut found)?;
    found.sort();
    let found: String = found.iter().map(|path| format!("/{}\n", path.display())).collect();
    let checked_in = paths::repository()?.join(LIST);
    if write {
        return Ok(fs::write(checked_in, found)?);
    }
    let wanted = fs::read_to_string(&checked_in).with_context(|| checked_in.display().to_string())?;
    ensure!(
        wanted == found,
        "what meson installs is not what {LIST} says; cargo xtask validate --write. It installs:\n{found}"
    );
    Ok(())
}

fn list(base: &Path, directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => list(base, &entry.path(), found)?,
            false => found.push(entry.path().strip_prefix(base)?.to_owned()),
        }
    }
    Ok(())
}
