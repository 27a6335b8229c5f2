//! A person's way from the first page to the last.

use crate::played::{Window, until};
use forge_gui::{
    app::Input,
    gateway::scripted::Play,
    session::{Change, Page},
};
use relm4::{ComponentController, adw, adw::prelude::*, gtk};

#[gtk::test]
fn the_window_leads_a_person_from_the_first_page_to_the_last() {
    if adw::init().is_err() {
        return;
    }
    // Everything is answered, confirmed, and done.
    let window = Window::open(Play::Works);
    assert_eq!(window.page(), Some(Page::Welcome));
    window.walk(Page::Review);
    until("the plan in sentences", || window.texts().contains("Samsung SSD 990 PRO, 1.0 TB is erased"));
    assert!(window.texts().contains("Everything on this disk will be erased: Windows"));
    // The button asks once more; what it asks names the disk, and Enter does nothing.
    window.press("Erase and Install");
    until("the question", || window.texts().contains("Erase Samsung SSD 990 PRO?"));
    assert_eq!(window.calls().iter().filter(|call| **call == "install").count(), 0);
    window.say_yes();
    until("the last page", || window.page() == Some(Page::Done));
    until("the code", || window.texts().contains("Your Code"));
    assert!(window.calls().ends_with(&["install", "take"]), "{:?}", window.calls());
    window.close();

    // A plan that changed is shown once more, and nothing was begun.
    let window = Window::open(Play::ChangesItsMind);
    window.walk(Page::Review);
    until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
    window.controller.emit(Input::Change(Change::Confirm));
    until("the banner", || window.texts().contains("The disk changed. Look at the plan once more."));
    assert_eq!(window.page(), Some(Page::Review));
    // What is saved there installs nothing by itself.
    assert!(window.texts().contains("a file that fills in these pages there"));
    window.close();

    // A failure says what happened, what state the disk is in, what to do; trying again begins at the disks.
    let window = Window::open(Play::Fails);
    window.walk(Page::Review);
    until("the plan", || window.button("Erase and Install").is_some_and(|button| button.is_sensitive()));
    window.controller.emit(Input::Change(Change::Confirm));
    until("the failure", || window.page() == Some(Page::Failure));
    let told = "Samsung SSD 990 PRO was disconnected while the system was being written. The disk will not start a computer now.";
    until(told, || window.texts().contains(told));
    window.press("Try Again");
    until("the disks", || window.page() == Some(Page::Disk));
    until("no disk is chosen for anybody", || window.button("Next").is_some_and(|button| !button.is_sensitive()));
    window.close();

    // To stop asks first, and then asks the machine.
    let window = Window::open(Play::Stands);
    window.walk(Page::Installing);
    until("the pace", || window.texts().contains("412.0 MB a second"));
    window.press("Cancel…");
    until("what that leaves", || window.texts().contains("is already gone"));
    assert!(!window.calls().contains(&"cancel"));
    window.say_yes();
    until("the machine was asked", || window.calls().contains(&"cancel"));
    window.close();
}
