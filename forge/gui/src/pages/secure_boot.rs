//! What the machine's own key is: four sentences, three steps, and how this machine's firmware is set.

use super::Input;
use crate::{
    parts::frame::Frame,
    sentences::machine::facts,
    session::{Change, Page, Session},
};
use forge_model::machine::Firmware;
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};

/// The page.
pub struct SecureBoot {
    view: View,
}

/// What it shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// What the firmware says, by name; nothing where the machine was not started by UEFI.
    facts: Option<Vec<(String, String)>>,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session) -> Self {
        // How many bytes are free is news only when they are too few, and then the plan says what follows.
        let firmware = session.firmware().map(|firmware| Firmware { free: None, ..firmware.clone() });
        Self { facts: firmware.as_ref().map(facts) }
    }
}

/// Its widgets.
pub struct Widgets {
    text: gtk::Label,
    /// What is said of the restart, where it asks for the code.
    restart: [gtk::Widget; 2],
    computer: adw::PreferencesGroup,
    rows: Vec<adw::ActionRow>,
    shown: Option<View>,
}

impl SimpleComponent for SecureBoot {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        Frame::new(Page::SecureBoot, &gettext("Secure Boot"), &gettext("_Next"))
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let text = frame.say("");
        let group = adw::PreferencesGroup::builder().title(gettext("What Happens")).build();
        for (icon, title, text) in [
            (
                "drive-harddisk-symbolic",
                gettext("Install"),
                gettext("The key is made on the new disk. Forge shows you a code: keep it at hand."),
            ),
            (
                "input-keyboard-symbolic",
                gettext("Restart and Type the Code"),
                gettext("A blue screen asks whether to enroll a key. Choose Enroll MOK and type the code."),
            ),
            (
                "object-select-symbolic",
                gettext("Done"),
                gettext("From then on the computer starts by itself. The code is not needed again."),
            ),
        ] {
            let row = adw::ActionRow::builder().use_markup(false).title(title).subtitle(text).build();
            row.add_prefix(&gtk::Image::from_icon_name(icon));
            group.add(&row);
        }
        let practise = adw::ButtonRow::builder()
            // Translators: opens a rehearsal of the screens that come after the restart.
            .title(gettext("_Practise…"))
            .use_underline(true)
            .start_icon_name("input-keyboard-symbolic")
            .build();
        practise
            .set_tooltip_text(Some(&gettext("The screens that come after the restart, and the keys that they want")));
        let tell = sender.clone();
        practise.connect_activated(move |_| {
            let _ = tell.output(Change::Practise);
        });
        group.add(&practise);
        frame.body.append(&group);
        let computer = adw::PreferencesGroup::builder().title(gettext("This Computer")).visible(false).build();
        frame.body.append(&computer);
        let missed = gtk::Label::builder()
            .label(gettext(
                "If you miss the blue screen, nothing is lost: it comes back, or the system starts and helps you to try again.",
            ))
            .wrap(true)
            .xalign(0.0)
            .build();
        missed.add_css_class("dimmed");
        missed.add_css_class("caption");
        frame.body.append(&missed);
        frame.button.set_sensitive(true);
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let restart = [group.upcast(), missed.upcast()];
        let widgets = Widgets { text, restart, computer, rows: Vec::new(), shown: None };
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
        if widgets.shown.as_ref() == Some(&self.view) {
            return;
        }
        let has_uefi = self.view.facts.is_some();
        widgets.text.set_label(&sentences(has_uefi).join(" "));
        widgets.restart.iter().for_each(|part| part.set_visible(has_uefi));
        for row in widgets.rows.drain(..) {
            widgets.computer.remove(&row);
        }
        for (name, value) in self.view.facts.iter().flatten() {
            let row = adw::ActionRow::builder().use_markup(false).title(name).subtitle(value).build();
            row.add_css_class("property");
            widgets.computer.add(&row);
            widgets.rows.push(row);
        }
        widgets.computer.set_visible(!widgets.rows.is_empty());
        widgets.shown = Some(self.view.clone());
    }
}

fn sentences(has_uefi: bool) -> Vec<String> {
    let mut said = vec![
        gettext("Secure Boot lets a computer start only what is signed by a key that it trusts."),
        gettext("Forge makes a key for this computer alone, and signs the system with it."),
    ];
    said.extend(match has_uefi {
        true => [
            gettext("Only you can tell the computer to trust that key: with a code, once, after the restart."),
            gettext(
                "Nobody else has the key. With Secure Boot on, the computer starts only what is signed by it or by a key of the firmware.",
            ),
        ],
        false => [
            gettext(
                "This computer was not started by UEFI, so no blue screen asks for a code after the restart. The system starts by UEFI only: choose that in the settings of the firmware.",
            ),
            gettext("The last page says how the key is enrolled from the disk."),
        ],
    });
    said
}
