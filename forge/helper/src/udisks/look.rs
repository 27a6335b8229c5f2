//! The look into each partition's file system: how small it can be made, what an EFI system partition holds.
//!
//! Each partition is opened by itself: what was written to it by its own name may not be seen yet through that of the disk.
//! A look that took long is remembered for a while, so that a list of disks does not wait for it each time.

use super::{Objects, Udisks, UdisksError, holding::HIBERNATED};
use forge_engine::filesystem;
use forge_model::{
    esp,
    inventory::{Content, Disk, Found, Holding, Inventory, ShrinkFault, Shrinks},
    layout::Role,
};
use rustix::fs::OFlags;
use std::{
    collections::HashMap,
    fs::File,
    os::unix::fs::MetadataExt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;
use zbus::{OwnedFd, Variant};

/// How long the looks into all partitions of one disk may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// A look that took so long is remembered.
const LONG: Duration = Duration::from_millis(150);
/// For so long.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The disk by its sequence number, and a partition of it: number, GUID, first byte, length.
type Place = (Option<u64>, u32, Uuid, u64, u64);
/// What was seen, and when.
type Seen = (Instant, Option<Shrinks>, Option<esp::Content>);

/// Looks that took long.
#[derive(Debug, Clone, Default)]
pub(super) struct Looks(Arc<Mutex<HashMap<Place, Seen>>>);

impl Looks {
    /// From now on everything is looked at anew.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn find(&self, place: &Place) -> Option<Seen> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, seen| seen.0.elapsed() < REMEMBERED);
        known.get(place).cloned()
    }

    fn remember(&self, place: Place, shrinks: Option<Shrinks>, esp: Option<esp::Content>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, (Instant::now(), shrinks, esp));
    }
}

/// What is to be looked at in a partition.
enum Look {
    /// How small it can be made, by libblkid's name of its file system.
    Shrinks(String),
    /// What an EFI system partition holds.
    Esp,
}

impl Udisks {
    /// From now on each file system is looked at again, however long that took before.
    pub fn look_anew(&self) {
        self.looks.forget();
    }

    /// Looks into the partitions of a disk whose table was read.
    pub(super) async fn look_into(&self, objects: &Objects, disk: &mut Disk) {
        let end = Instant::now() + PATIENCE;
        let Some((table, _)) = objects.by_device(&disk.identity.path) else { return };
        let sequence = disk.identity.sequence;
        let Content::Table { partitions, gpt: Some(_), .. } = &mut disk.content else { return };
        for found in partitions {
            let (known, look) = wanted(found);
            found.shrinks = known;
            let (Some(look), Some(entry)) = (look, found.entry) else { continue };
            let place = (sequence, found.number, entry.id, entry.offset, found.size);
            if let Some((_, shrinks, esp)) = self.looks.find(&place) {
                (found.shrinks, found.esp) = (shrinks, esp);
                continue;
            }
            let block = objects.partitions_of(table).into_iter().find(|(_, one)| one.number == found.number);
            let Some(device) = block.map(|(block, _)| block.device.as_str()) else { continue };
            let (start, size) = (Instant::now(), found.size);
            let looked = timeout_at(end, async {
                let file = self.open_partition(objects, device).await?;
                let looked = tokio::task::spawn_blocking(move || match look {
                    Look::Shrinks(name) => (Some(filesystem::shrinks(&file, size, &name)), None),
                    Look::Esp => (None, filesystem::esp(&file, 0, size)),
                });
                looked.await.map_err(|error| UdisksError::NotThere { text: error.to_string() })
            });
            match looked.await.map_err(|_| UdisksError::NotThere { text: "the disk does not answer".into() }) {
                Ok(Ok((shrinks, esp))) => {
                    found.shrinks = shrinks.or(found.shrinks);
                    found.esp = esp;
                }
                Ok(Err(error)) | Err(error) => {
                    log::warn!("{device} can not be looked into: {error}");
                    found.shrinks = found.shrinks.or(Some(Shrinks::Not { why: ShrinkFault::Unreadable }));
                }
            }
            if start.elapsed() > LONG {
                self.looks.remember(place, found.shrinks, found.esp.clone());
            }
        }
    }

    /// A descriptor to look at a partition.
    pub(super) async fn open_partition(&self, objects: &Objects, device: &str) -> Result<File, UdisksError> {
        let path = || device.to_owned();
        let (object, block) = objects.by_device(device).ok_or_else(|| UdisksError::NoSuchDisk { path: path() })?;
        let options = HashMap::from([("flags", Variant::from(OFlags::CLOEXEC.bits().cast_signed()))]);
        let fd = self.block(object).await?.call::<_, _, OwnedFd>("OpenDevice", &("r", options)).await?;
        let file = File::from(std::os::fd::OwnedFd::from(fd));
        let descriptor = |source| UdisksError::Descriptor { path: path(), source };
        forge_dbus::sealed::keep_to_ourselves(&file).map_err(descriptor)?;
        match file.metadata().map_err(descriptor)?.rdev() == block.number {
            true => Ok(file),
            false => Err(UdisksError::Changed { path: path(), what: "its device number" }),
        }
    }
}

