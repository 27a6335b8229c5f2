//! A question with two answers. Return and Escape give the one that changes nothing.

use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk};

/// What is asked.
pub struct Question {
    /// The question.
    pub heading: String,
    /// What yes would mean.
    pub text: String,
    /// The answer that changes nothing.
    pub no: String,
    /// The one that does it, as the button that asked reads.
    pub yes: String,
    /// Whether it destroys or loses something.
    pub is_destructive: bool,
}

impl Question {
    /// One whose yes loses something.
    pub fn destructive(heading: &str, text: &str, yes: String) -> Self {
        let (heading, text, no) = (heading.to_owned(), text.to_owned(), gettext("_Stay Here"));
        Self { heading, text, no, yes, is_destructive: true }
    }

    /// Whether to restart, where that loses nothing here.
    pub fn restart(text: &str) -> Self {
        Self { is_destructive: false, ..Self::destructive(&gettext("Restart Now?"), text, gettext("_Restart")) }
    }

    /// Asks; what is given is done after a yes.
    pub fn ask(&self, near: &impl IsA<gtk::Widget>, yes: impl Fn() + 'static) -> adw::AlertDialog {
        let dialog = adw::AlertDialog::new(Some(&self.heading), Some(&self.text));
        dialog.add_responses(&[("no", &self.no), ("yes", &self.yes)]);
        let appearance = match self.is_destructive {
            true => adw::ResponseAppearance::Destructive,
            false => adw::ResponseAppearance::Suggested,
        };
        dialog.set_response_appearance("yes", appearance);
        dialog.set_default_response(Some("no"));
        dialog.set_close_response("no");
        dialog.connect_response(Some("yes"), move |_, _| yes());
        dialog.present(Some(near));
        dialog
    }
}
