//! Every way in which a command ends badly: the exit code, and the sentence with the fix.

use crate::{
    answers_words,
    firmware_words::{self, FROM_DISK},
    unattended::fault::Fault,
    words,
};
use forge_dbus::{Error as RefusedBy, client::ClientError, status::Smaller};
use forge_engine::{
    firmware::make::MakeError,
    install::{Failed, InstallError},
    openpgp::{AnswersSignatureError, SignError, SignatureError},
    payload::{PayloadError, build::BuildError},
    prepare::PrepareError,
    seal::{Kind, OpenError, SealError},
    target::TargetError,
    tool::ToolError,
    verify::VerifyError,
};
use forge_model::{
    Issue, OldTable, Stage,
    answers::AnswersError,
    layout::Beside,
    machine::{Enrollment, StagingFault},
    recorded::RecordedError,
    unattended::Reason,
};
use std::{error::Error, fmt, io, path::Path, path::PathBuf, process::ExitCode};

/// A command that did not end well.
#[derive(Debug)]
pub enum Failure {
    /// A file that the person named can not be used.
    File(PathBuf, io::Error),
    /// The answer file can not be read.
    Answers(PathBuf, AnswersError),
    /// The answers do not fit.
    Issues(PathBuf, Vec<Issue>),
    /// The plan is not the one that was confirmed.
    OtherPlan(String),
    /// The payload is not used.
    Payload(PayloadError),
    /// No payload was made.
    Build(Box<BuildError>),
    /// No firmware was made.
    Firmware(Box<MakeError>),
    /// The target is not used.
    Target(TargetError),
    /// The install failed.
    Install(Box<Failed>),
    /// The install was cancelled.
    Cancelled {
        /// In this stage.
        stage: Stage,
        /// Whether anything was written.
        written: bool,
    },
    /// The install was cancelled, beside other systems.
    CancelledBeside {
        /// In this stage.
        stage: Stage,
        /// The partitions that were made smaller before.
        smaller: Vec<Smaller>,
        /// How many partitions were to go.
        removed: u16,
    },
    /// The helper's install failed.
    Job(forge_dbus::status::Failure),
    /// The same, beside other systems; and how many partitions were to go.
    JobBeside(forge_dbus::status::Failure, u16),
    /// The helper can not be reached, or refused.
    Helper {
        /// Why.
        error: ClientError,
        /// Whether this was before anything of this run could be written.
        untouched: bool,
    },
    /// It is installed on a disk, but a file of the handover could not be written; the helper still has all of it.
    HandoverKept(PathBuf, io::Error),
    /// No medium with a payload is there to take firmware from.
    NoMedium(PathBuf),
    /// The payload has no such bundle; those that it has.
    NoSuchBundle(String, Vec<String>),
    /// A bundle was shown, and not accepted.
    NotAccepted(String),
    /// Nobody can be asked whether a bundle is accepted; its SHA-256.
    NobodyAccepts(String),
    /// Another image was accepted than the payload has; its SHA-256.
    OtherImage(String),
    /// The helper went away in the middle of an install; what stays on the disk, and what of it was to change, where the
    /// disk was not taken as a whole.
    HelperLost(Option<Box<Beside>>),
    /// No install is under way.
    NoJob,
    /// A plain file needs a payload that is named.
    NoPayload,
    /// A disk gets the medium's payload, and no other.
    PayloadForDisk,
    /// The terminal could not be read.
    Terminal(io::Error),
    /// It is installed, but a file of the handover could not be written.
    Handover(PathBuf, io::Error),
    /// It could not be sealed; nothing was written.
    Seal(SealError),
    /// It is installed, but the credentials could not be sealed.
    SealHandover(SealError),
    /// A sealed file can not be opened.
    Open(PathBuf, OpenError),
    /// A sealed file is opened by another kind of key than the one that is there.
    OpenWith(PathBuf, Kind),
    /// A file to seal, or one with a passphrase, holds something else.
    NoPassphrase(PathBuf),
    /// A passphrase is asked for, and nobody can type one here.
    TypedPassphrase,
    /// Answers could not be signed.
    Sign(PathBuf, SignError),
    /// Answers are not taken as signed.
    NotSigned(PathBuf, AnswersSignatureError),
    /// The answers name a password that somebody types, and nobody can type one here.
    TypedPassword,
    /// The answers would not be used with nobody there.
    NeedsSomebody(PathBuf, Vec<Reason>),
    /// The file is no recorded machine.
    Recorded(PathBuf, RecordedError),
    /// Standard tools are missing.
    MissingTools(Vec<PathBuf>),
    /// Nothing could be checked.
    Verify(PathBuf, VerifyError),
    /// What was checked is not in order.
    NotInOrder(usize),
    /// None failed, but some could not be made.
    NotMeasured(usize),
    /// Keys could not be made.
    Keys(String),
    /// This machine's key is not enrolled.
    NotEnrolled(Enrollment),
    /// There is no firmware that a request could be left in.
    NoFirmware,
    /// The request could not be left in the firmware.
    NotStaged(StagingFault, String),
    /// An install at which nobody sits stopped for a reason of its own.
    Unattended(Fault),
    /// It ended badly with nobody there, who could run a command again.
    Alone(Box<Failure>),
}

