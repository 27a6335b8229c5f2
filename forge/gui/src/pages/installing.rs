//! What is done now: one bar, rate and time left, the log, and a way to stop that says what it leaves.

use super::Input;
use crate::{
    parts::{
        frame::{Frame, announce},
        log_drawer::LogDrawer,
        question::Question,
    },
    sentences::{fill, plan, progress},
    session::{Change, Page, Session},
};
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};

/// The page.
pub struct Installing {
    view: View,
    /// Where its questions are shown.
    near: adw::NavigationPage,
}

/// What it shows.
#[derive(Debug, Clone, Default)]
pub struct View {
    disk: String,
    doing: String,
    pace: String,
    fraction: f64,
    log: String,
    consequence: String,
    may_cancel: bool,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session, log: &str) -> Self {
        let run = session.run();
        let disk = run.plan.as_deref().map(plan::target).unwrap_or_default();
        Self {
            consequence: progress::cancelling(run, &disk),
            disk,
            doing: progress::doing(run),
            pace: progress::pace(&run.progress),
            fraction: run.fraction(),
            log: log.to_owned(),
            may_cancel: run.may_cancel(),
        }
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    title: gtk::Label,
    doing: gtk::Label,
    pace: gtk::Label,
    bar: gtk::ProgressBar,
    log: LogDrawer,
}

impl SimpleComponent for Installing {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        let frame = Frame::new(Page::Installing, &gettext("Installing"), &gettext("_Cancel…"));
        frame.button.remove_css_class("suggested-action");
        frame.page.set_can_pop(false);
        frame
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let centred = |class: &str| {
            let label = gtk::Label::builder().wrap(true).justify(gtk::Justification::Center).build();
            label.add_css_class(class);
            label
        };
        let (title, doing, pace) = (centred("title-1"), centred("body"), centred("dimmed"));
        pace.add_css_class("numeric");
        doing.set_accessible_role(gtk::AccessibleRole::Status);
        let bar = gtk::ProgressBar::builder().build();
        bar.update_property(&[gtk::accessible::Property::Label(&gettext("Progress of the installation"))]);
        let calm = gtk::Label::builder()
            .label(gettext("Keep the computer on and the disk connected."))
            .wrap(true)
            .justify(gtk::Justification::Center)
            .build();
        calm.add_css_class("dimmed");
        calm.add_css_class("caption");
        title.set_margin_top(48);
        let now = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(12).build();
        for part in [doing.upcast_ref::<gtk::Widget>(), bar.upcast_ref(), pace.upcast_ref()] {
            now.append(part);
        }
        frame.body.append(&title);
        frame.body.append(&now);
        frame.body.append(&calm);
        let tell = sender.clone();
        let log = LogDrawer::new(move |notice| {
            let _ = tell.output(Change::Said(notice));
        });
        frame.body.append(&log.root);
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let near = frame.page.clone();
        let widgets = Widgets { frame, title, doing, pace, bar, log };
        ComponentParts { model: Self { view: View::default(), near }, widgets }
    }

    fn update(&mut self, input: Self::Input, sender: ComponentSender<Self>) {
        match input {
            Input::Show(view) => self.view = view,
            Input::Primary => ask(&self.near, &self.view, &sender),
        }
    }

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        let view = &self.view;
        // Translators: {disk} is the name of a disk.
        widgets.title.set_label(&fill(&gettext("Installing on {disk}"), &[("disk", &view.disk)]));
        if widgets.doing.label() != view.doing {
            widgets.doing.set_label(&view.doing);
            announce(&widgets.doing, &view.doing);
        }
        // An empty line keeps its height, so that nothing jumps.
        widgets.pace.set_label(if view.pace.is_empty() { " " } else { &view.pace });
        widgets.bar.set_fraction(view.fraction);
        widgets.log.set_text(&view.log);
        widgets.frame.button.set_sensitive(view.may_cancel);
    }
}

/// Asks before it is stopped, and says what that leaves.
fn ask(near: &adw::NavigationPage, view: &View, sender: &ComponentSender<Installing>) {
    let (heading, tell) = (gettext("Stop the Installation?"), sender.clone());
    let question = Question::destructive(&heading, &view.consequence, gettext("_Stop"));
    Question { no: gettext("_Keep Installing"), ..question }.ask(near, move || {
        let _ = tell.output(Change::Cancel);
    });
}
