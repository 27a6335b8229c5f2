//! How the key is enrolled from the disk: MokManager's screens, one below the other, each with what to do on it.

use crate::{
    guide::{Guide, Step},
    parts::{
        frame::Frame,
        rehearsal::{
            screen_view::ScreenView,
            text_screen::{self, LAST_MENU, MENU_WITHOUT_REQUEST, TextScreen},
        },
    },
    sentences::card::{FILE, VOLUME, steps_from_disk},
};
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk};

/// The page.
pub struct FromDisk {
    /// Its frame.
    pub frame: Frame,
    first: gtk::Label,
}

impl FromDisk {
    /// Builds it.
    pub fn new() -> Self {
        let frame = Frame::tagged(Step::FromDisk.tag(), &gettext("Enroll from the Disk"), &gettext("_Back"));
        frame.say(&gettext(
            "The certificate of your key lies on the disk, where the blue screen finds it. This way needs no code.",
        ));
        let first = frame.say("");
        for (number, (text, screen)) in (1..).zip(pictures()) {
            let group = adw::PreferencesGroup::new();
            let line = gtk::Box::builder().spacing(12).build();
            let badge = gtk::Label::builder().label(number.to_string()).valign(gtk::Align::Start).build();
            badge.add_css_class("step");
            let words = gtk::Label::builder().label(&text).wrap(true).xalign(0.0).hexpand(true).build();
            line.append(&badge);
            line.append(&words);
            let view = ScreenView::new(220);
            view.show(screen);
            view.area.set_margin_top(9);
            group.add(&line);
            group.add(&view.area);
            frame.body.append(&group);
        }
        frame.button.set_sensitive(true);
        frame.button.remove_css_class("suggested-action");
        let page = frame.page.clone();
        frame.button.connect_clicked(move |_| {
            if let Some(navigation) = page.ancestor(adw::NavigationView::static_type()) {
                navigation.downcast_ref::<adw::NavigationView>().map(adw::NavigationView::pop);
            }
        });
        Self { frame, first }
    }

    /// Shows the guide as it is now.
    pub fn show(&mut self, guide: &Guide) {
        let refused = guide.request().is_some_and(|request| !request.staged);
        self.frame.banner.set_title(&gettext("The firmware did not take the request."));
        self.frame.banner.set_revealed(refused);
        self.first.set_label(&match guide.is_unchecked() {
            true => gettext(
                "First turn Secure Boot on in the firmware's settings. Then the computer refuses to start the system, and \
                 offers the blue screen.",
            ),
            false => gettext("Restart the computer: it refuses to start the system, and offers the blue screen."),
        });
    }
}

/// What to do, and on which screen.
fn pictures() -> impl Iterator<Item = (String, TextScreen)> {
    let screens = [
        text_screen::refused(),
        text_screen::any_key(),
        text_screen::menu(&MENU_WITHOUT_REQUEST, 1),
        text_screen::select_key(&[VOLUME], 0),
        text_screen::select_key(&["EFI/", FILE], 1),
        text_screen::keys(1),
        text_screen::question(1),
        text_screen::menu(&LAST_MENU, 0),
    ];
    steps_from_disk().into_iter().zip(screens)
}
