//! `cargo xtask generated`: files in the tree that a program wrote are what it would write today.
use crate::{check::cargo, command, paths, workbench};
use anyhow::{Context, Result, bail};
use std::{fs, path::Path, process::Command};

/// Compares, or with `write` brings the files up to date.
pub fn run(write: bool) -> Result<()> {
    workbench::enter()?;
    command::run(cargo().args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        "forge-cli",
        "--package",
        "forge-helper",
    ]))?;
    let forgectl = paths::target()?.join("debug/forgectl");
    let interfaces = command::output(Command::new(paths::target()?.join("debug/forge-helper")).arg("--introspect"))?;
    let data = paths::repository()?.join("data");
    let printed = |words: &[&str]| command::output(Command::new(&forgectl).args(words)).map(|text| text + "\n");
    let mut wanted = vec![
        ("answers/answers.schema.json".to_owned(), printed(&["schema"])?),
        ("dbus-1/interfaces/org.intergenos.Forge1.xml".into(), interfaces + "\n"),
        ("completions/forgectl.bash".into(), printed(&["completions", "bash"])?),
        ("completions/_forgectl".into(), printed(&["completions", "zsh"])?),
        ("completions/forgectl.fish".into(), printed(&["completions", "fish"])?),
    ];
    let pages = paths::target()?.join("man");
    let _ = fs::remove_dir_all(&pages);
    command::run(Command::new(&forgectl).arg("man").arg(&pages))?;
    for page in fs::read_dir(&pages)? {
        let page = page?;
        wanted.push((format!("man/{}", page.file_name().display()), fs::read_to_string(page.path())?));
    }
    let mut stale = Vec::new();
    for (name, text) in wanted {
        let path = data.join(&name);
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            continue;
        }
        if write {
            let parent = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(parent)?;
            fs::write(&path, text).with_context(|| path.display().to_string())?;
            eprintln!("wrote {}", path.display());
        }
        stale.push(name);
    }
    if !write && !stale.is_empty() {
        bail!("out of date in data/: {}; run: cargo xtask generated --write", stale.join(", "));
    }
    eprintln!("generated: schema, D-Bus interfaces, man pages and completions are up to date");
    Ok(())
}
