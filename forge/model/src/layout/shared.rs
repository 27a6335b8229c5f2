//! An EFI system partition that is there already, and that the new system shares.

use super::{Role, boot_files};
use crate::{
    Issue, Manifest, esp,
    inventory::{Found, Holding},
    issue::{DiskKey, SharedFault},
};

/// The most bytes that one can have: it is read into memory twice, as it is and as it will be.
pub const MOST_SHARED_ESP: u64 = 1 << 30;

/// What stands against sharing one of the partitions of a disk.
pub(super) fn fault(found: &Found, all: &[Found], manifest: &Manifest) -> Option<Issue> {
    own_fault(found, manifest).or_else(|| {
        // Whoever sleeps on this disk may have it mounted.
        let sleeps = all.iter().find(|one| one.sleeps());
        sleeps.map(|one| Issue::Sleeping { key: DiskKey::SharedEsp, number: one.number })
    })
}

fn own_fault(found: &Found, manifest: &Manifest) -> Option<Issue> {
    let number = found.number;
    let not = |fault| Some(Issue::NotSharable { number, fault });
    if found.type_id != Some(Role::Esp.type_id()) {
        return not(SharedFault::Type);
    }
    if found.esp == Some(esp::Content::NoFat) {
        return not(SharedFault::NotFat);
    }
    if found.esp.as_ref().is_some_and(|esp| esp.has_any_of(&manifest.id)) {
        return not(SharedFault::SameSystem);
    }
    if found.size > MOST_SHARED_ESP {
        return not(SharedFault::TooLarge);
    }
    // What nobody looked at has no free room either; that says it better.
    match (&found.holding, found.free()) {
        (Some(Holding::FileSystem { name, .. }), _) if name != "vfat" => not(SharedFault::NotFat),
        (Some(Holding::FileSystem { .. }) | None, None) => not(SharedFault::FreeUnknown),
        (Some(Holding::FileSystem { .. }) | None, Some(free)) => {
            let needs = boot_files(manifest);
            (free < needs).then_some(Issue::SharedEspFull { number, free, needs })
        }
        (Some(_), _) => not(SharedFault::NotFat),
    }
}
