//! One of many: rows in groups, with a search, the chosen one with a check mark.

use super::plain::plain;
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk, gtk::glib};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

/// After so many frames a page that came on screen has its place.
const LAID_OUT: u32 = 4;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is told when it is chosen.
    pub id: String,
    /// Heading of its group, or empty.
    pub group: String,
    /// What is chosen.
    pub title: String,
    /// What tells it apart from others, or empty.
    pub subtitle: String,
    /// More words that find it.
    pub keywords: String,
}

/// A list of choices with a search.
#[derive(Debug, Clone)]
pub struct ChoiceList {
    /// The widget.
    pub root: gtk::Box,
    /// Where a search is typed.
    pub search: gtk::SearchEntry,
    groups: gtk::Box,
    nothing: gtk::Label,
    rows: Rc<RefCell<Vec<Row>>>,
    /// Whether a row tells that it was chosen: not while the program sets it.
    chosen: Rc<dyn_chosen::Chosen>,
    filled: Rc<RefCell<Vec<Choice>>>,
    marked: Rc<Cell<Option<usize>>>,
}

mod dyn_chosen {
    /// What is called with the id of a row that a person chose.
    pub struct Chosen(pub Box<dyn Fn(&str)>);

    impl std::fmt::Debug for Chosen {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Chosen")
        }
    }
}

#[derive(Debug)]
struct Row {
    id: String,
    words: String,
    row: adw::ActionRow,
    mark: gtk::Image,
    group: adw::PreferencesGroup,
}

impl ChoiceList {
    /// An empty list; `name` is what a screen reader says of the search.
    pub fn new(name: &str, chosen: impl Fn(&str) + 'static) -> Self {
        let root = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(18).build();
        let search = gtk::SearchEntry::builder().placeholder_text(name).build();
        search.update_property(&[gtk::accessible::Property::Label(name)]);
        let groups = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(18).build();
        // Translators: a search found nothing.
        let nothing = gtk::Label::builder().label(gettext("Nothing Found")).visible(false).margin_top(24).build();
        nothing.add_css_class("dimmed");
        root.append(&search);
        root.append(&groups);
        root.append(&nothing);
        let list = Self {
            root,
            search,
            groups,
            nothing,
            rows: Rc::default(),
            chosen: Rc::new(dyn_chosen::Chosen(Box::new(chosen))),
            filled: Rc::default(),
            marked: Rc::default(),
        };
        let filter = list.clone();
        list.search.connect_search_changed(move |search| filter.filter(&search.text()));
        let found = list.clone();
        // Enter takes the first that was found; where nothing is searched for, it is the primary button.
        list.search.connect_activate(move |search| match search.text().is_empty() {
            true => search.activate_default(),
            false => found.choose_first(),
        });
        // Escape leaves the search, and then the page.
        list.search.connect_stop_search(|search| match search.text().is_empty() {
            true => drop(search.activate_action("navigation.pop", None)),
            false => search.set_text(""),
        });
        list
    }

    /// Shows these choices. Nothing happens when they are shown already.
    pub fn fill(&self, choices: Vec<Choice>) {
        if *self.filled.borrow() == choices {
            return;
        }
        while let Some(group) = self.groups.first_child() {
            self.groups.remove(&group);
        }
        let mut rows: Vec<Row> = Vec::new();
        let mut heading: Option<&str> = None;
        for choice in &choices {
            let group = match rows.last() {
                Some(last) if heading == Some(&choice.group) => last.group.clone(),
                _ => {
                    let group = adw::PreferencesGroup::builder().title(plain(&choice.group)).build();
                    self.groups.append(&group);
                    group
                }
            };
            heading = Some(&choice.group);
            rows.push(self.row(choice, group));
        }
        *self.rows.borrow_mut() = rows;
        *self.filled.borrow_mut() = choices;
        self.marked.set(None);
        self.filter(&self.search.text());
    }

