//! The keyboard: Enter is the primary button, Ctrl+L the log. Escape and Alt+Left are the navigation view's own.

use super::{App, Input, Widgets};
use crate::session::Page;
use relm4::{
    ComponentSender, adw,
    adw::prelude::*,
    gtk::{self, glib},
};

/// The keys of the window.
pub(super) fn bind(window: &adw::ApplicationWindow, sender: &ComponentSender<App>) {
    let controller = gtk::ShortcutController::new();
    controller.set_scope(gtk::ShortcutScope::Managed);
    for (keys, input) in [("<Control>l", (|| Input::ShowLog) as fn() -> Input), ("<Control>Return", || Input::Primary)]
    {
        let tell = sender.clone();
        let action = gtk::CallbackAction::new(move |_, _| {
            let _ = tell.input_sender().send(input());
            glib::Propagation::Stop
        });
        controller.add_shortcut(gtk::Shortcut::new(gtk::ShortcutTrigger::parse_string(keys), Some(action)));
    }
    window.add_controller(controller);
}

/// What Enter presses where nothing else takes it. To stop an install is never what it presses: Escape asks for that.
pub(super) fn default(widgets: &Widgets, page: Page) {
    let button = Some(&widgets.pages.frame(page).button).filter(|_| page != Page::Installing);
    set_default(&widgets.window, button);
}

/// Lets Enter press this button.
pub(super) fn set_default(window: &adw::ApplicationWindow, button: Option<&gtk::Button>) {
    if window.default_widget().as_ref() != button.map(|button| button.upcast_ref()) {
        window.set_default_widget(button);
    }
}

/// Opens or closes the log of the page on screen, if it has one.
pub(super) fn show_log(widgets: &Widgets, page: Page) {
    let mut child = widgets.pages.frame(page).body.first_child();
    while let Some(widget) = child {
        if let Some(details) = widget.downcast_ref::<gtk::Expander>() {
            details.set_expanded(!details.is_expanded());
        }
        child = widget.next_sibling();
    }
}
