//! The use of the disk: every way says what it leaves and loses, and the button says what it does.

use crate::{
    accessible::has_name,
    played::{Window, below, until},
};
use forge_gui::{
    app::Input,
    gateway::scripted::{Play, Scripted, way_beside, way_to},
    session::{Change, Page, usage::Choice},
};
use forge_model::{
    answers::Way,
    inventory::{Content, Holding},
};
use relm4::{ComponentController, adw, adw::prelude::*, gtk};

const WINDOWS: &str = "/dev/nvme0n1";
const EARLIER: &str = "/dev/sda";
const FEDORA: &str = "/dev/sdc";

/// The rows of ways on screen: what each says, and whether it can be chosen.
fn ways(window: &Window) -> Vec<(String, bool, gtk::ListBoxRow)> {
    let rows = window.widgets().into_iter().filter_map(|widget| widget.downcast::<gtk::ListBoxRow>().ok());
    let is_way = |row: &gtk::ListBoxRow| below(row.upcast_ref()).iter().any(|w| w.is::<gtk::CheckButton>());
    let words = |row: &gtk::ListBoxRow| {
        let labels = below(row.upcast_ref()).into_iter().filter_map(|w| w.downcast::<gtk::Label>().ok());
        labels.map(|label| label.text().to_string()).collect::<Vec<_>>().join(" | ")
    };
    rows.filter(|row| row.is_mapped() && is_way(row)).map(|row| (words(&row), row.is_activatable(), row)).collect()
}

fn row<R: IsA<gtk::Widget> + IsA<adw::PreferencesRow>>(window: &Window, title: &str) -> Option<R> {
    let rows = window.widgets().into_iter().filter_map(|widget| widget.downcast::<R>().ok());
    rows.filter(|row| row.is_mapped()).find(|row| row.title().replace('\u{a0}', " ") == title)
}

/// The number in a row.
fn number(window: &Window, title: &str) -> Option<gtk::SpinButton> {
    let row = row::<adw::ActionRow>(window, title)?;
    below(row.upcast_ref()).into_iter().find_map(|widget| widget.downcast().ok())
}

fn may_go_on(window: &Window) -> bool {
    window.button("Next").is_some_and(|button| button.is_sensitive())
}

#[gtk::test]
fn nothing_is_chosen_for_anybody_and_each_way_says_what_it_means() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::open(Play::Stands);
    window.walk(Page::DiskUse);
    until("four ways", || ways(&window).len() == 4);
    let said: Vec<(String, bool)> = ways(&window).into_iter().map(|(words, can, _)| (words, can)).collect();
    assert_eq!(
        said,
        [
            (
                "Erase the Disk | Everything on this disk will be erased: Windows (encrypted by BitLocker), 4 partitions.",
                true
            ),
            ("Use Free Space | Everything that is on the disk stays.", true),
            ("Replace the Earlier InterGenOS | There is no earlier system on this disk that could be replaced.", false),
            ("Choose by Hand | Say for each partition whether it is deleted, made smaller or left as it is.", true),
        ]
        .map(|(words, can)| (words.to_owned(), can))
    );
    assert!(!may_go_on(&window));
    assert!(!window.texts().contains("After"));
    // Each takes the keyboard and has a name, those that can not be gone, too: their reason is heard.
    for (words, _, row) in ways(&window) {
        assert!(row.is_focusable() && row.is_sensitive() && has_name(row.upcast_ref()), "{words}");
    }
    // As Enter on the row does it.
    let free = ways(&window).remove(1).2;
    free.emit_activate();
    until("what becomes of each part", || window.texts().contains("What Becomes of Each Part"));
    assert!(may_go_on(&window) && window.texts().contains("Nothing on the disk will be lost."));
    // One that can not be gone does nothing.
    ways(&window).remove(2).2.emit_activate();
    assert!(window.texts().contains("Nothing on the disk will be lost."));
    ways(&window).remove(0).2.emit_activate();
    until("what erasing means", || window.texts().contains("Everything on the disk will be lost."));
    window.close();
}

