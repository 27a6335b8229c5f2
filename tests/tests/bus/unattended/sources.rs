//! Each source of answers, to the end: the disk is installed, the credentials are left sealed, and no secret is anywhere else.

use super::scene::{PASSPHRASE, Scene, file, left_on};
use crate::bench::said;
use forge_engine::seal::open_with_passphrase;
use forge_model::Secret;
use forge_tests::{
    look::fat_files,
    private::{LoopDisk, system},
};
use memchr::memmem;
use std::{fs, process::Command};

/// Expects that the disk was installed, and that everything is on the volume; gives the secrets.
fn assert_done(scene: &Scene, disk: &LoopDisk, volume: &LoopDisk, output: &std::process::Output) -> Vec<String> {
    assert!(output.status.success(), "{}\n{}", said(output), scene.system.log("helper"));
    scene.every_console_says(&[
        "The disk will be erased in 1 s.",
        "Preparing the boot files",
        "The unattended install is done.",
    ]);
    let left = left_on(volume);
    let receipt = scene.bench.path("receipt.json");
    fs::write(&receipt, file(&left, "/receipt.json")).unwrap();
    let mut verify = Command::new(scene.bench.path("forgectl"));
    let verified = verify.arg("verify").arg(disk.file()).arg("--receipt").arg(&receipt).output().unwrap();
    assert!(verified.status.success(), "{}", said(&verified));
    assert!(String::from_utf8_lossy(file(&left, "forge-log-quiet-otter.txt")).contains("The system is installed."));

    let sealed = file(&left, "credentials.sealed");
    let plain = open_with_passphrase(sealed, &Secret::new(PASSPHRASE.into())).unwrap();
    let plain: serde_json::Value = serde_json::from_slice(&plain).unwrap();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let mut secrets = vec![text(&plain["mok"]["code"]).unwrap(), text(&plain["mok"]["grouped"]).unwrap()];
    secrets.extend(text(&plain["user"]["password"]));
    secrets.extend(plain["services"].as_object().unwrap().values().filter_map(text));
    secrets.push(PASSPHRASE.into());
    assert!(secrets.len() >= 4);

    let mut places: Vec<(String, Vec<u8>)> = left;
    places.push(("output".into(), said(output).into_bytes()));
    places.push(("events".into(), fs::read(scene.path("dev/virtio-ports/org.intergenos.forge.progress")).unwrap()));
    places.extend(scene.consoles.iter().map(|console| ("console".into(), console.text().into_bytes())));
    places.push(("logs".into(), scene.system.journal().into_bytes()));
    places.push(("the volume".into(), fs::read(volume.file()).unwrap()));
    for secret in &secrets {
        for (place, bytes) in &places {
            assert!(memmem::find(bytes, secret.as_bytes()).is_none(), "{secret} is in {place}");
        }
    }
    secrets
}

#[test]
fn answers_that_the_command_line_pins_run_alone_and_leave_everything_on_the_volume() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, volume) = (scene.disk(), scene.volume("STICK", &[]));
        scene.pin(&scene.answers(), &scene.answers());
        let output = scene.run();
        assert_done(&scene, &disk, &volume, &output);
        scene.every_console_says(&["/answers.toml of the medium, which the kernel's command line names (used)"]);
        for kind in ["sources", "plan", "countdown", "progress", "installed", "delivered", "exit"] {
            assert!(!scene.events(kind).is_empty(), "{kind}");
        }
        assert_eq!(scene.events("sources")[0]["found"], serde_json::json!(["command-line", "volume"]));
    });
}

