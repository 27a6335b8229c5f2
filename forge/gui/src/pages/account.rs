//! Who, which password, and what the computer is called.

use super::Input;
use crate::{
    parts::frame::{Frame, announce},
    sentences::issues,
    session::{Change, Page, Session, account::Strength},
};
use forge_model::Secret;
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};
use std::{cell::Cell, rc::Rc};

/// The page.
pub struct Account {
    view: View,
}

/// What it shows. No password is here: those are only in the fields and in the session.
#[derive(Debug, Clone, Default)]
pub struct View {
    full_name: String,
    user_name: String,
    computer_name: String,
    makes_password: bool,
    name_fault: Option<String>,
    password_fault: Option<String>,
    computer_fault: Option<String>,
    strength: Option<Strength>,
    may_go_on: bool,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session) -> Self {
        let account = session.account();
        // A field that nobody has filled in yet is not a mistake.
        let user_fault =
            account.user_name_fault().filter(|_| !account.user_name().is_empty() || !account.full_name().is_empty());
        Self {
            full_name: account.full_name().into(),
            user_name: account.user_name().into(),
            computer_name: account.computer_name().into(),
            makes_password: account.makes_password(),
            name_fault: account.full_name_fault().map(issues::full_name).or(user_fault.map(issues::user_name)),
            password_fault: account.password_fault().and_then(issues::password),
            computer_fault: account.computer_name_fault().map(issues::computer_name),
            strength: account.strength(),
            may_go_on: session.may_go_on(),
        }
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    full_name: Field,
    user_name: Field,
    name_fault: gtk::Label,
    make: adw::SwitchRow,
    password: adw::PasswordEntryRow,
    again: adw::PasswordEntryRow,
    password_line: gtk::Label,
    computer_name: Field,
    computer_fault: gtk::Label,
}

/// A row of text, whether a person ever wrote in it, and whether the program writes in it now.
struct Field {
    row: adw::EntryRow,
    written: Rc<Cell<bool>>,
    shows: Rc<Cell<bool>>,
}

/// A row of text that tells every change.
fn entry(title: &str, sender: &ComponentSender<Account>, change: fn(String) -> Change) -> Field {
    let row = adw::EntryRow::builder().title(title).use_markup(false).activates_default(true).build();
    let (written, shows) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (tell, touched, is_shown) = (sender.clone(), written.clone(), shows.clone());
    row.connect_changed(move |row| {
        // What the program proposes is nobody's wish: told a moment later, it would end all proposing.
        if is_shown.get() {
            return;
        }
        touched.set(true);
        let _ = tell.output(change(row.text().into()));
    });
    Field { row, written, shows }
}

impl Field {
    /// Shows what the session has. A field in which somebody writes is ahead of that, and never written over.
    fn show(&self, text: &str) {
        let is_writing = self.written.get() && self.row.focus_child().is_some();
        if self.row.text() != text && !is_writing {
            self.shows.set(true);
            self.row.set_text(text);
            self.shows.set(false);
        }
    }
}

