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
    pub fn build() -> Self {
        let frame = Frame::tagged(Step::FromDisk.tag(), &gettext("Enroll from the Disk"), &gettext("_Back"));
        frame.say(&why());
        let first = frame.say("");
        append_pictures(&frame.body);
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
        self.frame.banner.set_visible(refused);
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

/// The same for the person who installs, when the firmware did not take the request.
pub fn present(near: &impl IsA<gtk::Widget>) {
    let body = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(24).build();
    for edge in
        [gtk::Box::set_margin_top, gtk::Box::set_margin_bottom, gtk::Box::set_margin_start, gtk::Box::set_margin_end]
    {
        edge(&body, 12);
    }
    body.append(&gtk::Label::builder().label(why()).wrap(true).xalign(0.0).build());
    append_pictures(&body);
    let scroll = gtk::ScrolledWindow::builder().hscrollbar_policy(gtk::PolicyType::Never).child(&body).build();
    let view = adw::ToolbarView::builder().content(&scroll).build();
    view.add_top_bar(&adw::HeaderBar::new());
    let dialog = adw::Dialog::builder().title(gettext("Enroll from the Disk")).child(&view).build();
    dialog.set_content_width(600);
    dialog.set_content_height(560);
    dialog.present(Some(near));
}

fn why() -> String {
    gettext("The certificate of your key lies on the disk, where the blue screen finds it. This way needs no code.")
}

/// The screens, each below what to do on it.
fn append_pictures(body: &gtk::Box) {
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
        body.append(&group);
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
