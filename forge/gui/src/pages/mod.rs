//! The pages: one component each. A page shows a slice of the session and tells what a person did; it decides nothing.
//!
//! | file | its question |
//! |---|---|
//! | [`welcome`] | which language |
//! | [`keyboard`] | which keyboard |
//! | [`timezone`] | which time zone |
//! | [`disk`] | which disk |
//! | [`disk_use`] | which part of it, where there is something on it |
//! | [`encryption`] | shall everything that may change be encrypted |
//! | [`recovery_key`] | is the recovery key in a safe place; only where it is encrypted |
//! | [`account`] | who, and which password |
//! | [`firmware`] | which proprietary firmware, where a device wants some |
//! | [`secure_boot`] | none: what the machine's own key is, and how its firmware is set |
//! | [`review`] | is this what shall be done |
//! | [`installing`] | none: what is done now |
//! | [`failure`] | again? |
//! | [`done`] | are the credentials in a safe place |
//! | [`guide`] | the pages of the first-boot guide |

pub mod account;
pub mod disk;
pub mod disk_use;
pub mod done;
pub mod encryption;
pub mod failure;
pub mod firmware;
pub mod guide;
pub mod installing;
pub mod keyboard;
pub mod recovery_key;
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
use std::cell::OnceCell;

/// Every page, built when it is first looked at: before that, the first one is on screen.
pub struct Pages {
    tell: Sender<Change>,
    welcome: Later<welcome::Welcome>,
    keyboard: Later<keyboard::Keyboard>,
    timezone: Later<timezone::TimeZone>,
    disk: Later<disk::Disk>,
    disk_use: Later<disk_use::DiskUse>,
    encryption: Later<encryption::Encryption>,
    recovery_key: Later<recovery_key::RecoveryKey>,
    account: Later<account::Account>,
    firmware: Later<firmware::Firmware>,
    secure_boot: Later<secure_boot::SecureBoot>,
    review: Later<review::Review>,
    installing: Later<installing::Installing>,
    failure: Later<failure::Failure>,
    done: Later<done::Done>,
}

/// What a page shows, and what else happens to it.
#[derive(Debug)]
pub enum Input<View> {
    /// Show this.
    Show(View),
    /// The primary button was pressed.
    Primary,
}

/// A page that may not be built yet.
type Later<C> = OnceCell<Controller<C>>;

impl Pages {
    /// Builds none yet; what a person does on one is told to `tell`.
    pub fn new(tell: Sender<Change>) -> Self {
        Self {
            tell,
            welcome: OnceCell::new(),
            keyboard: OnceCell::new(),
            timezone: OnceCell::new(),
            disk: OnceCell::new(),
            disk_use: OnceCell::new(),
            encryption: OnceCell::new(),
            recovery_key: OnceCell::new(),
            account: OnceCell::new(),
            firmware: OnceCell::new(),
            secure_boot: OnceCell::new(),
            review: OnceCell::new(),
            installing: OnceCell::new(),
            failure: OnceCell::new(),
            done: OnceCell::new(),
        }
    }

    fn built<'a, C>(&self, page: &'a Later<C>) -> &'a Controller<C>
    where
        C: Component<Init = (), Output = Change, Root = Frame>,
    {
        page.get_or_init(|| C::builder().launch(()).forward(&self.tell, |change| change))
    }

    /// The frame of a page.
    pub fn frame(&self, page: Page) -> &Frame {
        match page {
            Page::Welcome => self.built(&self.welcome).widget(),
            Page::Keyboard => self.built(&self.keyboard).widget(),
            Page::TimeZone => self.built(&self.timezone).widget(),
            Page::Disk => self.built(&self.disk).widget(),
            Page::DiskUse => self.built(&self.disk_use).widget(),
            Page::Encryption => self.built(&self.encryption).widget(),
            Page::RecoveryKey => self.built(&self.recovery_key).widget(),
            Page::Account => self.built(&self.account).widget(),
            Page::Firmware => self.built(&self.firmware).widget(),
            Page::SecureBoot => self.built(&self.secure_boot).widget(),
            Page::Review => self.built(&self.review).widget(),
            Page::Installing => self.built(&self.installing).widget(),
            Page::Failure => self.built(&self.failure).widget(),
            Page::Done => self.built(&self.done).widget(),
        }
    }

    /// What goes into the navigation view.
    pub fn widget(&self, page: Page) -> &adw::NavigationPage {
        &self.frame(page).page
    }

    /// Lets the page that is on screen show the session as it is now.
    pub fn show(&self, session: &Session, names: &KeyboardNames, log: &str) {
        match session.page() {
            Page::Welcome => self.built(&self.welcome).emit(Input::Show(welcome::View::of(session))),
            Page::Keyboard => self.built(&self.keyboard).emit(Input::Show(keyboard::View::of(session, names))),
            Page::TimeZone => self.built(&self.timezone).emit(Input::Show(timezone::View::of(session))),
            Page::Disk => self.built(&self.disk).emit(Input::Show(disk::View::of(session))),
            Page::DiskUse => self.built(&self.disk_use).emit(Input::Show(disk_use::View::of(session))),
            Page::Encryption => self.built(&self.encryption).emit(Input::Show(encryption::View::of(session, names))),
            Page::RecoveryKey => self.built(&self.recovery_key).emit(Input::Show(recovery_key::View::of(session))),
            Page::Account => self.built(&self.account).emit(Input::Show(account::View::of(session))),
            Page::Firmware => self.built(&self.firmware).emit(Input::Show(firmware::View::of(session))),
            Page::SecureBoot => self.built(&self.secure_boot).emit(Input::Show(secure_boot::View::of(session))),
            Page::Review => self.built(&self.review).emit(Input::Show(review::View::of(session, names))),
            Page::Installing => self.built(&self.installing).emit(Input::Show(installing::View::of(session, log))),
            Page::Failure => self.built(&self.failure).emit(Input::Show(failure::View::of(session, log))),
            Page::Done => self.built(&self.done).emit(Input::Show(done::View::of(session))),
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
