//! How far the enrollment of the key is, and one button that mends it.

use super::{Tell, way};
use crate::{
    guide::{Change, Guide, Remedy, Step},
    parts::{
        frame::{self, Frame, announce},
        plain::plain,
    },
    sentences::{audit, card, machine},
};
use forge_model::{
    Machine,
    machine::{Enrollment, Key},
};
use gettextrs::gettext;
use relm4::{adw, adw::prelude::*, gtk};
use std::{cell::Cell, rc::Rc};

/// The page.
pub struct State {
    /// Its frame.
    pub frame: Frame,
    status: adw::StatusPage,
    spinner: adw::Spinner,
    ways: adw::PreferencesGroup,
    renew: adw::ActionRow,
    practise: adw::ActionRow,
    from_disk: adw::ActionRow,
    checks: adw::ActionRow,
    checks_icon: gtk::Image,
    facts: gtk::Box,
    remedy: Rc<Cell<Remedy>>,
    shown: Option<Machine>,
}

impl State {
    /// Builds it.
    pub fn new(tell: &Tell) -> Self {
        // Translators: the window that comes after the first start of a new system.
        let frame = Frame::tagged(Step::State.tag(), &gettext("First Steps"), "");
        let status = frame::status("channel-secure-symbolic", None);
        status.set_visible(false);
        status.add_css_class("compact");
        let spinner = adw::Spinner::builder().height_request(32).margin_top(48).build();
        spinner
            .upcast_ref::<gtk::Widget>()
            .update_property(&[gtk::accessible::Property::Label(&gettext("Looking at this computer"))]);
        let ways = adw::PreferencesGroup::builder().visible(false).build();
        let renew = way(&gettext("Get a New Code"), Some("view-refresh-symbolic"), tell, || Change::Enroll);
        renew.set_subtitle(&gettext("When the code is not at hand any more"));
        let practise = way(&gettext("Practise"), Some("input-keyboard-symbolic"), tell, || Change::Practise);
        practise.set_subtitle(&gettext("The blue screens, and the keys that they want"));
        let from_disk = way(&gettext("Enroll from the Disk"), Some("drive-harddisk-symbolic"), tell, || {
            Change::Open(Step::FromDisk)
        });
        from_disk.set_subtitle(&gettext("Another way, without a code"));
        let checks = way(&gettext("Checks"), None, tell, || Change::Open(Step::Checks));
        let checks_icon = gtk::Image::new();
        checks.add_prefix(&checks_icon);
        for row in [&renew, &practise, &from_disk, &checks] {
            ways.add(row);
        }
        let facts = gtk::Box::builder().orientation(gtk::Orientation::Vertical).spacing(24).build();
        for widget in [status.upcast_ref::<gtk::Widget>(), spinner.upcast_ref(), ways.upcast_ref(), facts.upcast_ref()]
        {
            frame.body.append(widget);
        }
        let remedy = Rc::new(Cell::new(Remedy::LookAgain));
        let (pressed, mending, near) = (tell.clone(), remedy.clone(), frame.page.clone());
        frame.button.connect_clicked(move |_| match mending.get() {
            Remedy::Restart => super::ask_to_restart(&near, &pressed),
            _ => pressed(Change::Mend),
        });
        Self {
            frame,
            status,
            spinner,
            ways,
            renew,
            practise,
            from_disk,
            checks,
            checks_icon,
            facts,
            remedy,
            shown: None,
        }
    }

