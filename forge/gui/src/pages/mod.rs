//! The pages: one component each. A page shows a slice of the session and tells what a person did; it decides nothing.
//!
//! | file | its question |
//! |---|---|
//! | [`welcome`] | which language |
//! | [`keyboard`] | which keyboard |
//! | [`timezone`] | which time zone |
//! | [`disk`] | which disk |
//! | [`account`] | who, and which password |
//! | [`secure_boot`] | none: what the machine's own key is, and how its firmware is set |
//! | [`review`] | is this what shall be done |
//! | [`installing`] | none: what is done now |
//! | [`failure`] | again? |
//! | [`done`] | are the credentials in a safe place |
//! | [`guide`] | the pages of the first-boot guide |

pub mod account;
pub mod disk;
pub mod done;
pub mod failure;
pub mod guide;
pub mod installing;
pub mod keyboard;
pub mod review;
pub mod secure_boot;
pub mod timezone;
pub mod welcome;

use crate::{
    keyboard_names::KeyboardNames,
    parts::frame::Frame,
    session::{Change, Page, Session},
};
use relm4::{Component, ComponentController, Controller, Sender, adw};

/// Every page, built once.
pub struct Pages {
    welcome: Controller<welcome::Welcome>,
    keyboard: Controller<keyboard::Keyboard>,
    timezone: Controller<timezone::TimeZone>,
    disk: Controller<disk::Disk>,
    account: Controller<account::Account>,
    secure_boot: Controller<secure_boot::SecureBoot>,
    review: Controller<review::Review>,
    installing: Controller<installing::Installing>,
    failure: Controller<failure::Failure>,
    done: Controller<done::Done>,
}

/// What a page shows, and what else happens to it.
#[derive(Debug)]
pub enum Input<View> {
    /// Show this.
    Show(View),
    /// The primary button was pressed.
    Primary,
}

fn launch<C>(to: &Sender<Change>) -> Controller<C>
where
    C: Component<Init = (), Output = Change, Root = Frame>,
{
    C::builder().launch(()).forward(to, |change| change)
}

impl Pages {
    /// Builds every page; what a person does is told to `to`.
    pub fn new(to: &Sender<Change>) -> Self {
        Self {
            welcome: launch(to),
            keyboard: launch(to),
            timezone: launch(to),
            disk: launch(to),
            account: launch(to),
            secure_boot: launch(to),
            review: launch(to),
            installing: launch(to),
            failure: launch(to),
            done: launch(to),
        }
    }

    /// The frame of a page.
    pub fn frame(&self, page: Page) -> &Frame {
        match page {
            Page::Welcome => self.welcome.widget(),
            Page::Keyboard => self.keyboard.widget(),
            Page::TimeZone => self.timezone.widget(),
            Page::Disk => self.disk.widget(),
            Page::Account => self.account.widget(),
            Page::SecureBoot => self.secure_boot.widget(),
            Page::Review => self.review.widget(),
            Page::Installing => self.installing.widget(),
            Page::Failure => self.failure.widget(),
            Page::Done => self.done.widget(),
        }
    }

    /// What goes into the navigation view.
    pub fn widget(&self, page: Page) -> &adw::NavigationPage {
        &self.frame(page).page
    }

    /// Lets the page that is on screen show the session as it is now.
    pub fn show(&self, session: &Session, names: &KeyboardNames, log: &str) {
        match session.page() {
            Page::Welcome => self.welcome.emit(Input::Show(welcome::View::of(session))),
            Page::Keyboard => self.keyboard.emit(Input::Show(keyboard::View::of(session, names))),
            Page::TimeZone => self.timezone.emit(Input::Show(timezone::View::of(session))),
            Page::Disk => self.disk.emit(Input::Show(disk::View::of(session))),
            Page::Account => self.account.emit(Input::Show(account::View::of(session))),
            Page::SecureBoot => self.secure_boot.emit(Input::Show(secure_boot::View::of(session))),
            Page::Review => self.review.emit(Input::Show(review::View::of(session, names))),
            Page::Installing => self.installing.emit(Input::Show(installing::View::of(session, log))),
            Page::Failure => self.failure.emit(Input::Show(failure::View::of(session, log))),
            Page::Done => self.done.emit(Input::Show(done::View::of(session))),
        }
    }

    /// Presses the primary button of a page, as Enter does.
    pub fn primary(&self, page: Page) {
        use relm4::gtk::prelude::*;
        let button = &self.frame(page).button;
        if button.is_sensitive() && button.is_visible() {
            button.emit_clicked();
        }
    }
}
