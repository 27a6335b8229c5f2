//! The helper, over the system bus.

use super::{Begun, Gateway};
use crate::{
    guide::Request,
    session::{Credentials, Found, Running, Secrets},
};
use async_trait::async_trait;
use forge_dbus::{
    Error,
    backend::Verdict,
    client::{ClientError, Forge, Job, RunSecrets, Update},
    status::State,
};
use forge_model::{Audit, Inventory, Machine, Secret, machine::Staging};
use futures_util::{StreamExt, stream::BoxStream};
use tokio::sync::Mutex;
use zbus::Connection;

/// Connected at the first call, and again after the connection was lost. A helper that failed is started by the next call.
#[derive(Default)]
pub struct Bus {
    forge: Mutex<Option<(Connection, Forge)>>,
    job: Mutex<Option<Job>>,
}

/// What the session manager of the system offers.
#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Login {
    /// Restarts the computer.
    #[zbus(allow_interactive_auth)]
    fn reboot(&self, interactive: bool) -> zbus::Result<()>;
}

impl Bus {
    async fn forge(&self) -> Result<Forge, ClientError> {
        Ok(self.connected().await?.1)
    }

    async fn connected(&self) -> Result<(Connection, Forge), ClientError> {
        let mut kept = self.forge.lock().await;
        if let Some(kept) = kept.as_ref().filter(|(connection, _)| !connection.is_closed()) {
            return Ok(kept.clone());
        }
        let connection = Connection::system().await.map_err(ClientError::NoBus)?;
        let forge = Forge::on(&connection).await?;
        Ok(kept.insert((connection, forge)).clone())
    }

    async fn job(&self) -> Result<Job, ClientError> {
        let gone = || ClientError::Refused(Error::WrongState("there is no job".into()));
        self.job.lock().await.clone().ok_or_else(gone)
    }
}

#[async_trait]
impl Gateway for Bus {
    async fn look(&self) -> Result<Found, ClientError> {
        let forge = self.forge().await?;
        let (offer, inventory) = (forge.offer().await?, forge.inventory().await?);
        let mut running = None;
        if let Some(job) = forge.job().await? {
            match job.state().await? {
                // Somebody looks at a plan. It holds nothing, and the helper lets it go when it was left alone for long.
                State::Prepared => {}
                State::Running | State::Cancelling | State::Finished => {
                    let (plan, progress) = (Box::new(job.plan().await?), job.progress().await?);
                    let ended = job.outcome().await?.map(Into::into);
                    running = Some(Running { plan, progress, ended });
                    *self.job.lock().await = Some(job);
                }
            }
        }
        Ok(Found { offer, inventory, running })
    }

    async fn changes(&self) -> Result<BoxStream<'static, Inventory>, ClientError> {
        let forge = self.forge().await?;
        let changes = forge.changes().await?;
        let looked = changes.filter_map(move |()| {
            let forge = forge.clone();
            async move { forge.inventory().await.inspect_err(|error| log::warn!("the disks: {error}")).ok() }
        });
        Ok(looked.boxed())
    }

    async fn check(&self, disk: &str, answers: &str) -> Result<Verdict, ClientError> {
        self.forge().await?.check(disk, answers).await
    }

    async fn install(&self, disk: &str, answers: &str, digest: &str, secrets: Secrets) -> Result<Begun, ClientError> {
        let job = self.forge().await?.prepare(disk, answers, false).await?;
        *self.job.lock().await = Some(job.clone());
        let found = job.digest().await?;
        if found != digest {
            return Ok(Begun::OtherPlan { digest: found, plan: Box::new(job.plan().await?) });
        }
        // Listening begins first: a signal that is sent before that is lost.
        let updates = job.updates().await?;
        let secrets = RunSecrets {
            user_password: secrets.password.as_ref(),
            disk_passphrase: secrets.passphrase.as_ref(),
            recovery_key: secrets.recovery_key.as_deref(),
            ..RunSecrets::default()
        };
        job.run(digest, secrets).await?;
        Ok(Begun::Running(updates.boxed()))
    }

    async fn recovery_key(&self) -> Result<Secret, ClientError> {
        self.forge().await?.recovery_key().await
    }

    async fn follow(&self) -> Result<BoxStream<'static, Update>, ClientError> {
        let job = self.job().await?;
        let updates = job.updates().await?;
        // It may have ended between the look and now.
        match job.outcome().await? {
            Some(outcome) => Ok(futures_util::stream::once(async { Update::Finished(Box::new(outcome)) }).boxed()),
            None => Ok(updates.boxed()),
        }
    }

    async fn cancel(&self) -> Result<(), ClientError> {
        self.job().await?.cancel().await
    }

    async fn take(&self) -> Result<Credentials, ClientError> {
        self.job().await?.handover().await.map(Credentials::new)
    }

    async fn close(&self) -> Result<(), ClientError> {
        match self.job.lock().await.take() {
            Some(job) => job.close().await,
            None => Ok(()),
        }
    }

    async fn licence(&self, bundle: &str) -> Result<String, ClientError> {
        self.forge().await?.licence(bundle).await
    }

    async fn restart(&self) -> Result<(), ClientError> {
        let (connection, _) = self.connected().await?;
        let login = LoginProxy::new(&connection).await.map_err(ClientError::NoBus)?;
        login.reboot(true).await.map_err(|error| ClientError::Refused(Error::Failed(error.to_string())))
    }

    async fn machine(&self) -> Result<Machine, ClientError> {
        self.forge().await?.machine().await
    }

    async fn enroll(&self) -> Result<Request, ClientError> {
        let asked = self.forge().await?.enroll().await?;
        if let Staging::Failed { fault, details } = &asked.staged {
            log::warn!("the firmware did not take the request: {fault:?}: {details}");
        }
        Ok(asked.into())
    }

    async fn audit(&self) -> Result<Audit, ClientError> {
        self.forge().await?.audit().await
    }
}
