//! `cargo xtask`: every command a developer of Forge needs, one each.
mod bench;
mod check;
mod command;
mod demo;
mod demo_firmware;
mod demo_gui;
mod demo_programs;
mod demo_system;
mod generated;
mod gui_boot;
mod gui_docs;
mod gui_shots;
mod iso;
mod layers;
mod licences;
mod metadata;
mod paths;
mod po;
mod uml;
mod validate;
mod vm;
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
    /// Checks formatting, layers, licences and lints.
    Check,
    /// Installs a small real system, unattended, into a disk image; with --boot, starts it; with --gui, in the window.
    Demo(demo::Args),
    /// Makes the demo's system tree and boot programs, once, and prints where they are.
    DemoSystem,
    /// Checks that generated files (schema, D-Bus interfaces, man pages, completions) are up to date.
    Generated {
        /// Brings them up to date.
        #[arg(long)]
        write: bool,
    },
    /// Installs the demo's system at the window, by keyboard, and boots what came of it.
    GuiBoot,
    /// Takes pictures of every page of the window, on a machine that is played.
    GuiShots(gui_shots::Options),
    /// Runs the tests of the window, in a compositor without a screen.
    GuiTest,
    /// Makes the live medium: an ISO with the demo system, Forge and the payload.
    Iso(iso::Args),
    /// Checks that every package keeps out what it has to.
    Layers,
    /// Checks that the licence of everything Forge uses is compatible with its own.
    Licences,
    /// Extracts the texts of the window for translators, and updates the translations.
    Po {
        /// Only says whether they are up to date.
        #[arg(long)]
        check: bool,
    },
    /// Runs the checks, the tests of every package and the scenarios in virtual machines.
    Test {
        /// Leaves out the virtual machines.
        #[arg(long)]
        no_vm: bool,
        /// Every scenario in virtual machines, those that take long, too, and two builds of the ISO compared.
        #[arg(long, conflicts_with = "no_vm")]
        all: bool,
    },
    /// Runs scenarios in user-mode Linux, with systemd, AppArmor and disks that can be pulled out.
    Uml(uml::Args),
    /// Checks what meson installs: units, policies, profiles.
    Validate {
        /// Brings the list of installed files up to date.
        #[arg(long)]
        write: bool,
    },
    /// Makes the workbench if this host needs one, and runs a command in it.
    Workbench {
        /// The command and its arguments; without one, only the set-up is made.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<std::ffi::OsString>,
    },
    /// Boots the demo's disk under Secure Boot and checks what must and must not start.
    Vm(vm::Args),
    /// Measures the image path against dd, veritysetup and bmaptool.
    Bench(bench::Options),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Check => check::check(),
        Command::Demo(args) => demo::run(&args),
        Command::DemoSystem => demo_system::make().map(|place| println!("{}", place.display())),
        Command::Generated { write } => generated::run(write),
        Command::GuiBoot => gui_boot::run(),
        Command::GuiShots(options) => gui_shots::run(&options),
        Command::GuiTest => gui_shots::test(),
        Command::Iso(args) => iso::run(&args),
        Command::Layers => layers::check(),
        Command::Licences => licences::check(),
        Command::Po { check } => po::run(check),
        Command::Test { no_vm, all } => check::test(if no_vm { None } else { Some(all) }),
        Command::Uml(args) => uml::run(&args),
        Command::Validate { write } => validate::run(write),
        Command::Workbench { command } => workbench::run(&command),
        Command::Vm(args) => vm::run(&args),
        Command::Bench(options) => bench::run(&options),
    }
}
