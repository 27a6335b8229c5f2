//! What this is, and which language.

use super::Input;
use crate::{
    live_desktop,
    parts::{
        choice_list::{Choice, ChoiceList},
        frame::Frame,
        trouble::Trouble,
    },
    sentences::{errors, languages},
    session::{Change, Page, Session},
};
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};

/// The page.
pub struct Welcome {
    view: View,
}

/// What it shows.
#[derive(Debug, Clone, Default)]
pub struct View {
    languages: Vec<Choice>,
    chosen: Option<String>,
    trouble: Option<errors::Told>,
    may_go_on: bool,
    is_looking: bool,
    is_filled_in: bool,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session) -> Self {
        let locales = session.offer().map_or(&[][..], |offer| offer.manifest.offered.locales.as_slice());
        let shares = |locale: &String| {
            let language = crate::session::choices::language_of(locale);
            locales.iter().filter(|other| crate::session::choices::language_of(other) == language).count() > 1
        };
        // C and POSIX are languages of programs.
        let is_spoken = |locale: &&String| !matches!(crate::session::choices::language_of(locale), "C" | "POSIX");
        let mut choices: Vec<Choice> = locales
            .iter()
            .filter(is_spoken)
            .map(|locale| Choice {
                id: locale.clone(),
                group: String::new(),
                title: languages::language(locale),
                subtitle: languages::territory(locale).filter(|_| shares(locale)).unwrap_or_default(),
                keywords: locale.clone(),
            })
            .collect();
        // What the computer speaks already stands first, where it is seen.
        let is_other = |choice: &Choice| Some(choice.id.as_str()) != session.spoken();
        choices.sort_by(|a, b| (is_other(a), &a.title, &a.subtitle).cmp(&(is_other(b), &b.title, &b.subtitle)));
        Self {
            languages: choices,
            chosen: session.language().map(str::to_owned),
            trouble: session.trouble().map(errors::refused),
            may_go_on: session.may_go_on(),
            is_looking: !session.has_begun(),
            is_filled_in: session.is_filled_in(),
        }
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    list: ChoiceList,
    spinner: adw::Spinner,
    trouble: Trouble,
}

impl SimpleComponent for Welcome {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        // Translators: the button that leads to the next page; the underscore stands before its access key.
        Frame::new(Page::Welcome, &gettext("Welcome"), &gettext("_Next"))
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let icon = gtk::Image::builder().icon_name(crate::identity::ICON).pixel_size(96).build();
        icon.set_accessible_role(gtk::AccessibleRole::Presentation);
        frame.body.append(&icon);
        let heading = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(9).build();
        let title = gtk::Label::builder().label(gettext("Install InterGenOS")).wrap(true).build();
        title.add_css_class("title-1");
        title.set_justify(gtk::Justification::Center);
        let sentence = gtk::Label::builder()
            .label(gettext("A few questions, then a computer that starts only what you trust."))
            .wrap(true)
            .justify(gtk::Justification::Center)
            .build();
        let calm = gtk::Label::builder()
            .label(gettext("Nothing is changed on this computer until you say so on the last page."))
            .wrap(true)
            .justify(gtk::Justification::Center)
            .build();
        calm.add_css_class("dimmed");
        calm.add_css_class("caption");
        for label in [&title, &sentence, &calm] {
            heading.append(label);
        }
        frame.body.append(&heading);
        let tell = sender.clone();
        let list = ChoiceList::new(&gettext("Search Languages"), move |locale| {
            let _ = tell.output(Change::Language(locale.to_owned()));
        });
        frame.body.append(&list.root);
        let spinner = adw::Spinner::builder().height_request(32).build();
        spinner
            .upcast_ref::<gtk::Widget>()
            .update_property(&[gtk::accessible::Property::Label(&gettext("Looking at this computer"))]);
        frame.body.append(&spinner);
        let tell = sender.clone();
        let trouble = Trouble::new(move || {
            let _ = tell.output(Change::TryAgain);
        });
        frame.body.append(&trouble.root);
        if live_desktop::is_there() {
            let leave = gtk::Button::builder().label(gettext("_Try Without Installing")).use_underline(true).build();
            leave.add_css_class("pill");
            leave.connect_clicked(|button| {
                if let Some(window) = button.root().and_downcast::<gtk::Window>() {
                    window.close();
                }
            });
            frame.put_beside(&leave);
        }
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let widgets = Widgets { frame, list, spinner, trouble };
        ComponentParts { model: Self { view: View { is_looking: true, ..View::default() } }, widgets }
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
        widgets.list.fill(view.languages.clone());
        widgets.list.mark(view.chosen.as_deref());
        widgets.list.root.set_visible(!view.languages.is_empty());
        widgets.spinner.set_visible(view.is_looking);
        widgets.trouble.show(view.trouble.as_ref(), &widgets.frame.body);
        if view.trouble.is_some() {
            widgets.trouble.again.grab_focus();
        }
        widgets.frame.button.set_sensitive(view.may_go_on);
        if view.is_filled_in {
            // Translators: an administrator left a file with answers on this medium.
            let text = gettext("Answers from a file are filled in. The file chooses no disk.");
            widgets.frame.banner.set_title(&text);
            widgets.frame.banner.set_visible(true);
            widgets.frame.banner.set_revealed(true);
        }
    }
}
