//! Every promise of the system: whether it holds, what was read, and the command that shows the same.

use super::Tell;
use crate::{
    guide::{Change, Guide, Step},
    parts::{
        files,
        frame::{Frame, announce},
    },
    sentences::{audit, machine},
};
use forge_model::audit::{Audit, Finding, Line};
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk};

/// The page.
pub struct Checks {
    /// Its frame.
    pub frame: Frame,
    tell: Tell,
    summary: gtk::Label,
    spinner: adw::Spinner,
    list: adw::Bin,
    shown: Option<Audit>,
}

impl Checks {
    /// Builds it.
    pub fn new(tell: &Tell) -> Self {
        let frame = Frame::tagged(Step::Checks.tag(), &gettext("Checks"), &gettext("_Check Again"));
        frame.button.remove_css_class("suggested-action");
        let summary = frame.say("");
        summary.add_css_class("title-2");
        let spinner = adw::Spinner::builder().height_request(32).margin_top(48).build();
        spinner.upcast_ref::<gtk::Widget>().update_property(&[gtk::accessible::Property::Label(&gettext("Checking…"))]);
        frame.body.append(&spinner);
        let list = adw::Bin::new();
        frame.body.append(&list);
        let pressed = tell.clone();
        frame.button.connect_clicked(move |_| pressed(Change::MeasureAgain));
        Self { frame, tell: tell.clone(), summary, spinner, list, shown: None }
    }

    /// Shows the guide as it is now.
    pub fn show(&mut self, guide: &Guide) {
        self.spinner.set_visible(guide.audit().is_none());
        self.frame.button.set_sensitive(guide.audit().is_some());
        let measured = guide.audit().and_then(|audit| audit.as_ref().ok());
        let said = match guide.audit() {
            None => String::new(),
            Some(Ok(measured)) => audit::summary(measured),
            Some(Err(error)) => machine::refused(error).text,
        };
        if self.summary.label() != said {
            self.summary.set_label(&said);
            announce(&self.summary, &said);
        }
        self.summary.set_visible(!said.is_empty());
        self.list.set_visible(measured.is_some());
        if self.shown.as_ref() == measured {
            return;
        }
        self.shown = measured.cloned();
        let group = adw::PreferencesGroup::new();
        for line in measured.into_iter().flat_map(|measured| &measured.lines) {
            group.add(&self.row(line));
        }
        self.list.set_child(Some(&group));
    }

    fn row(&self, line: &Line) -> adw::ExpanderRow {
        let row = adw::ExpanderRow::builder().use_markup(false).title(audit::promise(line.check)).build();
        row.set_subtitle(&audit::finding(line.result));
        let (icon, class) = audit::icon(line.result);
        let mark = gtk::Image::from_icon_name(icon);
        mark.add_css_class(class);
        row.add_prefix(&mark);
        row.set_expanded(line.result == Finding::Fail);
        if !line.evidence.is_empty() {
            row.add_row(&fact(&gettext("What Was Read"), &line.evidence.join("\n")));
        }
        let command = fact(&gettext("Check It Yourself"), &line.command);
        let copy = gtk::Button::builder().icon_name("edit-copy-symbolic").valign(gtk::Align::Center).build();
        copy.add_css_class("flat");
        let label = gettext("Copy the Command");
        copy.set_tooltip_text(Some(&label));
        copy.update_property(&[gtk::accessible::Property::Label(&label)]);
        let (tell, text) = (self.tell.clone(), line.command.clone());
        copy.connect_clicked(move |button| tell(Change::Said(files::copy(button, &text))));
        command.add_suffix(&copy);
        row.add_row(&command);
        row
    }
}

/// What a program said, under what it is.
fn fact(title: &str, words: &str) -> adw::ActionRow {
    let row = adw::ActionRow::builder().use_markup(false).title(title).subtitle(words).build();
    row.set_subtitle_selectable(true);
    row.add_css_class("property");
    row.add_css_class("evidence");
    row
}
