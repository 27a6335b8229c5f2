//! Beside other systems: what a person keeps is as it was, whether the install ends well or not.

use crate::{
    install::{LONG, code_of},
    person::{Password, Room, SIZE, account_to_review, begin_with, stopped_by, take_disk, take_way, to_disks},
};
use forge_model::{Stage, answers::Way};
use forge_tests::{
    desk::{Window, has, sight::State},
    disk::{MIB, digest},
    installed::assert_complete,
    look::run,
    neighbours,
    private::{LoopDisk, Make, Person, System, system},
};
use std::{fs::File, os::unix::fs::FileExt, path::Path};

/// Room for the neighbours, and for a system behind them.
const BOTH: u64 = neighbours::SIZE + SIZE;
/// The disk, as the window names it.
const NAME: &str = "InterGenOS Forge Test Disk, 1.5 GB";

/// A disk on which others live, with room behind them; nothing where no loop device can be made, which LVM needs.
fn shared<'a>(system: &'a System, serial: &str) -> Option<LoopDisk<'a>> {
    let others = neighbours::disk()?;
    File::options().write(true).open(&others.path).unwrap().set_len(BOTH).unwrap();
    let said = run("sgdisk", &["--move-second-header", &others.text()]);
    assert!(said.well, "{}", said.text);
    let disk = LoopDisk::make(system, Make { serial, size: BOTH, content: Some(&others.path), ..Make::default() });
    assert!(disk.tell_kernel() >= neighbours::all().len());
    Some(disk)
}

/// Every byte of each neighbour.
fn bytes(disk: &Path) -> Vec<Vec<u8>> {
    let file = File::open(disk).unwrap();
    let of = |one: neighbours::Neighbour| {
        let mut bytes = vec![0; one.size as usize];
        file.read_exact_at(&mut bytes, one.offset).unwrap();
        bytes
    };
    neighbours::all().into_iter().map(of).collect()
}

/// From the first page to the use of the disk.
fn to_the_use(window: &mut Window) {
    to_disks(window);
    take_disk(window, NAME);
    window.reads("The next page asks what happens to what is on it.");
    window.choose("Next");
    window.at("Use of the Disk");
}

#[test]
fn a_person_installs_into_free_space_by_keyboard_and_every_byte_of_the_others_is_as_it_was() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let Some(disk) = shared(system, "BESIDE") else { return };
        let before = bytes(disk.file());
        let mut window = room.window("window");
        to_the_use(&mut window);
        // Nothing is chosen for anybody; a way that can not be gone says why, and Return on it does nothing.
        let replace = "Replace the Earlier Forge test system";
        let why = window.until(replace, |things| {
            things.iter().find(|thing| thing.name == replace).map(|thing| thing.description.clone())
        });
        assert_eq!(why, "There is no earlier system on this disk that could be replaced.");
        window.go_to(replace);
        window.press("Return");
        let things = window.sees();
        assert!(!things.iter().any(|thing| thing.is(State::Selected)));
        assert!(things.iter().any(|thing| thing.name == "Next" && !thing.is(State::Sensitive)));

        take_way(&mut window, "Use Free Space");
        window.reads("Nothing on the disk will be lost.");
        // Each part is a row of its own, with what becomes of it.
        for (name, fate) in [("Windows (NTFS), 16.8", "Stays as it is"), ("Your files and settings, ", "New")] {
            window.until(name, |things| {
                let mut rows = things.iter().filter(|thing| thing.role == "list item" && thing.name.starts_with(name));
                rows.any(|row| row.description.contains(fate)).then_some(())
            });
        }
        // So is the number that can be set.
        window.until("a number", |things| {
            let mut numbers = things.iter().filter(|thing| thing.name == "Your Files and Settings");
            numbers.any(|thing| thing.role == "spin button").then_some(())
        });
        window.keep_picture("window-pictures", "use-of-the-disk");
        window.choose("Next");
        window.at("Encryption");
        account_to_review(&mut window, Password::Made);
        window.reads(&format!("A part of {NAME} is used"));
        window.reads("This stays: ");
        assert!(!has(&window.sees(), "erased"));
        begin_with(&mut window, "Install");
        code_of(&window);
        window.reads("Other systems on the disk are still there.");

        assert!(before == bytes(disk.file()), "every byte of the others is as it was");
        neighbours::check(disk.file());
        let receipt = assert_complete(disk.file());
        assert_eq!(receipt.way, Way::FreeSpace);
        let said = run("sgdisk", &["-v", disk.file().to_str().unwrap()]);
        assert!(said.text.contains("No problems found"), "{}", said.text);
    });
}

