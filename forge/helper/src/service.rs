//! The manager: inventory, plans, jobs.

use crate::{
    accepted::{self, Accepted},
    arguments::Arguments,
    audit,
    authority::Authority,
    clients::Clients,
    devices::Devices,
    firmware::Firmware,
    job::{Confirmed, Work},
    life::{Life, Task},
    subscribers::Subscribers,
    udisks::{Udisks, UdisksError},
};
use async_trait::async_trait;
use forge_dbus::{
    Error,
    action::{AUDIT, ENROLL, FIRMWARE, INSPECT},
    backend::{Backend, Brought, Caller, FirmwareState, JobBackend, Offer, Sealed, Verdict},
    error::AnswersFault,
    job::Job,
    manager::Manager,
    sealed,
    status::State,
};
use forge_engine::{journal::Journal, luks, payload::Payload};
use forge_model::{
    Answers, Inventory, Machine, Plan,
    audit::Audit,
    firmware::{Consent, FirmwareAnswer},
    inventory::Content,
};
use futures_util::StreamExt;
use std::{
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::{
    sync::{OnceCell, Semaphore},
    time::timeout,
};
use zbus::{Connection, OwnedObjectPath, object_server::Interface, object_server::SignalEmitter};

/// How many look at disks or payload at once; others wait. It bounds memory, and the answers that the bus lets one connection
/// wait for.
const LOOKS: usize = 8;

/// How long the look for an install that did not end may take on one disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most bytes of a licence that is shown.
const LICENCE: u64 = 1 << 20;

/// Everything that the helper is.
pub struct Service {
    this: Weak<Self>,
    /// The system bus.
    pub connection: Connection,
    /// polkit.
    pub authority: Authority,
    /// Who is on the bus.
    pub clients: Clients,
    /// The disks.
    pub udisks: Udisks,
    /// The firmware's variables and this machine's keys.
    pub firmware: Firmware,
    /// The devices that firmware is a question for.
    pub devices: Devices,
    /// The proprietary firmware of this machine.
    accepted: Accepted,
    /// How long it stays.
    pub life: Arc<Life>,
    /// How long the new partitions may take to be seen.
    pub settle: Duration,
    payload: PathBuf,
    certificate: PathBuf,
    root_hash: PathBuf,
    job: Mutex<Option<Arc<Work>>>,
    next: AtomicU64,
    subscribers: Mutex<Subscribers>,
    telling: OnceCell<Task>,
    looks: Semaphore,
    audit_socket: PathBuf,
    /// One audit at a time: it costs every processor some seconds.
    audits: Semaphore,
}

/// Refuses another release than the one that runs: a second stick with an older payload, well signed, could stand in the
/// place of the medium's own. A system that was not started from a medium has no such file.
fn is_of_this_medium(payload: &Payload, running: &Path) -> Result<(), String> {
    let hash = match std::fs::read_to_string(running) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("{}: {error}", running.display())),
    };
    match payload.manifest.image.root_hash.to_string() == hash {
        true => Ok(()),
        false => Err("the payload is of another release than the medium that this system was started from; \
                      pull out other media, and start again"
            .into()),
    }
}

/// Connects to the system bus. Only a connection that is built with an object listens for calls when it is ready; the task
/// that listens is otherwise only begun, and a call that comes before it is lost.
pub async fn connect() -> zbus::Result<Connection> {
    let nobody = Manager::new(Weak::<Service>::new());
    zbus::connection::Builder::system().serve_at(forge_dbus::PATH, nobody).build().await
}

/// Puts the manager on the bus, on a connection that [`connect`] made; its name is still to be asked for.
pub async fn start(connection: &Connection, arguments: &Arguments) -> zbus::Result<Arc<Service>> {
    let clients = Clients::new(connection).await?;
    let udisks = Udisks::new(connection).needing([arguments.payload.clone(), arguments.certificate.clone()]);
    let service = Arc::new_cyclic(|this| Service {
        this: this.clone(),
        connection: connection.clone(),
        authority: Authority::new(connection),
        clients,
        udisks,
        firmware: Firmware::new(arguments),
        devices: Devices::new(arguments),
        accepted: Accepted::new(arguments),
        life: Life::new(),
        settle: arguments.settle(),
        payload: arguments.payload.clone(),
        certificate: arguments.certificate.clone(),
        root_hash: arguments.root_hash.clone(),
        job: Mutex::default(),
        next: AtomicU64::new(1),
        subscribers: Mutex::default(),
        telling: OnceCell::new(),
        looks: Semaphore::new(LOOKS),
        audit_socket: arguments.audit_socket.clone(),
        audits: Semaphore::new(1),
    });
    let objects = connection.object_server();
    objects.remove::<Manager, _>(forge_dbus::PATH).await?;
    objects.at(forge_dbus::PATH, Manager::new(service.this.clone())).await?;
    Ok(service)
}

