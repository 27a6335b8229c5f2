//! Which time zone. The list is the medium's; no network is asked.

use super::Input;
use crate::{
    parts::{
        choice_list::{Choice, ChoiceList},
        frame::Frame,
    },
    sentences::{fill, languages},
    session::{Change, Page, Session},
};
use gettextrs::gettext;
use relm4::{
    ComponentParts, ComponentSender, SimpleComponent, gtk,
    gtk::{glib, prelude::*},
};

/// The page.
pub struct TimeZone {
    view: View,
}

/// What it shows.
#[derive(Debug, Clone, Default)]
pub struct View {
    zones: Vec<Choice>,
    chosen: Option<String>,
    may_go_on: bool,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session) -> Self {
        let offered = session.offer().map_or(&[][..], |offer| offer.manifest.offered.timezones.as_slice());
        let mut zones: Vec<Choice> = offered
            .iter()
            .map(|zone| Choice {
                id: zone.clone(),
                group: languages::region(zone),
                title: languages::city(zone),
                subtitle: String::new(),
                keywords: zone.replace(['_', '/'], " "),
            })
            .collect();
        zones.sort_by(|a, b| (&a.group, &a.title).cmp(&(&b.group, &b.title)));
        Self { zones, chosen: session.timezone().map(str::to_owned), may_go_on: session.may_go_on() }
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    list: ChoiceList,
    clock: gtk::Label,
}

impl SimpleComponent for TimeZone {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        Frame::new(Page::TimeZone, &gettext("Time Zone"), &gettext("_Next"))
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        frame.say(&gettext("Choose a city that has the same time as you."));
        let tell = sender.clone();
        let list = ChoiceList::new(&gettext("Search Cities"), move |zone| {
            let _ = tell.output(Change::TimeZone(zone.to_owned()));
        });
        frame.body.append(&list.root);
        let clock = frame.note.clone();
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        ComponentParts { model: Self { view: View::default() }, widgets: Widgets { frame, list, clock } }
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
        widgets.list.fill(self.view.zones.clone());
        widgets.list.mark(self.view.chosen.as_deref());
        widgets.frame.button.set_sensitive(self.view.may_go_on);
        let said = self.view.chosen.as_deref().and_then(clock).unwrap_or_default();
        widgets.clock.set_label(&said);
    }
}

/// What time it is there, if the clock of this computer is right.
fn clock(zone: &str) -> Option<String> {
    let there = glib::TimeZone::from_identifier(Some(zone))?;
    let now = glib::DateTime::now(&there).ok()?;
    // Translators: how a time of day is written, for strftime: %H is the hour of 24, %I the hour of 12, %M the minute.
    let time = now.format(&gettext("%H:%M")).ok()?;
    // Translators: {time} is a time of day, {city} a city.
    Some(fill(&gettext("It is {time} in {city}."), &[("time", &time), ("city", &languages::city(zone))]))
}
