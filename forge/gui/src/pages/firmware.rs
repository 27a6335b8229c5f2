//! Which proprietary firmware. The page is there only where a device wants some; all of it is off.

use super::Input;
use crate::{
    parts::{frame::Frame, switch::Switch},
    sentences::firmware::{self, Fact},
    session::{Change, Page, Session},
};
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};

/// The page.
pub struct Firmware {
    view: View,
}

/// What it shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    rows: Vec<Row>,
    /// The bundles that are on.
    accepted: Vec<String>,
}

/// A bundle and the devices that want it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    bundle: String,
    title: String,
    without: String,
    is_asked_for: bool,
    about: String,
    facts: Vec<Fact>,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session) -> Self {
        let wanted = session.wanted_firmware();
        let rows = wanted.iter().map(|row| Row {
            bundle: row.bundle.name.clone(),
            title: firmware::title(row),
            without: firmware::without(row.bundle.kind),
            is_asked_for: session.is_asked_for(&row.bundle.name),
            about: firmware::about(row.bundle),
            facts: firmware::facts(row.bundle),
        });
        let names = wanted.iter().map(|row| row.bundle.name.clone());
        Self { rows: rows.collect(), accepted: names.filter(|name| session.accepts(name)).collect() }
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    list: gtk::Box,
    shown: Vec<Row>,
    /// The switch of each bundle, in the order of what is shown.
    switches: Vec<Switch>,
}

impl SimpleComponent for Firmware {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        Frame::new(Page::Firmware, &gettext("Firmware"), &gettext("_Continue Without"))
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        frame.say(&gettext(
            "Devices of this computer ask for proprietary firmware: programs that run inside them, and that nobody but their makers can check. Nothing is added unless you turn it on, and you can change that later.",
        ));
        let list = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(18).build();
        frame.body.append(&list);
        frame.button.set_sensitive(true);
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let widgets = Widgets { frame, list, shown: Vec::new(), switches: Vec::new() };
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

    fn update_view(&self, widgets: &mut Widgets, sender: ComponentSender<Self>) {
        let view = &self.view;
        if widgets.shown != view.rows {
            while let Some(group) = widgets.list.first_child() {
                widgets.list.remove(&group);
            }
            widgets.switches = view.rows.iter().map(|row| build(&widgets.list, row, &sender)).collect();
            widgets.shown = view.rows.clone();
        }
        for (row, switch) in view.rows.iter().zip(&widgets.switches) {
            switch.show(view.accepted.contains(&row.bundle));
        }
        let label = match view.accepted.is_empty() {
            true => gettext("_Continue Without"),
            false => gettext("_Next"),
        };
        if widgets.frame.button.label().as_deref() != Some(label.as_str()) {
            widgets.frame.button.set_label(&label);
            widgets.frame.wrap_button();
        }
    }
}

/// The switch of a bundle, and below it what there is to know before it is turned on.
fn build(list: &gtk::Box, row: &Row, sender: &ComponentSender<Firmware>) -> Switch {
    let group = adw::PreferencesGroup::new();
    let subtitle = match row.is_asked_for {
        true => format!("{}\n{}", row.without, gettext("The answer file that was found asks for this.")),
        false => row.without.clone(),
    };
    let (tell, bundle) = (sender.clone(), row.bundle.clone());
    let switch = Switch::new(&row.title, &subtitle, move |accepted| {
        let _ = tell.output(Change::Firmware { bundle: bundle.clone(), accepted });
    });
    group.add(&switch.row);
    let about = adw::ExpanderRow::builder()
        .use_markup(false)
        .title(gettext("About This Firmware"))
        .subtitle(&row.about)
        .build();
    for (name, value) in &row.facts {
        let fact = adw::ActionRow::builder().use_markup(false).title(name).subtitle(value).build();
        fact.set_subtitle_selectable(true);
        fact.add_css_class("property");
        about.add_row(&fact);
    }
    let read = adw::ButtonRow::builder().title(gettext("Read the Licence…")).build();
    let (tell, bundle) = (sender.clone(), row.bundle.clone());
    read.connect_activated(move |_| {
        let _ = tell.output(Change::Licence(bundle.clone()));
    });
    about.add_row(&read);
    group.add(&about);
    list.append(&group);
    switch
}
