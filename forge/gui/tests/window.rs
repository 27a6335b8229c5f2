//! The window itself with a machine that is played: a person's way from the first page to the last.
//!
//! Real widgets in a real compositor: `cargo xtask gui-shots` and CI bring one without a screen. GTK wants one thread, so
//! the tests of this file are one after another in one function each, and skip where there is no display.
#![cfg(feature = "scripted")]

use forge_gui::{
    app::{App, Input},
    gateway::scripted::{Play, Scripted, way_to},
    parts::print,
    session::{Change, Notice, Page, Trouble},
};
use relm4::{
    Component, ComponentController, Controller, adw,
    adw::prelude::*,
    gtk::{self, glib},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Lets the window work until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    let context = glib::MainContext::default();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(10), "waited for: {what}");
        if !context.iteration(false) {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Every widget below one, depth first.
fn below(root: &gtk::Widget) -> Vec<gtk::Widget> {
    let mut found = vec![root.clone()];
    let mut child = root.first_child();
    while let Some(widget) = child {
        found.extend(below(&widget));
        child = widget.next_sibling();
    }
    found
}

struct Window {
    controller: Controller<App>,
    machine: Arc<Scripted>,
}

impl Window {
    fn open(play: Play) -> Self {
        let machine = Arc::new(Scripted::new(play));
        let controller = App::builder().launch(machine.clone()).detach();
        controller.widget().present();
        let window = Self { controller, machine };
        until("the machine is looked at", || window.button("Next").is_some_and(|button| button.is_sensitive()));
        window
    }

    fn widgets(&self) -> Vec<gtk::Widget> {
        below(self.controller.widget().upcast_ref())
    }

    fn page(&self) -> Option<Page> {
        let navigation = self.widgets().into_iter().find_map(|w| w.downcast::<adw::NavigationView>().ok())?;
        Page::from_tag(&navigation.visible_page()?.tag()?)
    }

    /// A button on screen by what it reads, without the underscore.
    fn button(&self, text: &str) -> Option<gtk::Button> {
        let reads = |button: &gtk::Button| button.label().is_some_and(|label| label.replace('_', "") == text);
        let buttons = self.widgets().into_iter().filter_map(|w| w.downcast::<gtk::Button>().ok());
        buttons.filter(|button| button.is_mapped()).find(reads)
    }

    fn press(&self, text: &str) {
        until(text, || self.button(text).is_some_and(|button| button.is_sensitive()));
        self.button(text).expect("it is there").emit_clicked();
    }

    /// Answers the question on screen.
    fn answer(&self, response: &str) {
        let dialog = self.widgets().into_iter().find_map(|w| w.downcast::<adw::AlertDialog>().ok());
        let dialog = dialog.expect("a question");
        assert_ne!(dialog.default_response().as_deref(), Some(response), "Enter destroys nothing");
        dialog.emit_by_name_with_details::<()>("response", glib::Quark::from_str(response), &[&response]);
        dialog.force_close();
    }

    fn texts(&self) -> String {
        let labels = self.widgets().into_iter().filter_map(|w| w.downcast::<gtk::Label>().ok());
        // A size keeps its unit on the same line with a space that does not break.
        labels.filter(|label| label.is_mapped()).map(|label| label.text().replace('\u{a0}', " ") + "\n").collect()
    }

    /// What a person chooses and types on the way, told to the window one by one.
    fn walk(&self, page: Page) {
        for change in way_to(page) {
            let before = self.page();
            let goes_on = matches!(change, Change::Next | Change::Confirm);
            if matches!(change, Change::Confirm) {
                until("the plan", || self.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
            }
            self.controller.emit(Input::Change(change));
            if goes_on {
                until(&format!("the page after {before:?}"), || self.page() != before);
            }
        }
    }

    fn calls(&self) -> Vec<&'static str> {
        self.machine.calls.lock().expect("no call panics").clone()
    }

    fn close(self) {
        self.controller.widget().destroy();
    }
}

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
        (Page::Account, Some("Next")),
        (Page::SecureBoot, Some("Next")),
        (Page::Review, Some("Erase and Install")),
        (Page::Installing, None),
    ] {
        let way = way_to(page);
        let before = Page::ORDER.iter().position(|p| *p == page).map_or(Page::Review, |at| Page::ORDER[at.max(1) - 1]);
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

#[gtk::test]
fn what_did_not_work_is_told_with_what_to_do() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::open(Play::NeverRestarts);
    window.walk(Page::Review);
    until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
    window.controller.emit(Input::Change(Change::Confirm));
    until("the last page", || window.page() == Some(Page::Done) && window.texts().contains("Your Code"));
    window.controller.emit(Input::Change(Change::Kept));
    until("the code is kept", || {
        window.widgets().iter().any(|w| w.downcast_ref().is_some_and(adw::SwitchRow::is_active))
    });
    window.press("Restart");
    until("the restart that was refused", || window.texts().contains("The Computer Does Not Restart"));
    assert!(window.texts().contains("The system is installed; only the restart was refused."));
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    window.controller.emit(Input::Change(Change::Said(Notice::Trouble(Trouble::NotSaved(full)))));
    until("the file that was not saved", || window.texts().contains("The place that you chose is full."));
    window.controller.emit(Input::Change(Change::Said(Notice::Saved)));
    until("a file that was saved", || window.texts().contains("Saved"));
    window.close();

    // A code that was not fetched is asked for again; nothing is said of disks that were not written.
    let window = Window::open(Play::HandsOverLate);
    window.walk(Page::Review);
    until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
    window.controller.emit(Input::Change(Change::Confirm));
    until("the trouble", || window.texts().contains("The Code Is Not There"));
    assert!(!window.texts().contains("Nothing was written"));
    window.press("Try Again");
    until("the code", || window.texts().contains("Your Code") && !window.texts().contains("The Code Is Not There"));
    window.close();
}

