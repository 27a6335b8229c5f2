//! The enrollment card: fingerprints, steps, a picture; to print and to save. The code is on it only when asked for.

use super::{files, print, qr};
use crate::{
    sentences::card::{self, Card},
    session::Notice,
};
use forge_model::Secret;
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk};
use std::{cell::Cell, rc::Rc};

/// How large the picture is on the screen.
const PICTURE: i32 = 220;

/// Shows the card. `said` is told how saving and printing went.
pub fn present(
    near: &impl IsA<gtk::Widget>,
    card: &Card,
    code: Option<Rc<Secret>>,
    said: impl Fn(Notice) + Clone + 'static,
) {
    let dialog = adw::Dialog::builder().title(gettext("Enrollment Card")).content_width(480).build();
    let body = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(18).build();
    for set in
        [gtk::Box::set_margin_start, gtk::Box::set_margin_end, gtk::Box::set_margin_top, gtk::Box::set_margin_bottom]
    {
        set(&body, 12);
    }
    let with_code = Rc::new(Cell::new(false));
    let picture = adw::Bin::new();
    let draw = {
        let (card, code, picture) = (card.clone(), code.clone(), picture.clone());
        move |with: bool| {
            let code = code.as_deref().filter(|_| with).map(Secret::expose);
            let drawn = qr::widget(&card::picture(&card, code), PICTURE, &gettext("The fingerprints, for a camera"));
            picture.set_child(drawn.as_ref());
        }
    };
    draw(false);
    body.append(&picture);

    let facts = adw::PreferencesGroup::new();
    for (title, digits) in [
        (gettext("Fingerprint that the blue screen shows (SHA-1)"), &card.key.sha1),
        (gettext("Fingerprint (SHA-256)"), &card.key.sha256),
    ] {
        let row = adw::ActionRow::builder().use_markup(false).title(title).subtitle(card::pairs(digits)).build();
        row.add_css_class("property");
        row.set_subtitle_selectable(true);
        facts.add(&row);
    }
    body.append(&facts);

    let ways = adw::PreferencesGroup::new();
    if code.is_some() {
        let row = adw::SwitchRow::builder().title(gettext("With the Code")).build();
        row.set_subtitle(&gettext("Who has the card can then enroll this key, and nothing else"));
        let with = with_code.clone();
        row.connect_active_notify(move |row| {
            with.set(row.is_active());
            draw(row.is_active());
        });
        ways.add(&row);
    }
    let what = {
        let card = card.clone();
        move || {
            let code = code.as_deref().filter(|_| with_code.get()).map(Secret::expose);
            print::Sheet { text: card::text(&card, code), picture: card::picture(&card, code) }
        }
    };
    let button =
        |title: String, icon| adw::ButtonRow::builder().title(title).use_underline(true).start_icon_name(icon).build();
    let save = button(gettext("_Save as PDF…"), "document-save-symbolic");
    let (sheet, tell) = (what.clone(), said.clone());
    save.connect_activated(move |row| {
        let sheet = sheet();
        let write = move |path: &std::path::Path| print::pdf(&gettext("Enrollment Card"), sheet, path);
        files::save_by(row, "enrollment-card.pdf", write, tell.clone());
    });
    ways.add(&save);
    let paper = button(gettext("_Print…"), "printer-symbolic");
    paper.connect_activated(move |row| print::print(row, &gettext("Enrollment Card"), what(), said.clone()));
    ways.add(&paper);
    body.append(&ways);

    let scroll = gtk::ScrolledWindow::builder()
        .hscrollbar_policy(gtk::PolicyType::Never)
        .propagate_natural_height(true)
        .child(&body)
        .build();
    let view = adw::ToolbarView::builder().content(&scroll).build();
    view.add_top_bar(&adw::HeaderBar::new());
    dialog.set_child(Some(&view));
    dialog.present(Some(near));
}
