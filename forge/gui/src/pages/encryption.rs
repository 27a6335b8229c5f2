//! Shall everything that may change be encrypted, and with which passphrase?

use super::Input;
use crate::{
    keyboard_names::KeyboardNames,
    parts::{
        frame::Frame,
        switch::Switch,
        typed_twice::{self, Said, TypedTwice, Words, line, show_line},
    },
    sentences::{fill, issues},
    session::{Change, Page, Session},
};
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};

/// The page.
pub struct Encryption {
    view: View,
}

/// What it shows. No passphrase is here: that is only in the fields and in the session.
#[derive(Debug, Clone, Default)]
pub struct View {
    wanted: bool,
    /// Whether personal files are kept, which would not be encrypted.
    keeps_home: bool,
    /// Whether the TPM shall open it; nothing where there is none.
    chip: Option<bool>,
    passphrase: typed_twice::View,
    caution: Option<String>,
    may_go_on: bool,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session, names: &KeyboardNames) -> Self {
        let encryption = session.encryption();
        let again = || gettext("The keyboard is another one now. Type the passphrase again.");
        let fault = encryption.has_other_keyboard().then(again);
        let keyboard = session.keyboard().map(|keyboard| names.words(&keyboard.layout, &keyboard.variant));
        let caution = encryption.passphrase().is_unusual().then(|| {
            fill(
                // Translators: {keyboard} is the name of a keyboard layout, such as "German".
                &gettext(
                    "At each start it is typed on this keyboard: {keyboard}. Characters that are made by several keys may not work there.",
                ),
                &[("keyboard", &keyboard.unwrap_or_default())],
            )
        });
        Self {
            wanted: encryption.is_wanted(),
            keeps_home: session.keeps_home(),
            chip: session.offers_tpm2().then(|| encryption.is_tpm2_wanted()),
            passphrase: typed_twice::View {
                made: encryption.passphrase().is_made(),
                fault: fault.or_else(|| encryption.fault().and_then(issues::passphrase)),
                strength: encryption.strength(),
                hint: encryption.fault().and_then(issues::hint),
                forgotten: encryption.passphrase().forgotten(),
            },
            caution,
            may_go_on: session.may_go_on(),
        }
    }
}

/// What encryption means, or why it can not be turned on.
fn meaning(keeps_home: bool) -> String {
    match keeps_home {
        false => gettext("Files and settings can be read only with the passphrase. It is asked for at each start."),
        true => gettext(
            "Personal files of the earlier system are kept, and would not be encrypted. To encrypt this system, go back and turn Keep Personal Files off.",
        ),
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    switch: Switch,
    passphrase: TypedTwice,
    caution: gtk::Label,
    chip: Switch,
    chip_group: adw::PreferencesGroup,
}

impl SimpleComponent for Encryption {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        Frame::new(Page::Encryption, &gettext("Encryption"), &gettext("_Next"))
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let tell = sender.clone();
        let switch = Switch::new(&gettext("Encrypt This System"), &meaning(false), move |wanted| {
            let _ = tell.output(Change::Encrypt(wanted));
        });
        let group = adw::PreferencesGroup::builder()
            .description(gettext("Recommended for a computer that can be lost or stolen."))
            .build();
        group.add(&switch.row);
        frame.body.append(&group);
        let words = Words {
            title: gettext("Passphrase"),
            make: gettext("Make a Passphrase for Me"),
            first: gettext("Passphrase"),
            again: gettext("Passphrase Again"),
        };
        let tell = sender.clone();
        let made = gettext("Six random words, shown once when the system is installed");
        let passphrase = TypedTwice::new(&words, &made, move |said| {
            let _ = tell.output(match said {
                Said::Make(make) => Change::MakePassphrase(make),
                Said::First(passphrase) => Change::Passphrase(passphrase),
                Said::Again(again) => Change::PassphraseAgain(again),
            });
        });
        passphrase.root.set_visible(false);
        frame.body.append(&passphrase.root);
        let caution = line();
        passphrase.root.append(&caution);
        let tell = sender.clone();
        let chip = Switch::new(
            &gettext("Unlock With This Computer's Security Chip"),
            &gettext(
                "After the first start with Secure Boot on, the chip opens the system and the passphrase is rarely asked for. That protects a disk that is taken out; whoever has the whole computer can start it, and only the passwords of the accounts keep them out.",
            ),
            move |wanted| {
                let _ = tell.output(Change::UnlockWithChip(wanted));
            },
        );
        let chip_group = adw::PreferencesGroup::new();
        chip_group.add(&chip.row);
        chip_group.set_visible(false);
        frame.body.append(&chip_group);
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let widgets = Widgets { frame, switch, passphrase, caution, chip, chip_group };
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
        widgets.switch.show(view.wanted);
        // What is on and can not be is turned off by the person alone.
        widgets.switch.row.set_sensitive(view.wanted || !view.keeps_home);
        widgets.switch.row.set_subtitle(&meaning(view.keeps_home));
        widgets.passphrase.root.set_visible(view.wanted);
        widgets.passphrase.show(&view.passphrase);
        widgets.chip_group.set_visible(view.chip.is_some());
        widgets.chip.show(view.chip.unwrap_or_default());
        show_line(&widgets.caution, view.caution.as_deref(), true);
        widgets.frame.button.set_sensitive(view.may_go_on);
    }
}