/// The introspection XML of both interfaces, as it is checked in below `data/dbus-1/interfaces`.
pub fn introspection() -> String {
    let mut xml = String::from("<node>\n");
    Manager::new(Weak::<Service>::new()).introspect_to_writer(&mut xml, 2);
    Job::new(Weak::<Work>::new()).introspect_to_writer(&mut xml, 2);
    xml.push_str("</node>\n");
    xml
}

impl Service {
    /// The disks and the firmware, freshly looked at.
    pub async fn look(&self) -> Result<Inventory, Error> {
        // The payload is opened under a permit of its own.
        let payload = match self.firmware.knows_chain() && self.devices.knows_bundles() {
            true => None,
            false => self.open_payload().await.ok(),
        };
        if let Some(payload) = &payload {
            self.devices.know_bundles(&payload.manifest.firmware);
        }
        let firmware = self.firmware.preflight(payload).await;
        let _permit = self.looks.acquire().await.map_err(|e| Error::Failed(e.to_string()))?;
        let (inventory, devices) = tokio::join!(self.udisks.inventory(), self.devices.look());
        let mut inventory = inventory.map_err(no_disks)?;
        inventory.devices = devices;
        for disk in &mut inventory.disks {
            // An install that did not end leaves nothing that UDisks2 could name.
            if disk.obstacles.is_empty() && matches!(disk.content, Content::Empty | Content::Unknown) {
                let look = async {
                    let file = self.udisks.read_only(disk).await.ok()?;
                    tokio::task::spawn_blocking(move || Journal::find(&file)).await.ok()?.ok()?
                };
                if let Ok(Some(journal)) = timeout(PATIENCE, look).await {
                    disk.content = Content::Unfinished { stage: journal.stage };
                }
            }
        }
        inventory.firmware = firmware;
        Ok(inventory)
    }

    /// The payload of this medium, its signature checked.
    pub async fn open_payload(&self) -> Result<Payload, Error> {
        let _permit = self.looks.acquire().await.map_err(|e| Error::Failed(e.to_string()))?;
        let (directory, certificate) = (self.payload.clone(), self.certificate.clone());
        let running = self.root_hash.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let trusted = std::fs::read(&certificate).map_err(|e| format!("{}: {e}", certificate.display()))?;
            let payload = Payload::open(&directory, &trusted, SystemTime::now()).map_err(|e| e.to_string())?;
            is_of_this_medium(&payload, &running).map(|()| payload)
        });
        opened.await.map_err(|e| Error::Failed(e.to_string()))?.map_err(Error::NoPayload)
    }

    /// Plans from what is there now.
    pub async fn plan(&self, disk: &str, answers: &Answers) -> Result<Verdict, Error> {
        let payload = self.open_payload().await?;
        let inventory = self.look().await?;
        Ok(match Plan::new(&inventory, disk, answers, &payload.manifest, &payload.manifest_sha256) {
            Ok(plan) => Verdict::Plan { digest: plan.digest(), plan: Box::new(plan) },
            Err(issues) => Verdict::Issues { issues },
        })
    }

    /// Closes a job for good and takes it off the bus; false when it runs.
    pub async fn forget(&self, job: &Work) -> bool {
        if !job.close_unless_running() {
            return false;
        }
        let removed = { self.job().take_if(|there| there.path == job.path) };
        if removed.is_some() {
            let _ = self.connection.object_server().remove::<Job, _>(&job.path).await;
        }
        true
    }

    /// Ends before its time, because the system says so: an install that runs is cancelled if it has not committed.
    pub async fn stop(&self) {
        let running = { self.job().clone() };
        if let Some(job) = running {
            log::warn!("the system ends the helper in the middle of an install");
            job.stop_and_wait().await;
        }
    }

    fn job(&self) -> MutexGuard<'_, Option<Arc<Work>>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscribers(&self) -> MutexGuard<'_, Subscribers> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for a new job, if the one that is there may go.
    async fn make_room(&self, caller: &Caller) -> Result<(), Error> {
        let Some(there) = self.job().clone() else { return Ok(()) };
        match there.state() {
            State::Prepared if there.is_owned_by(caller) || there.is_stale() => {}
            State::Prepared => return Err(Error::Busy("another plan waits to be confirmed".into())),
            State::Finished if !there.holds_credentials() => {}
            State::Finished => {
                return Err(Error::Busy("an install ended, and its credentials are not in a safe place yet".into()));
            }
            _ => return Err(Error::Busy("another install has begun".into())),
        }
        match self.forget(&there).await {
            true => Ok(()),
            false => Err(Error::Busy("another install has begun".into())),
        }
    }

    /// Tells subscribers when the disks change, from the first one on.
    async fn tell_changes(&self) -> Result<Task, Error> {
        let emitter = SignalEmitter::new(&self.connection, forge_dbus::PATH);
        let emitter = emitter.map_err(|e| Error::Failed(e.to_string()))?.into_owned();
        let mut changes = Box::pin(self.udisks.changes().await.map_err(no_disks)?);
        let service = self.this.clone();
        let tells = tokio::spawn(async move {
            while changes.next().await.is_some() {
                let listened = service.upgrade().is_some_and(|service| !service.subscribers().is_empty());
                if listened {
                    let _ = Manager::inventory_changed(&emitter).await;
                }
            }
        });
        Ok(Task::new(&tells))
    }
}

