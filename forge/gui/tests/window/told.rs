//! What a person is told when something beside the way does not work, and what is printed.

use crate::played::{Window, until};
use forge_gui::{
    app::Input,
    gateway::scripted::{Play, Scripted, machine, take_announced, way_beside},
    parts::print,
    session::{Change, Ended, Notice, Page, Trouble, usage::Choice},
};
use forge_model::{Stage, answers::Way, inventory::Content};
use relm4::{ComponentController, adw, adw::prelude::*, gtk};

#[gtk::test]
fn what_did_not_work_is_told_with_what_to_do() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::open(Play::NeverRestarts);
    window.walk(Page::Review);
    until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
    window.controller.emit(Input::Change(Change::Confirm));
    until("the last page", || window.page() == Some(Page::Done) && window.texts().contains("Your Code"));
    window.controller.emit(Input::Change(Change::Kept));
    until("the code is kept", || {
        window.widgets().iter().any(|w| w.downcast_ref().is_some_and(adw::SwitchRow::is_active))
    });
    window.press("Restart");
    until("the restart that was refused", || window.texts().contains("The Computer Does Not Restart"));
    assert!(window.texts().contains("Only the restart was refused."));
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    window.controller.emit(Input::Change(Change::Said(Notice::Trouble(Trouble::NotSaved(full)))));
    until("the file that was not saved", || window.texts().contains("The place that you chose is full."));
    window.controller.emit(Input::Change(Change::Said(Notice::Saved { lasts: true })));
    until("a file that was saved", || window.texts().contains("Saved"));
    window.close();

    // A code that was not fetched is asked for again; nothing is said of disks that were not written.
    let window = Window::open(Play::HandsOverLate);
    window.walk(Page::Review);
    until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
    window.controller.emit(Input::Change(Change::Confirm));
    until("the trouble", || window.texts().contains("The Code Is Not There"));
    assert!(!window.texts().contains("Nothing was written"));
    window.press("Try Again");
    until("the code", || window.texts().contains("Your Code") && !window.texts().contains("The Code Is Not There"));
    window.close();
}

#[gtk::test]
fn what_is_printed_is_a_page_of_text() {
    if adw::init().is_err() {
        return;
    }
    // A card: a page with a picture is larger than the same one without.
    let card = |picture: &str| {
        let file = std::env::temp_dir().join(format!("forge-gui-card-{}.pdf", std::process::id()));
        let text = zeroize::Zeroizing::new("The key of quiet-otter".to_owned());
        let sheet = print::Sheet { text, picture: zeroize::Zeroizing::new(picture.to_owned()) };
        print::pdf("Enrollment Card", sheet, &file).expect("a PDF");
        let bytes = std::fs::read(&file).unwrap_or_default();
        let _ = std::fs::remove_file(&file);
        assert!(bytes.starts_with(b"%PDF"), "{} bytes", bytes.len());
        bytes.len()
    };
    assert!(card(&"SHA-1 1a ".repeat(20)) > card("") + 1000);
    for lines in [3, 300] {
        let text = "Code for Enroll MOK: hdjk ufgs vbnt\n".repeat(lines);
        let file = std::env::temp_dir().join(format!("forge-gui-print-{}-{lines}.pdf", std::process::id()));
        let operation = print::sheet("Credentials", zeroize::Zeroizing::new(text));
        operation.set_export_filename(&file);
        operation.set_allow_async(false);
        let result = operation.run(gtk::PrintOperationAction::Export, gtk::Window::NONE);
        let bytes = std::fs::read(&file).unwrap_or_default();
        let _ = std::fs::remove_file(&file);
        assert_eq!(result.ok(), Some(gtk::PrintOperationResult::Apply));
        assert!(bytes.starts_with(b"%PDF"), "{} bytes", bytes.len());
        // A page without any text is far smaller than one with a font in it.
        assert!(bytes.len() > 3000, "{} bytes", bytes.len());
    }
}

#[gtk::test]
fn where_no_other_try_is_offered_the_button_restarts_the_computer_and_asks_before() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::on(Scripted::shared(Play::Stands));
    window.take(way_beside(Page::Installing, "/dev/nvme0n1", &[Choice::Way(Way::FreeSpace)]));
    until("the pace", || window.texts().contains("412.0 MB a second"));
    let lost = Ended::Lost { stage: Some(Stage::Shrink) };
    window.controller.emit(Input::Change(Change::Ended(Box::new(lost))));
    until("the failure", || window.texts().contains("Windows (NTFS) is perhaps still being changed."));
    assert!(window.button("Try Again").is_none());
    window.press("Restart…");
    until("the question", || window.texts().contains("Wait until the disk is quiet."));
    assert!(!window.calls().contains(&"restart"));
    window.say_yes();
    until("the restart", || window.calls().contains(&"restart"));
    window.close();
}

#[gtk::test]
fn who_does_not_see_the_window_hears_the_stages_the_failure_and_what_is_wrong_with_a_password() {
    if adw::init().is_err() {
        return;
    }
    take_announced();
    let window = Window::open(Play::Fails);
    window.walk(Page::Account);
    window.controller.emit(Input::Change(Change::Password(forge_model::Secret::new("seven foxes ran home".into()))));
    window.controller.emit(Input::Change(Change::PasswordAgain(forge_model::Secret::new("seven foxes".into()))));
    let mut heard = Vec::new();
    let mut hears = |words: &str| {
        until(words, || {
            heard.extend(take_announced());
            heard.iter().any(|said: &String| said.contains(words))
        });
    };
    hears("not the same");
    window.close();
    let window = Window::open(Play::Fails);
    window.walk(Page::Review);
    until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
    window.controller.emit(Input::Change(Change::Confirm));
    hears("Writing the system");
    until("the failure", || window.page() == Some(Page::Failure));
    hears("The disk will not start a computer now.");
    window.close();
}

#[gtk::test]
fn a_question_about_another_plan_is_taken_back_and_the_page_says_that_the_disk_changed() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::open(Play::Works);
    window.walk(Page::Review);
    until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
    window.press("Erase and Install");
    until("the question", || window.texts().contains("This cannot be undone."));
    let mut inventory = machine::inventory();
    let chosen = inventory.disks.iter_mut().find(|disk| disk.identity.path == "/dev/nvme0n1").expect("the disk");
    chosen.content = Content::Unknown;
    window.controller.emit(Input::Change(Change::Disks(inventory)));
    until("the question is gone", || !window.texts().contains("This cannot be undone."));
    assert_eq!(window.page(), Some(Page::Review));
    window.close();
}