impl Failure {
    /// A file that can not be used.
    pub fn file(path: &Path, error: io::Error) -> Self {
        Self::File(path.to_owned(), error)
    }

    /// The documented exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// The same as a number.
    pub fn code(&self) -> u8 {
        match self {
            Self::Unattended(fault) => fault.code(),
            Self::Alone(failure) => failure.code(),
            Self::File(..)
            | Self::Build(_)
            | Self::Firmware(_)
            | Self::Keys(_)
            | Self::MissingTools(_)
            | Self::Terminal(_) => 1,
            Self::Seal(_)
            | Self::Open(..)
            | Self::OpenWith(..)
            | Self::NoPassphrase(_)
            | Self::TypedPassphrase
            | Self::Sign(..) => 1,
            Self::NoPayload | Self::PayloadForDisk => 2,
            Self::NotSigned(..) => 3,
            Self::NeedsSomebody(..) => 3,
            Self::Recorded(..) => 1,
            Self::Answers(..) | Self::Issues(..) | Self::OtherPlan(_) | Self::TypedPassword => 3,
            Self::Payload(_) => 4,
            Self::Target(_) => 5,
            Self::Install(failed) if failed.written => 6,
            Self::Install(failed) => match &failed.error {
                InstallError::Payload(_) | InstallError::PayloadChanged => 4,
                InstallError::Prepare(PrepareError::Payload(_)) => 4,
                InstallError::Prepare(PrepareError::System(_)) => 3,
                InstallError::Target(_) => 5,
                _ => 1,
            },
            Self::Cancelled { .. } | Self::CancelledBeside { .. } => 7,
            Self::HelperLost(_) => 6,
            Self::Job(failure) | Self::JobBeside(failure, _) if failure.written => 6,
            Self::Job(failure) | Self::JobBeside(failure, _) => match failure.kind.as_str() {
                "accounts" => 3,
                "payload" | "payload-changed" => 4,
                kind if kind.starts_with("disk-") => 5,
                _ => 1,
            },
            Self::Helper { error, .. } => match error {
                ClientError::Issues(_) | ClientError::Answers(_) => 3,
                ClientError::Refused(RefusedBy::OtherPlan(_)) => 3,
                ClientError::Refused(RefusedBy::NoPayload(_)) => 4,
                ClientError::Refused(RefusedBy::NoDisks(_)) => 5,
                _ => 10,
            },
            Self::NoMedium(_) | Self::NoSuchBundle(..) | Self::OtherImage(_) => 4,
            Self::NotAccepted(_) => 7,
            Self::NobodyAccepts(_) => 2,
            Self::NoJob => 10,
            Self::Verify(..) | Self::NotInOrder(_) | Self::NotMeasured(_) | Self::NotEnrolled(_) => 8,
            Self::NoFirmware | Self::NotStaged(..) => 11,
            Self::Handover(..) | Self::HandoverKept(..) | Self::SealHandover(_) => 9,
        }
    }
}

/// What others on the disk have, after something was written beside them.
fn beside(table: OldTable, removed: u16, again: &str) -> String {
    // The EFI system partition that is shared was written, and nobody has looked at it since.
    let rest = match (table, removed) {
        (OldTable::Replaced, 0) => "No other partition of yours was written.",
        (OldTable::Replaced, _) => "no other partition of yours was written.",
        (_, 0) => "Nothing of yours was touched.",
        _ => "everything else of yours is as it was.",
    };
    let lost = match removed {
        0 => rest.to_owned(),
        1 => format!("The partition that was to go is lost; {rest}"),
        n => format!("The {n} partitions that were to go are lost; {rest}"),
    };
    let again = if table.is_in_force() { format!(" {again}") } else { String::new() };
    format!("{} {lost}{again}", old_table(table))
}

