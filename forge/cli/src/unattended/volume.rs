//! The volume that carries answers and takes what is left: found, mounted and unmounted through UDisks2.
//!
//! It is read-only but for the moments in which something is left on it.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    thread,
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};
use zbus::{
    Connection, OwnedObjectPath, OwnedVariant, Variant,
    fdo::{ManagedObjects, ObjectManagerProxy},
};

/// Its label.
pub const LABEL: &str = "FORGE-ANSWERS";
/// What FAT, whose labels have eleven characters, keeps of it.
const LABEL_ON_FAT: &str = "FORGE-ANSWE";

/// How long UDisks2 may take to say what is there.
const SEEING: Duration = Duration::from_secs(10);
/// How long it may take to mount a volume, or to unmount one, which writes everything out.
const MOUNTING: Duration = Duration::from_secs(60);
/// How long files of a volume may take.
const FILES: Duration = Duration::from_secs(120);

const UDISKS: &str = "org.freedesktop.UDisks2";
const UDISKS_PATH: &str = "/org/freedesktop/UDisks2";
/// File systems that a stick has. The kernel's driver for anything more exotic is not shown a stranger's bytes.
const FILE_SYSTEMS: [&str; 4] = ["vfat", "exfat", "ext4", "iso9660"];

#[zbus::proxy(interface = "org.freedesktop.UDisks2.Filesystem", default_service = "org.freedesktop.UDisks2")]
trait Filesystem {
    fn mount(&self, options: HashMap<&str, Variant<'_>>) -> zbus::Result<String>;
    fn unmount(&self, options: HashMap<&str, Variant<'_>>) -> zbus::Result<()>;
}

/// A volume that has the label.
#[derive(Debug, Clone)]
pub struct Volume {
    connection: Connection,
    object: OwnedObjectPath,
    /// The kernel's path, such as `/dev/sdb1`.
    pub device: String,
    /// The disk that it lies on.
    pub disk: String,
    /// Whether it can not be written to.
    pub read_only: bool,
    /// What makes it this volume, when it comes back under another path.
    id: String,
    file_system: String,
    mounted_at: Option<PathBuf>,
}

/// Why it is not used.
#[derive(Debug, thiserror::Error)]
pub enum VolumeFault {
    /// UDisks2 does not answer.
    #[error("the volumes can not be seen (is udisks2.service running?): {0}")]
    NotSeen(zbus::Error),
    /// More than one.
    #[error("more than one volume is labelled {LABEL}: {0}. Leave one in.")]
    Several(String),
    /// Not a kind of file system that is mounted.
    #[error("{device} is labelled {LABEL}, but holds {found}; known are {}", FILE_SYSTEMS.join(", "))]
    FileSystem {
        /// The volume.
        device: String,
        /// What it holds.
        found: String,
    },
    /// It can not be mounted.
    #[error("{device} can not be mounted: {error}")]
    NotMounted {
        /// The volume.
        device: String,
        /// What UDisks2 says.
        error: zbus::Error,
    },
    /// It, or UDisks2, takes too long.
    #[error("{0} does not answer")]
    Hangs(String),
    /// It is not there any more.
    #[error("{0} was pulled out")]
    Gone(String),
}

/// A volume that is mounted.
#[derive(Debug)]
pub struct Mounted {
    volume: Volume,
    /// Where.
    pub place: PathBuf,
    ours: bool,
}

impl Volume {
    /// The one volume that has the label, on a drive that a person can take away.
    pub async fn find(connection: &Connection) -> Result<Option<Self>, VolumeFault> {
        let mut found = labelled(&objects(connection).await?, connection);
        match found.len() {
            0 | 1 => Ok(found.pop()),
            _ => {
                let devices: Vec<_> = found.into_iter().map(|volume| volume.device).collect();
                Err(VolumeFault::Several(devices.join(", ")))
            }
        }
    }

    /// The same volume as it is now, by its identity; nothing when it is not there.
    pub async fn again(&self) -> Result<Option<Self>, VolumeFault> {
        let found = labelled(&objects(&self.connection).await?, &self.connection);
        Ok(found.into_iter().find(|volume| volume.id == self.id))
    }

    /// The same volume, or in its place the one volume that has the label.
    pub async fn again_or_another(&self) -> Result<Option<Self>, VolumeFault> {
        match self.again().await? {
            Some(same) => Ok(Some(same)),
            None => Self::find(&self.connection).await,
        }
    }

    /// Whether this is another volume than that.
    pub fn is_another(&self, than: &Self) -> bool {
        self.id != than.id
    }

    /// Does something with its files on a thread of its own: a drive that hangs holds up that thread, and nobody else.
    pub async fn files<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, VolumeFault> {
        let (tell, told) = oneshot::channel();
        let work = move || {
            // Whoever asked may have given up.
            let _ = tell.send(work());
        };
        // Where no thread can be made, nothing is told.
        let _ = thread::Builder::new().name("volume".into()).spawn(work);
        match timeout(FILES, told).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) | Err(_) => Err(VolumeFault::Hangs(self.device.clone())),
        }
    }

