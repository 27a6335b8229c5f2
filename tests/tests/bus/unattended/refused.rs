//! Answers that may not run alone, disks that are not taken: it says why on every console, and writes nothing.

use super::scene::{DISK, Scene, file, left_on};
use crate::bench::{USUAL, said};
use forge_tests::{
    payload::{TestPayload, flip},
    private::{LoopDisk, Make, system},
};
use std::{fs, sync::Arc};

#[test]
fn answers_without_a_signature_are_a_proposal_and_nothing_more() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        scene.list_signer();
        let volume = scene.volume("STICK", &[("answers.toml", scene.answers().as_bytes())]);
        scene.refused(&disk, 3, &["not signed", "may not run alone", "Start \"Install\""]);
        let log = left_on(&volume);
        assert!(String::from_utf8_lossy(file(&log, "forge-log-MACHINE-17.txt")).contains("not signed"));

        let output = scene.start(&["--prefill"]).wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let proposal = fs::read_to_string(scene.path("run/forge/answers/answers.toml")).unwrap();
        assert!(forge_model::Answers::parse(&proposal).is_ok() && proposal.contains("quiet-otter"), "{proposal}");
        let why = fs::read_to_string(scene.path("run/forge/answers/why.json")).unwrap();
        let why: serde_json::Value = serde_json::from_str(&why).unwrap();
        assert_eq!((&why["used"], &why["source"]), (&true.into(), &"volume".into()), "{why}");
    });
}

#[test]
fn answers_that_come_from_the_esp_are_a_proposal_and_win_over_signed_ones_all_the_same() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        scene.list_signer();
        let answers = scene.answers();
        let files: [(&str, &[u8]); 2] =
            [("answers.toml", answers.as_bytes()), ("answers.toml.sig", &scene.sign(&answers))];
        let _volume = scene.volume("STICK", &files);
        scene.credential_of_esp("forge.answers", &answers.replace("quiet-otter", "loud-otter"));
        // What the unit makes where the firmware brought none.
        scene.credential_of_esp("given-forge.answers", "none");
        scene.refused(&disk, 3, &["forge.answers, which lay on the ESP (used)", "the ESP, which anybody can write to"]);
        let output = scene.start(&["--prefill"]).wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(fs::read_to_string(scene.path("run/forge/answers/answers.toml")).unwrap().contains("loud-otter"));
        let why = fs::read_to_string(scene.path("run/forge/answers/why.json")).unwrap();
        assert!(why.contains("from-esp"), "{why}");
    });
}

#[test]
fn answers_that_were_changed_are_not_even_a_proposal() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        let (answers, other) = (scene.answers(), scene.answers().replace("quiet-otter", "loud-otter"));
        // By their hash.
        scene.pin(&other, &answers);
        scene.refused(&disk, 3, &["were changed", "not used"]);
        // By their signature.
        scene.list_signer();
        let volume =
            scene.volume("STICK", &[("answers.toml", other.as_bytes()), ("answers.toml.sig", &scene.sign(&answers))]);
        scene.refused(&disk, 3, &["they were changed after they were signed"]);
        let output = scene.start(&["--prefill"]).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert!(!scene.path("run/forge/answers/answers.toml").exists());
        assert!(fs::read_to_string(scene.path("run/forge/answers/why.json")).unwrap().contains("changed"));
        drop(volume);
    });
}

#[test]
fn a_signature_by_somebody_whom_the_medium_does_not_list_is_none() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        let answers = scene.answers();
        let files: [(&str, &[u8]); 2] =
            [("answers.toml", answers.as_bytes()), ("answers.toml.sig", &scene.sign(&answers))];
        let _volume = scene.volume("STICK", &files);
        scene.refused(&disk, 3, &["this medium does not list"]);
        // The certificate lies there, and the command line does not name it.
        scene.list_signer();
        scene.command_line("");
        scene.refused(&disk, 3, &["this medium does not list"]);
    });
}

#[test]
fn a_stronger_source_that_can_not_be_read_stops_everything() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        scene.credential("forge.answers", &scene.answers());
        scene.command_line("forge.answers=/answers.toml");
        scene.refused(&disk, 3, &["forge.answers.sha256= beside it"]);
        let hash = "0".repeat(64);
        scene.command_line(&format!("forge.answers=/answers.toml forge.answers.sha256={hash}"));
        scene.refused(&disk, 3, &["can not be read"]);
    });
}

#[test]
fn nothing_runs_where_there_are_no_answers() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        scene.refused(&disk, 3, &["there are no answers", "FORGE-ANSWERS"]);
        let _empty = scene.volume("STICK", &[]);
        scene.refused(&disk, 3, &["answers.toml", "can not be read"]);
        let _second = scene.volume("STICK-2", &[]);
        scene.refused(&disk, 3, &["more than one volume"]);
    });
}

#[test]
fn a_volume_on_a_disk_that_stays_in_the_machine_is_none() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        let volume = scene.volume("FIXED", &[("answers.toml", b"x")]);
        let image = scene.bench.path("fixed.img");
        fs::copy(volume.file(), &image).unwrap();
        drop(volume);
        let properties = [("UDISKS_SYSTEM", "1")];
        let make = Make {
            serial: "INSIDE",
            size: 16 << 20,
            content: Some(&image),
            properties: &properties,
            ..Make::default()
        };
        let _inside = LoopDisk::make(system, make);
        scene.refused(&disk, 3, &["there are no answers"]);
    });
}

