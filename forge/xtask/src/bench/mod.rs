//! `cargo xtask bench`: the engine's image path against the tools a person would use instead, and the window against a
//! bare one.
//!
//! Contenders take turns (A B, then B A, …) on the same files; what counts is the median of the
//! ratios of the pairs, because a disk's speed changes from one minute to the next. Everything is
//! done twice: on disk, and in memory, where only the programs' own work shows.
mod contender;
mod duel;
mod install;
mod stage;
mod table;
mod window;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use contender::Contender;
use duel::{Duel, Goal};
use stage::Stage;

/// What to measure, and how often.
#[derive(Args)]
pub struct Options {
    /// Size of the image in MiB.
    #[arg(long, default_value_t = 2048, value_name = "MIB")]
    size: u64,
    /// How many times each contender runs.
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Directory on the disk to measure, target when left out; a new one in it is used and removed.
    #[arg(long, value_name = "DIR")]
    disk: Option<PathBuf>,
    /// Directory in memory; the same.
    #[arg(long, default_value = "/dev/shm", value_name = "DIR")]
    memory: PathBuf,
    /// Measure one of these only.
    #[arg(long, value_name = "PLACE")]
    only: Option<Only>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Disk,
    Memory,
    Window,
}

/// The goals; each is a ratio of times in one run.
const DUELS: [Duel; 4] = [
    Duel { ours: Contender::Write, peer: Contender::Dd, goal: Goal::AtMost(1.3) },
    Duel { ours: Contender::WriteAndProve, peer: Contender::DdAndVerify, goal: Goal::Faster(2.0) },
    Duel { ours: Contender::Build, peer: Contender::Format, goal: Goal::Faster(2.0) },
    Duel { ours: Contender::Write, peer: Contender::Bmaptool, goal: Goal::Faster(5.0) },
];

/// Measures and prints the table.
pub fn run(options: &Options) -> Result<()> {
    crate::workbench::enter()?;
    if options.only == Some(Only::Window) {
        return window::run(options.rounds);
    }
    let program = contender::compile()?;
    let before = load()?;
    let disk = options.disk.clone().map_or_else(crate::paths::target, Ok)?;
    let places = [("disk", Only::Disk, &disk), ("memory", Only::Memory, &options.memory)];
    let mut results = Vec::new();
    for (name, place, directory) in places {
        if options.only.is_some_and(|only| only != place) {
            continue;
        }
        eprintln!("{name}: making an image of {} MiB in {}", options.size, directory.display());
        let stage = Stage::new(directory, options.size, &program)
            .with_context(|| format!("cannot prepare {}", directory.display()))?;
        for duel in &DUELS {
            eprintln!("{name}: {} against {}", duel.ours.name(), duel.peer.name());
            results.push((name, duel::fight(duel, &stage, options.rounds)?));
        }
    }
    let cores = std::thread::available_parallelism()?;
    let machine = format!("{cores} cores; load before {before}, after {}.", load()?);
    print!("{}", table::render(options.size, options.rounds, &machine, &results));
    install::run(options.rounds)?;
    match options.only {
        Some(_) => Ok(()),
        None => window::run(options.rounds),
    }
}

/// How many programs wanted a core in the last minute: above zero before, times are noisy.
fn load() -> Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}
