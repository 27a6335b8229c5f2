//! `cargo xtask`: every command a developer of Forge needs, one each.
mod bench;

use clap::{Parser, Subcommand};

/// The project's commands for developers.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures the image path against dd, veritysetup and bmaptool.
    Bench(bench::Options),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Bench(options) => bench::run(&options),
    }
}
