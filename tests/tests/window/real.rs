//! The demo's real system, installed by a person at the window, for a machine that then starts the disk.

use crate::{
    bench::program,
    install::LONG,
    person::{Password, Room, begin, take_disk, to_disks, to_review},
};
use forge_tests::{
    desk::has,
    private::{LoopDisk, Person, system},
};
use std::{env, path::PathBuf, process::Command};

/// As large as the demo's own disk.
const BYTES: u64 = 6 << 30;

/// What `cargo xtask gui-boot` gives: the demo, and where the result goes.
fn folder(name: &str) -> PathBuf {
    env::var_os(name).unwrap_or_else(|| panic!("{name} is not set; run: cargo xtask gui-boot")).into()
}

#[test]
#[ignore = "installs the demo's system, which takes minutes: run by `cargo xtask gui-boot`, which starts the disk"]
fn the_demo_is_installed_by_the_window() {
    system(|system| {
        let (demo, result) = (folder("FORGE_DEMO"), folder("FORGE_WINDOW_RESULT"));
        let room = Room::of(system, Person::Allowed);
        let [payload, certificate] = ["payload", "keys/certificate.pgp"].map(|name| demo.join(name));
        let options = ["--payload", payload.to_str().unwrap(), "--certificate", certificate.to_str().unwrap()];
        system.helper(&program("forge-helper"), &options);

        let disk = LoopDisk::new(system, "WINDOW", BYTES, 512);
        let mut window = room.window("window");
        to_disks(&mut window);
        take_disk(&mut window, "InterGenOS Forge Test Disk, 6.4 GB");
        to_review(&mut window, Password::Made);
        let place = room.bench.directory_of(Person::Allowed, "result");
        window.choose("Save Answers…");
        window.save_as(&place.join("answers.toml"));
        window.reads("Saved");
        begin(&mut window);
        // This helper sees no firmware, so no code is shown; the machine that starts the disk gets the request that is handed over.
        window.until_within(LONG, "the end", |things| has(things, "One Step by Hand").then_some(()));
        window.keep_picture("window-pictures", "done-real");

        // The same person's other program takes what is handed over.
        let output = room.bench.forgectl(Person::Allowed, &["attach", "--output"]).arg(&place).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for (from, to) in [(place.as_path(), result.clone()), (disk.file(), result.join("disk.img"))] {
            let status = Command::new("/usr/bin/cp").args(["-rT", "--sparse=always"]).arg(from).arg(to).status();
            assert!(status.unwrap().success());
        }
    });
}
