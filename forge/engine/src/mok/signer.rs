//! Signs EFI images with `sbsign` and checks them with `sbverify`.

use super::pair::{Kind, Pair, PairError};
use crate::{
    memory::Hidden,
    tool::{Run, ToolError, Tools},
};
use std::{fs::File, io, os::fd::AsFd, path::PathBuf};

/// Why an image was not signed, or is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The key is for modules: shim would refuse to boot what it signs.
    #[error("the module key cannot sign a boot image")]
    ModuleKey,
    /// The key could not be written out.
    #[error("the key could not be used: {0}")]
    Pair(#[from] PairError),
    /// The key or the certificate could not be put into memory, or the output not be looked at.
    #[error("a file in memory could not be used: {0}")]
    Memory(#[from] io::Error),
    /// The tool did not do its work.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The tool said that it signed, but wrote nothing.
    #[error("{} wrote nothing", .tool.display())]
    NoOutput {
        /// The tool's path.
        tool: PathBuf,
    },
}

/// Signs `image` with a boot key and writes the result to `signed`, a file on disk or in memory.
///
/// Key and certificate reach the tool as files in memory. The tool opens every file anew through `/proc`, so both
/// files must be ones that this process may open; `signed` is cut to length and written from its start.
pub fn sign(tools: &Tools, pair: &Pair, image: impl AsFd, signed: impl AsFd) -> Result<(), SignerError> {
    if pair.kind() == Kind::Module {
        return Err(SignerError::ModuleKey);
    }
    let key = Hidden::new(&pair.private_key_pem()?)?;
    let certificate = Hidden::new(&pair.certificate_pem()?)?;
    Run::new(tools, &tools.sbsign)
        .arg("--key")
        .fd_arg("", &key)?
        .arg("--cert")
        .fd_arg("", &certificate)?
        .arg("--output")
        .fd_arg("", &signed)?
        .fd_arg("", &image)?
        .run()?;
    let length = File::from(signed.as_fd().try_clone_to_owned()?).metadata()?.len();
    if length == 0 {
        return Err(SignerError::NoOutput { tool: tools.sbsign.clone() });
    }
    Ok(())
}

/// Checks that `image` carries a signature by the key of this certificate (PEM) that fits its content.
pub fn check_signed(tools: &Tools, certificate: &[u8], image: impl AsFd) -> Result<(), SignerError> {
    let certificate = Hidden::new(certificate)?;
    Run::new(tools, &tools.sbverify).arg("--cert").fd_arg("", &certificate)?.fd_arg("", image)?.run()?;
    Ok(())
}
