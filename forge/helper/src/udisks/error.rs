//! Why a call to UDisks failed, with UDisks' own words.

use super::objects::tidy;
use std::io;

/// Why the disks can not be seen, or one can not be handed out.
#[derive(Debug, thiserror::Error)]
pub enum UdisksError {
    /// UDisks does not run and can not be started.
    #[error("UDisks, the service that knows the disks, is not there: {text}")]
    NotThere {
        /// What the bus says.
        text: String,
    },
    /// UDisks does not know the disk (any more).
    #[error("there is no disk {path}")]
    NoSuchDisk {
        /// Its path.
        path: String,
    },
    /// Somebody uses the disk.
    #[error("{path} is in use: {text}")]
    Busy {
        /// Its path.
        path: String,
        /// What UDisks says.
        text: String,
    },
    /// Behind the path is another disk than the one that was seen before.
    #[error("{path} is not the disk that was chosen: {what} changed")]
    Changed {
        /// Its path.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// UDisks refused.
    #[error("UDisks refused: {text} ({name})")]
    Refused {
        /// The error's name on the bus.
        name: String,
        /// What UDisks says.
        text: String,
    },
    /// The bus failed.
    #[error("the system bus failed: {0}")]
    Bus(zbus::Error),
    /// A descriptor that UDisks handed out can not be used.
    #[error("{path} can not be looked at: {source}")]
    Descriptor {
        /// The disk's path.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl From<zbus::Error> for UdisksError {
    fn from(error: zbus::Error) -> Self {
        const GONE: &[&str] = &["ServiceUnknown", "NameHasNoOwner", "NoReply", "Disconnected"];
        match error {
            zbus::Error::MethodError(name, text, _) => {
                let text = tidy(text.as_deref().unwrap_or_default());
                let of_bus = name.as_str().strip_prefix("org.freedesktop.DBus.Error.");
                match of_bus.is_some_and(|kind| GONE.contains(&kind) || kind.starts_with("Spawn.")) {
                    true => Self::NotThere { text },
                    false => Self::Refused { name: name.as_str().to_owned(), text },
                }
            }
            other => Self::Bus(other),
        }
    }
}

impl From<zbus::fdo::Error> for UdisksError {
    fn from(error: zbus::fdo::Error) -> Self {
        match error {
            zbus::fdo::Error::ZBus(error) => error.into(),
            zbus::fdo::Error::ServiceUnknown(text) | zbus::fdo::Error::NameHasNoOwner(text) => {
                Self::NotThere { text: tidy(&text) }
            }
            zbus::fdo::Error::NoReply(text) | zbus::fdo::Error::Disconnected(text) => {
                Self::NotThere { text: tidy(&text) }
            }
            other => Self::Refused { name: zbus::DBusError::name(&other).to_string(), text: tidy(&other.to_string()) },
        }
    }
}
