//! `cargo xtask`: every command a developer of Forge needs, one each.
mod command;
mod demo_system;
mod paths;
mod workbench;

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
    /// Makes the demo's system image tree and boot programs, once, and prints where they are.
    DemoSystem,
    /// Makes the workbench if this host needs one, and runs a command in it.
    Workbench {
        /// The command and its arguments; without one, only the set-up is made.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<std::ffi::OsString>,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::DemoSystem => Ok(println!("{}", demo_system::make()?.display())),
        Command::Workbench { command } => workbench::run(&command),
    }
}
