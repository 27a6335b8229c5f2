//! The ways to use a disk in sentences: what stands in the way of one.

use forge_model::{
    Issue,
    answers::Way,
    inventory::ShrinkFault,
    issue::{DiskKey, SharedFault},
    layout::{Role, Seen},
    size,
};

/// One issue of a way: what is wrong, and the fix. Anything else has no words here.
pub fn issue(issue: &Issue) -> String {
    match issue {
        Issue::NotThisWay { key, way } => format!(
            "this has no place with use = {:?}. It goes with {}.",
            name(*way),
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

/// A way as an answer file names it.
fn name(way: Way) -> &'static str {
    match way {
        Way::WholeDisk => "whole-disk",
        Way::FreeSpace => "free-space",
        Way::Replace => "replace",
        Way::Manual => "manual",
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
            "Windows is hibernated in it, or only half shut down. In Windows, turn fast startup off and shut it down"
        }
        Some(ShrinkFault::Dirty) => {
            "it was not unmounted cleanly, or its check finds faults. Start the system that owns it, let it check the \
             partition, and shut it down"
        }
        Some(ShrinkFault::Unreadable) => "it could not be read",
    }
}
