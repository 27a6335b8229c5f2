//! What a disk offers: each way to install on it, and what stands in the way of those that can not be gone.

use super::{Layout, shared};
use crate::{
    Disk, Issue, Manifest,
    answers::{DiskAnswers, Erase, Shrink, Way},
    inventory::{Content, Found, Shrinks},
    layout::Role,
    size::{MIB, round_down, round_up},
};

/// What a disk offers to somebody who chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offers {
    /// Every way, in the order in which they are shown.
    pub ways: Vec<Offer>,
    /// Each partition that is there, in order of its number, with what can be done with it.
    pub partitions: Vec<Choice>,
}

/// One way to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The way.
    pub way: Way,
    /// What was tried: the answers that were given as far as they belong to this way. In free space, and by hand, one
    /// partition is made smaller in it when there is no room otherwise and nothing was said about that.
    pub answers: DiskAnswers,
    /// What that gives, or everything that is in the way. What is wrong with the disk as a whole is in its obstacles.
    pub layout: Result<Layout, Vec<Issue>>,
    /// Bytes that the state can have, at the least and at the most, in this layout.
    pub state: Option<(u64, u64)>,
}

/// A partition that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The partition.
    pub found: Found,
    /// How it could be made smaller, where it can: to whole mebibytes.
    pub shrink: Option<ShrinkRange>,
    /// What it is as an EFI system partition that could be shared; nothing when it is none.
    pub shared_esp: Option<Result<(), Issue>>,
}

/// How much smaller a partition can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShrinkRange {
    /// The least length in bytes.
    pub least: u64,
    /// The largest length below the one that it has, in bytes.
    pub most: u64,
    /// What is proposed: half of what it does not need.
    pub proposed: u64,
}

impl Offers {
    /// What this disk offers for the sizes that are asked for: `esp-mib`, `second-slot`, `state-mib`, `shared-esp`,
    /// `delete`, `shrink` and `keep-home` are taken into account in the ways in which they have a place.
    ///
    /// There is room for all firmware that the manifest has: see [`Manifest::needed`].
    pub fn new(disk: &Disk, answers: &DiskAnswers, manifest: &Manifest) -> Self {
        let ways = [Way::WholeDisk, Way::FreeSpace, Way::Replace, Way::Manual];
        let partitions = match &disk.content {
            Content::Table { partitions, .. } => {
                partitions.iter().map(|found| Choice::new(found, partitions, manifest)).collect()
            }
            _ => Vec::new(),
        };
        Self { ways: ways.map(|way| Offer::new(way, disk, answers, &partitions, manifest)).into(), partitions }
    }

    /// The offer of one way.
    pub fn way(&self, way: Way) -> &Offer {
        self.ways.iter().find(|offer| offer.way == way).expect("every way is there")
    }
}

impl Offer {
    fn new(way: Way, disk: &Disk, given: &DiskAnswers, choices: &[Choice], manifest: &Manifest) -> Self {
        let mut answers = given.clone().of_way(way);
        let mut layout = Layout::new(disk, &answers, manifest);
        if matches!(way, Way::FreeSpace | Way::Manual) && answers.shrink.is_empty() && layout.is_err() {
            let mut ranges: Vec<_> = choices.iter().filter_map(|one| Some((one.found.number, one.shrink?))).collect();
            // The one that has the most to give.
            ranges.sort_by_key(|(number, range)| (std::cmp::Reverse(range.most - range.least), *number));
            let sizes = |range: ShrinkRange| [range.proposed, range.least];
            let tried = ranges.iter().flat_map(|(number, range)| sizes(*range).map(|size| (*number, size / MIB)));
            let found = tried.into_iter().find_map(|(number, to_mib)| {
                let tried = DiskAnswers { shrink: vec![Shrink { number, to_mib }], ..answers.clone() };
                Some((Layout::new(disk, &tried, manifest).ok()?, tried))
            });
            if let Some((with, tried)) = found {
                (layout, answers) = (Ok(with), tried);
            }
        }
        let state = layout.as_ref().ok().and_then(|_| {
            let most = Layout::new(disk, &DiskAnswers { state_mib: None, ..answers.clone() }, manifest).ok()?;
            Some((super::least_state(manifest), most.must(Role::State).size))
        });
        Self { way, answers, layout, state }
    }
}

impl Choice {
    fn new(found: &Found, all: &[Found], manifest: &Manifest) -> Self {
        let shrink = match found.shrinks {
            Some(Shrinks::To { least }) => {
                let (least, most) = (round_up(least, MIB), round_down(found.size.saturating_sub(1), MIB));
                let proposed = round_up(least + most.saturating_sub(least) / 2, MIB);
                (least <= most && least > 0).then_some(ShrinkRange { least, most, proposed: proposed.min(most) })
            }
            _ => None,
        };
        let is_esp = found.type_id == Some(Role::Esp.type_id());
        let shared_esp = is_esp.then(|| shared::fault(found, all, manifest).map_or(Ok(()), Err));
        Self { found: found.clone(), shrink, shared_esp }
    }
}

impl DiskAnswers {
    /// The same answers for another way: what has no place there is left out, and the whole disk is said to be erased.
    pub fn of_way(self, way: Way) -> Self {
        let beside = !way.is_whole_disk();
        Self {
            way,
            erase: (!beside).then_some(Erase::AllDataOnThisDisk),
            shared_esp: self.shared_esp.filter(|_| beside),
            esp_mib: self.esp_mib.filter(|_| !beside || self.shared_esp.is_none()),
            keep_home: self.keep_home && way == Way::Replace,
            delete: if way == Way::Manual { self.delete } else { Vec::new() },
            shrink: if beside { self.shrink } else { Vec::new() },
            state_mib: self.state_mib.filter(|_| beside),
            matching: self.matching,
            second_slot: self.second_slot,
        }
    }
}
