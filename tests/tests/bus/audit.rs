//! The audit over the bus: who may have it, and what becomes of it when nobody measures.
//!
//! A thread stands for the service that measures: under systemd that is `forge-audit@.service`, see `cargo xtask vm audit`.

use crate::bench::{Bench, said};
use forge_model::audit::{Audit, Check, Finding, Line};
use forge_tests::{
    payload,
    private::{Person, System, system},
};
use std::{io::Write, os::unix::net::UnixListener, path::PathBuf, process::Output, thread};

/// A helper that asks the service at a socket, which is not there yet.
fn bench(system: &System) -> (Bench<'_>, PathBuf) {
    let socket = system.disks().parent().unwrap().join("audit.socket");
    let options = ["--idle-ms", "20000", "--settle-ms", "0", "--audit-socket", socket.to_str().unwrap()];
    (Bench::with(system, payload::shared(), &options), socket)
}

/// A service that answers every connection with a line of this result.
fn measures(socket: &PathBuf, result: Finding) {
    let line =
        Line { check: Check::Firewall, result, evidence: vec!["as the service saw it".into()], command: "x".into() };
    let json = serde_json::to_string(&Audit { measured: 7, lines: vec![line] }).unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            stream.unwrap().write_all(json.as_bytes()).unwrap();
        }
    });
}

fn audit(bench: &Bench, person: Person) -> (Output, Audit) {
    let output = bench.forgectl(person, &["audit", "--json"]).output().unwrap();
    let audit = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)));
    (output, audit)
}

#[test]
fn whoever_may_inspect_gets_what_the_service_measured() {
    system(|system| {
        let (bench, socket) = bench(system);
        measures(&socket, Finding::Pass);
        let (output, audit) = audit(&bench, Person::Allowed);
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!((audit.measured, audit.lines.len()), (7, 1));
    });
}

#[test]
fn a_line_that_fails_is_an_exit_code_and_its_evidence_is_shown() {
    system(|system| {
        let (bench, socket) = bench(system);
        measures(&socket, Finding::Fail);
        let output = bench.forgectl(Person::Allowed, &["audit"]).output().unwrap();
        assert_eq!(output.status.code(), Some(8), "{}", said(&output));
        assert!(said(&output).contains("as the service saw it"), "{}", said(&output));
    });
}

#[test]
fn whoever_may_not_inspect_sees_only_what_everybody_can() {
    system(|system| {
        let (bench, socket) = bench(system);
        measures(&socket, Finding::Pass);
        let (output, audit) = audit(&bench, Person::Refused);
        assert!(said(&output).contains("without the helper"), "{}", said(&output));
        assert_eq!(audit.lines.len(), Check::ALL.len());
        let of = |check| audit.lines.iter().find(|line| line.check == check).unwrap();
        assert_eq!(of(Check::Passwords).result, Finding::CannotTell, "{:?}", of(Check::Passwords).evidence);
        // What can not be told is not in order.
        assert_eq!(output.status.code(), Some(8), "{}", said(&output));
    });
}

#[test]
fn a_service_that_is_not_there_is_said_and_the_rest_is_measured() {
    system(|system| {
        let (bench, _) = bench(system);
        let (output, audit) = audit(&bench, Person::Allowed);
        assert!(said(&output).contains("without the helper"), "{}", said(&output));
        assert_eq!(audit.lines.len(), Check::ALL.len());
    });
}
