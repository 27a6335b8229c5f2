//! Who may do what: every verb, as everybody, with the refusal's name on the wire and its sentence in `forgectl`.

use crate::{
    bench::{Bench, USUAL, said},
    caller::{Caller, JOB, POLKIT, Refusal, helper, memory, process_of, signal},
};
use forge_tests::{
    disk,
    job::ANSWERS,
    private::{Agent, Answer, LoopDisk, Person, System, system, until},
};
use rustix::process::Signal;
use std::{fs, time::Duration};
use zbus::{OwnedFd, OwnedObjectPath, fdo::DBusProxy};

pub const INSPECT: &str = "org.intergenos.Forge1.inspect";
const INSTALL: &str = "org.intergenos.Forge1.install";
const CANCEL_OTHER: &str = "org.intergenos.Forge1.cancel-other";
/// The verbs that look and change nothing.
const LOOKS: [&str; 5] = ["Inventory", "Offer", "Check", "Prepare", "Subscribe"];

#[test]
fn whoever_may_not_look_gets_nothing_from_any_verb_and_is_told_why_by_name() {
    system(|system| {
        let _bench = Bench::new(system);
        let disk = LoopDisk::new(system, "LOOKS", USUAL, 512);
        let cases = [
            (Person::Nobody, Some("NotAllowed")),
            (Person::Refused, Some("NotAllowed")),
            (Person::Asked, Some("AuthenticationNeeded")),
            (Person::Allowed, None),
            (Person::Root, None),
        ];
        for (person, expected) in cases {
            for verb in LOOKS {
                assert_told(look(&Caller::new(system, person), verb, &disk), expected, &format!("{person:?} {verb}"));
            }
        }
    });
}

#[test]
fn an_administrators_password_opens_every_look_and_a_wrong_one_or_a_closed_dialog_does_not() {
    system(|system| {
        let _bench = Bench::new(system);
        let disk = LoopDisk::new(system, "ASKED", USUAL, 512);
        let cases = [(Answer::Allow, None), (Answer::Deny, Some("NotAllowed")), (Answer::Dismiss, Some("Dismissed"))];
        for (answer, expected) in cases {
            let agent = Agent::new(system, answer);
            agent.attend_here();
            for verb in LOOKS {
                let before = agent.asked().len();
                let caller = Caller::new(system, Person::Asked);
                assert_told(look(&caller, verb, &disk), expected, &format!("{answer:?} {verb}"));
                let asked = agent.asked();
                assert_eq!(asked.len(), before + 1, "{answer:?} {verb}: {asked:?}");
                assert_eq!(asked[before].action, INSPECT);
                let sentence = "Authentication is required to look at the disks of this machine";
                assert_eq!(asked[before].message, sentence);
                // Whoever does not say that a person can be asked is told so at once.
                let silent = Caller::new(system, Person::Asked).silent();
                assert_told(look(&silent, verb, &disk), Some("AuthenticationNeeded"), verb);
                assert_eq!(agent.asked().len(), before + 1);
            }
        }
    });
}

#[test]
fn erasing_a_disk_is_a_question_of_its_own_that_names_disk_and_system() {
    system(|system| {
        let _bench = Bench::new(system);
        let disk = LoopDisk::new(system, "ERASED", USUAL, 512);
        let before = disk::digest(disk.file());
        rule(system, "mail", INSPECT, "YES");
        let caller = Caller::new(system, Person::Asked);
        let (job, digest) = caller.prepared(&disk.node());
        let run = |caller: &Caller<'_>| caller.call::<()>(&job, JOB, "Run", &(&digest, no_secrets()));
        let prepared = || assert_eq!(caller.text_of(&job, "State").unwrap(), "prepared");

        assert_told(run(&caller), Some("AuthenticationNeeded"), "without an agent");
        prepared();
        for (answer, expected) in [(Answer::Deny, "NotAllowed"), (Answer::Dismiss, "Dismissed")] {
            let agent = Agent::new(system, answer);
            agent.attend_here();
            assert_told(run(&caller), Some(expected), &format!("{answer:?}"));
            assert_eq!(agent.asked().len(), 1);
            prepared();
        }
        // Somebody else can not run it, whatever polkit thinks of them.
        for person in [Person::Nobody, Person::Refused, Person::Allowed, Person::Root] {
            assert_told(run(&Caller::new(system, person)), Some("NotAllowed"), &format!("{person:?}"));
            prepared();
        }
        rule(system, "mail", INSTALL, "NO");
        assert_told(run(&caller), Some("NotAllowed"), "refused by a rule");
        assert_eq!(disk::digest(disk.file()), before, "the disk was written");

        rule(system, "mail", INSTALL, "AUTH_ADMIN");
        let agent = Agent::new(system, Answer::Allow);
        agent.attend_here();
        assert_told(run(&caller), None, "with a password");
        let asked = agent.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(asked[0].action, INSTALL);
        for words in
            ["Authentication is required to erase ", "Forge Test Disk", "512", &disk.node(), "Forge test system 1"]
        {
            assert!(asked[0].message.contains(words), "{words}: {}", asked[0].message);
        }
        let outcome = caller.outcome(&job);
        assert!(outcome.contains("\"installed\""), "{outcome}\n{}", system.log("helper"));

        // The credentials are for the user who installed, and nobody may throw them away for them.
        for person in [Person::Nobody, Person::Refused, Person::Allowed, Person::Root] {
            let other = Caller::new(system, person);
            let handover = other.call::<OwnedFd>(&job, JOB, "Handover", &()).map(|_| ());
            assert_told(handover, Some("NotAllowed"), &format!("Handover {person:?}"));
        }
        for person in [Person::Nobody, Person::Refused] {
            let closed = Caller::new(system, person).call::<()>(&job, JOB, "Close", &());
            assert_told(closed, Some("NotAllowed"), &format!("Close {person:?}"));
        }
        let again = Caller::new(system, Person::Asked);
        again.call::<OwnedFd>(&job, JOB, "Handover", &()).unwrap();
        again.close(&job);
    });
}

