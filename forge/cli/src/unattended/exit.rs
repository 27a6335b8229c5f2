//! What the machine does when all is done: logind is asked, and polkit decides.

use super::fault::Fault;
use forge_model::{
    answers::Exit,
    machine::{Staged, Staging},
};
use std::time::Duration;
use tokio::time::timeout;
use zbus::Connection;

/// How long logind may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Login {
    fn reboot(&self, interactive: bool) -> zbus::Result<()>;
    fn power_off(&self, interactive: bool) -> zbus::Result<()>;
}

/// What will happen, as a sentence.
pub fn words(exit: Exit) -> &'static str {
    match exit {
        Exit::Reboot => "This machine restarts now. Take the medium out.",
        Exit::PowerOff => "This machine turns off now.",
        Exit::Stay => "This machine stays as it is.",
    }
}

/// What is safe to do: a machine whose firmware has no entry for the new disk may start the medium again, which would erase
/// the disk again, and again.
pub fn safe(wanted: Exit, staged: &Staged) -> Exit {
    match (wanted, &staged.boot_entry) {
        (Exit::Reboot, Staging::NotHere | Staging::Failed { .. }) => Exit::Stay,
        (Exit::Reboot, Staging::Done) | (Exit::PowerOff | Exit::Stay, _) => wanted,
    }
}

/// Does it. Nobody is asked: nobody is there.
pub async fn take(bus: &Connection, exit: Exit) -> Result<(), Fault> {
    let ask = async {
        let login = LoginProxy::new(bus).await?;
        match exit {
            Exit::Reboot => login.reboot(false).await,
            Exit::PowerOff => login.power_off(false).await,
            Exit::Stay => Ok(()),
        }
    };
    match timeout(PATIENCE, ask).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Fault::Exit(error.to_string())),
        Err(_) => Err(Fault::Exit("logind does not answer".into())),
    }
}
