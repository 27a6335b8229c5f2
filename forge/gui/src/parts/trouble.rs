//! What stands on a page where something did not work: what happened, and a way to try again.

use super::{
    frame::{announce, status},
    plain::plain,
};
use crate::sentences::errors::Told;
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk};

/// The picture, the sentence and the button.
pub struct Trouble {
    /// What goes onto the page.
    pub root: adw::StatusPage,
    /// "Try Again".
    pub again: gtk::Button,
}

impl Trouble {
    /// Builds it; nothing is to be seen before there is something to tell.
    pub fn new(try_again: impl Fn() + 'static) -> Self {
        let again = gtk::Button::builder().label(gettext("_Try Again")).use_underline(true).build();
        again.set_halign(gtk::Align::Center);
        again.add_css_class("pill");
        again.connect_clicked(move |_| try_again());
        let root = status("dialog-warning-symbolic", Some(&again));
        root.set_visible(false);
        root.add_css_class("compact");
        Self { root, again }
    }

    /// Shows what happened, or nothing; what is new is said to a screen reader at `near`.
    pub fn show(&self, told: Option<&Told>, near: &gtk::Box) {
        self.root.set_visible(told.is_some());
        let Some(told) = told else { return };
        if self.root.title() != told.title {
            announce(near, &told.text);
        }
        self.root.set_title(&told.title);
        self.root.set_description(Some(&plain(&told.text)));
        self.root.set_tooltip_text(Some(&told.details));
    }
}
