//! Disks that come, go, or are too small.

use crate::person::{DISK, Password, Room, SIZE, take_disk, to_disks, to_review};
use forge_tests::{
    desk::{has, sight::State},
    installed,
    private::{LoopDisk, Make, Person, system},
};

#[test]
fn a_disk_that_goes_is_withdrawn_from_whoever_chose_it_and_one_that_comes_is_offered() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let first = LoopDisk::new(system, "FIRST", SIZE, 512);
        let mut window = room.window("window");
        to_disks(&mut window);
        take_disk(&mut window, DISK);
        let properties = &[("ID_MODEL", "Second_Disk")];
        let second = LoopDisk::make(system, Make { serial: "SECOND", size: SIZE, properties, ..Make::default() });
        window.reads("Second Disk, 1.1 GB");
        // The choice stays.
        let is_chosen = |window: &forge_tests::desk::Window| {
            window.sees().iter().any(|thing| thing.name == DISK && thing.is(State::Selected))
        };
        assert!(is_chosen(&window));
        // And so does the keyboard, although the list was drawn anew.
        window.until("the keyboard on the chosen disk", |things| {
            things.iter().any(|thing| thing.name == DISK && thing.is(State::Focused)).then_some(())
        });
        to_review(&mut window, Password::Made);
        drop(first);
        window.reads("The disk that you chose was disconnected");
        window.at("Disk");
        window.until("the disk is gone from the list", |things| (!has(things, DISK)).then_some(()));
        // Another one is never chosen by itself.
        assert!(!window.sees().iter().any(|thing| thing.is(State::Selected)));
        let next = window.sees().into_iter().find(|thing| thing.name == "Next").unwrap();
        assert!(!next.is(State::Sensitive));
        drop(second);
        window.reads("No Disk to Install On");
        window.reads("Connect a disk: it shows up here by itself.");
    });
}

#[test]
fn a_disk_that_comes_takes_neither_the_question_nor_the_plan_from_whoever_reads_them() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let installed = installed::shared();
        let content = Some(installed.disk.path.as_path());
        let _disk = LoopDisk::make(system, Make { serial: "MINE", size: SIZE, content, ..Make::default() });
        let mut window = room.window("window");
        to_disks(&mut window);
        take_disk(&mut window, DISK);
        to_review(&mut window, Password::Made);
        let asked = || system.log("helper").matches("a plan for ").count();
        window.choose("Erase and Install");
        window.reads("This cannot be undone.");
        let before = asked();
        let properties = &[("ID_MODEL", "Second_Disk")];
        let _second = LoopDisk::make(system, Make { serial: "SECOND", size: SIZE, properties, ..Make::default() });
        // The window has heard of it and asked once more whether the plan is still the same.
        window.until("the plan is asked for again", |things| {
            assert!(has(things, "This cannot be undone."), "the question is gone");
            (asked() > before).then_some(())
        });
        window.choose_in_question("Cancel");
        window.at("Review");
        window.reads("is installed");
        assert!(!has(&window.sees(), "The disk changed."));
    });
}

#[test]
fn a_disk_that_is_too_small_is_shown_with_the_numbers_and_is_never_chosen() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let properties = &[("ID_MODEL", "Small_Disk")];
        let _small = LoopDisk::make(system, Make { serial: "SMALL", properties, ..Make::default() });
        let mut window = room.window("window");
        to_disks(&mut window);
        window.reads("No Disk to Install On");
        window.reads("Cannot Be Used Now");
        let small = "InterGenOS Small Disk, 67.1 MB";
        let reason = window.until(small, |things| {
            things.iter().find(|thing| thing.name == small).map(|thing| thing.description.clone())
        });
        assert!(reason.starts_with("The disk is too small. It has 67.1 MB, and "), "{reason}");
        // Its row can be read, but Return on it does nothing.
        window.go_to(small);
        window.press("Return");
        let _enough = LoopDisk::new(system, "ENOUGH", SIZE, 512);
        window.choose(DISK);
        window.until("the other one is chosen", |things| {
            let is_chosen = |name: &str| things.iter().any(|thing| thing.name == name && thing.is(State::Selected));
            assert!(!is_chosen(small));
            is_chosen(DISK).then_some(())
        });
    });
}
