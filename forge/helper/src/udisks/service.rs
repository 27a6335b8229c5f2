//! The calls to UDisks2.

use super::{
    Objects, Roots, Sysfs, UdisksError, boot_medium,
    inventory::inventory,
    look::{self, Looks},
    sysfs::has_tpm2,
};
use forge_model::inventory::{Content, Disk, Found, Inventory, Obstacle};
use futures_util::{Stream, StreamExt, stream};
use rustix::fs::OFlags;
use std::{
    collections::HashMap,
    fs::File,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::PathBuf,
    time::Duration,
};
use tokio::time::{Instant, timeout, timeout_at};
use udisks2::block::BlockProxy;
use uuid::Uuid;
use zbus::{
    Connection, MatchRule, MessageStream, OwnedFd, Variant,
    fdo::{DBusProxy, ObjectManagerProxy},
    message,
};

const NAME: &str = "org.freedesktop.UDisks2";
const PATH: &str = "/org/freedesktop/UDisks2";
/// How long it has to be quiet before a change is told: one disk that is plugged in makes dozens of signals.
const QUIET: Duration = Duration::from_millis(200);
/// How long UDisks may take to tell what there is, and the kernel after it.
const PATIENCE_WITH_UDISKS: Duration = Duration::from_secs(25);
/// How long the look at one disk may take.
const PATIENCE_WITH_DISK: Duration = Duration::from_secs(5);
/// How long a change waits at most while it is not quiet.
const PATIENCE: Duration = Duration::from_secs(2);

/// The disks of this machine, through UDisks.
#[derive(Debug, Clone)]
pub struct Udisks {
    connection: Connection,
    roots: Roots,
    installer: Vec<PathBuf>,
    pub(super) looks: Looks,
}

impl Udisks {
    /// Of the running system. Nothing is called yet.
    pub fn new(connection: &Connection) -> Self {
        Self { connection: connection.clone(), roots: Roots::default(), installer: Vec::new(), looks: Looks::default() }
    }

    /// Names what else the installer needs while it runs: the payload, the certificate. The disks that hold these are not
    /// offered either.
    pub fn needing(mut self, installer: impl IntoIterator<Item = PathBuf>) -> Self {
        self.installer.extend(installer);
        self
    }

    /// Looks for proc, sysfs and the root directory elsewhere, as tests do.
    pub fn with_roots(mut self, roots: Roots) -> Self {
        self.roots = roots;
        self
    }

    /// What UDisks shows now.
    pub async fn objects(&self) -> Result<Objects, UdisksError> {
        let manager = ObjectManagerProxy::builder(&self.connection).destination(NAME).path(PATH);
        let manager = manager.cache_properties(zbus::proxy::CacheProperties::No).build().await?;
        let objects = timeout(PATIENCE_WITH_UDISKS, manager.get_managed_objects()).await;
        let objects = objects.map_err(|_| UdisksError::NotThere { text: "it does not answer".into() })?;
        Ok(Objects::from_managed(&objects?))
    }

