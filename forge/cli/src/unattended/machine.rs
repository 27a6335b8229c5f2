//! Which machine this is, in the words of its firmware. Serial number and UUID are for root only, so the helper says it.

use crate::failure::Failure;
use forge_dbus::client::Forge;
use forge_model::MachineFacts;

/// What the helper reads.
pub async fn facts(forge: &Forge) -> Result<MachineFacts, Failure> {
    let machine = forge.machine().await.map_err(|error| Failure::Helper { error, untouched: true })?;
    Ok(machine.dmi)
}