#[gtk::test]
fn in_free_space_nothing_is_lost_nothing_is_asked_and_a_failure_leaves_the_old_table() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::open(Play::Fails);
    window.take(way_beside(Page::Review, WINDOWS, &[Choice::Way(Way::FreeSpace)]));
    until("the plan", || window.button("Install").is_some_and(|button| button.is_sensitive()));
    assert!(window.button("Install").unwrap().has_css_class("suggested-action"));
    assert!(!window.texts().contains("erased"), "{}", window.texts());
    assert!(window.texts().contains("A part of Samsung SSD 990 PRO, 1.0 TB is used"));
    window.press("Install");
    let told = "Your other systems are untouched: the old partition table is still in force.";
    until(told, || window.page() == Some(Page::Failure) && window.texts().contains(told));
    assert!(!window.texts().contains("will not start a computer"));
    window.close();

    let window = Window::open(Play::Works);
    window.take(way_beside(Page::Review, WINDOWS, &[Choice::Way(Way::FreeSpace)]));
    window.press("Install");
    until("the code", || window.texts().contains("Your Code"));
    assert!(window.texts().contains("Other systems on the disk are still there."));
    window.close();
}

#[gtk::test]
fn a_partition_is_made_smaller_by_the_keyboard_and_the_question_says_by_how_much() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::on(Scripted::shared(Play::Stands));
    window.take(way_beside(Page::DiskUse, WINDOWS, &[Choice::Way(Way::FreeSpace)]));
    let title = "Make Windows (NTFS) Smaller";
    until(title, || number(&window, title).is_some());
    let spin = || number(&window, title).expect("a number");
    assert_eq!((spin().adjustment().lower(), spin().adjustment().upper()), (214.1, 997.9));
    until("what is proposed", || (spin().value() - 606.0).abs() < 0.2);
    // As the arrow keys do it. The row is not made anew by that: the keyboard stays in it.
    let before = spin();
    before.set_value(300.0);
    until("the new number", || window.texts().contains("Is made smaller, to 300.0 GB; what is in it stays"));
    assert_eq!(before, spin());
    assert!(may_go_on(&window));
    // As it is now, there is no room; the page says so.
    spin().set_value(spin().adjustment().upper());
    until("why not", || window.texts().contains("There is too little free space.") && !may_go_on(&window));
    spin().set_value(300.0);
    until("it goes on", || may_go_on(&window));
    let rest = way_beside(Page::Review, WINDOWS, &[Choice::Way(Way::FreeSpace)]);
    let at = way_beside(Page::DiskUse, WINDOWS, &[]).len() + 1;
    window.take(rest.into_iter().skip(at).collect());
    until("the plan", || window.texts().contains("From 998.0 GB to 300.0 GB"));
    window.press("Make Smaller and Install");
    until("the question", || window.texts().contains("Make Windows (NTFS) Smaller?"));
    assert!(!window.calls().contains(&"install"));
    window.say_yes();
    until("it begins", || window.calls().contains(&"install"));
    window.close();
}

#[gtk::test]
fn what_is_replaced_or_deleted_is_named_before_it_is_lost() {
    if adw::init().is_err() {
        return;
    }
    let window = Window::on(Scripted::shared(Play::Stands));
    window.take(way_beside(Page::DiskUse, EARLIER, &[Choice::Way(Way::Replace)]));
    let keep = "Keep Personal Files";
    until(keep, || row::<adw::SwitchRow>(&window, keep).is_some_and(|row| row.is_active()));
    let rest = |window: &Window, choices: &[Choice]| {
        let at = way_beside(Page::DiskUse, "", choices).len();
        window.take(way_beside(Page::Review, "", choices).into_iter().skip(at).collect());
    };
    rest(&window, &[Choice::Way(Way::Replace)]);
    until("the plan", || window.texts().contains("Personal files of the earlier system stay"));
    window.press("Replace and Install");
    until("the question", || window.texts().contains("Replace the Earlier InterGenOS on CT500MX500SSD1?"));
    window.say_yes();
    window.close();

    let window = Window::on(Scripted::shared(Play::Stands));
    let by_hand = [Choice::Way(Way::Manual)];
    window.take(way_beside(Page::DiskUse, FEDORA, &by_hand));
    let photos = "Delete Photos (ext4), 160.0 GB";
    until(photos, || row::<adw::SwitchRow>(&window, photos).is_some());
    assert!(row::<adw::SwitchRow>(&window, photos).is_some_and(|row| !row.is_active()), "nothing is turned on");
    let switch = row::<adw::SwitchRow>(&window, photos).expect("a row");
    switch.grab_focus();
    switch.set_active(true);
    until("what that means", || window.texts().contains("1 partition will be lost."));
    // Its own number went away with it; the keyboard stays where it was.
    assert!(number(&window, "Make Photos (ext4) Smaller").is_none());
    let focused = || gtk::prelude::GtkWindowExt::focus(window.controller.widget());
    let is_there = |focus: gtk::Widget| row::<adw::SwitchRow>(&window, photos).is_some_and(|row| focus == row);
    until("the keyboard on the switch", || focused().is_some_and(is_there));
    let boot = row::<adw::ComboRow>(&window, "Partition for Boot Files").expect("a choice");
    assert_eq!(boot.subtitle().unwrap().replace('\u{a0}', " "), "EFI has 862.0 MB free, which is enough.");
    boot.set_selected(1);
    until("it is shared", || window.texts().contains("Stays; boot files are added to it"));
    rest(&window, &by_hand);
    until("the plan", || window.texts().contains("Boot files are added to EFI (FAT)"));
    window.press("Delete and Install");
    until("the question", || window.texts().contains("Delete 1 Partition of WDS500G2B0A?"));
    assert!(window.texts().contains("Everything in it will be lost: Photos (ext4), 160.0 GB."));
    window.say_yes();
    until("it begins", || window.calls().contains(&"install"));
    window.controller.emit(Input::Change(Change::Cancel));
    window.close();
}