/// What may have become of others on the disk, when the helper could not say it any more.
fn lost_beside(beside: &Beside) -> String {
    let list = |numbers: &mut dyn Iterator<Item = u32>| {
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
    };
    let mut said = vec![old_table(OldTable::Unknown).to_owned()];
    if !beside.shrunk.is_empty() {
        said.push(format!(
            "These partitions were to be made smaller, and may be, or that may still go on: {}. Leave the computer on until \
             the disk is quiet, then let the systems that they belong to check them.",
            list(&mut beside.shrunk.iter().map(|shrunk| shrunk.number))
        ));
    }
    if !beside.removed.is_empty() {
        said.push(format!(
            "These partitions were to go, and may be lost: {}.",
            list(&mut beside.removed.iter().map(|removed| removed.number))
        ));
    }
    said.join(" ")
}

/// Which partition table is there.
fn old_table(table: OldTable) -> &'static str {
    match table {
        OldTable::Untouched => "The old partition table is still there.",
        OldTable::Restored => {
            "The old partition table could not be changed. It was put back, and read back from the disk."
        }
        OldTable::SecondCopyLost => {
            "The old partition table is still in force, but its second copy, at the end of the disk, could not be put back. \
             \"fdisk DISK\" writes it anew: type w at its prompt."
        }
        OldTable::Replaced => {
            "The new partition table is there, but the new system does not start: its boot files are not in the EFI system \
             partition that it shares. The files that were there should be readable, but nobody has checked that: look at \
             that partition with \"fsck.fat -n\" before you turn the computer off. To go on, install with use = \"replace\", \
             which gives the system an EFI system partition of its own."
        }
        OldTable::Unknown => {
            "It is not known whether the old partition table or the new one is there now. If no partitions are seen, its \
             first copy is damaged: \"fdisk DISK\" restores it from the second one, type w at its prompt. \"forgectl \
             verify\" tells whether the new system is complete."
        }
    }
}

/// An error with everything under it. Some errors repeat their source in their own words; it is not said twice.
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        let mut below = self.0.source();
        while let Some(error) = below {
            let words = error.to_string();
            if !said.contains(&words) {
                said = format!("{said}: {words}");
            }
            below = error.source();
        }
        f.write_str(&said)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again =
            "Run the command again to go on (with a new --digest, if one was given: the target is not what it was).";
        self.say(f, again)
    }
}

