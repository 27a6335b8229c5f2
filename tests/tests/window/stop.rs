//! The person stops it, in each stage.

use crate::{
    install::LONG,
    person::{DISK, Password, Room, SIZE, answer_everything, begin, stopped_at, take_disk, to_disks, to_review},
};
use forge_model::Stage;
use forge_tests::{
    desk::{Window, has},
    disk::{could_start, digest},
    installed,
    private::{LoopDisk, Make, Person, system},
};

/// What is said of a disk that nobody wrote, and of one that was written.
const AS_IT_WAS: &str = "Nothing was written: the disk is as it was.";
const GONE: &str = "The disk will not start a computer now.";

/// Begins, stops it in a stage, and reads what that would mean before and has meant after.
fn stop_in(stage: Stage, room: &Room, window: &mut Window) {
    let nothing = "Nothing was written yet. InterGenOS Forge Test Disk stays as it is.";
    let erased = "What was on InterGenOS Forge Test Disk is already gone, and the disk will not start a computer.";
    let (before, after) = match stage < Stage::Write {
        true => (nothing, AS_IT_WAS),
        false => (erased, GONE),
    };
    let stopped = stopped_at(room, window, stage);
    window.choose("Cancel…");
    window.reads("Stop the Installation?");
    window.reads(before);
    window.choose_in_question("Stop");
    window.reads("Stopping");
    drop(stopped);
    window.at("Not Installed");
    window.reads("The Installation Was Cancelled");
    window.reads(after);
    room.bench.until_no_job();
}

#[test]
fn who_stops_it_while_keys_are_made_has_the_disk_as_it_was_and_may_install_after_all() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let installed = installed::shared();
        let content = Some(installed.disk.path.as_path());
        let disk = LoopDisk::make(system, Make { serial: "EARLY", size: SIZE, content, ..Make::default() });
        let before = digest(disk.file());
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Typed);
        stop_in(Stage::Prepare, &room, &mut window);
        assert!(before == digest(disk.file()));
        // The answers hold, and so does the password that was typed.
        window.choose("Try Again");
        window.at("Review");
        window.reads("is erased");
        begin(&mut window);
        window.until_within(LONG, "the end", |things| has(things, "Your Code").then_some(()));
        assert!(could_start(disk.file()));
    });
}

#[test]
fn who_stops_it_while_boot_files_are_written_is_told_that_the_disk_starts_nothing() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let disk = LoopDisk::new(system, "LATE", SIZE, 512);
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        stop_in(Stage::Fill, &room, &mut window);
        assert!(!could_start(disk.file()));
        // The page has its stage for whoever is asked about it.
        window.choose("Show Details");
        window.reads("Save…");
    });
}

#[test]
fn who_stops_it_while_it_writes_is_told_before_and_after_what_that_leaves() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let installed = installed::shared();
        let content = Some(installed.disk.path.as_path());
        let disk = LoopDisk::make(system, Make { serial: "STOP", size: SIZE, content, ..Make::default() });
        let mut window = room.window("window");
        to_disks(&mut window);
        take_disk(&mut window, DISK);
        to_review(&mut window, Password::Made);
        // It holds a system: there is a question, and Return does not say yes to it.
        let before = digest(disk.file());
        window.choose("Erase and Install");
        window.reads("Erase InterGenOS Forge Test Disk?");
        window.reads("This cannot be undone.");
        window.press("Return");
        window.until("the question is gone", |things| (!has(things, "cannot be undone")).then_some(()));
        window.at("Review");
        assert!(before == digest(disk.file()));

        stop_in(Stage::Write, &room, &mut window);
        assert!(!could_start(disk.file()));

        // And from there to a whole install.
        window.choose("Try Again");
        window.at("Disk");
        take_disk(&mut window, DISK);
        // The account is as it was.
        for page in ["Encryption", "Your Account", "Secure Boot", "Review"] {
            window.choose("Next");
            window.at(page);
        }
        window.reads("is erased");
        begin(&mut window);
        window.until_within(LONG, "the end", |things| has(things, "Your Code").then_some(()));
        assert!(could_start(disk.file()));
    });
}

#[test]
fn who_stops_it_while_the_medium_is_checked_is_told_that_nothing_was_written() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        room.medium_is_slow();
        let disk = LoopDisk::new(system, "CHECK", SIZE, 512);
        let before = digest(disk.file());
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        stop_in(Stage::Check, &room, &mut window);
        assert!(before == digest(disk.file()));
    });
}

#[test]
fn who_stops_it_while_the_system_is_read_back_is_told_before_and_after_what_that_leaves() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let disk = LoopDisk::new(system, "PROVE", SIZE, 512);
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        stop_in(Stage::Prove, &room, &mut window);
        assert!(!could_start(disk.file()));
    });
}