#[test]
fn answers_for_another_machine_are_not_used() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        let _volume = scene.volume("STICK", &[]);
        scene.credential("forge.answers", &scene.answers().replace("MACHINE-17", "MACHINE-18"));
        scene.refused(&disk, 3, &["another machine", "MACHINE-18", "MACHINE-17"]);
    });
}

#[test]
fn two_disks_that_fit_and_none_that_fits_are_both_no_disk() {
    system(|system| {
        let scene = Scene::new(system);
        let _volume = scene.volume("STICK", &[]);
        let by_model = "match = { model = \"InterGenOS Forge Test Disk\", min-size = \"100MiB\" }";
        let wanted = format!("match = {{ serial = \"{DISK}\" }}");
        let first = LoopDisk::new(system, "ONE", USUAL, 512);
        scene.credential("forge.answers", &scene.answers());
        scene.refused(&first, 5, &["no disk is taken: disk.match: no disk fits", "another serial number", "ONE"]);
        scene.credential("forge.answers", &scene.answers().replace(&wanted, by_model));
        let second = LoopDisk::new(system, "TWO", USUAL, 512);
        scene.refused(&first, 5, &["more than one disk fits", "ONE", "TWO"]);
        scene.refused(&second, 5, &["more than one disk fits"]);
    });
}

#[test]
fn a_disk_that_is_too_small_is_refused_with_the_numbers() {
    system(|system| {
        let scene = Scene::new(system);
        let _volume = scene.volume("STICK", &[]);
        let disk = LoopDisk::new(system, DISK, 64 << 20, 512);
        scene.credential("forge.answers", &scene.answers());
        scene.refused(&disk, 3, &["too small", "64 MiB"]);
    });
}

#[test]
fn a_volume_on_the_disk_that_would_be_erased_is_refused() {
    system(|system| {
        let scene = Scene::new(system);
        let small = scene.volume("SMALL", &[]);
        let image = scene.bench.path("target.img");
        fs::copy(small.file(), &image).unwrap();
        drop(small);
        let disk = LoopDisk::make(system, Make { serial: DISK, size: USUAL, content: Some(&image), ..Make::default() });
        scene.credential("forge.answers", &scene.answers());
        scene.refused(&disk, 5, &["which would be erased"]);
    });
}

#[test]
fn what_has_to_be_left_needs_a_place_before_anything_is_erased() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        scene.credential("forge.answers", &scene.answers());
        scene.refused(&disk, 3, &["no volume is labelled FORGE-ANSWERS"]);
        let _volume = scene.volume("STICK", &[]);
        scene.credential(
            "forge.answers",
            &scene.answers().replace("credential = \"forge.seal\"", "credential = \"forge.other\""),
        );
        scene.refused(&disk, 3, &["the credential forge.other"]);
    });
}

#[test]
fn a_volume_on_which_nothing_can_be_written_is_refused_before_anything_is_erased() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        let volume = scene.volume_of(0, "STICK", &[]);
        scene.credential("forge.answers", &scene.answers());
        scene.refused(&disk, 3, &["can not be written to", "Nothing was erased."]);
        assert!(left_on(&volume).iter().all(|(name, _)| !name.contains(".forge-")));
    });
}

#[test]
fn a_passphrase_that_no_keyboard_can_type_is_refused_before_anything_is_erased() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, _volume) = (scene.disk(), scene.volume("STICK", &[]));
        scene.credential("forge.answers", &scene.answers());
        for (text, words) in [("a\u{1b}[2J", "control characters"), ("\r\n", "one line of text")] {
            scene.credential("forge.seal", text);
            scene.refused(&disk, 3, &["the credential forge.seal", words]);
        }
    });
}

#[test]
fn answers_that_the_medium_pins_are_not_said_to_be_a_proposal_elsewhere() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        let answers = scene.answers().replace("match = {", "# match = {");
        scene.pin(&answers, &answers);
        scene.refused(&disk, 3, &["may not run alone", "Correct them on the medium"]);
        assert!(!scene.consoles[0].text().contains("proposal"));
    });
}

#[test]
fn a_payload_that_was_changed_is_not_installed_and_the_log_says_so() {
    system(|system| {
        let payload = TestPayload::make();
        flip(&payload.file("shim.efi"), 100);
        let scene = Scene::with(system, Arc::new(payload));
        let (disk, volume) = (scene.disk(), scene.volume("STICK", &[]));
        scene.credential("forge.answers", &scene.answers());
        let before = forge_tests::disk::digest(disk.file());
        let output = scene.run();
        assert_eq!(output.status.code(), Some(4), "{}", said(&output));
        scene.every_console_says(&[
            "shim.efi is not the file that was signed",
            "exit code 4. This machine stays as it is.",
        ]);
        assert_eq!(forge_tests::disk::digest(disk.file()), before);
        assert!(String::from_utf8_lossy(file(&left_on(&volume), "forge-log-quiet-otter.txt")).contains("Stopped:"));
        assert_eq!(scene.events("failed")[0]["code"], 4);
    });
}
