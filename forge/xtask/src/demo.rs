//! `cargo xtask demo`: installs a small real system, unattended, into a disk image.
use crate::{demo_system, workbench};
use anyhow::Result;

/// Makes what the demo is installed from.
pub fn run() -> Result<()> {
    workbench::enter()?;
    let system = demo_system::make()?;
    eprintln!("The demo system lies in {}", system.display());
    Ok(())
}
