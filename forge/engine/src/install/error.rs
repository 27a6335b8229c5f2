//! Why an install did not end well, and what is on the target then.

use crate::{
    esp::EspError, gpt::GptError, image::ImageError, mok::PairError, payload::PayloadError, prepare::PrepareError,
    target::TargetError,
};
use forge_model::{RootHash, Stage};

/// Why an install did not end well.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The payload is not the one that the plan names.
    #[error("the payload changed since the plan was made; make the plan again")]
    PayloadChanged,
    /// The payload is not as signed.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Something could not be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The target failed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The image could not be written or proved.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// What was read back has another root hash.
    #[error("the disk holds the root hash {found}, not the signed one; the disk is faulty")]
    NotProved {
        /// The hash read back.
        found: RootHash,
    },
    /// The ESP could not be made.
    #[error(transparent)]
    Esp(#[from] EspError),
    /// The partition table could not be written.
    #[error(transparent)]
    Gpt(#[from] GptError),
    /// The receipt could not be signed.
    #[error("the receipt could not be signed: {0}")]
    Receipt(#[from] PairError),
    /// Memory or a descriptor failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// An install that did not end well: where, and what is on the target now.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    /// The stage in which it failed.
    pub stage: Stage,
    /// Whether anything was written; without it, the target is as it was.
    pub written: bool,
    /// Why.
    #[source]
    pub error: InstallError,
}
