//! Proprietary firmware: everything is off, what there is to know comes first, and what was chosen is in the plan.

use crate::{
    accessible::has_name,
    played::{Window, until},
};
use forge_gui::{
    app::Input,
    gateway::scripted::Play,
    session::{Change, Page},
};
use relm4::{ComponentController, adw, adw::prelude::*, gtk};

#[gtk::test]
fn firmware_is_off_until_a_person_turns_it_on_and_then_it_is_in_the_plan() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::open(Play::Stands);
    window.walk(Page::Firmware);
    let switches = || -> Vec<adw::SwitchRow> {
        let rows = window.widgets().into_iter().filter_map(|widget| widget.downcast::<adw::SwitchRow>().ok());
        rows.filter(|row| row.is_mapped() && row.ancestor(adw::NavigationPage::static_type()).is_some()).collect()
    };
    until("a row for each bundle", || switches().len() == 3);
    assert!(switches().iter().all(|row| !row.is_active()));
    assert_eq!(switches()[0].title(), "Intel Corporation Wi-Fi 6 AX200");
    assert_eq!(switches()[0].subtitle().as_deref(), Some("Without firmware, there is no wireless network."));

    // What there is to know is read before anything is turned on; each part of it has a name.
    let mut rows = window.widgets().into_iter().filter_map(|widget| widget.downcast::<adw::ExpanderRow>().ok());
    let about = rows.find(|row| row.is_mapped()).expect("what there is to know");
    about.set_expanded(true);
    until("its files", || window.texts().contains("iwlwifi-cc-a0-77.ucode"));
    let stops = window.widgets().into_iter().filter(|widget| widget.is_mapped() && widget.is_focusable());
    let silent: Vec<_> = stops.filter(|widget| widget.is::<gtk::ListBoxRow>() && !has_name(widget)).collect();
    assert!(silent.is_empty(), "{silent:?}");
    window.press_row("Read the Licence…");
    let text = || {
        let views = window.widgets().into_iter().filter_map(|widget| widget.downcast::<gtk::TextView>().ok());
        let buffers = views.filter(|view| view.is_mapped()).map(|view| view.buffer());
        buffers.map(|text| text.text(&text.start_iter(), &text.end_iter(), false).to_string()).collect::<String>()
    };
    until("the licence", || text().contains("The licence of intel-wifi."));
    assert!(window.calls().contains(&"licence"));
    let dialog = window.widgets().into_iter().find_map(|widget| widget.downcast::<adw::Dialog>().ok());
    dialog.expect("a dialog").force_close();

    // As the keyboard does it.
    ActionRowExt::activate(&switches()[0]);
    assert!(switches()[0].is_active());
    until("the button", || window.button("Next").is_some_and(|button| button.is_sensitive()));
    assert!(window.button("Continue Without").is_none());
    switches()[0].set_active(false);
    until("the button", || window.button("Continue Without").is_some());
    switches()[0].set_active(true);
    until("the button", || window.button("Next").is_some());
    for page in [Page::SecureBoot, Page::Review] {
        window.controller.emit(Input::Change(Change::Next));
        until(page.tag(), || window.page() == Some(page));
    }
    until("the plan", || window.texts().contains("Proprietary firmware is added"));
    assert!(window.texts().contains("Intel Wi-Fi by Intel Corporation"), "{}", window.texts());
    window.close();

    // Who goes on without has no proprietary firmware, and is told so once.
    let window = Window::open(Play::Stands);
    window.walk(Page::Review);
    until("the plan", || window.texts().contains("No proprietary firmware"));
    window.close();
}
