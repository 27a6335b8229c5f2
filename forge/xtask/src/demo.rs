//! `cargo xtask demo`: installs a small real system, unattended, into a disk image, and starts it on request.
use crate::{check::cargo, command, demo_system, paths, vm, workbench};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// Room for two slots of the demo system and some state; sparse, so it takes far less.
const DISK_BYTES: u64 = 6 << 30;

/// What the demo is asked to be.
pub const ANSWERS: &str = "data/demo/answers.toml";

/// What to install, and whether to start it.
#[derive(clap::Args)]
pub struct Args {
    /// Starts the installed disk in a machine with Secure Boot enforced, and enrolls its key as a person would.
    #[arg(long)]
    boot: bool,
    /// The answers; a copy goes to target/demo/answers.toml.
    #[arg(long, default_value = ANSWERS, value_name = "FILE")]
    answers: PathBuf,
}

/// Makes everything that is not there yet, and installs anew.
pub fn run(args: &Args) -> Result<()> {
    workbench::enter()?;
    let place = install(&args.answers)?;
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

/// Installs the demo system and returns the folder that holds the result.
pub fn install(answers: &Path) -> Result<PathBuf> {
    let place = paths::repository()?.join("target/demo");
    fs::create_dir_all(&place)?;
    let forgectl = forgectl()?;
    let system = demo_system::make()?;
    let certificate = keys(&forgectl, &place)?;
    let payload = payload(&forgectl, &place, &system)?;

    let own_answers = place.join("answers.toml");
    fs::copy(answers, &own_answers).with_context(|| format!("{} can not be read", answers.display()))?;
    let disk = place.join("disk.img");
    let _ = fs::remove_file(&disk);
    File::create_new(&disk)?.set_len(DISK_BYTES)?;
    let option = |name: &str, path: &Path| [name.into(), path.as_os_str().to_owned()];
    let mut run = Command::new(&forgectl);
    run.arg("install")
        .args(option("--answers", &own_answers))
        .args(option("--payload", &payload))
        .args(option("--certificate", &certificate))
        .args(option("--target", &disk))
        .args(option("--output", &place));
    command::run(&mut run)?;
    command::run(
        Command::new(&forgectl).arg("verify").arg(&disk).args(option("--receipt", &place.join("receipt.json"))),
    )?;
    Ok(place)
}

/// Builds `forgectl` and returns its path.
fn forgectl() -> Result<PathBuf> {
    command::run(cargo().args(["build", "--quiet", "--locked", "--package", "forge-cli"]))?;
    Ok(paths::target()?.join("debug/forgectl"))
}

/// The demo's own signing keys, made once.
fn keys(forgectl: &Path, place: &Path) -> Result<PathBuf> {
    let keys = place.join("keys");
    let certificate = keys.join("certificate.pgp");
    if !certificate.exists() {
        let _ = fs::remove_dir_all(&keys);
        // A payload that other keys signed is of no use any more.
        let _ = fs::remove_file(place.join("payload.from"));
        let user = "Forge demo, trusted by nobody <demo@example.org>";
        command::run(Command::new(forgectl).args(["payload", "keys", "--user-id", user, "--output"]).arg(&keys))?;
    }
    Ok(certificate)
}

/// The payload, made again when the system it comes from is another one.
fn payload(forgectl: &Path, place: &Path, system: &Path) -> Result<PathBuf> {
    let (payload, stamp) = (place.join("payload"), place.join("payload.from"));
    let from = system.display().to_string();
    if fs::read_to_string(&stamp).is_ok_and(|made_from| made_from == from) {
        return Ok(payload);
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
    Ok(payload)
}
