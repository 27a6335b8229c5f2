//! No shutdown and no sleep while a disk is written (<https://systemd.io/INHIBITOR_LOCKS/>).

use forge_dbus::sealed;
use std::time::Duration;
use tokio::time::timeout;
use zbus::{Connection, OwnedFd};

/// How long logind may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Login {
    fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<OwnedFd>;
}

/// Takes the lock; it is held until the descriptor is closed. Without logind an install goes on all the same.
pub async fn take(connection: &Connection, disk: &str) -> Option<OwnedFd> {
    let login = LoginProxy::new(connection).await.ok()?;
    let why = format!("The system is being installed on {disk}");
    let lock = login.inhibit("shutdown:sleep:idle:handle-lid-switch", "Forge", &why, "block");
    match timeout(PATIENCE, lock).await {
        Ok(Ok(lock)) => {
            let _ = sealed::keep_to_ourselves(&lock);
            return Some(lock);
        }
        Ok(Err(error)) => log::warn!("shutdown and sleep can not be held off: {error}"),
        Err(_) => log::warn!("shutdown and sleep can not be held off: logind does not answer"),
    }
    None
}