#[gtk::test]
fn a_system_that_only_a_boot_entry_starts_says_so_on_the_last_page_with_the_command() {
    if adw::init().is_err() {
        return;
    }
    let shares = [Choice::Way(Way::Manual), Choice::Delete { number: 4, goes: true }, Choice::ShareEsp(Some(1))];
    // The second machine was not started by UEFI: there is nothing to leave an entry in.
    for play in [Play::FirmwareRefuses, Play::WithoutUefi] {
        let window = Window::on(Scripted::shared(play));
        window.take(way_beside(Page::Review, FEDORA, &shares));
        until("the plan", || window.button("Delete and Install").is_some_and(|button| button.is_sensitive()));
        window.controller.emit(Input::Change(Change::Confirm));
        let told = "Nothing starts the new system until there is one.";
        until("the last page", || window.page() == Some(Page::Done) && window.texts().contains("Credentials"));
        assert!(window.texts().contains(told), "{}", window.texts());
        let command = "efibootmgr --create --disk /dev/sdc --part 1 --label 'InterGenOS' --loader '\\EFI\\intergenos\\shimx64.efi'";
        assert!(window.texts().contains(command), "{}", window.texts());
        assert!(!window.texts().contains("such as this one"), "which may not have been started by UEFI");
        window.close();
    }
}

#[gtk::test]
fn who_keeps_personal_files_is_told_on_the_page_about_encryption_why_it_is_off() {
    if adw::init().is_err() {
        return;
    }
    for keeps in [true, false] {
        let window = Window::on(Scripted::shared(Play::Stands));
        window.take(way_beside(Page::Encryption, EARLIER, &[Choice::Way(Way::Replace), Choice::KeepHome(keeps)]));
        until("the switch", || row::<adw::SwitchRow>(&window, "Encrypt This System").is_some());
        let switch = row::<adw::SwitchRow>(&window, "Encrypt This System").unwrap();
        until("the page", || may_go_on(&window) && switch.is_sensitive() != keeps);
        assert_eq!(window.texts().contains("go back and turn Keep Personal Files off"), keeps, "{}", window.texts());
        window.close();
    }
}

#[gtk::test]
fn names_that_look_like_markup_are_shown_as_they_are() {
    if adw::init().is_err() {
        return;
    }
    const NAME: &str = "A&B <b>";
    let mut machine = Scripted::shared(Play::Fails);
    let disk = machine.inventory.disks.iter_mut().find(|disk| disk.identity.path == FEDORA).expect("it is there");
    disk.model = Some(NAME.into());
    if let Content::Table { partitions, .. } = &mut disk.content {
        partitions[3].holding = Some(Holding::FileSystem { name: "ext4".into(), label: NAME.into() });
    }
    let window = Window::on(machine);
    window.take(way_beside(Page::DiskUse, FEDORA, &[Choice::Way(Way::Manual)]));
    for text in ["How is A&B <b>, 500.0 GB used?", "Delete A&B <b> (ext4), 160.0 GB", "Make A&B <b> (ext4) Smaller"] {
        until(text, || window.texts().contains(text));
    }
    let whole = [Choice::Way(Way::WholeDisk)];
    window.take(vec![Change::Use(whole[0]), Change::Next]);
    window.take(way_beside(Page::Review, FEDORA, &whole).into_iter().skip(way_to(Page::Encryption).len()).collect());
    until("the plan", || window.texts().contains("A&B <b>, 500.0 GB is erased"));
    window.press("Erase and Install");
    until("the question", || {
        window.texts().contains("Erase A&B <b>?") && window.texts().contains("A&B <b> (ext4), 160")
    });
    window.say_yes();
    until("the failure", || window.texts().contains("A&B <b> was disconnected while"));
    window.close();
}
