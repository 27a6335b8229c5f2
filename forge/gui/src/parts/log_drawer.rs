//! The log, folded away, with ways to keep it.

use super::files;
use crate::session::Notice;
use gettextrs::gettext;
use relm4::gtk::{self, prelude::*};
use zeroize::Zeroizing;

/// The log, folded away.
#[derive(Debug, Clone)]
pub struct LogDrawer {
    /// The widget.
    pub root: gtk::Expander,
    text: gtk::TextBuffer,
}

impl LogDrawer {
    /// A drawer that is closed. `said` is told how copying and saving went.
    pub fn new(said: impl Fn(Notice) + Clone + 'static) -> Self {
        let text = gtk::TextBuffer::new(None);
        let view = gtk::TextView::builder()
            .buffer(&text)
            .editable(false)
            .monospace(true)
            .wrap_mode(gtk::WrapMode::WordChar)
            .top_margin(12)
            .bottom_margin(12)
            .left_margin(12)
            .right_margin(12)
            .build();
        view.update_property(&[gtk::accessible::Property::Label(&gettext("Log"))]);
        view.add_css_class("log");
        // The log is in English everywhere.
        view.set_direction(gtk::TextDirection::Ltr);
        let scroll = gtk::ScrolledWindow::builder().min_content_height(160).child(&view).build();
        scroll.add_css_class("card");
        scroll.set_overflow(gtk::Overflow::Hidden);
        let copy = gtk::Button::builder().label(gettext("_Copy")).use_underline(true).build();
        let save = gtk::Button::builder().label(gettext("_Save…")).use_underline(true).build();
        let all = text.clone();
        let whole = move || all.text(&all.start_iter(), &all.end_iter(), false);
        let copied = whole.clone();
        let tell = said.clone();
        copy.connect_clicked(move |button| tell(files::copy(button, &copied())));
        save.connect_clicked(move |button| {
            files::save(button, "forge.log", Zeroizing::new(whole().into()), said.clone());
        });
        let buttons = gtk::Box::builder().spacing(12).halign(gtk::Align::End).build();
        buttons.append(&copy);
        buttons.append(&save);
        let inside = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(12).margin_top(12).build();
        inside.append(&scroll);
        inside.append(&buttons);
        let root = gtk::Expander::builder().label(gettext("Show _Details")).use_underline(true).child(&inside).build();
        root.set_widget_name("details");
        Self { root, text }
    }

    /// Shows this text.
    pub fn set_text(&self, text: &str) {
        let known = self.text.text(&self.text.start_iter(), &self.text.end_iter(), false);
        match text.strip_prefix(known.as_str()) {
            // What was selected stays selected.
            Some("") => {}
            Some(more) => self.text.insert(&mut self.text.end_iter(), more),
            None => self.text.set_text(text),
        }
    }
}
