//! It is installed: the code large on keys, the credentials, what happens at the restart.

use super::{Input, guide::from_disk};
use crate::{
    parts::{
        files, frame::Frame, key_caps, key_places, plain::plain, print, question::Question, seal, trouble::Trouble,
    },
    sentences::{card, errors, fill, way_plan},
    session::{Change, Credentials, Notice, Page, Session},
};
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};
use zeroize::Zeroizing;

/// The page.
pub struct Done {
    view: View,
    /// Where its questions are shown.
    near: adw::NavigationPage,
}

/// What it shows.
#[derive(Debug, Clone, Default)]
pub struct View {
    credentials: Option<Credentials>,
    user: String,
    computer: String,
    trouble: Option<errors::Told>,
    kept: bool,
    by_hand: bool,
    /// Whether the machine was not started by UEFI.
    without_uefi: bool,
    /// What to know about the other systems on the disk.
    others: Option<String>,
    /// What to do where the firmware has no boot entry for the system, and the command that makes one.
    no_entry: Option<(String, String)>,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session) -> Self {
        let plan = session.run().plan.as_deref();
        Self {
            credentials: session.credentials().cloned(),
            user: plan.map(|plan| plan.user.name.clone()).unwrap_or_default(),
            computer: plan.map(|plan| plan.system.hostname.clone()).unwrap_or_default(),
            trouble: session.trouble().map(errors::not_handed_over),
            kept: session.may_close(),
            by_hand: session.is_enrolled_by_hand(),
            without_uefi: session.was_without_uefi(),
            others: plan.and_then(way_plan::next_start),
            no_entry: session.without_boot_entry().map(way_plan::no_boot_entry),
        }
    }
}

/// Its widgets.
pub struct Widgets {
    code: gtk::Box,
    secrets: gtk::Box,
    by_code: adw::PreferencesGroup,
    by_hand: adw::PreferencesGroup,
    trouble: Trouble,
    kept: adw::SwitchRow,
    drawn: bool,
}

impl SimpleComponent for Done {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        let frame = Frame::new(Page::Done, &gettext("Installed"), &gettext("_Restart"));
        frame.page.set_can_pop(false);
        frame
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let vertical = |spacing| gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(spacing).build();
        let (code, secrets) = (vertical(12), vertical(24));
        let tell = sender.clone();
        let trouble = Trouble::new(move || {
            let _ = tell.output(Change::TryAgain);
        });
        frame.body.append(&code);
        frame.body.append(&trouble.root);
        let steps = adw::PreferencesGroup::builder().title(gettext("After the Restart")).build();
        for (number, (title, text)) in (1..).zip(card::steps()) {
            steps.add(&step(number, &title, &text));
        }
        let by_hand = adw::PreferencesGroup::builder().title(gettext("After the Restart")).visible(false).build();
        for (number, text) in (1..).zip(card::steps_from_disk()) {
            by_hand.add(&step(number, &text, ""));
        }
        let screens = adw::ButtonRow::builder()
            .title(gettext("_Enroll from the Disk"))
            .use_underline(true)
            .start_icon_name("video-display-symbolic")
            .build();
        screens.connect_activated(from_disk::present);
        by_hand.add(&screens);
        for (title, icon, change) in [
            (gettext("_Practise…"), "input-keyboard-symbolic", (|| Change::Practise) as fn() -> Change),
            (gettext("_Enrollment Card…"), "document-print-symbolic", || Change::Card),
        ] {
            let row = adw::ButtonRow::builder().title(title).use_underline(true).start_icon_name(icon).build();
            let tell = sender.clone();
            row.connect_activated(move |_| {
                let _ = tell.output(change());
            });
            steps.add(&row);
        }
        let keep = adw::PreferencesGroup::new();
        let kept = adw::SwitchRow::builder().use_markup(false).title(gettext("I Have Kept the Code")).build();
        kept.set_subtitle(&gettext("On paper, a photo or in a file: this screen is gone after the restart"));
        let tell = sender.clone();
        kept.connect_active_notify(move |row| {
            if row.is_active() {
                let _ = tell.output(Change::Kept);
            }
        });
        keep.add(&kept);
        frame.body.append(&secrets);
        frame.body.append(&keep);
        frame.body.append(&steps);
        frame.body.append(&by_hand);
        frame.button.set_sensitive(true);
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let near = frame.page.clone();
        let widgets = Widgets { code, secrets, by_code: steps, by_hand, trouble, kept, drawn: false };
        ComponentParts { model: Self { view: View::default(), near }, widgets }
    }

    fn update(&mut self, input: Self::Input, sender: ComponentSender<Self>) {
        match input {
            Input::Show(view) => self.view = view,
            Input::Primary if self.view.kept => {
                let _ = sender.output(Change::Restart);
            }
            Input::Primary => ask(&self.near, self.view.credentials.as_ref(), &sender),
        }
    }

    fn update_view(&self, widgets: &mut Widgets, sender: ComponentSender<Self>) {
        let view = &self.view;
        if let (Some(credentials), false) = (&view.credentials, widgets.drawn) {
            widgets.kept.set_title(&what_is_kept(credentials).0);
            draw(widgets, view, credentials, &sender);
            widgets.drawn = true;
        }
        for group in [&widgets.by_code, &widgets.by_hand] {
            group.set_description(view.others.as_deref().map(plain).as_deref());
        }
        widgets.by_code.set_visible(!view.by_hand);
        widgets.by_hand.set_visible(view.by_hand);
        widgets.trouble.show(view.trouble.as_ref(), &widgets.code);
        if view.kept {
            widgets.kept.set_active(true);
            widgets.kept.set_sensitive(false);
        }
    }
}

