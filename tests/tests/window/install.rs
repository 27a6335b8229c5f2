//! An install from the first page to the last, by keyboard only.

use crate::{
    caller::Caller,
    person::{PASSWORD, Password, Room, SIZE, answer_everything},
};
use forge_dbus::client::Forge;
use forge_model::layout::Role;
use forge_tests::{
    desk::{Window, has, sight::Thing},
    installed::{assert_complete, etc},
    look::{Ext4, run_with},
    private::{LoopDisk, Monitor, Person, system, until},
};
use memchr::memmem;
use std::{fs, path::Path, time::Duration};

/// What opens the sealed file.
const PASSPHRASE: &str = "nobody guesses this one";

/// The longest that an install of the small payload takes on a machine that does other things, too.
pub const LONG: Duration = Duration::from_secs(90);

#[test]
fn a_person_installs_by_keyboard_and_the_disk_expects_the_code_and_the_password_that_they_were_shown() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let disk = LoopDisk::new(system, "KEYBOARD", SIZE, 512);
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Made);
        window.choose("Erase and Install");
        let code = code_of(&window);
        let password = window.until("the password", password_in);
        window.keep_picture("window-pictures", "done");

        // A file that only a passphrase opens.
        let kept = room.bench.directory_of(Person::Allowed, "kept");
        let (sealed, phrase) = (kept.join("credentials.sealed"), kept.join("passphrase"));
        window.choose("Save Sealed…");
        window.fill("Passphrase", PASSPHRASE);
        window.fill("Passphrase Again", PASSPHRASE);
        window.keep_picture("window-pictures", "seal");
        window.press("Return");
        window.until("the question is gone", |things| (!has(things, "Passphrase Again")).then_some(()));
        window.save_as(&sealed);
        // It takes a moment, on purpose.
        let bytes = until("the sealed file", || fs::read(&sealed).ok().filter(|bytes| !bytes.is_empty()));
        window.reads("Saved");
        assert!(memmem::find(&bytes, code.as_bytes()).is_none());
        fs::write(&phrase, PASSPHRASE).unwrap();
        let words = ["credentials", "open", sealed.to_str().unwrap(), "--passphrase-file", phrase.to_str().unwrap()];
        let opened = room.bench.forgectl(Person::Allowed, &words).output().unwrap();
        assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
        let opened = String::from_utf8(opened.stdout).unwrap();
        assert!(
            opened.contains(&password) && opened.replace(' ', "").contains(&code),
            "what was sealed is what was shown"
        );

        let receipt = assert_complete(disk.file());
        let state = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap();
        assert_expects(disk.file(), state.offset, "anna", &password);

        // What the firmware will ask for: the same job tells the person's other programs.
        let caller = Caller::new(system, Person::Allowed);
        let handover = system.block_on(async {
            let job = Forge::on(&caller.bus).await.unwrap().job().await.unwrap().expect("the job stays");
            job.handover().await.unwrap()
        });
        assert_eq!(handover.user_password.as_ref().unwrap().expose(), password);
        assert_eq!(handover.enrollment_code.expose().replace(' ', ""), code);
        assert_enrolls(handover.variables_json.expose(), &code);
    });
}

#[test]
fn nothing_secret_of_an_install_is_in_the_windows_words_the_logs_or_on_the_bus() {
    system(|system| {
        let room = Room::of(system, Person::Allowed);
        let disk = LoopDisk::new(system, "SECRET", SIZE, 512);
        let monitor = Monitor::start(system);
        let mut window = room.window("window");
        answer_everything(&mut window, Password::Typed);
        window.choose("Erase and Install");
        let code = code_of(&window);
        let receipt = assert_complete(disk.file());
        let state = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap();
        assert_expects(disk.file(), state.offset, "anna", PASSWORD);

        let places = [
            ("what the window said", window.said().into_bytes()),
            ("the logs", system.journal().into_bytes()),
            ("the bus", monitor.bytes()),
        ];
        let groups: Vec<String> = code.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into()).collect();
        for (name, bytes) in &places {
            for secret in [PASSWORD, &code, &groups.join(" ")] {
                assert!(memmem::find(bytes, secret.as_bytes()).is_none(), "{name} has {secret}");
            }
        }
        // What was searched is what should be.
        assert!(memmem::find(&places[2].1, b"org.intergenos.Forge1.Manager").is_some());
        assert!(memmem::find(&places[1].1, b"the install ended: installed").is_some());
    });
}

