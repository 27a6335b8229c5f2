//! `receipt verify`: a receipt and the boot files beside it.

use crate::{failure::Failure, output::print};
use forge_engine::{
    audit::{
        Root,
        receipt_set::{self, Place},
    },
    tool::Tools,
};
use std::path::PathBuf;

/// Checks, and prints a line for each thing that was looked at.
pub fn verify(esp: Option<PathBuf>, disk: Option<PathBuf>) -> Result<(), Failure> {
    let tools = Tools::default();
    // Only an EFI system partition that is not mounted takes more tools than the audit.
    let missing = if disk.is_some() { tools.missing_to_verify() } else { Vec::new() };
    if !missing.is_empty() {
        return Err(Failure::MissingTools(missing));
    }
    let (place, named) = match (esp, disk) {
        (Some(directory), _) => (Place::Directory(directory.clone()), directory),
        (_, Some(disk)) => (Place::Disk(disk.clone()), disk),
        _ => (Place::Here(Root::default()), "/".into()),
    };
    let verified = receipt_set::verify(&tools, &place).map_err(|e| Failure::Verify(named, e))?;
    let look = &verified.look;
    for (word, lines) in [("good", &look.facts), ("?   ", &look.unread), ("BAD ", &look.faults)] {
        lines.iter().try_for_each(|line| print(format_args!("{word}  {line}")))?;
    }
    if let Some(receipt) = &verified.receipt {
        print(format_args!("Key of this machine, SHA-256: {}", receipt.boot_key.sha256))?;
        if !verified.by_own_key {
            print(
                "The key is the one beside the receipt: compare it with the enrollment card, or with what was handed over.",
            )?;
        }
    }
    match look.faults.len() + look.unread.len() {
        0 => Ok(()),
        faults => Err(Failure::NotInOrder(faults)),
    }
}
