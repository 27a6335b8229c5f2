//! What a screen reader is told, and what large text needs.

use crate::played::{Window, until};
use forge_gui::{
    app::Input,
    gateway::scripted::{Play, encrypts, pages, way_to},
    session::{Change, Page, usage::Choice},
};
use forge_model::answers::Way;
use relm4::{ComponentController, adw, adw::prelude::*, gtk};

/// Whether a screen reader has something to say of a widget that takes the keyboard.
pub fn has_name(widget: &gtk::Widget) -> bool {
    let said = |text: Option<gtk::glib::GString>| text.is_some_and(|text| !text.is_empty());
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

/// Whether the keyboard can come to a widget: it is focusable, and nothing around it keeps the keyboard out.
fn is_stop(widget: &gtk::Widget) -> bool {
    let around = std::iter::successors(Some(widget.clone()), gtk::Widget::parent);
    widget.is_focusable() && around.take_while(|w| !w.is::<adw::NavigationPage>()).all(|w| w.can_focus())
}

/// The first letters of the recovery key that is played.
const RECOVERY_KEY_GROUP: &str = "cbdefghi-";

/// What stands out of a page: wider than the window at its narrowest.
pub const NARROWEST: i32 = 360;

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
            for widget in widgets.iter().filter(|w| w.is_mapped() && is_stop(w) && !has_name(w)) {
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
        for page in pages() {
            if page != Page::Welcome {
                let before = pages().take_while(|before| *before != page).last().expect("it has one");
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
            // Every row that there is about the use of a disk; the way goes on with all of it.
            if page == Page::DiskUse && play == Play::Works {
                for (way, words) in [(Way::FreeSpace, "Your Files and Settings"), (Way::Manual, "Boot Files")] {
                    window.controller.emit(Input::Change(Change::Use(Choice::Way(way))));
                    until(words, || window.texts().contains(words));
                    look(page);
                }
            }
            // Everything that there is about encryption; the way goes on without.
            if page == Page::Encryption && play == Play::Works {
                for change in encrypts(false) {
                    window.controller.emit(Input::Change(change));
                }
                until("the recovery key", || window.texts().contains(RECOVERY_KEY_GROUP));
                look(Page::RecoveryKey);
                window.back();
                until("the page about encryption", || window.page() == Some(Page::Encryption));
                look(page);
                window.controller.emit(Input::Change(Change::Encrypt(false)));
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
