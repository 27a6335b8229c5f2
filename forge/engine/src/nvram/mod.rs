//! What an install leaves in the firmware: a boot entry, and the request to enroll the key.
//!
//! - [`stage`]: both, each read back; what fails is taken back and told, and fails nothing else
//! - [`boot_entry`]: the entry, first in the boot order; entries of the install that it replaces go
//! - [`request`]: the variables that shim and MokManager read at the next start
//! - [`load_option`]: a boot entry as bytes
//!
//! `efibootmgr` is no help here: it opens the disk to look for the partition, which the helper may not and need not. The
//! crates that read load options stop the program at an entry that a firmware wrote wrong.

mod boot_entry;
mod load_option;
mod request;

#[cfg(test)]
mod tests;

use forge_model::machine::{Staged, Staging, StagingFault};

use crate::{
    efivars::{VariableError, Variables},
    mok::Request,
};

pub use boot_entry::BootEntry;
pub use request::stage_request;

/// Leaves a boot entry and a request in the firmware. It can not fail: the disk is complete without either.
#[must_use]
pub fn stage(variables: &Variables, entry: &BootEntry, request: &Request) -> Staged {
    if !variables.present() {
        return Staged::NOT_HERE;
    }
    let boot_entry = told("the boot entry", boot_entry::put_first(variables, entry));
    Staged { boot_entry, request: stage_request(variables, request) }
}

/// How it went, for the person and the log.
fn told(what: &str, result: Result<(), VariableError>) -> Staging {
    let Err(error) = result else { return Staging::Done };
    log::warn!("{what} is not in the firmware: {error}");
    let fault = match &error {
        VariableError::Full(_) => StagingFault::NoRoom,
        VariableError::ReadOnly(_) => StagingFault::ReadOnly,
        VariableError::Differs(_) => StagingFault::Differs,
        _ => StagingFault::Refused,
    };
    let details = match &error {
        VariableError::Io { source, .. } | VariableError::List(source) => format!("{error}: {source}"),
        _ => error.to_string(),
    };
    Staging::Failed { fault, details }
}
