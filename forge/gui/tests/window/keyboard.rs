//! The keyboard alone leads through the window.

use crate::played::{Window, until};
use forge_gui::{
    app::Input,
    gateway::scripted::{Play, pages, way_to},
    session::{Change, Page},
};
use relm4::{
    ComponentController, adw,
    adw::prelude::*,
    gtk::{self, glib},
};

/// Every combination of keys that a widget of the way from the focus to the window listens to, as GTK asks them.
fn keys(widget: &gtk::Widget, keys: &str) -> Vec<(gtk::Widget, gtk::Shortcut)> {
    let wanted = gtk::ShortcutTrigger::parse_string(keys).expect("keys").to_str();
    let mut found = vec![];
    let mut at = Some(widget.clone());
    while let Some(widget) = at {
        let controllers = widget.observe_controllers();
        for controller in controllers.iter::<glib::Object>().flatten() {
            let Ok(controller) = controller.downcast::<gtk::ShortcutController>() else { continue };
            for shortcut in
                controller.iter::<glib::Object>().flatten().filter_map(|s| s.downcast::<gtk::Shortcut>().ok())
            {
                let is_it = shortcut.trigger().is_some_and(|t| t.to_str().split('|').any(|one| one == wanted));
                if is_it {
                    found.push((widget.clone(), shortcut));
                }
            }
        }
        at = widget.parent();
    }
    found
}

impl Window {
    /// Presses keys as on a keyboard: the nearest listener that takes them has them.
    fn strike(&self, text: &str) -> bool {
        let window = self.controller.widget();
        let focus = gtk::prelude::GtkWindowExt::focus(window).unwrap_or(window.clone().upcast());
        keys(&focus, text).into_iter().any(|(widget, shortcut)| {
            let action = shortcut.action().expect("a shortcut does something");
            action.activate(gtk::ShortcutActionFlags::empty(), &widget, shortcut.arguments().as_ref())
        })
    }

    fn default_button(&self) -> Option<String> {
        let button = self.controller.widget().default_widget()?.downcast::<gtk::Button>().ok()?;
        Some(button.label()?.replace('_', ""))
    }
}

#[gtk::test]
fn the_keyboard_alone_goes_on_and_back() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::open(Play::Stands);
    // Enter is the primary button of each page; to stop an install is not what it proposes.
    for (page, button) in [
        (Page::Welcome, Some("Next")),
        (Page::Keyboard, Some("Next")),
        (Page::TimeZone, Some("Next")),
        (Page::Disk, Some("Next")),
        (Page::DiskUse, Some("Next")),
        (Page::Encryption, Some("Next")),
        (Page::Account, Some("Next")),
        (Page::Firmware, Some("Continue Without")),
        (Page::SecureBoot, Some("Next")),
        (Page::Review, Some("Erase and Install")),
        (Page::Installing, None),
    ] {
        let way = way_to(page);
        let before = pages().take_while(|before| *before != page).last().unwrap_or_default();
        for change in way.into_iter().skip(if page == Page::Welcome { 0 } else { way_to(before).len() }) {
            if matches!(change, Change::Confirm) {
                until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
            }
            window.controller.emit(Input::Change(change));
        }
        until(page.tag(), || window.page() == Some(page));
        until("the default button", || window.default_button().as_deref() == button);
    }
    window.close();

    // Enter presses it, Escape and Alt+Left go back; each page is left once.
    let window = Window::open(Play::Stands);
    window.controller.widget().activate_default();
    until("the keyboard", || window.page() == Some(Page::Keyboard));
    assert!(window.strike("Escape"), "Escape goes back");
    until("the first page", || window.page() == Some(Page::Welcome));
    assert!(window.strike("<Control>Return"), "Ctrl+Enter goes on from every widget");
    until("the keyboard", || window.page() == Some(Page::Keyboard));
    assert!(window.strike("<Alt>Left"), "Alt+Left goes back");
    until("the first page", || window.page() == Some(Page::Welcome));
    window.close();

    // Escape in a search leaves the search first, then the page.
    let window = Window::open(Play::Stands);
    window.walk(Page::TimeZone);
    let search = || {
        let entries = window.widgets().into_iter().filter_map(|w| w.downcast::<gtk::SearchEntry>().ok());
        entries.filter(|entry| entry.is_mapped()).last().expect("a search")
    };
    search().grab_focus();
    search().set_text("tok");
    assert!(window.strike("Escape"));
    assert_eq!((search().text().as_str(), window.page()), ("", Some(Page::TimeZone)));
    assert!(window.strike("Escape"));
    until("the keyboard", || window.page() == Some(Page::Keyboard));
    window.close();

    // Ctrl+L opens the log.
    let window = Window::open(Play::Stands);
    window.walk(Page::Installing);
    let drawer =
        || window.widgets().into_iter().filter(|w| w.is_mapped()).find_map(|w| w.downcast::<gtk::Expander>().ok());
    until("the log", || drawer().is_some_and(|log| !log.is_expanded()));
    assert!(window.strike("<Control>l"));
    until("the log is open", || drawer().is_some_and(|log| log.is_expanded()));
    window.close();
}
