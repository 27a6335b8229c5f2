//! Answers that can not be fulfilled and tools that do not work: refused before the first write.

use forge_engine::tool::Tools;
use forge_model::{Answers, Issue, names::NameFault};
use forge_tests::{
    disk::{Disk, USUAL},
    job::{ANSWERS, Job, Recorder, Refusal},
    payload,
};
use std::path::PathBuf;

type Field = fn(&mut Tools) -> &mut PathBuf;

fn refused(answers: &str, tools: Tools) -> Refusal {
    let (payload, disk) = (payload::shared(), Disk::used(USUAL));
    let before = disk.digest();
    let directory = payload.directory();
    let mut job = Job::new(&payload, &disk.path, &directory);
    (job.answers, job.tools) = (answers.into(), tools);
    let Err(refusal) = job.run(&Recorder::default()) else { panic!("it was not refused: {answers}") };
    assert_eq!(disk.digest(), before, "{}", refusal.sentence());
    refusal
}

fn issues(answers: &str) -> Vec<Issue> {
    match refused(answers, Tools::default()) {
        Refusal::Issues(issues) => issues,
        other => panic!("{}", other.sentence()),
    }
}

#[test]
fn a_user_name_that_the_system_has_already_is_refused_with_what_to_do() {
    for name in ["games", "sudo"] {
        let answers = ANSWERS.replace("name = \"anna\"", &format!("name = \"{name}\""));
        let sentence = refused(&answers, Tools::default()).sentence();
        assert!(sentence.contains(name) && sentence.contains("choose another user name"), "{sentence}");
    }
}

#[test]
fn a_misspelt_locale_zone_and_keyboard_are_refused_with_the_nearest_one() {
    let near = |name: &str| Some(name.to_owned());
    let found = issues(&ANSWERS.replace("de_DE.UTF-8", "de_DE.UTF8"));
    assert_eq!(found, [Issue::NoSuchLocale { name: "de_DE.UTF8".into(), nearest: near("de_DE.UTF-8") }]);
    let found = issues(&ANSWERS.replace("Europe/Berlin", "Europe/Brelin"));
    assert_eq!(found, [Issue::NoSuchTimezone { name: "Europe/Brelin".into(), nearest: near("Europe/Berlin") }]);
    let found = issues(&ANSWERS.replace("nodeadkeys", "nodedkeys"));
    assert_eq!(found, [Issue::NoSuchKeyboard { name: "de(nodedkeys)".into(), nearest: near("de(nodeadkeys)") }]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let answers = ANSWERS
        .replace("erase = \"all-data-on-this-disk\"\n", "")
        .replace("quiet-otter", "-otter")
        .replace("de_DE.UTF-8", "xx")
        .replace("Europe/Berlin", "xx")
        .replace("layout = \"de\"", "layout = \"qq\"")
        .replace("name = \"anna\"", "name = \"Anna\"")
        .replace("Anna Müller", "Anna:0:0")
        .replace("{ generate = \"passphrase\" }", "{ hash = \"plain\" }");
    let found = issues(&answers);
    let places: Vec<_> = found.iter().filter_map(Issue::place).collect();
    let wanted = [
        "user.name",
        "user.full-name",
        "user.password",
        "system.hostname",
        "system.locale",
        "system.timezone",
        "system.keyboard",
        "disk.erase",
    ];
    assert_eq!(places, wanted);
    assert!(found.contains(&Issue::UserName { name: "Anna".into(), fault: NameFault::BadEnd { found: 'A' } }));
}

#[test]
fn a_plain_password_an_unknown_key_and_a_wrong_type_never_become_answers() {
    for (from, to, words) in [
        ("{ generate = \"passphrase\" }", "\"canary-password\"", ["line 16, column 12", "never written"]),
        ("hostname", "hostnam", ["line 8, column 1", "\"hostname\""]),
        ("esp-mib = 64", "esp-mib = \"64\"", ["line 5", "a whole number"]),
        ("esp-mib = 64", "esp-mib = 1", ["line 5", "64 to 16384 MiB"]),
        ("version = 1", "version = 2", ["line 1", "version 1"]),
    ] {
        let text = ANSWERS.replace(from, to);
        let fault = Answers::parse(&text).unwrap_err().to_string();
        assert!(words.iter().all(|word| fault.contains(word)), "{fault}");
        assert!(!fault.contains("canary"), "{fault}");
    }
}

#[test]
fn a_tool_that_is_missing_or_fails_is_named_and_the_disk_is_not_touched() {
    let fields: [(Field, &str); 7] = [
        (|tools| &mut tools.ukify, "boot image"),
        (|tools| &mut tools.sbsign, "signed"),
        (|tools| &mut tools.mke2fs, "state file system"),
        (|tools| &mut tools.mcopy, "EFI system partition"),
        (|tools| &mut tools.mmd, "EFI system partition"),
        (|tools| &mut tools.mkfs_fat, "EFI system partition"),
        (|tools| &mut tools.fsck_fat, "EFI system partition"),
    ];
    for (field, what) in fields {
        let mut tools = Tools::default();
        *field(&mut tools) = "/usr/bin/not-installed-here".into();
        let sentence = refused(ANSWERS, tools).sentence();
        assert!(sentence.contains("missing on this system: /usr/bin/not-installed-here"), "{sentence}");
        let mut tools = Tools::default();
        *field(&mut tools) = "/bin/false".into();
        let sentence = refused(ANSWERS, tools).sentence();
        assert!(sentence.contains("/bin/false failed") && sentence.contains(what), "{what}: {sentence}");
    }
}

#[test]
fn a_signing_tool_that_says_it_worked_and_wrote_nothing_is_not_believed() {
    let fields: [Field; 2] = [|tools| &mut tools.ukify, |tools| &mut tools.sbsign];
    for field in fields {
        let mut tools = Tools::default();
        *field(&mut tools) = "/bin/true".into();
        let sentence = refused(ANSWERS, tools).sentence();
        assert!(sentence.contains("the boot image can not be signed"), "{sentence}");
    }
}
