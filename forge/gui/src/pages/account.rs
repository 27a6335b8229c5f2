//! Who, which password, and what the computer is called.

use super::Input;
use crate::{
    parts::{
        frame::Frame,
        typed_twice::{self, Said, TypedTwice, Words, group, line, show_line},
    },
    sentences::issues,
    session::{Change, Page, Session},
};
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
    name_fault: Option<String>,
    password: typed_twice::View,
    computer_fault: Option<String>,
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
            name_fault: account.full_name_fault().map(issues::full_name).or(user_fault.map(issues::user_name)),
            password: typed_twice::View {
                made: account.password().is_made(),
                fault: account.password_fault().and_then(issues::password),
                strength: account.strength(),
                hint: account.password_fault().and_then(issues::hint),
                forgotten: account.password().forgotten(),
            },
            computer_fault: account.computer_name_fault().map(issues::computer_name),
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
    password: TypedTwice,
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
    let row = adw::EntryRow::builder().use_markup(false).title(title).activates_default(true).build();
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
        let (name_fault, computer_fault) = (line(), line());
        let words = Words {
            title: gettext("Password"),
            make: gettext("Make a Password for Me"),
            first: gettext("Password"),
            again: gettext("Password Again"),
        };
        let tell = sender.clone();
        let made = gettext("Six random words, shown once when the system is installed");
        let password = TypedTwice::new(&words, &made, move |said| {
            let _ = tell.output(match said {
                Said::Make(make) => Change::MakePassword(make),
                Said::First(password) => Change::Password(password),
                Said::Again(again) => Change::PasswordAgain(again),
            });
        });
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
            password.root.clone(),
            group(&gettext("Computer"), &[computer_name.row.upcast_ref()], &computer_fault),
        ] {
            frame.body.append(&part);
        }
        frame.body.append(&root);
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let widgets = Widgets { frame, full_name, user_name, name_fault, password, computer_name, computer_fault };
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
        widgets.password.show(&view.password);
        widgets.frame.button.set_sensitive(view.may_go_on);
    }
}

fn mark(row: &gtk::Widget, is_wrong: bool) {
    if is_wrong { row.add_css_class("error") } else { row.remove_css_class("error") }
}
