//! polkit says no, the person stops it, the helper dies, disks come and go.

use crate::{
    install::LONG,
    person::{
        DISK, Password, Room, SIZE, answer_everything, rule, stopped_while_writing, take_disk, to_disks, to_review,
    },
};
use forge_tests::{
    desk::{has, sight::State},
    disk::{could_start, digest},
    installed,
    private::{Agent, Answer, LoopDisk, Make, Person, system},
};

const NOTHING: &str = "Nothing was written to any disk.";

#[test]
fn who_may_not_look_at_disks_is_told_so_on_the_first_page() {
    system(|system| {
        let room = Room::of(system, Person::Refused);
        let disk = LoopDisk::new(system, "REFUSED", SIZE, 512);
        let before = digest(disk.file());
        let mut window = room.window("window");
        window.reads("Not Allowed");
        window.reads("An administrator decides that.");
        // The way out has the keyboard.
        window.choose("Try Again");
        window.reads("Not Allowed");
        assert!(before == digest(disk.file()));
    });
}

#[test]
fn who_may_look_but_not_install_is_told_so_and_nothing_is_written() {
    system(|system| {
        rule(system, Person::Refused, "YES", "NO");
        let room = Room::of(system, Person::Refused);
        let disk = LoopDisk::new(system, "REFUSED", SIZE, 512);
        let before = digest(disk.file());
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        window.choose("Erase and Install");
        window.at("Not Installed");
        window.reads("Not Allowed");
        window.reads(NOTHING);
        assert!(before == digest(disk.file()));
        room.bench.until_no_job();
        // Trying again shows the same plan again.
        window.choose("Try Again");
        window.at("Review");
        window.reads("is erased");
    });
}

#[test]
fn who_closes_the_question_for_a_password_is_told_so_and_nothing_is_written() {
    system(|system| {
        rule(system, Person::Asked, "YES", "AUTH_ADMIN");
        let room = Room::of(system, Person::Asked);
        let disk = LoopDisk::new(system, "ASKED", SIZE, 512);
        let before = digest(disk.file());
        let agent = Agent::new(system, Answer::Dismiss);
        let mut window = room.desk.open_by(&room.bench.path("forge"), "window", |command| agent.spawn(command));
        answer_everything(&mut window, Password::Made);
        window.choose("Erase and Install");
        window.at("Not Installed");
        window.reads("No Password Was Given");
        window.reads(NOTHING);
        assert_eq!(agent.asked().len(), 1, "{:?}", agent.asked());
        assert!(before == digest(disk.file()));
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

        let slow = crate::bench::Slow::by(room.bench.helper(), 2, 60);
        window.choose("Erase and Install");
        window.reads("This cannot be undone.");
        window.choose_in_question("Erase and Install");
        window.until_within(LONG, "a stage that writes", |things| has(things, "Writing the system").then_some(()));
        let stopped = slow.stop();
        window.choose("Cancel…");
        window.reads("Stop the Installation?");
        window.reads("is already gone, and the disk will not start a computer.");
        window.choose("Stop");
        window.reads("Stopping");
        drop(stopped);
        window.at("Not Installed");
        window.reads("The Installation Was Cancelled");
        window.reads("The disk will not start a computer now.");
        room.bench.until_no_job();
        assert!(!could_start(disk.file()));

        // And from there to a whole install.
        window.choose("Try Again");
        window.at("Disk");
        take_disk(&mut window, DISK);
        // The account is as it was.
        for page in ["Your Account", "Secure Boot", "Review"] {
            window.choose("Next");
            window.at(page);
        }
        window.reads("is erased");
        window.choose("Erase and Install");
        window.until("a question, or not", |things| {
            (has(things, "This cannot be undone.") || has(things, "Installing on")).then_some(())
        });
        if has(&window.sees(), "This cannot be undone.") {
            window.choose_in_question("Erase and Install");
        }
        window.until_within(LONG, "the end", |things| has(things, "Your Code").then_some(()));
        assert!(could_start(disk.file()));
    });
}

#[test]
fn a_helper_that_dies_while_it_writes_leaves_a_sentence_and_a_way_on() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let disk = LoopDisk::new(system, "DIES", SIZE, 512);
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        stopped_while_writing(&room, &mut window).kill();
        window.at("Not Installed");
        window.reads("The Installation Stopped");
        window.reads("The disk will not start a computer now.");
        assert!(!could_start(disk.file()));
        // The next helper takes it from there.
        window.choose("Try Again");
        window.at("Disk");
        window.reads("An installation that did not end");
    });
}

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