/// The code that is shown, when it is; without spaces.
pub fn code_of(window: &Window) -> String {
    window.until_within(LONG, "the code", |things| {
        assert!(!has(things, "Try Again"), "{}", forge_tests::desk::told(things));
        let words = things.iter().find_map(|thing| thing.name.strip_prefix("Your code: "))?;
        Some(words.chars().filter(char::is_ascii_alphanumeric).collect())
    })
}

/// The passphrase that is unfolded: six words, of which a few (t-shirt, yo-yo) have a hyphen of their own.
fn password_in(things: &[Thing]) -> Option<String> {
    let is_it = |text: &&str| {
        (6..=12).contains(&text.split(['-', ' ', '.']).count()) && !text.contains(", ") && text.len() > 20
    };
    let all = things.iter().filter(|thing| thing.role == "label");
    let lower = |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || "-. ".contains(c));
    all.map(|thing| thing.name.as_str()).filter(is_it).find(lower).map(str::to_owned)
}

/// Expects that a password opens an account of the installed system, and another one does not.
fn assert_expects(disk: &Path, state: u64, user: &str, password: &str) {
    let shadow = Ext4::at(disk, state).read(&etc("shadow"));
    let line = shadow.lines().find(|line| line.starts_with(&format!("{user}:"))).expect(&shadow);
    let hash = line.split(':').nth(1).unwrap();
    let ["", "6", rounds, salt, _] = hash.split('$').collect::<Vec<_>>()[..] else { panic!("{hash}") };
    let salt = format!("{rounds}${salt}");
    let of =
        |password: &str| run_with("openssl", &["passwd", "-6", "-stdin", "-salt", &salt], password.as_bytes()).text;
    assert_eq!(of(password).trim(), hash);
    assert_ne!(of("another").trim(), hash);
}

/// Expects that MokManager takes this code: MokAuth is its SHA-512 crypt (shim, include/PasswordCrypt.h, struct `PASSWORD_CRYPT`).
fn assert_enrolls(variables: &str, code: &str) {
    let variables: serde_json::Value = serde_json::from_str(variables).unwrap();
    let all = variables["variables"].as_array().unwrap();
    let auth = all.iter().find(|variable| variable["name"] == "MokAuth").unwrap();
    assert_takes(&hex::decode(auth["data"].as_str().unwrap()).unwrap(), code);
}

/// Expects that this is the hash of a code.
pub fn assert_takes(bytes: &[u8], code: &str) {
    assert_eq!((bytes.len(), bytes[..2].to_vec()), (172, vec![4, 0]));
    let rounds = u64::from_le_bytes(bytes[2..10].try_into().unwrap());
    let length = usize::from(u16::from_le_bytes(bytes[10..12].try_into().unwrap()));
    let salt = String::from_utf8(bytes[12..12 + length].to_vec()).unwrap();
    let setting = format!("rounds={rounds}${salt}");
    let of = |code: &str| {
        let made = run_with("openssl", &["passwd", "-6", "-stdin", "-salt", &setting], code.as_bytes()).text;
        digest_of(made.trim().rsplit('$').next().unwrap())
    };
    assert_eq!(of(code)[..], bytes[44..108]);
    assert_ne!(of("another")[..], bytes[44..108]);
}

/// The bytes behind the letters of a SHA-512 crypt (Drepper, "Unix crypt using SHA-256 and SHA-512", step 22 e).
fn digest_of(letters: &str) -> Vec<u8> {
    const ALPHABET: &str = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let value = |letter: char| ALPHABET.find(letter).unwrap() as u32;
    let mut digest = vec![0; 64];
    let letters: Vec<char> = letters.chars().collect();
    for (row, four) in letters.chunks(4).enumerate() {
        let word = four.iter().rev().fold(0, |word, letter| (word << 6) | value(*letter));
        // Each row takes three bytes that lie 21 apart; which of them comes first turns with the row.
        let places = match row {
            21 => vec![63],
            _ => {
                let (a, b, c) = (row, row + 21, row + 42);
                match row % 3 {
                    0 => vec![c, b, a],
                    1 => vec![a, c, b],
                    _ => vec![b, a, c],
                }
            }
        };
        for (at, place) in places.into_iter().enumerate() {
            digest[place] = (word >> (8 * at)) as u8;
        }
    }
    digest
}
