//! The other end: what `forgectl` and `forge` call.

use crate::{
    Error, NAME,
    backend::{Brought, FirmwareState, Offer, Verdict},
    error::AnswersFault,
    job::{DISK_PASSPHRASE, JobProxy, RECOVERY_KEY, SEAL_PASSPHRASE, USER_PASSWORD},
    manager::ManagerProxy,
    sealed,
    status::{Outcome, Progress, State},
};
use forge_model::{
    Handover, Inventory, Issue, Machine, Plan, Secret,
    audit::Audit,
    firmware::{Consent, FirmwareAnswer},
    handover::Asked,
};
use futures_util::{Stream, StreamExt, stream};
use serde::de::DeserializeOwned;
use std::{collections::HashMap, io};
use zbus::{Connection, OwnedObjectPath, fdo::PropertiesProxy};

/// The secrets that Run takes.
#[derive(Debug, Default)]
pub struct RunSecrets<'a> {
    /// The password of the first person.
    pub user_password: Option<&'a Secret>,
    /// What opens the credentials which the answers leave on the ESP.
    pub seal_passphrase: Option<&'a Secret>,
    /// What opens the encrypted state.
    pub disk_passphrase: Option<&'a Secret>,
    /// The recovery key, where a person keeps one already.
    pub recovery_key: Option<&'a Secret>,
}

impl<'a> From<Option<&'a Secret>> for RunSecrets<'a> {
    fn from(user_password: Option<&'a Secret>) -> Self {
        Self { user_password, ..Self::default() }
    }
}

/// Why a call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The system's bus can not be reached.
    #[error("the system bus can not be reached: {0}")]
    NoBus(zbus::Error),
    /// The helper is not installed, can not be started, or went away.
    #[error("the helper can not be reached: {0}")]
    NoHelper(zbus::Error),
    /// The answers can not be read.
    #[error("the answers can not be read")]
    Answers(AnswersFault),
    /// The answers do not fit.
    #[error("this can not be installed")]
    Issues(Vec<Issue>),
    /// The helper refused.
    #[error("{0}")]
    Refused(Error),
    /// Helper and client are not of one version.
    #[error("the helper answered something that can not be read: {0}")]
    Unreadable(String),
    /// The answer to `Run` was lost: the install may have begun, and may have been written by now.
    #[error("whether the install began is not known: {0}")]
    MayHaveBegun(Box<ClientError>),
    /// The handover was refused by this end.
    #[error("the handover can not be read: {0}")]
    Handover(sealed::Refused),
    /// A file in memory could not be made.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<Error> for ClientError {
    fn from(error: Error) -> Self {
        let unreadable = |e: serde_json::Error| Self::Unreadable(e.to_string());
        match error {
            Error::BadAnswers(text) => serde_json::from_str(&text).map_or_else(unreadable, Self::Answers),
            Error::Issues(text) => serde_json::from_str(&text).map_or_else(unreadable, Self::Issues),
            // The helper is there; what was asked is not.
            Error::Bus(zbus::Error::MethodError(name, _, _)) if name.ends_with(".UnknownObject") => {
                Self::Refused(Error::WrongState("the job is closed".into()))
            }
            Error::Bus(error) => Self::NoHelper(error),
            refused => Self::Refused(refused),
        }
    }
}

