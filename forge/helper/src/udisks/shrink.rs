//! Makes partitions smaller, each by the tool of its file system: UDisks2 runs it, the helper never does.
//!
//! | step | UDisks2 runs | when it fails |
//! |---|---|---|
//! | look | nothing: is it still what was confirmed, and small enough? | nothing was done |
//! | `Filesystem.Check` | `e2fsck -f -n`, `ntfsfix -n` | nothing was done |
//! | `Filesystem.Repair`, ext only | `e2fsck -f -p`: resize2fs asks for a check since the last mount | nothing was done, or that one mended something |
//! | `Filesystem.Resize` | `resize2fs`, `ntfsresize` | it is looked at, and checked, again: as it was, smaller, or in between |
//! | `Partition.Resize` | libfdisk: both copies of the table | the file system is smaller than its partition |
//! | look | nothing: is it now what the plan says? | the same |
//!
//! A request to stop is heard between the steps up to the resize. A step that runs is never broken off, and a partition whose
//! file system is smaller gets its new length in any case: that takes a moment, and nothing in between is left.

use super::{Objects, Udisks, UdisksError};
use forge_dbus::status::{Reached, Smaller};
use forge_engine::{
    filesystem,
    watch::{Outcome, Stop, Watch},
};
use forge_model::{
    inventory::{Content, Found, Holding, ShrinkFault, Shrinks},
    layout::{Beside, Shrunk},
    plan::Target,
    size,
};
use std::{collections::HashMap, time::Duration};
use tokio::time::timeout;
use zbus::{Variant, proxy::CacheProperties};

/// How long UDisks2 may take to show a partition's new length.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it is asked.
const ASK: Duration = Duration::from_millis(200);

/// Why a partition was not made smaller.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    /// The disk, or the partition, is not what was confirmed.
    #[error("partition {number} is not what was confirmed: {what}")]
    Changed {
        /// Its number.
        number: u32,
        /// What differs.
        what: String,
    },
    /// Its file system stands against it now.
    #[error("partition {number} is not made smaller: {}", words(*why))]
    Not {
        /// Its number.
        number: u32,
        /// Why.
        why: ShrinkFault,
    },
    /// More is in it now.
    #[error("partition {number} needs at least {}, and was to have {}", size::words(*least), size::words(*wanted))]
    TooSmall {
        /// Its number.
        number: u32,
        /// The least length in bytes.
        least: u64,
        /// What it was to have.
        wanted: u64,
    },
    /// Something uses the disk.
    #[error("something uses the disk")]
    Busy,
    /// UDisks2 did not do one step.
    #[error("partition {number}, {step}: {source}")]
    Step {
        /// The partition's number.
        number: u32,
        /// UDisks2's name of the step.
        step: &'static str,
        /// What it said.
        source: UdisksError,
    },
    /// The disks can not be looked at.
    #[error(transparent)]
    Udisks(#[from] UdisksError),
}

/// Why not, as a part of a sentence.
fn words(why: ShrinkFault) -> &'static str {
    match why {
        ShrinkFault::FileSystem => "Forge does not make its file system smaller",
        ShrinkFault::Wrapped => "something lies between it and its file system",
        ShrinkFault::Hibernated => "a system sleeps, or the fast start of Windows holds the file system",
        ShrinkFault::Dirty => "it was not unmounted, or its own check finds faults",
        ShrinkFault::Unreadable => "its file system can not be looked at",
    }
}

/// One partition that is to be smaller.
struct Job<'a> {
    disk: &'a Target,
    /// As it is to be.
    kept: &'a Found,
    before: u64,
}

impl Udisks {
    /// Makes the partitions smaller that a plan names. What became of each is in `done`, also when this fails.
    pub async fn shrink(
        &self,
        disk: &Target,
        beside: &Beside,
        stop: &Stop,
        done: &mut Vec<Smaller>,
    ) -> Result<Outcome<()>, ShrinkError> {
        for Shrunk { number, before } in &beside.shrunk {
            let nowhere = || ShrinkError::Changed { number: *number, what: "the plan does not keep it".into() };
            let kept = beside.kept.iter().find(|one| one.number == *number).ok_or_else(nowhere)?;
            match self.shrink_one(&Job { disk, kept, before: *before }, stop, done).await? {
                Outcome::Done(()) => {}
                Outcome::Cancelled => return Ok(Outcome::Cancelled),
            }
        }
        Ok(Outcome::Done(()))
    }

