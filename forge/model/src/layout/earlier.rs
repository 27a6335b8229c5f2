//! An earlier InterGenOS on a disk: which partitions are one, told from the table alone.
//!
//! Types and labels say it, as [`Layout`](super::Layout) gives them: slots with the system's id and release, or `_empty`;
//! one state, or a second one if the first was kept for its `home`. A partition table can lie, and two systems can look like
//! one: whatever is not exactly one whole system is none.
//!
//! An EFI system partition that is labelled `esp` can be anybody's, and can have somebody else's loader in it, too. It is one
//! of the earlier system where everything in it is that system's.

use super::{
    Role,
    labels::{self, STATE, STATE_BESIDE_HOME},
};
use crate::{
    Disk, Issue, Manifest,
    inventory::{Content, Found},
};
use serde::{Deserialize, Serialize};

/// The partitions of an earlier system, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// System images and hash trees, those that are empty as well.
    pub slots: Vec<u32>,
    /// The state.
    pub state: u32,
    /// The state of a system before that one, where it was kept for its `home`.
    pub home: Option<u32>,
    /// EFI system partitions in which nothing is but what such a system leaves.
    pub esps: Vec<u32>,
}

impl Earlier {
    /// The state that has its `home`.
    pub fn home(&self) -> u32 {
        self.home.unwrap_or(self.state)
    }

    /// All of them, but the state that has its `home`, where that is kept.
    pub(super) fn all(&self, keep_home: bool) -> Vec<u32> {
        let states = std::iter::once(self.state).chain(self.home);
        let mut all: Vec<u32> = self.slots.iter().chain(&self.esps).copied().chain(states).collect();
        all.retain(|number| !(keep_home && *number == self.home()));
        all.sort_unstable();
        all
    }
}

/// A partition that looks like a part of an earlier system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its number.
    pub number: u32,
    /// What it would be.
    pub role: Role,
    /// Its label.
    pub label: String,
}

/// The one earlier system that is on this disk, or what was seen instead.
pub fn earlier(disk: &Disk, manifest: &Manifest) -> Result<Earlier, Issue> {
    let partitions: &[Found] = match &disk.content {
        Content::Table { partitions, .. } => partitions,
        _ => &[],
    };
    let seen: Vec<(Seen, u64)> = partitions.iter().filter_map(|one| Some((seen(one, manifest)?, one.size))).collect();
    let of = |role: Role| seen.iter().filter(move |(one, _)| one.role == role);
    let roots: Vec<_> = of(Role::RootA).chain(of(Role::RootB)).collect();
    let trees: Vec<_> = of(Role::VerityA).chain(of(Role::VerityB)).collect();
    let all = || seen.iter().map(|(one, _)| one.clone()).collect::<Vec<_>>();
    // An EFI system partition or a state alone can be anybody's.
    if of(Role::RootA).next().is_none() {
        return Err(Issue::NoEarlierSystem { seen: all() });
    }
    // Both slots have the same size; `_empty` is a name that others use as well, if they have hash trees.
    let alike = |slots: &[&(Seen, u64)]| slots.windows(2).all(|pair| pair[0].1 == pair[1].1);
    let foreign = partitions.iter().any(|one| {
        one.type_id == Some(Role::VerityA.type_id()) && !seen.iter().any(|(known, _)| known.number == one.number)
    });
    let empty = of(Role::RootB).chain(of(Role::VerityB)).next().is_some();
    let whole = roots.len() <= 2 && roots.len() == trees.len() && of(Role::VerityA).count() == of(Role::RootA).count();
    let is_second = |one: &&(Seen, u64)| one.0.label == STATE_BESIDE_HOME;
    let (second, first): (Vec<_>, Vec<_>) = of(Role::State).partition(is_second);
    let (state, home) = match (first.as_slice(), second.as_slice()) {
        ([(state, _)], []) => (state.number, None),
        ([(home, _)], [(state, _)]) => (state.number, Some(home.number)),
        _ => return Err(Issue::EarlierSystemsUnclear { seen: all() }),
    };
    if !whole || !alike(&roots) || !alike(&trees) || (foreign && empty) {
        return Err(Issue::EarlierSystemsUnclear { seen: all() });
    }
    let mut slots: Vec<u32> = roots.iter().chain(&trees).map(|(one, _)| one.number).collect();
    slots.sort_unstable();
    let is_only_its = |number: u32| {
        let esp = partitions.iter().find(|one| one.number == number).and_then(|one| one.esp.as_ref());
        esp.is_some_and(|esp| esp.is_only_of(&manifest.id))
    };
    Ok(Earlier {
        slots,
        state,
        home,
        esps: of(Role::Esp).map(|(one, _)| one.number).filter(|number| is_only_its(*number)).collect(),
    })
}

/// What a partition looks like; the roles of slot B are for empty ones.
fn seen(found: &Found, manifest: &Manifest) -> Option<Seen> {
    let is = |role: Role| found.type_id == Some(role.type_id());
    let ours = labels::is_slot_of(&found.label, &manifest.id);
    let role = match found.label.as_str() {
        labels::EMPTY if is(Role::RootB) => Role::RootB,
        labels::EMPTY if is(Role::VerityB) => Role::VerityB,
        labels::ESP if is(Role::Esp) => Role::Esp,
        STATE | STATE_BESIDE_HOME if is(Role::State) => Role::State,
        _ if ours && is(Role::RootA) => Role::RootA,
        _ if ours && is(Role::VerityA) => Role::VerityA,
        _ => return None,
    };
    Some(Seen { number: found.number, role, label: found.label.clone() })
}
