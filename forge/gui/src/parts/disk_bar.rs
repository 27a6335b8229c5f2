//! What is on a disk, in proportion: a bar of segments and, where there is room, what each one is.

use crate::sentences::{disks, plan, size};
use forge_model::{
    Layout,
    inventory::{Content, Found, Holding},
    layout::Role,
};
use gettextrs::gettext;
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

/// What is on a disk of this size.
pub fn before(content: &Content, disk: u64) -> Vec<Segment> {
    let whole = |name, kind| vec![Segment { name, bytes: disk, kind }];
    match content {
        Content::Empty => whole(gettext("Empty"), Kind::Free),
        Content::Unknown | Content::Unfinished { .. } => whole(disks::content(content), Kind::Locked),
        Content::Whole { holding } => whole(disks::holding(holding), kind(Some(holding))),
        Content::Table { partitions, .. } => {
            let mut segments: Vec<Segment> = partitions.iter().map(segment).collect();
            let used: u64 = partitions.iter().map(|p| p.size).sum();
            let free = disk.saturating_sub(used);
            // What alignment leaves over is nothing that anybody wants to know of.
            if free > disk / 100 {
                segments.push(Segment { name: gettext("Free"), bytes: free, kind: Kind::Free });
            }
            segments
        }
    }
}

fn segment(found: &Found) -> Segment {
    Segment { name: disks::partition(found), bytes: found.size, kind: kind(found.holding.as_ref()) }
}

fn kind(holding: Option<&Holding>) -> Kind {
    match holding {
        Some(Holding::FileSystem { .. } | Holding::Swap) => Kind::Other,
        _ => Kind::Locked,
    }
}

/// What will be on the disk.
pub fn after(layout: &Layout) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for partition in &layout.partitions {
        let kind = match partition.role {
            Role::Esp => Kind::Boot,
            Role::RootA | Role::VerityA => Kind::System,
            Role::RootB | Role::VerityB => Kind::Spare,
            Role::State => Kind::Data,
        };
        match segments.last_mut() {
            // A system and its hashes are one thing to a person.
            Some(last) if last.kind == kind => last.bytes += partition.size,
            _ => segments.push(Segment { name: plan::role(partition.role), bytes: partition.size, kind }),
        }
    }
    segments
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
        part.add_css_class(segment.kind.class());
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
        let dot = gtk::Box::builder().valign(gtk::Align::Center).build();
        dot.add_css_class("dot");
        dot.add_css_class(segment.kind.class());
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
