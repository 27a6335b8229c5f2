//! Which disk can be chosen, and when a choice is withdrawn.

use forge_model::{Disk, Inventory, inventory::Identity};

/// Whether a disk can be taken.
pub fn is_free(disk: &Disk) -> bool {
    disk.obstacles.is_empty()
}

/// Disks in the order in which they are shown: those that can be taken first. The installation medium is left out when
/// there is another disk: nobody wants to install on it.
pub fn shown(disks: &[Disk]) -> Vec<&Disk> {
    let (free, rest): (Vec<_>, Vec<_>) = disks.iter().partition(|disk| is_free(disk));
    free.into_iter().chain(rest.into_iter().filter(|disk| !disk.is_boot_medium())).collect()
}

/// What is chosen after the disks changed.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// What was chosen before, if anything.
    Stays,
    /// The only disk there is, which nobody has to choose.
    Only(Identity),
    /// The disk that was chosen is gone, or can not be taken any more.
    Withdrawn,
}

/// Looks at a choice when the disks change. Only at the first look a disk is chosen for the person, when it is the only
/// one: what is left over after another went is not a choice that anybody made.
pub fn review(chosen: Option<&Identity>, inventory: &Inventory, is_first_look: bool) -> Choice {
    let mut free = inventory.disks.iter().filter(|disk| is_free(disk));
    match chosen {
        Some(chosen) if free.any(|disk| disk.identity == *chosen) => Choice::Stays,
        Some(_) => Choice::Withdrawn,
        None if !is_first_look => Choice::Stays,
        None => match (free.next(), free.next()) {
            (Some(only), None) => Choice::Only(only.identity.clone()),
            _ => Choice::Stays,
        },
    }
}
