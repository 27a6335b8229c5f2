//! `org.intergenos.Forge1.Job`.

use crate::{
    Error,
    backend::{Caller, JobBackend, Secrets},
    error::json,
    sealed,
    status::Progress,
};
use forge_model::Secret;
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};
use zbus::{OwnedFd, fdo, message::Header, object_server::SignalEmitter};

/// The name under which Run takes the password that a person typed.
pub const USER_PASSWORD: &str = "user-password";
/// The name under which Run takes the passphrase that credentials are sealed to.
pub const SEAL_PASSPHRASE: &str = "seal-passphrase";
/// The name under which Run takes the passphrase that opens the encrypted state.
pub const DISK_PASSPHRASE: &str = "disk-passphrase";
/// The name under which Run takes a recovery key that RecoveryKey made, and a person keeps already.
pub const RECOVERY_KEY: &str = "recovery-key";
/// Everything that Run takes.
const KNOWN: [&str; 4] = [USER_PASSWORD, SEAL_PASSPHRASE, DISK_PASSPHRASE, RECOVERY_KEY];
/// The most bytes of a secret.
const SECRET: usize = 4096;

/// A job's end at the helper.
pub struct Job {
    backend: Weak<dyn JobBackend>,
}

impl Job {
    /// Puts a backend behind the interface, which does not keep it.
    pub fn new(backend: Weak<dyn JobBackend>) -> Self {
        Self { backend }
    }

    fn backend(&self) -> Result<Arc<dyn JobBackend>, Error> {
        self.backend.upgrade().ok_or_else(|| Error::WrongState("the job is closed".into()))
    }

    fn ask<T>(&self, question: impl FnOnce(&dyn JobBackend) -> T) -> fdo::Result<T> {
        let backend = self.backend().map_err(|_| fdo::Error::UnknownObject("the job is closed".into()))?;
        Ok(question(&*backend))
    }
}

/// One install, from its plan to its end. Its state can be read at any time, by a client that came back, too.
#[zbus::interface(
    name = "org.intergenos.Forge1.Job",
    proxy(default_service = "org.intergenos.Forge1", visibility = "pub")
)]
impl Job {
    /// Begins. The helper plans again first, and refuses unless the plan still has this digest. The secrets are sealed
    /// memfds by name: "user-password" when the answers say that it is typed or brought along, "seal-passphrase" when they
    /// leave credentials on the ESP, sealed to a passphrase, "disk-passphrase" when they say that the passphrase of an
    /// encrypted state is typed or brought along, and then "recovery-key" if there is one already. Subscribe before you call
    /// this.
    #[zbus(proxy(allow_interactive_auth))]
    async fn run(
        &self,
        #[zbus(header)] header: Header<'_>,
        digest: &str,
        secrets: HashMap<String, OwnedFd>,
    ) -> Result<(), Error> {
        let caller = Caller::of(&header)?;
        let digest = match digest.len() {
            64 if digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) => digest,
            _ => return Err(Error::BadArgument("digest: 64 hexadecimal digits in lower case are expected".into())),
        };
        self.backend()?.run(caller, digest, read(&secrets)?).await
    }

    /// Asks it to stop at the next safe place. Before the first write the disk stays as it was; after it, the disk starts
    /// nothing. Once the commit has begun it goes to its end.
    #[zbus(proxy(allow_interactive_auth))]
    async fn cancel(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        self.backend()?.cancel(Caller::of(&header)?).await
    }

    /// Gives receipt, credentials and enrollment request as a sealed memfd, until the job is closed.
    #[zbus(out_args("handover"))]
    async fn handover(&self, #[zbus(header)] header: Header<'_>) -> Result<OwnedFd, Error> {
        Ok(self.backend()?.handover(Caller::of(&header)?).await?.into())
    }

    /// Forgets a job that does not run, with everything that it holds.
    #[zbus(proxy(allow_interactive_auth))]
    async fn close(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        self.backend()?.close(Caller::of(&header)?).await
    }

    /// It ended. The outcome is JSON.
    #[zbus(signal)]
    pub async fn finished(emitter: &SignalEmitter<'_>, outcome: &str) -> zbus::Result<()>;

    /// The plan, as JSON.
    #[zbus(property(emits_changed_signal = "const"))]
    async fn plan(&self) -> fdo::Result<String> {
        self.ask(|job| job.plan())
    }

    /// The plan's digest: what a person confirms.
    #[zbus(property(emits_changed_signal = "const"))]
    async fn digest(&self) -> fdo::Result<String> {
        self.ask(|job| job.digest())
    }

    /// Whether it goes on when its client leaves the bus.
    #[zbus(property(emits_changed_signal = "const"))]
    async fn unattended(&self) -> fdo::Result<bool> {
        self.ask(|job| job.unattended())
    }

    /// One of "prepared", "running", "cancelling", "finished".
    #[zbus(property)]
    async fn state(&self) -> fdo::Result<String> {
        self.ask(|job| job.state().id().into())
    }

    /// Stage, bytes done and in all, bytes a second (0: unknown), seconds left in this stage (-1: unknown).
    #[zbus(property)]
    async fn progress(&self) -> fdo::Result<Progress> {
        self.ask(|job| job.progress())
    }

    /// How it ended, as JSON; empty before that.
    #[zbus(property)]
    async fn outcome(&self) -> fdo::Result<String> {
        self.ask(|job| job.outcome().map_or_else(String::new, |outcome| json(&outcome)))
    }
}

fn read(secrets: &HashMap<String, OwnedFd>) -> Result<Secrets, Error> {
    if let Some(unknown) = secrets.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        let shown: String = unknown.chars().take(40).collect();
        return Err(Error::BadArgument(format!(
            "secrets: {shown:?} is not known; {} are",
            KNOWN.map(|name| format!("{name:?}")).join(", ")
        )));
    }
    let one = |name| secrets.get(name).map(|fd| secret(name, fd)).transpose();
    Ok(Secrets {
        user_password: one(USER_PASSWORD)?,
        seal_passphrase: one(SEAL_PASSPHRASE)?,
        disk_passphrase: one(DISK_PASSPHRASE)?,
        recovery_key: one(RECOVERY_KEY)?,
    })
}

fn secret(name: &str, fd: &OwnedFd) -> Result<Secret, Error> {
    let refuse = |reason: &dyn std::fmt::Display| Error::BadArgument(format!("secrets: {name}: {reason}"));
    sealed::keep_to_ourselves(fd).map_err(|e| refuse(&e))?;
    let text = sealed::text(fd, SECRET).map_err(|refused| refuse(&refused))?;
    match text.is_empty() || text.chars().any(char::is_control) {
        true => Err(refuse(&"a password has characters, and none that can not be seen")),
        false => Ok(Secret::new(text.to_string())),
    }
}
