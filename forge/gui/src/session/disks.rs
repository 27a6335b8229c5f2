//! Which disk can be chosen, and when a choice is withdrawn.

use super::wanted;
use forge_model::{Disk, Inventory, Issue, Layout, Manifest, inventory::Identity};

/// A disk as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The disk.
    pub disk: Disk,
    /// What stands against taking it.
    pub against: Option<Issue>,
}

/// What stands against taking a disk: something uses it, or the system does not fit on it.
pub fn against(disk: &Disk, manifest: Option<&Manifest>) -> Option<Issue> {
    if let Some(obstacle) = disk.obstacles.first() {
        return Some(Issue::NotFree { path: disk.identity.path.clone(), obstacle: obstacle.clone() });
    }
    // Firmware that is chosen later takes little room: the plan counts it.
    let manifest = manifest?.needed(&[], false);
    let layout = Layout::on_whole_disk(disk.size, disk.sector_size, &wanted::whole_disk(), &manifest);
    layout.err()?.into_iter().next()
}

/// Disks in the order in which they are shown: those that can be taken first. The installation medium is left out when
/// there is another disk: nobody wants to install on it.
pub fn shown(disks: &[Disk], manifest: Option<&Manifest>) -> Vec<Shown> {
    let all = disks.iter().map(|disk| Shown { disk: disk.clone(), against: against(disk, manifest) });
    let (free, rest): (Vec<_>, Vec<_>) = all.partition(|shown| shown.against.is_none());
    free.into_iter().chain(rest.into_iter().filter(|shown| !shown.disk.is_boot_medium())).collect()
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
pub fn review(
    chosen: Option<&Identity>,
    inventory: &Inventory,
    manifest: Option<&Manifest>,
    is_first_look: bool,
) -> Choice {
    let mut free = inventory.disks.iter().filter(|disk| against(disk, manifest).is_none());
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
