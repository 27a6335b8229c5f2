//! The window: carries changes to the session and effects to pages and gateway. It decides nothing.

use crate::{
    gateway::{Begun, Gateway},
    keyboard_names::KeyboardNames,
    language, live_keyboard,
    pages::Pages,
    sentences::errors,
    session::{Change, Effect, Ended, Page, Session},
};
use forge_dbus::client::Update;
use futures_util::{StreamExt, stream::BoxStream};
use gettextrs::gettext;
use relm4::{
    Component, ComponentParts, ComponentSender, adw,
    adw::prelude::*,
    gtk::{self, gdk, glib},
};
use std::{cell::Cell, rc::Rc, sync::Arc};

/// The window's state.
pub struct App {
    session: Session,
    gateway: Arc<dyn Gateway>,
    names: KeyboardNames,
    log: String,
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

/// What comes in.
#[derive(Debug)]
pub enum Input {
    /// Something happened.
    Change(Change),
    /// The names of keyboards are known.
    Names(KeyboardNames),
    /// The next step of a script.
    Step,
    /// The window was asked to close although something would be lost.
    AskToClose,
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

    fn init(gateway: Self::Init, window: Self::Root, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        style();
        let (changes, heard) = relm4::channel::<Change>();
        let forward = sender.input_sender().clone();
        relm4::spawn_local(heard.forward(forward, Input::Change));
        let pages = Pages::new(&changes);
        let navigation = adw::NavigationView::new();
        for page in Page::ALL {
            navigation.add(pages.widget(page));
        }
        let tell = sender.clone();
        navigation.connect_popped(move |_, page| {
            if let Some(page) = page.tag().and_then(|tag| Page::from_tag(&tag)) {
                let _ = tell.input_sender().send(Input::Change(Change::Left(page)));
            }
        });
        let toasts = adw::ToastOverlay::new();
        toasts.set_child(Some(&navigation));
        window.set_content(Some(&toasts));
        let may_close = Rc::new(Cell::new(true));
        let (asked, tell) = (may_close.clone(), sender.clone());
        window.connect_close_request(move |_| {
            if asked.get() {
                return glib::Propagation::Proceed;
            }
            let _ = tell.input_sender().send(Input::AskToClose);
            glib::Propagation::Stop
        });
        keys(&window, &sender);

        let session = Session::new(language::of_environment());
        let app = Self {
            session,
            gateway,
            names: KeyboardNames::default(),
            log: String::new(),
            may_close,
            listens: false,
            steps: first_steps(),
        };
        sender.spawn_oneshot_command(|| Input::Names(KeyboardNames::read()));
        app.look(&sender);
        let widgets = Widgets { window, navigation, toasts, pages };
        ComponentParts { model: app, widgets }
    }

