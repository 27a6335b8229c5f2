//! What the answers pick of a table that is there: which partitions go, become smaller, are shared, or keep `/home`.

use super::{
    Shrunk,
    earlier::{Earlier, earlier},
    least_state, shared,
};
use crate::{
    Disk, Issue, Manifest,
    answers::{DiskAnswers, Way},
    inventory::{DiskKind, Found, Holding, ShrinkFault, Shrinks},
    issue::{DiskKey, SharedFault},
    size::MIB,
};

/// What becomes of the partitions that are there.
#[derive(Debug, Default)]
pub(super) struct Picked {
    /// Numbers of those that go.
    pub(super) removed: Vec<u32>,
    /// Those that become smaller, as they are before, with the length in bytes that they get.
    pub(super) shrunk: Vec<(Shrunk, u64)>,
    /// The number of the EFI system partition that is shared.
    pub(super) shared: Option<u32>,
    /// The number of the earlier state, whose `home` stays.
    pub(super) home: Option<u32>,
    /// The number of an EFI system partition that stays with the loader of a system that goes.
    pub(super) old_loader: Option<u32>,
}

/// Answers that have no place in the way that they choose.
pub(super) fn misplaced(answers: &DiskAnswers) -> Vec<Issue> {
    let (way, beside) = (answers.way, !answers.way.is_whole_disk());
    let said = [
        (DiskKey::SharedEsp, answers.shared_esp.is_some(), beside),
        (DiskKey::KeepHome, answers.keep_home, way == Way::Replace),
        (DiskKey::Delete, !answers.delete.is_empty(), way == Way::Manual),
        (DiskKey::Shrink, !answers.shrink.is_empty(), beside),
        (DiskKey::StateMib, answers.state_mib.is_some(), beside),
    ];
    let wrong = said.into_iter().filter(|(_, said, has_place)| *said && !has_place);
    wrong.map(|(key, ..)| Issue::NotThisWay { key, way }).collect()
}

/// Reads the answers against the partitions that are there.
pub(super) fn pick(
    disk: &Disk,
    found: &[Found],
    answers: &DiskAnswers,
    manifest: &Manifest,
) -> Result<Picked, Vec<Issue>> {
    let mut picking = Picking { disk, found, manifest, picked: Picked::default(), issues: misplaced(answers) };
    let earlier = match answers.way {
        Way::Replace => picking.replace(answers.keep_home),
        Way::Manual => picking.delete(&answers.delete),
        Way::FreeSpace | Way::WholeDisk => None,
    };
    if let Some(number) = answers.shared_esp {
        picking.share(number, earlier.as_ref());
        if answers.esp_mib.is_some() {
            picking.issues.push(Issue::EspSizeAndShared);
        }
    }
    picking.shrink(answers);
    if let Some(mib) = answers.state_mib {
        let (asked, needs) = (u64::from(mib) * MIB, least_state(manifest));
        picking.issues.extend((asked < needs).then_some(Issue::StateTooSmall { asked, needs }));
    }
    if picking.issues.is_empty() { Ok(picking.picked) } else { Err(picking.issues) }
}

struct Picking<'a> {
    disk: &'a Disk,
    found: &'a [Found],
    manifest: &'a Manifest,
    picked: Picked,
    issues: Vec<Issue>,
}

