//! Which keyboard, with a place to try it.

use super::Input;
use crate::{
    keyboard_names::KeyboardNames,
    kiosk,
    parts::{
        choice_list::{Choice, ChoiceList},
        frame::Frame,
    },
    sentences::languages,
    session::{Change, Page, Session, choices},
};
use forge_model::answers::KeyboardAnswers;
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*};

/// The page.
pub struct Keyboard {
    view: View,
}

/// What it shows.
#[derive(Debug, Clone, Default)]
pub struct View {
    keyboards: Vec<Choice>,
    chosen: Option<String>,
    may_go_on: bool,
}

fn id(layout: &str, variant: &str) -> String {
    format!("{layout} {variant}")
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session, names: &KeyboardNames) -> Self {
        let offered = session.offer().map_or(&[][..], |offer| offer.manifest.offered.keyboards.as_slice());
        let mut keyboards: Vec<Choice> = offered
            .iter()
            .map(|keyboard| {
                let code = languages::keyboard_code(&keyboard.layout, &keyboard.variant);
                Choice {
                    id: id(&keyboard.layout, &keyboard.variant),
                    group: String::new(),
                    title: names.words(&keyboard.layout, &keyboard.variant),
                    subtitle: String::new(),
                    keywords: code,
                }
            })
            .collect();
        // Those that fit the language stand first, where they are seen.
        let fitting = session.offer().zip(session.language()).and_then(|(offer, language)| {
            choices::keyboard(&offer.manifest.offered, language).map(|keyboard| keyboard.layout)
        });
        let is_other = |choice: &Choice| choice.id.split(' ').next() != fitting.as_deref();
        // A screen that began again with one shows it first, where the field to try it is.
        let begun_with =
            kiosk::is_there().then(kiosk::keyboard).map(|keyboard| id(&keyboard.layout, &keyboard.variant));
        let is_not_it = |choice: &Choice| Some(&choice.id) != begun_with.as_ref();
        keyboards.sort_by(|a, b| (is_not_it(a), is_other(a), &a.title).cmp(&(is_not_it(b), is_other(b), &b.title)));
        let chosen = session.keyboard().map(|keyboard| id(&keyboard.layout, &keyboard.variant));
        Self { keyboards, chosen, may_go_on: session.may_go_on() }
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    list: ChoiceList,
}

impl SimpleComponent for Keyboard {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        Frame::new(Page::Keyboard, &gettext("Keyboard"), &gettext("_Next"))
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let group = adw::PreferencesGroup::builder()
            .description(gettext("Choose the keyboard that is in front of you. Passwords are typed on it, too."))
            .build();
        if kiosk::is_there() {
            group.set_description(Some(&gettext(
                "Choose the keyboard that is in front of you. Passwords are typed on it, too. The screen is dark for a \
                 moment when you choose another one. Super and Space change to a keyboard with the letters from a to z, \
                 and back.",
            )));
        }
        let test = adw::EntryRow::builder().title(gettext("Type Here to Test")).activates_default(true).build();
        group.add(&test);
        frame.body.append(&group);
        let tell = sender.clone();
        let list = ChoiceList::new(&gettext("Search Keyboards"), move |id| {
            let (layout, variant) = id.split_once(' ').unwrap_or((id, ""));
            let keyboard = KeyboardAnswers { layout: layout.into(), variant: variant.into() };
            let _ = tell.output(Change::Keyboard(keyboard));
        });
        frame.body.append(&list.root);
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        ComponentParts { model: Self { view: View::default() }, widgets: Widgets { frame, list } }
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
        widgets.list.fill(self.view.keyboards.clone());
        widgets.list.mark(self.view.chosen.as_deref());
        widgets.frame.button.set_sensitive(self.view.may_go_on);
    }
}
