//! What an unattended install leaves behind for its administrator, and whether it is what it should be.
use super::demo::Demo;
use super::live::Live;
use super::tamper::Disk;
use super::tool::run;
use super::unattended::PASSPHRASE;
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Takes what was left on the installed disk's own ESP, opens it, and checks the disk against its receipt.
pub(super) fn from_esp(live: &Live, name: &str, disk: &Path, answers: &Path) -> Result<Demo> {
    let folder = fresh(live, name)?;
    let image = Disk::copy(disk, &folder.join("disk.img"))?;
    fs::create_dir(folder.join("enrollment"))?;
    image.take_certificate(&folder.join("enrollment/key.cer"))?;
    for file in ["receipt.json", "receipt.json.sig", "credentials.sealed"] {
        image.take_file(&format!("EFI/forge/{file}"), &folder.join(file))?;
    }
    open(&folder)?;
    fs::copy(answers, folder.join("answers.toml"))?;
    verify(&folder.join("disk.img"), &folder.join("receipt.json"))?;
    Demo::read(&folder)
}

/// The same for what was left on the stick.
pub(super) fn from_stick(live: &Live, name: &str, disk: &Path, stick: &Path) -> Result<()> {
    let folder = fresh(live, name)?;
    let args: [&OsStr; 6] =
        ["-s".as_ref(), "-n".as_ref(), "-i".as_ref(), stick.as_os_str(), "::/*".as_ref(), folder.as_os_str()];
    run("/usr/bin/mcopy", &args)?;
    let left = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let left = left.filter(|path| path.is_dir()).find(|path| path.to_string_lossy().contains("forge-quiet-otter-"));
    let left = left.context("nothing was left on the stick")?;
    open(&left)?;
    verify(disk, &left.join("receipt.json"))?;
    ensure!(folder.join("forge-log-quiet-otter.txt").exists(), "no log was left");
    println!("    ok      the stick has receipt, log and sealed credentials; the disk is as the receipt says");
    Ok(fs::remove_dir_all(folder)?)
}

pub(super) fn fresh(live: &Live, name: &str) -> Result<PathBuf> {
    let folder = live.out.join(format!("{name}.left"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder)?;
    Ok(folder)
}

/// Opens the sealed credentials with what sealed them.
pub(super) fn open(folder: &Path) -> Result<()> {
    let (sealed, phrase) = (folder.join("credentials.sealed"), folder.join("passphrase"));
    fs::write(&phrase, PASSPHRASE)?;
    let words: [&OsStr; 5] =
        ["credentials".as_ref(), "open".as_ref(), sealed.as_os_str(), "--passphrase-file".as_ref(), phrase.as_os_str()];
    let text = run(&forgectl()?, &words)?;
    fs::write(folder.join("credentials"), text)?;
    println!("    ok      the passphrase opens the sealed credentials");
    Ok(())
}

/// Checks a disk against the receipt that lies on it.
pub(super) fn verify_by_itself(disk: &Path) -> Result<()> {
    run(&forgectl()?, &["verify".as_ref(), disk.as_os_str()]).map(drop)
}

pub(super) fn verify(disk: &Path, receipt: &Path) -> Result<()> {
    let words: [&OsStr; 4] = ["verify".as_ref(), disk.as_os_str(), "--receipt".as_ref(), receipt.as_os_str()];
    run(&forgectl()?, &words)?;
    println!("    ok      the disk is as its receipt says");
    Ok(())
}

pub(super) fn forgectl() -> Result<String> {
    let program = crate::paths::target()?.join("debug/forgectl");
    program.to_str().map(str::to_owned).context("a path is not UTF-8")
}
