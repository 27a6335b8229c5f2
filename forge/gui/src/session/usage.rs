//! How the chosen disk is used: which ways there are, what stands against each, and what a person chose of it.
//!
//! Nothing that destroys is chosen for anybody, but on a disk on which there is nothing. What is possible is not decided
//! here: the model says what a disk offers, and lays every choice out as the plan will.

use super::{BeforeAfter, Effect, Page, Session};
use forge_model::{
    Disk, Issue, Layout, Manifest,
    answers::{DiskAnswers, Shrink, Way},
    inventory::{Content, Found, Holding, Identity, ShrinkFault, Shrinks},
    layout::{Offers, Role, offers::ShrinkRange},
    size::MIB,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a person chose for the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    way: Option<Way>,
    /// Whether an earlier system's personal files stay; as far as they can, as long as nobody says otherwise. Once a way is
    /// chosen with it, only a person turns it off.
    keep_home: Option<bool>,
    delete: BTreeSet<u32>,
    shared_esp: Option<u32>,
    /// What each partition keeps, in MiB.
    shrink: BTreeMap<u32, u64>,
    state_mib: Option<u32>,
}

/// A way, and what stands against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The way.
    pub way: Way,
    /// Why it can not be gone; empty when it can.
    pub against: Vec<Issue>,
    /// What has to be made smaller for it.
    pub shrinks: Vec<Shrink>,
    /// Whether the answer file that was found asks for it.
    pub is_asked_for: bool,
    /// Whether an earlier system's personal files are lost, too: they can not be kept, or shall not be.
    pub loses_home: bool,
}

/// A partition that can be made smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrinkable {
    /// The partition.
    pub found: Found,
    /// What it keeps at the least, in bytes.
    pub least: u64,
    /// What it keeps as things are chosen, in bytes.
    pub keeps: u64,
}

/// A partition that is not made smaller, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAlone {
    /// The partition.
    pub found: Found,
    /// Why.
    pub why: ShrinkFault,
}

/// An EFI system partition that is there and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Esp {
    /// The partition.
    pub found: Found,
    /// Why it can not be shared.
    pub against: Option<Issue>,
}

/// How much room there is for the state, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateRoom {
    /// What it needs.
    pub least: u64,
    /// What is there.
    pub most: u64,
    /// What it gets as things are chosen.
    pub gets: u64,
}

/// What a person decides about the use of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Which way.
    Way(Way),
    /// Whether the personal files of an earlier system stay.
    KeepHome(bool),
    /// Whether a partition goes.
    Delete {
        /// Its number.
        number: u32,
        /// Whether it goes.
        goes: bool,
    },
    /// Which EFI system partition is shared; none when the new system gets one of its own.
    ShareEsp(Option<u32>),
    /// What a partition keeps.
    Shrink {
        /// Its number.
        number: u32,
        /// What it keeps, in bytes.
        to: u64,
    },
    /// How much the state gets, in bytes.
    State(u64),
}

impl Session {
    /// Whether there is anything to decide about the use of the disk: not on one on which there is nothing.
    pub fn asks_for_use(&self) -> bool {
        self.disk().is_none_or(|disk| !is_bare(disk))
    }

    /// The way that is chosen, or that nobody has to choose.
    pub fn disk_way(&self) -> Option<Way> {
        match self.asks_for_use() {
            true => self.usage.way,
            false => Some(Way::WholeDisk),
        }
    }

    /// The ways of the chosen disk, the impossible ones too.
    pub fn ways(&self) -> Vec<Offered> {
        let (Some(disk), Some(manifest)) = (self.disk(), self.needed()) else { return Vec::new() };
        let offers = Offers::new(disk, &DiskAnswers::default(), &manifest);
        let offered = offers.ways.into_iter().map(|offer| {
            let mut against = offer.layout.err().unwrap_or_default();
            // What is in the way of doing it by hand may be what a person deletes there.
            if offer.way == Way::Manual && !against.is_empty() {
                against = Layout::new(disk, &answers(Way::Manual, &everything_goes(disk)), &manifest)
                    .err()
                    .unwrap_or_default();
            }
            let is_asked_for = self.way_asked_for == Some(offer.way);
            let shrinks = if offer.way == Way::FreeSpace { offer.answers.shrink } else { Vec::new() };
            let loses_home =
                offer.way == Way::Replace && (self.usage.keep_home == Some(false) || !self.against_home().is_empty());
            Offered { way: offer.way, against, shrinks, is_asked_for, loses_home }
        });
        offered.collect()
    }