    /// Every disk, with what stands against taking it. A disk on which nothing is known is looked at: only zeros count as
    /// empty. So is one with a GPT that can be taken: UDisks does not show where a partition may begin, nor how small a file
    /// system can be made.
    pub async fn inventory(&self) -> Result<Inventory, UdisksError> {
        let objects = self.objects().await?;
        let (mut found, objects) = self.seen(objects).await?;
        for disk in &mut found.disks {
            let blank = disk.content == Content::Empty && !disk.obstacles.contains(&Obstacle::NoMedium);
            let gpt = matches!(&disk.content, Content::Table { table, .. } if table == "gpt");
            let table = gpt && disk.obstacles.is_empty();
            if !blank && !table {
                continue;
            }
            let look = async { Ok(probed(self.read_only(disk).await?).await) };
            // A disk that dies can take minutes for one sector; the others do not wait for it.
            let looked = timeout(PATIENCE_WITH_DISK, look).await;
            let slow = || UdisksError::NotThere { text: "the disk does not answer".into() };
            let probed = match looked.map_err(|_| slow()).and_then(|looked: Result<_, UdisksError>| looked) {
                Ok(content) => content,
                Err(error) => {
                    log::warn!("{} can not be looked at: {error}", disk.identity.path);
                    Content::Unknown
                }
            };
            disk.content = match (blank, probed) {
                (true, Content::Empty) => Content::Empty,
                (true, _) => Content::Unknown,
                (false, probed) => with_table(&disk.content, probed),
            };
            self.look_into(&objects, disk).await;
        }
        look::asleep(&mut found);
        Ok(found)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What the kernel says of the disks that UDisks shows. The files are those of sysfs and of the mounts, and one of them
    /// can hang with its disk: nobody else waits for that.
    async fn seen(&self, objects: Objects) -> Result<(Inventory, Objects), UdisksError> {
        let (roots, installer) = (self.roots.clone(), self.installer.clone());
        let look = tokio::task::spawn_blocking(move || {
            let sysfs = Sysfs::read(&roots.sys, &objects);
            let found = inventory(&objects, &sysfs, &boot_medium::find(&roots, &installer, &objects));
            (Inventory { tpm2: has_tpm2(&roots.sys), ..found }, objects)
        });
        let not_there = |text: &str| UdisksError::NotThere { text: text.into() };
        let seen = timeout(PATIENCE_WITH_UDISKS, look).await.map_err(|_| not_there("a disk does not answer"))?;
        seen.map_err(|error| not_there(&error.to_string()))
    }

    /// The one descriptor that may write to the disk: nobody else has it open in a way that matters, and nobody can take
    /// it while this one is held.
    pub async fn open(&self, disk: &Disk) -> Result<File, UdisksError> {
        match self.open_as(disk, "rw", OFlags::EXCL | OFlags::CLOEXEC).await {
            // The text may be in the language of the system, so it is not read. If the disk opens for those who share
            // it, sharing it was the trouble.
            Err(UdisksError::Refused { name, text }) if name.ends_with(".Failed") || name.ends_with(".DeviceBusy") => {
                match self.open_as(disk, "rw", OFlags::CLOEXEC).await {
                    Ok(_) => Err(UdisksError::Busy { path: disk.identity.path.clone(), text }),
                    Err(_) => Err(UdisksError::Refused { name, text }),
                }
            }
            other => other,
        }
    }

    /// A descriptor to look at the disk, whoever else uses it.
    pub async fn read_only(&self, disk: &Disk) -> Result<File, UdisksError> {
        self.open_as(disk, "r", OFlags::CLOEXEC).await
    }

    async fn open_as(&self, disk: &Disk, mode: &str, flags: OFlags) -> Result<File, UdisksError> {
        let path = &disk.identity.path;
        let no_such_disk = || UdisksError::NoSuchDisk { path: path.clone() };
        let changed = |what| UdisksError::Changed { path: path.clone(), what };
        let objects = self.objects().await?;
        let (object, block) = objects.by_device(path).ok_or_else(no_such_disk)?;
        let proxy = self.block(object).await?;
        let options = HashMap::from([("flags", Variant::from(flags.bits().cast_signed()))]);
        let file =
            File::from(std::os::fd::OwnedFd::from(proxy.call::<_, _, OwnedFd>("OpenDevice", &(mode, options)).await?));
        // What comes over the bus would be inherited by every tool.
        let own = forge_dbus::sealed::keep_to_ourselves(&file);
        own.map_err(|source| UdisksError::Descriptor { path: path.clone(), source })?;
        let about = file.metadata().map_err(|source| UdisksError::Descriptor { path: path.clone(), source })?;
        if !about.file_type().is_block_device() || about.rdev() != block.number {
            return Err(changed("its device number"));
        }
        // Looked at after it was opened: while the descriptor is held, the path can not come to mean another disk.
        let (now, _) = self.seen(self.objects().await?).await?;
        let now = now.disk(path).ok_or_else(no_such_disk)?;
        match () {
            () if now.identity != disk.identity => Err(changed("its identity")),
            () if now.size != disk.size => Err(changed("its size")),
            () => Ok(file),
        }
    }

    /// Makes the kernel and UDisks read the disk's partition table again.
    pub async fn rescan(&self, path: &str) -> Result<(), UdisksError> {
        let objects = self.objects().await?;
        let (object, _) = objects.by_device(path).ok_or_else(|| UdisksError::NoSuchDisk { path: path.into() })?;
        let options = HashMap::<&str, Variant<'_>>::new();
        let rescan = async { Ok(self.block(object).await?.call("Rescan", &options).await?) };
        let slow = || UdisksError::NotThere { text: "the disk is not looked at again".into() };
        timeout(PATIENCE_WITH_UDISKS, rescan).await.map_err(|_| slow())?
    }

    /// Waits until every one of these PARTUUIDs is seen on the disk; false when the time is up.
    pub async fn wait_for_partitions(&self, path: &str, ids: &[Uuid], limit: Duration) -> Result<bool, UdisksError> {
        let end = Instant::now() + limit;
        let mut changes = Box::pin(self.changes().await?);
        loop {
            let objects = self.objects().await?;
            let (object, _) = objects.by_device(path).ok_or_else(|| UdisksError::NoSuchDisk { path: path.into() })?;
            let there = objects.partitions_of(object);
            if ids.iter().all(|id| there.iter().any(|(_, partition)| partition.id == Some(*id))) {
                return Ok(true);
            }
            if timeout_at(end, changes.next()).await.is_err() {
                return Ok(false);
            }
        }
    }

    /// Tells that something changed: a disk came or went, was mounted, or UDisks itself came or went. Many changes at
    /// once are told once.
    pub async fn changes(&self) -> Result<impl Stream<Item = ()> + Send + use<>, UdisksError> {
        let rule = MatchRule::builder().msg_type(message::Type::Signal).sender(NAME).path_namespace(PATH).build()?;
        let signals = MessageStream::for_match_rule(rule, &self.connection, None).await?;
        let bus = DBusProxy::new(&self.connection).await?;
        let owners = bus.receive_name_owner_changed_with_args(&[(0, NAME)]).await?;
        let all = stream::select(signals.map(|_| ()), owners.map(|_| ()));
        Ok(stream::unfold(Box::pin(all), |mut all| async {
            all.next().await?;
            let end = Instant::now() + PATIENCE;
            while Instant::now() < end {
                match timeout(QUIET, all.next()).await {
                    Ok(Some(())) => {}
                    Ok(None) | Err(_) => break,
                }
            }
            Some(((), all))
        }))
    }

    /// The block device's own proxy. The methods of the udisks2 crate drop the text of an error; calls through this one
    /// keep it.
    pub(super) async fn block(&self, object: &str) -> Result<zbus::Proxy<'static>, UdisksError> {
        let proxy = BlockProxy::builder(&self.connection).path(object.to_owned());
        Ok(proxy.cache_properties(zbus::proxy::CacheProperties::No).build().await?.into_inner())
    }
}

