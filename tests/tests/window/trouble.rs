//! polkit says no, the helper dies, the disk fails.

use crate::{
    install::LONG,
    person::{DISK, Password, Room, SIZE, answer_everything, begin, rule, stopped_at, stopped_when, take_disk},
};
use forge_model::Stage;
use forge_tests::{
    desk::has,
    disk::{could_start, digest},
    private::{Agent, Answer, LoopDisk, Person, system, until},
};
use std::fs;

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
fn a_helper_that_dies_while_it_writes_leaves_a_sentence_and_a_way_on() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let disk = LoopDisk::new(system, "DIES", SIZE, 512);
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        stopped_at(&room, &mut window, Stage::Write).kill();
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
fn a_disk_that_fails_while_it_is_written_is_told_with_a_fix_and_a_log_and_once_it_works_trying_again_does_too() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let disk = LoopDisk::new(system, "FAILS", SIZE, 512);
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        // What was written is lost: the disk ends where it did not end before.
        let stopped = stopped_when(&room, &mut window, |progress| {
            progress.stage() > Some(Stage::Write) || progress.stage() == Some(Stage::Write) && progress.done >= 1 << 20
        });
        let file = fs::File::options().write(true).open(disk.file()).unwrap();
        file.set_len(8 << 20).unwrap();
        drop(stopped);
        window.until_within(LONG, "the end", |things| has(things, "The Installation Did Not Work").then_some(()));
        window.at("Not Installed");
        window.reads("The disk does not keep what is written to it. It is faulty.");
        window.reads("The disk will not start a computer now.");
        window.reads("Use another disk.");
        room.bench.until_no_job();
        assert!(!could_start(disk.file()));

        // What the programs said can be read and kept.
        window.choose("Show Details");
        window.until("the log", |things| {
            let mut logs = things.iter().filter_map(|thing| thing.text.as_deref());
            logs.any(|text| text.contains("stage write") && text.contains("disk-faulty in stage")).then_some(())
        });
        let place = room.bench.directory_of(Person::Allowed, "kept");
        window.choose("Save…");
        window.save_as(&place.join("forge.log"));
        let kept =
            until("the file", || fs::read_to_string(place.join("forge.log")).ok().filter(|text| !text.is_empty()));
        assert!(kept.contains("disk-faulty in stage"), "{kept}");
        window.reads("Saved");

        file.set_len(SIZE).unwrap();
        window.choose("Try Again");
        window.at("Disk");
        window.reads("An installation that did not end");
        take_disk(&mut window, DISK);
        for page in ["Encryption", "Your Account", "Secure Boot", "Review"] {
            window.choose("Next");
            window.at(page);
        }
        begin(&mut window);
        window.until_within(LONG, "the end", |things| has(things, "Your Code").then_some(()));
        assert!(could_start(disk.file()));
    });
}
