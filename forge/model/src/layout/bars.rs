//! A disk as a bar, before and after: the same for the window and the terminal.

use super::{Layout, Role};
use crate::{
    Disk, Plan,
    inventory::{Content, Found},
};

/// A piece of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its first byte.
    pub offset: u64,
    /// Its length in bytes.
    pub size: u64,
    /// What it is.
    pub what: What,
}

/// What a piece of a disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Room that no partition has, the tables at both ends as well.
    Free,
    /// Something that is not in a partition: a file system on the whole disk, or what nobody can name. It is lost.
    Unpartitioned,
    /// A partition that is there.
    Old {
        /// Its number.
        number: u32,
        /// What becomes of it.
        fate: Fate,
    },
    /// A partition that is made.
    New {
        /// Its number.
        number: u32,
        /// What it is for.
        role: Role,
    },
}

/// What becomes of a partition that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Stays,
    /// It is lost.
    Goes,
    /// It stays and is made smaller.
    Shrinks {
        /// Its length in bytes before.
        before: u64,
        /// And after.
        after: u64,
    },
    /// It is an EFI system partition to which files are added; what is in it stays.
    Shared,
    /// It stays, and its `home` is the new system's `/home`.
    Home,
}

/// The disk as it is, in order of offset, without gaps between segments. Without a layout, everything stays.
pub fn before(disk: &Disk, layout: Option<&Layout>) -> Vec<Segment> {
    old(disk.size, &disk.content, layout)
}

/// The disk of a plan as it is, and as it will be. What a plan for a whole disk says of what is there has no offsets:
/// partitions lie side by side then.
pub fn planned(plan: &Plan) -> (Vec<Segment>, Vec<Segment>) {
    let (size, layout) = (plan.target.size, &plan.layout);
    let content = match &layout.beside {
        None => plan.erased.clone(),
        Some(beside) => Content::Table { table: "gpt".into(), partitions: beside.found(), gpt: None },
    };
    (old(size, &content, Some(layout)), new(size, layout))
}

fn old(size: u64, content: &Content, layout: Option<&Layout>) -> Vec<Segment> {
    let partitions = match content {
        Content::Table { partitions, .. } => partitions,
        Content::Empty | Content::Unfinished { .. } => return vec![free(0, size)],
        Content::Whole { .. } | Content::Unknown => {
            return vec![Segment { what: What::Unpartitioned, ..free(0, size) }];
        }
    };
    let old = |(one, offset): (&Found, u64)| Segment {
        offset,
        size: one.size,
        what: What::Old { number: one.number, fate: fate(one.number, one.size, layout) },
    };
    filled(size, placed(partitions).into_iter().map(old).collect())
}

/// The disk as it will be, in order of offset, without gaps between segments.
pub fn after(disk: &Disk, layout: &Layout) -> Vec<Segment> {
    new(disk.size, layout)
}

fn new(size: u64, layout: &Layout) -> Vec<Segment> {
    let own = layout.partitions.iter().filter(|one| !one.shared).map(|one| Segment {
        offset: one.offset,
        size: one.size,
        what: What::New { number: one.number, role: one.role },
    });
    let kept = layout.beside.iter().flat_map(|beside| &beside.kept).filter_map(|one| {
        let offset = one.entry?.offset;
        let fate = fate(one.number, one.size, Some(layout));
        Some(Segment { offset, size: one.size, what: What::Old { number: one.number, fate } })
    });
    filled(size, own.chain(kept).collect())
}

fn free(offset: u64, size: u64) -> Segment {
    Segment { offset, size, what: What::Free }
}

/// What becomes of a partition.
fn fate(number: u32, size: u64, layout: Option<&Layout>) -> Fate {
    let Some(layout) = layout else { return Fate::Stays };
    let Some(beside) = &layout.beside else { return Fate::Goes };
    if beside.removed.iter().any(|one| one.number == number) {
        return Fate::Goes;
    }
    if let Some(shrunk) = beside.shrunk.iter().find(|one| one.number == number) {
        let after = beside.kept.iter().find(|one| one.number == number).map_or(size, |one| one.size);
        return Fate::Shrinks { before: shrunk.before, after };
    }
    let shared = layout.partitions.iter().any(|one| one.shared && one.number == number);
    match (shared, beside.home == Some(number)) {
        (true, _) => Fate::Shared,
        (_, true) => Fate::Home,
        _ => Fate::Stays,
    }
}

/// Each partition with its first byte: where that was not read, one lies behind the other in order of their numbers.
fn placed(partitions: &[Found]) -> Vec<(&Found, u64)> {
    let mut next = 0_u64;
    let known = partitions.iter().all(|one| one.entry.is_some());
    let offset = |one: &Found| match one.entry.filter(|_| known) {
        Some(entry) => entry.offset,
        None => {
            let offset = next;
            next = next.saturating_add(one.size);
            offset
        }
    };
    let offsets: Vec<u64> = partitions.iter().map(offset).collect();
    partitions.iter().zip(offsets).collect()
}

/// The same segments in order, cut to the disk, with the free room between them.
fn filled(end: u64, mut segments: Vec<Segment>) -> Vec<Segment> {
    segments.sort_by_key(|one| one.offset);
    let (mut filled, mut at) = (Vec::new(), 0);
    for mut one in segments {
        // What a table claims need not be true.
        let stop = one.offset.saturating_add(one.size).min(end);
        one.offset = one.offset.max(at);
        if one.offset >= stop {
            continue;
        }
        one.size = stop - one.offset;
        if at < one.offset {
            filled.push(free(at, one.offset - at));
        }
        filled.push(one);
        at = stop;
    }
    if at < end {
        filled.push(free(at, end - at));
    }
    filled
}
