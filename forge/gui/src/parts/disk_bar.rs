//! What is on a disk, in proportion: a bar of segments and, where there is room, what each one is.

use crate::{
    sentences::{size, usage},
    session::before_after::{Piece, What},
};
use forge_model::{
    inventory::{Content, Holding},
    layout::{Role, bars::Fate},
};
use relm4::{adw, adw::prelude::*, gtk};

/// A bar is divided into this many columns.
const COLUMNS: u32 = 60;
/// A segment is never narrower than this many of them.
const NARROWEST: u32 = 2;

/// A part of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// What it is.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// How it is drawn.
    pub kind: Kind,
    /// Whether it is lost.
    pub is_lost: bool,
}

/// How a segment is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Boot files.
    Boot,
    /// The system.
    System,
    /// Room for updates.
    Spare,
    /// A person's files.
    Data,
    /// Something that was there.
    Other,
    /// Something that was there and can not be read.
    Locked,
    /// Nothing.
    Free,
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::System => "system",
            Self::Spare => "spare",
            Self::Data => "data",
            Self::Other => "other",
            Self::Locked => "locked",
            Self::Free => "free",
        }
    }
}

/// What is drawn of a disk.
pub fn segments(pieces: &[Piece]) -> Vec<Segment> {
    pieces.iter().map(segment).collect()
}

/// What is drawn of a part of a disk.
pub fn segment(piece: &Piece) -> Segment {
    let kind = match &piece.what {
        What::Old(found, _) => kind(found.holding.as_ref()),
        What::Everything(content, _) => match &**content {
            Content::Whole { holding } => kind(Some(holding)),
            _ => Kind::Locked,
        },
        What::New(Role::Esp) => Kind::Boot,
        What::New(Role::RootA | Role::VerityA) => Kind::System,
        What::New(Role::RootB | Role::VerityB) => Kind::Spare,
        What::New(Role::State) => Kind::Data,
        What::Free => Kind::Free,
    };
    let is_lost = matches!(piece.what, What::Old(_, Fate::Goes) | What::Everything(_, true));
    Segment { name: usage::name(&piece.what), bytes: piece.size, kind, is_lost }
}

fn kind(holding: Option<&Holding>) -> Kind {
    match holding {
        Some(Holding::FileSystem { .. } | Holding::Swap) => Kind::Other,
        _ => Kind::Locked,
    }
}

/// The bar of a disk alone.
pub fn alone(segments: &[Segment]) -> gtk::Widget {
    bar(segments, &columns(&segments.iter().map(|segment| segment.bytes).collect::<Vec<_>>()))
}

/// A bar whose parts are this wide.
pub fn bar(segments: &[Segment], widths: &[u32]) -> gtk::Widget {
    let grid = gtk::Grid::builder().column_homogeneous(true).hexpand(true).build();
    grid.add_css_class("disk-bar");
    grid.set_overflow(gtk::Overflow::Hidden);
    grid.set_accessible_role(gtk::AccessibleRole::Img);
    let words: Vec<String> = segments.iter().map(|s| format!("{}, {}", s.name, size(s.bytes))).collect();
    grid.update_property(&[gtk::accessible::Property::Label(&words.join("; "))]);
    let mut at = 0;
    for (segment, width) in segments.iter().zip(widths) {
        let part = gtk::Box::builder().hexpand(true).build();
        paint(&part, segment);
        part.set_tooltip_text(Some(&format!("{}, {}", segment.name, size(segment.bytes))));
        grid.attach(&part, at, 0, *width as i32, 1);
        at += *width as i32;
    }
    grid.upcast()
}

/// The bar with what each segment is.
pub fn with_legend(segments: &[Segment], widths: &[u32]) -> gtk::Widget {
    let both = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(9).build();
    both.append(&bar(segments, widths));
    let legend = adw::WrapBox::builder().child_spacing(18).line_spacing(6).build();
    for segment in segments {
        let entry = gtk::Box::builder().spacing(6).build();
        let dot = dot(segment);
        // Large text in a narrow window needs more than a line.
        let name = gtk::Label::builder().label(&segment.name).wrap(true).xalign(0.0).build();
        name.set_wrap_mode(gtk::pango::WrapMode::WordChar);
        let length = gtk::Label::builder().label(size(segment.bytes)).build();
        length.add_css_class("dimmed");
        length.add_css_class("numeric");
        for part in [dot.upcast_ref::<gtk::Widget>(), name.upcast_ref(), length.upcast_ref()] {
            entry.append(part);
        }
        entry.add_css_class("caption");
        legend.append(&entry);
    }
    both.append(&legend);
    both.upcast()
}

/// The colour of a segment, beside its name.
pub fn dot(segment: &Segment) -> gtk::Box {
    let dot = gtk::Box::builder().valign(gtk::Align::Center).build();
    dot.add_css_class("dot");
    paint(&dot, segment);
    dot
}

fn paint(part: &gtk::Box, segment: &Segment) {
    part.add_css_class(segment.kind.class());
    if segment.is_lost {
        part.add_css_class("lost");
    }
}