/// A sleeping Windows holds every NTFS that it had mounted, and only one of them has the file that says so. A sleeping Linux
/// may hold every file system that is made smaller here, and only its swap area says so.
pub(super) fn asleep(inventory: &mut Inventory) {
    const ASLEEP: Option<Shrinks> = Some(Shrinks::Not { why: ShrinkFault::Hibernated });
    let linux = |holding: &Holding| matches!(holding, Holding::Other { name } if name == HIBERNATED);
    let whole = |disk: &Disk| matches!(&disk.content, Content::Whole { holding } if linux(holding));
    let on_whole_disk = inventory.disks.iter().any(whole);
    let tables = inventory.disks.iter_mut().filter_map(|disk| match &mut disk.content {
        Content::Table { partitions, .. } => Some(partitions),
        _ => None,
    });
    let all: Vec<&mut Found> = tables.flatten().collect();
    let linux = on_whole_disk || all.iter().any(|found| found.holding.as_ref().is_some_and(linux));
    let windows = all.iter().any(|found| found.shrinks == ASLEEP);
    let ntfs = |found: &Found| matches!(&found.holding, Some(Holding::FileSystem { name, .. }) if name == "ntfs");
    let can = |found: &Found| matches!(found.shrinks, Some(Shrinks::To { .. }));
    let held = |found: &&mut Found| can(found) && (linux || windows && ntfs(found));
    all.into_iter().filter(held).for_each(|found| found.shrinks = ASLEEP);
}

/// What is known without a look, and what is to be looked at.
fn wanted(found: &Found) -> (Option<Shrinks>, Option<Look>) {
    let not = |why| Some(Shrinks::Not { why });
    let is_esp = found.type_id == Some(Role::Esp.type_id());
    match &found.holding {
        // Whatever was in it is gone, or it was never formatted.
        None if is_esp => (None, Some(Look::Esp)),
        None => (None, None),
        Some(Holding::FileSystem { name, .. }) => match name.as_str() {
            "ext2" | "ext3" | "ext4" | "ntfs" => (None, Some(Look::Shrinks(name.clone()))),
            "vfat" if is_esp => (not(ShrinkFault::FileSystem), Some(Look::Esp)),
            _ => (not(ShrinkFault::FileSystem), None),
        },
        Some(Holding::Other { name }) if name == HIBERNATED => (not(ShrinkFault::Hibernated), None),
        Some(Holding::Swap) => (not(ShrinkFault::FileSystem), None),
        Some(_) => (not(ShrinkFault::Wrapped), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_model::inventory::{DiskKind, Identity, Transport};

    fn found(number: u32, name: &str, shrinks: Option<Shrinks>) -> Found {
        Found {
            number,
            label: String::new(),
            type_id: None,
            size: 1 << 30,
            holding: Some(Holding::FileSystem { name: name.into(), label: String::new() }),
            entry: None,
            shrinks,
            esp: None,
        }
    }

    #[test]
    fn what_is_known_without_a_look_names_its_reason() {
        let with = |holding| wanted(&Found { holding, ..found(1, "", None) });
        let not = |why| Some(Shrinks::Not { why });
        for wrapped in [Holding::Bitlocker, Holding::Luks, Holding::LvmMember, Holding::MdMember, Holding::ZfsMember] {
            assert_eq!(with(Some(wrapped)).0, not(ShrinkFault::Wrapped));
        }
        for name in ["btrfs", "xfs", "vfat", "exfat"] {
            let (known, look) = wanted(&found(1, name, None));
            assert!(known == not(ShrinkFault::FileSystem) && look.is_none(), "{name}");
        }
        assert!(matches!(wanted(&found(1, "ntfs", None)), (None, Some(Look::Shrinks(_)))));
        assert!(matches!(with(None), (None, None)));
    }

    #[test]
    fn a_sleeping_windows_holds_every_ntfs_and_a_sleeping_linux_every_file_system() {
        let to = Some(Shrinks::To { least: 1 });
        let asleep_now = Some(Shrinks::Not { why: ShrinkFault::Hibernated });
        let disk = |content| Disk {
            identity: Identity { path: "/dev/sda".into(), serial: None, wwn: None, sequence: None },
            model: None,
            kind: DiskKind::Disk,
            transport: Transport::Ata,
            rotational: false,
            removable: false,
            size: 1 << 40,
            sector_size: 512,
            content,
            obstacles: Vec::new(),
        };
        let table = |partitions| disk(Content::Table { table: "gpt".into(), partitions, gpt: None });
        let mine = || table(vec![found(1, "ext4", to), found(2, "ntfs", to)]);
        let after = |other: Disk| {
            let mut inventory =
                Inventory { disks: vec![mine(), other], firmware: None, devices: Vec::new(), tpm2: false };
            asleep(&mut inventory);
            match &inventory.disks[0].content {
                Content::Table { partitions, .. } => [partitions[0].shrinks, partitions[1].shrinks],
                other => panic!("{other:?}"),
            }
        };
        let linux = || Holding::Other { name: HIBERNATED.into() };
        let swap = |holding| table(vec![Found { holding: Some(holding), ..found(1, "", None) }]);
        assert_eq!(after(swap(Holding::Swap)), [to, to]);
        assert_eq!(after(swap(linux())), [asleep_now, asleep_now]);
        assert_eq!(after(disk(Content::Whole { holding: linux() })), [asleep_now, asleep_now]);
        assert_eq!(after(table(vec![found(1, "ntfs", asleep_now)])), [to, asleep_now]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_look_is_remembered_for_a_minute_and_for_no_other_partition() {
        let (looks, place) = (Looks::default(), (Some(7), 1, Uuid::nil(), 1 << 20, 1 << 30));
        looks.remember(place, Some(Shrinks::To { least: 5 }), None);
        assert_eq!(looks.find(&place).unwrap().1, Some(Shrinks::To { least: 5 }));
        assert!(looks.find(&(Some(8), 1, Uuid::nil(), 1 << 20, 1 << 30)).is_none());
        tokio::time::advance(REMEMBERED).await;
        assert!(looks.find(&place).is_none());
    }
}
