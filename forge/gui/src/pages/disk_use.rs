//! Which part of the disk: the ways that there are, what each leaves and loses, and what there is to decide about it.

use super::Input;
use crate::{
    parts::{
        before_after, disk_row,
        frame::Frame,
        plain::plain,
        radio_row::{self, RadioRow},
        size_row::SizeRow,
        switch::Switch,
        typed_twice::{line, show_line},
    },
    sentences::{disks, fill, issues, size, usage as words},
    session::{BeforeAfter, Change, Page, Session, usage::Choice},
};
use forge_model::answers::Way;
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

/// The page.
pub struct DiskUse {
    view: View,
}

/// What it shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    disk: String,
    ways: Vec<WayRow>,
    chosen: Option<Way>,
    /// Whether an earlier system's personal files stay, and what stands against it; nothing where there is none.
    home: Option<(bool, String)>,
    deletes: Vec<DeleteRow>,
    /// The EFI system partitions that can be shared.
    esps: Vec<(u32, String)>,
    /// How much room there is in each, or why one can not be shared.
    esp_rooms: Vec<String>,
    shared: Option<u32>,
    sizes: Vec<Size>,
    left_alone: Vec<(String, String)>,
    fault: Option<String>,
    before_after: BeforeAfter,
    consequence: String,
    may_go_on: bool,
}

/// A way to go.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WayRow {
    way: Way,
    title: String,
    text: String,
    is_possible: bool,
}

/// A partition that can be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DeleteRow {
    number: u32,
    title: String,
    state: String,
    goes: bool,
}

/// A size that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Size {
    /// Of which partition; none for the state of the new system.
    of: Option<u32>,
    title: String,
    text: String,
    range: (u64, u64),
    bytes: u64,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session) -> Self {
        let (Some(disk), Some(offer)) = (session.disk(), session.offer()) else { return Self::default() };
        let chosen = session.disk_way();
        let ways = session.ways().into_iter().map(|offered| WayRow {
            way: offered.way,
            title: words::way(offered.way, &offer.manifest.name),
            text: words::meaning(&offered, disk),
            is_possible: offered.against.is_empty(),
        });
        let joined = |found: &[_]| found.iter().map(issues::issue).collect::<Vec<_>>().join(" ");
        let home = (chosen == Some(Way::Replace)).then(|| (session.keeps_home(), joined(&session.against_home())));
        let deletes = session.deletable().into_iter().map(|(found, goes)| {
            let (title, state) = words::delete(&found, goes);
            DeleteRow { number: found.number, title, state, goes }
        });
        let esps = session.esps();
        let shared = esps.iter().filter(|esp| esp.against.is_none());
        let shrinks = session.shrinkable().into_iter().map(|row| {
            let (title, text) = words::shrink(&row);
            Size { of: Some(row.found.number), title, text, range: (row.least, row.found.size), bytes: row.keeps }
        });
        let state = session.state_room().map(|room| Size {
            of: None,
            title: gettext("Your Files and Settings"),
            text: fill(&gettext("From {least} to {most}"), &[("least", &size(room.least)), ("most", &size(room.most))]),
            range: (room.least, room.most),
            bytes: room.gets,
        });
        let left_alone = session.left_alone().into_iter();
        let fault = session.layout().and_then(Result::err).map(|found| joined(&found));
        let before_after = session.before_after();
        Self {
            disk: disks::name_and_size(disk),
            ways: ways.collect(),
            chosen,
            home,
            deletes: deletes.collect(),
            esps: shared.map(|esp| (esp.found.number, words::esp(esp))).collect(),
            esp_rooms: esps.iter().map(words::esp_room).collect(),
            shared: session.shared_esp(),
            sizes: shrinks.chain(state).collect(),
            left_alone: left_alone
                .map(|left| (disks::partition_and_kind(&left.found), words::left_alone(&left)))
                .collect(),
            fault,
            consequence: chosen.map(|way| words::consequence(way, &before_after)).unwrap_or_default(),
            before_after,
            may_go_on: session.may_go_on(),
        }
    }

    /// Which rows there are; what stands in each may change without making them anew.
    fn shape(&self) -> impl PartialEq + use<> {
        let numbers = |of: &[DeleteRow]| of.iter().map(|row| (row.number, row.title.clone())).collect::<Vec<_>>();
        let sizes: Vec<Option<u32>> = self.sizes.iter().map(|size| size.of).collect();
        let home = self.home.as_ref().map(|(_, against)| against.clone());
        (home, numbers(&self.deletes), self.esps.clone(), self.esp_rooms.clone(), sizes, self.left_alone.clone())
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    group: adw::PreferencesGroup,
    list: gtk::ListBox,
    ways: Rc<RefCell<Vec<(Way, RadioRow)>>>,
    options: gtk::Box,
    home: Option<Switch>,
    deletes: Vec<Switch>,
    esps: Option<EspRow>,
    sizes: Vec<SizeRow>,
    fault: gtk::Label,
    before_after: before_after::View,
    drawn: View,
}

