//! `cargo xtask gui-boot`: the demo's system, installed at the window by keyboard, and then started as any other disk.
use crate::{check::cargo, command, demo, vm, workbench};
use anyhow::Result;
use std::fs;

/// The test that sits at the window.
const TEST: &str = "real::the_demo_is_installed_by_the_window";

/// Installs through the window, and boots the result under Secure Boot with the code that the window showed.
pub fn run() -> Result<()> {
    workbench::enter()?;
    let (place, _) = demo::prepare()?;
    command::run(cargo().args(["build", "--workspace", "--bins", "--locked", "--quiet"]))?;
    let result = place.join("by-window");
    let _ = fs::remove_dir_all(&result);
    fs::create_dir(&result)?;
    let mut test = cargo();
    test.args(["test", "--locked", "--package", "forge-tests", "--test", "window", "--", "--ignored", "--exact", TEST]);
    command::run(test.env("FORGE_DEMO", &place).env("FORGE_WINDOW_RESULT", &result))?;
    vm::run(&vm::Args::only("enrolled", &result))?;
    // It is as large as the demo itself.
    Ok(fs::remove_file(result.join("disk.img"))?)
}
