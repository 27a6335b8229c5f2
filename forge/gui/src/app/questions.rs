//! What the window asks and tells beside its pages.

use super::Widgets;
use crate::{
    parts::{licence, question::Question},
    sentences::{errors, plan, progress},
    session::{Notice, Page, Session},
};
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk::glib};
use std::{cell::Cell, rc::Rc};

/// Lets a window close only while what is given here says so; else `ask` is called.
pub(super) fn guard(window: &adw::ApplicationWindow, ask: impl Fn() + 'static) -> Rc<Cell<bool>> {
    let may_close = Rc::new(Cell::new(true));
    let allowed = may_close.clone();
    window.connect_close_request(move |_| {
        if allowed.get() {
            return glib::Propagation::Proceed;
        }
        ask();
        glib::Propagation::Stop
    });
    may_close
}

/// What closing the window would mean now.
pub(super) fn ask_to_close(widgets: &Widgets, session: &Session, may_close: &Rc<Cell<bool>>) {
    match session.page() {
        Page::Installing => {
            let run = session.run();
            let disk = run.plan.as_deref().map(plan::target).unwrap_or_default();
            ask(&widgets.window, may_close, &gettext("Close the Window?"), &progress::closing(run, &disk));
        }
        _ => ask_about_code(&widgets.window, may_close),
    }
}

/// What closing the window would mean while a code is shown.
pub(super) fn ask_about_code(window: &adw::ApplicationWindow, may_close: &Rc<Cell<bool>>) {
    let text = gettext("What is shown here was not saved. Nobody can show it again.");
    ask(window, may_close, &gettext("Close Without the Code?"), &text);
}

fn ask(window: &adw::ApplicationWindow, may_close: &Rc<Cell<bool>>, heading: &str, text: &str) {
    let (closing, allowed) = (window.clone(), may_close.clone());
    Question::destructive(heading, text, gettext("_Close")).ask(window, move || {
        allowed.set(true);
        closing.close();
    });
}

/// Tells how something went: in passing when it worked, else with what to do, until it was read.
pub(super) fn tell(widgets: &Widgets, notice: &Notice) {
    tell_in(&widgets.window, &widgets.toasts, notice);
}

/// The same in a window of its own.
pub(super) fn tell_in(window: &adw::ApplicationWindow, toasts: &adw::ToastOverlay, notice: &Notice) {
    let told = match notice {
        Notice::Saved { lasts: true } => return passing(toasts, &gettext("Saved")),
        Notice::Saved { lasts: false } => errors::saved_in_memory(),
        Notice::Copied => return passing(toasts, &gettext("Copied")),
        Notice::Licence { id, text } => return licence::present(window, id, &text.0),
        Notice::Trouble(trouble) => errors::trouble(trouble),
    };
    let dialog = adw::AlertDialog::new(Some(&told.title), Some(&told.text));
    dialog.add_response("close", &gettext("_Close"));
    dialog.set_default_response(Some("close"));
    dialog.set_close_response("close");
    dialog.present(Some(window));
}

/// Says something that needs no answer.
pub(super) fn passing(toasts: &adw::ToastOverlay, text: &str) {
    toasts.add_toast(adw::Toast::builder().use_markup(false).title(text).build());
}
