//! polkit: who may do what.

use forge_dbus::{Error, backend::Caller};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::Semaphore;
use zbus::Connection;
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

/// Questions to polkit at once that it answers by itself; others wait. The bus lets one connection wait for 128 answers, and
/// refuses what comes after them, whoever asked.
const QUICK: usize = 32;
/// Questions at once that a person answers; nobody else waits for a person.
const OPEN: usize = 16;

/// Asks polkit.
#[derive(Clone)]
pub struct Authority {
    connection: Connection,
    quick: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Authority {
    /// On this bus.
    pub fn new(connection: &Connection) -> Self {
        let (quick, open) = (Arc::new(Semaphore::new(QUICK)), Arc::new(Semaphore::new(OPEN)));
        Self { connection: connection.clone(), quick, open }
    }

    /// Lets this caller do this, or says why not. The subject is the caller's name on the bus, which nobody else can have;
    /// a process id could belong to another one by the time it is looked up.
    pub async fn allow(&self, caller: &Caller, action: &str, details: &[(&str, &str)]) -> Result<(), Error> {
        let unreachable = |e: zbus::Error| Error::NotAllowed(format!("polkit can not be asked: {e}"));
        let authority = AuthorityProxy::new(&self.connection).await.map_err(unreachable)?;
        let subject = subject(caller).map_err(unreachable)?;
        let details: HashMap<&str, &str> = details.iter().copied().collect();
        let ask = |flags| authority.check_authorization(&subject, action, &details, flags, "");
        let closed = |e: tokio::sync::AcquireError| Error::Failed(e.to_string());
        let permit = self.quick.acquire().await.map_err(closed)?;
        let mut answer = ask(CheckAuthorizationFlags::empty()).await.map_err(unreachable)?;
        drop(permit);
        if !answer.is_authorized && answer.is_challenge && caller.interactive {
            let many = |_| Error::Busy("too many people are being asked for a password".into());
            let _permit = self.open.try_acquire().map_err(many)?;
            answer = ask(CheckAuthorizationFlags::ALLOW_USER_INTERACTION).await.map_err(unreachable)?;
        }
        if answer.is_authorized {
            return Ok(());
        }
        log::info!("{} may not {action}", caller.name);
        if answer.details.contains_key("polkit.dismissed") {
            return Err(Error::Dismissed(action.into()));
        }
        match answer.is_challenge {
            true => Err(Error::AuthenticationNeeded(action.into())),
            false => Err(Error::NotAllowed(action.into())),
        }
    }
}

/// zbus_polkit takes a caller from a message only.
fn subject(caller: &Caller) -> zbus::Result<Subject> {
    let message = zbus::Message::method_call(forge_dbus::PATH, "Call").sender(&caller.name).build(&())?;
    Subject::new_for_message_header(&message.header()).map_err(|e| zbus::Error::Failure(e.to_string()))
}
