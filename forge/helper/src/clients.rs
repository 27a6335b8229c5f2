//! Who is on the bus: which user a caller is, and when a caller leaves.

use forge_dbus::{Error, backend::Caller};
use futures_util::StreamExt;
use zbus::{
    Connection,
    fdo::DBusProxy,
    names::{BusName, OwnedUniqueName},
};

/// Asks the bus.
#[derive(Clone)]
pub struct Clients {
    bus: DBusProxy<'static>,
}

impl Clients {
    /// On this bus.
    pub async fn new(connection: &Connection) -> zbus::Result<Self> {
        Ok(Self { bus: DBusProxy::new(connection).await? })
    }

    /// The user of a caller, as the kernel told the bus.
    pub async fn uid(&self, caller: &Caller) -> Result<u32, Error> {
        let left = |e: zbus::fdo::Error| Error::Failed(format!("the caller left the bus: {e}"));
        self.bus.get_connection_unix_user(BusName::from(caller.name.clone())).await.map_err(left)
    }

    /// Waits until this one has left the bus.
    pub async fn gone(&self, name: &OwnedUniqueName) {
        let Ok(mut changes) = self.bus.receive_name_owner_changed_with_args(&[(0, name.as_str()), (2, "")]).await
        else {
            return;
        };
        // Looked at after the signal is listened to: it can not be missed between.
        if !self.bus.name_has_owner(BusName::from(name.clone())).await.unwrap_or(false) {
            return;
        }
        changes.next().await;
    }
}