impl From<zbus::Error> for ClientError {
    fn from(error: zbus::Error) -> Self {
        Error::from(error).into()
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ClientError> {
    serde_json::from_str(text).map_err(|e| ClientError::Unreadable(e.to_string()))
}

/// The most bytes of a handover.
const HANDOVER: usize = 4 << 20;
/// The most bytes of a recovery key.
const KEY: usize = 256;

/// The helper.
#[derive(Clone)]
pub struct Forge {
    manager: ManagerProxy<'static>,
}

impl Forge {
    /// Connects to the system bus; the helper is started by the first call.
    pub async fn connect() -> Result<Self, ClientError> {
        let connection = Connection::system().await.map_err(ClientError::NoBus)?;
        Self::on(&connection).await
    }

    /// Uses a connection that is there.
    pub async fn on(connection: &Connection) -> Result<Self, ClientError> {
        Ok(Self { manager: ManagerProxy::new(connection).await.map_err(ClientError::NoBus)? })
    }

    /// The disks of this machine.
    pub async fn inventory(&self) -> Result<Inventory, ClientError> {
        read(&again(async || self.manager.inventory().await).await?)
    }

    /// The payload of this medium.
    pub async fn offer(&self) -> Result<Offer, ClientError> {
        read(&again(async || self.manager.offer().await).await?)
    }

    /// The licence of a bundle of firmware of this medium's payload.
    pub async fn licence(&self, bundle: &str) -> Result<String, ClientError> {
        Ok(again(|| self.manager.licence(bundle)).await?)
    }

    /// The posture of this machine, measured with all the rights that it takes.
    pub async fn audit(&self) -> Result<Audit, ClientError> {
        read(&again(async || self.manager.audit().await).await?)
    }

    /// What this machine's firmware says, and how far the enrollment of its key is.
    pub async fn machine(&self) -> Result<Machine, ClientError> {
        read(&again(async || self.manager.machine().await).await?)
    }

    /// Asks shim once more to enroll the key of this machine, with a fresh code.
    pub async fn enroll(&self) -> Result<Asked, ClientError> {
        let fd = again(|| self.manager.enroll()).await?;
        let bytes = sealed::open(&fd, HANDOVER).map_err(ClientError::Handover)?;
        Asked::from_bytes(&bytes).map_err(|e| ClientError::Unreadable(e.to_string()))
    }

    /// A new recovery key for an encrypted state. A person keeps it before the install begins.
    pub async fn recovery_key(&self) -> Result<Secret, ClientError> {
        let fd = again(|| self.manager.recovery_key()).await?;
        let text = sealed::text(&fd, KEY).map_err(ClientError::Handover)?;
        Ok(Secret::new(text.to_string()))
    }

    /// The proprietary firmware of this machine.
    pub async fn firmware(&self) -> Result<FirmwareState, ClientError> {
        read(&again(async || self.manager.firmware().await).await?)
    }

    /// Adds a bundle from the files of a payload.
    pub async fn add_firmware(&self, accepted: &FirmwareAnswer, brought: &Brought) -> Result<Consent, ClientError> {
        let consent = again(async || {
            let copy = |fd: &std::os::fd::OwnedFd| -> Result<zbus::OwnedFd, Error> {
                Ok(fd.try_clone().map_err(|e| Error::Failed(e.to_string()))?.into())
            };
            let companion = brought.companion.iter().map(copy).collect::<Result<_, _>>()?;
            let (manifest, signature, image) = (&brought.manifest, &brought.signature, &brought.image);
            let (name, sha256) = (&accepted.bundle, &accepted.sha256);
            self.manager.add_firmware(name, sha256, copy(manifest)?, copy(signature)?, copy(image)?, companion).await
        });
        read(&consent.await?)
    }

    /// Takes a bundle away.
    pub async fn remove_firmware(&self, name: &str) -> Result<(), ClientError> {
        Ok(again(|| self.manager.remove_firmware(name)).await?)
    }

    /// What these answers would do.
    pub async fn check(&self, disk: &str, answers: &str) -> Result<Verdict, ClientError> {
        let verdict = again(async || {
            let answers = sealed::seal(answers.as_bytes()).map_err(|e| Error::Failed(e.to_string()))?;
            self.manager.check(disk, answers.into()).await
        });
        read(&verdict.await?)
    }

    /// Makes a job that waits.
    pub async fn prepare(&self, disk: &str, answers: &str, unattended: bool) -> Result<Job, ClientError> {
        let path = again(|| async {
            let answers = sealed::seal(answers.as_bytes()).map_err(|e| Error::Failed(e.to_string()))?;
            self.manager.prepare(disk, answers.into(), unattended).await
        });
        Job::at(self.manager.inner().connection(), path.await?).await
    }

    /// The job that exists, for a client that comes back.
    pub async fn job(&self) -> Result<Option<Job>, ClientError> {
        match self.manager.jobs().await?.into_iter().next() {
            Some(path) => Job::at(self.manager.inner().connection(), path).await.map(Some),
            None => Ok(None),
        }
    }

    /// Tells whenever the disks may have changed. Keeps the helper awake until the connection ends.
    pub async fn changes(&self) -> Result<impl Stream<Item = ()> + use<>, ClientError> {
        let signals = self.manager.receive_inventory_changed().await?;
        again(|| self.manager.subscribe()).await?;
        Ok(signals.map(|_| ()))
    }
}

/// Makes a call once more when it came to a helper that was about to leave.
///
/// Not `AsyncFn`: such a future is not known to be `Send`, and the window awaits it on a task of its own.
async fn again<T, F: Future<Output = Result<T, Error>>>(call: impl Fn() -> F) -> Result<T, Error> {
    for _ in 0..5 {
        match call().await {
            Err(Error::TryAgain(_)) => {}
            result => return result,
        }
    }
    call().await
}

/// One job.
#[derive(Clone)]
pub struct Job {
    proxy: JobProxy<'static>,
}

/// What a job tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// How far it is.
    Progress(Progress),
    /// It ended.
    Finished(Box<Outcome>),
    /// The helper went away before the job ended.
    Lost,
}

impl Job {
    async fn at(connection: &Connection, path: OwnedObjectPath) -> Result<Self, ClientError> {
        // Cached properties would hide what a lost helper no longer knows.
        let proxy =
            JobProxy::builder(connection).path(path).cache_properties(zbus::proxy::CacheProperties::No).build().await?;
        Ok(Self { proxy })
    }

    /// The plan.
    pub async fn plan(&self) -> Result<Plan, ClientError> {
        read(&self.proxy.plan().await?)
    }

