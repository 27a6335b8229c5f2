//! Proprietary firmware, from the page to the receipt: off until a person turns it on, by keyboard.

use crate::{
    install::LONG,
    person::{DISK, Room, SIZE, begin, take_disk, to_disks, to_encryption},
};
use forge_tests::{
    desk::{Window, has, sight::Thing},
    firmware::{self, WIFI},
    private::{LoopDisk, Person, System, system},
};
use std::fs;

/// A room on a machine with a processor of Intel's, and with a device that the test's Wi-Fi is for.
fn room(system: &System) -> Room<'_> {
    let sysfs = system.disks().with_file_name("sysfs");
    let modaliases = [
        ("bus/pci/devices/0000:00:14.3", "pci:v0000FEEDd00000001sv00000000sd00000000bc02sc80i00"),
        ("devices/system/cpu", "cpu:type:x86,ven0000fam0006mod008E:feature:,0000,0001"),
    ];
    for (place, modalias) in modaliases {
        fs::create_dir_all(sysfs.join(place)).unwrap();
        fs::write(sysfs.join(place).join("modalias"), format!("{modalias}\n")).unwrap();
    }
    let options = ["--idle-ms", "20000", "--settle-ms", "0", "--sysfs", sysfs.to_str().unwrap()];
    Room::with(system, Person::Allowed, firmware::shared(), &options)
}

/// To the page that asks about firmware.
fn to_firmware(window: &mut Window) {
    to_disks(window);
    take_disk(window, DISK);
    to_encryption(window);
    window.choose("Next");
    window.at("Your Account");
    window.fill("Your Name", "Anna Test");
    window.choose("Make a Password for Me");
    window.choose("Next");
    window.at("Firmware");
}

#[test]
fn only_the_firmware_that_a_person_turns_on_is_installed() {
    system(|system| {
        let room = room(system);
        let disk = LoopDisk::new(system, "FIRMWARE", SIZE, 512);
        let mut window = room.window("window");
        to_firmware(&mut window);
        window.reads("Without firmware, there is no wireless network.");
        window.reads("Microcode changes how the processor itself works.");
        // Going on without is what the button says; the person looks at the licence first.
        assert!(has(&window.sees(), "Continue Without"));
        window.choose("About This Firmware");
        window.choose("Read the Licence…");
        let says = |thing: &Thing| thing.text.iter().any(|text| text.contains("You may pass it on"));
        window.until("the licence", |things| things.iter().any(says).then_some(()));
        window.press("Escape");
        window.until("the page again", |things| (!things.iter().any(says)).then_some(()));
        window.choose("Wi-Fi of the tests");
        window.until("the button goes on", |things| (!has(things, "Continue Without")).then_some(()));
        window.choose("Next");
        window.at("Secure Boot");
        window.choose("Next");
        window.at("Review");
        window.reads("Proprietary firmware is added");
        window.reads("Wi-Fi of the tests by Somebody");
        begin(&mut window);
        window.until_within(LONG, "the last page", |things| has(things, "Your Code").then_some(()));
        let forge = room.bench.forge();
        let receipt = system.block_on(async {
            let job = forge.job().await.unwrap().expect("a job");
            job.outcome().await.unwrap().expect("it ended")
        });
        let forge_dbus::status::Outcome::Installed { receipt, .. } = receipt else { panic!("{receipt:?}") };
        assert_eq!(receipt.firmware.iter().map(|one| one.bundle.name.as_str()).collect::<Vec<_>>(), [WIFI]);
        drop(disk);
    });
}