    async fn shrink_one(
        &self,
        job: &Job<'_>,
        stop: &Stop,
        done: &mut Vec<Smaller>,
    ) -> Result<Outcome<()>, ShrinkError> {
        let (number, wanted) = (job.kept.number, job.kept.size);
        if stop.cancelled() {
            return Ok(Outcome::Cancelled);
        }
        self.looks.forget();
        let found = self.found_now(job).await?;
        if found.size == wanted {
            log::info!("partition {number} has its new length already");
            return Ok(Outcome::Done(()));
        }
        let name = may_shrink(job, &found)?;
        let objects = self.objects().await?;
        let (object, device) = place(&objects, job)?;
        let long = self.length_now(&objects, &device, found.size, &name).await;
        let step = |step| move |source: UdisksError| ShrinkError::Step { number, step, source };
        let faulty = || ShrinkError::Not { number, why: ShrinkFault::Dirty };

        log::info!("{device}: check");
        let fine: bool =
            self.of_file_system(&object, "Check", &(options(),)).await.map_err(step("Filesystem.Check"))?;
        if !fine {
            return Err(faulty());
        }
        if name.starts_with("ext") && !stop.cancelled() {
            let fine: bool =
                self.of_file_system(&object, "Repair", &(options(),)).await.map_err(step("Filesystem.Repair"))?;
            if !fine {
                return Err(faulty());
            }
        }
        if stop.cancelled() {
            return Ok(Outcome::Cancelled);
        }
        log::info!("{device}: from {} to {wanted} bytes", found.size);
        let smaller = |reached| Smaller { number, before: job.before, wanted, reached };
        let resized: Result<(), _> = self.of_file_system(&object, "Resize", &(wanted, options())).await;
        let now = self.length_now(&objects, &device, found.size, &name).await;
        if let Err(source) = resized {
            // Where UDisks2 itself went away, its tool may run on: nobody knows what it does next.
            if !matches!(source, UdisksError::Refused { .. }) {
                done.push(smaller(Reached::Begun));
                return Err(ShrinkError::Step { number, step: "Filesystem.Resize", source });
            }
            let fine = self.of_file_system::<bool>(&object, "Check", &(options(),)).await.unwrap_or(false);
            match now {
                Some(now) if fine && Some(now) == long => {}
                Some(now) if fine && now <= wanted => done.push(smaller(Reached::FileSystem)),
                _ => done.push(smaller(Reached::Begun)),
            }
            return Err(ShrinkError::Step { number, step: "Filesystem.Resize", source });
        }
        // UDisks2 only passes on what a tool says of itself.
        if now.is_none_or(|now| now > wanted) {
            done.push(smaller(Reached::Begun));
            return Err(ShrinkError::Changed { number, what: "its file system did not become as small".into() });
        }
        done.push(smaller(Reached::FileSystem));
        let last = done.len() - 1;
        log::info!("{device}: the partition");
        let resized = self.of_partition(&object, "Resize", &(wanted, options())).await;
        // UDisks2 asks udev to look at the disk again, and shows a partition by what udev saw of that one.
        let rescan = async {
            self.block(&object).await?.call::<_, _, ()>("Rescan", &(options(),)).await.map_err(UdisksError::from)
        };
        if !matches!(timeout(PATIENCE, rescan).await, Ok(Ok(()))) {
            log::warn!("{device}: UDisks2 did not look at it again when it was asked to");
        }
        let now = self.settled(job).await;
        match now {
            Ok(now) if now.size == wanted => {
                done[last].reached = Reached::Partition;
                Ok(Outcome::Done(()))
            }
            Ok(now) => {
                if now.size < job.before {
                    (done[last].reached, done[last].wanted) = (Reached::Partition, now.size);
                }
                resized.map_err(step("Partition.Resize"))?;
                let what = format!("it was to have {wanted} bytes, and has {}", now.size);
                Err(ShrinkError::Changed { number, what })
            }
            Err(error) => {
                resized.map_err(step("Partition.Resize"))?;
                Err(error)
            }
        }
    }