    /// Where everything would lie, as things are chosen; nothing as long as no way is.
    pub fn layout(&self) -> Option<Result<Layout, Vec<Issue>>> {
        Some(Layout::new(self.disk()?, &self.disk_answers()?, &self.needed()?))
    }

    /// The disk before and after, as things are chosen.
    pub fn before_after(&self) -> BeforeAfter {
        let layout = self.layout().and_then(Result::ok);
        self.disk().map(|disk| BeforeAfter::of(disk, layout.as_ref())).unwrap_or_default()
    }

    /// The answers about the disk; nothing as long as no way is chosen.
    pub fn disk_answers(&self) -> Option<DiskAnswers> {
        let way = self.disk_way()?;
        Some(answers(way, &Usage { keep_home: Some(self.keeps_home()), ..self.usage.clone() }))
    }

    /// Whether the personal files of an earlier system stay.
    pub fn keeps_home(&self) -> bool {
        // What stands against it is no reason to lose them: then it goes on nowhere, and a person decides.
        self.usage.way == Some(Way::Replace) && self.usage.keep_home.unwrap_or_else(|| self.against_home().is_empty())
    }

    /// What stands against keeping them.
    pub fn against_home(&self) -> Vec<Issue> {
        let (Some(disk), Some(manifest)) = (self.disk(), self.needed()) else { return Vec::new() };
        let keeps = Usage { keep_home: Some(true), ..Usage::default() };
        let mut against = Layout::new(disk, &answers(Way::Replace, &keeps), &manifest).err().unwrap_or_default();
        // What is kept would not be encrypted. While it is kept, encryption can not be turned on; where an answer file asked
        // for both, the page about encryption leads no further.
        against.extend(self.encryption.is_wanted().then_some(Issue::HomeNotEncrypted));
        against
    }

    /// The partitions that can be made smaller in the way that is chosen.
    pub fn shrinkable(&self) -> Vec<Shrinkable> {
        let shrinkable = self.choices().into_iter().filter_map(|(found, range)| {
            let range = range.filter(|_| !self.usage.delete.contains(&found.number))?;
            let keeps = self.usage.shrink.get(&found.number).map_or(found.size, |mib| mib * MIB);
            Some(Shrinkable { found, least: range.least, keeps })
        });
        shrinkable.collect()
    }

    /// The partitions that are not made smaller, where that was looked at or is plain to see.
    pub fn left_alone(&self) -> Vec<LeftAlone> {
        let left = self.choices().into_iter().filter_map(|(found, _)| {
            let why = match (found.shrinks, &found.holding) {
                (Some(Shrinks::To { .. }), _) => return None,
                (Some(Shrinks::Not { why }), _) => why,
                (None, Some(Holding::FileSystem { .. } | Holding::Swap | Holding::Other { .. }) | None) => return None,
                (None, Some(_)) => ShrinkFault::Wrapped,
            };
            // Nobody looks for room in what the firmware starts from.
            (found.type_id != Some(Role::Esp.type_id())).then_some(LeftAlone { found, why })
        });
        left.collect()
    }

    /// Each partition of the disk with how much smaller it can be made, where the way that is chosen allows that.
    fn choices(&self) -> Vec<(Found, Option<ShrinkRange>)> {
        let may_shrink = matches!(self.usage.way, Some(Way::FreeSpace | Way::Manual));
        let offers = self.offers().filter(|_| may_shrink);
        offers
            .map(|offers| offers.partitions)
            .unwrap_or_default()
            .into_iter()
            .map(|one| (one.found, one.shrink))
            .collect()
    }

    /// The partitions of the disk that can be deleted by hand, and whether each shall be.
    pub fn deletable(&self) -> Vec<(Found, bool)> {
        let found = self.disk().filter(|_| self.usage.way == Some(Way::Manual)).map(partitions).unwrap_or_default();
        found.iter().map(|found| (found.clone(), self.usage.delete.contains(&found.number))).collect()
    }

