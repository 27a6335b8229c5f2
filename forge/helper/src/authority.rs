//! polkit: who may do what.

use forge_dbus::{Error, backend::Caller};
use std::collections::HashMap;
use zbus::Connection;
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

/// Asks polkit.
#[derive(Clone)]
pub struct Authority {
    connection: Connection,
}

impl Authority {
    /// On this bus.
    pub fn new(connection: &Connection) -> Self {
        Self { connection: connection.clone() }
    }

    /// Lets this caller do this, or says why not. The subject is the caller's name on the bus, which nobody else can have;
    /// a process id could belong to another one by the time it is looked up.
    pub async fn allow(&self, caller: &Caller, action: &str, details: &[(&str, &str)]) -> Result<(), Error> {
        let unreachable = |e: zbus::Error| Error::NotAllowed(format!("polkit can not be asked: {e}"));
        let authority = AuthorityProxy::new(&self.connection).await.map_err(unreachable)?;
        let subject = subject(caller).map_err(unreachable)?;
        let details: HashMap<&str, &str> = details.iter().copied().collect();
        let flags = match caller.interactive {
            true => CheckAuthorizationFlags::ALLOW_USER_INTERACTION,
            false => CheckAuthorizationFlags::empty(),
        };
        let answer = authority.check_authorization(&subject, action, &details, flags, "").await.map_err(unreachable)?;
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