fn draw(widgets: &Widgets, view: &View, credentials: &Credentials, sender: &ComponentSender<Done>) {
    let (heading, sentence) = match (view.by_hand, view.without_uefi) {
        (false, _) => (
            // Translators: a headline above a code that has to be typed after the restart.
            gettext("Your Code"),
            gettext("Type it once after the restart, so that this computer trusts its own key."),
        ),
        (true, true) => (
            gettext("One Step by Hand"),
            gettext(
                "The system is installed. This computer was not started by UEFI, and the system starts by UEFI only: \
                 choose that in the settings of the firmware. If the computer then refuses to start the system, its key is \
                 enrolled from the disk. Write the steps down or take a picture of them.",
            ),
        ),
        (true, false) => (
            gettext("One Step by Hand"),
            gettext(
                "The system is installed. The firmware took no request for a code, so the key is enrolled from the disk \
                 after the restart. Write the steps down or take a picture of them.",
            ),
        ),
    };
    let heading = gtk::Label::builder().label(heading).wrap(true).justify(gtk::Justification::Center).build();
    heading.add_css_class("title-1");
    let sentence = gtk::Label::builder().label(sentence).wrap(true).justify(gtk::Justification::Center).build();
    widgets.code.append(&heading);
    widgets.code.append(&sentence);
    if !view.by_hand {
        draw_code(widgets, credentials.enrollment_code.expose());
    }
    if let Some((sentence, command)) = &view.no_entry {
        let group = adw::PreferencesGroup::builder().title(gettext("The Firmware Has No Boot Entry")).build();
        group.set_description(Some(&plain(sentence)));
        group.set_margin_top(12);
        let row = adw::ActionRow::builder().use_markup(false).title(command).title_selectable(true).build();
        row.add_suffix(&copy_button(&gettext("Command"), Zeroizing::new(command.clone()), sender));
        group.add(&row);
        widgets.code.append(&group);
    }

    let group = adw::PreferencesGroup::builder().title(gettext("Credentials")).build();
    group.set_description(Some(&gettext("Shown once. Nobody can show them again.")));
    if let Some(password) = &credentials.user_password {
        let title = fill(&gettext("Password of {user}"), &[("user", &view.user)]);
        group.add(&secret_row(&title, password.expose(), true, sender));
    }
    let made = credentials.disk.as_ref().is_some_and(|disk| disk.passphrase.is_some());
    for (at, (title, secret)) in disk_keys(credentials).iter().enumerate() {
        // The recovery key, which is the last of them, was kept before anything was written.
        group.add(&secret_row(title, secret, made && at == 0, sender));
    }
    for (name, secret) in &credentials.services {
        group.add(&secret_row(name, secret.expose(), false, sender));
    }
    let save = adw::ButtonRow::builder()
        .title(gettext("_Save to a File…"))
        .use_underline(true)
        .start_icon_name("document-save-symbolic")
        .build();
    let (document, tell) = (document(view, credentials), sender.clone());
    save.connect_activated(move |row| {
        let tell = tell.clone();
        files::save(row, "forge-credentials.txt", document.clone(), move |notice| {
            if matches!(notice, Notice::Saved { lasts: true }) {
                let _ = tell.output(Change::Kept);
            }
            let _ = tell.output(Change::Said(notice));
        });
    });
    group.add(&save);
    if seal::is_possible() {
        group.add(&sealed_row(self::document(view, credentials), sender));
    }
    let paper = adw::ButtonRow::builder()
        .title(gettext("_Print…"))
        .use_underline(true)
        .start_icon_name("printer-symbolic")
        .build();
    let (document, tell) = (self::document(view, credentials), sender.clone());
    paper.connect_activated(move |row| {
        let tell = tell.clone();
        print::print(row, &gettext("Credentials"), document.clone(), move |notice| {
            let _ = tell.output(Change::Said(notice));
        });
    });
    group.add(&paper);
    widgets.secrets.append(&group);
}

