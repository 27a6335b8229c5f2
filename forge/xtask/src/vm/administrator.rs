//! An administrator of many machines: answers, the keys that sign them, sticks that carry them.
use super::left::{forgectl, fresh};
use super::live::Live;
use super::scenarios::Stage;
use super::tool::run;
use anyhow::Result;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::PathBuf;

/// The disk that is meant.
pub(super) const TARGET: &str = "{ serial = \"target\" }";

/// An answer file for these machines.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub machine: &'a str,
    pub disk: &'a str,
    pub leave_on: &'a str,
    pub exit: &'a str,
}

pub(super) const USUAL: Wanted<'_> = Wanted { machine: "machine-1", disk: TARGET, leave_on: "esp", exit: "power-off" };

impl Wanted<'_> {
    pub(super) fn text(&self) -> String {
        let Self { machine, disk, leave_on, exit } = self;
        format!(
            r#"version = 1

[machine]
serial = "{machine}"

[disk]
erase = "all-data-on-this-disk"
match = {disk}

[system]
hostname = "quiet-otter"
locale = "de_DE.UTF-8"
timezone = "Europe/Berlin"
keyboard = {{ layout = "de", variant = "nodeadkeys" }}

[user]
name = "anna"
full-name = "Anna Schmidt"
password = {{ generate = "passphrase" }}

[unattended]
exit = "{exit}"

[unattended.credentials]
passphrase = {{ credential = "forge.seal" }}
leave-on = "{leave_on}"
"#
        )
    }
}

/// Whether answers are signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    No,
    Yes,
    /// And changed afterwards.
    Before,
}

/// An administrator's keys.
pub(super) struct Keys(PathBuf);

impl Keys {
    pub(super) fn made(stage: &Stage) -> Result<Self> {
        let folder = stage.out().join("administrator");
        if !folder.join("certificate.pgp").exists() {
            let user = "Administrator of these tests <administrator@example.org>";
            let words: [&OsStr; 6] = [
                "payload".as_ref(),
                "keys".as_ref(),
                "--user-id".as_ref(),
                user.as_ref(),
                "--output".as_ref(),
                folder.as_os_str(),
            ];
            run(&forgectl()?, &words)?;
        }
        Ok(Self(folder))
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.0.join("certificate.pgp")
    }

    /// A stick with answers on it.
    pub(super) fn stick(&self, live: &Live, case: &str, wanted: &Wanted, signed: Signed) -> Result<PathBuf> {
        let folder = fresh(live, &format!("stick-{case}"))?;
        let answers = folder.join("answers.toml");
        fs::write(&answers, wanted.text())?;
        let mut files = vec![answers.clone()];
        if signed != Signed::No {
            let key = self.0.join("release-secret.pgp");
            let words: [&OsStr; 5] =
                ["answers".as_ref(), "sign".as_ref(), answers.as_os_str(), "--key".as_ref(), key.as_os_str()];
            run(&forgectl()?, &words)?;
            files.push(folder.join("answers.toml.sig"));
        }
        if signed == Signed::Before {
            fs::write(&answers, wanted.text().replace("anna", "mallory"))?;
        }
        let image = live.out.join(format!("stick-{case}.img"));
        File::create(&image)?.set_len(16 << 20)?;
        // FAT keeps eleven characters of FORGE-ANSWERS.
        run("/usr/sbin/mkfs.fat", &["-n".as_ref(), "FORGE-ANSWE".as_ref(), image.as_os_str()])?;
        for file in files {
            run("/usr/bin/mcopy", &["-i".as_ref(), image.as_os_str(), file.as_os_str(), "::/".as_ref()])?;
        }
        fs::remove_dir_all(folder)?;
        Ok(image)
    }
}
