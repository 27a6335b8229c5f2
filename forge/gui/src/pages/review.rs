//! Is this what shall be done? The plan in sentences, the disk before and after, and the one button that begins, and says what it destroys.

use super::Input;
use crate::{
    keyboard_names::KeyboardNames,
    parts::{
        before_after, files,
        frame::{Frame, announce, status},
        plain::plain,
        question::Question,
    },
    sentences::{errors, issues, plan, way_plan},
    session::{BeforeAfter, Change, Judged, Page, Session},
};
use forge_model::Plan;
use gettextrs::gettext;
use relm4::{ComponentParts, ComponentSender, SimpleComponent, adw, adw::prelude::*, gtk};
use zeroize::Zeroizing;

/// The page.
pub struct Review {
    view: View,
    /// Where its questions are shown.
    near: adw::NavigationPage,
    /// The last one.
    question: Option<adw::AlertDialog>,
}

/// What it shows.
#[derive(Debug, Clone, Default)]
pub struct View {
    plan: Option<Box<Plan>>,
    keyboard: String,
    asked_firmware: bool,
    changed: bool,
    trouble: Option<errors::Told>,
    answers: Option<String>,
    may_go_on: bool,
}

impl View {
    /// The slice of a session that this page shows.
    pub fn of(session: &Session, names: &KeyboardNames) -> Self {
        let keyboard = session.keyboard().map(|keyboard| names.words(&keyboard.layout, &keyboard.variant));
        let (mut plan, mut changed, mut trouble) = (None, false, None);
        match session.verdict() {
            Judged::Plan { plan: found, changed: is_changed, .. } => {
                (plan, changed) = (Some(found.clone()), *is_changed)
            }
            Judged::Issues(found) => {
                let text = found.iter().map(issues::issue).collect::<Vec<_>>().join("\n");
                let title = gettext("This Cannot Be Installed");
                trouble = Some(errors::Told { title, text, details: String::new() });
            }
            Judged::Trouble(error) => trouble = Some(errors::refused(error)),
            Judged::Unasked | Judged::Waiting => {}
        }
        let keyboard = keyboard.unwrap_or_default();
        Self {
            plan,
            keyboard,
            asked_firmware: session.wants_firmware(),
            changed,
            trouble,
            answers: session.answers_to_keep(),
            may_go_on: session.may_go_on(),
        }
    }
}

/// Its widgets.
pub struct Widgets {
    frame: Frame,
    plan: gtk::Box,
    lines: gtk::Box,
    bars: gtk::Box,
    trouble: adw::StatusPage,
    spinner: adw::Spinner,
    shown: Option<Box<Plan>>,
    answers: std::rc::Rc<std::cell::RefCell<Option<String>>>,
}

impl SimpleComponent for Review {
    type Init = ();
    type Input = Input<View>;
    type Output = Change;
    type Root = Frame;
    type Widgets = Widgets;

    fn init_root() -> Frame {
        let frame = Frame::new(Page::Review, &gettext("Review"), &gettext("_Erase and Install"));
        frame.button.remove_css_class("suggested-action");
        frame.button.add_css_class("destructive-action");
        frame
    }

    fn init((): (), frame: Frame, sender: ComponentSender<Self>) -> ComponentParts<Self> {
        let vertical = |spacing| gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(spacing).build();
        let (plan, lines, bars) = (vertical(24), vertical(0), vertical(12));
        plan.append(&lines);
        plan.append(&bars);
        let save = adw::ButtonRow::builder()
            .title(gettext("_Save Answers…"))
            .use_underline(true)
            .start_icon_name("document-save-symbolic")
            .build();
        let answers = std::rc::Rc::new(std::cell::RefCell::new(None::<String>));
        let (kept, tell) = (answers.clone(), sender.clone());
        save.connect_activated(move |row| {
            if let Some(text) = kept.borrow().clone() {
                let tell = tell.clone();
                files::save(row, "answers.toml", Zeroizing::new(text), move |notice| {
                    let _ = tell.output(Change::Said(notice));
                });
            }
        });
        let group = adw::PreferencesGroup::new();
        group.set_description(Some(&plain(&gettext(
            "To install other computers in the same way: a file that fills in these pages there. It holds no password, and a person still chooses the disk.",
        ))));
        group.add(&save);
        plan.append(&group);
        // What comes first on the page gets the keyboard first, and that is not this row.
        plan.set_visible(false);
        frame.body.append(&plan);
        let trouble = status("dialog-warning-symbolic", None);
        trouble.add_css_class("compact");
        frame.body.append(&trouble);
        let spinner = adw::Spinner::builder().height_request(32).margin_top(48).build();
        spinner
            .upcast_ref::<gtk::Widget>()
            .update_property(&[gtk::accessible::Property::Label(&gettext("Making the plan"))]);
        frame.body.append(&spinner);
        frame.banner.set_title(&gettext("The disk changed. Look at the plan once more."));
        frame.button.connect_clicked(move |_| sender.input(Input::Primary));
        let near = frame.page.clone();
        let widgets = Widgets { frame, plan, lines, bars, trouble, spinner, shown: None, answers };
        ComponentParts { model: Self { view: View::default(), near, question: None }, widgets }
    }

