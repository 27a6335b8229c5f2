//! Which disks the running system came from: the ones that must never be offered.
//!
//! ```text
//! path -> mount -> device number -> partition's disk | dm and md: their slaves | loop: the file behind it, as a path
//!             \-> overlay: its layers, as paths       | btrfs: all its devices
//! ```
//! When `/` leads nowhere (a system in memory), the boot loader's own note of where it came from has to do. When that is
//! missing too, the answer is [`BootMedium::Unknown`], and no disk is taken.

use super::{
    mounts::{self, Mount},
    objects::Objects,
    sysfs::text,
};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Component, Path, PathBuf},
};
use uuid::Uuid;

/// Set by systemd-boot and systemd-stub: the PARTUUID that they were started from (the Boot Loader Interface).
const LOADER_PARTITION: &str = "firmware/efi/efivars/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootMedium {
    /// It came from these, by the kernel's names; devices that lie on them are named too.
    Disks(BTreeSet<String>),
    /// It can not be told.
    Unknown,
}

/// Where the running system is looked at.
#[derive(Debug, Clone)]
pub struct Roots {
    /// The root directory.
    pub root: PathBuf,
    /// Where proc lies.
    pub proc: PathBuf,
    /// Where sysfs lies.
    pub sys: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { root: "/".into(), proc: "/proc".into(), sys: "/sys".into() }
    }
}

/// Traces `/` and the paths in `also` (the payload, the certificate) to disks. A path that does not exist is passed over.
pub fn find(roots: &Roots, also: &[PathBuf], objects: &Objects) -> BootMedium {
    let mountinfo = fs::read_to_string(roots.proc.join("self/mountinfo")).unwrap_or_default();
    let mut tracer = Tracer { roots, mounts: mounts::parse(&mountinfo), under_way: BTreeSet::new() };
    let mut all = tracer.path(Path::new("/"));
    let mut certain = !all.disks.is_empty() && !all.lost;
    // A medium that was copied has partitions that two disks have: then each could be the one that the loader came from. None is
    // taken, and it speaks for nothing else.
    let from = loader_partition(&roots.sys).map(|id| objects.disks_with_partition(id)).unwrap_or_default();
    if from.len() == 1 {
        // It speaks for a system that lies in memory by now, not for one that lies where nobody could follow.
        certain |= !all.lost;
    }
    all.disks.extend(from);
    for path in also {
        let about = fs::symlink_metadata(within(&roots.root, path));
        if about.is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            continue;
        }
        let trace = tracer.path(path);
        certain &= !trace.lost;
        all.add(trace);
    }
    // What runs may lie on either of two copies, and nobody knows which one the next look finds.
    let copies: Vec<String> = all.disks.iter().flat_map(|disk| objects.copies_of(disk)).collect();
    all.disks.extend(copies);
    match certain {
        true => BootMedium::Disks(all.disks.into_iter().chain(all.passed).collect()),
        false => BootMedium::Unknown,
    }
}

/// Where a path led.
#[derive(Debug, Default)]
struct Trace {
    /// Disks.
    disks: BTreeSet<String>,
    /// Devices on the way that lie on disks.
    passed: BTreeSet<String>,
    /// Whether a branch ended at something that could not be followed.
    lost: bool,
}

impl Trace {
    fn lost() -> Self {
        Self { lost: true, ..Self::default() }
    }

    fn add(&mut self, other: Self) {
        self.disks.extend(other.disks);
        self.passed.extend(other.passed);
        self.lost |= other.lost;
    }
}

struct Tracer<'a> {
    roots: &'a Roots,
    mounts: Vec<Mount>,
    /// Mounts and devices that are being followed, so that a circle ends.
    under_way: BTreeSet<String>,
}

