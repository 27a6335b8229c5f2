//! Every way in which a command ends badly: the exit code, and the sentence with the fix.

use crate::words;
use forge_engine::{
    install::InstallError,
    payload::{PayloadError, build::BuildError},
    prepare::PrepareError,
    target::TargetError,
    verify::VerifyError,
};
use forge_model::{Issue, Stage, answers::AnswersError};
use std::{fmt, io, path::Path, path::PathBuf, process::ExitCode};

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
    /// The target is not used.
    Target(TargetError),
    /// The install failed in this stage.
    Install(Stage, Box<InstallError>),
    /// The install was cancelled in this stage.
    Cancelled(Stage),
    /// It is installed, but a file of the handover could not be written.
    Handover(PathBuf, io::Error),
    /// Nothing could be checked.
    Verify(PathBuf, VerifyError),
    /// What was checked is not in order.
    NotInOrder(usize),
    /// Keys could not be made.
    Keys(String),
}

impl Failure {
    /// A file that can not be used.
    pub fn file(path: &Path, error: io::Error) -> Self {
        Self::File(path.to_owned(), error)
    }

    /// The documented exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::File(..) | Self::Build(_) | Self::Keys(_) => 1,
            Self::Answers(..) | Self::Issues(..) | Self::OtherPlan(_) => 3,
            Self::Payload(_) => 4,
            Self::Target(_) => 5,
            Self::Install(stage, error) => match error.as_ref() {
                _ if *stage >= Stage::Claim && !self.untouched() => 6,
                InstallError::Payload(_) | InstallError::PayloadChanged => 4,
                InstallError::Prepare(PrepareError::Payload(_)) => 4,
                InstallError::Prepare(PrepareError::System(_)) => 3,
                InstallError::Target(_) => 5,
                _ => 1,
            },
            Self::Cancelled(_) => 7,
            Self::Verify(..) | Self::NotInOrder(_) => 8,
            Self::Handover(..) => 1,
        })
    }

    /// Whether the disk is certainly as it was.
    fn untouched(&self) -> bool {
        match self {
            Self::Install(stage, error) => {
                *stage < Stage::Claim
                    || matches!(error.as_ref(), InstallError::Target(TargetError::Changed { .. }) if *stage == Stage::Claim)
            }
            Self::Cancelled(stage) => *stage < Stage::Claim,
            _ => true,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNTOUCHED: &str = "Nothing was written; the target is as it was.";
        const CLAIMED: &str = "The target starts nothing now. Run the command again to go on \
            (with a new --digest, if one was given: the target is not what it was).";
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
            Self::Payload(error) => write!(f, "the payload is not used.\n  {error}\n{UNTOUCHED}"),
            Self::Build(error) => write!(f, "no payload was made.\n  {error}"),
            Self::Target(error) => write!(f, "the target is not used.\n  {error}\n{UNTOUCHED}"),
            Self::Install(stage, error) => {
                let state = if self.untouched() { UNTOUCHED } else { CLAIMED };
                write!(f, "{} failed.\n  {error}\n{state}", words::stage(*stage))?;
                words::help(error).map_or(Ok(()), |help| write!(f, "\n{help}"))
            }
            Self::Cancelled(stage) => {
                let state = if self.untouched() { UNTOUCHED } else { CLAIMED };
                write!(f, "cancelled while {}. {state}", words::doing(*stage))
            }
            Self::Handover(path, error) => write!(
                f,
                "the system is installed, but {} could not be written: {error}.\n\
                 The credentials are not kept anywhere else; install again to get new ones.",
                path.display()
            ),
            Self::Verify(path, error) => write!(f, "{}: {error}", path.display()),
            Self::NotInOrder(faults) => write!(f, "{faults} of the checks failed"),
            Self::Keys(reason) => write!(f, "the keys could not be made: {reason}"),
        }
    }
}

impl From<PayloadError> for Failure {
    fn from(error: PayloadError) -> Self {
        Self::Payload(error)
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        Self::Target(error)
    }
}
