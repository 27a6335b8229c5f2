//! Who signed: the payload's index, and answers.
//!
//! The distributor keeps an offline *master key*: an OpenPGP primary key that may only certify. It certifies a
//! *release subkey* that signs the index (`manifest.json`) of each payload. What is trusted is the master key's
//! certificate alone; nothing is fetched, and there is no web of trust and no override.
//!
//! - [`verify()`]: checks `manifest.json.sig` against the certificate
//! - [`sign()`]: makes `manifest.json.sig`, where a payload is built
//! - [`signed_by()`], [`sign_answers()`]: the same for answers, with an administrator's own certificate
//! - [`generate()`]: makes the keys, for a distributor and for the demonstration

mod answers;
mod error;
mod generate;
mod sign;
mod verify;

#[cfg(test)]
mod answers_tests;
#[cfg(test)]
mod tests;

use std::error::Error;

pub use answers::{AnswersSignatureError, fingerprint, signed_by};
pub use error::{Input, SignatureError};
pub use generate::{GenerateError, Keys, Validity, generate};
pub use sequoia_openpgp::{Fingerprint, KeyHandle};
pub use sign::{SignError, sign, sign_answers};
pub use verify::{Signer, verify};

/// The reason that the OpenPGP library gives.
pub type Reason = Box<dyn Error + Send + Sync>;
