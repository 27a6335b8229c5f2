//! Encryption, from the page to the disk: what was typed opens it, and what was kept.

use crate::{
    install::{LONG, code_of},
    person::{
        DISK, PASSPHRASE, PASSWORD, Password, Room, SIZE, account_to_review, begin, take_disk, to_disks, to_encryption,
    },
};
use forge_model::{Receipt, layout::Role};
use forge_tests::{
    desk::{Window, has},
    look::{part, run, run_with},
    private::{LoopDisk, Monitor, Person, System, system, until},
};
use memchr::memmem;
use std::{fs, path::Path};

/// The recovery key as a screen reader says it, put together again.
fn key_of(window: &Window) -> String {
    window.until("the recovery key", |things| {
        let words = things.iter().find_map(|thing| thing.name.strip_prefix("Your recovery key: "))?;
        Some(words.replace(' ', "").replace(',', "-"))
    })
}

fn receipt(system: &System, room: &Room) -> Receipt {
    let forge = room.bench.forge();
    let outcome = system.block_on(async {
        let job = forge.job().await.unwrap().expect("a job");
        job.outcome().await.unwrap().expect("it ended")
    });
    let forge_dbus::status::Outcome::Installed { receipt, .. } = outcome else { panic!("{outcome:?}") };
    *receipt
}

/// Whether this opens a volume.
fn opens(volume: &Path, key: &str) -> bool {
    let arguments =
        ["open", "--test-passphrase", "--disable-locks", "--batch-mode", "--key-file", "-", volume.to_str().unwrap()];
    let said = run_with("cryptsetup", &arguments, key.as_bytes());
    assert!(said.well || said.text.contains("No key available"), "{}", said.text);
    said.well
}

#[test]
fn the_state_is_encrypted_and_opens_with_the_passphrase_that_was_typed_and_the_key_that_was_kept() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let disk = LoopDisk::new(system, "ENCRYPTED", SIZE, 512);
        let monitor = Monitor::start(system);
        let mut window = room.window("window");
        to_disks(&mut window);
        take_disk(&mut window, DISK);
        to_encryption(&mut window);
        window.choose("Encrypt This System");
        window.fill("Passphrase", PASSPHRASE);
        window.fill("Passphrase Again", PASSPHRASE);
        window.choose("Next");
        window.at("Recovery Key");
        let key = key_of(&window);
        window.keep_picture("window-pictures", "recovery-key");

        // Nobody goes on without having kept it.
        window.press("ctrl+Return");
        window.choose("Save to a File…");
        let file = room.bench.directory_of(Person::Allowed, "kept").join("recovery-key.txt");
        window.save_as(&file);
        let kept = until("the file", || fs::read_to_string(&file).ok().filter(|text| !text.is_empty()));
        assert!(kept.contains(&key), "what is saved is what is shown");
        window.reads("Saved");
        window.at("Recovery Key");
        window.choose("I Have Kept the Recovery Key");
        account_to_review(&mut window, Password::Typed);
        window.reads("Everything that may change is encrypted");
        begin(&mut window);
        let code = code_of(&window);
        assert!(has(&window.sees(), "Recovery Key") && code.len() > 8);
        assert!(!has(&window.sees(), "Passphrase of the disk"), "who typed it knows it");

        let receipt = receipt(system, &room);
        let encryption = receipt.encryption.as_ref().expect("the receipt names the encryption");
        assert_eq!((encryption.derivation.function.as_str(), encryption.key_bits), ("argon2id", 512));
        let state = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap();
        let volume = room.bench.directory_of(Person::Allowed, "copied").join("state");
        part(disk.file(), state.offset, state.size, &volume);
        let uuid = run("cryptsetup", &["luksUUID", "--disable-locks", volume.to_str().unwrap()]);
        assert_eq!(uuid.text.trim(), encryption.uuid.to_string());
        assert!(opens(&volume, PASSPHRASE) && opens(&volume, &key));
        assert!(!opens(&volume, PASSWORD) && !opens(&volume, &key.replacen(&key[..1], "-", 1)));

        let places = [
            ("what the window said", window.said().into_bytes()),
            ("the logs", system.journal().into_bytes()),
            ("the bus", monitor.bytes()),
            ("the receipt", serde_json::to_vec(&receipt).unwrap()),
            ("the state", fs::read(&volume).unwrap()),
        ];
        for (name, bytes) in &places {
            for secret in [PASSPHRASE, &key, &key[..17]] {
                assert!(memmem::find(bytes, secret.as_bytes()).is_none(), "{name} has {secret}");
            }
        }
        // What was searched is what should be.
        assert!(memmem::find(&places[2].1, b"RecoveryKey").is_some());
        window.until_within(LONG, "the end", |things| has(things, "Your Code").then_some(()));
    });
}
