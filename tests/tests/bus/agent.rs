//! polkit's questions and their answers. Who is asked for is UDisks2, by a caller with a name on the bus, as the helper
//! will be.

use forge_tests::private::{Agent, Answer, LoopDisk, Person, System, system, until};
use std::{collections::HashMap, process::Command};
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

#[test]
fn yes_no_and_a_closed_dialog_reach_the_caller_and_the_dialog_says_what_for() {
    system(|system| {
        let disk = LoopDisk::new(system, "ASKED", 64 << 20, 512);
        let expected = [
            (Answer::Allow, "h "),
            (Answer::Deny, "Not authorized to perform operation"),
            (Answer::Dismiss, "The authentication dialog was dismissed"),
        ];
        for (answer, words) in expected {
            let agent = Agent::new(system, answer);
            let output = agent.output(&open(system, &disk));
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(said.contains(words), "{answer:?}: {said}\n{}", system.log("polkitd"));
            let asked = agent.asked();
            assert_eq!(asked.len(), 1, "{asked:?}");
            assert_eq!(asked[0].action, "org.freedesktop.udisks2.open-device");
            assert!(asked[0].message.contains("Forge Test Disk"), "{asked:?}");
        }
    });
}

#[test]
fn polkit_fills_the_sentence_of_an_action_and_its_rules_decide_who_is_asked() {
    system(|system| {
        let agent = Agent::new(system, Answer::Allow);
        let cases = [
            (Person::Allowed, true, 0),
            (Person::Refused, false, 0),
            (Person::Nobody, false, 0),
            (Person::Asked, true, 1),
        ];
        for (person, expected, questions) in cases {
            let before = agent.asked().len();
            let mut caller = agent.spawn(system.command_as(person, "/usr/bin/sleep").arg("60"));
            let id = caller.id();
            // It is the person only after its exec.
            until("the caller is who it should be", || {
                let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
                status.contains(&format!("Uid:\t{}\t", person.uid())).then_some(())
            });
            let may = system.block_on(async {
                let subject = Subject::new_for_pid(id, None, None).unwrap();
                let details = HashMap::from([("disk", "the disk Erna")]);
                let flags = CheckAuthorizationFlags::ALLOW_USER_INTERACTION;
                let authority = AuthorityProxy::new(system.bus()).await?;
                authority.check_authorization(&subject, "org.intergenos.ForgeTest1.act", &details, flags, "").await
            });
            caller.kill().unwrap();
            caller.wait().unwrap();
            assert_eq!(may.unwrap().is_authorized, expected, "{person:?}");
            let asked = &agent.asked()[before..];
            assert_eq!(asked.len(), questions, "{person:?}");
            for asked in asked {
                assert_eq!(asked.message, "Authentication is required to act on the disk Erna");
            }
        }
    });
}

#[test]
fn without_an_agent_the_caller_is_told_that_nobody_could_be_asked() {
    system(|system| {
        let disk = LoopDisk::new(system, "ALONE", 64 << 20, 512);
        let output = open(system, &disk).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("Not authorized to perform operation"), "{said}");
    });
}

fn open(system: &System, disk: &LoopDisk) -> Command {
    let object = format!("/org/freedesktop/UDisks2/{}", disk.block());
    let mut call = system.command_as(Person::Asked, "/usr/bin/busctl");
    call.args(["--system", "call", "org.freedesktop.UDisks2", &object, "org.freedesktop.UDisks2.Block", "OpenDevice"]);
    call.args(["sa{sv}", "rw", "0"]);
    call
}
