//! The keyboard: Enter is the primary button where nothing else takes it, Ctrl+L the log, F1 help. Escape and Alt+Left
//! are the navigation view's own.

use super::{App, Input, Widgets};
use crate::session::Page;
use relm4::{
    ComponentSender, adw,
    adw::prelude::*,
    gtk::{self, glib},
};

/// What a combination of keys says.
type Said = fn() -> Input;

/// The keys of the window.
pub(super) fn bind(window: &adw::ApplicationWindow, pages: &adw::NavigationView, sender: &ComponentSender<App>) {
    let controller = gtk::ShortcutController::new();
    controller.set_scope(gtk::ShortcutScope::Managed);
    let keys =
        [("<Control>l", (|| Input::ShowLog) as Said), ("<Control>Return", || Input::Primary), ("F1", || Input::Help)];
    for (keys, input) in keys {
        let tell = sender.clone();
        let action = gtk::CallbackAction::new(move |_, _| {
            let _ = tell.input_sender().send(input());
            glib::Propagation::Stop
        });
        controller.add_shortcut(gtk::Shortcut::new(gtk::ShortcutTrigger::parse_string(keys), Some(action)));
    }
    window.add_controller(controller);
    follow_focus(window, pages);
}

/// Keeps Enter and the keyboard where a person expects them.
pub(super) fn follow_focus(window: &adw::ApplicationWindow, pages: &adw::NavigationView) {
    let pages = pages.downgrade();
    window.connect_focus_widget_notify(move |window| {
        // Enter is the row's own: else the toolkit presses the primary button, and goes on without what the person chose.
        let takes_enter = |widget: &gtk::Widget| widget.is::<gtk::ListBoxRow>() || widget.is::<gtk::Expander>();
        if let Some(row) = gtk::prelude::GtkWindowExt::focus(window).filter(takes_enter) {
            row.set_receives_default(true);
        }
        if let Some(pages) = pages.upgrade() {
            settle(window, &pages);
        }
    });
}

/// Brings the keyboard to the first thing of the page, where it is nowhere that says anything to anybody: on the area that
/// scrolls, because the page came before it was filled; or lost, because a question gave it back to a page that is gone.
pub(super) fn settle(window: &adw::ApplicationWindow, pages: &adw::NavigationView) {
    let (window, pages) = (window.downgrade(), pages.downgrade());
    glib::idle_add_local_once(move || {
        let (Some(window), Some(pages)) = (window.upgrade(), pages.upgrade()) else { return };
        let inside: Option<gtk::Widget> =
            match gtk::prelude::GtkWindowExt::focus(&window).filter(gtk::Widget::is_mapped) {
                None => pages.visible_page().and_upcast(),
                Some(focus) => focus.downcast::<gtk::ScrolledWindow>().ok().and_then(|area| area.child()),
            };
        if let Some(inside) = inside {
            inside.child_focus(gtk::DirectionType::TabForward);
        }
    });
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
