//! The window of the first-boot guide: carries changes to [`Guide`] and effects to pages and gateway. It decides nothing.

use super::{again, keys, look, questions, script};
use crate::{
    gateway::Gateway,
    guide::{Change, Effect, Guide, Step, told},
    pages::guide::Pages,
    parts::{
        card,
        rehearsal::{self, Rehearsal},
    },
    sentences::card::Card,
    session::{Notice, Trouble},
};
use forge_model::Secret;
use relm4::{Component, ComponentParts, ComponentSender, adw, adw::prelude::*, gtk::glib};
use std::{cell::Cell, env, future::Future, path::PathBuf, rc::Rc, sync::Arc};

/// Whether this run of the program is the guide.
pub fn is_wanted() -> bool {
    #[cfg(feature = "scripted")]
    if script::guide().is_some() {
        return true;
    }
    env::args().any(|argument| argument == again::GUIDE)
}

/// How the guide begins.
pub struct Start {
    /// The door to the machine.
    pub gateway: Arc<dyn Gateway>,
    /// Whether it started by itself, and ends by itself where there is nothing new to tell.
    pub once: bool,
    /// Where what was told last is kept.
    pub kept: Option<PathBuf>,
}

impl Start {
    /// As the command line and the environment say.
    pub fn new(gateway: Arc<dyn Gateway>) -> Self {
        Self { gateway, once: env::args().any(|argument| argument == again::ONCE), kept: told::place() }
    }
}

/// The window's state.
pub struct GuideWindow {
    guide: Guide,
    kept: Option<PathBuf>,
    gateway: Arc<dyn Gateway>,
    may_close: Rc<Cell<bool>>,
    steps: Vec<Change>,
}

/// The window's widgets.
pub struct Widgets {
    window: adw::ApplicationWindow,
    navigation: adw::NavigationView,
    toasts: adw::ToastOverlay,
    pages: Pages,
}

/// What comes in.
#[derive(Debug)]
pub enum Input {
    /// Something happened.
    Change(Change),
    /// The next step of a script.
    Step,
    /// The window was asked to close although a code would be lost.
    AskToClose,
}

impl Component for GuideWindow {
    type Init = Start;
    type Input = Input;
    type Output = ();
    type CommandOutput = Input;
    type Root = adw::ApplicationWindow;
    type Widgets = Widgets;

    fn init_root() -> Self::Root {
        super::window()
    }

    fn init(start: Self::Init, window: Self::Root, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        look::style();
        let tell = sender.clone();
        let pages = Pages::new(
            &(Rc::new(move |change| {
                let _ = tell.input_sender().send(Input::Change(change));
            }) as Rc<dyn Fn(Change)>),
        );
        let navigation = adw::NavigationView::new();
        for step in Step::ALL {
            navigation.add(&pages.frame(step).page);
        }
        let tell = sender.clone();
        navigation.connect_popped(move |_, page| {
            if let Some(step) = page.tag().and_then(|tag| Step::from_tag(&tag)) {
                let _ = tell.input_sender().send(Input::Change(Change::Left(step)));
            }
        });
        let toasts = adw::ToastOverlay::new();
        toasts.set_child(Some(&navigation));
        window.set_content(Some(&toasts));
        let tell = sender.clone();
        let may_close = questions::guard(&window, move || {
            let _ = tell.input_sender().send(Input::AskToClose);
        });
        keys::follow_focus(&window, &navigation);
        let guide = Guide::new(start.once, start.kept.as_deref().and_then(told::read));
        sender.input(Input::Change(Change::Begin));
        let steps = script::guide().unwrap_or_default();
        script::soon(&sender, || Input::Step);
        ComponentParts {
            model: Self { guide, kept: start.kept, gateway: start.gateway, may_close, steps },
            widgets: Widgets { window, navigation, toasts, pages },
        }
    }