    /// What a person confirms.
    pub async fn digest(&self) -> Result<String, ClientError> {
        Ok(self.proxy.digest().await?)
    }

    /// Where it is in its life.
    pub async fn state(&self) -> Result<State, ClientError> {
        let id = self.proxy.state().await?;
        State::from_id(&id).ok_or(ClientError::Unreadable(id))
    }

    /// How far it is now.
    pub async fn progress(&self) -> Result<Progress, ClientError> {
        Ok(self.proxy.progress().await?)
    }

    /// How it ended, when it did.
    pub async fn outcome(&self) -> Result<Option<Outcome>, ClientError> {
        match self.proxy.outcome().await? {
            text if text.is_empty() => Ok(None),
            text => read(&text).map(Some),
        }
    }

    /// Everything that it tells, until its end or the helper's. Call this before [`Job::run`].
    pub async fn updates(&self) -> Result<impl Stream<Item = Update> + Unpin + use<>, ClientError> {
        let bus = zbus::fdo::DBusProxy::new(self.proxy.inner().connection()).await?;
        let lost = bus.receive_name_owner_changed_with_args(&[(0, NAME), (2, "")]).await?;
        let finished = self.proxy.receive_finished().await?;
        // The proxy keeps no property, and without that zbus tells of no change: the signal itself is listened to.
        let properties = PropertiesProxy::builder(self.proxy.inner().connection())
            .destination(NAME)
            .path(self.proxy.inner().path().to_owned())
            .build()
            .await?;
        let progress = properties.receive_properties_changed().await?;
        let finished = finished.filter_map(async |signal| {
            // An end that can not be read, of another version, ends the stream all the same.
            let outcome = signal.args().ok().and_then(|args| serde_json::from_str(args.outcome).ok());
            Some(outcome.map_or(Update::Lost, |outcome| Update::Finished(Box::new(outcome))))
        });
        let progress = progress.filter_map(async |signal| {
            let arguments = signal.args().ok()?;
            let value = arguments.changed_properties.get("Progress")?.try_to_owned().ok()?;
            Progress::try_from(value).ok().map(Update::Progress)
        });
        let lost = lost.map(|_| Update::Lost);
        let all = stream::select(stream::select(progress.boxed(), finished.boxed()), lost.boxed());
        let all = all.scan(false, |ended, update| {
            let go_on = !*ended;
            *ended = !matches!(update, Update::Progress(_));
            async move { go_on.then_some(update) }
        });
        Ok(all.boxed())
    }

    /// Begins, with what the answers say is brought along; a password alone, where that is all.
    pub async fn run<'a>(&self, digest: &str, secrets: impl Into<RunSecrets<'a>>) -> Result<(), ClientError> {
        let RunSecrets { user_password, seal_passphrase, disk_passphrase, recovery_key } = secrets.into();
        let mut secrets = HashMap::new();
        for (name, secret) in [
            (USER_PASSWORD, user_password),
            (SEAL_PASSPHRASE, seal_passphrase),
            (DISK_PASSPHRASE, disk_passphrase),
            (RECOVERY_KEY, recovery_key),
        ] {
            if let Some(secret) = secret {
                secrets.insert(name.to_owned(), sealed::seal(secret.expose().as_bytes())?.into());
            }
        }
        self.proxy.run(digest, secrets).await.map_err(|error| may_have_begun(error.into()))
    }

    /// Asks it to stop.
    pub async fn cancel(&self) -> Result<(), ClientError> {
        Ok(self.proxy.cancel().await?)
    }

    /// Takes receipt and credentials. They stay at the helper until [`Job::close`]: call that when they are in a safe place.
    pub async fn handover(&self) -> Result<Handover, ClientError> {
        let fd = self.proxy.handover().await?;
        let bytes = sealed::open(&fd, HANDOVER).map_err(ClientError::Handover)?;
        Handover::from_bytes(&bytes).map_err(|e| ClientError::Unreadable(e.to_string()))
    }

    /// Lets the helper forget it, with everything that it holds.
    pub async fn close(&self) -> Result<(), ClientError> {
        Ok(self.proxy.close().await?)
    }
}

/// What a call of `Run` that went wrong means: only an answer of the helper says that nothing began.
fn may_have_begun(error: ClientError) -> ClientError {
    match error {
        ClientError::NoHelper(_) | ClientError::Unreadable(_) => ClientError::MayHaveBegun(Box::new(error)),
        refused => refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_the_helper_says_that_nothing_began() {
        let began = |error: Error| matches!(may_have_begun(error.into()), ClientError::MayHaveBegun(_));
        let lost = || io::Error::from(io::ErrorKind::ConnectionReset);
        assert!(began(Error::Bus(zbus::Error::InputOutput(lost().into()))));
        assert!(began(Error::Bus(zbus::Error::InvalidReply)));
        assert!(began(Error::Issues("of a later version".into())));
        assert!(!began(Error::OtherPlan("x".into())) && !began(Error::Issues("[]".into())));
        assert!(!began(Error::NotAllowed("x".into())));
    }
}
