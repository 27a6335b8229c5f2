//! The pages of the first-boot guide. A page shows a slice of the guide and tells what a person did; it decides nothing.
//!
//! | file | what it shows |
//! |---|---|
//! | [`state`] | how far the enrollment is, and one button that mends it |
//! | [`code`] | a new code |
//! | [`from_disk`] | how the key is enrolled from the disk, with pictures |
//! | [`turn_on`] | how Secure Boot is turned on |
//! | [`checks`] | every promise of the system, with its evidence |

pub mod checks;
pub mod code;
pub mod from_disk;
pub mod state;
pub mod turn_on;

use crate::{
    guide::{Change, Guide, Step},
    parts::{frame::Frame, question::Question},
};
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk};
use std::rc::Rc;

/// How a page tells what a person did.
pub type Tell = Rc<dyn Fn(Change)>;

/// Every page, built once.
pub struct Pages {
    state: state::State,
    code: code::Code,
    from_disk: from_disk::FromDisk,
    turn_on: turn_on::TurnOn,
    checks: checks::Checks,
}

impl Pages {
    /// Builds every page.
    pub fn new(tell: &Tell) -> Self {
        Self {
            state: state::State::new(tell),
            code: code::Code::new(tell),
            from_disk: from_disk::FromDisk::build(),
            turn_on: turn_on::TurnOn::new(tell),
            checks: checks::Checks::new(tell),
        }
    }

    /// The frame of a page.
    pub fn frame(&self, step: Step) -> &Frame {
        match step {
            Step::State => &self.state.frame,
            Step::Code => &self.code.frame,
            Step::FromDisk => &self.from_disk.frame,
            Step::TurnOn => &self.turn_on.frame,
            Step::Checks => &self.checks.frame,
        }
    }

    /// Lets the pages show the guide as it is now.
    pub fn show(&mut self, guide: &Guide) {
        self.state.show(guide);
        self.code.show(guide);
        self.from_disk.show(guide);
        self.turn_on.show(guide);
        self.checks.show(guide);
    }
}

/// A row with a number, for steps that follow each other.
fn step(number: usize, title: &str, text: &str) -> adw::ActionRow {
    let row = adw::ActionRow::builder().use_markup(false).title(title).subtitle(text).build();
    let badge = gtk::Label::builder().label(number.to_string()).valign(gtk::Align::Center).build();
    badge.add_css_class("step");
    row.add_prefix(&badge);
    row
}

/// A row that leads to something. Where its icon changes, the page brings it.
fn way(title: &str, icon: Option<&str>, tell: &Tell, change: fn() -> Change) -> adw::ActionRow {
    let row = adw::ActionRow::builder().use_markup(false).title(title).activatable(true).build();
    icon.into_iter().for_each(|icon| row.add_prefix(&gtk::Image::from_icon_name(icon)));
    row.add_suffix(&gtk::Image::from_icon_name("go-next-symbolic"));
    let tell = tell.clone();
    row.connect_activated(move |_| tell(change()));
    row
}

/// A button in a list.
fn button(title: &str, icon: &str, tell: &Tell, change: fn() -> Change) -> adw::ButtonRow {
    let row = adw::ButtonRow::builder().title(title).use_underline(true).start_icon_name(icon).build();
    let tell = tell.clone();
    row.connect_activated(move |_| tell(change()));
    row
}

/// A question before the computer restarts: the code is needed right after it.
fn ask_to_restart(near: &adw::NavigationPage, tell: &Tell) {
    let text =
        gettext("Have the code at hand: on paper, in a photo or on another device. Save what is open elsewhere.");
    ask(near, tell, &text);
}

/// The same where no code is needed.
fn ask_to_restart_plainly(near: &adw::NavigationPage, tell: &Tell) {
    ask(near, tell, &gettext("Save what is open elsewhere."));
}

fn ask(near: &adw::NavigationPage, tell: &Tell, text: &str) {
    let tell = tell.clone();
    Question::restart(text).ask(near, move || tell(Change::Restart));
}
