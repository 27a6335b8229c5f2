//! The demo's payload, installed once more in another way.
use super::demo::Demo;
use super::left::{forgectl, verify};
use super::scenarios::Stage;
use super::tool::run;
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The demo's answers: a German keyboard, everything on the disk may go.
pub(super) fn usual(stage: &Stage) -> Result<String> {
    let usual = fs::read_to_string(place(stage)?.join("answers.toml"))?;
    ensure!(usual.contains("layout = \"de\""), "the demo's keyboard is not German any more");
    Ok(usual)
}

/// Installs onto a disk that is there; what comes out of it goes to a new folder, which then is a demo's.
pub(super) fn install(stage: &Stage, folder: &Path, answers: &str, disk: &Path) -> Result<Demo> {
    let demo = place(stage)?;
    fs::create_dir_all(folder)?;
    let file = folder.join("answers.toml");
    fs::write(&file, answers)?;
    let paths: [(&str, PathBuf); 5] = [
        ("--answers", file),
        ("--payload", demo.join("payload")),
        ("--certificate", demo.join("keys/certificate.pgp")),
        ("--target", disk.to_owned()),
        ("--output", folder.to_owned()),
    ];
    let words = paths.iter().flat_map(|(option, path)| [OsStr::new(option), path.as_os_str()]);
    run(&forgectl()?, &[OsStr::new("install")].into_iter().chain(words).collect::<Vec<_>>())?;
    verify(disk, &folder.join("receipt.json"))?;
    if disk != folder.join("disk.img") {
        std::os::unix::fs::symlink(disk, folder.join("disk.img"))?;
    }
    Demo::read(folder)
}

fn place(stage: &Stage) -> Result<&Path> {
    stage.demo().disk.parent().context("the demo's disk lies in its folder")
}
