//! An earlier InterGenOS on a disk: which partitions are one, told from the table alone.
//!
//! Types and labels say it, as [`Layout`](super::Layout) gives them: slots with the system's id and release, or `_empty`;
//! one state, or a second one if the first was kept for its `home`; an EFI system partition that is labelled `esp`. A partition table can lie, and two systems can look like one:
//! whatever is not exactly one whole system is none.

use super::{Layout, Role};
use crate::{
    Disk, Issue, Manifest,
    inventory::{Content, Found},
};
use serde::{Deserialize, Serialize};

/// The label of a state.
pub(super) const STATE: &str = "state";
/// The label of a state whose `/home` is in another one, which is labelled [`STATE`].
pub(super) const STATE_BESIDE_HOME: &str = "state-2";

/// The partitions of an earlier system, by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Releases that its slots are labelled with, such as `1.0`.
    pub releases: Vec<String>,
    /// System images and hash trees, those that are empty as well.
    pub slots: Vec<u32>,
    /// The state.
    pub state: u32,
    /// The state of a system before that one, where it was kept for its `home`.
    pub home: Option<u32>,
    /// Its EFI system partition, where exactly one is labelled as Forge labels it.
    pub esp: Option<u32>,
}

impl Earlier {
    /// The state that has its `home`.
    pub fn home(&self) -> u32 {
        self.home.unwrap_or(self.state)
    }

    fn states(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.state).chain(self.home)
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
    let esps: Vec<_> = of(Role::Esp).collect();
    let all = || seen.iter().map(|(one, _)| one.clone()).collect::<Vec<_>>();
    // An EFI system partition or a state alone can be anybody's.
    if of(Role::RootA).next().is_none() {
        return Err(Issue::NoEarlierSystem { seen: all() });
    }
    // Both slots have the same size; `_empty` is a name that others use as well.
    let alike = |slots: &[&(Seen, u64)]| slots.windows(2).all(|pair| pair[0].1 == pair[1].1);
    let foreign = partitions.iter().any(|one| {
        let is_slot = [Role::RootA, Role::VerityA].map(Role::type_id).map(Some).contains(&one.type_id);
        is_slot && !seen.iter().any(|(known, _)| known.number == one.number)
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
    let release = |label: &str| label.strip_prefix(&format!("{}_", manifest.id)).map(str::to_owned);
    let mut slots: Vec<u32> = roots.iter().chain(&trees).map(|(one, _)| one.number).collect();
    slots.sort_unstable();
    Ok(Earlier {
        releases: of(Role::RootA).filter_map(|(one, _)| release(&one.label)).collect(),
        slots,
        state,
        home,
        esp: match esps.as_slice() {
            [(esp, _)] => Some(esp.number),
            _ => None,
        },
    })
}

/// What a partition looks like; the roles of slot B are for empty ones.
fn seen(found: &Found, manifest: &Manifest) -> Option<Seen> {
    let is = |role: Role| found.type_id == Some(role.type_id());
    let ours = found.label.strip_prefix(&manifest.id).is_some_and(|rest| rest.starts_with('_'));
    let role = match found.label.as_str() {
        "_empty" if is(Role::RootB) => Role::RootB,
        "_empty" if is(Role::VerityB) => Role::VerityB,
        "esp" if is(Role::Esp) => Role::Esp,
        STATE | STATE_BESIDE_HOME if is(Role::State) => Role::State,
        _ if ours && is(Role::RootA) => Role::RootA,
        _ if ours && is(Role::VerityA) => Role::VerityA,
        _ => return None,
    };
    Some(Seen { number: found.number, role, label: found.label.clone() })
}

impl Layout {
    /// Which partitions go when the earlier system is replaced: all but the state that has its `home`, where that is kept,
    /// and its EFI system partition, where anything else is on the disk. A label does not say whose that one is: another
    /// system may have called its own `esp`, or have put its loader into this one.
    pub(super) fn replaced(disk: &Disk, earlier: &Earlier, keep_home: bool) -> Vec<u32> {
        let partitions: &[Found] = match &disk.content {
            Content::Table { partitions, .. } => partitions,
            _ => &[],
        };
        let mut gone = earlier.slots.clone();
        gone.extend(earlier.states().filter(|number| !(keep_home && *number == earlier.home())));
        if let Some(esp) = earlier.esp {
            let own = |n: u32| n == esp || earlier.states().any(|state| state == n) || earlier.slots.contains(&n);
            let alone = partitions.iter().all(|one| own(one.number));
            gone.extend(alone.then_some(esp));
        }
        gone.sort_unstable();
        gone
    }
}
