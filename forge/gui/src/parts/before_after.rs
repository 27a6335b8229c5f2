//! A disk before and after: two bars, and each part with what becomes of it, for whoever does not see them.

use super::{disk_bar, radio_row};
use crate::{
    sentences::usage,
    session::before_after::{BeforeAfter, Piece},
};
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk};

/// The bars, and the list.
pub struct View {
    /// The bars.
    pub bars: gtk::Box,
    /// The list, with its heading.
    pub list: adw::PreferencesGroup,
    parts: gtk::ListBox,
    shown: BeforeAfter,
}

impl Default for View {
    fn default() -> Self {
        let bars = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(9).build();
        let parts = super::disk_row::list();
        let list = super::disk_row::group("", &parts);
        Self { list, bars, parts, shown: BeforeAfter::default() }
    }
}

impl View {
    /// Shows it. Rows whose words stay are left as they are, so that the keyboard stays, too.
    pub fn show(&mut self, shown: &BeforeAfter) {
        if self.shown == *shown {
            return;
        }
        while let Some(child) = self.bars.first_child() {
            self.bars.remove(&child);
        }
        bars(&self.bars, shown, false);
        let at = self.focused();
        self.parts.remove_all();
        for piece in shown.parts() {
            self.parts.append(&row(&piece, !shown.after.is_empty()));
        }
        self.list.set_visible(!shown.before.is_empty());
        let title = match shown.after.is_empty() {
            true => gettext("What Is on the Disk"),
            false => gettext("What Becomes of Each Part"),
        };
        self.list.set_title(&title);
        self.parts.update_property(&[gtk::accessible::Property::Label(&title)]);
        if let Some(row) = at.and_then(|at| self.parts.row_at_index(at)) {
            row.grab_focus();
        }
        self.shown = shown.clone();
    }

    fn focused(&self) -> Option<i32> {
        let rows = (0..).map_while(|index| self.parts.row_at_index(index));
        rows.into_iter().find(|row| row.has_focus()).map(|row| row.index())
    }
}

/// Puts both bars into a box, with what each segment is if nothing else says it.
pub fn bars(into: &gtk::Box, shown: &BeforeAfter, with_legend: bool) {
    let (before, after) = disk_bar::together(&shown.before, &shown.after);
    for (title, pieces, widths) in [
        // Translators: what is on the disk now, and what will be.
        (gettext("Before"), &shown.before, before),
        (gettext("After"), &shown.after, after),
    ] {
        if pieces.is_empty() {
            continue;
        }
        let heading = gtk::Label::builder().label(title).xalign(0.0).margin_top(6).build();
        heading.add_css_class("heading");
        into.append(&heading);
        let segments = disk_bar::segments(pieces);
        match with_legend {
            true => into.append(&disk_bar::with_legend(&segments, &widths)),
            false => into.append(&disk_bar::bar(&segments, &widths)),
        }
    }
}

/// A part of the disk: the colour that it has in the bars, its name, its size, and what becomes of it once that is decided.
fn row(piece: &Piece, is_decided: bool) -> gtk::ListBoxRow {
    let fate = if is_decided { usage::fate(&piece.what) } else { String::new() };
    let dot = disk_bar::dot(&disk_bar::segment(piece));
    radio_row::told(&usage::name_and_size(piece), &fate, Some(dot.upcast_ref()))
}