    fn update(&mut self, input: Self::Input, sender: ComponentSender<Self>) {
        match input {
            Input::Show(view) => self.view = view,
            Input::Primary => {
                if let Some(plan) = &self.view.plan {
                    self.question = confirm(&self.near, plan, &sender);
                }
            }
        }
    }

    fn update_view(&self, widgets: &mut Widgets, _: ComponentSender<Self>) {
        let view = &self.view;
        widgets.plan.set_visible(view.plan.is_some());
        widgets.trouble.set_visible(view.trouble.is_some());
        widgets.spinner.set_visible(view.plan.is_none() && view.trouble.is_none());
        widgets.frame.banner.set_visible(view.changed);
        widgets.frame.banner.set_revealed(view.changed);
        widgets.frame.button.set_sensitive(view.may_go_on);
        widgets.frame.set_note(&view.plan.as_deref().map(plan::target_and_size).unwrap_or_default());
        *widgets.answers.borrow_mut() = view.answers.clone();
        if let Some(told) = &view.trouble {
            if widgets.trouble.title() != told.title {
                announce(&widgets.frame.body, &told.text);
            }
            widgets.trouble.set_title(&told.title);
            widgets.trouble.set_description(Some(&plain(&told.text)));
            widgets.trouble.set_tooltip_text(Some(&told.details));
        }
        if view.plan != widgets.shown {
            widgets.shown = view.plan.clone();
            // It was about another plan.
            if let Some(question) = &self.question {
                question.force_close();
            }
            if let Some(plan) = &view.plan {
                name_button(&widgets.frame, plan);
                draw(widgets, plan, view);
            }
        }
    }
}

/// The button says what it does; only one that destroys something looks like it.
fn name_button(frame: &Frame, plan: &Plan) {
    let (label, is_destructive) = way_plan::button(plan);
    frame.button.set_label(&label);
    frame.wrap_button();
    let (class, other) = match is_destructive {
        true => ("destructive-action", "suggested-action"),
        false => ("suggested-action", "destructive-action"),
    };
    frame.button.add_css_class(class);
    frame.button.remove_css_class(other);
}

fn draw(widgets: &Widgets, plan: &Plan, view: &View) {
    for list in [&widgets.lines, &widgets.bars] {
        while let Some(child) = list.first_child() {
            list.remove(&child);
        }
    }
    let group = adw::PreferencesGroup::builder().title(gettext("What Will Happen")).build();
    for line in plan::lines(plan, &view.keyboard, view.asked_firmware) {
        let row = adw::ActionRow::builder().use_markup(false).title(&line.title).subtitle(&line.text).build();
        row.add_prefix(&gtk::Image::from_icon_name(line.icon));
        group.add(&row);
    }
    widgets.lines.append(&group);
    before_after::bars(&widgets.bars, &BeforeAfter::of_plan(plan), true);
}

/// A question before data is destroyed; where nothing is, there is none.
fn confirm(near: &adw::NavigationPage, plan: &Plan, sender: &ComponentSender<Review>) -> Option<adw::AlertDialog> {
    let Some((headline, text)) = way_plan::question(plan) else {
        let _ = sender.output(Change::Confirm);
        return None;
    };
    let (button, tell) = (way_plan::button(plan).0, sender.clone());
    let question = Question { no: gettext("_Cancel"), ..Question::destructive(&headline, &text, button) };
    Some(question.ask(near, move || {
        let _ = tell.output(Change::Confirm);
    }))
}
