//! The first-boot guide, the rehearsal and the card.

use crate::{
    accessible::{NARROWEST, has_name},
    played::{Window, below, say_yes, until},
};
use forge_gui::{
    app::{
        Input as AppInput,
        guide::{GuideWindow, Input, Start},
    },
    gateway::scripted::{Play, Scripted, first_boot::FirstBoot},
    guide::{Change, Step},
    parts::rehearsal::{self, Rehearsal, walk::Key},
    session::{self, Page},
};
use forge_model::machine::Enrollment;
use relm4::{Component, ComponentController, Controller, adw, adw::prelude::*, gtk};
use std::{path::PathBuf, sync::Arc};

/// The guide, with a machine that is played.
struct Guide {
    controller: Controller<GuideWindow>,
    machine: Arc<Scripted>,
}

impl Guide {
    fn start(first_boot: FirstBoot, once: bool, kept: Option<PathBuf>) -> Self {
        let mut machine = Scripted::new(Play::Works);
        machine.first_boot = first_boot;
        let machine = Arc::new(machine);
        let start = Start { gateway: machine.clone(), once, kept };
        Self { controller: GuideWindow::builder().launch(start).detach(), machine }
    }

    fn open(enrollment: Enrollment) -> Self {
        let guide = Self::start(FirstBoot::new(enrollment), false, None);
        until("the window", || guide.controller.widget().is_mapped());
        guide
    }

    fn widgets(&self) -> Vec<gtk::Widget> {
        below(self.controller.widget().upcast_ref())
    }

    fn texts(&self) -> String {
        let labels = self.widgets().into_iter().filter_map(|w| w.downcast::<gtk::Label>().ok());
        labels.filter(|label| label.is_mapped()).map(|label| label.text().to_string() + "\n").collect()
    }

    fn press(&self, text: &str) {
        let reads = |button: &gtk::Button| button.label().is_some_and(|label| label.replace('_', "") == text);
        let find = || {
            let buttons = self.widgets().into_iter().filter_map(|w| w.downcast::<gtk::Button>().ok());
            buttons.filter(|button| button.is_mapped() && button.is_sensitive()).find(reads)
        };
        until(text, || find().is_some());
        find().expect("it is there").emit_clicked();
    }

    fn says(&self, text: &str) {
        until(text, || self.texts().contains(text));
    }

    fn calls(&self, name: &str) -> usize {
        self.machine.calls.lock().expect("no call panics").iter().filter(|call| **call == name).count()
    }

    fn close(self) {
        self.controller.widget().destroy();
    }
}

#[gtk::test]
fn the_guide_tells_every_state_and_leads_a_lost_request_to_a_restart() {
    if adw::init().is_err() {
        return;
    }
    for (enrollment, headline, remedy) in [
        (Enrollment::Enforced, "This Computer Trusts Your Key", "Close"),
        (Enrollment::Enrolled, "Secure Boot Is Off", "How to Turn It On"),
        (Enrollment::Pending, "One Step Is Left", "Restart…"),
        (Enrollment::Lost, "This Computer Does Not Trust Your Key Yet", "Get a New Code"),
        (Enrollment::Unknown, "No Key Was Found", "Close"),
    ] {
        let guide = Guide::open(enrollment);
        guide.says(headline);
        guide.says(remedy);
        guide.close();
    }

    let guide = Guide::open(Enrollment::Lost);
    guide.press("Get a New Code");
    guide.says("Your Code");
    assert_eq!(guide.calls("enroll"), 1);
    guide.press("Restart…");
    guide.says("Restart Now?");
    assert_eq!(guide.calls("restart"), 0, "Enter restarts nothing");
    say_yes(guide.widgets());
    until("the restart", || guide.calls("restart") == 1);
    // The code was not kept: closing asks first.
    guide.controller.widget().close();
    guide.says("Close Without the Code?");
    guide.close();

    // Firmware that takes no requests: the way from disk, without a code.
    let mut read_only = FirstBoot::new(Enrollment::Lost);
    read_only.writable = false;
    let guide = Guide::start(read_only, false, None);
    until("the window", || guide.controller.widget().is_mapped());
    guide.press("Enroll from the Disk");
    guide.says("Choose INTERGENOS-KEY.cer.");
    assert_eq!(guide.calls("enroll"), 0);
    guide.close();

    // The checks, with evidence and the command.
    let guide = Guide::open(Enrollment::Lost);
    guide.controller.emit(Input::Change(Change::Open(Step::Checks)));
    guide.says("2 promises do not hold.");
    guide.says("MokListRT: 1 certificate, not this machine's");
    guide.says("mokutil --list-enrolled");
    guide.close();
}

