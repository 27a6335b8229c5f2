//! Something secret that is made, or typed twice: a switch, two fields, and a line that says what is wrong or how good it is.

use super::{frame::announce, switch::Switch};
use crate::{sentences::issues, session::typed_twice::Strength};
use forge_model::Secret;
use relm4::{adw, adw::prelude::*, gtk};
use std::cell::Cell;

/// What its rows are called.
pub struct Words {
    /// The headline of the group.
    pub title: String,
    /// The switch that lets Forge make it.
    pub make: String,
    /// The first field.
    pub first: String,
    /// The second one.
    pub again: String,
}

/// What a person did here.
pub enum Said {
    /// It shall be made, or not.
    Make(bool),
    /// It was typed.
    First(Secret),
    /// It was typed again.
    Again(Secret),
}

/// What it shows. Nothing secret is here: that is only in the fields and in the session.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Whether it is made.
    pub made: bool,
    /// What is wrong.
    pub fault: Option<String>,
    /// How good it is.
    pub strength: Option<Strength>,
    /// What is still to be done.
    pub hint: Option<String>,
    /// How often what was typed was forgotten.
    pub forgotten: u32,
}

/// The rows.
pub struct TypedTwice {
    /// What goes onto the page.
    pub root: gtk::Box,
    make: Switch,
    first: adw::PasswordEntryRow,
    again: adw::PasswordEntryRow,
    line: gtk::Label,
    forgotten: Cell<u32>,
}

impl TypedTwice {
    /// Builds them. `tell` is told what a person does; `subtitle` says what is made.
    pub fn new(words: &Words, subtitle: &str, tell: impl Fn(Said) + Clone + 'static) -> Self {
        let told = tell.clone();
        let make = Switch::new(&words.make, subtitle, move |made| told(Said::Make(made)));
        let first = field(&words.first, tell.clone(), Said::First);
        let again = field(&words.again, tell, Said::Again);
        let line = line();
        let root = group(&words.title, &[make.row.upcast_ref(), first.upcast_ref(), again.upcast_ref()], &line);
        Self { root, make, first, again, line, forgotten: Cell::new(0) }
    }

    /// Shows what the session knows.
    pub fn show(&self, view: &View) {
        self.make.show(view.made);
        // A field is ahead of the session while somebody types: it is emptied only when the session has forgotten it.
        let is_forgotten = self.forgotten.replace(view.forgotten) != view.forgotten;
        for row in [&self.first, &self.again] {
            row.set_visible(!view.made);
            if is_forgotten && !row.text().is_empty() {
                row.set_text("");
            }
        }
        match (&view.fault, view.strength) {
            (Some(fault), _) => show_line(&self.line, Some(fault), true),
            (None, Some(strength)) => {
                let said = [Some(issues::strength(strength)), view.hint.clone()].into_iter().flatten();
                show_line(&self.line, Some(&said.collect::<Vec<_>>().join("\n")), strength < Strength::Fair);
            }
            (None, None) => show_line(&self.line, None, false),
        }
    }
}

/// A field whose text is kept in the type that does not print.
fn field(title: &str, tell: impl Fn(Said) + 'static, said: fn(Secret) -> Said) -> adw::PasswordEntryRow {
    let row = adw::PasswordEntryRow::builder().use_markup(false).title(title).activates_default(true).build();
    if let Some(button) = reveal_button(row.upcast_ref()) {
        // There are two that are called "Show Password": each says of which.
        button.update_property(&[gtk::accessible::Property::Description(title)]);
    }
    row.connect_changed(move |row| tell(said(Secret::new(row.text().into()))));
    row
}

/// The toolkit's own button that shows what is typed.
fn reveal_button(widget: &gtk::Widget) -> Option<gtk::Button> {
    let mut child = widget.first_child();
    while let Some(inner) = child {
        let reveals = |button: &gtk::Button| button.icon_name().is_some_and(|icon| icon == "view-reveal-symbolic");
        let button = inner.downcast_ref::<gtk::Button>().filter(|button| reveals(button)).cloned();
        if let Some(found) = button.or_else(|| reveal_button(&inner)) {
            return Some(found);
        }
        child = inner.next_sibling();
    }
    None
}

/// A line under a group: what is wrong, or how good something is.
pub fn line() -> gtk::Label {
    let line = gtk::Label::builder().wrap(true).xalign(0.0).visible(false).margin_start(12).margin_top(6).build();
    line.add_css_class("caption");
    line.set_accessible_role(gtk::AccessibleRole::Status);
    line
}

/// Rows with a line under them.
pub fn group(title: &str, rows: &[&gtk::Widget], under: &gtk::Label) -> gtk::Box {
    let group = adw::PreferencesGroup::builder().title(title).build();
    for row in rows {
        group.add(*row);
    }
    let both = gtk::Box::builder().orientation(gtk::Orientation::Vertical).build();
    both.append(&group);
    both.append(under);
    both
}

/// Shows a line, or hides it; what is new is said to a screen reader.
pub fn show_line(line: &gtk::Label, text: Option<&str>, is_warning: bool) {
    let words = text.unwrap_or_default();
    if line.label() != words {
        line.set_label(words);
        announce(line, words);
    }
    line.set_visible(text.is_some());
    line.set_css_classes(if is_warning { &["caption", "warning"] } else { &["caption", "success"] });
}
