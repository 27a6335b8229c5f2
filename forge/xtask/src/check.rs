//! `cargo xtask check` and `cargo xtask test`: what a change has to pass, quickest first.
use crate::{
    command, demo, generated, gui_boot, gui_shots, iso, layers, licences, paths, po, uml, validate, vm, workbench,
};
use anyhow::Result;
use std::{env, path::PathBuf, process::Command};

/// The cargo that started this program.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Formatting, lints, layers, licences and, where they can be had offline, advisories.
pub fn check() -> Result<()> {
    workbench::enter()?;
    command::run(cargo().args(["fmt", "--all", "--check"]))?;
    layers::check()?;
    licences::check()?;
    validate::run(false)?;
    advisories()?;
    command::run(
        cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--quiet"]).args(["--", "-D", "warnings"]),
    )?;
    generated::run(false)?;
    po::run(true)?;
    eprintln!("check: formatting, layers, licences, data files, lints, generated files and translations are in order");
    Ok(())
}

/// Everything: the checks, the tests of every package, and the scenarios in machines, virtual or user-mode:
/// none of them, the usual ones, or all.
pub fn test(machines: Option<bool>) -> Result<()> {
    check()?;
    // The tests of the helper start it, and forgectl, as a person or the bus does.
    command::run(cargo().args(["build", "--workspace", "--bins", "--locked", "--quiet"]))?;
    command::run(cargo().args(["test", "--workspace", "--locked", "--no-fail-fast"]))?;
    gui_shots::test()?;
    if let Some(all) = machines {
        uml::run(&uml::Args::all())?;
        demo::install(&demo::answers()?)?;
        vm::run(&vm::Args::many(all))?;
        gui_boot::run()?;
        if all {
            iso::run(&iso::Args::checked())?;
        }
    }
    Ok(())
}

/// Known vulnerabilities, when cargo-deny and its database are on this machine.
fn advisories() -> Result<()> {
    let home = env::var_os("CARGO_HOME").map_or(paths::home()?.join(".cargo"), PathBuf::from);
    let database = home.join("advisory-dbs");
    let search = env::var_os("PATH").unwrap_or_default();
    let installed = env::split_paths(&search).any(|directory| directory.join("cargo-deny").exists());
    if !installed {
        eprintln!("advisories: skipped, cargo-deny is not installed");
    } else if !database.exists() {
        eprintln!("advisories: skipped, there is no database; fetch it with: cargo deny fetch db");
    } else {
        command::run(cargo().args(["deny", "--offline", "--all-features", "check", "advisories"]))?;
    }
    Ok(())
}
