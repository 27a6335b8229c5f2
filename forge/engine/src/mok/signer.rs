//! Signs EFI images with `sbsign` and checks them with `sbverify`.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::pair::{Kind, Pair, PairError};
use super::tool::{Hidden, Run, ToolError};

/// Signing takes about a second for a UKI of 100 MB.
const LIMIT: Duration = Duration::from_secs(60);

/// Why an image was not signed, or is not accepted.
#[derive(Debug, Error)]
pub enum SignerError {
    /// The key is for modules: shim would refuse to boot what it signs.
    #[error("the module key cannot sign a boot image")]
    ModuleKey,
    /// The key could not be written out.
    #[error("the key could not be used")]
    Pair(#[from] PairError),
    /// The key or the certificate could not be put into memory, or the output not be looked at.
    #[error("a file in memory could not be used")]
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

/// The tools that sign and check EFI images.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Where `sbsign` is.
    pub sbsign: PathBuf,
    /// Where `sbverify` is.
    pub sbverify: PathBuf,
    /// How long one run may take.
    pub limit: Duration,
}

impl Default for Signer {
    fn default() -> Self {
        Self { sbsign: "/usr/bin/sbsign".into(), sbverify: "/usr/bin/sbverify".into(), limit: LIMIT }
    }
}

impl Signer {
    /// Signs `image` with a boot key and writes the result to `signed`, a file on disk or in memory.
    ///
    /// Key and certificate reach the tool as files in memory. The tool opens every file anew through `/proc`, so both
    /// files must be ones that this process may open; `signed` is cut to length and written from its start.
    ///
    /// # Errors
    /// When the key is for modules, or the tool is missing, fails, takes too long or writes nothing.
    pub fn sign(&self, pair: &Pair, image: impl AsFd, signed: impl AsFd) -> Result<(), SignerError> {
        if pair.kind() == Kind::Module {
            return Err(SignerError::ModuleKey);
        }
        let key = Hidden::new(&pair.private_key_pem()?)?;
        let certificate = Hidden::new(&pair.certificate_pem()?)?;
        Run::new(self.sbsign.clone())
            .argument("--key")
            .file(&key)?
            .argument("--cert")
            .file(&certificate)?
            .argument("--output")
            .file(&signed)?
            .file(&image)?
            .finish(self.limit)?;
        let length = File::from(signed.as_fd().try_clone_to_owned()?).metadata()?.len();
        if length == 0 {
            return Err(SignerError::NoOutput { tool: self.sbsign.clone() });
        }
        Ok(())
    }

    /// Checks that `image` carries a signature by the key of this certificate (PEM) that fits its content.
    ///
    /// # Errors
    /// When it does not, or the tool is missing or takes too long.
    pub fn verify(&self, certificate: &[u8], image: impl AsFd) -> Result<(), SignerError> {
        let certificate = Hidden::new(certificate)?;
        Run::new(self.sbverify.clone()).argument("--cert").file(&certificate)?.file(image)?.finish(self.limit)?;
        Ok(())
    }
}
