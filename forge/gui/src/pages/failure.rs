//! It did not work: what happened, what state things are in, what to do.

use super::Input;
use crate::{
    parts::{
        frame::{self, Frame},
        log_drawer::LogDrawer,
    },
    sentences::errors,
    session::{Change, Ended, Page, Session},
};
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, gtk, gtk::prelude::*};

/// The page.
pub struct Failure {
    view: View,
}

/// What it shows.
#[derive(Debug, Clone, Default)]
pub struct View {
    told: Option<errors::Told>,
    was_cancelled: bool,
    may_try_again: bool,
    log: String,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session, log: &str) -> Self {
        Self {
            told: session.ended().map(|ended| {
                let plan = session.run().plan.as_deref();
                errors::ended(ended, plan.and_then(|plan| plan.layout.beside.as_ref()))
            }),
            was_cancelled: matches!(session.ended(), Some(Ended::Cancelled { .. })),
            may_try_again: session.may_try_again(),
            log: log.to_owned(),
        }
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    status: adw::StatusPage,
    log: LogDrawer,
}

impl SimpleComponent for Failure {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        Frame::new(Page::Failure, &gettext("Not Installed"), &gettext("_Try Again"))
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let status = frame::status("dialog-warning-symbolic", None);
        let tell = sender.clone();
        let log = LogDrawer::new(move |notice| {
            let _ = tell.output(Change::Said(notice));
        });
        frame.body.append(&status);
        frame.body.append(&log.root);
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        ComponentParts { model: Self { view: View::default() }, widgets: Widgets { frame, status, log } }
    }

    fn update(&mut self, input: Self::Input, sender: ComponentSender<Self>) {
        match input {
            Input::Show(view) => self.view = view,
            Input::Primary => {
                let _ = sender.output(Change::TryAgain);
            }
        }
    }

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        let Some(told) = &self.view.told else { return };
        let icon = if self.view.was_cancelled { "process-stop-symbolic" } else { "dialog-warning-symbolic" };
        widgets.status.set_icon_name(Some(icon));
        widgets.status.set_title(&told.title);
        let words = gtk::glib::markup_escape_text(&told.text);
        if widgets.status.description().as_ref() != Some(&words) {
            widgets.status.set_description(Some(&words));
            // A screen reader hears it at once.
            widgets.status.upcast_ref::<gtk::Widget>().announce(&told.text, gtk::AccessibleAnnouncementPriority::High);
        }
        widgets.log.set_text(&[self.view.log.as_str(), &told.details].join(""));
        widgets.frame.button.set_visible(self.view.may_try_again);
        widgets.frame.button.set_sensitive(self.view.may_try_again);
    }
}