/// The widths of the same disk's parts before and after: what stays is as wide in both, the rest shares what is left.
pub fn together(before: &[Piece], after: &[Piece]) -> (Vec<u32>, Vec<u32>) {
    let stays = |piece: &Piece| matches!(piece.what, What::Old(_, Fate::Stays)) && after.contains(piece);
    let kept: Vec<&Piece> = before.iter().filter(|piece| stays(piece)).collect();
    let others = |pieces: &[Piece]| -> Vec<u64> {
        pieces.iter().filter(|piece| !kept.contains(piece)).map(|piece| piece.size).collect()
    };
    let (gone, made) = (others(before), others(after));
    let least = NARROWEST * gone.len().max(made.len()) as u32;
    let mut lengths: Vec<u64> = kept.iter().map(|piece| piece.size).collect();
    lengths.push(gone.iter().sum::<u64>().max(made.iter().sum()));
    let leasts: Vec<u32> = kept.iter().map(|_| NARROWEST).chain([least]).collect();
    let mut widths = share(COLUMNS, &lengths, &leasts);
    let rest = widths.pop().unwrap_or_default();
    let of = |pieces: &[Piece], others: &[u64]| {
        let mut rest = share(rest, others, &vec![NARROWEST; others.len()]).into_iter();
        let width = |piece| match kept.iter().position(|other| *other == piece) {
            Some(at) => widths[at],
            None => rest.next().unwrap_or_default(),
        };
        pieces.iter().map(width).collect()
    };
    (of(before, &gone), of(after, &made))
}

/// The widths of the parts of one bar.
fn columns(lengths: &[u64]) -> Vec<u32> {
    share(COLUMNS, lengths, &vec![NARROWEST; lengths.len()])
}

/// How many of these columns each length gets: in proportion, none fewer than its least, all of them together as many as there
/// are, unless they do not suffice.
fn share(columns: u32, lengths: &[u64], least: &[u32]) -> Vec<u32> {
    let total: u128 = lengths.iter().map(|l| u128::from(*l)).sum::<u128>().max(1);
    let fair = |length: &u64| (u128::from(*length) * u128::from(columns) / total) as u32;
    let mut widths: Vec<u32> = lengths.iter().zip(least).map(|(length, least)| fair(length).max(*least)).collect();
    let mut sum: u32 = widths.iter().sum();
    while sum != columns {
        // Who has most beyond the least gives, or takes, the next one.
        let Some((widest, least)) = widths.iter_mut().zip(least).max_by_key(|(width, least)| **width - **least) else {
            break;
        };
        if sum > columns && *widest == *least {
            break;
        }
        if sum > columns {
            *widest -= 1;
            sum -= 1;
        } else {
            *widest += 1;
            sum += 1;
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_model::inventory::Found;

    #[test]
    fn what_stays_is_as_wide_after_as_before_and_everything_is_seen() {
        let old = |number, size: u64, fate| {
            let label = String::new();
            let found =
                Found { number, size, label, type_id: None, holding: None, entry: None, shrinks: None, esp: None };
            Piece { what: What::Old(Box::new(found), fate), size }
        };
        let new = |role, size| Piece { what: What::New(role), size };
        let free = |size| Piece { what: What::Free, size };
        let made = || [new(Role::Esp, 1), new(Role::RootA, 8), new(Role::RootB, 8), new(Role::State, 183)];
        for (before, after) in [
            (
                vec![old(1, 1, Fate::Stays), old(2, 799, Fate::Stays), free(200)],
                [&[old(1, 1, Fate::Stays), old(2, 799, Fate::Stays)][..], &made()].concat(),
            ),
            // Hardly any room, and something that goes.
            (
                vec![old(1, 9_000, Fate::Stays), old(2, 200, Fate::Goes)],
                [&[old(1, 9_000, Fate::Stays)][..], &made()].concat(),
            ),
            (vec![old(1, 200, Fate::Goes)], made().to_vec()),
        ] {
            let (first, second) = together(&before, &after);
            assert_eq!((first.iter().sum::<u32>(), second.iter().sum::<u32>()), (COLUMNS, COLUMNS));
            assert!(first.iter().chain(&second).all(|width| *width >= NARROWEST), "{first:?} {second:?}");
            for (piece, width) in before.iter().zip(&first) {
                if let Some(at) = after.iter().position(|other| other == piece) {
                    assert_eq!(*width, second[at], "{first:?} {second:?}");
                }
            }
        }
    }

    #[test]
    fn the_columns_fill_the_bar_and_the_smallest_part_is_seen() {
        for lengths in [&[1u64, 1_000_000_000][..], &[1, 1, 1], &[5], &[272, 16, 812_000, 900], &[0, 7]] {
            let widths = columns(lengths);
            assert_eq!(widths.iter().sum::<u32>(), COLUMNS, "{lengths:?}");
            assert!(widths.iter().all(|width| *width >= NARROWEST), "{widths:?}");
        }
        assert_eq!(columns(&[1, 3]), [15, 45]);
        // As many as a table can have.
        assert_eq!(columns(&[1; 128]).len(), 128);
    }
}