    /// Mounts it. What is mounted already is used as it is, unless it has to be written to.
    pub async fn mount(&self, writable: bool) -> Result<Mounted, VolumeFault> {
        if !FILE_SYSTEMS.contains(&self.file_system.as_str()) {
            let found = if self.file_system.is_empty() { "nothing" } else { &self.file_system };
            return Err(VolumeFault::FileSystem { device: self.device.clone(), found: found.into() });
        }
        let failed = |error| VolumeFault::NotMounted { device: self.device.clone(), error };
        if let Some(place) = self.mounted_at.as_ref().filter(|_| !writable) {
            return Ok(Mounted { volume: self.clone(), place: place.clone(), ours: false });
        }
        let mount = async {
            let proxy = self.proxy().await?;
            if self.mounted_at.is_some() {
                proxy.unmount(HashMap::new()).await?;
            }
            let options = if writable { "rw,nodev,nosuid,noexec" } else { "ro,nodev,nosuid,noexec" };
            proxy.mount(HashMap::from([("options", Variant::from(options))])).await
        };
        let place = in_time(&self.device, MOUNTING, mount).await?.map_err(failed)?;
        Ok(Mounted { volume: self.clone(), place: place.into(), ours: true })
    }

    async fn proxy(&self) -> zbus::Result<FilesystemProxy<'static>> {
        FilesystemProxy::builder(&self.connection).path(self.object.clone()).build().await
    }
}

impl Mounted {
    /// Unmounts it, which writes everything out. What somebody else mounted stays.
    pub async fn unmount(self) -> Result<(), VolumeFault> {
        if !self.ours {
            return Ok(());
        }
        let failed = |error| VolumeFault::NotMounted { device: self.volume.device.clone(), error };
        let unmount = async { self.volume.proxy().await?.unmount(HashMap::new()).await };
        in_time(&self.volume.device, MOUNTING, unmount).await?.map_err(failed)
    }
}

/// Every block device that UDisks2 sees, and whether a volume with the label is among them.
pub async fn drives(connection: &Connection) -> Result<(BTreeSet<String>, bool), VolumeFault> {
    let objects = objects(connection).await?;
    let has_label = !labelled(&objects, connection).is_empty();
    Ok((objects.into_keys().map(|object| object.as_str().to_owned()).collect(), has_label))
}

async fn objects(connection: &Connection) -> Result<ManagedObjects, VolumeFault> {
    let get = async {
        let manager = ObjectManagerProxy::builder(connection).destination(UDISKS).path(UDISKS_PATH);
        let manager = manager.cache_properties(zbus::proxy::CacheProperties::No).build().await?;
        Ok(manager.get_managed_objects().await?)
    };
    in_time("UDisks2", SEEING, get).await?.map_err(VolumeFault::NotSeen)
}

async fn in_time<T>(who: &str, patience: Duration, call: impl Future<Output = T>) -> Result<T, VolumeFault> {
    timeout(patience, call).await.map_err(|_| VolumeFault::Hangs(who.into()))
}

/// The properties of one interface of an object.
#[derive(Clone, Copy)]
struct Properties<'a>(&'a HashMap<String, OwnedVariant>);

impl<'a> Properties<'a> {
    fn of(objects: &'a ManagedObjects, object: &str, interface: &str) -> Option<Self> {
        let interfaces = objects.iter().find(|(path, _)| path.as_str() == object)?.1;
        let wanted = format!("org.freedesktop.UDisks2.{interface}");
        interfaces.iter().find(|(name, _)| name.as_str() == wanted).map(|(_, found)| Self(found))
    }

    fn get<T: TryFrom<OwnedVariant>>(self, name: &str) -> Option<T> {
        self.0.get(name).and_then(|value| T::try_from(value.clone()).ok())
    }

    fn text(self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }

    fn object(self, name: &str) -> String {
        self.get::<OwnedObjectPath>(name).map(|path| path.as_str().to_owned()).unwrap_or_default()
    }
}

/// UDisks2 ends a path with a zero byte.
fn path_of(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned()
}

/// Every volume with the label: as a file system's label, as what FAT keeps of it, or as the partition's name.
fn labelled(objects: &ManagedObjects, connection: &Connection) -> Vec<Volume> {
    let device = |object: &str| {
        let device = Properties::of(objects, object, "Block")?.get("Device")?;
        Some(path_of(device))
    };
    let volume = |object: &OwnedObjectPath| {
        let block = Properties::of(objects, object, "Block")?;
        let file_system = Properties::of(objects, object, "Filesystem")?;
        let partition = Properties::of(objects, object, "Partition");
        let (label, kind) = (block.text("IdLabel"), block.text("IdType"));
        let in_table = partition.is_some_and(|partition| partition.text("Name") == LABEL);
        let has_label = label == LABEL || in_table || (kind == "vfat" && label == LABEL_ON_FAT);
        // A disk that stays in the machine is none, whatever its label: it may be the one that is taken.
        if !has_label || block.get("HintSystem").unwrap_or(true) || block.get("HintIgnore").unwrap_or(true) {
            return None;
        }
        let table = partition.map(|partition| partition.object("Table"));
        Some(Volume {
            connection: connection.clone(),
            object: object.clone(),
            device: device(object)?,
            disk: device(table.as_deref().unwrap_or(object))?,
            read_only: block.get("ReadOnly").unwrap_or(true),
            id: format!("{} {}", block.text("IdUUID"), partition.map_or(String::new(), |p| p.text("UUID"))),
            file_system: kind,
            mounted_at: file_system.get::<Vec<Vec<u8>>>("MountPoints")?.into_iter().next().map(path_of).map(Into::into),
        })
    };
    let mut found: Vec<Volume> = objects.keys().filter_map(volume).collect();
    found.sort_by(|one, other| one.device.cmp(&other.device));
    found
}
