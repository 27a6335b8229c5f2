//! `forgectl`: Forge from a terminal.
//!
//! | file | what it does |
//! |---|---|
//! | `arguments` | the commands and their options; man pages and completions come from it |
//! | `payload` | `payload build`, `payload verify`, `payload keys` |
//! | `check` | `check`: an answer file, and what would become of a recorded machine |
//! | `record` | `record`: this machine as a file, without private data |
//! | `plan` | `plan`: what would be done |
//! | `install` | `install` into a plain file: does it, shows progress, hands over |
//! | `device` | `disks`, and `plan`, `install`, `attach` on a disk, by the helper |
//! | `audit` | `audit`: the posture of this machine, by the helper or as far as the caller can see |
//! | `receipt` | `receipt verify`: a receipt and the boot files beside it |
//! | `machine` | `machine`, `enroll`: this machine's key and its enrollment |
//! | `firmware` | `firmware list`, `licence`, `add`, `remove`: proprietary firmware on an installed machine |
//! | `credentials` | `credentials open`, `credentials seal`: sealed files |
//! | `answers_sign` | `answers sign`, `answers verify` |
//! | `password` | asks for a password or a passphrase |
//! | `handover` | the files that an install leaves for a person |
//! | `log_file` | `install --log`: every command line and stage |
//! | `output` | standard output, whose reader may go away |
//! | `unattended` | an install at which nobody sits: answers are found, nobody is asked |
//! | `verify` | `verify`: a finished disk or file against its receipt |
//! | `failure` | every way to end, its exit code, and the sentence |
//! | `firmware_words` | the firmware in sentences |
//! | `bundle_words` | optional proprietary firmware in sentences |
//! | `answers_words` | which machine and which disk answers mean, in sentences |
//! | `way_words` | the ways to use a disk in sentences |
//! | `words` | plans, issues and stages in sentences |

mod answers_sign;
mod answers_words;
mod arguments;
mod audit;
mod bundle_words;
mod check;
mod credentials;
mod device;
mod failure;
mod firmware;
mod firmware_words;
mod handover;
mod install;
mod log_file;
mod machine;
mod output;
mod password;
mod payload;
mod plan;
mod progress;
mod receipt;
mod record;
mod unattended;
mod verify;
mod way_words;
mod words;

use arguments::{Arguments, Command, ReceiptCommand};
use clap::{CommandFactory, Parser};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    // No core dump ever holds a password or a handover.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            log::error!("{failure}");
            let _ = writeln!(std::io::stderr(), "forgectl: {failure}");
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), failure::Failure> {
    match command {
        Command::Check(wanted) => check::run(&wanted),
        Command::Record(wanted) => record::run(&wanted),
        Command::Plan(wanted) if device::is_device(&wanted.target) => device::plan(&wanted),
        Command::Plan(wanted) => plan::show(&wanted),
        Command::Install(wanted) if device::is_device(&wanted.plan.target) => device::install(&wanted),
        Command::Install(wanted) => install::run(&wanted),
        Command::Disks { json } => device::disks(json),
        Command::Unattended(wanted) => unattended::run(&wanted),
        Command::Attach { output, json } => device::attach(&output, json),
        Command::Verify { target, receipt } => verify::run(&target, receipt.as_deref()),
        Command::Audit { evidence, json } => audit::run(evidence, json),
        Command::Receipt { command: ReceiptCommand::Verify { esp, disk } } => receipt::verify(esp, disk),
        Command::Machine { issue: Some(file), .. } => machine::issue(&file),
        Command::Machine { json, .. } => machine::show(json),
        Command::Enroll { output } => machine::enroll(output.as_deref()),
        Command::Firmware { command } => firmware::run(command),
        Command::Payload { command } => payload::run(command),
        Command::Credentials { command } => credentials::run(command),
        Command::Answers { command } => answers_sign::run(command),
        Command::Schema => output::print(format_args!("{:#}", forge_model::answers::schema().as_value())),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "forgectl", &mut script);
            output::print(String::from_utf8_lossy(&script).trim_end_matches('\n'))
        }
        Command::Man { directory } => arguments::write_man_pages(&directory),
    }
}