#[test]
fn anothers_job_is_cancelled_or_closed_only_by_whom_polkit_lets() {
    system(|system| {
        let _bench = Bench::new(system);
        let disk = LoopDisk::new(system, "OTHERS", USUAL, 512);
        let owner = Caller::new(system, Person::Allowed);
        for verb in ["Cancel", "Close"] {
            let (job, _) = owner.prepared(&disk.node());
            let there = || assert_eq!(owner.text_of(&job, "State").unwrap(), "prepared");
            let other = |person| Caller::new(system, person).call::<()>(&job, JOB, verb, &());
            for (person, expected) in [
                (Person::Nobody, "NotAllowed"),
                (Person::Refused, "NotAllowed"),
                (Person::Asked, "AuthenticationNeeded"),
            ] {
                assert_told(other(person), Some(expected), &format!("{verb} {person:?}"));
                there();
            }
            for (answer, expected) in [(Answer::Deny, "NotAllowed"), (Answer::Dismiss, "Dismissed")] {
                let agent = Agent::new(system, answer);
                agent.attend_here();
                assert_told(other(Person::Asked), Some(expected), &format!("{verb} {answer:?}"));
                there();
            }
            let agent = Agent::new(system, Answer::Allow);
            agent.attend_here();
            assert_told(other(Person::Asked), None, verb);
            assert_eq!(agent.asked()[0].action, CANCEL_OTHER);
            let name = format!("InterGenOS Forge Test Disk (512 MiB, {})", disk.node());
            let sentence =
                format!("Authentication is required to cancel the installation on {name} that someone else started");
            assert_eq!(agent.asked()[0].message, sentence);
            assert!(owner.text_of(&job, "State").is_err(), "{verb}: the job is still there");
            // Its owner is not asked.
            let (job, _) = owner.prepared(&disk.node());
            owner.call::<()>(&job, JOB, verb, &()).unwrap();
            assert_eq!(agent.asked().len(), 1);
        }
    });
}

#[test]
fn forgectl_says_every_refusal_in_words_and_ends_with_ten() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "WORDS", USUAL, 512);
        let before = disk::digest(disk.file());
        let commands = |person| {
            [bench.forgectl(person, &["disks"]), bench.on(person, "plan", &disk), install(&bench, person, &disk)]
        };
        let (not_allowed, nobody, closed) =
            ("this is not allowed here", "somebody has to authenticate, and nobody can be asked here", "was dismissed");
        for (person, words) in [(Person::Nobody, not_allowed), (Person::Refused, not_allowed), (Person::Asked, nobody)]
        {
            for mut command in commands(person) {
                assert_says(&command.output().unwrap(), words);
            }
        }
        for (answer, words) in [(Answer::Deny, not_allowed), (Answer::Dismiss, closed)] {
            let agent = Agent::new(system, answer);
            for command in commands(Person::Asked) {
                assert_says(&agent.output(&command), words);
            }
            // May look, but not erase.
            rule(system, "mail", INSPECT, "YES");
            assert_says(&agent.output(&install(&bench, Person::Asked, &disk)), words);
            assert_eq!(agent.asked().last().unwrap().action, INSTALL);
            rule(system, "mail", INSPECT, "AUTH_ADMIN");
        }
        assert_eq!(disk::digest(disk.file()), before, "the disk was written");

        let agent = Agent::new(system, Answer::Allow);
        let output = agent.output(&bench.install(Person::Asked, &disk));
        assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
        let actions: Vec<_> = agent.asked().into_iter().map(|asked| asked.action).collect();
        assert_eq!(actions, [INSPECT, INSTALL]);
        bench.assert_installed(&disk);
    });
}

