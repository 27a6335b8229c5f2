//! A firmware that has revoked the shim of the medium: it does not start it. So what the plan says of such a firmware,
//! before anything is written (`forge-engine`, `preflight`), is what would happen.
use super::firmware::Store;
use super::scenarios::{KERNEL, Stage};
use super::tool::run;
use anyhow::{Context, Result};
use std::path::Path;

/// What the demo system starts from.
const SHIM: &str = "/usr/lib/shim/shimx64.efi.signed";
/// The hash by which a PE image is revoked, as somebody else computes it.
const HASH: &str = "import pefile, sys; from virt.peutils import pesign; \
    print(pesign.pe_authenticode_hash(pefile.PE(sys.argv[1])).hex())";
/// A revocation level above every shim's (shim, SBAT.md).
const LEVEL: &str = "sbat,1,2099010100\nshim,99\n";

/// By its hash, in dbx.
pub(super) fn by_hash(stage: &Stage) -> Result<()> {
    let store = Store::microsoft(stage.store("revoked-hash"))?;
    let hash = run("/usr/bin/python3", &[Path::new("-c"), Path::new(HASH), Path::new(SHIM)])?;
    store.revoke(String::from_utf8(hash)?.trim())?;
    refused(stage, "revoked-hash", &store, r"failed to load Boot[^\n]*(Access Denied|Security Violation)")
}

/// By its generation, in shim's own variable.
pub(super) fn by_generation(stage: &Stage) -> Result<()> {
    let store = Store::microsoft(stage.store("revoked-generation"))?;
    let level = stage.store("revoked-generation").with_extension("level");
    std::fs::write(&level, LEVEL).with_context(|| level.display().to_string())?;
    store.set_sbat_level(&level)?;
    refused(stage, "revoked-generation", &store, r"SBAT self-check failed|SBAT data failed")
}

fn refused(stage: &Stage, name: &str, store: &Store, says: &str) -> Result<()> {
    let mut machine = stage.machine(name, stage.talking(), store)?;
    let beyond = [&KERNEL[..], &["MOK management", "GNU GRUB"]].concat();
    machine.expect_unless(&[says], &beyond, 60)?;
    machine.settle();
    machine.screenshot("refused")?;
    Ok(())
}
