//! polkit's questions and their answers. Who is asked for is UDisks2, by a caller with a name on the bus, as the helper
//! will be.

use forge_tests::private::{Agent, Answer, LoopDisk, Person, System, system};
use std::process::Command;

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