    /// The EFI system partitions that are there and stay, where they are a choice.
    pub fn esps(&self) -> Vec<Esp> {
        let offers = self.offers().filter(|_| self.usage.way == Some(Way::Manual));
        let there = offers.map(|offers| offers.partitions).unwrap_or_default().into_iter();
        let stays = there.filter(|one| !self.usage.delete.contains(&one.found.number));
        stays.filter_map(|one| Some(Esp { against: one.shared_esp?.err(), found: one.found })).collect()
    }

    /// The EFI system partition that is shared.
    pub fn shared_esp(&self) -> Option<u32> {
        self.usage.shared_esp
    }

    /// How much room there is for the state; nothing where it does not fit at all, or is no choice.
    pub fn state_room(&self) -> Option<StateRoom> {
        let way = self.usage.way.filter(|way| matches!(way, Way::FreeSpace | Way::Manual))?;
        let layout = self.layout()?.ok()?;
        let (least, most) = self.offers()?.way(way).state?;
        Some(StateRoom { least: least.min(most), most, gets: layout.must(Role::State).size })
    }

    /// What the disk offers, as things are chosen.
    fn offers(&self) -> Option<Offers> {
        Some(Offers::new(self.disk()?, &self.disk_answers()?, &self.needed()?))
    }

    /// What the system needs. Firmware that is chosen later takes little room: the plan counts it.
    fn needed(&self) -> Option<Manifest> {
        Some(self.manifest()?.needed(&[], self.encryption.is_wanted()))
    }

    /// Takes a decision of the person. One that does not fit the disk as it is now is none.
    pub(super) fn choose_use(&mut self, choice: Choice) {
        match choice {
            Choice::Way(way) => {
                let offered = self.ways().into_iter().find(|offered| offered.way == way);
                if let Some(offered) = offered.filter(|found| found.against.is_empty() && self.usage.way != Some(way)) {
                    // What was decided for another way says nothing about this one. What has to be made smaller is
                    // proposed: the person sees the number, and it is theirs to change.
                    let shrink = offered.shrinks.iter().map(|shrink| (shrink.number, shrink.to_mib)).collect();
                    let keep_home = match way {
                        Way::Replace => self.usage.keep_home.or(self.against_home().is_empty().then_some(true)),
                        _ => self.usage.keep_home,
                    };
                    self.usage = Usage { way: Some(way), keep_home, shrink, ..Usage::default() };
                }
            }
            Choice::KeepHome(keep) => self.usage.keep_home = Some(keep),
            Choice::Delete { number, goes: true } => {
                if self.deletable().iter().any(|(found, _)| found.number == number) {
                    self.usage.delete.insert(number);
                    self.usage.shrink.remove(&number);
                    self.usage.shared_esp = self.usage.shared_esp.filter(|shared| *shared != number);
                }
            }
            Choice::Delete { number, goes: false } => {
                self.usage.delete.remove(&number);
            }
            Choice::ShareEsp(number) => {
                let can =
                    |number: &u32| self.esps().iter().any(|esp| esp.found.number == *number && esp.against.is_none());
                self.usage.shared_esp = number.filter(can);
            }
            Choice::Shrink { number, to } => {
                let Some(found) = self.shrinkable().into_iter().find(|one| one.found.number == number) else { return };
                match to >= found.found.size {
                    true => self.usage.shrink.remove(&number),
                    false => self.usage.shrink.insert(number, to.max(found.least).div_ceil(MIB)),
                };
            }
            Choice::State(bytes) => {
                let Some(room) = self.state_room() else { return };
                let mib = u32::try_from(bytes.max(room.least).div_ceil(MIB)).ok();
                self.usage.state_mib = mib.filter(|mib| u64::from(*mib) * MIB < room.most);
            }
        }
    }

    /// Another disk is chosen: what was decided was for the one before.
    pub(super) fn change_disk(&mut self, disk: Option<Identity>) {
        if self.disk == disk {
            return;
        }
        self.disk = disk;
        self.usage = Usage { keep_home: self.home_asked_for, ..Usage::default() };
        self.propose_use();
    }