/// The same for a password, which is kept in the type that does not print.
fn secret(title: &str, sender: &ComponentSender<Account>, change: fn(Secret) -> Change) -> adw::PasswordEntryRow {
    let row = adw::PasswordEntryRow::builder().title(title).activates_default(true).build();
    if let Some(button) = reveal_button(row.upcast_ref()) {
        // There are two that are called "Show Password": each says of which.
        button.update_property(&[gtk::accessible::Property::Description(title)]);
    }
    let tell = sender.clone();
    row.connect_changed(move |row| {
        let _ = tell.output(change(Secret::new(row.text().into())));
    });
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
fn line() -> gtk::Label {
    let line = gtk::Label::builder().wrap(true).xalign(0.0).visible(false).margin_start(12).margin_top(6).build();
    line.add_css_class("caption");
    line.set_accessible_role(gtk::AccessibleRole::Status);
    line
}

fn group(title: &str, rows: &[&gtk::Widget], under: &gtk::Label) -> gtk::Box {
    let group = adw::PreferencesGroup::builder().title(title).build();
    for row in rows {
        group.add(*row);
    }
    let both = gtk::Box::builder().orientation(gtk::Orientation::Vertical).build();
    both.append(&group);
    both.append(under);
    both
}

impl SimpleComponent for Account {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        Frame::new(Page::Account, &gettext("Your Account"), &gettext("_Next"))
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let full_name = entry(&gettext("Your Name"), &sender, Change::FullName);
        let user_name = entry(&gettext("User Name"), &sender, Change::UserName);
        let (name_fault, password_line, computer_fault) = (line(), line(), line());
        let make = adw::SwitchRow::builder()
            .title(gettext("Make a Password for Me"))
            .subtitle(gettext("Six random words, shown once when the system is installed"))
            .build();
        let tell = sender.clone();
        make.connect_active_notify(move |row| {
            let _ = tell.output(Change::MakePassword(row.is_active()));
        });
        let password = secret(&gettext("Password"), &sender, Change::Password);
        let again = secret(&gettext("Password Again"), &sender, Change::PasswordAgain);
        let computer_name = entry(&gettext("Computer Name"), &sender, Change::ComputerName);
        let root = gtk::Label::builder()
            // Translators: root is the name of the system's own account.
            .label(gettext("This account administers the computer. The root account is locked."))
            .wrap(true)
            .xalign(0.0)
            .build();
        root.add_css_class("dimmed");
        root.add_css_class("caption");
        for part in [
            group("", &[full_name.row.upcast_ref(), user_name.row.upcast_ref()], &name_fault),
            group(
                &gettext("Password"),
                &[make.upcast_ref(), password.upcast_ref(), again.upcast_ref()],
                &password_line,
            ),
            group(&gettext("Computer"), &[computer_name.row.upcast_ref()], &computer_fault),
        ] {
            frame.body.append(&part);
        }
        frame.body.append(&root);
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let widgets = Widgets {
            frame,
            full_name,
            user_name,
            name_fault,
            make,
            password,
            again,
            password_line,
            computer_name,
            computer_fault,
        };
        ComponentParts { model: Self { view: View::default() }, widgets }
    }

    fn update(&mut self, input: Self::Input, sender: ComponentSender<Self>) {
        match input {
            Input::Show(view) => self.view = view,
            Input::Primary => {
                let _ = sender.output(Change::Next);
            }
        }
    }

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        let view = &self.view;
        widgets.full_name.show(&view.full_name);
        widgets.user_name.show(&view.user_name);
        widgets.computer_name.show(&view.computer_name);
        show_line(&widgets.name_fault, view.name_fault.as_deref(), true);
        show_line(&widgets.computer_fault, view.computer_fault.as_deref(), true);
        mark(widgets.computer_name.row.upcast_ref(), view.computer_fault.is_some());
        widgets.make.set_active(view.makes_password);
        for row in [&widgets.password, &widgets.again] {
            row.set_visible(!view.makes_password);
            if view.makes_password && !row.text().is_empty() {
                row.set_text("");
            }
        }
        match (&view.password_fault, view.strength) {
            (Some(fault), _) => show_line(&widgets.password_line, Some(fault), true),
            (None, Some(strength)) => {
                show_line(&widgets.password_line, Some(&issues::strength(strength)), strength < Strength::Fair);
            }
            (None, None) => show_line(&widgets.password_line, None, false),
        }
        widgets.frame.button.set_sensitive(view.may_go_on);
    }
}

fn show_line(line: &gtk::Label, text: Option<&str>, is_warning: bool) {
    let words = text.unwrap_or_default();
    if line.label() != words {
        line.set_label(words);
        announce(line, words);
    }
    line.set_visible(text.is_some());
    line.set_css_classes(if is_warning { &["caption", "warning"] } else { &["caption", "success"] });
}

fn mark(row: &gtk::Widget, is_wrong: bool) {
    if is_wrong { row.add_css_class("error") } else { row.remove_css_class("error") }
}
