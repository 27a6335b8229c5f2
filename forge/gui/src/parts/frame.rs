//! A page: title, content that scrolls, a primary button that is always there.

use crate::session::Page;
use relm4::{adw, adw::prelude::*, gtk};

/// A page of the wizard.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What goes into the navigation view.
    pub page: adw::NavigationPage,
    /// Where the content goes, from top to bottom.
    pub body: gtk::Box,
    /// The primary button.
    pub button: gtk::Button,
    /// A line at the other side of the primary button, empty where there is nothing to say.
    pub note: gtk::Label,
    /// The bar above the content, for a standing fact.
    pub banner: adw::Banner,
    /// The bar with title and back button.
    pub header: adw::HeaderBar,
}

impl Frame {
    /// A page with this title; its primary button reads `button`, with an underlined letter.
    pub fn new(page: Page, title: &str, button: &str) -> Self {
        Self::tagged(page.tag(), title, button)
    }

    /// The same for a page that is none of the wizard's; the tag is its name in the window.
    pub fn tagged(tag: &str, title: &str, button: &str) -> Self {
        let body = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(24).build();
        for (margin, set) in [(24, gtk::Box::set_margin_top as fn(&gtk::Box, i32)), (24, gtk::Box::set_margin_bottom)] {
            set(&body, margin);
        }
        body.set_margin_start(12);
        body.set_margin_end(12);
        let clamp = adw::Clamp::builder().maximum_size(560).tightening_threshold(400).child(&body).build();
        // Natural height: what is inside never scrolls by itself.
        let natural = gtk::Viewport::builder().vscroll_policy(gtk::ScrollablePolicy::Natural).child(&clamp).build();
        natural.set_scroll_to_focus(true);
        let content = gtk::ScrolledWindow::builder().hscrollbar_policy(gtk::PolicyType::Never).child(&natural).build();

        // Until the page has said what it shows, there is nothing to go on with.
        let button = gtk::Button::builder().label(button).use_underline(true).sensitive(false).build();
        button.add_css_class("pill");
        button.add_css_class("suggested-action");
        button.add_css_class("primary");
        wrap(&button);
        let note = gtk::Label::builder().wrap(true).xalign(0.0).hexpand(true).build();
        // Beside a long button, large text has room for less than a word.
        note.set_wrap_mode(gtk::pango::WrapMode::WordChar);
        note.add_css_class("dimmed");
        note.add_css_class("caption");
        let bar =
            gtk::Box::builder().spacing(12).margin_top(9).margin_bottom(9).margin_start(12).margin_end(12).build();
        button.set_halign(gtk::Align::End);
        button.set_valign(gtk::Align::Center);
        bar.append(&note);
        bar.append(&button);

        // What is not shown is not there for a screen reader either.
        let banner = adw::Banner::builder().use_markup(false).visible(false).build();
        let header = adw::HeaderBar::new();
        let view = adw::ToolbarView::builder().content(&content).build();
        view.add_top_bar(&header);
        view.add_top_bar(&banner);
        // As wide as the content, so that the button stands under what it is about.
        let bottom = adw::Clamp::builder().maximum_size(560).tightening_threshold(400).child(&bar).build();
        view.add_bottom_bar(&bottom);
        let page = adw::NavigationPage::builder().tag(tag).title(title).child(&view).build();
        Self { page, body, button, note, banner, header }
    }

    /// Puts a paragraph at the end of the content.
    pub fn say(&self, text: &str) -> gtk::Label {
        let label = gtk::Label::builder().label(text).wrap(true).xalign(0.0).build();
        self.body.append(&label);
        label
    }

    /// To be called after the primary button got another label, which would not wrap.
    pub fn wrap_button(&self) {
        wrap(&self.button);
    }

    /// Puts another button at the other side of the primary one, where a page has nothing to note.
    pub fn put_beside(&self, other: &gtk::Button) {
        wrap(other);
        other.set_valign(gtk::Align::Center);
        if let Some(bar) = self.button.parent().and_downcast::<gtk::Box>() {
            bar.prepend(other);
        }
    }

    /// Shows a line beside the primary button, or none.
    pub fn set_note(&self, text: &str) {
        if self.note.label() != text {
            self.note.set_label(text);
            announce(&self.note, text);
        }
    }
}

/// Long words or large text make a button higher, not the window wider.
fn wrap(button: &gtk::Button) {
    if let Some(words) = button.child().and_downcast::<gtk::Label>() {
        words.set_wrap(true);
        words.set_justify(gtk::Justification::Center);
    }
}

/// A picture with a headline and a sentence, to stand among the content of a page; perhaps with a button below.
pub fn status(icon: &str, button: Option<&gtk::Button>) -> adw::StatusPage {
    let status = adw::StatusPage::builder().icon_name(icon).build();
    status.set_child(button);
    // The page scrolls already: what would scroll in here is a stop of the keyboard that says nothing.
    status.set_can_focus(button.is_some());
    status
}

/// Lets a screen reader say what is new on the page, when it has nothing more urgent to say.
pub fn announce(near: &impl IsA<gtk::Accessible>, text: &str) {
    say(near, text, gtk::AccessibleAnnouncementPriority::Medium);
}

/// Lets a screen reader say it at once.
pub fn announce_now(near: &impl IsA<gtk::Accessible>, text: &str) {
    say(near, text, gtk::AccessibleAnnouncementPriority::High);
}

fn say(near: &impl IsA<gtk::Accessible>, text: &str, priority: gtk::AccessibleAnnouncementPriority) {
    if text.trim().is_empty() {
        return;
    }
    near.announce(text, priority);
    #[cfg(feature = "scripted")]
    crate::gateway::scripted::announced(text);
}