impl Failure {
    /// Says it; `again` is how to begin again when something was written.
    fn say(&self, f: &mut fmt::Formatter<'_>, again: &str) -> fmt::Result {
        const UNTOUCHED: &str = "Nothing was written; the target is as it was.";
        let untouched = |smaller: &[Smaller]| match smaller.is_empty() {
            true => UNTOUCHED,
            false => "Nothing else was written.",
        };
        let claimed = format!("The target starts nothing now. {again}");
        let beside = |table, removed| beside(table, removed, again);
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Answers(path, error) => write!(f, "{}, {error}", path.display()),
            Self::Issues(path, issues) => {
                write!(f, "{}: this can not be installed.", path.display())?;
                issues.iter().try_for_each(|issue| write!(f, "\n  {}", words::issue(issue)))
            }
            Self::OtherPlan(digest) => write!(
                f,
                "the plan is not the one that was confirmed: its digest is {digest}.\n\
                 Look at it with \"forgectl plan\" and confirm it anew. {UNTOUCHED}"
            ),
            Self::Payload(error) => {
                write!(f, "the payload is not used.\n  {}\n{UNTOUCHED}", Chain(error))?;
                match error {
                    PayloadError::Signature(SignatureError::MadeInTheFuture { .. }) => {
                        f.write_str("\nCheck the clock of this computer.")
                    }
                    _ => Ok(()),
                }
            }
            Self::Build(error) => write!(f, "no payload was made.\n  {}", Chain(error.as_ref())),
            Self::Firmware(error) => write!(f, "no firmware was made.\n  {}", Chain(error.as_ref())),
            Self::Target(error) => write!(f, "the target is not used.\n  {}\n{UNTOUCHED}", Chain(error)),
            Self::Install(failed) => {
                let state = match (failed.written, failed.beside) {
                    (false, _) => UNTOUCHED,
                    (true, Some(others)) => &beside(others.table, others.removed),
                    (true, None) => &claimed,
                };
                write!(f, "{} failed.\n  {}\n{state}", words::stage(failed.stage), Chain(&failed.error))?;
                words::help(&failed.error).map_or(Ok(()), |help| write!(f, "\n{help}"))
            }
            Self::Cancelled { stage, written } => {
                let state = if *written { &claimed } else { UNTOUCHED };
                write!(f, "cancelled while {}. {state}", words::doing(*stage))
            }
            Self::CancelledBeside { stage, removed, smaller } => {
                let old = beside(OldTable::Untouched, *removed);
                let state = if *stage >= Stage::Claim { old.as_str() } else { untouched(smaller) };
                write!(f, "cancelled while {}. {state}", words::doing(*stage))?;
                smaller.iter().try_for_each(|one| write!(f, "\n{}", words::smaller(one)))
            }
            Self::Job(failure) | Self::JobBeside(failure, _) => {
                let state = match (failure.written, self) {
                    (false, _) => untouched(&failure.smaller),
                    (true, Self::JobBeside(_, removed)) => &beside(failure.table, *removed),
                    (true, _) => &claimed,
                };
                write!(f, "{} failed.\n  {}\n{state}", words::stage(failure.stage), failure.details)?;
                failure.smaller.iter().try_for_each(|one| write!(f, "\n{}", words::smaller(one)))?;
                words::job_help(&failure.kind).map_or(Ok(()), |help| write!(f, "\n{help}"))
            }
            Self::Helper { error, untouched } => {
                f.write_str(&words::refusal(error))?;
                if *untouched { write!(f, "\n{UNTOUCHED}") } else { Ok(()) }
            }
            Self::HandoverKept(path, error) => write!(
                f,
                "the system is installed, but {} could not be written: {error}.\n\
                 Nothing is lost: the helper keeps it. Make room, then: forgectl attach --output DIRECTORY",
                path.display()
            ),
            Self::HelperLost(beside) => {
                f.write_str(
                    "the helper went away in the middle of the install. Its log says why: journalctl -u forge-helper.\n",
                )?;
                match beside {
                    None => write!(
                        f,
                        "The disk may have been written. It then starts nothing, or it is complete; \"forgectl verify\" \
                         tells. {again}"
                    ),
                    Some(beside) => write!(f, "{} {again}", lost_beside(beside)),
                }
            }
            Self::NoJob => f.write_str("no install is under way."),
            Self::NoPayload => f.write_str("a plain file needs a payload: name its directory with --payload."),
            Self::PayloadForDisk => f.write_str(
                "a disk gets the payload of the installation medium, which the helper checks. Leave --payload out.",
            ),
            Self::Terminal(error) => write!(f, "the password could not be read: {error}"),
            Self::Handover(path, error) => write!(
                f,
                "the system is installed, but {} could not be written: {error}.\n\
                 What was not written is not kept for later. Install again, which makes new keys and credentials.",
                path.display()
            ),
            Self::Seal(error) => {
                write!(f, "nothing was sealed: {}", Chain(error))?;
                match error {
                    SealError::Age(ToolError::Failed { .. }) => {
                        f.write_str("\nIs each age key as age-keygen printed it?")
                    }
                    _ => Ok(()),
                }
            }
            Self::SealHandover(error) => write!(
                f,
                "the system is installed, but its credentials could not be sealed: {}.\n\
                 They were not written anywhere.",
                Chain(error)
            ),
            Self::Open(path, error) => write!(f, "{}: {}", path.display(), Chain(error)),
            Self::OpenWith(path, Kind::Age) => {
                write!(f, "{}: this is sealed to age keys: name the identity with --identity.", path.display())
            }
            Self::OpenWith(path, Kind::Passphrase) => {
                write!(f, "{}: this is sealed to a passphrase: leave --identity out.", path.display())
            }
            Self::NoPassphrase(path) => write!(
                f,
                "{}: this is no passphrase or password: it is empty, has several lines, or is not text (UTF-8).",
                path.display()
            ),
            Self::TypedPassphrase => f.write_str(
                "nobody can type a passphrase here. Run this on a terminal, or name a file with --passphrase-file.",
            ),
            Self::Sign(path, error) => {
                write!(f, "{}: {}", path.display(), Chain(error))?;
                match error {
                    SignError::NoSigningSubkey => f.write_str(
                        "\nA key with a password, or on a token, signs with its own tool: gpg --detach-sign ANSWERS",
                    ),
                    _ => Ok(()),
                }
            }
            Self::NotSigned(path, error) => {
                write!(f, "{}: {}", path.display(), Chain(error))?;
                match error {
                    AnswersSignatureError::NotUsed(SignatureError::MadeInTheFuture { .. }) => {
                        f.write_str("\nCheck the clock of this computer.")
                    }
                    _ => Ok(()),
                }
            }
            Self::NeedsSomebody(path, reasons) => {
                write!(f, "{}: this install would not begin with nobody there.", path.display())?;
                reasons.iter().try_for_each(|reason| write!(f, "\n  {}", answers_words::reason(reason)))
            }
            Self::Recorded(path, error) => write!(f, "{}: {error}.", path.display()),
            Self::TypedPassword => write!(
                f,
                "the answers name a typed password, and nobody can type one here.\n\
                 Run this on a terminal, or write {{ generate = \"passphrase\" }} or {{ hash = \"…\" }}. {UNTOUCHED}"
            ),
            Self::MissingTools(tools) => {
                let tools: Vec<String> = tools.iter().map(|tool| tool.display().to_string()).collect();
                write!(f, "missing on this system: {}.\nInstall the packages that contain them.", tools.join(", "))
            }
            Self::Verify(path, error) => write!(f, "{}: {}", path.display(), Chain(error)),
            Self::NotMeasured(unknown) => write!(f, "{unknown} of the checks could not be made"),
            Self::NotInOrder(faults) => write!(f, "{faults} of the checks failed"),
            Self::NotEnrolled(Enrollment::Pending) => f.write_str("the key is not enrolled yet."),
            Self::NotEnrolled(_) => f.write_str("the key is not enrolled."),
            Self::NoMedium(path) => write!(
                f,
                "{} is not there. Put in the medium that Forge came on, mount it, and name its directory \
                 \"payload\" with --from; a copy of that directory will do.",
                path.display()
            ),
            Self::NoSuchBundle(name, names) if names.is_empty() => {
                write!(f, "{name}: this payload has no proprietary firmware.")
            }
            Self::NoSuchBundle(name, names) => write!(f, "{name}: this payload has only {}.", names.join(", ")),
            Self::NotAccepted(name) => write!(f, "{name} was not accepted. Nothing was added."),
            Self::NobodyAccepts(sha256) => write!(
                f,
                "nobody can be asked here. Run this on a terminal, or accept this very image with --sha256 {sha256}. \
                 Nothing was added."
            ),
            Self::OtherImage(sha256) => {
                write!(f, "--sha256 names another image: the one of this payload has {sha256}. Nothing was added.")
            }
            Self::NoFirmware => write!(f, "this computer was not started by UEFI. {FROM_DISK}"),
            Self::NotStaged(fault, details) => f.write_str(&firmware_words::not_staged(*fault, details)),
            Self::Alone(failure) => failure.say(f, "Start this machine from the medium again to begin anew."),
            Self::Unattended(fault) => write!(f, "{}", Chain(fault)),
            Self::Keys(reason) => write!(f, "the keys could not be made: {reason}"),
        }
    }
}