#[gtk::test]
fn what_is_printed_is_a_page_of_text() {
    if adw::init().is_err() {
        return;
    }
    for lines in [3, 300] {
        let text = "Code for Enroll MOK: hdjk ufgs vbnt\n".repeat(lines);
        let file = std::env::temp_dir().join(format!("forge-gui-print-{}-{lines}.pdf", std::process::id()));
        let operation = print::sheet("Credentials", text.into());
        operation.set_export_filename(&file);
        operation.set_allow_async(false);
        let result = operation.run(gtk::PrintOperationAction::Export, gtk::Window::NONE);
        let bytes = std::fs::read(&file).unwrap_or_default();
        let _ = std::fs::remove_file(&file);
        assert_eq!(result.ok(), Some(gtk::PrintOperationResult::Apply));
        assert!(bytes.starts_with(b"%PDF"), "{} bytes", bytes.len());
        // A page without any text is far smaller than one with a font in it.
        assert!(bytes.len() > 3000, "{} bytes", bytes.len());
    }
}

/// Whether a screen reader has something to say of a widget that takes the keyboard.
fn has_name(widget: &gtk::Widget) -> bool {
    let said = |text: Option<glib::GString>| text.is_some_and(|text| !text.is_empty());
    gtk::test_accessible_has_property(widget, gtk::AccessibleProperty::Label)
        || gtk::test_accessible_has_relation(widget, gtk::AccessibleRelation::LabelledBy)
        || widget.downcast_ref::<gtk::Button>().is_some_and(|button| said(button.label()))
        || widget.downcast_ref::<gtk::Label>().is_some_and(|label| !label.label().is_empty())
        || widget.downcast_ref::<adw::PreferencesRow>().is_some_and(|row| !row.title().is_empty())
        || widget.downcast_ref::<gtk::Expander>().is_some_and(|expander| said(expander.label()))
        // The toolkit's own buttons in a row, such as the one that shows a password.
        || widget.is::<gtk::Button>() && said(widget.tooltip_text())
        // What is inside an entry speaks for the entry.
        || widget.is::<gtk::Text>() && widget.parent().is_some_and(|entry| has_name(&entry))
        || widget.is::<gtk::Text>() && widget.ancestor(adw::EntryRow::static_type()).is_some()
}

/// What stands out of a page: wider than the window at its narrowest.
const NARROWEST: i32 = 360;

