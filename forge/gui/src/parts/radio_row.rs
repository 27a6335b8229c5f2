//! One of several ways to go: a title, what it means, and a radio button. One that can not be gone says why; it takes the
//! keyboard all the same, so that whoever can not see it hears the reason.

use super::plain::plain;
use relm4::{adw, gtk, gtk::prelude::*};

/// The row.
pub struct RadioRow {
    /// What goes into a list.
    pub row: gtk::ListBoxRow,
    radio: gtk::CheckButton,
}

impl RadioRow {
    /// One that is not chosen. `group` joins it with the other rows.
    pub fn new(title: &str, text: &str, is_possible: bool, group: &gtk::CheckButton) -> Self {
        let row = gtk::ListBoxRow::builder().activatable(is_possible).selectable(false).build();
        let line =
            gtk::Box::builder().spacing(12).margin_top(12).margin_bottom(12).margin_start(12).margin_end(12).build();
        // The row is the one stop of the keyboard: see `disk_row`.
        let radio = gtk::CheckButton::builder().valign(gtk::Align::Start).can_focus(false).can_target(false).build();
        radio.set_accessible_role(gtk::AccessibleRole::Presentation);
        radio.set_group(Some(group));
        let column = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(3).hexpand(true).build();
        let (name, meaning) = (label(title), label(text));
        meaning.add_css_class("caption");
        if is_possible {
            meaning.add_css_class("dimmed");
        }
        column.append(&name);
        column.append(&meaning);
        line.append(&radio);
        line.append(&column);
        row.set_child(Some(&line));
        // What stands against it can be read; the rest steps back.
        radio.set_sensitive(is_possible);
        name.set_sensitive(is_possible);
        row.update_property(&[gtk::accessible::Property::Label(title), gtk::accessible::Property::Description(text)]);
        row.update_state(&[gtk::accessible::State::Disabled(!is_possible)]);
        Self { row, radio }
    }

    /// Shows whether it is chosen.
    pub fn show(&self, is_chosen: bool) {
        self.radio.set_active(is_chosen);
        self.row.update_state(&[gtk::accessible::State::Selected(Some(is_chosen))]);
    }
}

/// A row that says something and does nothing: what is below its title is read with it.
pub fn told(title: &str, text: &str, before: Option<&gtk::Widget>) -> gtk::ListBoxRow {
    let row = gtk::ListBoxRow::builder().activatable(false).selectable(false).build();
    let line = gtk::Box::builder().spacing(12).margin_top(9).margin_bottom(9).margin_start(12).margin_end(12).build();
    let column = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(3).hexpand(true).build();
    column.append(&label(title));
    if !text.is_empty() {
        let text = label(text);
        text.add_css_class("caption");
        text.add_css_class("dimmed");
        column.append(&text);
    }
    before.into_iter().for_each(|before| line.append(before));
    line.append(&column);
    row.set_child(Some(&line));
    row.update_property(&[gtk::accessible::Property::Label(title), gtk::accessible::Property::Description(text)]);
    row
}

fn label(text: &str) -> gtk::Label {
    let label = gtk::Label::builder().label(text).wrap(true).xalign(0.0).build();
    label.set_wrap_mode(gtk::pango::WrapMode::WordChar);
    label
}

/// A radio button that is never shown: those of one group can all be off only when another one is on.
pub fn none() -> gtk::CheckButton {
    let none = gtk::CheckButton::new();
    none.set_active(true);
    none
}

/// A heading above a list of such rows.
pub fn group(description: &str, list: &gtk::ListBox) -> adw::PreferencesGroup {
    let group = super::disk_row::group("", list);
    adw::prelude::PreferencesGroupExt::set_description(&group, Some(&plain(description)));
    group
}
