//! `cargo xtask`: every command a developer of Forge needs, one each.
mod vm;

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
    /// Boots the demo's disk under Secure Boot and checks what must and must not start.
    Vm(vm::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Vm(args) => vm::run(&args),
    }
}