/// Saves the credentials so that only a passphrase opens them. The code is typed minutes later and from paper: this file does
/// not count as having kept it.
fn sealed_row(document: Zeroizing<String>, sender: &ComponentSender<Done>) -> adw::ButtonRow {
    let row = adw::ButtonRow::builder()
        .title(gettext("Save S_ealed…"))
        .use_underline(true)
        .start_icon_name("system-lock-screen-symbolic")
        .build();
    let tell = sender.clone();
    row.connect_activated(move |row| {
        let tell = tell.clone();
        seal::save(row, "forge-credentials.sealed", document.clone(), move |notice| {
            let _ = tell.output(Change::Said(notice));
        });
    });
    row
}

/// The code on key caps, and where its keys lie if nobody can know that.
fn draw_code(widgets: &Widgets, code: &str) {
    let caps = key_caps::caps(code, &gettext("Your code"));
    caps.set_margin_top(6);
    caps.set_margin_bottom(6);
    widgets.code.append(&caps);
    if let Some(places) = key_places::unless_known(code) {
        widgets.code.append(&places);
    }
    // It comes after the page did, and is what a person has to hear first.
    caps.grab_focus();
}

/// One of the steps after the restart.
fn step(number: usize, title: &str, text: &str) -> adw::ActionRow {
    let row = adw::ActionRow::builder().use_markup(false).title(title).subtitle(text).build();
    let badge = gtk::Label::builder().label(number.to_string()).valign(gtk::Align::Center).build();
    badge.add_css_class("step");
    row.add_prefix(&badge);
    row
}

/// A secret that can be folded away, with a way to copy it. One that a person needs at the next start is open: nobody may
/// restart without having seen it.
fn secret_row(title: &str, secret: &str, is_needed: bool, sender: &ComponentSender<Done>) -> adw::ExpanderRow {
    let row = adw::ExpanderRow::builder().use_markup(false).title(title).expanded(is_needed).build();
    let text = gtk::Label::builder().label(secret).selectable(true).wrap(true).xalign(0.0).build();
    text.set_wrap_mode(gtk::pango::WrapMode::WordChar);
    text.add_css_class("monospace");
    text.set_margin_top(12);
    text.set_margin_bottom(12);
    text.set_margin_start(12);
    text.set_margin_end(12);
    // A row of its own has a name; the text in it is what is marked and copied.
    let line = gtk::ListBoxRow::builder().child(&text).activatable(false).selectable(false).build();
    line.update_property(&[gtk::accessible::Property::Label(title)]);
    row.add_row(&line);
    row.add_suffix(&copy_button(title, Zeroizing::new(secret.to_owned()), sender));
    row
}

