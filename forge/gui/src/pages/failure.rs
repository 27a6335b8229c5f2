//! It did not work: what happened, what state things are in, what to do.

use super::Input;
use crate::{
    parts::{
        frame::{self, Frame, announce_now},
        log_drawer::LogDrawer,
        plain::plain,
        question::Question,
    },
    sentences::errors,
    session::{Change, Ended, Page, Session},
};
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};

/// The page.
pub struct Failure {
    view: View,
    /// Where its questions are shown.
    near: adw::NavigationPage,
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
            told: session.ended().map(|ended| errors::ended(ended, session.run().plan.as_deref())),
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
        frame.button.set_sensitive(true);
        let near = frame.page.clone();
        ComponentParts { model: Self { view: View::default(), near }, widgets: Widgets { frame, status, log } }
    }

    fn update(&mut self, input: Self::Input, sender: ComponentSender<Self>) {
        match input {
            Input::Show(view) => self.view = view,
            Input::Primary if self.view.may_try_again => {
                let _ = sender.output(Change::TryAgain);
            }
            Input::Primary => ask_to_restart(&self.near, &sender),
        }
    }

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        let Some(told) = &self.view.told else { return };
        let icon = if self.view.was_cancelled { "process-stop-symbolic" } else { "dialog-warning-symbolic" };
        widgets.status.set_icon_name(Some(icon));
        widgets.status.set_title(&told.title);
        if widgets.status.description() != Some(plain(&told.text)) {
            widgets.status.set_description(Some(&plain(&told.text)));
            // A screen reader hears it at once.
            announce_now(widgets.status.upcast_ref::<gtk::Widget>(), &told.text);
        }
        widgets.log.set_text(&self.view.log);
        widgets.frame.button.set_label(&match self.view.may_try_again {
            true => gettext("_Try Again"),
            false => gettext("_Restart…"),
        });
        widgets.frame.wrap_button();
    }
}

/// A question before the computer restarts: what still works on the disk is not to be cut off.
fn ask_to_restart(near: &adw::NavigationPage, sender: &ComponentSender<Failure>) {
    let text =
        gettext("Wait until the disk is quiet. Then restart, and start the system that the partition belongs to.");
    let tell = sender.clone();
    Question::restart(&text).ask(near, move || {
        let _ = tell.output(Change::Restart);
    });
}
