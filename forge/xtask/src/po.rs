//! `cargo xtask po`: what is translated. Extracts every text from the sources and updates the translations.
use crate::{command, paths, workbench};
use anyhow::{Context, Result, ensure};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The domain, and the name of the template.
const DOMAIN: &str = "forge";
/// Languages that tests and pictures speak, whether translated or not.
const LOCALES: [&str; 3] = ["en_US", "de_DE", "ar_EG"];

/// Updates list, template and translations; with `check`, only says whether they are up to date.
pub fn run(check: bool) -> Result<()> {
    workbench::enter()?;
    let repository = paths::repository()?;
    let po = repository.join("po");
    fs::create_dir_all(&po)?;
    let files = sources(&repository)?;
    let list = files.join("\n") + "\n";
    let template = extract(&repository, &files)?;
    let potfiles = po.join("POTFILES.in");
    let pot = po.join(format!("{DOMAIN}.pot"));
    if check {
        let same = |path: &Path, wanted: &str| fs::read_to_string(path).is_ok_and(|found| found == wanted);
        ensure!(same(&potfiles, &list) && same(&pot, &template), "po/ is out of date; run: cargo xtask po");
        return Ok(());
    }
    fs::write(&potfiles, list)?;
    fs::write(&pot, template)?;
    for translation in translations(&po)? {
        let mut merge = Command::new("/usr/bin/msgmerge");
        command::run(merge.args(["--quiet", "--update", "--backup=none", "--no-wrap"]).arg(&translation).arg(&pot))?;
        command::run(
            Command::new("/usr/bin/msgfmt").args(["--check", "--statistics", "-o", "/dev/null"]).arg(&translation),
        )?;
    }
    Ok(())
}

/// Locales and translations, compiled for tests: `DIR/locales`, `DIR/mo`.
pub fn compiled(target: &Path) -> Result<PathBuf> {
    let directory = target.join("translations");
    let locales = directory.join("locales");
    fs::create_dir_all(&locales)?;
    for name in LOCALES {
        let made = locales.join(format!("{name}.UTF-8"));
        if !made.exists() {
            command::run(Command::new("/usr/bin/localedef").args(["-i", name, "-f", "UTF-8"]).arg(&made))?;
        }
    }
    for translation in translations(&paths::repository()?.join("po"))? {
        let language = translation.file_stem().context("a translation has a name")?;
        let place = directory.join("mo").join(language).join("LC_MESSAGES");
        fs::create_dir_all(&place)?;
        let file = place.join(format!("{DOMAIN}.mo"));
        command::run(Command::new("/usr/bin/msgfmt").arg("-o").arg(file).arg(&translation))?;
    }
    Ok(directory)
}

fn translations(po: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(po).into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "po") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The files that hold texts, as POTFILES.in lists them.
fn sources(repository: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    walk(&repository.join("forge/gui/src"), &mut found)?;
    let mut listed = Vec::new();
    for path in found {
        let text = fs::read_to_string(&path)?;
        if text.contains("gettext(") {
            listed.push(path.strip_prefix(repository)?.display().to_string());
        }
    }
    for name in [
        "data/org.intergenos.Forge.FirstBoot.desktop.in",
        "data/org.intergenos.Forge.desktop.in",
        "data/org.intergenos.Forge.metainfo.xml.in",
    ] {
        if repository.join(name).exists() {
            listed.push(name.to_owned());
        }
    }
    listed.sort();
    Ok(listed)
}

fn walk(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// The template, without a date: the same sources give the same bytes.
fn extract(repository: &Path, files: &[String]) -> Result<String> {
    let (rust, other): (Vec<&String>, Vec<&String>) = files.iter().partition(|file| file.ends_with(".rs"));
    let made = env::temp_dir().join(format!("forge-texts-{}.pot", std::process::id()));
    let base = || {
        let mut xgettext = Command::new("/usr/bin/xgettext");
        xgettext.current_dir(repository).args(["--from-code=UTF-8", "--add-comments=Translators", "--no-wrap"]);
        xgettext.args(["--package-name=Forge", "--add-location=file"]).arg("--output").arg(&made);
        xgettext
    };
    let mut window = base();
    window.args(["--language=Rust", "--keyword=gettext", "--keyword=ngettext:1,2", "--keyword=pgettext:1c,2"]);
    command::run(window.args(rust))?;
    if !other.is_empty() {
        // The desktop and metainfo files bring their own rules (ITS). A text that both have stands there once.
        command::run(base().arg("--join-existing").args(other))?;
    }
    let text = fs::read_to_string(&made)?;
    fs::remove_file(&made)?;
    let lines = text.lines().filter(|line| !line.starts_with("\"POT-Creation-Date"));
    Ok(lines.collect::<Vec<_>>().join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_text_shows_up_in_the_template() {
        if !Path::new("/usr/bin/xgettext").exists() || is_old() {
            eprintln!("skipped: xgettext does not read Rust here; run it in the workbench");
            return;
        }
        let base = std::env::temp_dir().join(format!("forge-po-{}", std::process::id()));
        fs::create_dir_all(&base).unwrap();
        let source = "fn f() {\n    // Translators: told once.\n    g(&gettext(\"A canary \\\"sings\\\"\"));\n    \
                      ngettext(\"{n} bird\", \"{n} birds\", 2);\n}\n";
        fs::write(base.join("a.rs"), source).unwrap();
        let template = extract(&base, &["a.rs".to_owned()]).unwrap();
        for text in [r#"msgid "A canary \"sings\"""#, "Translators: told once.", r#"msgid_plural "{n} birds""#] {
            assert!(template.contains(text), "{text} is not in:\n{template}");
        }
        assert!(!template.contains("POT-Creation-Date"));
        fs::remove_dir_all(base).unwrap();
    }

    /// Before 0.24 texts were lost without a word.
    fn is_old() -> bool {
        let said = command::output(Command::new("/usr/bin/xgettext").arg("--version")).unwrap();
        said.lines()
            .next()
            .is_some_and(|line| line.contains(" 0.") && !line.contains(" 0.24") && !line.contains(" 0.25"))
    }
}