impl Tracer<'_> {
    fn path(&mut self, path: &Path) -> Trace {
        let Ok(real) = fs::canonicalize(within(&self.roots.root, path)) else {
            return Trace::lost();
        };
        let root = fs::canonicalize(&self.roots.root).unwrap_or_else(|_| self.roots.root.clone());
        let Ok(inside) = real.strip_prefix(&root) else {
            return Trace::lost();
        };
        let Some((place, mount)) = mounts::holding(&self.mounts, &Path::new("/").join(inside)) else {
            return Trace::lost();
        };
        let mount = mount.clone();
        self.once(format!("mount {place}"), |tracer| tracer.mount(&mount))
    }

    /// Follows what is named unless that is being done already: a layer that seems to lie on its own overlay is hidden by
    /// it, and nobody can tell where it came from.
    fn once(&mut self, name: String, follow: impl FnOnce(&mut Self) -> Trace) -> Trace {
        if !self.under_way.insert(name.clone()) {
            return Trace::lost();
        }
        let trace = follow(self);
        self.under_way.remove(&name);
        trace
    }

    fn mount(&mut self, mount: &Mount) -> Trace {
        match mount.file_system.as_str() {
            "tmpfs" | "ramfs" | "rootfs" | "nfs" | "nfs4" | "cifs" | "9p" | "virtiofs" => return Trace::default(),
            "overlay" => return self.overlay(mount),
            _ => {}
        }
        let device = match mount.device.starts_with("0:") {
            false => self.roots.sys.join("dev/block").join(&mount.device),
            true => match self.source(mount) {
                Some(device) => device,
                None => return Trace::lost(),
            },
        };
        let mut trace = self.device(&device);
        if mount.file_system == "btrfs" {
            for other in self.btrfs_devices(&device) {
                trace.add(self.device(&other));
            }
        }
        trace
    }

    /// One layer that leads to a disk is enough: the upper one often lies in memory, and others may be hidden.
    fn overlay(&mut self, mount: &Mount) -> Trace {
        let mut trace = Trace::default();
        for layer in mounts::layers(&mount.options) {
            trace.add(self.path(&layer));
        }
        trace.lost = trace.disks.is_empty();
        trace
    }

    /// The device that a mount without a device number names as its source.
    fn source(&self, mount: &Mount) -> Option<PathBuf> {
        let source = fs::canonicalize(within(&self.roots.root, Path::new(&mount.source))).ok()?;
        let inside = source.strip_prefix(fs::canonicalize(within(&self.roots.root, Path::new("/dev"))).ok()?).ok()?;
        Some(self.roots.sys.join("class/block").join(inside.to_string_lossy().replace('/', "!")))
    }

    /// Every device of the btrfs that this one is a part of.
    fn btrfs_devices(&self, device: &Path) -> Vec<PathBuf> {
        let Some(name) = fs::canonicalize(device).ok().and_then(|real| real.file_name().map(ToOwned::to_owned)) else {
            return Vec::new();
        };
        let all = fs::read_dir(self.roots.sys.join("fs/btrfs")).into_iter().flatten().flatten();
        let devices = all.map(|one| one.path().join("devices")).find(|devices| devices.join(&name).exists());
        let devices = devices.into_iter().flat_map(|devices| fs::read_dir(devices).into_iter().flatten().flatten());
        devices.map(|device| device.path()).collect()
    }

    /// Follows a device, given by any path in sysfs that leads to it.
    fn device(&mut self, device: &Path) -> Trace {
        let Ok(mut place) = fs::canonicalize(device) else {
            return Trace::lost();
        };
        if place.join("partition").exists() {
            place.pop();
        }
        let Some(name) = place.file_name().map(|name| name.to_string_lossy().into_owned()) else {
            return Trace::lost();
        };
        self.once(format!("device {name}"), |tracer| tracer.whole_device(&place, name))
    }

    /// Follows a device that is no partition, by its own place in sysfs.
    fn whole_device(&mut self, place: &Path, name: String) -> Trace {
        let mut trace = Trace::default();
        let below: Vec<_> = fs::read_dir(place.join("slaves")).into_iter().flatten().flatten().collect();
        if !below.is_empty() {
            for slave in below {
                trace.add(self.device(&slave.path()));
            }
            trace.passed.insert(name);
        } else if let Some(file) = text(&place.join("loop/backing_file")) {
            trace = match self.drive_behind(&file) {
                Some(drive) => self.device(&drive),
                None => self.path(Path::new(&file)),
            };
            trace.passed.insert(name);
        } else if name.starts_with("zram") || name.starts_with("ram") {
            // In memory.
        } else if ["dm-", "md", "loop"].iter().any(|kind| name.starts_with(kind)) {
            trace.lost = true;
        } else {
            trace.disks.insert(name);
        }
        trace
    }

    /// The device behind a loop that lies on a device, as one does that shows the partitions of a CD.
    ///
    /// Where it was attached in the initrd, the kernel names it by a /dev that is gone: `/sr0`. So much is believed of a CD
    /// drive only, the kernel's major number 11: nobody installs to one.
    fn drive_behind(&self, file: &str) -> Option<PathBuf> {
        let of = |name: &str| self.roots.sys.join("class/block").join(name.replace('/', "!"));
        if let Some(name) = file.strip_prefix("/dev/") {
            return Some(of(name)).filter(|device| device.exists());
        }
        let gone = !within(&self.roots.root, Path::new(file)).exists();
        let drive = of(file.strip_prefix('/')?);
        let is_cd = text(&drive.join("dev")).is_some_and(|number| number.starts_with("11:"));
        (gone && is_cd).then_some(drive)
    }
}

/// A path of the system that is looked at, as a path of this process.
fn within(root: &Path, path: &Path) -> PathBuf {
    root.join(path.components().filter(|part| !matches!(part, Component::RootDir)).collect::<PathBuf>())
}

/// The variable's value: four bytes of attributes, then the PARTUUID in UTF-16.
fn loader_partition(sys: &Path) -> Option<Uuid> {
    let variable = fs::read(sys.join(LOADER_PARTITION)).ok()?;
    let units = variable.get(4..)?.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units.take_while(|unit| *unit != 0)).filter_map(Result::ok).collect();
    Uuid::try_parse(&text).ok()
}

#[cfg(test)]
mod tests;
