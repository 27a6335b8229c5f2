//! The window's only door to the machine. Nothing else in this package knows the bus.
//!
//! | file | what it does |
//! |---|---|
//! | [`bus`] | the helper, over the system bus; login1 for the restart |
//! | `scripted` | a machine that is played, for screenshots and tests; not in the shipped program |

pub mod bus;
#[cfg(any(test, feature = "scripted"))]
pub mod scripted;

use crate::{
    guide::Request,
    session::{Credentials, Found},
};
use async_trait::async_trait;
use forge_dbus::{
    backend::Verdict,
    client::{ClientError, Update},
};
use forge_model::{Audit, Inventory, Machine, Plan, Secret};
use futures_util::stream::BoxStream;
use std::sync::Arc;

/// What the window asks of the machine. A call waits for the machine; the window calls from a task of its own.
#[async_trait]
pub trait Gateway: Send + Sync + 'static {
    /// Payload, disks, and an install that goes on already.
    async fn look(&self) -> Result<Found, ClientError>;
    /// The disks, each time they change, until the helper is gone.
    async fn changes(&self) -> Result<BoxStream<'static, Inventory>, ClientError>;
    /// What these answers would do to this disk.
    async fn check(&self, disk: &str, answers: &str) -> Result<Verdict, ClientError>;
    /// Makes a job, and begins it if it has this digest.
    async fn install(
        &self,
        disk: &str,
        answers: &str,
        digest: &str,
        password: Option<Secret>,
    ) -> Result<Begun, ClientError>;
    /// Listens to the job that is there.
    async fn follow(&self) -> Result<BoxStream<'static, Update>, ClientError>;
    /// Asks the job to stop.
    async fn cancel(&self) -> Result<(), ClientError>;
    /// Takes what the job hands over.
    async fn take(&self) -> Result<Credentials, ClientError>;
    /// Lets the helper forget the job.
    async fn close(&self) -> Result<(), ClientError>;
    /// The licence of a bundle of firmware.
    async fn licence(&self, bundle: &str) -> Result<String, ClientError>;
    /// Restarts the computer.
    async fn restart(&self) -> Result<(), ClientError>;
    /// What the machine says about its firmware and its key.
    async fn machine(&self) -> Result<Machine, ClientError>;
    /// Asks the firmware again to enroll the machine's key, with a new code.
    async fn enroll(&self) -> Result<Request, ClientError>;
    /// Measures every promise of the system.
    async fn audit(&self) -> Result<Audit, ClientError>;
}

/// What became of a confirmation.
pub enum Begun {
    /// It runs, and tells this.
    Running(BoxStream<'static, Update>),
    /// It would be another plan than the one that was confirmed. Nothing was begun.
    OtherPlan {
        /// What would be confirmed.
        digest: String,
        /// What would be done.
        plan: Box<Plan>,
    },
}

/// The door of this run of the program.
pub fn open() -> Arc<dyn Gateway> {
    #[cfg(feature = "scripted")]
    if let Some(played) = scripted::Scripted::from_environment() {
        return Arc::new(played);
    }
    Arc::new(bus::Bus::default())
}
