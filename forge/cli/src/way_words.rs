//! The ways to use a disk in sentences: what stands in the way of one, and what a plan does to each partition.

use crate::words::holding;
use forge_model::{
    Issue, Plan,
    inventory::{Found, ShrinkFault},
    issue::{DiskKey, SharedFault},
    layout::{
        Beside, Role, Seen,
        bars::{self, Fate, Segment, What},
    },
    size,
};

/// What happens to a target on which others stay.
pub fn target(name: &str, bytes: u64, beside: &Beside) -> String {
    let lost = match beside.removed.len() {
        0 if beside.shrunk.is_empty() => "Nothing that is there will be touched.".to_owned(),
        0 => "Nothing that is there will be lost.".to_owned(),
        1 => "One partition will be lost, and nothing else.".to_owned(),
        n => format!("{n} partitions will be lost, and nothing else."),
    };
    format!("{name}, {}, will be written where it is free. {lost}", size::words(bytes))
}

/// What becomes of each partition that is there, and those that are made.
pub fn partitions(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(beside) = &plan.layout.beside {
        lines.extend(others(plan, beside));
    }
    lines.push("These partitions will be made:".into());
    let made = plan.layout.partitions.iter().filter(|one| !one.shared);
    let home = plan.layout.beside.as_ref().is_none_or(|beside| beside.home.is_none());
    lines.extend(
        made.map(|one| format!("  {}. {:>10}  {}", one.number, size::words(one.size), purpose(one.role, home))),
    );
    if plan.layout.beside.is_some() {
        let (before, after) = bars::planned(plan);
        lines.push("The disk in order, before:".into());
        lines.extend(before.iter().filter_map(|one| segment(one, plan)));
        lines.push("And after:".into());
        lines.extend(after.iter().filter_map(|one| segment(one, plan)));
    }
    lines
}

/// What becomes of the partitions that are there.
fn others(plan: &Plan, beside: &Beside) -> Vec<String> {
    let line = |one: &Found, more: &str| {
        let holds = one.holding.as_ref().map_or(String::new(), |found| format!("  {}", holding(found)));
        format!("  {}. {:>10}  {:?}{holds}{more}", one.number, size::words(one.size), one.label)
    };
    let mut lines = Vec::new();
    if !beside.removed.is_empty() {
        lines.push("These partitions will be lost, with everything in them:".into());
        lines.extend(beside.removed.iter().map(|one| line(one, "")));
    }
    if beside.kept.is_empty() {
        lines.push(if beside.removed.is_empty() { "It has no partitions." } else { "No partition stays." }.into());
        return lines;
    }
    let before = |one: &Found| beside.shrunk.iter().find(|shrunk| shrunk.number == one.number).map(|one| one.before);
    let (smaller, same): (Vec<&Found>, Vec<&Found>) = beside.kept.iter().partition(|one| before(one).is_some());
    if !smaller.is_empty() {
        lines.push("These partitions will be made smaller, before anything else; what is in them stays:".into());
        let was = |one: &Found| before(one).map(|bytes| format!(", from {}", size::words(bytes))).unwrap_or_default();
        lines.extend(smaller.into_iter().map(|one| line(one, &was(one))));
    }
    if !same.is_empty() {
        lines.push("These partitions stay as they are:".into());
        let shared = |one: &Found| plan.layout.partitions.iter().any(|own| own.shared && own.number == one.number);
        lines.extend(same.into_iter().map(|one| match one.number {
            _ if shared(one) => line(one, "; boot files are added, and nothing in it is changed"),
            n if beside.home == Some(n) => line(one, "; its home will be /home"),
            n if beside.old_loader == Some(n) => line(one, "; others have files in it beside the old boot files"),
            _ => line(one, ""),
        }));
    }
    if let Some(number) = beside.old_loader {
        lines.push(format!(
            "The new system is started by the boot entry that is made for it. A firmware that loses its boot entries can \
             find the old boot files in partition {number} first, and they start nothing."
        ));
    }
    lines.push("They keep their numbers and their names; the partition table is written last of all.".into());
    lines
}

/// What a partition that is made is for; `home`: whether `/home` is in the state.
fn purpose(role: Role, home: bool) -> &'static str {
    match role {
        Role::Esp => "EFI system partition with the signed boot files",
        Role::RootA => "the system, sealed and read-only",
        Role::VerityA => "the hashes that seal it",
        Role::RootB => "room for the next system, empty",
        Role::VerityB => "room for its hashes, empty",
        Role::State if home => "everything that may change: settings, logs, /home",
        Role::State => "everything else that may change: settings, logs",
    }
}

/// A piece of the disk; nothing for what is left over by alignment.
fn segment(one: &Segment, plan: &Plan) -> Option<String> {
    let found = plan.layout.beside.as_ref().map(Beside::found).unwrap_or_default();
    let label = |number: u32| found.iter().find(|one| one.number == number).map(|one| one.label.as_str()).unwrap_or("");
    let what = match one.what {
        What::Free if one.size <= 2 * size::MIB => return None,
        What::Free => "free".to_owned(),
        What::Unpartitioned => "something outside of partitions".to_owned(),
        What::New { number, role } => format!("{number}. {}, new", self::role(role)),
        What::Old { number, fate } => {
            let fate = match fate {
                Fate::Stays => "stays",
                Fate::Goes => "will be lost",
                Fate::Shrinks { .. } => "stays, smaller",
                Fate::Shared => "stays, with boot files added",
                Fate::Home => "stays, for /home",
            };
            format!("{number}. {:?}, {fate}", label(number))
        }
    };
    Some(format!("  {:>10}  {what}", size::words(one.size)))
}

