//! What a way to install does to each part of a disk: the model's bars, with what each part is. The pages draw it as bars and
//! say it as a list.

use forge_model::{
    Disk, Layout, Plan,
    inventory::{Content, Found, Transport},
    layout::{
        Role,
        bars::{self, Fate, Segment},
    },
};

/// A stretch of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub what: What,
    /// Its length in bytes.
    pub size: u64,
}

/// What a stretch of a disk is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A partition that is there, with what becomes of it.
    Old(Box<Found>, Fate),
    /// Something else that fills the disk; whether it is lost.
    Everything(Box<Content>, bool),
    /// A partition that is made. Slot and hash tree are one thing to a person.
    New(Role),
    /// Room that no partition has.
    Free,
}

/// A disk before and after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BeforeAfter {
    /// What is there now, in order.
    pub before: Vec<Piece>,
    /// What will be there, in order; nothing as long as nothing is decided.
    pub after: Vec<Piece>,
}

impl BeforeAfter {
    /// What a layout makes of a disk; without one, nothing is decided.
    pub fn of(disk: &Disk, layout: Option<&Layout>) -> Self {
        let pieces = |segments| pieces(disk, layout, segments);
        let before = match &disk.content {
            // To a person this is something, even if nobody can miss it.
            Content::Unfinished { .. } => vec![everything(disk, layout)],
            _ => pieces(bars::before(disk, layout)),
        };
        Self { before, after: layout.map(|layout| pieces(bars::after(disk, layout))).unwrap_or_default() }
    }

    /// What a plan makes of its disk: exactly what is confirmed, and not what the disk may have become meanwhile.
    pub fn of_plan(plan: &Plan) -> Self {
        Self::of(&disk_of(plan), Some(&plan.layout))
    }

    /// Every part once: what was there with what becomes of it, then what is made. Room is no part.
    pub fn parts(&self) -> Vec<Piece> {
        let mut parts: Vec<Piece> = self.before.iter().filter(|piece| piece.what != What::Free).cloned().collect();
        for piece in self.after.iter().filter(|piece| matches!(piece.what, What::New(_))) {
            match parts.iter_mut().find(|part| part.what == piece.what) {
                Some(part) => part.size += piece.size,
                None => parts.push(piece.clone()),
            }
        }
        parts
    }

    /// What is lost.
    pub fn lost(&self) -> impl Iterator<Item = &Piece> {
        self.before.iter().filter(|piece| matches!(piece.what, What::Old(_, Fate::Goes) | What::Everything(_, true)))
    }

    /// What is made smaller.
    pub fn smaller(&self) -> impl Iterator<Item = &Piece> {
        self.before.iter().filter(|piece| matches!(piece.what, What::Old(_, Fate::Shrinks { .. })))
    }

    /// The partitions that stay.
    pub fn kept(&self) -> impl Iterator<Item = &Piece> {
        self.before.iter().filter(|piece| matches!(&piece.what, What::Old(_, fate) if *fate != Fate::Goes))
    }
}

/// The disk of a plan as it is before.
fn disk_of(plan: &Plan) -> Disk {
    let target = &plan.target;
    let content = match &plan.layout.beside {
        None => plan.erased.clone(),
        Some(beside) => {
            let mut partitions: Vec<Found> = beside.kept.iter().chain(&beside.removed).cloned().collect();
            for shrunk in &beside.shrunk {
                let it = partitions.iter_mut().find(|found| found.number == shrunk.number);
                it.into_iter().for_each(|found| found.size = shrunk.before);
            }
            partitions.sort_by_key(|found| found.number);
            Content::Table { table: "gpt".into(), partitions, gpt: None }
        }
    };
    Disk {
        identity: target.identity.clone(),
        model: target.model.clone(),
        kind: target.kind,
        transport: Transport::Other,
        rotational: false,
        removable: false,
        size: target.size,
        sector_size: target.sector_size,
        content,
        obstacles: Vec::new(),
    }
}

fn everything(disk: &Disk, layout: Option<&Layout>) -> Piece {
    let is_lost = layout.is_some_and(|layout| layout.beside.is_none());
    Piece { what: What::Everything(Box::new(disk.content.clone()), is_lost), size: disk.size }
}

fn pieces(disk: &Disk, layout: Option<&Layout>, segments: Vec<Segment>) -> Vec<Piece> {
    let partitions = match &disk.content {
        Content::Table { partitions, .. } => partitions.as_slice(),
        _ => &[],
    };
    let mut pieces: Vec<Piece> = Vec::new();
    for Segment { size, what, .. } in segments {
        let what = match what {
            // What alignment leaves over is nothing that anybody wants to know of.
            bars::What::Free if size <= disk.size / 100 => continue,
            bars::What::Free => What::Free,
            bars::What::Unpartitioned => everything(disk, layout).what,
            bars::What::New { role, .. } => What::New(group(role)),
            bars::What::Old { number, fate } => match partitions.iter().find(|found| found.number == number) {
                Some(found) => What::Old(Box::new(found.without_sizes()), fate),
                None => continue,
            },
        };
        match pieces.last_mut() {
            Some(last) if last.what == what => last.size += size,
            _ => pieces.push(Piece { what, size }),
        }
    }
    pieces
}

fn group(role: Role) -> Role {
    match role {
        Role::VerityA => Role::RootA,
        Role::VerityB => Role::RootB,
        other => other,
    }
}