    fn update_with_view(&mut self, widgets: &mut Widgets, input: Input, sender: ComponentSender<Self>, _: &Self::Root) {
        match input {
            Input::Change(change) => self.change(widgets, change, &sender),
            // A script waits until there is a machine to talk about.
            Input::Step if !self.steps.is_empty() && self.guide.machine().is_none() => {
                script::soon(&sender, || Input::Step);
            }
            Input::Step if !self.steps.is_empty() => {
                let change = self.steps.remove(0);
                self.change(widgets, change, &sender);
                script::soon(&sender, || Input::Step);
            }
            Input::Step => {}
            Input::AskToClose => questions::ask_about_code(&widgets.window, &self.may_close),
        }
        self.may_close.set(self.guide.may_close());
        let button = &widgets.pages.frame(self.guide.step()).button;
        keys::set_default(&widgets.window, Some(button));
        widgets.pages.show(&self.guide);
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

impl GuideWindow {
    fn change(&mut self, widgets: &Widgets, change: Change, sender: &ComponentSender<Self>) {
        for effect in self.guide.apply(change) {
            self.follow(widgets, effect, sender);
        }
    }

    fn follow(&self, widgets: &Widgets, effect: Effect, sender: &ComponentSender<Self>) {
        let gateway = self.gateway.clone();
        match effect {
            Effect::Look => ask(sender, async move { Change::Found(Box::new(gateway.machine().await)) }),
            Effect::Measure => ask(sender, async move { Change::Measured(Box::new(gateway.audit().await)) }),
            Effect::Enroll => ask(sender, async move { Change::Enrolled(gateway.enroll().await.map(Arc::new)) }),
            Effect::Present => widgets.window.present(),
            Effect::End => {
                // A window that was never shown does not close by itself.
                self.may_close.set(true);
                widgets.window.destroy();
            }
            Effect::Remember(name) => {
                let written = self.kept.as_deref().map(|place| told::write(place, name));
                if let Some(Err(error)) = written {
                    log::warn!("that the state was told is not kept: {error}");
                }
            }
            Effect::Push(step) => widgets.navigation.push_by_tag(step.tag()),
            Effect::Restart => sender.command(|out, shutdown| {
                let restart = async move {
                    if let Err(error) = gateway.restart().await {
                        log::error!("the computer does not restart: {error}");
                        let notice = Notice::Trouble(Trouble::NotRestarted(error));
                        let _ = out.send(Input::Change(Change::Said(notice)));
                    }
                };
                shutdown.register(restart).drop_on_shutdown()
            }),
            Effect::Practise => rehearsal::present(&widgets.window, &self.rehearsal(), &script::keys()),
            Effect::Card => self.card(widgets, sender),
            Effect::Tell(notice) => questions::tell_in(&widgets.window, &widgets.toasts, &notice),
        }
    }

    /// With the code, once there is one; always with the fingerprint that the screen will show.
    fn rehearsal(&self) -> Rehearsal {
        let usual = Rehearsal::to_practise();
        if let Some(request) = self.guide.request() {
            let code = Secret::new(request.code.expose().to_owned());
            return Rehearsal { code: Rc::new(code), is_real: true, key: request.key.clone() };
        }
        let key = self.guide.machine().and_then(|machine| machine.key.clone());
        Rehearsal { key: key.unwrap_or(usual.key), ..usual }
    }

    fn card(&self, widgets: &Widgets, sender: &ComponentSender<Self>) {
        let Some(key) = self.guide.machine().and_then(|machine| machine.key.clone()) else { return };
        let code = self.guide.request().map(|request| Rc::new(Secret::new(request.code.expose().to_owned())));
        let tell = sender.clone();
        let computer = glib::host_name().to_string();
        card::present(&widgets.window, &Card { computer, key }, code, move |notice| {
            let _ = tell.input_sender().send(Input::Change(Change::Said(notice)));
        });
    }
}

/// Asks the machine; its answer is a change, too.
fn ask(sender: &ComponentSender<GuideWindow>, call: impl Future<Output = Change> + Send + 'static) {
    sender.oneshot_command(async move { Input::Change(call.await) });
}