#[test]
fn who_stops_it_beside_others_is_told_that_they_are_untouched_and_they_are() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let Some(disk) = shared(system, "STOPPED") else { return };
        let (before, table) = (bytes(disk.file()), head(disk.file()));
        let mut window = room.window("window");
        to_the_use(&mut window);
        take_way(&mut window, "Use Free Space");
        window.choose("Next");
        window.at("Encryption");
        account_to_review(&mut window, Password::Made);
        let stopped = stopped_by(&room, &mut window, "Install", |now| now.stage() == Some(Stage::Write));
        window.choose("Cancel…");
        let untouched = "Your other systems are untouched: the old partition table is still in force.";
        window.reads(untouched);
        window.choose_in_question("Stop");
        drop(stopped);
        window.at("Not Installed");
        window.reads(untouched);
        room.bench.until_no_job();
        assert!(before == bytes(disk.file()) && table == head(disk.file()));
        neighbours::check(disk.file());
        // And from there to a whole install: the disk and its use are chosen again, and the rest is kept.
        window.choose("Try Again");
        window.at("Disk");
        take_disk(&mut window, NAME);
        window.choose("Next");
        window.at("Use of the Disk");
        take_way(&mut window, "Use Free Space");
        for page in ["Encryption", "Your Account", "Secure Boot", "Review"] {
            window.choose("Next");
            window.at(page);
        }
        window.reads("is installed");
        begin_with(&mut window, "Install");
        window.until_within(LONG, "the end", |things| has(things, "Your Code").then_some(()));
        assert!(before == bytes(disk.file()));
    });
}

/// MBR, header and list of entries.
fn head(disk: &Path) -> Vec<u8> {
    let mut bytes = vec![0; MIB as usize];
    File::open(disk).unwrap().read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

#[test]
fn by_hand_only_what_was_turned_on_goes_and_the_question_names_it() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let Some(disk) = shared(system, "BY-HAND") else { return };
        let before = bytes(disk.file());
        let mut window = room.window("window");
        to_the_use(&mut window);
        take_way(&mut window, "Choose by Hand");
        let row = window.until("the row of the NTFS", |things| {
            things.iter().find(|thing| thing.name.starts_with("Delete Windows (NTFS)")).map(|thing| thing.name.clone())
        });
        window.choose(&row);
        window.reads("1 partition will be lost.");
        window.keep_picture("window-pictures", "by-hand");
        window.choose("Next");
        window.at("Encryption");
        account_to_review(&mut window, Password::Made);
        let untouched = digest(disk.file());
        window.choose("Delete and Install");
        window.reads("Delete 1 Partition of InterGenOS Forge Test Disk?");
        window.reads("Everything in it will be lost: Windows (NTFS)");
        // Return does not say yes to it.
        window.press("Return");
        window.until("the question is gone", |things| (!has(things, "cannot be undone")).then_some(()));
        window.at("Review");
        assert!(untouched == digest(disk.file()));
        begin_with(&mut window, "Delete and Install");
        code_of(&window);
        let kept: Vec<bool> = before.iter().zip(bytes(disk.file())).map(|(old, new)| *old == new).collect();
        let expected: Vec<bool> = neighbours::all().iter().map(|one| !one.name.starts_with("Basic")).collect();
        assert_eq!(kept, expected);
        assert_eq!(assert_complete(disk.file()).way, Way::Manual);
    });
}