    fn row(&self, choice: &Choice, group: adw::PreferencesGroup) -> Row {
        // A name of the system is text, not markup.
        let row = adw::ActionRow::builder().use_markup(false).title(&choice.title).subtitle(&choice.subtitle).build();
        row.set_activatable(true);
        let mark = gtk::Image::builder().icon_name("object-select-symbolic").build();
        mark.set_opacity(0.0);
        row.add_suffix(&mark);
        let (chosen, id) = (self.chosen.clone(), choice.id.clone());
        row.connect_activated(move |_| (chosen.0)(&id));
        group.add(&row);
        let words = [&*choice.title, &*choice.subtitle, &*choice.keywords].join(" ");
        Row { id: choice.id.clone(), words: folded(&words), row, mark, group }
    }

    /// Marks the chosen one.
    pub fn mark(&self, id: Option<&str>) {
        let rows = self.rows.borrow();
        let at = id.and_then(|id| rows.iter().position(|row| row.id == id));
        if self.marked.replace(at) == at {
            return;
        }
        for (index, row) in rows.iter().enumerate() {
            let is_chosen = Some(index) == at;
            row.mark.set_opacity(f64::from(u8::from(is_chosen)));
            row.row.upcast_ref::<gtk::Widget>().update_state(&[gtk::accessible::State::Selected(Some(is_chosen))]);
        }
        drop(rows);
        self.scroll();
    }

    /// Chooses the first row that the search found.
    fn choose_first(&self) {
        // The search waits for a pause in typing; Enter does not.
        self.filter(&self.search.text());
        let found = self.rows.borrow().iter().find(|row| row.row.is_visible()).map(|row| row.id.clone());
        if let Some(id) = found {
            (self.chosen.0)(&id);
            self.search.set_text("");
        }
    }

    /// Scrolls to the marked row, once it has a place: a page is laid out, and takes the focus, after it was filled.
    fn scroll(&self) {
        let (list, frames) = (self.clone(), Cell::new(0));
        self.root.add_tick_callback(move |root, _| {
            frames.set(frames.get() + 1);
            if frames.get() < LAID_OUT {
                return glib::ControlFlow::Continue;
            }
            let viewport = root.ancestor(gtk::Viewport::static_type()).and_downcast::<gtk::Viewport>();
            let rows = list.rows.borrow();
            if let (Some(viewport), Some(row)) = (viewport, list.marked.get().and_then(|at| rows.get(at))) {
                bring_into_view(&viewport, row.row.upcast_ref());
            }
            glib::ControlFlow::Break
        });
    }

    /// Shows the rows that hold every word of the search.
    fn filter(&self, search: &str) {
        let search = folded(search);
        let words: Vec<&str> = search.split_whitespace().collect();
        let rows = self.rows.borrow();
        let mut any = false;
        for row in rows.iter() {
            let fits = words.iter().all(|word| row.words.contains(word));
            row.row.set_visible(fits);
            any |= fits;
        }
        for row in rows.iter() {
            // Whether the row itself is shown: a list that is hidden until it is filled has none on screen yet.
            let some = rows.iter().any(|other| other.group == row.group && other.row.get_visible());
            row.group.set_visible(some);
        }
        self.nothing.set_visible(!any && !rows.is_empty());
    }
}

/// Scrolls until a widget stands in the middle, if it does not stand where it is seen already.
fn bring_into_view(viewport: &gtk::Viewport, widget: &gtk::Widget) {
    let place = viewport.child().and_then(|content| widget.compute_bounds(&content));
    let (Some(place), Some(scroll)) = (place, viewport.vadjustment()) else { return };
    let (top, height) = (f64::from(place.y()), f64::from(place.height()));
    if top < scroll.value() || top + height > scroll.value() + scroll.page_size() {
        scroll.set_value(top - (scroll.page_size() - height) / 2.0);
    }
}

/// Without case and accents, so that "zurich" finds "Zürich".
fn folded(text: &str) -> String {
    let normal = glib::normalize(text, glib::NormalizeMode::All);
    normal.chars().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).flat_map(char::to_lowercase).collect()
}