#[gtk::test]
fn started_by_itself_the_guide_comes_once_and_ends_without_a_window_when_nothing_is_new() {
    if adw::init().is_err() {
        return;
    }
    let directory = std::env::temp_dir().join(format!("forge-gui-guide-{}", std::process::id()));
    let kept = Some(directory.join("guide"));
    let guide = Guide::start(FirstBoot::new(Enrollment::Enforced), true, kept.clone());
    guide.says("This Computer Trusts Your Key");
    assert_eq!(std::fs::read(directory.join("guide")).unwrap(), b"enforced\n");
    guide.close();

    let guide = Guide::start(FirstBoot::new(Enrollment::Enforced), true, kept);
    until("the machine was looked at", || guide.calls("machine") == 1);
    // It ends with its window, which was never seen.
    let window = guide.controller.widget().clone();
    let seen = std::rc::Rc::new(std::cell::Cell::new(false));
    let told = seen.clone();
    window.connect_map(move |_| told.set(true));
    let begun = std::time::Instant::now();
    until("a moment", || begun.elapsed() > std::time::Duration::from_millis(300));
    assert!(!seen.get() && !window.is_mapped());
    assert_eq!(guide.calls("audit"), 0, "nothing is measured for nobody");
    let _ = std::fs::remove_dir_all(&directory);
}

#[gtk::test]
fn every_page_of_the_guide_speaks_to_a_screen_reader_and_fits_a_narrow_window_with_large_text() {
    if adw::init().is_err() {
        return;
    }
    let settings = gtk::Settings::default().expect("a display");
    let usual = settings.gtk_xft_dpi();
    let (mut silent, mut wide) = (vec![], vec![]);
    for step in Step::ALL {
        let guide = Guide::open(Enrollment::Lost);
        guide.says("Get a New Code");
        match step {
            Step::State => {}
            Step::Code => guide.press("Get a New Code"),
            other => guide.controller.emit(Input::Change(Change::Open(other))),
        }
        let navigation = guide.widgets().into_iter().find_map(|w| w.downcast::<adw::NavigationView>().ok());
        let navigation = navigation.expect("the pages");
        until(step.tag(), || navigation.visible_page().and_then(|page| page.tag()).as_deref() == Some(step.tag()));
        for widget in guide.widgets().iter().filter(|w| w.is_mapped() && w.is_focusable() && !has_name(w)) {
            let holds = widget.is::<gtk::ListBox>() || widget.is::<gtk::ScrolledWindow>();
            if !holds && widget.ancestor(adw::HeaderBar::static_type()).is_none() {
                silent.push(format!("{}: {} in {:?}", step.tag(), widget.type_(), widget.parent().map(|p| p.type_())));
            }
        }
        settings.set_gtk_xft_dpi(2 * 96 * 1024);
        let (least, ..) = navigation.visible_page().expect("a page").measure(gtk::Orientation::Horizontal, -1);
        settings.set_gtk_xft_dpi(usual);
        if least > NARROWEST {
            wide.push(format!("{}: {least}", step.tag()));
        }
        guide.close();
    }
    assert!(silent.is_empty(), "without a name:\n{}", silent.join("\n"));
    assert!(wide.is_empty(), "wider than {NARROWEST} with large text:\n{}", wide.join("\n"));
}

