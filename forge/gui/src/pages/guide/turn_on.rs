//! How Secure Boot is turned on.

use super::{Tell, step};
use crate::{
    guide::{Guide, Step},
    parts::frame::Frame,
    sentences::machine,
};
use forge_model::Machine;
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*};

/// The page.
pub struct TurnOn {
    /// Its frame.
    pub frame: Frame,
    steps: adw::Bin,
    shown: Option<Machine>,
}

impl TurnOn {
    /// Builds it.
    pub fn new(tell: &Tell) -> Self {
        let frame = Frame::tagged(Step::TurnOn.tag(), &gettext("Turn Secure Boot On"), &gettext("_Restart…"));
        frame.say(&gettext(
            "Only the firmware can turn Secure Boot on. Its menus differ from one computer to another; the words are mostly \
             these.",
        ));
        let steps = adw::Bin::new();
        frame.body.append(&steps);
        let after =
            frame.say(&gettext("If the computer does not start then, turn Secure Boot off again: nothing is lost."));
        after.add_css_class("dimmed");
        after.add_css_class("caption");
        frame.button.set_sensitive(true);
        let (pressed, near) = (tell.clone(), frame.page.clone());
        frame.button.connect_clicked(move |_| super::ask_to_restart_plainly(&near, &pressed));
        Self { frame, steps, shown: None }
    }

    /// Shows the guide as it is now.
    pub fn show(&mut self, guide: &Guide) {
        if self.shown.as_ref() == guide.machine() {
            return;
        }
        self.shown = guide.machine().cloned();
        let group = adw::PreferencesGroup::new();
        for (number, (title, text)) in (1..).zip(guide.machine().map(machine::turning_on).unwrap_or_default()) {
            group.add(&step(number, &title, &text));
        }
        self.steps.set_child(Some(&group));
    }
}
