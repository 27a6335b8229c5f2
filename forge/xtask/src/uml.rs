//! `cargo xtask uml`: scenarios in user-mode Linux, a kernel that runs as a program.
//!
//! It has what the kernel of a build machine may lack: device-mapper, SCSI disks that can be pulled out, AppArmor in
//! enforce mode, systemd as PID 1. Its root is the workbench, read-only, under a layer in memory with what meson installs.
//! A scenario is a shell script in tests/uml; `run.sh` there starts it and says how it ended.
use crate::{check, command, paths, validate, workbench};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{ChildStdout, Command, Stdio},
    time::Instant,
};

/// A scenario's name and what it shows.
struct Scenario {
    name: &'static str,
    sentence: &'static str,
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "sandbox", sentence: "the helper's unit, profile and policy hold, and every tool works in them" },
    Scenario {
        name: "install",
        sentence: "an ordinary user installs onto a disk, through systemd, polkit, sandbox and profile",
    },
    Scenario { name: "encrypted", sentence: "the kernel opens the state that the helper encrypted, with either key" },
    Scenario { name: "unattended", sentence: "answers run alone in their own unit, and leave everything on a stick" },
    Scenario { name: "devices", sentence: "a busy disk is refused, and one that is pulled out is an error" },
];

/// Size of the disk with everything that the guest has beside the workbench.
const MEDIUM: &str = "1G";

/// After so many seconds a guest is ended, and the scenario has failed.
const LIMIT: u32 = 300;

/// Takes a namespace of its own, in which the root directory is read-only for the guest's root, too.
const START: &str = r#"mount -o remount,bind,ro / && exec /usr/bin/timeout --kill-after=5 "$@""#;

/// Which scenarios run.
#[derive(clap::Args)]
pub struct Args {
    /// Scenarios by name; all of them when left out.
    names: Vec<String>,
    /// Only list the scenarios.
    #[arg(long)]
    list: bool,
}

impl Args {
    /// All of them.
    pub fn all() -> Self {
        Self { names: Vec::new(), list: false }
    }
}

/// Runs the scenarios, each in a guest of its own.
pub fn run(args: &Args) -> Result<()> {
    if args.list {
        SCENARIOS.iter().for_each(|scenario| println!("{:10} {}", scenario.name, scenario.sentence));
        return Ok(());
    }
    for name in &args.names {
        let known = SCENARIOS.iter().any(|scenario| scenario.name == name);
        ensure!(known, "no scenario is called {name:?}; see --list");
    }
    workbench::enter()?;
    ensure!(
        workbench::is_root()?,
        "user-mode Linux takes its root directory from this system: only root can read all of it"
    );
    let place = paths::target()?.join("uml");
    fs::create_dir_all(&place)?;
    let medium = medium(&place)?;
    let mut failed = Vec::new();
    for scenario in SCENARIOS {
        if !args.names.is_empty() && !args.names.iter().any(|name| name == scenario.name) {
            continue;
        }
        println!("{}: {}", scenario.name, scenario.sentence);
        let start = Instant::now();
        let result = boot(scenario.name, &place, &medium);
        let seconds = start.elapsed().as_secs_f32();
        match result {
            Ok(()) => println!("{}: passed in {seconds:.1} s\n", scenario.name),
            Err(error) => {
                println!("{}: FAILED after {seconds:.1} s: {error:#}\n", scenario.name);
                failed.push(scenario.name);
            }
        }
    }
    ensure!(failed.is_empty(), "user-mode Linux: {} failed; logs are in {}", failed.join(", "), place.display());
    Ok(())
}

/// Builds the programs, and makes the disk with what the guest has beside the workbench.
fn medium(place: &Path) -> Result<PathBuf> {
    let bins = validate::PROGRAMS.iter().chain(&["forge-tests-payload"]).flat_map(|name| ["--bin", name]);
    command::run(check::cargo().args(["build", "--locked", "--quiet"]).args(bins))?;
    let build = place.join("meson");
    validate::set_up(&build, &paths::target()?.join("debug"), true)?;
    let stage = place.join("stage");
    validate::install(&build, &stage)?;
    let files = paths::repository()?.join("tests/uml/files/.");
    command::run(Command::new("/usr/bin/cp").args(["--recursive", "--no-target-directory"]).arg(files).arg(&stage))?;
    // The payload lies where a live medium has it.
    let payload = stage.join("usr/share/forge");
    fs::create_dir_all(&payload)?;
    command::run(Command::new(paths::target()?.join("debug/forge-tests-payload")).arg(&payload))?;
    fs::rename(payload.join("certificate.pgp"), payload.join("payload-certificate.pgp"))?;
    // The guest's boot medium.
    let medium = place.join("medium.img");
    let _ = fs::remove_file(&medium);
    let mut command = Command::new("/usr/sbin/mke2fs");
    command.args(["-q", "-t", "ext4", "-E", "root_owner=0:0", "-d"]).arg(&stage).arg(&medium).arg(MEDIUM);
    command::run(&mut command)?;
    Ok(medium)
}

/// Boots a guest that runs one scenario, and follows it to its end.
fn boot(name: &str, place: &Path, medium: &Path) -> Result<()> {
    let scripts = paths::repository()?.join("tests/uml");
    let log = place.join(format!("{name}.log"));
    let sockets = place.join("sockets");
    fs::create_dir_all(&sockets)?;
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--mount", "--propagation", "private", "/bin/sh", "-c", START, "sh"]).arg(LIMIT.to_string());
    command.args(["/usr/bin/linux.uml", "mem=1500M", "noreboot", "rootfstype=hostfs", "rootflags=/", "ro"]);
    // The scenario speaks on the serial line, which is standard output; kernel and systemd on standard error.
    command.args(["con=null", "con0=null,fd:2", "ssl=null", "ssl0=null,fd:1", "console=tty0"]);
    command.args(["lsm=apparmor", "apparmor=1", "random.trust_cpu=on", "systemd.show_status=1", "TERM=dumb"]);
    command.arg(format!("init={}/init.sh", scripts.display()));
    command.arg(format!("umid=forge-{name}-{}", std::process::id())).arg(format!("uml_dir={}", sockets.display()));
    command.arg(format!("FORGE_UML={}", scripts.display()));
    command.arg(format!("ubd0r={}", medium.display()));
    command.arg(format!("FORGE_SCENARIO={name}"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {}", command::line(&command)))?;
    let output = child.stdout.take().context("standard output is a pipe")?;
    let mut errors = child.stderr.take().context("standard error is a pipe")?;
    let mut file = File::create(&log).with_context(|| log.display().to_string())?;
    let logger = std::thread::spawn(move || std::io::copy(&mut errors, &mut file));
    let passed = follow(output)?;
    let status = child.wait()?;
    let _ = logger.join();
    match (passed, status.code()) {
        (Some(true), Some(0)) => Ok(()),
        (Some(_), _) => bail!("see the lines above, and {}", log.display()),
        (None, code) => {
            print_end(&log)?;
            bail!(if code == Some(124) { "it did not end in time" } else { "the guest died before the scenario ended" })
        }
    }
}

/// Prints what the scenario says; returns how it ended, if it said so.
fn follow(output: ChildStdout) -> Result<Option<bool>> {
    let mut passed = None;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        match line.strip_prefix("forge-uml: ") {
            Some(result) => passed = Some(result == "passed"),
            None => println!("  {line}"),
        }
    }
    Ok(passed)
}

/// The last lines of the system's log.
fn print_end(log: &Path) -> Result<()> {
    let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(60)..] {
        println!("  | {line}");
    }
    Ok(())
}
