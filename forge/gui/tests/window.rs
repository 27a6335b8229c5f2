//! The window itself with a machine that is played: a person's way from the first page to the last.
//!
//! Real widgets in a real compositor: `cargo xtask gui-shots` and CI bring one without a screen. GTK wants one thread, so
//! the tests of this file are one after another in one function each, and skip where there is no display.
#![cfg(feature = "scripted")]

use forge_gui::{
    app::{App, Input},
    gateway::scripted::{Play, Scripted, way_to},
    session::{Change, Page},
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
