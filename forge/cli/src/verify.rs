//! `verify`: a finished disk or file against its receipt.

use crate::{
    failure::{Chain, Failure},
    output::print,
};
use forge_engine::{
    tool::Tools,
    verify::{self, Check},
    watch::{Outcome, Unwatched},
};
use std::{fs, path::Path};

/// Checks, and prints a line for each check.
pub fn run(target: &Path, receipt: Option<&Path>) -> Result<(), Failure> {
    let tools = Tools::default();
    let missing = tools.missing_to_verify();
    if !missing.is_empty() {
        return Err(Failure::MissingTools(missing));
    }
    let handed_over = receipt.map(|path| fs::read(path).map_err(|e| Failure::file(path, e))).transpose()?;
    let checked = verify::verify(&tools, target, handed_over.as_deref(), &Unwatched);
    let checked = checked.map_err(|e| Failure::Verify(target.to_owned(), e))?;
    let Outcome::Done((receipt, findings)) = checked else {
        return Ok(());
    };
    for finding in &findings {
        match &finding.fault {
            None => print(format_args!("good  {}", sentence(&finding.check)))?,
            Some(fault) => print(format_args!("BAD   {}: {}", sentence(&finding.check), Chain(fault.as_ref())))?,
        }
    }
    print(format_args!("Key of this machine, SHA-256: {}", receipt.boot_key.sha256))?;
    match findings.iter().filter(|f| f.fault.is_some()).count() {
        0 => Ok(()),
        faults => Err(Failure::NotInOrder(faults)),
    }
}

fn sentence(check: &Check) -> String {
    match check {
        Check::ReceiptSignature => "receipt is signed by this machine's key".into(),
        Check::SameReceipt => "receipt on the disk is the one that was handed over".into(),
        Check::Table => "partition table is whole and the one of the receipt".into(),
        Check::NoOtherFile => "no boot file is there that the receipt does not name".into(),
        Check::Partition(p) => format!("partition {} ({}) is as the receipt says", p.number, p.label),
        Check::NoOtherPartition => "no partition is there that the receipt does not name".into(),
        Check::RootHash => "system image has the root hash of the receipt, read from the disk".into(),
        Check::File(path) => format!("{path} is as the receipt says"),
        Check::Signed(path) => format!("{path} is signed by this machine's key"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_named_instead_of_a_missing_receipt() {
        let tools = Tools {
            setpriv: "/bin/sh".into(),
            mcopy: "/none/mcopy".into(),
            mdir: "/none/mdir".into(),
            sbverify: "/none/sbverify".into(),
            ..Tools::default()
        };
        let said = Failure::MissingTools(tools.missing_to_verify()).to_string();
        assert!(said.contains("/none/mcopy, /none/mdir, /none/sbverify") && !said.contains("/bin/sh"), "{said}");
    }
}
