//! A switch that tells what a person did with it, and nothing of what the program shows in it: else an older view that comes
//! in between would turn back what was chosen.

use relm4::adw;
use std::{cell::Cell, rc::Rc};

/// The row.
#[derive(Clone)]
pub struct Switch {
    /// What goes into a group.
    pub row: adw::SwitchRow,
    shows: Rc<Cell<bool>>,
}

impl Switch {
    /// One that is off. `tell` is told whenever a person turns it.
    pub fn new(title: &str, subtitle: &str, tell: impl Fn(bool) + 'static) -> Self {
        let row = adw::SwitchRow::builder().use_markup(false).title(title).subtitle(subtitle).build();
        let shows = Rc::new(Cell::new(false));
        let is_shown = shows.clone();
        row.connect_active_notify(move |row| {
            if !is_shown.get() {
                tell(row.is_active());
            }
        });
        Self { row, shows }
    }

    /// Shows what the session has.
    pub fn show(&self, is_on: bool) {
        self.shows.set(true);
        self.row.set_active(is_on);
        self.shows.set(false);
    }
}