/// One issue of a way: what is wrong, and the fix. Anything else has no words here.
pub fn issue(issue: &Issue) -> String {
    match issue {
        Issue::NotThisWay { key, way } => format!(
            "this has no place with use = {:?}. It goes with {}.",
            way.id(),
            match key {
                DiskKey::KeepHome => "use = \"replace\"",
                DiskKey::Delete => "use = \"manual\"",
                DiskKey::SharedEsp | DiskKey::Shrink | DiskKey::StateMib => {
                    "use = \"free-space\", \"replace\" and \"manual\""
                }
            }
        ),
        Issue::EspSizeAndShared => {
            "an EFI system partition that is shared has the size that it has. Leave out esp-mib or shared-esp.".into()
        }
        Issue::NoSuchPartition { number, .. } => {
            format!("the target has no partition {number}. \"forgectl disks\" lists those that it has.")
        }
        Issue::PartitionTwice { number, .. } => {
            format!("partition {number} is named for something else already, or twice. Name it once.")
        }
        Issue::Sleeping { key, number } => format!(
            "{}: {}. When it wakes up, it goes on with what it remembers of the disk. Then {}.",
            match key {
                DiskKey::Delete => format!("partition {number} can not go as it is"),
                _ => format!("no EFI system partition is shared because of partition {number}"),
            },
            shrink_fault(Some(ShrinkFault::Hibernated)),
            match key {
                DiskKey::Delete => "it can be deleted",
                _ => "one can be shared; without shared-esp the system gets one of its own",
            }
        ),
        Issue::NoEarlierSystem { seen } => format!(
            "there is no earlier system on the target that could be replaced{}. Write use = \"free-space\" or \
             use = \"manual\".",
            looked_like(seen)
        ),
        Issue::EarlierSystemsUnclear { seen } => format!(
            "it can not be told which partitions are the earlier system{}. Write use = \"manual\", and name those that go \
             with delete.",
            looked_like(seen)
        ),
        Issue::HomeEncrypted { number } => format!(
            "the earlier system's state (partition {number}) is encrypted, and can not be kept as it is. Copy /home to \
             another disk, and leave keep-home out."
        ),
        Issue::HomeUnknown { number } => format!(
            "partition {number}, the earlier system's state, could not be seen to hold an ext4 file system. Copy /home to \
             another disk, and leave keep-home out."
        ),
        Issue::HomeNotEncrypted => {
            "the earlier /home lies in a partition that is not encrypted, and would stay so. Copy it to another disk and \
             leave keep-home out, or leave [encryption] out."
                .into()
        }
        Issue::ShrinkOnFile => {
            "partitions in a plain file are not made smaller: the tools of their file systems need a disk.".into()
        }
        Issue::NotShrinkable { number, why } => {
            format!("partition {number} is left as it is: {}.", shrink_fault(*why))
        }
        Issue::ShrunkTooSmall { number, asked, least } => format!(
            "partition {number} would have {}, and what is in it needs {}. Write to-mib = {} or more.",
            size::words(*asked),
            size::words(*least),
            least.div_ceil(size::MIB)
        ),
        Issue::ShrunkGrows { number, asked, has } => format!(
            "partition {number} has {}, and {} is not less. Write a smaller number, or leave it out.",
            size::words(*has),
            size::words(*asked)
        ),
        Issue::NotSharable { number, fault } => format!(
            "partition {number} can not be shared: {}. Leave shared-esp out: the system then gets one of its own.",
            match fault {
                SharedFault::Type => "the table does not call it an EFI system partition",
                SharedFault::NotFat => "it holds no FAT file system",
                SharedFault::FreeUnknown => "it can not be told how much is free in it",
                SharedFault::Replaced => "it belongs to the system that is replaced",
                SharedFault::SameSystem => "it has boot files of such a system already, which would be mixed up with the new ones",
                SharedFault::TooLarge => "it is larger than 1 GiB, and is read into memory as a whole",
            }
        ),
        Issue::SharedEspFull { number, free, needs } => format!(
            "the EFI system partition {number} has {} left, and {} is needed for three boot images. Leave shared-esp \
             out: the system then gets one of its own.",
            size::words(*free),
            size::words(*needs)
        ),
        Issue::StateTooSmall { asked, needs } => format!(
            "the state would have {}, and {} is needed. Write {} or more.",
            size::words(*asked),
            size::words(*needs),
            needs.div_ceil(size::MIB)
        ),
        other => format!("{other:?}"),
    }
}

fn looked_like(seen: &[Seen]) -> String {
    let named: Vec<String> =
        seen.iter().map(|one| format!("{} ({:?}, {})", one.number, one.label, role(one.role))).collect();
    match named.as_slice() {
        [] => String::new(),
        named => format!("; what looks like one are the partitions {}", named.join(", ")),
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Esp => "boot files",
        Role::RootA => "a system",
        Role::VerityA => "its hashes",
        Role::RootB => "room for a system",
        Role::VerityB => "room for its hashes",
        Role::State => "a state",
    }
}

/// Why a partition is not made smaller, and what to do about it.
pub fn shrink_fault(why: Option<ShrinkFault>) -> &'static str {
    match why {
        None => "nobody looked at how small it can be made",
        Some(ShrinkFault::FileSystem) => "its file system has no tool that makes it smaller, or Forge does not use it",
        Some(ShrinkFault::Wrapped) => {
            "it is encrypted, or a part of an array or a volume group; what made it can make it smaller"
        }
        Some(ShrinkFault::Hibernated) => {
            "A system is hibernated on this machine, or Windows only half shut down. Start it and shut it down; in Windows, turn fast startup off first"
        }
        Some(ShrinkFault::Dirty) => {
            "it was not unmounted cleanly, or its check finds faults. Start the system that owns it, let it check the \
             partition, and shut it down"
        }
        Some(ShrinkFault::Unreadable) => "it could not be read",
    }
}
