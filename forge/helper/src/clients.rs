//! Who is on the bus: which user a caller is, and when a caller leaves.

use crate::life::Task;
use forge_dbus::{Error, backend::Caller};
use futures_util::StreamExt;
use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};
use zbus::{
    Connection,
    fdo::DBusProxy,
    names::{BusName, OwnedUniqueName},
};

/// How many may leave at once before those who wait have to ask.
const AT_ONCE: usize = 256;

/// Asks the bus.
#[derive(Clone)]
pub struct Clients {
    bus: DBusProxy<'static>,
    left: broadcast::Sender<OwnedUniqueName>,
    _listens: Arc<Task>,
}

impl Clients {
    /// On this bus.
    pub async fn new(connection: &Connection) -> zbus::Result<Self> {
        let (bus, left) = (DBusProxy::new(connection).await?, broadcast::Sender::new(AT_ONCE));
        // One rule for all of them: the bus has a limit, and whoever is not watched would seem to have left.
        let mut changes = bus.receive_name_owner_changed_with_args(&[(2, "")]).await?;
        let tell = left.clone();
        let listens = tokio::spawn(async move {
            while let Some(change) = changes.next().await {
                if let Ok(args) = change.args()
                    && let BusName::Unique(name) = args.name()
                {
                    let _ = tell.send(name.to_owned().into());
                }
            }
        });
        Ok(Self { bus, left, _listens: Arc::new(Task::new(&listens)) })
    }

    /// The user of a caller, as the kernel told the bus.
    pub async fn uid(&self, caller: &Caller) -> Result<u32, Error> {
        let left = |e: zbus::fdo::Error| Error::Failed(format!("the caller left the bus: {e}"));
        self.bus.get_connection_unix_user(BusName::from(caller.name.clone())).await.map_err(left)
    }

    /// Waits until this one has left the bus.
    pub async fn gone(&self, name: &OwnedUniqueName) {
        let mut left = self.left.subscribe();
        // Asked after listening began: it can not be missed between.
        while self.bus.name_has_owner(BusName::from(name.clone())).await.unwrap_or(false) {
            loop {
                match left.recv().await {
                    Ok(gone) if gone == *name => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }
}
