//! Is the recovery key in a safe place? It is shown before anything is written, and once more at the end.

use super::Input;
use crate::{
    parts::{files, frame::Frame, print, qr, recovery_key, switch::Switch, trouble::Trouble},
    sentences::{errors, recovery},
    session::{Change, Page, Session},
};
use forge_model::Secret;
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};
use std::{cell::RefCell, rc::Rc, sync::Arc};
use zeroize::Zeroizing;

/// How large the picture is: four pixels for each square.
const PICTURE: i32 = 180;

/// The page.
pub struct RecoveryKey {
    view: View,
}

/// What it shows.
#[derive(Debug, Clone, Default)]
pub struct View {
    key: Option<Arc<Secret>>,
    disk: String,
    kept: bool,
    trouble: Option<errors::Told>,
    may_go_on: bool,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session) -> Self {
        let encryption = session.encryption();
        let name = |disk: &forge_model::Disk| disk.model.clone().unwrap_or_else(|| disk.identity.path.clone());
        Self {
            key: encryption.recovery_key().cloned(),
            disk: session.disk().map(name).unwrap_or_default(),
            kept: encryption.is_kept(),
            trouble: encryption.trouble().map(errors::no_recovery_key),
            may_go_on: session.may_go_on(),
        }
    }

    /// What is saved and printed.
    fn sheet(&self) -> Option<print::Sheet> {
        let key = self.key.as_deref()?.expose();
        let picture = Zeroizing::new(key.to_owned());
        Some(print::Sheet { text: recovery::sheet(key, &self.disk), picture })
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    key: gtk::Box,
    below: gtk::Box,
    spinner: adw::Spinner,
    trouble: Trouble,
    kept: Switch,
    drawn: bool,
    sheet: Rc<RefCell<Option<print::Sheet>>>,
}

impl SimpleComponent for RecoveryKey {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        Frame::new(Page::RecoveryKey, &gettext("Recovery Key"), &gettext("_Next"))
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let vertical = |spacing| gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(spacing).build();
        let (key, below) = (vertical(18), vertical(24));
        let purpose = vertical(12);
        for text in recovery::purpose() {
            purpose.append(&gtk::Label::builder().label(text).wrap(true).xalign(0.0).build());
        }
        frame.body.append(&purpose);
        let spinner = adw::Spinner::builder().height_request(32).margin_top(24).build();
        spinner
            .upcast_ref::<gtk::Widget>()
            .update_property(&[gtk::accessible::Property::Label(&gettext("Making the recovery key"))]);
        let tell = sender.clone();
        let trouble = Trouble::new(move || {
            let _ = tell.output(Change::TryAgain);
        });
        let sheet = Rc::new(RefCell::new(None::<print::Sheet>));
        let ways = adw::PreferencesGroup::new();
        let row = |title: String, icon| {
            adw::ButtonRow::builder().title(title).use_underline(true).start_icon_name(icon).build()
        };
        let save = row(gettext("_Save to a File…"), "document-save-symbolic");
        let (what, tell) = (sheet.clone(), sender.clone());
        save.connect_activated(move |row| {
            let Some(sheet) = what.borrow().clone() else { return };
            let tell = tell.clone();
            files::save(row, "recovery-key.txt", sheet.text, move |notice| {
                let _ = tell.output(Change::Said(notice));
            });
        });
        let paper = row(gettext("_Print…"), "printer-symbolic");
        let (what, tell) = (sheet.clone(), sender.clone());
        paper.connect_activated(move |row| {
            let Some(sheet) = what.borrow().clone() else { return };
            let tell = tell.clone();
            print::print(row, &gettext("Recovery Key"), sheet, move |notice| {
                let _ = tell.output(Change::Said(notice));
            });
        });
        ways.add(&save);
        ways.add(&paper);
        let keep = adw::PreferencesGroup::new();
        let tell = sender.clone();
        let kept = Switch::new(
            &gettext("I Have Kept the Recovery Key"),
            &gettext("On paper, a photo or a stick, and not on this computer"),
            move |kept| {
                let _ = tell.output(Change::RecoveryKept(kept));
            },
        );
        keep.add(&kept.row);
        below.append(&ways);
        below.append(&keep);
        below.set_visible(false);
        frame.body.append(&spinner);
        frame.body.append(&trouble.root);
        frame.body.append(&key);
        frame.body.append(&below);
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let widgets = Widgets { frame, key, below, spinner, trouble, kept, drawn: false, sheet };
        ComponentParts { model: Self { view: View::default() }, widgets }
    }

    fn update(&mut self, input: Self::Input, sender: ComponentSender<Self>) {
        match input {
            Input::Show(view) => self.view = view,
            Input::Primary => {
                let _ = sender.output(Change::Next);
            }
        }
    }

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        let view = &self.view;
        widgets.spinner.set_visible(view.key.is_none() && view.trouble.is_none());
        widgets.trouble.show(view.trouble.as_ref(), &widgets.key);
        widgets.below.set_visible(view.key.is_some());
        *widgets.sheet.borrow_mut() = view.sheet();
        if let (Some(key), false) = (&view.key, widgets.drawn) {
            widgets.drawn = true;
            let groups = recovery_key::groups(key.expose(), &gettext("Your recovery key"));
            widgets.key.append(&groups);
            if let Some(picture) = qr::widget(key.expose(), PICTURE, &gettext("The recovery key, for a camera")) {
                widgets.key.append(&picture);
            }
        }
        widgets.kept.show(view.kept);
        widgets.frame.button.set_sensitive(view.may_go_on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_relm4_logs_of_this_page_does_not_show_the_key() {
        let key = Some(Arc::new(Secret::new("canary".into())));
        let view = View { key, disk: "a disk".into(), ..View::default() };
        let sheet = view.sheet().expect("a sheet");
        assert!(sheet.text.contains("canary") && sheet.text.contains("a disk") && *sheet.picture == "canary");
        let shown = format!("{:?}", Input::Show(view));
        assert!(shown.contains("a disk") && !shown.contains("canary"), "{shown}");
    }
}
