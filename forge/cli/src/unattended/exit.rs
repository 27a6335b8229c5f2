//! What the machine does when all is done: logind is asked, and polkit decides.

use super::fault::Fault;
use forge_model::answers::Exit;
use zbus::Connection;

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
    ask.await.map_err(Fault::Exit)
}
