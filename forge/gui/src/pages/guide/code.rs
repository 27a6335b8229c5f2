//! A new code: large on keys, with the steps of the restart.

use super::{Tell, button, step};
use crate::{
    guide::{Change, Guide, Request, Step},
    parts::{frame::Frame, key_caps, key_places},
    sentences::card,
};
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk};
use std::sync::Arc;

/// The page.
pub struct Code {
    /// Its frame.
    pub frame: Frame,
    place: gtk::Box,
    shown: Option<Arc<Request>>,
}

impl Code {
    /// Builds it.
    pub fn new(tell: &Tell) -> Self {
        let frame = Frame::tagged(Step::Code.tag(), &gettext("New Code"), &gettext("_Restart…"));
        let place = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(12).build();
        frame.body.append(&place);
        let ways = adw::PreferencesGroup::new();
        ways.add(&button(&gettext("_Practise…"), "input-keyboard-symbolic", tell, || Change::Practise));
        ways.add(&button(&gettext("_Enrollment Card…"), "document-print-symbolic", tell, || Change::Card));
        frame.body.append(&ways);
        let steps = adw::PreferencesGroup::builder().title(gettext("After the Restart")).build();
        for (number, (title, text)) in (1..).zip(card::steps()) {
            steps.add(&step(number, &title, &text));
        }
        frame.body.append(&steps);
        frame.button.set_sensitive(true);
        let (pressed, near) = (tell.clone(), frame.page.clone());
        frame.button.connect_clicked(move |_| super::ask_to_restart(&near, &pressed));
        Self { frame, place, shown: None }
    }

    /// Shows the guide as it is now.
    pub fn show(&mut self, guide: &Guide) {
        let request = guide.request().filter(|request| request.staged);
        let is_same = match (&self.shown, request) {
            (Some(shown), Some(request)) => Arc::ptr_eq(shown, request),
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return;
        }
        self.shown = request.cloned();
        while let Some(child) = self.place.first_child() {
            self.place.remove(&child);
        }
        let Some(request) = request else { return };
        let heading = gtk::Label::builder().label(gettext("Your Code")).build();
        heading.add_css_class("title-1");
        let sentence = gtk::Label::builder()
            .label(gettext("Type it once after the restart, so that this computer trusts its own key."))
            .wrap(true)
            .justify(gtk::Justification::Center)
            .build();
        let caps = key_caps::caps(request.code.expose(), &gettext("Your code"));
        caps.set_margin_top(6);
        caps.set_margin_bottom(6);
        let note = gtk::Label::builder()
            .label(gettext("Write it down or take a photo. An older code is not asked for any more."))
            .wrap(true)
            .justify(gtk::Justification::Center)
            .build();
        note.add_css_class("dimmed");
        note.add_css_class("caption");
        for widget in [heading.upcast_ref::<gtk::Widget>(), sentence.upcast_ref(), &caps, note.upcast_ref()] {
            self.place.append(widget);
        }
        if let Some(places) = key_places::unless_known(request.code.expose()) {
            self.place.append(&places);
        }
    }
}
