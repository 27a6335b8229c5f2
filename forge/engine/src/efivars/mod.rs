//! The firmware's variables, as the kernel shows them in efivarfs, and what they say about a machine.
//!
//! - [`Variables`]: read, written and removed, one file each, in a directory that tests can choose
//! - [`signatures`]: the lists of certificates and hashes that `db`, `dbx` and shim's variables hold
//! - [`machine`]: whether firmware and shim check what they start, and how far the enrollment of a key is
//!
//! Format of a file: the attributes as a little-endian `u32`, then the content (Linux,
//! `Documentation/filesystems/efivarfs.rst`); its name is `NAME-GUID`.

mod error;
mod facts;
mod signatures;
mod variables;

#[cfg(test)]
mod tests;

pub use error::{Action, VariableError};
pub use facts::{firmware, key, machine};
pub use signatures::{Signature, SignatureKind, signatures};
pub use variables::{Variable, Variables};

/// Whose the variables of the UEFI specification are: `EFI_GLOBAL_VARIABLE`.
pub const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Whose `db` and `dbx` are: `EFI_IMAGE_SECURITY_DATABASE_GUID`.
pub const SECURITY_DATABASE: &str = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
/// Whose shim's variables are.
pub use crate::mok::SHIM_LOCK_GUID as SHIM_LOCK;
/// Kept over a restart, seen before the system starts and by the running system.
pub const PERSISTENT: u32 = 7;