#[gtk::test]
fn every_page_speaks_to_a_screen_reader_and_fits_a_narrow_window_with_large_text() {
    if adw::init().is_err() {
        return;
    }
    let settings = gtk::Settings::default().expect("a display");
    let usual = settings.gtk_xft_dpi();
    let (mut silent, mut wide) = (vec![], vec![]);
    for (play, last) in [(Play::Works, Page::Done), (Play::Fails, Page::Failure), (Play::Stands, Page::Installing)] {
        let window = Window::open(play);
        let mut look = |page: Page| {
            let widgets = window.widgets();
            for widget in widgets.iter().filter(|w| w.is_mapped() && w.is_focusable() && !has_name(w)) {
                // What only holds others is no stop of its own; the toolkit names what it puts into a header bar.
                let holds = widget.is::<gtk::ListBox>() || widget.is::<gtk::ScrolledWindow>();
                if !holds && widget.ancestor(adw::HeaderBar::static_type()).is_none() {
                    silent.push(format!(
                        "{}: {} in {:?}",
                        page.tag(),
                        widget.type_(),
                        widget.parent().map(|p| p.type_())
                    ));
                }
            }
            let pages = widgets.into_iter().filter_map(|w| w.downcast::<adw::NavigationPage>().ok());
            for shown in pages.filter(|shown| shown.is_mapped()) {
                settings.set_gtk_xft_dpi(2 * 96 * 1024);
                let (least, ..) = shown.measure(gtk::Orientation::Horizontal, -1);
                settings.set_gtk_xft_dpi(usual);
                if least > NARROWEST {
                    wide.push(format!("{}: {least}", page.tag()));
                }
            }
        };
        for page in Page::ORDER {
            if page != Page::Welcome {
                let before = page.previous().expect("it has one");
                for change in way_to(page).into_iter().skip(way_to(before).len()) {
                    window.controller.emit(Input::Change(change));
                }
            }
            until(page.tag(), || window.page() == Some(page));
            if page == Page::Review {
                until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
            }
            if play == Play::Works {
                look(page);
            }
        }
        window.controller.emit(Input::Change(Change::Confirm));
        until(last.tag(), || window.page() == Some(last));
        if last == Page::Done {
            until("the code", || window.texts().contains("Your Code"));
        }
        look(last);
        window.close();
    }
    assert!(silent.is_empty(), "without a name:\n{}", silent.join("\n"));
    assert!(wide.is_empty(), "wider than {NARROWEST} with large text:\n{}", wide.join("\n"));
}

#[gtk::test]
fn the_window_leads_a_person_from_the_first_page_to_the_last() {
    if adw::init().is_err() {
        return;
    }
    // Everything is answered, confirmed, and done.
    let window = Window::open(Play::Works);
    assert_eq!(window.page(), Some(Page::Welcome));
    window.walk(Page::Review);
    until("the plan in sentences", || window.texts().contains("Samsung SSD 990 PRO, 1.0 TB is erased"));
    assert!(window.texts().contains("Everything on this disk will be erased: Windows"));
    // The button asks once more; what it asks names the disk, and Enter does nothing.
    window.press("Erase and Install");
    until("the question", || window.texts().contains("Erase Samsung SSD 990 PRO?"));
    assert_eq!(window.calls().iter().filter(|call| **call == "install").count(), 0);
    window.answer("erase");
    until("the last page", || window.page() == Some(Page::Done));
    until("the code", || window.texts().contains("Your Code"));
    assert!(window.calls().ends_with(&["install", "take"]), "{:?}", window.calls());
    window.close();

    // A plan that changed is shown once more, and nothing was begun.
    let window = Window::open(Play::ChangesItsMind);
    window.walk(Page::Review);
    until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
    window.controller.emit(Input::Change(Change::Confirm));
    until("the banner", || window.texts().contains("The disk changed. Look at the plan once more."));
    assert_eq!(window.page(), Some(Page::Review));
    window.close();

    // A failure says what happened, what state the disk is in, what to do; trying again begins at the disks.
    let window = Window::open(Play::Fails);
    window.walk(Page::Review);
    until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
    window.controller.emit(Input::Change(Change::Confirm));
    until("the failure", || window.page() == Some(Page::Failure));
    let told = "The disk was disconnected while the system was being written. The disk will not start a computer now.";
    until(told, || window.texts().contains(told));
    window.press("Try Again");
    until("the disks", || window.page() == Some(Page::Disk));
    until("no disk is chosen for anybody", || window.button("Next").is_some_and(|button| !button.is_sensitive()));
    window.close();

    // To stop asks first, and then asks the machine.
    let window = Window::open(Play::Stands);
    window.walk(Page::Installing);
    until("the pace", || window.texts().contains("412.0 MB a second"));
    window.press("Cancel…");
    until("what that leaves", || window.texts().contains("is already gone"));
    assert!(!window.calls().contains(&"cancel"));
    window.answer("stop");
    until("the machine was asked", || window.calls().contains(&"cancel"));
    window.close();
}