    fn update_with_view(&mut self, widgets: &mut Widgets, input: Input, sender: ComponentSender<Self>, _: &Self::Root) {
        match input {
            Input::Change(change) => self.change(widgets, change, &sender),
            Input::Names(names) => self.names = names,
            Input::Step if !self.steps.is_empty() => {
                let change = self.steps.remove(0);
                self.change(widgets, change, &sender);
                step_later(&sender);
            }
            Input::Step => {}
            Input::AskToClose => ask_to_close(widgets, &self.session, &self.may_close),
            Input::ShowLog => show_log(widgets, self.session.page()),
            Input::Primary => widgets.pages.primary(self.session.page()),
        }
        self.may_close.set(self.session.may_close());
        widgets.pages.show(&self.session, &self.names, &self.log);
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

impl App {
    fn change(&mut self, widgets: &Widgets, change: Change, sender: &ComponentSender<Self>) {
        let was_found = matches!(&change, Change::Found(found) if found.is_ok());
        self.note(&change);
        for effect in self.session.apply(change) {
            self.follow(widgets, effect, sender);
        }
        if was_found && !self.listens {
            self.listens = true;
            self.listen(sender);
            step_later(sender);
        }
    }

    fn follow(&mut self, widgets: &Widgets, effect: Effect, sender: &ComponentSender<Self>) {
        let gateway = self.gateway.clone();
        match effect {
            Effect::Push(page) => widgets.navigation.push_by_tag(page.tag()),
            Effect::Show(page) => show(widgets, page),
            Effect::Speak(locale) => {
                // Only a failure comes back; the person goes on in the language that there is.
                log::error!("the language stays: {}", language::speak(&locale));
                sender.input(Input::Change(Change::Next));
            }
            Effect::Type(keyboard) => live_keyboard::switch_to(&keyboard),
            Effect::DiskWithdrawn => {
                widgets.toasts.add_toast(adw::Toast::new(&gettext("The disk that you chose was disconnected")));
            }
            Effect::Look => self.look(sender),
            Effect::Check { asked, disk, answers } => sender.oneshot_command(async move {
                let verdict = Box::new(gateway.check(&disk, &answers).await);
                Input::Change(Change::Checked { asked, verdict })
            }),
            Effect::Install { disk, answers, digest, password } => sender.command(|out, shutdown| {
                let install = async move {
                    match gateway.install(&disk, &answers, &digest, password).await {
                        Ok(Begun::Running(updates)) => {
                            let _ = out.send(Input::Change(Change::Started));
                            pass_on(updates, &out).await;
                        }
                        Ok(Begun::OtherPlan { digest, plan }) => {
                            let _ = out.send(Input::Change(Change::PlanChanged { digest, plan }));
                        }
                        Err(error) => {
                            let _ = out.send(Input::Change(Change::Ended(Box::new(Ended::Refused(error)))));
                        }
                    }
                };
                shutdown.register(install).drop_on_shutdown()
            }),
            Effect::Follow => sender.command(|out, shutdown| {
                let follow = async move {
                    match gateway.follow().await {
                        Ok(updates) => pass_on(updates, &out).await,
                        Err(error) => {
                            log::warn!("the install that goes on: {error}");
                            let _ = out.send(Input::Change(Change::Ended(Box::new(Ended::Lost { stage: None }))));
                        }
                    }
                };
                shutdown.register(follow).drop_on_shutdown()
            }),
            Effect::Cancel => sender.command(|out, shutdown| {
                let cancel = async move {
                    if let Err(error) = gateway.cancel().await {
                        let _ = out.send(Input::Change(Change::CancelRefused(error)));
                    }
                };
                shutdown.register(cancel).drop_on_shutdown()
            }),
            Effect::Take => {
                sender.oneshot_command(async move { Input::Change(Change::HandedOver(gateway.take().await)) })
            }
            Effect::Close => sender.command(|_, shutdown| {
                let close = async move {
                    if let Err(error) = gateway.close().await {
                        log::warn!("the job stays at the helper: {error}");
                    }
                };
                shutdown.register(close).drop_on_shutdown()
            }),
            Effect::Restart => sender.command(|_, shutdown| {
                let restart = async move {
                    if let Err(error) = gateway.restart().await {
                        log::error!("the computer does not restart: {error}");
                    }
                };
                shutdown.register(restart).drop_on_shutdown()
            }),
        }
    }

    fn look(&self, sender: &ComponentSender<Self>) {
        let gateway = self.gateway.clone();
        sender.oneshot_command(async move { Input::Change(Change::Found(Box::new(gateway.look().await))) });
    }

    /// Hears of every disk that comes or goes, as long as the window is there.
    fn listen(&self, sender: &ComponentSender<Self>) {
        let gateway = self.gateway.clone();
        sender.command(|out, shutdown| {
            let listen = async move {
                match gateway.changes().await {
                    Ok(mut changes) => {
                        while let Some(inventory) = changes.next().await {
                            let _ = out.send(Input::Change(Change::Disks(inventory)));
                        }
                    }
                    Err(error) => log::warn!("disks that come and go are not heard of: {error}"),
                }
            };
            shutdown.register(listen).drop_on_shutdown()
        });
    }

    /// Keeps what the log drawer shows: stages and ends, in English, without any secret.
    fn note(&mut self, change: &Change) {
        let said = match change {
            Change::Started => "the installation begins".to_owned(),
            Change::Progress(now) if now.stage != self.session.run().progress.stage => format!("stage {}", now.stage),
            Change::Cancel => "asked to stop".to_owned(),
            Change::CancelRefused(error) => format!("it can not be stopped: {error}"),
            Change::Ended(ended) => match &**ended {
                Ended::Installed { receipt } => format!("installed; plan {}", receipt.plan_digest),
                other => errors::ended(other).details,
            },
            _ => return,
        };
        let now = glib::DateTime::now_local().and_then(|now| now.format("%H:%M:%S")).unwrap_or_default();
        self.log.push_str(&format!("{now}  {said}\n"));
    }
}

/// Tells what a job tells.
async fn pass_on(mut updates: BoxStream<'static, Update>, out: &relm4::Sender<Input>) {
    let mut stage = None;
    while let Some(update) = updates.next().await {
        let change = match update {
            Update::Progress(progress) => {
                stage = progress.stage().or(stage);
                Change::Progress(progress)
            }
            Update::Finished(outcome) => Change::Ended(Box::new((*outcome).into())),
            Update::Lost => Change::Ended(Box::new(Ended::Lost { stage })),
        };
        if out.send(Input::Change(change)).is_err() {
            return;
        }
    }
}

/// Shows a page with those before it behind it, where there is a way back.
fn show(widgets: &Widgets, page: Page) {
    let tags: Vec<&str> = match Page::ORDER.iter().position(|other| *other == page) {
        Some(at) => Page::ORDER[..=at].iter().map(|page| page.tag()).collect(),
        None => vec![page.tag()],
    };
    widgets.navigation.replace_with_tags(&tags);
}

/// Style and icons that are packed into the program.
fn style() {
    if let Err(error) = gtk::gio::resources_register_include!("forge.gresource") {
        return log::warn!("style and icons: {error}");
    }
    let Some(display) = gdk::Display::default() else { return };
    gtk::IconTheme::for_display(&display).add_resource_path(&format!("{}/icons", crate::identity::RESOURCES));
    let provider = gtk::CssProvider::new();
    provider.load_from_resource(&format!("{}/style.css", crate::identity::RESOURCES));
    gtk::style_context_add_provider_for_display(&display, &provider, gtk::STYLE_PROVIDER_PRIORITY_APPLICATION);
}

/// Ctrl+L shows the log; Enter presses the primary button where nothing else takes it.
fn keys(window: &adw::ApplicationWindow, sender: &ComponentSender<App>) {
    let controller = gtk::ShortcutController::new();
    controller.set_scope(gtk::ShortcutScope::Managed);
    for (keys, input) in [("<Control>l", (|| Input::ShowLog) as fn() -> Input), ("<Control>Return", || Input::Primary)]
    {
        let tell = sender.clone();
        let action = gtk::CallbackAction::new(move |_, _| {
            let _ = tell.input_sender().send(input());
            glib::Propagation::Stop
        });
        controller.add_shortcut(gtk::Shortcut::new(gtk::ShortcutTrigger::parse_string(keys), Some(action)));
    }
    window.add_controller(controller);
}

/// Opens or closes the log of the page on screen, if it has one.
fn show_log(widgets: &Widgets, page: Page) {
    let mut child = widgets.pages.frame(page).body.first_child();
    while let Some(widget) = child {
        if let Some(details) = widget.downcast_ref::<gtk::Expander>() {
            details.set_expanded(!details.is_expanded());
        }
        child = widget.next_sibling();
    }
}

/// What closing the window would mean now.
fn ask_to_close(widgets: &Widgets, session: &Session, may_close: &Rc<Cell<bool>>) {
    let (heading, text) = match session.page() {
        Page::Installing => (
            gettext("Close the Window?"),
            gettext("The installation stops then, as far as it can be stopped, and the disk starts no computer."),
        ),
        _ => (gettext("Close Without the Code?"), gettext("It was not saved. Nobody can show it again.")),
    };
    let dialog = adw::AlertDialog::new(Some(&heading), Some(&text));
    dialog.add_responses(&[("stay", &gettext("_Stay Here")), ("close", &gettext("_Close"))]);
    dialog.set_response_appearance("close", adw::ResponseAppearance::Destructive);
    dialog.set_default_response(Some("stay"));
    dialog.set_close_response("stay");
    let (window, allowed) = (widgets.window.clone(), may_close.clone());
    dialog.connect_response(Some("close"), move |_, _| {
        allowed.set(true);
        window.close();
    });
    dialog.present(Some(&widgets.window));
}

/// After a language was chosen, the program goes on where the person was.
fn first_steps() -> Vec<Change> {
    #[cfg(feature = "scripted")]
    {
        let script = crate::gateway::scripted::script();
        if !script.is_empty() {
            return script;
        }
    }
    if language::was_chosen() { vec![Change::Next] } else { vec![] }
}

/// A step of a script waits until the one before it has had its effect.
fn step_later(sender: &ComponentSender<App>) {
    let tell = sender.clone();
    glib::timeout_add_local_once(std::time::Duration::from_millis(60), move || {
        // The window may be gone by then.
        let _ = tell.input_sender().send(Input::Step);
    });
}