/// Where the keyboard is among what there is to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Delete(u32),
    Size(Option<u32>),
    Esp,
}

impl Widgets {
    /// Each row with its place, as it was drawn for this view.
    fn places<'a>(&'a self, view: &'a View) -> impl Iterator<Item = (Place, &'a gtk::Widget)> {
        let deletes = view.deletes.iter().zip(&self.deletes);
        let deletes = deletes.map(|(row, switch)| (Place::Delete(row.number), switch.row.upcast_ref()));
        let sizes = view.sizes.iter().zip(&self.sizes).map(|(size, row)| (Place::Size(size.of), row.row.upcast_ref()));
        deletes.chain(sizes).chain(self.esps.iter().map(|esps| (Place::Esp, esps.row.upcast_ref())))
    }

    fn place_of_keyboard(&self) -> Option<Place> {
        let focus = self.options.root().and_then(|root| root.focus())?;
        let has_it = |row: &gtk::Widget| focus == *row || focus.is_ancestor(row);
        self.places(&self.drawn).find(|(_, row)| has_it(row)).map(|(place, _)| place)
    }

    /// The keyboard stays where it was, although the rows were made anew.
    fn bring_keyboard(&self, at: Option<Place>, view: &View) {
        if let Some((_, row)) = self.places(view).find(|(place, _)| Some(*place) == at) {
            row.child_focus(gtk::DirectionType::TabForward);
        }
    }
}