/// What the ends of a disk say. Reads two MiB.
async fn probed(file: File) -> Content {
    let looked = tokio::task::spawn_blocking(move || forge_engine::gpt::probe(&file)).await;
    looked.ok().and_then(Result::ok).unwrap_or(Content::Unknown)
}

/// What UDisks shows of a table, with what the table itself says: nothing of that, where the two are not of one table.
///
/// Linux reads the first copy only. Where that is damaged, UDisks shows a table without partitions, and the second copy may
/// name the person's files: a disk with partitions that UDisks does not show is one that nobody knows. And where a table
/// without partitions is shown and none is there any more, such as after an install that was stopped, the disk itself is right.
fn with_table(shown: &Content, probed: Content) -> Content {
    if matches!(shown, Content::Table { partitions, .. } if partitions.is_empty())
        && matches!(probed, Content::Empty | Content::Unknown)
    {
        return probed;
    }
    let (Content::Table { partitions, .. }, Content::Table { table, partitions: read, gpt: Some(gpt) }) =
        (shown, &probed)
    else {
        return shown.clone();
    };
    if read.iter().any(|one| partitions.iter().all(|shown| shown.number != one.number)) {
        return Content::Unknown;
    }
    let same = |a: &Found, b: &Found| (a.number, a.size, a.type_id) == (b.number, b.size, b.type_id);
    let holding = |one: &Found| partitions.iter().find(|shown| same(shown, one)).map(|shown| shown.holding.clone());
    let merged = read.iter().map(|one| Some(Found { holding: holding(one)?, ..one.clone() }));
    match merged.collect::<Option<Vec<_>>>().filter(|merged| merged.len() == partitions.len()) {
        Some(partitions) => Content::Table { table: table.clone(), partitions, gpt: Some(gpt.clone()) },
        None => shown.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_model::inventory::{Entry, Gpt, Holding};

    #[test]
    fn what_the_table_says_is_taken_only_if_it_is_the_one_that_udisks_shows() {
        let found = |number, size| Found {
            number,
            label: "x".into(),
            type_id: None,
            size,
            holding: Some(Holding::Luks),
            entry: None,
            shrinks: None,
            esp: None,
        };
        let (disk_id, entry) = (Uuid::from_u128(1), Entry { offset: 7, id: Uuid::from_u128(2), attributes: 3 });
        let gpt = Gpt { disk_id, sector_size: 512, first_usable: 1, end_usable: 9, entries: 128, fault: None };
        let table =
            |partitions: &[Found], gpt| Content::Table { table: "gpt".into(), partitions: partitions.into(), gpt };
        let read = |number, size| Found { holding: None, entry: Some(entry), ..found(number, size) };
        let both = table(&[Found { entry: Some(entry), ..found(1, 5) }], Some(gpt.clone()));
        let shown = table(&[found(1, 5)], None);
        assert_eq!(with_table(&shown, table(&[read(1, 5)], Some(gpt.clone()))), both);
        for other in [&[read(1, 6)][..], &[]] {
            assert_eq!(with_table(&shown, table(other, Some(gpt.clone()))), shown);
        }
        for other in [&[read(2, 5)][..], &[read(1, 5), read(2, 5)]] {
            assert_eq!(with_table(&shown, table(other, Some(gpt.clone()))), Content::Unknown);
        }
        assert_eq!(with_table(&table(&[], None), table(&[read(1, 5)], Some(gpt.clone()))), Content::Unknown);
        assert_eq!(with_table(&shown, Content::Unknown), shown);
        assert_eq!(with_table(&table(&[], None), Content::Unknown), Content::Unknown);
    }
}