impl From<PayloadError> for Failure {
    fn from(error: PayloadError) -> Self {
        Self::Payload(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Unattended(fault)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Helper { error, untouched: false }
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_engine::install::Others;
    use forge_model::{answers::Way, inventory::Found, layout::Shrunk};

    #[derive(Debug, thiserror::Error)]
    #[error("{what}")]
    struct Layer {
        what: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn every_cause_is_said_and_none_twice() {
        let layer = |what, source: Option<Layer>| Layer { what, source: source.map(Box::new) };
        let deep = layer("no boot image: ukify failed", Some(layer("ukify failed", Some(layer("no room", None)))));
        assert_eq!(Chain(&deep).to_string(), "no boot image: ukify failed: no room");
    }

    #[test]
    fn beside_others_it_says_which_table_is_there_and_which_partitions_are_lost() {
        for (table, removed, says) in [
            (OldTable::Untouched, 0, ["The old partition table is still there", "Nothing of yours was touched"]),
            (OldTable::Restored, 1, ["It was put back, and read back", "The partition that was to go is lost"]),
            (OldTable::SecondCopyLost, 0, ["second copy", "fdisk DISK"]),
            (OldTable::Unknown, 3, ["It is not known", "The 3 partitions that were to go are lost"]),
            (OldTable::Replaced, 0, ["should be readable, but nobody has checked", "No other partition of yours was"]),
            (OldTable::Replaced, 2, ["use = \"replace\"", "that were to go are lost; no other partition of yours was"]),
        ] {
            let error = InstallError::Io(io::Error::other("x"));
            let beside = Some(Others { table, removed });
            let failed = Failed { stage: Stage::Commit, written: true, beside, error };
            let wire = forge_dbus::status::Failure {
                smaller: Vec::new(),
                kind: "internal".into(),
                stage: Stage::Check,
                written: true,
                details: "x".into(),
                table,
            };
            for failure in [Failure::Install(Box::new(failed)), Failure::JobBeside(wire, removed)] {
                let said = failure.to_string();
                assert!(says.iter().all(|says| said.contains(says)) && !said.contains("starts nothing"), "{said}");
                assert_eq!(said.contains("Run the command again"), table.is_in_force(), "{said}");
                assert!(table != OldTable::Replaced || !said.contains("touched"), "{said}");
                assert_eq!(failure.code(), 6);
            }
        }
        let cancelled = |stage| Failure::CancelledBeside { stage, removed: 2, smaller: Vec::new() }.to_string();
        assert!(cancelled(Stage::Write).contains("The 2 partitions that were to go are lost"));
        assert!(cancelled(Stage::Prepare).contains("the target is as it was"));
    }

    #[test]
    fn a_lost_helper_leaves_words_about_each_partition_that_was_to_go_or_be_made_smaller() {
        let found = |number| Found {
            number,
            label: String::new(),
            size: 1 << 30,
            type_id: None,
            holding: None,
            entry: None,
            shrinks: None,
            esp: None,
        };
        let mut beside = Beside {
            way: Way::Manual,
            disk_id: Default::default(),
            first_usable: 0,
            end_usable: 0,
            kept: vec![found(3)],
            removed: vec![],
            shrunk: vec![],
            home: None,
            old_loader: None,
        };
        let said = |beside: &Beside| Failure::HelperLost(Some(Box::new(beside.clone()))).to_string();
        let of_none = said(&beside);
        assert!(of_none.contains("It is not known whether"), "{of_none}");
        assert!(!of_none.contains("lost:") && !of_none.contains("smaller"), "{of_none}");
        beside.removed = vec![found(2), found(5)];
        beside.shrunk = vec![Shrunk { number: 3, before: 2 << 30 }];
        let of_both = said(&beside);
        for says in ["were to go, and may be lost: 2, 5.", "made smaller, and may be, or that may still go on: 3."] {
            assert!(of_both.contains(says), "{of_both}");
        }
        let whole = Failure::HelperLost(None).to_string();
        assert!(whole.contains("It then starts nothing") && !whole.contains("partition table"), "{whole}");
    }

    #[test]
    fn what_is_on_the_target_comes_from_the_engine_and_not_from_the_stage() {
        let failed = |written| {
            let error = InstallError::Io(io::Error::other("x"));
            Failure::Install(Box::new(Failed { stage: Stage::Claim, written, beside: None, error }))
        };
        assert!(failed(false).to_string().contains("Nothing was written"));
        assert_eq!(failed(false).exit_code(), ExitCode::from(1));
        assert!(failed(true).to_string().contains("starts nothing now"));
        assert_eq!(failed(true).exit_code(), ExitCode::from(6));
        assert!(failed(true).to_string().contains("Run the command again"));
        for failure in [failed(true), Failure::HelperLost(None)] {
            let alone = Failure::Alone(Box::new(failure));
            assert!(alone.to_string().contains("Start this machine from the medium again"), "{alone}");
            assert!(!alone.to_string().contains("Run the command"), "{alone}");
            assert_eq!(alone.exit_code(), ExitCode::from(6));
        }
    }
}
