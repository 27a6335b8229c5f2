//! The commands and their options.

use crate::failure::Failure;
use clap::{Args, CommandFactory, Parser, Subcommand};
use forge_engine::seal::Recipient;
use std::path::{Path, PathBuf};

/// Where an installation medium keeps the certificate that signs its payload.
const CERTIFICATE: &str = "/usr/share/forge/payload-certificate.pgp";
/// Where the live medium has its payload.
const PAYLOAD: &str = "/usr/share/forge/payload";

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  something else failed; the disk is as it was
  2  the command line is wrong
  3  the answers can not be used, or do not fit the disk; the disk is as it was
  4  the payload is not used; the disk is as it was
  5  the target is not used; the disk is as it was
  6  it failed after the first write; the disk starts nothing now
  7  it was cancelled
  8  what was checked is not in order, or a part of it could not be checked
  9  it is installed, but not every file of the handover could be written
  10 the helper can not be reached, or does not allow it; the disk is as it was
  11 the request to enroll the key could not be left in the firmware";

/// Plans, does and checks installs of InterGenOS.
#[derive(Parser)]
#[command(name = "forgectl", version, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Reads an answer file and says what is wrong with it, and what would become of a recorded machine
    Check(CheckArguments),
    /// Writes a machine into a file, for "check --machine" somewhere else
    Record(RecordArguments),
    /// Says what an install would do, and changes nothing
    Plan(PlanArguments),
    /// Installs a payload, as the answers say
    Install(InstallArguments),
    /// Lists the disks of this machine, and why one can not be taken
    Disks {
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Installs as answers say that come with this machine or its medium; nobody has to be there
    Unattended(UnattendedArguments),
    /// Comes back to an install on a disk that goes on by itself: shows progress, hands over
    Attach {
        /// The directory for the receipt, the credentials and the enrollment request
        #[arg(long)]
        output: PathBuf,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Checks an installed disk or file against its receipt, without mounting it
    Verify {
        /// The disk or file
        target: PathBuf,
        /// The receipt that was handed over; the one on the disk is used when left out
        #[arg(long)]
        receipt: Option<PathBuf>,
    },
    /// Measures what this machine keeps of the promises of its system
    Audit {
        /// Shows the evidence of every line, and not only where something is wrong
        #[arg(long)]
        evidence: bool,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Shows whether this machine's key is enrolled, and what its firmware says
    Machine {
        /// Prints JSON
        #[arg(long)]
        json: bool,
        /// Writes into this file what a text console says before a login, such as /run/issue.d/forge.issue; removes it
        /// when nothing is left to do
        #[arg(long, value_name = "FILE", conflicts_with = "json")]
        issue: Option<PathBuf>,
    },
    /// Checks receipts
    Receipt {
        #[command(subcommand)]
        command: ReceiptCommand,
    },
    /// Asks once more to have this machine's key enrolled at the next start, with a new code
    Enroll {
        /// The directory for the code. Without it, it is shown
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// Lists the proprietary firmware of this machine, adds some and takes it away
    Firmware {
        #[command(subcommand)]
        command: FirmwareCommand,
    },
    /// Opens sealed credentials, and seals a password for answers
    Credentials {
        #[command(subcommand)]
        command: CredentialsCommand,
    },
    /// Signs answers, and checks their signature
    Answers {
        #[command(subcommand)]
        command: AnswersCommand,
    },
    /// Makes and checks payloads
    Payload {
        #[command(subcommand)]
        command: PayloadCommand,
    },
    /// Prints the JSON Schema of answer files
    Schema,
    /// Prints completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Writes the man pages
    Man {
        /// The directory that they go to
        directory: PathBuf,
    },
}

#[derive(Args)]
pub struct CheckArguments {
    /// The answer file
    pub answers: PathBuf,
    /// A machine that "record" wrote. Says whether the answers are for it, which override is used and which disk would be
    /// erased with nobody there; ends with 3 when that would not begin
    #[arg(long, value_name = "FILE")]
    pub machine: Option<PathBuf>,
    /// The OpenPGP certificate of who has to have signed the answers; the signature lies beside them and ends in .sig
    #[arg(long, value_name = "CERTIFICATE")]
    pub signed_by: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct RecordArguments {
    /// The file, which is replaced. It is printed when left out
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Writes serial numbers, the UUID and WWNs as they are, and not as digests
    #[arg(long)]
    pub with_identity: bool,
    /// What the digests are salted with; random when left out. With the same salt the same value gives the same digest
    #[arg(long, value_name = "TEXT", conflicts_with = "with_identity")]
    pub salt: Option<String>,
}

#[derive(Args)]
pub struct PlanArguments {
    /// The answer file
    #[arg(long)]
    pub answers: PathBuf,
    /// The payload's directory, for a plain file. A disk gets the payload of the installation medium
    #[arg(long)]
    pub payload: Option<PathBuf>,
    /// The OpenPGP certificate that signs payloads, for a plain file
    #[arg(long, default_value = CERTIFICATE)]
    pub certificate: PathBuf,
    /// The disk (by the helper, as polkit allows) or the plain file to install to; everything on it is lost
    #[arg(long)]
    pub target: PathBuf,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct InstallArguments {
    #[command(flatten)]
    pub plan: PlanArguments,
    /// The directory for the receipt, the credentials and the enrollment request
    #[arg(long)]
    pub output: PathBuf,
    /// Goes on only if the plan has this digest (as `forgectl plan` prints it)
    #[arg(long)]
    pub digest: Option<String>,
    /// Appends every command line and stage to this file; each line begins with seconds since 1970. It holds no secret
    #[arg(long)]
    pub log: Option<PathBuf>,
}

#[derive(Args)]
pub struct UnattendedArguments {
    /// Runs nothing: leaves the answers in /run/forge/answers as a proposal for the window
    #[arg(long)]
    pub prefill: bool,
    /// Looks for answers, consoles and the firmware's words below this directory, as tests do
    #[arg(long, default_value = "/", hide = true)]
    pub root: PathBuf,
    /// Seconds in which a key stops it
    #[arg(long, default_value_t = 30, hide = true)]
    pub countdown: u64,
    /// Seconds in which volumes and disks may appear
    #[arg(long, default_value_t = 20, hide = true)]
    pub settle: u64,
}

#[derive(Subcommand)]
pub enum ReceiptCommand {
    /// Checks a receipt, its signature, and the boot files that it names
    Verify {
        /// The directory that the EFI system partition is mounted or copied to; where this machine has it when left out
        #[arg(long)]
        esp: Option<PathBuf>,
        /// A disk or a file with an installed system, not mounted
        #[arg(long, conflicts_with = "esp")]
        disk: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub enum CredentialsCommand {
    /// Prints what a sealed file holds: it is secret
    Open {
        /// The sealed file (credentials.sealed or credentials.age)
        file: PathBuf,
        /// The file that holds the passphrase, on one line. It is asked for on the terminal when left out
        #[arg(long, value_name = "FILE", conflicts_with = "identity")]
        passphrase_file: Option<PathBuf>,
        /// The age identity, as age-keygen writes it
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
    },
    /// Seals a file, such as a password for answers, to a passphrase or to age keys
    Seal {
        /// The file to seal; - is standard input
        file: PathBuf,
        /// The new file
        #[arg(long)]
        output: PathBuf,
        /// An age public key; anybody with the identity to one of them can open it
        #[arg(long, value_name = "age1…", conflicts_with = "passphrase_file")]
        age_recipient: Vec<Recipient>,
        /// The file that holds the passphrase, on one line. It is asked for on the terminal when left out
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub enum AnswersCommand {
    /// Signs the bytes of an answer file; the signature lies beside it and ends in .sig
    Sign {
        /// The answer file
        answers: PathBuf,
        /// The OpenPGP key that signs, with its secret and without a password
        #[arg(long)]
        key: PathBuf,
    },
    /// Checks who signed an answer file
    Verify {
        /// The answer file; its signature lies beside it and ends in .sig
        answers: PathBuf,
        /// The OpenPGP certificate of somebody who may sign
        #[arg(long, required = true)]
        certificate: Vec<PathBuf>,
    },
}

#[derive(Subcommand)]
pub enum FirmwareCommand {
    /// Shows what is on this machine and who accepted it, which devices ask for more, and what a payload has
    List {
        /// A payload's directory
        #[arg(long, value_name = "DIRECTORY", default_value = PAYLOAD)]
        from: PathBuf,
        /// The OpenPGP certificate that signs payloads
        #[arg(long, default_value = CERTIFICATE)]
        certificate: PathBuf,
        /// Prints JSON, of this machine only
        #[arg(long)]
        json: bool,
    },
    /// Adds a bundle from a payload: whoever calls accepts it
    Add {
        /// The bundle's name
        name: String,
        /// A payload's directory: of the medium, or a copy
        #[arg(long, value_name = "DIRECTORY", default_value = PAYLOAD)]
        from: PathBuf,
        /// The OpenPGP certificate that signs payloads. The helper has its own, and takes no other
        #[arg(long, default_value = CERTIFICATE)]
        certificate: PathBuf,
    },
    /// Takes a bundle away; it is gone at the next start
    Remove {
        /// The bundle's name
        name: String,
    },
}

#[derive(Subcommand)]
pub enum PayloadCommand {
    /// Makes a signed payload from a system tree and its boot files
    Build {
        /// The description of what goes in (payload.toml)
        source: PathBuf,
        /// The release key that signs it
        #[arg(long)]
        key: PathBuf,
        /// The new directory that it goes to
        #[arg(long)]
        output: PathBuf,
    },
    /// Makes bundles of proprietary firmware that a payload can carry
    Firmware {
        /// The description of the bundles (firmware.toml)
        source: PathBuf,
        /// The tree of the system that they are for: its os-release and its kernels' lists of devices are read
        #[arg(long, value_name = "ROOT")]
        system: PathBuf,
        /// The new directory that they go to; payload.toml names it in "firmware"
        #[arg(long)]
        output: PathBuf,
    },
    /// Checks a payload's signature and every byte of its files
    Verify {
        /// The payload's directory
        payload: PathBuf,
        /// The OpenPGP certificate that signs payloads
        #[arg(long, default_value = CERTIFICATE)]
        certificate: PathBuf,
    },
    /// Makes a master key and a release key, for a distributor or a trial
    Keys {
        /// Whose keys they are, such as "Example releases <releases@example.org>"
        #[arg(long)]
        user_id: String,
        /// The new directory that they go to
        #[arg(long)]
        output: PathBuf,
    },
}

/// Writes `forgectl.1` and a page for each command.
pub fn write_man_pages(directory: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(directory).map_err(|e| Failure::file(directory, e))?;
    clap_mangen::generate_to(Arguments::command(), directory).map_err(|e| Failure::file(directory, e))
}