#[async_trait]
impl Backend for Service {
    async fn inventory(&self, caller: Caller) -> Result<Inventory, Error> {
        let _reason = self.life.answer();
        self.authority.allow(&caller, INSPECT, &[]).await?;
        self.look().await
    }

    async fn offer(&self, caller: Caller) -> Result<Offer, Error> {
        let _reason = self.life.answer();
        self.authority.allow(&caller, INSPECT, &[]).await?;
        let payload = self.open_payload().await?;
        Ok(Offer { certificate: payload.signer.certificate.to_hex(), manifest: payload.manifest })
    }

    async fn licence(&self, caller: Caller, bundle: &str) -> Result<String, Error> {
        let _reason = self.life.answer();
        self.authority.allow(&caller, INSPECT, &[]).await?;
        let payload = self.open_payload().await?;
        let _permit = self.looks.acquire().await.map_err(|e| Error::Failed(e.to_string()))?;
        let found = payload.manifest.firmware.iter().find(|known| known.name == bundle);
        let found = found.ok_or_else(|| Error::BadArgument("bundle: this payload has none of that name".into()))?;
        let text = found.licence.text.clone();
        if text.size > LICENCE {
            return Err(Error::NoPayload(format!("{}: no licence is as long as that", text.path)));
        }
        let read = tokio::task::spawn_blocking(move || payload.text(&text)).await;
        read.map_err(|e| Error::Failed(e.to_string()))?.map_err(|e| Error::NoPayload(e.to_string()))
    }

    async fn audit(&self, caller: Caller) -> Result<Audit, Error> {
        let _reason = self.life.answer();
        self.authority.allow(&caller, AUDIT, &[]).await?;
        let _permit = self.audits.acquire().await.map_err(|e| Error::Failed(e.to_string()))?;
        let socket = self.audit_socket.clone();
        let asked = tokio::task::spawn_blocking(move || audit::ask(&socket)).await;
        asked.map_err(|e| Error::Failed(e.to_string()))?.map_err(|e| Error::Failed(e.to_string()))
    }

    async fn machine(&self, caller: Caller) -> Result<Machine, Error> {
        let _reason = self.life.answer();
        self.authority.allow(&caller, INSPECT, &[]).await?;
        self.firmware.machine().await
    }

    async fn enroll(&self, caller: Caller) -> Result<OwnedFd, Error> {
        let _reason = self.life.answer();
        self.authority.allow(&caller, ENROLL, &[]).await?;
        let asked = self.firmware.enroll().await?;
        let bytes = asked.to_bytes().map_err(|e| Error::Failed(format!("the request: {e}")))?;
        sealed::seal(&bytes).map_err(|e| Error::Failed(format!("the request: {e}")))
    }

    async fn recovery_key(&self, caller: Caller) -> Result<OwnedFd, Error> {
        let _reason = self.life.answer();
        self.authority.allow(&caller, INSPECT, &[]).await?;
        let key = luks::recovery_key().map_err(|e| Error::Failed(format!("the system's random source: {e}")))?;
        sealed::seal(key.expose().as_bytes()).map_err(|e| Error::Failed(format!("the recovery key: {e}")))
    }

