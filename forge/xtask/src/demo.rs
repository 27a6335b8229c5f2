//! `cargo xtask demo`: installs a small real system, unattended, into a disk image, and starts it on request.
//! With `--gui`, a person does it, in the window: see [`demo_gui`].
use crate::{check::cargo, command, demo_firmware, demo_gui, demo_programs, demo_system, paths, vm, workbench};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// Room for two slots of the demo system and some state; sparse, so it takes far less.
pub const DISK_BYTES: u64 = 6 << 30;

/// What the demo is asked to be, when nothing else is said.
pub fn answers() -> Result<PathBuf> {
    Ok(paths::repository()?.join("data/demo/answers.toml"))
}

/// Where the demo lies.
pub fn place() -> Result<PathBuf> {
    Ok(paths::repository()?.join("target/demo"))
}

/// What to install, and whether to start it.
#[derive(clap::Args)]
pub struct Args {
    /// Starts the installed disk in a machine with Secure Boot enforced, and enrolls its key as a person would.
    #[arg(long)]
    boot: bool,
    /// Opens the window instead, on drives that are files; with --boot, starts what was installed when it is closed.
    #[arg(long, conflicts_with = "answers")]
    gui: bool,
    /// Other answers than data/demo/answers.toml; a copy goes to target/demo/answers.toml.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
}

/// Makes everything that is not there yet, and installs anew.
pub fn run(args: &Args) -> Result<()> {
    workbench::enter()?;
    if args.gui {
        return demo_gui::run(args.boot);
    }
    let place = match &args.answers {
        Some(answers) => install(answers)?,
        None => install(&answers()?)?,
    };
    eprintln!("\nThe demo lies in {}:", place.display());
    for (name, what) in [
        ("payload/", "the signed payload"),
        ("answers.toml", "what was asked for"),
        ("disk.img", "the installed disk"),
        ("receipt.json", "what was written, signed by the disk's own key"),
        ("credentials", "the password, the enrollment code and the service credentials; only you can read it"),
        ("enrollment/", "what asks a machine to trust the disk's key"),
    ] {
        eprintln!("  {name:14} {what}");
    }
    match args.boot {
        true => vm::run(&vm::Args::only("enrolled", &place)),
        false => {
            eprintln!("Start it with Secure Boot enforced: cargo xtask demo --boot");
            Ok(())
        }
    }
}

/// Makes `forgectl`, the demo's keys and its payload, unless they are there; returns the demo's folder and `forgectl`.
pub fn prepare() -> Result<(PathBuf, PathBuf)> {
    prepare_with(&[])
}

/// The same, and builds more packages with it: built one by one, they would build what they share once each.
pub fn prepare_with(packages: &[&str]) -> Result<(PathBuf, PathBuf)> {
    let place = place()?;
    fs::create_dir_all(&place)?;
    let forgectl = forgectl(packages)?;
    keys(&forgectl, &place)?;
    let system = demo_programs::lay(&demo_system::make()?, &place)?;
    firmware(&forgectl, &system)?;
    payload(&forgectl, &place, &system)?;
    Ok((place, forgectl))
}

/// Installs the demo system and returns the folder that holds the result.
pub fn install(answers: &Path) -> Result<PathBuf> {
    let place = place()?;
    install_to(answers, &place)?;
    Ok(place)
}

/// The same, with another folder for the result.
pub fn install_to(answers: &Path, place: &Path) -> Result<()> {
    let (made, forgectl) = prepare()?;
    let own_answers = place.join("answers.toml");
    fs::copy(answers, &own_answers).with_context(|| format!("{} can not be read", answers.display()))?;
    let disk = place.join("disk.img");
    let _ = fs::remove_file(&disk);
    File::create_new(&disk)?.set_len(DISK_BYTES)?;
    let option = |name: &str, path: &Path| [name.into(), path.as_os_str().to_owned()];
    let mut run = Command::new(&forgectl);
    run.arg("install")
        .args(option("--answers", &own_answers))
        .args(option("--payload", &made.join("payload")))
        .args(option("--certificate", &made.join("keys/certificate.pgp")))
        .args(option("--target", &disk))
        .args(option("--output", place));
    command::run(&mut run)?;
    command::run(
        Command::new(&forgectl).arg("verify").arg(&disk).args(option("--receipt", &place.join("receipt.json"))),
    )?;
    Ok(())
}

/// Builds `forgectl` and the helper, and other packages with them, and returns the path of `forgectl`.
fn forgectl(also: &[&str]) -> Result<PathBuf> {
    let packages = ["forge-cli", "forge-gui", "forge-helper"].iter().chain(also).flat_map(|name| ["--package", name]);
    command::run(cargo().args(["build", "--quiet", "--locked"]).args(packages))?;
    Ok(paths::target()?.join("debug/forgectl"))
}

/// The demo's own signing keys, made once.
fn keys(forgectl: &Path, place: &Path) -> Result<()> {
    let keys = place.join("keys");
    if !keys.join("certificate.pgp").exists() {
        let _ = fs::remove_dir_all(&keys);
        // A payload that other keys signed is of no use any more.
        let _ = fs::remove_file(place.join("payload.from"));
        let user = "Forge demo, trusted by nobody <demo@example.org>";
        command::run(Command::new(forgectl).args(["payload", "keys", "--user-id", user, "--output"]).arg(&keys))?;
    }
    Ok(())
}

/// The bundles of proprietary firmware for this system, beside it.
fn firmware(forgectl: &Path, system: &Path) -> Result<()> {
    let from = demo_firmware::make()?;
    let (bundles, stamp) = (system.join("firmware"), system.join("firmware.from"));
    let made_from = from.display().to_string();
    if fs::read_to_string(&stamp).is_ok_and(|text| text == made_from) {
        return Ok(());
    }
    let _ = fs::remove_dir_all(&bundles);
    let mut run = Command::new(forgectl);
    run.args(["payload", "firmware"]).arg(from.join("firmware.toml"));
    command::run(run.arg("--system").arg(system.join("root")).arg("--output").arg(&bundles))?;
    fs::write(stamp, made_from)?;
    Ok(())
}

/// The payload, made again when the system it comes from is another one.
fn payload(forgectl: &Path, place: &Path, system: &Path) -> Result<()> {
    let (payload, stamp) = (place.join("payload"), place.join("payload.from"));
    let firmware = fs::read_to_string(system.join("firmware.from"))?;
    let from = format!("{} {firmware}", system.display());
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == from) {
        return Ok(());
    }
    let _ = fs::remove_dir_all(&payload);
    command::run(
        Command::new(forgectl)
            .args(["payload", "build"])
            .arg(system.join("payload.toml"))
            .arg("--key")
            .arg(place.join("keys/release-secret.pgp"))
            .arg("--output")
            .arg(&payload),
    )?;
    fs::write(&stamp, from)?;
    Ok(())
}