#[gtk::test]
fn the_rehearsal_takes_the_keys_at_once_and_says_what_is_marked() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::open(Play::Works);
    window.walk(Page::SecureBoot);
    window.controller.emit(AppInput::Change(session::Change::Practise));
    until("the first screen", || window.texts().contains("Press any key."));
    // It has the keyboard, so that nobody has to click first.
    let focus = gtk::prelude::GtkWindowExt::focus(window.controller.widget()).expect("a focus");
    assert!(focus.is::<gtk::DrawingArea>(), "{focus:?}");
    assert!(gtk::test_accessible_has_property(&focus, gtk::AccessibleProperty::Label));
    let dialog = window.widgets().into_iter().find_map(|w| w.downcast::<adw::Dialog>().ok()).expect("the rehearsal");
    dialog.force_close();
    // To its end, by keys.
    let way = [Key::Other, Key::Down, Key::Enter, Key::Down, Key::Enter, Key::Down, Key::Enter];
    let code = "ferndusk".chars().map(Key::Character).chain([Key::Enter, Key::Enter]);
    let keys: Vec<Key> = way.into_iter().chain(code).collect();
    rehearsal::present(window.controller.widget(), &Rehearsal::to_practise(), &keys);
    until("the end", || window.texts().contains("You Know the Way"));
    window.close();
}

#[gtk::test]
fn the_card_holds_the_code_only_when_it_was_asked_for() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::open(Play::Works);
    window.walk(Page::Review);
    until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
    window.controller.emit(AppInput::Change(session::Change::Confirm));
    until("the code", || window.texts().contains("Your Code"));
    window.controller.emit(AppInput::Change(session::Change::Card));
    until("the card", || window.texts().contains("With the Code"));
    assert!(window.texts().contains("1A 1A 1A"));
    let switches = window.widgets().into_iter().filter_map(|w| w.downcast::<adw::SwitchRow>().ok());
    let with_code = switches.filter(|row| row.is_mapped()).find(|row| row.title() == "With the Code");
    assert!(!with_code.expect("a switch").is_active());
    window.close();
}

#[gtk::test]
fn where_the_firmware_refused_the_request_the_last_page_leads_to_the_way_from_disk() {
    if adw::init().is_err() {
        return;
    }
    for (play, heading, by_hand) in [
        (Play::Works, "Your Code", false),
        (Play::FirmwareRefuses, "One Step by Hand", true),
        (Play::WithoutUefi, "One Step by Hand", true),
    ] {
        let window = Window::open(play);
        window.walk(Page::Review);
        until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
        window.controller.emit(AppInput::Change(session::Change::Confirm));
        until(heading, || window.texts().contains(heading));
        // A code that nobody will ask for is not shown.
        let was_refused = play == Play::FirmwareRefuses;
        assert_eq!(window.texts().contains("The firmware took no request"), was_refused);
        assert_eq!(window.texts().contains("the system starts by UEFI only"), play == Play::WithoutUefi);
        if by_hand {
            window.press_row("Enroll from the Disk");
            until("the pictures", || window.texts().contains("This way needs no code."));
        }
        window.close();
    }
}

#[gtk::test]
fn where_there_is_no_uefi_the_page_about_secure_boot_promises_no_blue_screen() {
    if adw::init().is_err() {
        return;
    }
    for (play, asks) in [(Play::Stands, true), (Play::WithoutUefi, false)] {
        let window = Window::open(play);
        window.walk(Page::SecureBoot);
        until("the page", || window.texts().contains("Forge makes a key for this computer alone"));
        let said = window.texts();
        assert_eq!(said.contains("A blue screen asks whether to enroll a key."), asks, "{said}");
        assert_eq!(said.contains("If you miss the blue screen"), asks, "{said}");
        assert_eq!(said.contains("This computer was not started by UEFI"), !asks, "{said}");
        window.close();
    }
}
