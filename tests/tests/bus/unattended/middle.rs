//! What happens while it runs: a key in the countdown, a disk that comes, a volume that is pulled out, a console that is stuck.

use super::scene::{DISK, Scene, Terminal, file, left_on};
use crate::bench::{Slow, Stopped, USUAL, said};
use forge_tests::{
    disk::digest,
    private::{LoopDisk, system, until},
};
use rustix::process::Pid;
use std::{fs, time::Duration};

#[test]
fn any_key_on_any_console_stops_the_countdown_and_nothing_is_written() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, volume) = (scene.disk(), scene.volume("STICK", &[]));
        scene.credential("forge.answers", &scene.answers());
        let before = digest(disk.file());
        for console in &scene.consoles {
            // What was pressed earlier does not count.
            console.press(b'x');
            let shown = console.text().len();
            let child = scene.start(&[]);
            until("the countdown", || {
                console.text()[shown..].contains("The disk will be erased in 30 s.").then_some(())
            });
            until("the countdown goes on", || console.text()[shown..].contains("in 25 s.").then_some(()));
            console.press(b' ');
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(7), "{}", said(&output));
            scene.every_console_says(&["a key was pressed. Nothing was written.", "exit code 7"]);
            // The terminal is as it was: what is typed shows again.
            let shown = console.text().len();
            console.press(b'q');
            until("an echo", || console.text()[shown..].contains('q').then_some(()));
        }
        assert_eq!(digest(disk.file()), before);
        assert!(scene.events("exit").is_empty());
        drop(volume);
    });
}

#[test]
fn a_disk_that_fits_too_and_comes_during_the_countdown_stops_it() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, _volume) = (scene.disk(), scene.volume("STICK", &[]));
        let wanted = format!("match = {{ serial = \"{DISK}\" }}");
        let by_size = "match = { min-size = \"100MiB\" }";
        scene.credential("forge.answers", &scene.answers().replace(&wanted, by_size));
        let before = digest(disk.file());
        let child = scene.start(&["--countdown", "4"]);
        scene.consoles[0].until("The disk will be erased in 4 s.");
        let second = LoopDisk::new(system, "SECOND", USUAL, 512);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{}", said(&output));
        scene.every_console_says(&["the disks changed during the countdown"]);
        assert_eq!(digest(disk.file()), before);
        drop(second);
    });
}

#[test]
fn a_volume_that_is_pulled_out_stops_no_install_and_gets_everything_when_it_is_back() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, volume) = (scene.disk(), scene.volume("STICK", &[]));
        scene.credential("forge.answers", &scene.answers());
        let mut child = scene.start(&["--countdown", "1"]);
        scene.consoles[0].until("It begins.");
        let slow = Slow::by(scene.bench.helper(), 3, 27);
        let (image, again) = (volume.file().to_owned(), scene.bench.path("again.img"));
        drop(volume);
        fs::rename(&image, &again).unwrap();
        scene.every_console_says(&["The answers volume was pulled out. The install goes on."]);
        drop(slow);
        scene.every_console_says(&["what has to be left can not be", "Put the answers volume back"]);
        std::thread::sleep(Duration::from_secs(3));
        assert!(child.try_wait().unwrap().is_none(), "it stays");
        assert!(!scene.consoles[0].text().contains("is done"));
        let volume = scene.plug("BACK", &again);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        scene.every_console_says(&["The unattended install is done."]);
        let left = left_on(&volume);
        assert!(!file(&left, "credentials.sealed").is_empty() && !file(&left, "receipt.json").is_empty());
        drop(disk);
    });
}

#[test]
fn a_console_that_nobody_reads_holds_nothing_up() {
    system(|system| {
        let mut scene = Scene::new(system);
        let (disk, volume) = (scene.disk(), scene.volume("STICK", &[]));
        scene.consoles[1] = Terminal::stuck(&scene.path("dev/ttyS0"));
        // A line that is full from the start.
        let full = fs::File::options().write(true).open(scene.path("dev/ttyS0")).unwrap();
        rustix::io::ioctl_fionbio(&full, true).unwrap();
        while std::io::Write::write(&mut &full, &[b'x'; 4096]).is_ok() {}
        scene.credential("forge.answers", &scene.answers());
        let output = scene.run();
        assert!(output.status.success(), "{}", said(&output));
        scene.consoles[0].until("The unattended install is done.");
        assert!(!file(&left_on(&volume), "credentials.sealed").is_empty());
        drop(disk);
    });
}

