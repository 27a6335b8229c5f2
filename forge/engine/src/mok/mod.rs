//! The machine owner key (MOK): this machine's own keys, and what asks shim to enroll one of them.
//!
//! - [`Pair`]: a key with its certificate; one for boot images, one for kernel modules
//! - [`Code`]: what the person types into MokManager, drawn from an [`Alphabet`]
//! - [`Keyboards`]: which characters sit on one key in a layout and on the US keyboard that MokManager reads
//! - [`Request`]: the variables that ask shim to enroll a certificate
//! - [`sign`], [`check_signed`]: EFI images by the standard tools; the key never touches a file system

mod code;
mod code_keyboard;
mod pair;
mod signer;
mod variables;

#[cfg(test)]
mod tests;

pub use code::{Alphabet, Code, CodeError};
pub use code_keyboard::Keyboards;
pub use pair::{Fingerprint, Kind, Pair, PairError};
pub use signer::{SignerError, check_signed, sign};
pub use variables::{PasswordHash, Request, SHIM_LOCK_GUID, Variable, VariableError};
