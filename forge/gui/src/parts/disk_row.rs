//! A disk to choose: name, what is on it, a bar; or why it can not be taken.

use super::disk_bar;
use crate::{
    sentences::{disks, issues, size},
    session::{BeforeAfter, disks::Shown},
};
use forge_model::Issue;
use relm4::{adw, gtk, gtk::prelude::*};

/// The row of a disk. `group` joins its radio button with those of the other rows.
pub fn row(shown: &Shown, group: Option<&gtk::CheckButton>) -> (gtk::ListBoxRow, Option<gtk::CheckButton>) {
    let (disk, is_free) = (&shown.disk, shown.against.is_none());
    let row = gtk::ListBoxRow::builder().activatable(is_free).selectable(false).build();
    let line = gtk::Box::builder().spacing(12).margin_top(12).margin_bottom(12).margin_start(12).margin_end(12).build();
    let radio = is_free.then(|| {
        // The row is the one stop of the keyboard; it passes everything on. A radio button of a group takes Tab even where
        // it is not focusable, and then keeps it: can_focus is what it heeds.
        let radio = gtk::CheckButton::builder().valign(gtk::Align::Center).can_focus(false).can_target(false).build();
        radio.set_accessible_role(gtk::AccessibleRole::Presentation);
        radio.set_group(group);
        line.append(&radio);
        radio
    });
    let icon = gtk::Image::builder().icon_name(disks::icon(disk)).valign(gtk::Align::Start).build();
    icon.set_margin_top(2);
    line.append(&icon);

    let column = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(3).hexpand(true).build();
    let heading = gtk::Box::builder().spacing(12).build();
    let name = label(&disks::name(disk));
    name.set_hexpand(true);
    let length = label(&size(disk.size));
    length.add_css_class("numeric");
    length.set_wrap(false);
    length.set_valign(gtk::Align::Start);
    heading.append(&name);
    heading.append(&length);
    column.append(&heading);

    let words = match &shown.against {
        Some(Issue::NotFree { obstacle, .. }) => disks::obstacle(obstacle),
        Some(issue) => issues::issue(issue),
        None => disks::content(&disk.content),
    };
    let what = label(&words);
    what.add_css_class("caption");
    if is_free {
        what.add_css_class("dimmed");
    }
    column.append(&what);
    let bar = disk_bar::alone(&disk_bar::segments(&BeforeAfter::of(disk, None).before));
    bar.set_margin_top(6);
    column.append(&bar);
    line.append(&column);
    row.set_child(Some(&line));
    // What stands against it can be read; the rest steps back.
    for part in [heading.upcast_ref::<gtk::Widget>(), icon.upcast_ref(), &bar] {
        part.set_sensitive(is_free);
    }
    row.update_property(&[
        gtk::accessible::Property::Label(&disks::name_and_size(disk)),
        gtk::accessible::Property::Description(&words),
    ]);
    (row, radio)
}

/// A list for such rows.
pub fn list() -> gtk::ListBox {
    let list = gtk::ListBox::builder().selection_mode(gtk::SelectionMode::None).build();
    list.add_css_class("boxed-list");
    list
}

/// A list below a heading, as a group of settings.
pub fn group(title: &str, list: &gtk::ListBox) -> adw::PreferencesGroup {
    use adw::prelude::*;
    let group = adw::PreferencesGroup::builder().title(title).build();
    group.add(list);
    group
}

fn label(text: &str) -> gtk::Label {
    gtk::Label::builder().label(text).wrap(true).wrap_mode(gtk::pango::WrapMode::WordChar).xalign(0.0).build()
}
