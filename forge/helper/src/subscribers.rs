//! Who wants to hear of disks that come and go.

use crate::life::{Reason, Task};
use forge_dbus::Error;
use std::collections::HashMap;
use zbus::names::OwnedUniqueName;

/// No machine has so many windows.
const MOST: usize = 128;

/// The subscribers.
#[derive(Default)]
pub struct Subscribers {
    clients: HashMap<OwnedUniqueName, Subscriber>,
}

/// One of them. The helper stays as long as it is there.
struct Subscriber {
    _watcher: Task,
    _reason: Reason,
}

impl Subscribers {
    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Takes one more, whom a task watches that removes them when they have left the bus.
    pub fn add(&mut self, name: &OwnedUniqueName, reason: Reason, watch: impl FnOnce() -> Task) -> Result<(), Error> {
        if self.clients.contains_key(name) {
            return Ok(());
        }
        if self.clients.len() >= MOST {
            return Err(Error::Busy("too many programs listen already".into()));
        }
        self.clients.insert(name.clone(), Subscriber { _watcher: watch(), _reason: reason });
        Ok(())
    }

    /// Lets one go.
    pub fn remove(&mut self, name: &OwnedUniqueName) {
        self.clients.remove(name);
    }
}
