//! The window dies and comes back; two windows.

use crate::{
    bench::Slow,
    install::{LONG, code_of},
    person::{DISK, Password, Room, SIZE, answer_everything, begin, rule, stopped_at, take_disk, to_disks, to_review},
};
use forge_dbus::status::State;
use forge_model::Stage;
use forge_tests::{
    desk::{Desk, has},
    disk::{could_start, digest},
    private::{LoopDisk, Make, Person, system},
};

#[test]
fn a_window_that_is_killed_stops_its_install_and_the_next_one_finds_what_it_left() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let disk = LoopDisk::new(system, "KILLED", SIZE, 512);
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        let stopped = stopped_at(&room, &mut window, Stage::Write);
        window.kill();
        drop(stopped);
        room.bench.until_no_job();
        assert!(!could_start(disk.file()));
        let mut window = room.window("window-again");
        to_disks(&mut window);
        window.reads("An installation that did not end");
        take_disk(&mut window, DISK);
    });
}

#[test]
fn a_window_that_is_killed_at_the_end_shows_the_same_code_again() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let _disk = LoopDisk::new(system, "AGAIN", SIZE, 512);
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        window.choose("Erase and Install");
        let code = code_of(&window);
        window.kill();
        let window = room.window("window-again");
        window.at("Installed");
        assert_eq!(code_of(&window), code);
    });
}

#[test]
fn while_somebody_else_installs_nothing_is_begun_and_the_window_says_why() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let mine = LoopDisk::new(system, "MINE", SIZE, 512);
        let properties = &[("ID_MODEL", "Other_Disk")];
        let other = LoopDisk::make(system, Make { serial: "OTHER", size: SIZE, properties, ..Make::default() });
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        let before = digest(mine.file());
        let job = room.bench.prepare(&other, true).unwrap();
        let slow = Slow::by(room.bench.helper(), 2, 20);
        job.run();
        window.choose("Erase and Install");
        window.at("Not Installed");
        window.reads("Another Installation Goes On");
        window.reads("Nothing was written to any disk.");
        drop(slow);
        assert!(before == digest(mine.file()));
        let mut job = job;
        job.finished();
        job.close();
        // Then it is this window's turn.
        window.choose("Try Again");
        window.at("Review");
        window.choose("Erase and Install");
        window.until_within(LONG, "the end", |things| has(things, "Your Code").then_some(()));
        assert!(could_start(mine.file()));
    });
}

#[test]
fn a_plan_that_somebody_else_looks_at_is_left_alone_by_a_window_that_opens() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let disk = LoopDisk::new(system, "THEIRS", SIZE, 512);
        let theirs = room.bench.prepare(&disk, true).unwrap();
        let mut window = room.window("window");
        // It has looked at the machine by then.
        to_disks(&mut window);
        assert_eq!(system.block_on(theirs.job.state()).unwrap(), State::Prepared);
        theirs.close();
    });
}

#[test]
fn who_starts_it_a_second_time_is_taken_to_the_window_that_installs() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let _disk = LoopDisk::new(system, "TWICE", SIZE, 512);
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        let slow = Slow::by(room.bench.helper(), 2, 20);
        window.choose("Erase and Install");
        window.until_within(LONG, "it begins", |things| has(things, "Installing on").then_some(()));
        let second = room.desk.open(&room.bench.path("forge"), "second-window");
        assert!(second.ended().success(), "{}", system.log("second-window"));
        window.at("Installing");
        drop(slow);
        code_of(&window);
    });
}

#[test]
fn a_window_in_another_session_is_told_that_somebody_installs_and_has_its_turn_afterwards() {
    system(|system| {
        rule(system, Person::Refused, "YES", "YES");
        let room = Room::of(system, Person::Allowed);
        let _mine = LoopDisk::new(system, "MINE", SIZE, 512);
        let properties = &[("ID_MODEL", "Other_Disk")];
        let other = LoopDisk::make(system, Make { serial: "OTHER", size: SIZE, properties, ..Make::default() });
        let before = digest(other.file());
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        let neighbour = Desk::of(system, Person::Refused);
        let mut second = neighbour.open(&room.bench.path("forge"), "neighbour");
        to_disks(&mut second);
        take_disk(&mut second, "InterGenOS Other Disk, 1.1 GB");
        to_review(&mut second, Password::Made);

        let slow = Slow::by(room.bench.helper(), 2, 20);
        begin(&mut window);
        window.reads("Installing on");
        begin(&mut second);
        second.at("Not Installed");
        second.reads("Another Installation Goes On");
        second.reads("Nothing was written to any disk.");
        assert!(before == digest(other.file()));
        window.choose("Cancel…");
        window.reads("Stop the Installation?");
        window.choose_in_question("Stop");
        drop(slow);
        window.at("Not Installed");
        room.bench.until_no_job();
        second.choose("Try Again");
        second.at("Review");
        begin(&mut second);
        second.until_within(LONG, "the end", |things| has(things, "Your Code").then_some(()));
        assert!(could_start(other.file()));
    });
}