    async fn firmware(&self, caller: Caller) -> Result<FirmwareState, Error> {
        let _reason = self.life.answer();
        self.authority.allow(&caller, INSPECT, &[]).await?;
        // It may wait for a change, and nobody else waits with it.
        let installed = self.accepted.list().await?;
        let _permit = self.looks.acquire().await.map_err(|e| Error::Failed(e.to_string()))?;
        Ok(FirmwareState { installed, devices: self.devices.look().await })
    }

    async fn add_firmware(&self, caller: Caller, accepted: FirmwareAnswer, brought: Brought) -> Result<Consent, Error> {
        let _reason = self.life.answer();
        accepted::is_name(&accepted.bundle)?;
        let hash = accepted::begin_of_hash(&accepted.sha256)?;
        let details = [("verb", "add"), ("bundle", accepted.bundle.as_str()), ("hash", hash.as_str())];
        self.authority.allow(&caller, FIRMWARE, &details).await?;
        let uid = self.clients.uid(&caller).await?;
        self.accepted.add(accepted, brought, uid).await
    }

    async fn remove_firmware(&self, caller: Caller, name: &str) -> Result<(), Error> {
        let _reason = self.life.answer();
        accepted::is_name(name)?;
        self.authority.allow(&caller, FIRMWARE, &[("verb", "remove"), ("bundle", name), ("hash", "")]).await?;
        self.accepted.remove(name).await
    }

    async fn check(&self, caller: Caller, disk: &str, answers: Sealed) -> Result<Verdict, Error> {
        let _reason = self.life.answer();
        self.authority.allow(&caller, INSPECT, &[]).await?;
        log::debug!("a plan for {disk:?} is asked for");
        self.plan(disk, &parse(&answers.text()?)?).await
    }

    async fn prepare(
        &self,
        caller: Caller,
        disk: &str,
        answers: Sealed,
        unattended: bool,
    ) -> Result<OwnedObjectPath, Error> {
        let Some(reason) = self.life.stay() else { return Err(leaving()) };
        self.authority.allow(&caller, INSPECT, &[]).await?;
        let answers = parse(&answers.text()?)?;
        let (plan, digest) = match self.plan(disk, &answers).await? {
            Verdict::Plan { plan, digest } => (*plan, digest),
            Verdict::Issues { issues } => return Err(Error::issues(&issues)),
        };
        let uid = self.clients.uid(&caller).await?;
        self.make_room(&caller).await?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = OwnedObjectPath::try_from(format!("{}/job/{number}", forge_dbus::PATH))
            .map_err(|e| Error::Failed(e.to_string()))?;
        let service = self.this.upgrade().ok_or_else(leaving)?;
        let confirmed = Confirmed { plan, digest, answers };
        let work = Work::new(service, path.clone(), &caller, uid, confirmed, unattended, reason);
        {
            let mut job = self.job();
            if job.is_some() {
                return Err(Error::Busy("another install has begun".into()));
            }
            *job = Some(Arc::clone(&work));
        }
        let object = Job::new(Arc::downgrade(&work) as Weak<dyn JobBackend>);
        if let Err(error) = self.connection.object_server().at(&path, object).await {
            self.forget(&work).await;
            return Err(error.into());
        }
        work.follow(caller.name);
        Ok(path)
    }

    async fn subscribe(&self, caller: Caller) -> Result<(), Error> {
        let Some(reason) = self.life.stay() else { return Err(leaving()) };
        self.authority.allow(&caller, INSPECT, &[]).await?;
        // UDisks2 is listened to before this call returns, or a disk that comes right after it could be missed.
        self.telling.get_or_try_init(|| self.tell_changes()).await?;
        self.subscribers().add(&caller.name, reason, || {
            let (service, clients, name) = (self.this.clone(), self.clients.clone(), caller.name.clone());
            let watch = async move {
                clients.gone(&name).await;
                if let Some(service) = service.upgrade() {
                    service.subscribers().remove(&name);
                }
            };
            Task::new(&tokio::spawn(watch))
        })
    }

    async fn unsubscribe(&self, caller: Caller) -> Result<(), Error> {
        self.subscribers().remove(&caller.name);
        Ok(())
    }

    fn jobs(&self) -> Vec<OwnedObjectPath> {
        self.job().iter().map(|job| job.path.clone()).collect()
    }
}

fn parse(answers: &str) -> Result<Answers, Error> {
    Answers::parse(answers)
        .map_err(|e| Error::answers(&AnswersFault { line: e.line, column: e.column, reason: e.reason, hint: e.hint }))
}

fn no_disks(error: UdisksError) -> Error {
    Error::NoDisks(error.to_string())
}

fn leaving() -> Error {
    Error::TryAgain("the helper is about to leave".into())
}
