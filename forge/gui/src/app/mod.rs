//! The window: carries changes to the session and effects to pages and gateway. It decides nothing.
//!
//! | file | what it does |
//! |---|---|
//! | `again` | starts the program again as another part of itself |
//! | `effects` | what follows from a change: calls to the gateway, pages that come |
//! | [`guide`] | the window of the first-boot guide |
//! | `help` | what F1 shows |
//! | `keys` | Enter, Ctrl+L, F1 |
//! | `look` | style and icons |
//! | `questions` | what the window asks and tells beside its pages |
//! | `record` | the log that the drawer shows |
//! | `script` | steps that it takes by itself |

mod again;
mod effects;
pub mod guide;
mod help;
mod keys;
mod look;
mod questions;
mod record;
mod script;

use crate::{
    country_zones,
    gateway::Gateway,
    keyboard_names::KeyboardNames,
    kiosk, language,
    pages::Pages,
    prefill,
    session::{Change, Page, Session},
};
use gettextrs::gettext;
use record::Record;
use relm4::{Component, ComponentParts, ComponentSender, adw, adw::prelude::*};
use std::{cell::Cell, rc::Rc, sync::Arc};

/// The window's state.
pub struct App {
    session: Session,
    gateway: Arc<dyn Gateway>,
    names: KeyboardNames,
    record: Record,
    may_close: Rc<Cell<bool>>,
    listens: bool,
    steps: Vec<Change>,
}

/// The window's widgets.
pub struct Widgets {
    window: adw::ApplicationWindow,
    navigation: adw::NavigationView,
    toasts: adw::ToastOverlay,
    pages: Pages,
}

impl Widgets {
    /// Lets the navigation view know a page, before it is told to show it.
    fn know(&self, page: Page) {
        if self.navigation.find_page(page.tag()).is_none() {
            self.navigation.add(self.pages.widget(page));
        }
    }
}

/// What comes in.
#[derive(Debug)]
pub enum Input {
    /// The first frame is on the screen.
    Seen,
    /// Something happened.
    Change(Change),
    /// The names of keyboards are known.
    Names(KeyboardNames),
    /// The next step of a script.
    Step,
    /// The window was asked to close although something would be lost.
    AskToClose,
    /// Show the help of the page.
    Help,
    /// Open or close the log.
    ShowLog,
    /// The keyboard pressed the primary button.
    Primary,
}

impl Component for App {
    type Init = Arc<dyn Gateway>;
    type Input = Input;
    type Output = ();
    type CommandOutput = Input;
    type Root = adw::ApplicationWindow;
    type Widgets = Widgets;

    fn init_root() -> Self::Root {
        window()
    }

    fn init(gateway: Self::Init, window: Self::Root, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        look::style();
        let (changes, heard) = relm4::channel::<Change>();
        let forward = sender.input_sender().clone();
        relm4::spawn_local(heard.forward(forward, Input::Change));
        let pages = Pages::new(changes);
        let navigation = adw::NavigationView::new();
        navigation.add(pages.widget(Page::Welcome));
        let tell = sender.clone();
        navigation.connect_popped(move |_, page| {
            if let Some(page) = page.tag().and_then(|tag| Page::from_tag(&tag)) {
                let _ = tell.input_sender().send(Input::Change(Change::Left(page)));
            }
        });
        let toasts = adw::ToastOverlay::new();
        toasts.set_child(Some(&navigation));
        window.set_content(Some(&toasts));
        let tell = sender.clone();
        let may_close = questions::guard(&window, move || {
            let _ = tell.input_sender().send(Input::AskToClose);
        });
        keys::bind(&window, &navigation, &sender);
        let mut session = Session::new(language::of_environment());
        if let Some(chosen) = language::of_environment().filter(|_| language::was_chosen()) {
            session.apply(Change::Language(chosen));
            // It began with the one that was chosen, or goes with the language.
            if kiosk::is_there() {
                session.apply(Change::Keyboard(kiosk::keyboard()));
            }
        }
        let app = Self {
            session,
            gateway,
            names: KeyboardNames::default(),
            record: Record::default(),
            may_close,
            listens: false,
            steps: script::first(),
        };
        once_seen(&window, &sender);
        let widgets = Widgets { window, navigation, toasts, pages };
        keys::default(&widgets, Page::Welcome);
        ComponentParts { model: app, widgets }
    }

    fn update_with_view(&mut self, widgets: &mut Widgets, input: Input, sender: ComponentSender<Self>, _: &Self::Root) {
        match input {
            Input::Change(change) => self.change(widgets, change, &sender),
            Input::Seen => {
                sender.spawn_oneshot_command(|| Input::Names(KeyboardNames::read()));
                sender.spawn_oneshot_command(|| Input::Change(Change::Zones(country_zones::read())));
                sender.spawn_command(|out| {
                    if let Some(answers) = prefill::read() {
                        let _ = out.send(Input::Change(Change::FilledIn(answers)));
                    }
                });
                self.look(&sender);
            }
            Input::Names(names) => self.names = names,
            Input::Step if script::waits(self.steps.first(), &self.session) => script::later(&sender),
            Input::Step if !self.steps.is_empty() => {
                let change = self.steps.remove(0);
                self.change(widgets, change, &sender);
                script::later(&sender);
            }
            Input::Step => {}
            Input::AskToClose => questions::ask_to_close(widgets, &self.session, &self.may_close),
            Input::Help => help::show(widgets, self.session.page()),
            Input::ShowLog => keys::show_log(widgets, self.session.page()),
            Input::Primary => widgets.pages.primary(self.session.page()),
        }
        self.may_close.set(self.session.may_close());
        keys::default(widgets, self.session.page());
        widgets.pages.show(&self.session, &self.names, self.record.text());
        keys::settle(&widgets.window, &widgets.navigation);
    }

    fn update_cmd_with_view(
        &mut self,
        widgets: &mut Widgets,
        heard: Input,
        sender: ComponentSender<Self>,
        root: &Self::Root,
    ) {
        self.update_with_view(widgets, heard, sender, root);
    }
}

/// Says so when the first frame was painted: whatever is read before it makes a person wait for it.
fn once_seen(window: &adw::ApplicationWindow, sender: &ComponentSender<App>) {
    let (tell, told) = (sender.clone(), Cell::new(false));
    window.connect_map(move |window| {
        if let (Some(clock), false) = (window.frame_clock(), told.replace(true)) {
            let (tell, told) = (tell.clone(), Cell::new(false));
            clock.connect_after_paint(move |_| {
                if !told.replace(true) {
                    let _ = tell.input_sender().send(Input::Seen);
                }
            });
        }
    });
}

/// An empty window of this program.
fn window() -> adw::ApplicationWindow {
    let window = adw::ApplicationWindow::builder()
        // Translators: the name of the program.
        .title(gettext("Forge"))
        .default_width(880)
        .default_height(680)
        .width_request(360)
        .height_request(480)
        .build();
    if crate::identity::ID.ends_with("Devel") {
        window.add_css_class("devel");
    }
    window
}

impl App {
    fn change(&mut self, widgets: &Widgets, change: Change, sender: &ComponentSender<Self>) {
        let was_found = matches!(&change, Change::Found(found) if found.is_ok());
        for effect in self.record.apply(&mut self.session, change) {
            self.follow(widgets, effect, sender);
        }
        if was_found && !self.listens {
            self.listens = true;
            self.listen(sender);
            script::later(sender);
        }
    }
}
