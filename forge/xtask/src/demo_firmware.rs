//! Proprietary firmware for the demo's payload: three bundles made of Debian's packages, so that there is a choice to make.
//!
//! Debian's firmware archive is asked once; what came is kept beside the demo system. Nothing of it is in the demo system.
//!
//! ```text
//! firmware.toml  NAME.licence  PACKAGE/usr/lib/firmware/…
//! ```
use crate::{command, paths, workbench};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The packages of Debian's component for firmware, and of whose files the terms are taken out of the package's list.
const PACKAGES: [(&str, Option<(&str, &str)>); 3] = [
    ("firmware-intel-misc", Some(("e100/*", "e100"))),
    ("firmware-realtek", Some(("rtlwifi/*", "realtek"))),
    // It brings its own list of files and terms.
    ("amd64-microcode", None),
];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.pgp";
const USUAL_MIRROR: &str = "http://deb.debian.org/debian";

/// The directory with the packages' files and the description of the bundles, from the cache or fresh.
pub fn make() -> Result<PathBuf> {
    workbench::enter()?;
    let description = fs::read_to_string(paths::repository()?.join("data/demo/firmware.toml"))?;
    let recipe = (PACKAGES, workbench::SUITE, &description);
    let place = paths::cache()?.join(format!("demo-firmware-{}", paths::fingerprint(&recipe)));
    paths::once(&place, |partial| {
        eprintln!("Taking firmware for the demo's payload from Debian, once, to {}", place.display());
        fs::create_dir_all(partial)?;
        let apt = partial.join("apt");
        fetch(&apt)?;
        for (package, terms) in PACKAGES {
            let file = fs::read_dir(&apt)?.filter_map(Result::ok).map(|entry| entry.path()).find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
            });
            let file = file.with_context(|| format!("apt brought no {package}"))?;
            let to = partial.join(package);
            command::run(Command::new("/usr/bin/dpkg-deb").arg("-x").arg(file).arg(&to))?;
            if let Some((files, name)) = terms {
                let list = to.join("usr/share/doc").join(package).join("copyright");
                let list = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
                let text = terms_of(&list, files).with_context(|| format!("{package} has no terms for {files}"))?;
                fs::write(partial.join(format!("{name}.licence")), text)?;
            }
        }
        fs::remove_dir_all(apt)?;
        Ok(fs::write(partial.join("firmware.toml"), &description)?)
    })?;
    Ok(place)
}

/// Lets apt bring the packages, with its own checks of Debian's signatures, and without a change to this system.
fn fetch(to: &Path) -> Result<()> {
    for directory in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(to.join(directory))?;
    }
    let mirror = workbench::mirror()?.unwrap_or_else(|| USUAL_MIRROR.into());
    let source = format!("deb [signed-by={KEYRING}] {mirror} {} non-free-firmware\n", workbench::SUITE);
    let list = to.join("sources.list");
    fs::write(&list, source)?;
    let apt = |words: &[&str]| {
        let mut run = Command::new("/usr/bin/apt-get");
        run.current_dir(to).arg("-qq");
        for (key, value) in
            [("Dir::Etc::SourceList", &list), ("Dir::State", &to.join("state")), ("Dir::Cache", &to.join("cache"))]
        {
            run.arg("-o").arg(format!("{key}={}", value.display()));
        }
        for option in ["Dir::Etc::SourceParts=/dev/null", "Acquire::Languages=none", "APT::Sandbox::User=root"] {
            run.args(["-o", option]);
        }
        if workbench::keeps_old_lists() {
            run.args(["-o", "Acquire::Check-Valid-Until=false"]);
        }
        run.args(words);
        command::run(&mut run)
    };
    apt(&["update"])?;
    let packages: Vec<&str> = PACKAGES.iter().map(|(name, _)| *name).collect();
    apt(&[&["download"], &packages[..]].concat())
}

/// The terms of some files, out of Debian's list of all of them: the paragraph that names them, and the licence that it names
/// (Debian, "Machine-readable debian/copyright file", version 1.0).
fn terms_of(list: &str, files: &str) -> Option<String> {
    let mut paragraphs = list.split("\n\n");
    let of = paragraphs.clone().find(|text| {
        let names = text.strip_prefix("Files:").and_then(|rest| rest.split("\nCopyright:").next());
        names.is_some_and(|names| names.split_whitespace().any(|name| name == files))
    })?;
    let name = of.lines().find_map(|line| line.strip_prefix("License:"))?.trim();
    let licence =
        paragraphs.find(|text| text.strip_prefix("License: ").and_then(|t| t.lines().next()) == Some(name))?;
    Some(format!("{}\n\n{}\n", of.trim_end(), licence.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terms_of_some_files_are_found_in_the_list_of_all() {
        let list = "Format: x\n\nFiles: a/* b/*\n c/*\nCopyright: Somebody\nLicense: some\n\n\
                    Files: *\nCopyright: Other\nLicense: other\n\nLicense: other\n no\n\nLicense: some\n yes\n .\n more\n";
        let terms = "Files: a/* b/*\n c/*\nCopyright: Somebody\nLicense: some\n\nLicense: some\n yes\n .\n more\n";
        assert_eq!(terms_of(list, "c/*").as_deref(), Some(terms));
        assert_eq!(terms_of(list, "d/*"), None);
    }
}