/// A button that copies a text.
fn copy_button(what: &str, text: Zeroizing<String>, sender: &ComponentSender<Done>) -> gtk::Button {
    let copy = gtk::Button::builder().icon_name("edit-copy-symbolic").valign(gtk::Align::Center).build();
    copy.add_css_class("flat");
    let label = fill(&gettext("Copy {what}"), &[("what", what)]);
    copy.set_tooltip_text(Some(&label));
    copy.update_property(&[gtk::accessible::Property::Label(&label)]);
    let tell = sender.clone();
    copy.connect_clicked(move |button| {
        let _ = tell.output(Change::Said(files::copy(button, &text)));
    });
    copy
}

/// The file that a person keeps.
fn document(view: &View, credentials: &Credentials) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    let mut line = |name: &str, value: &str| {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push('\n');
    };
    line(&gettext("Computer"), &view.computer);
    line(&gettext("Code for Enroll MOK"), credentials.enrollment_code.expose());
    if let Some(password) = &credentials.user_password {
        line(&fill(&gettext("Password of {user}"), &[("user", &view.user)]), password.expose());
    }
    for (title, secret) in disk_keys(credentials) {
        line(&title, secret);
    }
    for (name, secret) in &credentials.services {
        line(name, secret.expose());
    }
    text
}

/// What opens the encrypted state: a passphrase that was made, and the recovery key.
fn disk_keys(credentials: &Credentials) -> Vec<(String, &str)> {
    let Some(disk) = &credentials.disk else { return vec![] };
    let passphrase = disk.passphrase.as_ref().map(|made| (gettext("Passphrase of the disk"), made.expose()));
    passphrase.into_iter().chain([(gettext("Recovery Key"), disk.recovery.expose())]).collect()
}

/// What a person needs after the restart: the words of the switch, the question, and what is asked for.
fn what_is_kept(credentials: &Credentials) -> (String, String, String) {
    let passphrase = credentials.disk.as_ref().is_some_and(|disk| disk.passphrase.is_some());
    match (credentials.user_password.is_some(), passphrase) {
        (false, false) => (
            gettext("I Have Kept the Code"),
            gettext("Restart Without the Code?"),
            gettext("It was not saved. The blue screen after the restart asks for it."),
        ),
        (true, false) => (
            gettext("I Have Kept the Code and the Password"),
            gettext("Restart Without Code and Password?"),
            gettext(
                "They were not saved. The blue screen after the restart asks for the code, and nobody can log in without \
                 the password.",
            ),
        ),
        (false, true) => (
            gettext("I Have Kept the Code and the Passphrase"),
            gettext("Restart Without Code and Passphrase?"),
            gettext(
                "They were not saved. The blue screen after the restart asks for the code, and the system for the \
                 passphrase of the disk.",
            ),
        ),
        (true, true) => (
            gettext("I Have Kept Code, Password and Passphrase"),
            gettext("Restart Without Code, Password and Passphrase?"),
            gettext(
                "They were not saved. The blue screen after the restart asks for the code, the system for the passphrase \
                 of the disk, and nobody can log in without the password.",
            ),
        ),
    }
}

/// A second thought before what is shown is gone.
fn ask(near: &adw::NavigationPage, credentials: Option<&Credentials>, sender: &ComponentSender<Done>) {
    let Some(credentials) = credentials else { return };
    let (_, question, text) = what_is_kept(credentials);
    let tell = sender.clone();
    Question::destructive(&question, &text, gettext("_Restart")).ask(near, move || {
        let _ = tell.output(Change::Restart);
    });
}
