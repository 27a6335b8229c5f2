//! Why a firmware variable could not be read or written.

use std::{fmt, io};

use thiserror::Error;

/// What was tried with a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Its content was asked for.
    Read,
    /// It was made, or got another content.
    Write,
    /// It was taken away.
    Delete,
    /// The flag that protects it was cleared.
    Unprotect,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "written",
            Self::Delete => "removed",
            Self::Unprotect => "unprotected",
        })
    }
}

/// Why a firmware variable could not be read or written; each names the variable.
#[derive(Debug, Error)]
pub enum VariableError {
    /// The store has no room for it.
    #[error("the firmware has no room for its variable {0}")]
    Full(String),
    /// The firmware's variables can only be read.
    #[error("the firmware's variable {0} can only be read")]
    ReadOnly(String),
    /// Its file is shorter than the attributes.
    #[error("the firmware's variable {0} has no attributes")]
    Short(String),
    /// It is longer than any firmware keeps.
    #[error("the firmware's variable {0} is too long")]
    Long(String),
    /// It was written, but the firmware says something else than what was written.
    #[error("the firmware does not give its variable {0} back as it was written")]
    Differs(String),
    /// The system refused.
    #[error("the firmware's variable {variable} can not be {action}")]
    Io {
        /// The variable.
        variable: String,
        /// What was tried.
        action: Action,
        /// What the system says.
        source: io::Error,
    },
    /// The directory of the variables could not be read.
    #[error("the firmware's variables can not be listed")]
    List(#[source] io::Error),
}

impl VariableError {
    /// The error of the system in words of ours, where there are any.
    pub(super) fn from_io(variable: &str, action: Action, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full(variable.to_owned())
            }
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(variable.to_owned()),
            _ => Self::Io { variable: variable.to_owned(), action, source },
        }
    }
}
