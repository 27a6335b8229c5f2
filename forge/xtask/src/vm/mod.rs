//! `cargo xtask vm`: boots the demo's disk, and its live medium, under Secure Boot, in machines without KVM; no packet leaves.
//!
//! | file | what it does |
//! |---|---|
//! | [`scenarios`] | what must happen, and the first of them |
//! | [`enrollment`] | what goes wrong between a person and MokManager |
//! | [`two_keys`], [`revoked`] | what each of the two keys is good for; what a firmware does that knows better |
//! | [`encrypted`], [`chip`] | what opens an encrypted state: a person, a TPM |
//! | [`beside`] | other systems on the disk, and an earlier install that is replaced |
//! | [`blobs`] | pieces of firmware, looked for in a disk and in its system |
//! | [`optional`] | proprietary firmware that was accepted, or not |
//! | [`live`], [`kiosk`], [`unattended`] | the ISO, a person at its screen, and what it does alone |
//! | [`administrator`], [`left`] | answers and sticks for it, and what it leaves |
//! | [`machine`] | QEMU, with what is [`attached`], such as a [`tpm`]; [`console`] its lines, [`qmp`] its keys and screen, [`firmware`] its variables |
//! | [`mokmanager`], [`guest`] | enrolls by keys; logs in |
//! | [`checks`], [`audit`] | look around in the guest; let it look itself. [`demo`] says what they must find |
//! | [`anew`], [`tamper`], [`alone`] | installs once more; changes disks; starts any installed disk |
mod administrator;
mod alone;
mod anew;
mod ansi;
mod attached;
mod audit;
mod beside;
mod blobs;
mod checks;
mod chip;
mod console;
mod demo;
mod encrypted;
mod enrollment;
mod firmware;
mod guest;
mod kiosk;
mod left;
mod live;
mod machine;
mod mokmanager;
mod optional;
mod qmp;
mod revoked;
mod scenarios;
mod scratch;
mod tamper;
mod tool;
mod tpm;
mod two_keys;
mod unattended;

use anyhow::{Context, Result, ensure};
use scenarios::{ONLY_IN_ALL, SCENARIOS, Scenario, Stage};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Which scenarios run, and on what.
#[derive(clap::Args)]
pub struct Args {
    /// Scenarios by name; all of them when left out.
    names: Vec<String>,
    /// A folder like the one that `cargo xtask demo` made; that one when left out.
    #[arg(long, value_name = "FOLDER")]
    demo: Option<PathBuf>,
    /// Only those that `cargo xtask test` runs without `--all`.
    #[arg(long, conflicts_with = "names")]
    usual: bool,
    /// Only list the scenarios; those that take `cargo xtask test --all` are marked.
    #[arg(long)]
    list: bool,
    /// Only starts this disk, with Secure Boot off, up to its question for a name.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["names", "usual", "demo", "list"])]
    disk: Option<PathBuf>,
}

impl Args {
    /// Every scenario, or the usual ones, on the demo in its usual place.
    pub fn many(all: bool) -> Self {
        Self { names: Vec::new(), demo: None, usual: !all, list: false, disk: None }
    }

    /// One scenario on what a demo left.
    pub fn only(name: &str, demo: &Path) -> Self {
        Self { names: vec![name.into()], demo: Some(demo.into()), usual: false, list: false, disk: None }
    }
}

/// Runs the scenarios and prints a table of what came out.
pub fn run(args: &Args) -> Result<()> {
    if args.list {
        for scenario in &SCENARIOS {
            let when = if ONLY_IN_ALL.contains(&scenario.name) { "--all" } else { "" };
            println!("{:21} {when:5}  {}", scenario.name, scenario.sentence);
        }
        return Ok(());
    }
    if let Some(disk) = &args.disk {
        crate::workbench::enter()?;
        return start(disk);
    }
    let mut chosen = chosen(&args.names)?;
    chosen.retain(|scenario| !args.usual || !ONLY_IN_ALL.contains(&scenario.name));
    crate::workbench::enter()?;
    let folder = args.demo.clone().map_or_else(crate::demo::place, Ok)?;
    let stage = Stage::new(&folder)?;
    let mut rows = Vec::new();
    for scenario in chosen {
        println!("{}: {}", scenario.name, scenario.sentence);
        let start = Instant::now();
        let result = (scenario.run)(&stage);
        let seconds = start.elapsed().as_secs_f32();
        match &result {
            Ok(()) => println!("{}: passed in {seconds:.1} s\n", scenario.name),
            Err(error) => println!("{}: FAILED after {seconds:.1} s: {error:#}\n", scenario.name),
        }
        rows.push((scenario, result.is_ok(), seconds));
    }
    for (scenario, passed, seconds) in &rows {
        let word = if *passed { "passed" } else { "FAILED" };
        println!("{:16} {word} {seconds:7.1} s  {}", scenario.name, scenario.sentence);
    }
    let failed = rows.iter().filter(|(_, passed, _)| !passed).count();
    println!("vm: {} passed, {failed} failed", rows.len() - failed);
    ensure!(failed == 0, "VM scenarios failed; logs and screenshots are in {}/vm", folder.display());
    Ok(())
}

/// Starts one installed disk with Secure Boot off; logs and pictures go to a folder beside it.
pub fn start(disk: &Path) -> Result<()> {
    let picture = alone::start(disk, &disk.with_extension("vm"))?;
    println!("{} starts and asks for a name: {}", disk.display(), picture.display());
    Ok(())
}

/// The scenarios with these names, in the order of the table.
fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>> {
    for name in names {
        let known = SCENARIOS.iter().any(|s| s.name == name);
        known.then_some(()).with_context(|| format!("no scenario is called {name:?}; see --list"))?;
    }
    let wanted = |s: &&Scenario| names.is_empty() || names.iter().any(|n| n == s.name);
    Ok(SCENARIOS.iter().filter(wanted).collect())
}
