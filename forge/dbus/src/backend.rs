//! What the helper puts behind the interfaces.

use crate::{
    Error, sealed,
    status::{Outcome, Progress, State},
};
use async_trait::async_trait;
use forge_model::{
    Inventory, Issue, Machine, Manifest, Plan, Secret,
    audit::Audit,
    firmware::{Consent, Device, FirmwareAnswer},
};
use serde::{Deserialize, Serialize};
use std::{os::fd::OwnedFd, sync::Arc};
use zbus::{OwnedObjectPath, message::Header, names::OwnedUniqueName};
use zeroize::Zeroizing;

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Its unique name on the bus: the subject that polkit is asked about.
    pub name: OwnedUniqueName,
    /// Whether a person may be asked for a password.
    pub interactive: bool,
}

impl Caller {
    pub(crate) fn of(header: &Header<'_>) -> Result<Self, Error> {
        let Some(sender) = header.sender() else {
            return Err(Error::NotAllowed("a call without a sender".into()));
        };
        let interactive = header.primary().flags().contains(zbus::message::Flags::ALLOW_INTERACTIVE_AUTH);
        Ok(Self { name: sender.to_owned().into(), interactive })
    }
}

/// The answers as they came: nobody reads them before polkit has let the caller in.
#[derive(Debug)]
pub struct Sealed(pub(crate) zbus::OwnedFd);

impl Sealed {
    /// The most bytes of an answer file.
    const MOST: usize = 1 << 20;

    /// The text of the answer file.
    pub fn text(&self) -> Result<Zeroizing<String>, Error> {
        sealed::text(&self.0, Self::MOST).map_err(|refused| Error::BadArgument(format!("answers: {refused}")))
    }
}

/// What would be done, or why nothing can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// It can be done.
    Plan {
        /// What a person confirms.
        digest: String,
        /// Exactly what will be done.
        plan: Box<Plan>,
    },
    /// It can not be done.
    Issues {
        /// Everything that is in the way.
        issues: Vec<Issue>,
    },
}

/// What an install is made of, besides the disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Offer {
    /// The signed index: the system, what it offers, what it needs.
    pub manifest: Manifest,
    /// Fingerprint of the certificate that signed it.
    pub certificate: String,
}

/// The proprietary firmware of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareState {
    /// What is on it.
    pub installed: Vec<InstalledFirmware>,
    /// The devices that want firmware, or asked for it in vain.
    pub devices: Vec<Device>,
}

/// A bundle of which a part is on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledFirmware {
    /// Its name.
    pub name: String,
    /// Who accepted it, if that can be believed.
    pub consent: Option<Consent>,
    /// What is wrong with it, in English.
    pub faults: Vec<String>,
}

/// A bundle that is brought to an installed machine: sealed copies of files of a payload. None of them is believed.
#[derive(Debug)]
pub struct Brought {
    /// The index.
    pub manifest: OwnedFd,
    /// Its signature.
    pub signature: OwnedFd,
    /// The bundle's image.
    pub image: OwnedFd,
    /// What is needed before the root is mounted, if the index names it.
    pub companion: Option<OwnedFd>,
}

/// The helper, as the manager's interface sees it.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The disks of this machine.
    async fn inventory(&self, caller: Caller) -> Result<Inventory, Error>;
    /// The payload of this medium.
    async fn offer(&self, caller: Caller) -> Result<Offer, Error>;
    /// The licence of a bundle of firmware of this medium's payload.
    async fn licence(&self, caller: Caller, bundle: &str) -> Result<String, Error>;
    /// The posture of this machine.
    async fn audit(&self, caller: Caller) -> Result<Audit, Error>;
    /// What this machine's firmware says, and how far the enrollment of its key is.
    async fn machine(&self, caller: Caller) -> Result<Machine, Error>;
    /// Asks shim once more to enroll the key of this machine: an [`Asked`](forge_model::handover::Asked), sealed.
    async fn enroll(&self, caller: Caller) -> Result<OwnedFd, Error>;
    /// The proprietary firmware of this machine.
    async fn firmware(&self, caller: Caller) -> Result<FirmwareState, Error>;
    /// Adds a bundle, which this caller accepts.
    async fn add_firmware(&self, caller: Caller, accepted: FirmwareAnswer, brought: Brought) -> Result<Consent, Error>;
    /// Takes a bundle away.
    async fn remove_firmware(&self, caller: Caller, name: &str) -> Result<(), Error>;
    /// What these answers would do.
    async fn check(&self, caller: Caller, disk: &str, answers: Sealed) -> Result<Verdict, Error>;
    /// Makes a job that waits.
    async fn prepare(
        &self,
        caller: Caller,
        disk: &str,
        answers: Sealed,
        unattended: bool,
    ) -> Result<OwnedObjectPath, Error>;
    /// Keeps the helper awake and its signals coming while this caller is on the bus.
    async fn subscribe(&self, caller: Caller) -> Result<(), Error>;
    /// Ends that.
    async fn unsubscribe(&self, caller: Caller) -> Result<(), Error>;
    /// The jobs that exist; never more than one.
    fn jobs(&self) -> Vec<OwnedObjectPath>;
}

/// The secrets that come with Run.
#[derive(Debug, Default)]
pub struct Secrets {
    /// What the first person typed, or what was brought along.
    pub user_password: Option<Secret>,
    /// What opens the credentials that are left on the ESP.
    pub seal_passphrase: Option<Secret>,
}

/// A job, as its interface sees it.
#[async_trait]
pub trait JobBackend: Send + Sync + 'static {
    /// Begins, if the plan still has this digest.
    async fn run(self: Arc<Self>, caller: Caller, digest: &str, secrets: Secrets) -> Result<(), Error>;
    /// Asks it to stop.
    async fn cancel(&self, caller: Caller) -> Result<(), Error>;
    /// Gives receipt and credentials.
    async fn handover(&self, caller: Caller) -> Result<OwnedFd, Error>;
    /// Forgets a job that does not run.
    async fn close(&self, caller: Caller) -> Result<(), Error>;
    /// The plan, as JSON.
    fn plan(&self) -> String;
    /// The plan's digest.
    fn digest(&self) -> String;
    /// Whether it goes on without its client.
    fn unattended(&self) -> bool;
    /// Where it is in its life.
    fn state(&self) -> State;
    /// How far it is.
    fn progress(&self) -> Progress;
    /// How it ended, when it did.
    fn outcome(&self) -> Option<Outcome>;
}