impl<'a> Picking<'a> {
    /// The partition with this number, if it is there.
    fn find(&mut self, key: DiskKey, number: u32) -> Option<&'a Found> {
        let found = self.found.iter().find(|one| one.number == number);
        if found.is_none() {
            self.issues.push(Issue::NoSuchPartition { key, number });
        }
        found
    }

    fn replace(&mut self, keep_home: bool) -> Option<Earlier> {
        let earlier = match earlier(self.disk, self.manifest) {
            Ok(earlier) => earlier,
            Err(issue) => {
                self.issues.push(issue);
                return None;
            }
        };
        self.picked.removed = earlier.all(keep_home);
        let starts = |one: &&Found| one.esp.as_ref().is_some_and(|esp| esp.starts(&self.manifest.id));
        let stays = |one: &&Found| !self.picked.removed.contains(&one.number);
        self.picked.old_loader = self.found.iter().filter(starts).find(stays).map(|one| one.number);
        if keep_home {
            let number = earlier.home();
            self.picked.home = Some(number);
            let holding = self.found.iter().find(|one| one.number == number).and_then(|one| one.holding.as_ref());
            match holding {
                Some(Holding::FileSystem { name, .. }) if name == "ext4" => {}
                Some(Holding::Luks) => self.issues.push(Issue::HomeEncrypted { number }),
                _ => self.issues.push(Issue::HomeUnknown { number }),
            }
        }
        Some(earlier)
    }

    fn delete(&mut self, numbers: &[u32]) -> Option<Earlier> {
        let key = DiskKey::Delete;
        for &number in numbers {
            if self.picked.removed.contains(&number) {
                self.issues.push(Issue::PartitionTwice { key, number });
            } else if let Some(found) = self.find(key, number) {
                self.issues.extend(found.sleeps().then_some(Issue::Sleeping { key, number }));
                self.picked.removed.push(number);
            }
        }
        self.picked.removed.sort_unstable();
        None
    }

    fn share(&mut self, number: u32, earlier: Option<&Earlier>) {
        let key = DiskKey::SharedEsp;
        if earlier.is_some_and(|earlier| earlier.esps.contains(&number)) {
            // Its files are those of the system that goes.
            self.issues.push(Issue::NotSharable { number, fault: SharedFault::Replaced });
        } else if self.picked.removed.contains(&number) {
            self.issues.push(Issue::PartitionTwice { key, number });
        } else if let Some(found) = self.find(key, number) {
            self.issues.extend(shared::fault(found, self.found, self.manifest));
            self.picked.shared = Some(number);
        }
    }

    fn shrink(&mut self, answers: &DiskAnswers) {
        let key = DiskKey::Shrink;
        if !answers.shrink.is_empty() && self.disk.kind == DiskKind::File {
            return self.issues.push(Issue::ShrinkOnFile);
        }
        let mut named = Vec::new();
        for one in &answers.shrink {
            let number = one.number;
            let stays = !self.picked.removed.contains(&number)
                && ![self.picked.home, self.picked.shared].contains(&Some(number))
                && !named.contains(&number);
            named.push(number);
            if !stays {
                self.issues.push(Issue::PartitionTwice { key, number });
                continue;
            }
            let Some(found) = self.find(key, number) else { continue };
            let (asked, has) = (one.to_mib.saturating_mul(MIB), found.size);
            // A run that stopped behind this step finds it done.
            if asked == has {
                continue;
            }
            match shrunk(found, asked) {
                Ok(()) => self.picked.shrunk.push((Shrunk { number, before: has }, asked)),
                Err(issue) => self.issues.push(issue),
            }
        }
        self.picked.shrunk.sort_unstable_by_key(|(one, _)| one.number);
    }
}

/// Whether a partition can have `asked` bytes, which are other than it has.
fn shrunk(found: &Found, asked: u64) -> Result<(), Issue> {
    let (number, has) = (found.number, found.size);
    let not = |why: Option<ShrinkFault>| Err(Issue::NotShrinkable { number, why });
    match found.shrinks {
        None => not(None),
        Some(Shrinks::Not { why }) => not(Some(why)),
        Some(Shrinks::To { .. }) if asked > has => Err(Issue::ShrunkGrows { number, asked, has }),
        Some(Shrinks::To { least }) if asked < least.max(MIB) => {
            Err(Issue::ShrunkTooSmall { number, asked, least: least.max(MIB) })
        }
        Some(Shrinks::To { .. }) => Ok(()),
    }
}
