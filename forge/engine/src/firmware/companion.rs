//! What of a bundle is needed before the root is mounted: an addon of the boot image, signed by this machine's key.
//!
//! systemd-stub(7) hands `loader/addons/*.addon.efi` to every boot image of the machine, so later kernels have it, too.

use crate::{
    memory,
    mok::{self, Pair, SignerError},
    tool::{Run, ToolError, Tools},
};
use forge_model::firmware::Kind;
use std::{fs::File, io};

/// Why no addon could be made.
#[derive(Debug, thiserror::Error)]
pub enum CompanionError {
    /// ukify failed.
    #[error("the addon of the boot image could not be built: {0}")]
    Tool(#[from] ToolError),
    /// It could not be signed.
    #[error("the addon of the boot image could not be signed: {0}")]
    Sign(#[from] SignerError),
    /// Memory or a descriptor failed.
    #[error("the addon of the boot image could not be built: {0}")]
    Io(#[from] io::Error),
}

/// Makes the signed addon from a bundle's cpio archive, in memory.
///
/// Microcode gets the section that the stub puts before every other archive: the kernel looks only there.
pub fn addon(tools: &Tools, pair: &Pair, kind: Kind, archive: &File) -> Result<File, CompanionError> {
    let option = if kind == Kind::Processor { "--microcode=" } else { "--initrd=" };
    let unsigned = memory::file(c"forge-addon", b"")?;
    Run::new(tools, &tools.ukify)
        .arg("build")
        .arg(format!("--stub={}", tools.addon_stub.display()))
        .fd_arg(option, archive)?
        .fd_arg("--output=", &unsigned)?
        .run()?;
    let signed = memory::file(c"forge-addon-signed", b"")?;
    mok::sign(tools, pair, &unsigned, &signed)?;
    Ok(signed)
}
