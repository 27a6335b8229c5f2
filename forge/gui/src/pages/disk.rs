//! Which disk: those that can be taken, and below them the others with what stands against each.

use super::Input;
use crate::{
    parts::{
        disk_row,
        frame::{Frame, status},
    },
    sentences::{disks::facts, plan},
    session::{Change, Page, Session, disks::Shown},
};
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};
use std::{cell::RefCell, rc::Rc};

/// The page.
pub struct Disk {
    view: View,
    drawn: Vec<Shown>,
}

/// What it shows.
#[derive(Debug, Clone, Default)]
pub struct View {
    disks: Vec<Shown>,
    chosen: Option<String>,
    consequence: String,
    may_go_on: bool,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session) -> Self {
        Self {
            disks: session.shown_disks(),
            chosen: session.disk().map(|disk| disk.identity.path.clone()),
            consequence: session.disk().map(|disk| plan::consequence(disk, session.asks_for_use())).unwrap_or_default(),
            may_go_on: session.may_go_on(),
        }
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    free: gtk::ListBox,
    free_group: adw::PreferencesGroup,
    taken: gtk::ListBox,
    taken_group: adw::PreferencesGroup,
    nothing: adw::StatusPage,
    details: adw::ExpanderRow,
    detail_rows: Vec<adw::ActionRow>,
    rows: Rc<RefCell<Vec<(String, gtk::ListBoxRow, gtk::CheckButton)>>>,
}

impl SimpleComponent for Disk {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        Frame::new(Page::Disk, &gettext("Disk"), &gettext("_Next"))
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let free = disk_row::list();
        let free_group = disk_row::group("", &free);
        free_group.set_description(Some(&gettext("Where to install? Nothing is written before the last page.")));
        let taken = disk_row::list();
        let taken_group = disk_row::group(&gettext("Cannot Be Used Now"), &taken);
        let nothing = status("drive-harddisk-symbolic", None);
        nothing.set_title(&gettext("No Disk to Install On"));
        nothing.set_description(Some(&gettext("Connect a disk: it shows up here by itself.")));
        nothing.add_css_class("compact");
        frame.body.append(&nothing);
        frame.body.append(&free_group);
        let details = adw::ExpanderRow::builder().use_markup(false).title(gettext("Details")).visible(false).build();
        let details_group = adw::PreferencesGroup::new();
        details_group.add(&details);
        frame.body.append(&details_group);
        frame.body.append(&taken_group);
        let rows: Rc<RefCell<Vec<(String, gtk::ListBoxRow, gtk::CheckButton)>>> = Rc::default();
        let (tell, known) = (sender.clone(), rows.clone());
        free.connect_row_activated(move |_, row| {
            let path = known.borrow().iter().find(|(_, known, _)| known == row).map(|(path, ..)| path.clone());
            if let Some(path) = path {
                let _ = tell.output(Change::Disk(path));
            }
        });
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let widgets =
            Widgets { frame, free, free_group, taken, taken_group, nothing, details, detail_rows: vec![], rows };
        ComponentParts { model: Self { view: View::default(), drawn: vec![] }, widgets }
    }

    fn update(&mut self, input: Self::Input, sender: ComponentSender<Self>) {
        match input {
            Input::Show(view) => {
                self.drawn = std::mem::replace(&mut self.view, view).disks;
            }
            Input::Primary => {
                self.drawn = self.view.disks.clone();
                let _ = sender.output(Change::Next);
            }
        }
    }

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        let view = &self.view;
        if self.drawn != view.disks {
            draw(widgets, &view.disks);
        }
        for (path, row, radio) in widgets.rows.borrow().iter() {
            let is_chosen = view.chosen.as_ref() == Some(path);
            radio.set_active(is_chosen);
            row.update_state(&[gtk::accessible::State::Selected(Some(is_chosen))]);
        }
        let mut disks = view.disks.iter().map(|shown| &shown.disk);
        show_details(widgets, disks.find(|disk| view.chosen.as_ref() == Some(&disk.identity.path)));
        widgets.frame.set_note(&view.consequence);
        widgets.frame.button.set_sensitive(view.may_go_on);
    }
}

/// Everything that is known of the chosen disk, for whoever wants to be sure that it is the one.
fn show_details(widgets: &mut Widgets, disk: Option<&forge_model::Disk>) {
    widgets.details.set_visible(disk.is_some());
    let facts = disk.map(facts).unwrap_or_default();
    let shown =
        widgets.detail_rows.iter().map(|row| (row.title().to_string(), row.subtitle().unwrap_or_default().into()));
    if shown.eq(facts.iter().cloned()) {
        return;
    }
    for row in widgets.detail_rows.drain(..) {
        widgets.details.remove(&row);
    }
    for (name, value) in facts {
        let row =
            adw::ActionRow::builder().use_markup(false).title(name).subtitle(value).subtitle_selectable(true).build();
        row.add_css_class("property");
        widgets.details.add_row(&row);
        widgets.detail_rows.push(row);
    }
}

fn draw(widgets: &Widgets, disks: &[Shown]) {
    let at = widgets.rows.borrow().iter().find(|(_, row, _)| row.has_focus()).map(|(path, ..)| path.clone());
    widgets.free.remove_all();
    widgets.taken.remove_all();
    let mut rows = Vec::new();
    // Radio buttons of one group can all be off only when one that is never shown is on.
    let none = gtk::CheckButton::new();
    none.set_active(true);
    for shown in disks {
        match disk_row::row(shown, Some(&none)) {
            (row, Some(radio)) => {
                widgets.free.append(&row);
                rows.push((shown.disk.identity.path.clone(), row, radio));
            }
            (row, None) => widgets.taken.append(&row),
        }
    }
    widgets.free_group.set_visible(!rows.is_empty());
    widgets.nothing.set_visible(rows.is_empty());
    widgets.taken_group.set_visible(rows.len() < disks.len());
    // The keyboard stays where it was, and does not go on to the way back because its row was drawn anew.
    if let Some(row) = at.and_then(|at| rows.iter().find(|(path, ..)| *path == at).or(rows.first())) {
        row.1.grab_focus();
    }
    *widgets.rows.borrow_mut() = rows;
}
