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

/// The bar alone.
pub fn bar(segments: &[Segment]) -> gtk::Widget {
    let grid = gtk::Grid::builder().column_homogeneous(true).hexpand(true).build();
    grid.add_css_class("disk-bar");
    grid.set_overflow(gtk::Overflow::Hidden);
    grid.set_accessible_role(gtk::AccessibleRole::Img);
    let words: Vec<String> = segments.iter().map(|s| format!("{}, {}", s.name, size(s.bytes))).collect();
    grid.update_property(&[gtk::accessible::Property::Label(&words.join("; "))]);
    let widths = columns(&segments.iter().map(|s| s.bytes).collect::<Vec<_>>());
    let mut at = 0;
    for (segment, width) in segments.iter().zip(widths) {
        let part = gtk::Box::builder().hexpand(true).build();
        paint(&part, segment);
        part.set_tooltip_text(Some(&format!("{}, {}", segment.name, size(segment.bytes))));
        grid.attach(&part, at, 0, width as i32, 1);
        at += width as i32;
    }
    grid.upcast()
}

/// The bar with what each segment is.
pub fn with_legend(segments: &[Segment]) -> gtk::Widget {
    let both = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(9).build();
    both.append(&bar(segments));
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

/// How many columns each length gets: in proportion, none too narrow to be seen, all of them together the whole bar.
fn columns(lengths: &[u64]) -> Vec<u32> {
    let total: u128 = lengths.iter().map(|l| u128::from(*l)).sum::<u128>().max(1);
    let share = |length: &u64| (u128::from(*length) * u128::from(COLUMNS) / total) as u32;
    let mut widths: Vec<u32> = lengths.iter().map(|length| share(length).max(NARROWEST)).collect();
    let mut sum: u32 = widths.iter().sum();
    while sum != COLUMNS {
        let Some(widest) = widths.iter_mut().max() else { break };
        // More segments than fit keep their least width.
        if sum > COLUMNS && *widest <= NARROWEST {
            break;
        }
        if sum > COLUMNS {
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