#[test]
fn answers_that_come_as_a_credential_run_alone_with_a_password_that_comes_as_one() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, volume) = (scene.disk(), scene.volume("STICK", &[]));
        let answers = scene.answers().replace("{ generate = \"passphrase\" }", "{ credential = \"forge.password\" }");
        scene.credential("forge.answers", &answers);
        scene.credential("forge.password", "canary-of-a-password\n");
        let output = scene.run();
        assert_done(&scene, &disk, &volume, &output);
        for (place, text) in [("output", said(&output)), ("console", scene.consoles[1].text())] {
            assert!(!text.contains("canary-of-a-password"), "{place}");
        }
        let shadow = fs::read(disk.file()).unwrap();
        assert!(memmem::find(&shadow, b"canary-of-a-password").is_none());
        assert!(memmem::find(&shadow, b"anna:$6$").is_some(), "the control");
    });
}

#[test]
fn signed_answers_on_a_volume_run_alone_and_the_volume_takes_what_is_left() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        scene.list_signer();
        let answers = scene.answers();
        let files: [(&str, &[u8]); 2] =
            [("answers.toml", answers.as_bytes()), ("answers.toml.sig", &scene.sign(&answers))];
        let volume = scene.volume("STICK", &files);
        let output = scene.run();
        assert_done(&scene, &disk, &volume, &output);
        assert_eq!(file(&left_on(&volume), "answers.toml"), answers.as_bytes());
    });
}

#[test]
fn the_credentials_can_be_left_sealed_on_the_new_disk_and_no_volume_is_needed() {
    system(|system| {
        let scene = Scene::new(system);
        let disk = scene.disk();
        scene.credential("forge.answers", &scene.answers().replace("\"answers-volume\"", "\"esp\""));
        let output = scene.run();
        assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
        let receipt = &scene.events("installed")[0]["receipt"];
        let esp = receipt["partitions"].as_array().unwrap().iter().find(|p| p["role"] == "esp").unwrap();
        let files = fat_files(disk.file(), esp["offset"].as_u64().unwrap());
        let sealed =
            files.iter().find(|(path, _)| path.ends_with("EFI/forge/credentials.sealed")).expect("it is there").1;
        let plain = open_with_passphrase(sealed, &Secret::new(PASSPHRASE.into())).unwrap();
        assert!(memmem::find(&plain, b"\"mok\"").is_some());
        scene.every_console_says(&["EFI/forge", "The unattended install is done."]);
    });
}

#[test]
fn a_volume_that_gets_only_the_log_is_not_said_to_have_more() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, volume) = (scene.disk(), scene.volume("STICK", &[]));
        scene.credential("forge.answers", &scene.answers().replace("\"answers-volume\"", "\"esp\""));
        let output = scene.run();
        assert!(output.status.success(), "{}", said(&output));
        scene.every_console_says(&[
            "with a password that is made, and sealed.",
            "The log is on the answers volume: forge-log-quiet-otter.txt.",
        ]);
        assert!(!scene.consoles[0].text().contains("Receipt and what else"));
        assert!(scene.events("delivered").is_empty());
        assert!(left_on(&volume).iter().all(|(name, _)| !name.contains("receipt.json")));
        drop(disk);
    });
}

#[test]
fn the_secrets_are_on_the_consoles_once_when_that_is_asked_for_and_in_no_log() {
    system(|system| {
        let scene = Scene::new(system);
        let (disk, volume) = (scene.disk(), scene.volume("STICK", &[]));
        scene.credential("forge.answers", &format!("{}print = true\n", scene.answers()));
        let output = scene.run();
        assert!(output.status.success(), "{}", said(&output));
        let sealed = left_on(&volume);
        let plain = open_with_passphrase(file(&sealed, "credentials.sealed"), &Secret::new(PASSPHRASE.into())).unwrap();
        let plain: serde_json::Value = serde_json::from_slice(&plain).unwrap();
        let code = plain["mok"]["code"].as_str().unwrap();
        for console in &scene.consoles {
            assert_eq!(console.text().matches(code).count(), 1);
        }
        for (name, bytes) in sealed.iter().chain([&("output".into(), said(&output).into_bytes())]) {
            assert!(memmem::find(bytes, code.as_bytes()).is_none(), "{name}");
        }
        drop(disk);
    });
}
