//! Encryption: off until it is turned on, the recovery key kept before the way goes on, and shown again at the end.

use crate::played::{Window, until};
use forge_gui::{
    app::Input,
    gateway::scripted::{Play, way_to},
    session::{Change, Page},
};
use forge_model::answers::KeyboardAnswers;
use relm4::{ComponentController, adw, adw::prelude::*, gtk};

/// The rows of this kind on screen, by their title.
fn row<R: IsA<gtk::Widget> + IsA<adw::PreferencesRow>>(window: &Window, title: &str) -> Option<R> {
    let rows = window.widgets().into_iter().filter_map(|widget| widget.downcast::<R>().ok());
    rows.filter(|row| row.is_mapped()).find(|row| row.title() == title)
}

fn switch(window: &Window, title: &str) -> adw::SwitchRow {
    until(title, || row::<adw::SwitchRow>(window, title).is_some());
    row(window, title).expect("it is there")
}

fn may_go_on(window: &Window) -> bool {
    window.button("Next").is_some_and(|button| button.is_sensitive())
}

/// Types into both fields, as a person does.
fn types(window: &Window, text: &str) {
    for title in ["Passphrase", "Passphrase Again"] {
        row::<adw::PasswordEntryRow>(window, title).expect("a field").set_text(text);
    }
}

#[gtk::test]
fn a_person_encrypts_keeps_the_recovery_key_and_sees_it_again_at_the_end() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::open(Play::Works);
    window.walk(Page::Encryption);
    let encrypt = switch(&window, "Encrypt This System");
    until("to be off is an answer", || !encrypt.is_active() && may_go_on(&window));
    assert!(row::<adw::PasswordEntryRow>(&window, "Passphrase").is_none());
    encrypt.set_active(true);
    until("the fields", || row::<adw::PasswordEntryRow>(&window, "Passphrase").is_some() && !may_go_on(&window));

    let chip = switch(&window, "Unlock With This Computer's Security Chip");
    assert!(!chip.is_active());
    chip.set_active(true);

    // The keyboard of the start is told where it matters.
    types(&window, "kühler mühlenbach");
    until("the caution", || window.texts().contains("Characters that are made by several keys may not work there."));
    assert!(may_go_on(&window), "it is a warning and no refusal");
    types(&window, "velvet anchor murmurs");
    until("no caution", || !window.texts().contains("several keys"));

    window.press("Next");
    until("the recovery key", || window.texts().contains("cbdefghi-") && window.texts().contains("rrttuuvv"));
    assert!(!may_go_on(&window));
    switch(&window, "I Have Kept the Recovery Key").set_active(true);
    until("it goes on", || may_go_on(&window));

    // Another keyboard: the passphrase is typed again, and the key stays.
    for page in [Page::Encryption, Page::DiskUse, Page::Disk, Page::TimeZone, Page::Keyboard] {
        window.back();
        until(page.tag(), || window.page() == Some(page));
    }
    let german = KeyboardAnswers { layout: "de".into(), variant: String::new() };
    window.controller.emit(Input::Change(Change::Keyboard(german)));
    for page in [Page::TimeZone, Page::Disk, Page::DiskUse, Page::Encryption] {
        window.press("Next");
        until(page.tag(), || window.page() == Some(page));
    }
    until("why", || window.texts().contains("The keyboard is another one now."));
    assert!(!may_go_on(&window));
    assert_eq!(row::<adw::PasswordEntryRow>(&window, "Passphrase").expect("a field").text(), "");
    types(&window, "velvet anchor murmurs");
    until("it goes on", || may_go_on(&window));
    window.press("Next");
    until("the recovery key", || window.page() == Some(Page::RecoveryKey) && may_go_on(&window));

    let rest = way_to(Page::Review).into_iter().skip(way_to(Page::Encryption).len());
    rest.for_each(|change| window.controller.emit(Input::Change(change)));
    until("the plan", || window.texts().contains("Everything that may change is encrypted"));
    assert!(window.texts().contains("With the passphrase that you typed. It is asked for at the first start;"));
    window.controller.emit(Input::Change(Change::Confirm));
    until("the last page", || window.texts().contains("Your Code"));
    assert_eq!(window.calls().iter().filter(|call| **call == "recovery_key").count(), 1);
    let again = row::<adw::ExpanderRow>(&window, "Recovery Key").expect("it is shown again");
    again.set_expanded(true);
    until("the key", || window.texts().contains("cbdefghi-jklnrtuv-vutrnlkj"));
    assert!(row::<adw::ExpanderRow>(&window, "Passphrase of the disk").is_none(), "who typed it knows it");
    window.close();

    // One that is made is shown at the end.
    let window = Window::open(Play::Works);
    window.walk(Page::Encryption);
    switch(&window, "Encrypt This System").set_active(true);
    switch(&window, "Make a Passphrase for Me").set_active(true);
    until("it goes on", || may_go_on(&window));
    window.press("Next");
    switch(&window, "I Have Kept the Recovery Key").set_active(true);
    until("it goes on", || may_go_on(&window));
    let rest = way_to(Page::Review).into_iter().skip(way_to(Page::Encryption).len());
    rest.for_each(|change| window.controller.emit(Input::Change(change)));
    until("the plan", || window.texts().contains("The passphrase is made by Forge and shown at the end."));
    assert!(window.texts().contains("It is asked for at each start."), "no chip opens it unless that is wanted");
    window.controller.emit(Input::Change(Change::Confirm));
    until("the last page", || window.texts().contains("Your Code"));
    row::<adw::ExpanderRow>(&window, "Passphrase of the disk").expect("a row").set_expanded(true);
    until("the passphrase", || window.texts().contains("marble sparrow hums"));
    window.close();
}
