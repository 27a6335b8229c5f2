//! The programs that this machine's key signs: boot images, their addons, GRUB, and whatever else could be started.

use super::{
    Look,
    boot_partition::{Files, is_program, is_shims},
    receipt::bytes,
};
use crate::{install::RECEIPT_FILE, mok, mok::SignerError, tool::ToolError, tool::Tools};
use forge_model::Receipt;
use openssl::x509::X509;

/// Checks the signature of every program on the EFI system partition, but of those that shim's own makers sign.
pub fn look(tools: &Tools, certificate: &[u8], files: &impl Files) -> Look {
    let pem = match X509::from_der(certificate).and_then(|certificate| certificate.to_pem()) {
        Ok(pem) => pem,
        Err(error) => return Look::failed(format_args!("the certificate of this machine can not be read: {error}")),
    };
    let list = match files.list() {
        Ok(list) => list,
        Err(error) => return Look::unknown(format_args!("the EFI system partition: {error}")),
    };
    let mut look = Look::default();
    let (mut images, mut loaders) = (0, 0);
    // Where the receipt says that it is shared, programs of others are none of this machine's. Whether that receipt is this
    // machine's own is another promise.
    let receipt = bytes(files, RECEIPT_FILE).ok().and_then(|json| serde_json::from_slice::<Receipt>(&json).ok());
    let is_own = |path: &str| receipt.as_ref().is_none_or(|receipt| receipt.is_own(path));
    for path in list.iter().filter(|path| is_program(path) && !is_shims(path) && is_own(path)) {
        let lower = path.to_lowercase();
        images += u32::from(lower.starts_with("efi/linux/") && lower.matches('/').count() == 2);
        loaders += u32::from(lower.ends_with("/grubx64.efi"));
        let file = match files.open(path) {
            Ok(file) => file,
            Err(error) => {
                look.blind(format_args!("{path}: {error}"));
                continue;
            }
        };
        match mok::check_signed(tools, &pem, file) {
            Ok(()) => look.fact(format_args!("{path}: signed by this machine's key")),
            Err(SignerError::Tool(ToolError::Failed { stderr, .. })) => {
                let why = stderr.lines().next().unwrap_or_default();
                look.fault(format_args!("{path}: not signed by this machine's key, or changed after that {why}"));
            }
            Err(error) => look.blind(format_args!("{path}: {error}")),
        }
    }
    for (count, what) in [(images, "boot image in EFI/Linux"), (loaders, "GRUB")] {
        if count == 0 && look.unread.is_empty() {
            look.fault(format_args!("there is no {what}"));
        }
    }
    look
}
