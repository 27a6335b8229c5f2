//! `cargo xtask`: every command a developer of Forge needs, one each.
use clap::{Parser, Subcommand};

/// The project's commands for developers.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {}
}