    /// Takes what an answer file says of the way, and of personal files that stay; that they go is said by no file, but by
    /// the person. Numbers of partitions are those of another disk.
    pub(super) fn fill_in_use(&mut self, found: &DiskAnswers) {
        self.way_asked_for = Some(found.way);
        self.home_asked_for = (found.way == Way::Replace && found.keep_home).then_some(true);
        if self.usage == Usage::default() {
            self.usage.keep_home = self.home_asked_for;
            self.propose_use();
        }
    }

    /// An answer file that was found decides only what destroys nothing.
    fn propose_use(&mut self) {
        let is_harmless = |offered: &Offered| offered.way == Way::FreeSpace && offered.shrinks.is_empty();
        let ways = self.ways();
        if ways.iter().any(|offered| offered.is_asked_for && is_harmless(offered) && offered.against.is_empty()) {
            self.usage.way = Some(Way::FreeSpace);
        }
    }

    /// The disk may not be what it was when its use was decided. Whoever has gone past that decides again.
    pub(super) fn look_at_use(&mut self, before: Option<&Disk>, asked_before: bool) -> Vec<Effect> {
        let is_same = match (before, self.disk()) {
            (Some(before), Some(now)) => shape(before) == shape(now),
            _ => true,
        };
        // Whoever erases a disk erases whatever lies there: the plan is shown anew. All else is about what lay there.
        if !is_same && self.usage.way != Some(Way::WholeDisk) {
            // That personal files go was said of what was there.
            self.usage = Usage { keep_home: self.usage.keep_home.filter(|keep| *keep), ..Usage::default() };
        }
        let way = self.way();
        let place = |page| way.iter().position(|other| *other == page);
        if self.page == Page::DiskUse && !self.asks_for_use() {
            self.page = Page::Disk;
            return vec![Effect::Show(Page::Disk)];
        }
        let is_past = place(self.page) > place(Page::DiskUse).or(place(Page::Disk));
        if is_past && self.asks_for_use() && !self.is_complete(Page::DiskUse) {
            self.page = Page::DiskUse;
            return vec![Effect::DiskChanged, Effect::Show(Page::DiskUse)];
        }
        // What lies behind the page on screen is made anew.
        if is_past && self.asks_for_use() != asked_before { vec![Effect::Show(self.page)] } else { vec![] }
    }
}

/// Whether there is nothing on a disk that anybody could miss. What an install that did not end left is nothing: whatever
/// was there before is lost already.
///
/// A table without partitions counts only where it was read and is whole: with a damaged first copy, Linux shows none.
fn is_bare(disk: &Disk) -> bool {
    match &disk.content {
        Content::Empty | Content::Unfinished { .. } => true,
        Content::Table { partitions, gpt, .. } => {
            partitions.is_empty() && gpt.as_ref().is_some_and(|gpt| gpt.fault.is_none())
        }
        Content::Whole { .. } | Content::Unknown => false,
    }
}

/// The partitions of a disk.
fn partitions(disk: &Disk) -> &[Found] {
    match &disk.content {
        Content::Table { partitions, .. } => partitions,
        _ => &[],
    }
}

/// What of a disk its use was decided for: not how much is free in it, which changes by itself.
fn shape(disk: &Disk) -> Vec<(u32, u64, &str, Option<&Holding>)> {
    partitions(disk).iter().map(|one| (one.number, one.size, one.label.as_str(), one.holding.as_ref())).collect()
}

/// Every partition deleted.
fn everything_goes(disk: &Disk) -> Usage {
    Usage { delete: partitions(disk).iter().map(|found| found.number).collect(), ..Usage::default() }
}

/// The answers that say this; what has no place in a way is left out.
fn answers(way: Way, usage: &Usage) -> DiskAnswers {
    let by_hand = way == Way::Manual;
    let may_shrink = matches!(way, Way::FreeSpace | Way::Manual);
    let shrink = usage.shrink.iter().filter(|_| may_shrink);
    let answers = DiskAnswers {
        shared_esp: usage.shared_esp.filter(|_| by_hand),
        keep_home: usage.keep_home == Some(true),
        delete: usage.delete.iter().copied().collect(),
        shrink: shrink.map(|(number, to_mib)| Shrink { number: *number, to_mib: *to_mib }).collect(),
        state_mib: usage.state_mib,
        ..DiskAnswers::default()
    };
    answers.of_way(way)
}