    /// The partition as the table and UDisks2 show it now; everything but its length has to be as it was confirmed.
    async fn found_now(&self, job: &Job<'_>) -> Result<Found, ShrinkError> {
        let number = job.kept.number;
        let changed = |what: &str| ShrinkError::Changed { number, what: what.into() };
        let inventory = self.inventory().await?;
        let disk = inventory.disk(&job.disk.identity.path).ok_or_else(|| changed("the disk is gone"))?;
        if disk.identity != job.disk.identity || disk.size != job.disk.size {
            return Err(changed("it is another disk"));
        }
        if !disk.obstacles.is_empty() {
            return Err(ShrinkError::Busy);
        }
        let Content::Table { partitions, gpt: Some(_), .. } = &disk.content else {
            return Err(changed("its partition table can not be read"));
        };
        let found = partitions.iter().find(|one| one.number == number).ok_or_else(|| changed("it is gone"))?;
        match (Found { size: job.kept.size, ..found.without_sizes() }) == job.kept.without_sizes() {
            true => Ok(found.clone()),
            false => Err(changed("its entry in the table, or what is in it")),
        }
    }

    /// The same, as soon as UDisks2 and the table agree.
    async fn settled(&self, job: &Job<'_>) -> Result<Found, ShrinkError> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.found_now(job).await {
                Ok(found) if found.size == job.kept.size => return Ok(found),
                other if tokio::time::Instant::now() > end => return other,
                _ => tokio::time::sleep(ASK).await,
            }
        }
    }

    /// The length that the file system itself names.
    async fn length_now(&self, objects: &Objects, device: &str, size: u64, name: &str) -> Option<u64> {
        let file = self.open_partition(objects, device).await.ok()?;
        let name = name.to_owned();
        tokio::task::spawn_blocking(move || filesystem::length(&file, size, &name)).await.ok()?
    }

    async fn of_file_system<T>(&self, object: &str, call: &str, body: &impl Body) -> Result<T, UdisksError>
    where
        T: serde::de::DeserializeOwned + zbus::Type,
    {
        Ok(self.part(object, "Filesystem").await?.call(call, body).await?)
    }

    async fn of_partition(&self, object: &str, call: &str, body: &impl Body) -> Result<(), UdisksError> {
        Ok(self.part(object, "Partition").await?.call(call, body).await?)
    }

    async fn part(&self, object: &str, interface: &str) -> Result<zbus::Proxy<'static>, UdisksError> {
        let proxy = zbus::proxy::Builder::<zbus::Proxy<'static>>::new(self.connection())
            .destination("org.freedesktop.UDisks2")
            .path(object.to_owned())
            .interface(format!("org.freedesktop.UDisks2.{interface}"))
            .cache_properties(CacheProperties::No);
        Ok(proxy.build().await?)
    }
}

/// The arguments of a call.
trait Body: serde::Serialize + zbus::wire::DynamicType {}
impl<T: serde::Serialize + zbus::wire::DynamicType> Body for T {}

/// Nobody is asked: root may, or it is refused.
fn options() -> HashMap<&'static str, Variant<'static>> {
    HashMap::from([("auth.no_user_interaction", Variant::from(true))])
}

/// The name of its file system, if it can be made as small as it is to be.
fn may_shrink(job: &Job<'_>, found: &Found) -> Result<String, ShrinkError> {
    let (number, wanted) = (found.number, job.kept.size);
    if found.size != job.before || wanted > found.size {
        let what = format!("it has {} bytes, and not {}", found.size, job.before);
        return Err(ShrinkError::Changed { number, what });
    }
    match (found.shrinks, &found.holding) {
        (Some(Shrinks::To { least }), _) if least > wanted => Err(ShrinkError::TooSmall { number, least, wanted }),
        (Some(Shrinks::To { .. }), Some(Holding::FileSystem { name, .. })) => Ok(name.clone()),
        (Some(Shrinks::Not { why }), _) => Err(ShrinkError::Not { number, why }),
        _ => Err(ShrinkError::Not { number, why: ShrinkFault::Unreadable }),
    }
}

/// UDisks2's object of the partition, and its device.
fn place(objects: &Objects, job: &Job<'_>) -> Result<(String, String), ShrinkError> {
    let (number, id) = (job.kept.number, job.kept.entry.map(|entry| entry.id));
    let table = objects.by_device(&job.disk.identity.path).map(|(path, _)| path);
    let of_it = objects.blocks.iter().find(|(_, block)| {
        let one = block.partition.as_ref();
        one.is_some_and(|one| Some(one.table.as_str()) == table && one.number == number && one.id == id)
    });
    let gone = || ShrinkError::Changed { number, what: "UDisks2 does not show it".into() };
    of_it.map(|(path, block)| (path.clone(), block.device.clone())).ok_or_else(gone)
}
