//! The window in the hands of a test.

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
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
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
pub fn below(root: &gtk::Widget) -> Vec<gtk::Widget> {
    let mut found = vec![root.clone()];
    let mut child = root.first_child();
    while let Some(widget) = child {
        found.extend(below(&widget));
        child = widget.next_sibling();
    }
    found
}

/// The window, with a machine that is played.
pub struct Window {
    pub controller: Controller<App>,
    pub machine: Arc<Scripted>,
}

impl Window {
    pub fn open(play: Play) -> Self {
        Self::on(Scripted::new(play))
    }

    /// The same on a machine of the test's choice.
    pub fn on(machine: Scripted) -> Self {
        let machine = Arc::new(machine);
        let controller = App::builder().launch(machine.clone()).detach();
        controller.widget().present();
        let window = Self { controller, machine };
        until("the machine is looked at", || window.button("Next").is_some_and(|button| button.is_sensitive()));
        window
    }

    pub fn widgets(&self) -> Vec<gtk::Widget> {
        below(self.controller.widget().upcast_ref())
    }

    pub fn page(&self) -> Option<Page> {
        let navigation = self.widgets().into_iter().find_map(|w| w.downcast::<adw::NavigationView>().ok())?;
        Page::from_tag(&navigation.visible_page()?.tag()?)
    }

    /// A button on screen by what it reads, without the underscore.
    pub fn button(&self, text: &str) -> Option<gtk::Button> {
        let reads = |button: &gtk::Button| button.label().is_some_and(|label| label.replace('_', "") == text);
        let buttons = self.widgets().into_iter().filter_map(|w| w.downcast::<gtk::Button>().ok());
        buttons.filter(|button| button.is_mapped()).find(reads)
    }

    pub fn press(&self, text: &str) {
        until(text, || self.button(text).is_some_and(|button| button.is_sensitive()));
        self.button(text).expect("it is there").emit_clicked();
    }

    /// Presses a button that is a row of a list.
    pub fn press_row(&self, text: &str) {
        let rows = self.widgets().into_iter().filter_map(|w| w.downcast::<adw::ButtonRow>().ok());
        let row = rows.filter(|row| row.is_mapped()).find(|row| row.title().replace('_', "") == text);
        row.unwrap_or_else(|| panic!("{text} is there")).emit_by_name::<()>("activated", &[]);
    }

    /// Says yes to the question on screen.
    pub fn say_yes(&self) {
        say_yes(self.widgets());
    }

    pub fn texts(&self) -> String {
        let labels = self.widgets().into_iter().filter_map(|w| w.downcast::<gtk::Label>().ok());
        // A size keeps its unit on the same line with a space that does not break.
        labels.filter(|label| label.is_mapped()).map(|label| label.text().replace('\u{a0}', " ") + "\n").collect()
    }

    /// What a person chooses and types on the way, told to the window one by one.
    pub fn walk(&self, page: Page) {
        self.take(way_to(page));
    }

    /// The same with these changes.
    pub fn take(&self, way: Vec<Change>) {
        for change in way {
            let before = self.page();
            let goes_on = matches!(change, Change::Next | Change::Confirm);
            if matches!(change, Change::Confirm) {
                until("the plan", || self.may_begin());
            }
            self.controller.emit(Input::Change(change));
            if goes_on {
                until(&format!("the page after {before:?}"), || self.page() != before);
            }
        }
    }

    /// Whether the button of the last page can be pressed, whatever it says.
    fn may_begin(&self) -> bool {
        let words =
            ["Erase and Install", "Install", "Replace and Install", "Delete and Install", "Make Smaller and Install"];
        words.iter().any(|words| self.button(words).is_some_and(|button| button.is_sensitive()))
    }

    /// Leaves the page backwards.
    pub fn back(&self) {
        let navigation = self.widgets().into_iter().find_map(|w| w.downcast::<adw::NavigationView>().ok());
        assert!(navigation.expect("the pages").pop(), "there is a way back");
    }

    pub fn calls(&self) -> Vec<&'static str> {
        self.machine.calls.lock().expect("no call panics").clone()
    }

    pub fn close(self) {
        self.controller.widget().destroy();
    }
}

/// Says yes to the question among these; Enter would not have.
pub fn say_yes(widgets: Vec<gtk::Widget>) {
    let dialog = widgets.into_iter().find_map(|widget| widget.downcast::<adw::AlertDialog>().ok()).expect("a question");
    assert_eq!(dialog.default_response().as_deref(), Some("no"), "Enter destroys nothing");
    dialog.emit_by_name_with_details::<()>("response", glib::Quark::from_str("yes"), &[&"yes"]);
    dialog.force_close();
}
