//! A receipt with the boot files that it names, wherever their EFI system partition is.

use super::{
    CERTIFICATE, Look, Root, boot_files,
    boot_partition::{Files, Mounted},
    receipt,
};
use crate::{
    esp::Mtools,
    gpt,
    install::RECEIPT_FILE,
    tool::Tools,
    verify::{VerifyError, esps, offset},
};
use forge_model::{Receipt, esp::CERTIFICATE_FILE};
use gptman::GPTPartitionEntry;
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// Where the EFI system partition is.
#[derive(Debug, Clone)]
pub enum Place {
    /// Where this machine has it mounted.
    Here(Root),
    /// In a directory.
    Directory(PathBuf),
    /// In a disk or a file that stands for one, not mounted.
    Disk(PathBuf),
}

/// What was found.
#[derive(Debug)]
pub struct Verified {
    /// The receipt, if there is one.
    pub receipt: Option<Receipt>,
    /// Whether the receipt was held against the key that this machine keeps, and not only against the one beside it.
    pub by_own_key: bool,
    /// Everything that was looked at.
    pub look: Look,
}

/// Checks a receipt, its signature, every file that it names, and the signature of each boot file.
pub fn verify(tools: &Tools, place: &Place) -> Result<Verified, VerifyError> {
    match place {
        Place::Here(root) => match Mounted::find(root) {
            Ok(files) => Ok(here(tools, root, &files)),
            Err(why) => Ok(Verified { receipt: None, by_own_key: false, look: Look::unknown(why) }),
        },
        Place::Directory(directory) => Ok(check(tools, &Mounted::at(directory), None)),
        Place::Disk(path) => on_disk(tools, path),
    }
}

fn here(tools: &Tools, root: &Root, files: &Mounted) -> Verified {
    let certificate = root.bytes(CERTIFICATE);
    let mut verified = check(tools, files, certificate.as_deref().ok());
    if let Err(error) = certificate {
        verified.look.blind(error);
    }
    if let Some(receipt) = &verified.receipt {
        verified.look.add(receipt::partitions(root, receipt));
    }
    verified
}

fn on_disk(tools: &Tools, path: &Path) -> Result<Verified, VerifyError> {
    let disk = File::open(path)?;
    let table = gpt::read(&disk)?.ok_or(VerifyError::NoTable)?;
    let esps = esps(&table);
    let reader = |entry: &&GPTPartitionEntry| Mtools::new(tools, &disk, offset(&table, entry));
    // Beside other systems there are several.
    let with_receipt = esps.iter().map(reader).find(|files| files.read(RECEIPT_FILE).is_ok());
    let files = with_receipt.or_else(|| esps.first().map(reader)).ok_or(VerifyError::NoEsp)?;
    Ok(check(tools, &files, None))
}

fn check(tools: &Tools, files: &impl Files, certificate: Option<&[u8]>) -> Verified {
    let mut look = receipt::look(files, certificate);
    let beside = receipt::bytes(files, CERTIFICATE_FILE).ok();
    if let Some(certificate) = certificate.or(beside.as_deref()) {
        look.add(boot_files::look(tools, certificate, files));
    }
    let receipt = receipt::read(files).ok().map(|(_, receipt)| receipt);
    Verified { receipt, by_own_key: certificate.is_some(), look }
}