impl SimpleComponent for DiskUse {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        Frame::new(Page::DiskUse, &gettext("Use of the Disk"), &gettext("_Next"))
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let list = disk_row::list();
        let group = radio_row::group("", &list);
        let options = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(24).build();
        let fault = line();
        let before_after = before_after::View::default();
        // The bars are in sight of the choice; what is decided about it comes below, and last what becomes of each part.
        frame.body.append(&group);
        frame.body.append(&before_after.bars);
        frame.body.append(&options);
        frame.body.append(&fault);
        frame.body.append(&before_after.list);
        let ways: Rc<RefCell<Vec<(Way, RadioRow)>>> = Rc::default();
        let (tell, known) = (sender.clone(), ways.clone());
        list.connect_row_activated(move |_, row| {
            let way = known.borrow().iter().find(|(_, known)| known.row == *row).map(|(way, _)| *way);
            if let Some(way) = way {
                let _ = tell.output(Change::Use(Choice::Way(way)));
            }
        });
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let widgets = Widgets {
            frame,
            group,
            list,
            ways,
            options,
            home: None,
            deletes: vec![],
            esps: None,
            sizes: vec![],
            fault,
            before_after,
            drawn: View::default(),
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

    fn update_view(&self, widgets: &mut Widgets, sender: ComponentSender<Self>) {
        let view = &self.view;
        if widgets.drawn.ways != view.ways {
            draw_ways(widgets, view);
        }
        for (way, row) in widgets.ways.borrow().iter() {
            row.show(view.chosen == Some(*way));
        }
        if widgets.drawn.shape() != view.shape() {
            let at = widgets.place_of_keyboard();
            draw_options(widgets, view, &sender);
            widgets.bring_keyboard(at, view);
        }
        if let (Some(switch), Some((keeps, against))) = (&widgets.home, &view.home) {
            // What is on and can not be is turned off by the person alone.
            switch.row.set_sensitive(*keeps || against.is_empty());
            switch.show(*keeps);
        }
        for (row, switch) in view.deletes.iter().zip(&widgets.deletes) {
            switch.row.set_subtitle(&row.state);
            switch.show(row.goes);
        }
        if let Some(esps) = &widgets.esps {
            esps.show(view.shared);
        }
        for (size, row) in view.sizes.iter().zip(&widgets.sizes) {
            row.show(&size.title, &size.text, size.range, size.bytes);
        }
        show_line(&widgets.fault, view.fault.as_deref(), true);
        widgets.before_after.show(&view.before_after);
        widgets.frame.set_note(&view.consequence);
        widgets.frame.button.set_sensitive(view.may_go_on);
        widgets.drawn = view.clone();
    }
}

fn draw_ways(widgets: &Widgets, view: &View) {
    let at = widgets.ways.borrow().iter().find(|(_, known)| known.row.has_focus()).map(|(way, _)| *way);
    widgets.list.remove_all();
    let none = radio_row::none();
    let rows: Vec<(Way, RadioRow)> =
        view.ways.iter().map(|row| (row.way, RadioRow::new(&row.title, &row.text, row.is_possible, &none))).collect();
    rows.iter().for_each(|(_, row)| widgets.list.append(&row.row));
    // The keyboard stays where it was.
    if let Some((_, row)) = at.and_then(|at| rows.iter().find(|(way, _)| *way == at)) {
        row.row.grab_focus();
    }
    *widgets.ways.borrow_mut() = rows;
    // Translators: {disk} is the name of a disk and its size.
    let asked = fill(&gettext("How is {disk} used? Nothing is written before the last page."), &[("disk", &view.disk)]);
    widgets.group.set_description(Some(&plain(&asked)));
}

/// What there is to decide about the way that is chosen.
fn draw_options(widgets: &mut Widgets, view: &View, sender: &ComponentSender<DiskUse>) {
    while let Some(child) = widgets.options.first_child() {
        widgets.options.remove(&child);
    }
    let tell = |sender: &ComponentSender<DiskUse>| {
        let tell = sender.clone();
        move |choice| {
            let _ = tell.output(Change::Use(choice));
        }
    };
    let group = |title: &str, text: &str| {
        let group = adw::PreferencesGroup::builder().title(title).build();
        if !text.is_empty() {
            group.set_description(Some(&plain(text)));
        }
        widgets.options.append(&group);
        group
    };
    widgets.home = view.home.as_ref().map(|(_, against)| {
        let text = match against.as_str() {
            "" => gettext("They stay where they are, and the new system uses them. Everything else of it is lost."),
            against => against.to_owned(),
        };
        let tell = tell(sender);
        let switch = Switch::new(&gettext("Keep Personal Files"), &text, move |keep| tell(Choice::KeepHome(keep)));
        group("", "").add(&switch.row);
        switch
    });
    widgets.deletes = Vec::new();
    if !view.deletes.is_empty() {
        let text = gettext("What is turned on is deleted, with everything in it. All else stays as it is.");
        let group = group(&gettext("Partitions"), &text);
        for row in &view.deletes {
            let (tell, number) = (tell(sender), row.number);
            let switch = Switch::new(&row.title, &row.state, move |goes| tell(Choice::Delete { number, goes }));
            group.add(&switch.row);
            widgets.deletes.push(switch);
        }
    }
    widgets.sizes = Vec::new();
    if !view.sizes.is_empty() {
        let group = group(&gettext("Sizes"), "");
        for size in &view.sizes {
            let (tell, of) = (tell(sender), size.of);
            let row = SizeRow::new(move |bytes| {
                tell(match of {
                    Some(number) => Choice::Shrink { number, to: bytes },
                    None => Choice::State(bytes),
                });
            });
            group.add(&row.row);
            group.add(&row.slider);
            widgets.sizes.push(row);
        }
    }
    widgets.esps = None;
    if !view.esp_rooms.is_empty() {
        let row = EspRow::new(&view.esps, tell(sender));
        row.row.set_subtitle(&view.esp_rooms.join(" "));
        group(&gettext("Boot Files"), "").add(&row.row);
        widgets.esps = Some(row);
    }
    if !view.left_alone.is_empty() {
        let group = group(&gettext("Not Made Smaller"), "");
        for (name, why) in &view.left_alone {
            group.add(&radio_row::told(name, why, None));
        }
    }
}

/// Which EFI system partition: one of the system's own, or one that is there.
struct EspRow {
    row: adw::ComboRow,
    numbers: Rc<[Option<u32>]>,
    shows: Rc<Cell<bool>>,
}

impl EspRow {
    fn new(esps: &[(u32, String)], tell: impl Fn(Choice) + 'static) -> Self {
        let own = gettext("A partition of its own");
        let names: Vec<&str> = [own.as_str()].into_iter().chain(esps.iter().map(|(_, name)| name.as_str())).collect();
        let numbers: Rc<[Option<u32>]> =
            [None].into_iter().chain(esps.iter().map(|(number, _)| Some(*number))).collect();
        let row = adw::ComboRow::builder()
            .use_markup(false)
            .title(gettext("Partition for Boot Files"))
            .model(&gtk::StringList::new(&names))
            .build();
        let shows = Rc::new(Cell::new(false));
        let (known, is_shown) = (numbers.clone(), shows.clone());
        row.connect_selected_notify(move |row| {
            if let (false, Some(number)) = (is_shown.get(), known.get(row.selected() as usize)) {
                tell(Choice::ShareEsp(*number));
            }
        });
        Self { row, numbers, shows }
    }

    /// Shows what the session has, and tells nothing of that.
    fn show(&self, shared: Option<u32>) {
        self.shows.set(true);
        let at = self.numbers.iter().position(|number| *number == shared).unwrap_or_default();
        self.row.set_selected(at as u32);
        self.shows.set(false);
    }
}