#[test]
fn without_polkit_nobody_may_do_anything_and_the_helper_lives() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "NO-POLKIT", USUAL, 512);
        let before = disk::digest(disk.file());
        let owner = Caller::new(system, Person::Allowed);
        let (job, digest) = owner.prepared(&disk.node());
        let process = helper(system).unwrap();

        let polkit = process_of(system, POLKIT);
        // While it does not answer, nobody is let through; afterwards, the question is still there.
        signal(polkit, Signal::STOP);
        let late = Caller::new(system, Person::Allowed);
        let waiting = std::thread::scope(|scope| {
            let call = scope.spawn(|| late.manager::<String>("Offer", &()));
            std::thread::sleep(Duration::from_secs(1));
            let finished = call.is_finished();
            signal(polkit, Signal::CONT);
            assert!(call.join().unwrap().is_ok());
            !finished
        });
        assert!(waiting, "it did not wait for polkit");

        let service = "/run/dbus-1/system-services/org.freedesktop.PolicyKit1.service";
        let text = "[D-BUS Service]\nName=org.freedesktop.PolicyKit1\nExec=/bin/false\nUser=root\n";
        let way_back = fs::read_to_string(service).unwrap();
        fs::write(service, text).unwrap();
        system.block_on(async { DBusProxy::new(system.bus()).await?.reload_config().await }).unwrap();
        signal(polkit, Signal::KILL);
        until("polkit is gone", || {
            let bus = system.block_on(DBusProxy::new(system.bus())).unwrap();
            let there = system.block_on(bus.name_has_owner(POLKIT.try_into().unwrap())).unwrap();
            (!there).then_some(())
        });
        for person in [Person::Allowed, Person::Nobody, Person::Root] {
            for verb in LOOKS {
                let told = look(&Caller::new(system, person), verb, &disk);
                assert_told(told, Some("NotAllowed"), &format!("{person:?} {verb}"));
            }
            assert_says(&install(&bench, person, &disk).output().unwrap(), "this is not allowed here");
        }
        assert_told(owner.call::<()>(&job, JOB, "Run", &(&digest, no_secrets())), Some("NotAllowed"), "Run");
        let cancelled = Caller::new(system, Person::Root).call::<()>(&job, JOB, "Cancel", &());
        assert_told(cancelled, Some("NotAllowed"), "Cancel");
        assert_eq!(owner.text_of(&job, "State").unwrap(), "prepared");
        assert_eq!(disk::digest(disk.file()), before, "the disk was written");
        assert_eq!(helper(system), Some(process), "another helper");

        fs::write(service, way_back).unwrap();
        system.block_on(async { DBusProxy::new(system.bus()).await?.reload_config().await }).unwrap();
        owner.manager::<String>("Inventory", &()).unwrap();
    });
}