#[test]
fn the_machine_restarts_at_the_end_when_the_answers_say_so_and_never_after_a_failure() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, _volume) = (scene.disk(), scene.volume("STICK", &[]));
        let login = super::scene::Login::new(system);
        scene.credential("forge.answers", &scene.answers().replace("\"stay\"", "\"power-off\"").replace("-17", "-18"));
        scene.refused(&disk, 3, &["another machine"]);
        assert_eq!(login.asked(), Vec::<String>::new());
        scene.credential("forge.answers", &scene.answers().replace("\"stay\"", "\"power-off\""));
        let output = scene.run();
        assert!(output.status.success(), "{}", said(&output));
        scene.every_console_says(&["This machine turns off now."]);
        assert_eq!(login.asked(), ["PowerOff false"]);
    });
}

#[test]
fn an_end_that_the_machine_refuses_is_a_failure_that_everybody_is_told() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, _volume) = (scene.disk(), scene.volume("STICK", &[]));
        // Nobody stands for logind.
        scene.credential("forge.answers", &scene.answers().replace("\"stay\"", "\"power-off\""));
        let output = scene.run();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        scene.every_console_says(&["can not restart or turn off by itself", "ended with exit code 1"]);
        assert!(scene.events("exit").is_empty() && scene.events("failed").len() == 1);
        assert!(!scene.consoles[0].since_start().contains("is done"));
        drop(disk);
    });
}

#[test]
fn a_machine_restarts_only_when_its_firmware_starts_the_new_disk() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, _volume) = (scene.disk(), scene.volume("STICK", &[]));
        let login = super::scene::Login::new(system);
        scene.credential("forge.answers", &scene.answers().replace("\"stay\"", "\"reboot\""));
        let output = scene.run();
        assert!(output.status.success(), "{}", said(&output));
        scene.every_console_says(&["Take the medium out, then restart.", "is done. This machine stays as it is."]);
        assert_eq!(login.asked(), Vec::<String>::new());
        assert_eq!(scene.events("exit")[0]["exit"], "stay");
        drop(disk);
    });
}

#[test]
fn a_machine_whose_firmware_has_the_boot_entry_restarts() {
    system(|system| {
        let scene = Scene::with_firmware(system);
        let (disk, _volume) = (scene.disk(), scene.volume("STICK", &[]));
        let login = super::scene::Login::new(system);
        scene.credential("forge.answers", &scene.answers().replace("\"stay\"", "\"reboot\""));
        let output = scene.run();
        assert!(output.status.success(), "{}", said(&output));
        scene.every_console_says(&["This machine restarts now.", "The unattended install is done."]);
        assert_eq!(login.asked(), ["Reboot false"]);
        assert_eq!(scene.events("exit")[0]["exit"], "reboot");
        drop(disk);
    });
}

#[test]
fn another_volume_takes_the_place_of_one_that_is_gone() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, volume) = (scene.disk(), scene.volume("STICK", &[]));
        scene.credential("forge.answers", &scene.answers());
        let child = scene.start(&["--countdown", "1"]);
        scene.consoles[0].until("It begins.");
        drop(volume);
        scene.every_console_says(&["what has to be left can not be"]);
        let other = scene.volume("OTHER", &[]);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        scene.every_console_says(&["is another answers volume", "The unattended install is done."]);
        assert!(!file(&left_on(&other), "credentials.sealed").is_empty());
        drop(disk);
    });
}

#[test]
fn a_helper_that_goes_away_after_the_install_is_told_with_the_code_for_that() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, volume) = (scene.disk(), scene.volume("STICK", &[]));
        scene.credential("forge.answers", &scene.answers());
        let child = scene.start(&["--countdown", "1"]);
        scene.consoles[0].until("It begins.");
        let image = volume.file().to_owned();
        let again = scene.bench.path("again.img");
        drop(volume);
        fs::rename(&image, &again).unwrap();
        scene.every_console_says(&["what has to be left can not be"]);
        Stopped::now(scene.bench.helper()).kill();
        let _volume = scene.plug("BACK", &again);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(9), "{}", said(&output));
        scene.every_console_says(&["it is installed, but what it made could not be handed over", "exit code 9"]);
        assert!(scene.events("exit").is_empty());
        drop(disk);
    });
}

#[test]
fn volumes_that_do_not_answer_hold_no_install_up() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, volume) = (scene.disk(), scene.volume("STICK", &[]));
        scene.credential("forge.answers", &scene.answers().replace("\"answers-volume\"", "\"esp\""));
        let child = scene.start(&["--countdown", "1"]);
        scene.consoles[0].until("It begins.");
        let slow = Slow::by(scene.bench.helper(), 3, 27);
        scene.consoles[0].until("Writing the system");
        let id = system.block_on(async {
            let name = "org.freedesktop.UDisks2".try_into().unwrap();
            zbus::fdo::DBusProxy::new(system.bus()).await?.get_connection_unix_process_id(name).await
        });
        let stopped = Stopped::now(Pid::from_raw(id.unwrap().try_into().unwrap()).unwrap());
        drop(slow);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        scene.every_console_says(&["UDisks2 does not answer", "The unattended install is done."]);
        drop((stopped, disk, volume));
    });
}
