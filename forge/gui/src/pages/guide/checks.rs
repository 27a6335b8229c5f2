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
        let inside = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(6).build();
        for set in [
            gtk::Box::set_margin_start,
            gtk::Box::set_margin_end,
            gtk::Box::set_margin_top,
            gtk::Box::set_margin_bottom,
        ] {
            set(&inside, 12);
        }
        // Evidence and commands are in English everywhere.
        inside.set_direction(gtk::TextDirection::Ltr);
        for words in &line.evidence {
            inside.append(&plain(words));
        }
        row.add_row(&inside);
        let command = adw::ActionRow::builder().use_markup(false).title(gettext("Check It Yourself")).build();
        command.set_subtitle(&line.command);
        command.add_css_class("property");
        command.add_css_class("monospace");
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

fn plain(words: &str) -> gtk::Label {
    let label = gtk::Label::builder().label(words).selectable(true).wrap(true).xalign(0.0).build();
    label.set_wrap_mode(gtk::pango::WrapMode::WordChar);
    label.add_css_class("monospace");
    label.add_css_class("caption");
    label
}