    /// Shows the guide as it is now.
    pub fn show(&mut self, guide: &Guide) {
        self.remedy.set(guide.remedy());
        self.frame.button.set_label(&match guide.remedy() {
            Remedy::Close => gettext("_Close"),
            // Translators: leads to the steps with which Secure Boot is turned on.
            Remedy::TurnOn => gettext("_How to Turn It On"),
            Remedy::Restart => gettext("_Restart…"),
            Remedy::Enroll => gettext("_Get a New Code"),
            Remedy::FromDisk => gettext("_Enroll from the Disk"),
            Remedy::LookAgain => gettext("_Try Again"),
        });
        let machine = guide.machine();
        self.frame.button.set_sensitive((machine.is_some() || guide.trouble().is_some()) && !guide.is_asking());
        self.frame.set_note(&if guide.is_asking() { gettext("Asking the firmware…") } else { String::new() });
        self.spinner.set_visible(machine.is_none() && guide.trouble().is_none());
        self.ways.set_visible(machine.is_some());
        self.renew.set_visible(guide.may_enroll() && guide.remedy() != Remedy::Enroll);
        self.practise.set_visible(guide.needs_enrollment());
        self.from_disk.set_visible(guide.needs_enrollment() && guide.remedy() != Remedy::FromDisk);
        self.checks.set_subtitle(&match guide.audit() {
            None => gettext("Checking…"),
            Some(Ok(measured)) => audit::summary(measured),
            Some(Err(_)) => gettext("Could not be checked"),
        });
        self.checks_icon.set_icon_name(Some(audit::summary_icon(guide.audit().and_then(|made| made.as_ref().ok()))));
        self.tell(guide);
        if self.shown.as_ref() != machine {
            self.shown = machine.cloned();
            while let Some(child) = self.facts.first_child() {
                self.facts.remove(&child);
            }
            if let Some(machine) = machine {
                self.facts.append(&particulars(machine));
            }
        }
    }

    /// The headline: the state, or why it is not known. What failed later stands in the banner.
    fn tell(&self, guide: &Guide) {
        let told = guide.trouble().map(machine::refused);
        let (icon, title, text) = match (guide.machine(), &told) {
            (Some(machine), _) => {
                let said = machine::state(machine);
                (said.icon, said.title, said.text)
            }
            (None, Some(told)) => ("dialog-warning-symbolic", told.title.clone(), told.text.clone()),
            (None, None) => return,
        };
        let banner = told.filter(|_| guide.machine().is_some());
        self.frame.banner.set_visible(banner.is_some());
        self.frame.banner.set_revealed(banner.is_some());
        if let Some(told) = banner {
            self.frame.banner.set_title(&[told.title, told.text].join(". "));
            self.frame.banner.set_tooltip_text(Some(&told.details));
        }
        self.status.set_visible(true);
        if self.status.title() != title {
            announce(&self.frame.body, &[title.as_str(), text.as_str()].join(". "));
        }
        let is_done = guide.machine().is_some_and(|machine| machine.enrollment == Enrollment::Enforced);
        match is_done {
            true => self.status.add_css_class("done"),
            false => self.status.remove_css_class("done"),
        }
        self.status.set_icon_name(Some(icon));
        self.status.set_title(&title);
        self.status.set_description(Some(&plain(&text)));
    }
}

/// What is known of key and firmware.
fn particulars(machine: &Machine) -> adw::PreferencesGroup {
    let group = adw::PreferencesGroup::new();
    let fact = |title: &str, value: &str| {
        let row = adw::ActionRow::builder().use_markup(false).title(title).subtitle(value).build();
        row.add_css_class("property");
        row.set_subtitle_selectable(true);
        row
    };
    let details = adw::ExpanderRow::builder().title(gettext("Details")).build();
    let mut rows = vec![];
    if let Some(Key { subject, sha1, sha256 }) = &machine.key {
        rows.push(fact(&gettext("Key"), subject));
        rows.push(fact(&gettext("Fingerprint that the blue screen shows (SHA-1)"), &card::pairs(sha1)));
        rows.push(fact(&gettext("Fingerprint (SHA-256)"), &card::pairs(sha256)));
    }
    for (title, value) in machine.firmware.iter().flat_map(machine::facts) {
        rows.push(fact(&title, &value));
    }
    if rows.is_empty() {
        return group;
    }
    for row in rows {
        details.add_row(&row);
    }
    group.add(&details);
    group
}