/// The rules file of the live medium, run by the real polkit. What it is told of a subject (local, active) is made up for
/// users whom nobody knows: that logind says so of whoever sits at the machine is not tested here.
#[test]
fn the_live_systems_rule_lets_in_whoever_sits_at_the_machine_and_nobody_else() {
    system(|system| {
        let _bench = Bench::new(system);
        let made_up = r#"
            // Its rules are read again in the same world, in which this is to be done once.
            var add = polkit.add = polkit.add || polkit.addRule;
            var seats = { bin: [true, true], sys: [true, false], sync: [false, true], man: [false, false] };
            polkit.addRule = function (rule) {
                add.call(polkit, function (action, subject) {
                    var seat = seats[subject.user];
                    return rule(action, seat ? { user: subject.user, local: seat[0], active: seat[1] } : subject);
                });
            };
        "#;
        let live = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/polkit-1/rules.d/live/50-org.intergenos.Forge1.rules");
        let disk = LoopDisk::new(system, "LIVE", USUAL, 512);
        // Without the file: the defaults.
        let at_the_machine = || Caller::with_uid(system, 2);
        assert_told(look(&at_the_machine(), "Inventory", &disk), Some("NotAllowed"), "without the rule");
        rules(system, "20-made-up.rules", made_up);
        rules(system, "50-org.intergenos.Forge1.rules", &fs::read_to_string(live).unwrap());
        for verb in LOOKS {
            assert_told(look(&at_the_machine(), verb, &disk), None, verb);
            for (uid, who) in
                [(3, "in the background"), (4, "remote"), (6, "neither"), (65534, "really without a session")]
            {
                assert_told(look(&Caller::with_uid(system, uid), verb, &disk), Some("NotAllowed"), who);
            }
        }
        // It says nothing of anybody else's actions.
        let open = |uid| {
            let caller = Caller::with_uid(system, uid);
            let path = format!("/org/freedesktop/UDisks2/{}", disk.block());
            let options = std::collections::HashMap::<String, zbus::OwnedVariant>::new();
            let interface = Some("org.freedesktop.UDisks2.Block");
            let destination = Some("org.freedesktop.UDisks2");
            let body = ("r", options);
            let call = caller.bus.call_method(destination, path.as_str(), interface, "OpenDevice", &body);
            system.block_on(call).is_ok()
        };
        assert!(!open(2), "the rule opens devices");
        // Whoever sits at the machine installs and cancels, too.
        let (owner, root) = (at_the_machine(), Caller::new(system, Person::Root));
        let (job, _) = root.prepared(&disk.node());
        owner.call::<()>(&job, JOB, "Cancel", &()).unwrap();
        let (job, digest) = owner.prepared(&disk.node());
        owner.call::<()>(&job, JOB, "Run", &(&digest, no_secrets())).unwrap();
        let outcome = owner.outcome(&job);
        assert!(outcome.contains("\"installed\""), "{outcome}");
    });
}

/// Calls a verb that looks, and cleans up after it.
fn look(caller: &Caller<'_>, verb: &str, disk: &LoopDisk<'_>) -> Result<(), Refusal> {
    let answers = || memory(ANSWERS.as_bytes());
    match verb {
        "Inventory" | "Offer" => caller.manager::<String>(verb, &()).map(|json| assert!(json.starts_with('{'))),
        "Check" => {
            caller.manager::<String>(verb, &(disk.node(), answers())).map(|json| assert!(json.contains("digest")))
        }
        "Prepare" => {
            let job: OwnedObjectPath = caller.manager(verb, &(disk.node(), answers(), false))?;
            caller.close(&job);
            Ok(())
        }
        _ => caller.manager::<()>(verb, &()),
    }
}

/// `forgectl install` into a directory that no other person has used.
fn install(bench: &Bench<'_>, person: Person, disk: &LoopDisk<'_>) -> std::process::Command {
    let mut command = bench.on(person, "install", disk);
    command.arg("--output").arg(bench.directory_of(person, &format!("handover-{person:?}")));
    command
}

fn no_secrets() -> std::collections::HashMap<String, OwnedFd> {
    Default::default()
}

fn assert_told(told: Result<(), Refusal>, expected: Option<&str>, what: &str) {
    match (&told, expected) {
        (Ok(()), None) => {}
        (Err(refusal), Some(kind)) if refusal.is_ours() && refusal.kind() == kind => {}
        _ => panic!("{what}: expected {expected:?}, got {told:?}"),
    }
}

fn assert_says(output: &std::process::Output, words: &str) {
    let text = said(output);
    assert!(text.contains(words) && output.status.code() == Some(10), "{:?}: {text}", output.status);
}

/// From now on polkit answers this when a user wants to do that.
pub fn rule(system: &System, user: &str, action: &str, answer: &str) {
    let text = format!(
        "polkit.addRule(function (action, subject) {{\n    if (action.id == \"{action}\" && subject.user == \"{user}\") \
         return polkit.Result.{answer};\n}});\n"
    );
    rules(system, &format!("00-a-{user}-{}.rules", action.rsplit('.').next().unwrap()), &text);
}

/// Puts a rules file into its place, and waits until polkit has read it.
fn rules(system: &System, name: &str, text: &str) {
    let loaded = || system.log("polkitd").matches("Finished loading, compiling and executing").count();
    let before = loaded();
    let place = std::path::Path::new("/run/polkit-1/rules.d");
    fs::write(place.join(".new"), text).unwrap();
    fs::rename(place.join(".new"), place.join(name)).unwrap();
    until("polkit reads its rules again", || (loaded() > before).then_some(()));
    // Both the name's coming and the file's end are reasons for it to read them once more.
    std::thread::sleep(Duration::from_millis(300));
}
