//! The firmware's variables: what an install leaves in them, what a machine says about itself, and a key that is asked for
//! once more.
//!
//! A directory plays efivarfs. It has no immutable flag, no limit of a store, no firmware that refuses; a virtual machine has.

use crate::{
    bench::{USUAL, said},
    caller::Caller,
    firm::{Firm, list},
};
use forge_dbus::client::ClientError;
use forge_engine::{
    efivars::{GLOBAL, SECURITY_DATABASE, SHIM_LOCK},
    mok::{Kind, Pair},
};
use forge_model::{
    Machine,
    machine::{Enrollment, SecureBoot, Staging, StagingFault},
};
use forge_tests::{
    disk::digest,
    private::{LoopDisk, Monitor, Person, system},
};
use memchr::memmem;
use serde_json::{Value, json};
use std::{fs, process::Command, time::SystemTime};
use zbus::OwnedFd;

const STORE: &str = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";
const TOOL: &str = "/usr/bin/virt-fw-vars";
const REQUEST: [&str; 3] = ["MokNew", "MokAuth", "MokTimeout"];

#[test]
fn a_machine_goes_from_unknown_over_lost_and_pending_to_enforced() {
    system(|system| {
        let firm = Firm::new(system);
        let live = firm.machine(Person::Allowed).unwrap();
        assert_eq!((live.enrollment, live.key), (Enrollment::Unknown, None));
        assert_eq!(live.firmware.unwrap().secure_boot, SecureBoot::On);
        let certificate = firm.key();
        assert_eq!(firm.state(), Enrollment::Lost);
        assert_eq!(firm.enroll().unwrap().staged, Staging::Done);
        assert_eq!(firm.state(), Enrollment::Pending);
        // What shim does at the next start.
        for name in REQUEST {
            firm.variables.delete(name, SHIM_LOCK).unwrap();
        }
        firm.set("MokListRT", SHIM_LOCK, &list(&certificate));
        assert_eq!(firm.state(), Enrollment::Enforced);
        firm.set("SecureBoot", GLOBAL, &[0]);
        assert_eq!(firm.state(), Enrollment::Enrolled);
    });
}

#[test]
fn a_console_says_what_is_left_to_do_and_nothing_when_nothing_is() {
    system(|system| {
        let firm = Firm::new(system);
        let file = firm.bench.directory_of(Person::Allowed, "issue").join("forge.issue");
        let said_by_console = || {
            let mut forgectl = firm.bench.forgectl(Person::Allowed, &["machine", "--issue"]);
            let output = forgectl.arg(&file).output().unwrap();
            assert!(output.status.success(), "{}", said(&output));
            fs::read_to_string(&file).ok()
        };
        assert_eq!(said_by_console(), None, "a live medium");
        let certificate = firm.key();
        assert!(said_by_console().unwrap().contains("sudo forgectl enroll"));
        firm.enroll().unwrap();
        assert!(said_by_console().unwrap().contains("Restart: a blue screen asks for the code"));
        firm.set("MokListRT", SHIM_LOCK, &list(&certificate));
        assert_eq!(said_by_console(), None);
    });
}

#[test]
fn each_request_has_a_code_of_its_own_that_is_told_to_nobody_else() {
    system(|system| {
        let firm = Firm::new(system);
        let certificate = firm.key();
        let monitor = Monitor::start(system);
        let first = firm.enroll().unwrap();
        let auth = firm.read("MokAuth").unwrap();
        // Half of a request, as a crash leaves it, is no request and goes.
        firm.variables.delete("MokNew", SHIM_LOCK).unwrap();
        assert_eq!(firm.state(), Enrollment::Lost);
        let second = firm.enroll().unwrap();
        assert_ne!(first.code.expose(), second.code.expose());
        assert_ne!(firm.read("MokAuth").unwrap(), auth);
        assert_eq!(firm.read("MokNew").unwrap(), list(&certificate));
        assert_eq!(firm.read("MokTimeout").unwrap(), [0xff; 4]);
        assert_eq!(second.key.subject, "InterGenOS boot key test");

        let (bus, logs) = (monitor.bytes(), system.journal().into_bytes());
        assert!(memmem::find(&bus, b"Enroll").is_some(), "the control");
        assert!(memmem::find(&logs, second.key.sha256.as_bytes()).is_some(), "the control");
        for code in [first.code.expose(), second.code.expose()] {
            assert!(code.len() >= 8);
            assert!(memmem::find(&bus, code.as_bytes()).is_none() && memmem::find(&logs, code.as_bytes()).is_none());
        }
    });
}

#[test]
fn whoever_may_not_ask_for_the_key_changes_nothing() {
    system(|system| {
        let firm = Firm::new(system);
        firm.key();
        for (person, expected) in
            [(Person::Nobody, "NotAllowed"), (Person::Refused, "NotAllowed"), (Person::Asked, "AuthenticationNeeded")]
        {
            let caller = Caller::new(system, person);
            let refusal = caller.manager::<OwnedFd>("Enroll", &()).unwrap_err();
            assert_eq!(refusal.kind(), expected, "{person:?}");
            assert_eq!(firm.machine(person).unwrap_err().kind(), expected, "{person:?}");
        }
        assert!(REQUEST.iter().all(|name| firm.read(name).is_none()));
        assert!(Caller::new(system, Person::Allowed).manager::<OwnedFd>("Enroll", &()).is_ok());
    });
}

#[test]
fn a_machine_without_a_key_or_without_uefi_is_told_so() {
    system(|system| {
        let firm = Firm::new(system);
        let Err(ClientError::Refused(forge_dbus::Error::WrongState(text))) = firm.enroll() else { panic!("no key") };
        assert!(text.contains("no key"), "{text}");
        firm.key();
        firm.variables.delete("SecureBoot", GLOBAL).unwrap();
        assert_eq!(firm.enroll().unwrap().staged, Staging::NotHere);
        let machine = firm.machine(Person::Allowed).unwrap();
        assert_eq!((machine.firmware, machine.enrollment), (None, Enrollment::Unknown));
    });
}

#[test]
fn forgectl_says_how_far_it_is_and_leaves_the_code_for_its_owner_only() {
    use std::os::unix::fs::MetadataExt;
    system(|system| {
        let firm = Firm::new(system);
        firm.key();
        let run = |words: &[&str]| firm.bench.forgectl(Person::Allowed, words).output().unwrap();
        let lost = run(&["machine"]);
        assert_eq!(lost.status.code(), Some(8), "{}", said(&lost));
        assert!(said(&lost).contains("no request waits"), "{}", said(&lost));
        let output = firm.bench.directory_of(Person::Allowed, "again");
        let asked = run(&["enroll", "--output", output.to_str().unwrap()]);
        assert!(asked.status.success(), "{}", said(&asked));
        let file = output.join("enrollment.json");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        let told: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert!(!said(&asked).contains(told["mok"]["code"].as_str().unwrap()));
        let pending = run(&["machine", "--json"]);
        assert_eq!(pending.status.code(), Some(8));
        let machine: Machine = serde_json::from_slice(&pending.stdout).unwrap();
        assert_eq!(machine.enrollment, Enrollment::Pending);

        // A store that takes nothing: what can be written to no firmware is said, with the way by hand.
        let path = firm.variables.root().join(format!("MokNew-{SHIM_LOCK}"));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let refused = run(&["enroll"]);
        assert_eq!(refused.status.code(), Some(11), "{}", said(&refused));
        assert!(said(&refused).contains("Enroll key from disk"), "{}", said(&refused));
        let asked = firm.enroll().unwrap();
        assert!(matches!(asked.staged, Staging::Failed { fault: StagingFault::Refused, .. }), "{:?}", asked.staged);
    });
}

/// The variables of a store of OVMF's with Microsoft's keys after `virt-fw-vars` has done this to it.
fn store_after(options: &[&str]) -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let (store, out) = (directory.path().join("vars.fd"), directory.path().join("got.json"));
    let run = |words: &[&str]| {
        let run = Command::new(TOOL).args(words).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    let (store, out) = (store.to_str().unwrap(), out.to_str().unwrap());
    run(&[&["--input", STORE], options, &["--output", store]].concat());
    run(&["--input", store, "--output-json", out]);
    let got: Value = serde_json::from_slice(&fs::read(out).unwrap()).unwrap();
    got["variables"].as_array().unwrap().clone()
}

#[test]
fn an_install_leaves_the_request_that_it_hands_over_and_a_boot_entry() {
    system(|system| {
        let firm = Firm::new(system);
        let disk = LoopDisk::new(system, "STAGED", USUAL, 512);
        // What another system left.
        firm.set("Boot0000", GLOBAL, b"other");
        firm.set("BootOrder", GLOBAL, &[0, 0]);
        let output = firm.bench.install(Person::Allowed, &disk).output().unwrap();
        assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
        firm.bench.assert_installed(&disk);

        let handed_over = firm.bench.path("handover/enrollment/variables.json");
        let wanted: Value = serde_json::from_slice(&fs::read(&handed_over).unwrap()).unwrap();
        let wanted = wanted["variables"].as_array().unwrap();
        assert_eq!(wanted.len(), 3);
        let in_store = store_after(&["--set-json", handed_over.to_str().unwrap()]);
        for variable in wanted {
            let (name, guid) = (variable["name"].as_str().unwrap(), variable["guid"].as_str().unwrap());
            let found = firm.variables.read(name, guid).unwrap().unwrap();
            let found =
                json!({ "name": name, "guid": guid, "attr": found.attributes, "data": hex::encode(&found.data) });
            assert_eq!(found, *variable);
            assert!(in_store.contains(&found), "{name}");
        }
        let order = firm.variables.read("BootOrder", GLOBAL).unwrap().unwrap();
        assert_eq!(order.data, [1, 0, 0, 0]);
        let entry = firm.variables.read("Boot0001", GLOBAL).unwrap().unwrap();
        let path: Vec<u8> = "\\EFI\\forgetest\\shimx64.efi".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(memmem::find(&entry.data, &path).is_some());

        // Once more on the same disk: the entry is replaced.
        let output = firm.bench.install(Person::Allowed, &disk).output().unwrap();
        assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
        assert_eq!(firm.variables.read("BootOrder", GLOBAL).unwrap().unwrap().data, [1, 0, 0, 0]);
        assert_ne!(firm.variables.read("Boot0001", GLOBAL).unwrap().unwrap(), entry);
    });
}

#[test]
fn a_firmware_that_takes_nothing_does_not_fail_the_install() {
    system(|system| {
        let firm = Firm::new(system);
        let disk = LoopDisk::new(system, "FULL", USUAL, 512);
        for (name, guid) in [("MokNew", SHIM_LOCK), ("BootOrder", GLOBAL)] {
            fs::create_dir(firm.variables.root().join(format!("{name}-{guid}"))).unwrap();
        }
        let output = firm.bench.install(Person::Allowed, &disk).output().unwrap();
        assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
        firm.bench.assert_installed(&disk);
        assert_eq!((firm.read("MokAuth"), firm.read("MokTimeout")), (None, None), "nothing is half-asked");
    });
}

/// The stores are those of the scenarios `revoked-hash` and `revoked-generation`: there the firmware, or shim, refuses.
#[test]
fn a_shim_that_the_firmware_has_revoked_stops_the_plan_and_the_disk_stays() {
    system(|system| {
        let firm = Firm::new(system);
        let disk = LoopDisk::new(system, "REVOKED", USUAL, 512);
        let before = digest(disk.file());
        let hash = "import pefile, sys; from virt.peutils import pesign; \
            print(pesign.pe_authenticode_hash(pefile.PE('/usr/lib/shim/shimx64.efi.signed')).hex())";
        let hash = Command::new("/usr/bin/python3").args(["-c", hash]).output().unwrap();
        let hash = String::from_utf8(hash.stdout).unwrap();
        let level = firm.bench.path("level");
        fs::write(&level, "sbat,1,2099010100\nshim,99\n").unwrap();
        for (options, words) in [
            (vec![], None),
            (vec!["--add-dbx-hash", SHIM_LOCK, hash.trim()], Some("has revoked the first boot loader")),
            (vec!["--set-sbat-level", level.to_str().unwrap()], Some("this computer starts none below 99")),
        ] {
            for variable in store_after(&options) {
                // After its start, shim shows its own variable under another name.
                let name = match variable["name"].as_str().unwrap() {
                    "SbatLevel" => "SbatLevelRT",
                    name @ ("db" | "dbx" | "KEK" | "PK") => name,
                    _ => continue,
                };
                firm.set(
                    name,
                    variable["guid"].as_str().unwrap(),
                    &hex::decode(variable["data"].as_str().unwrap()).unwrap(),
                );
            }
            let planned = firm.bench.on(Person::Allowed, "plan", &disk).output().unwrap();
            assert_eq!(planned.status.code(), Some(if words.is_some() { 3 } else { 0 }), "{}", said(&planned));
            let Some(words) = words else { continue };
            let output = firm.bench.install(Person::Allowed, &disk).output().unwrap();
            assert_eq!(output.status.code(), Some(3), "{}", said(&output));
            assert!(said(&output).contains(words), "{}", said(&output));
        }
        assert_eq!(digest(disk.file()), before);
    });
}

#[test]
fn a_chain_that_this_firmware_refuses_stops_the_plan_and_the_disk_stays() {
    system(|system| {
        let firm = Firm::new(system);
        let disk = LoopDisk::new(system, "REFUSED", USUAL, 512);
        let before = digest(disk.file());
        // It knows one authority, and that is not Microsoft.
        let pair = Pair::generate(Kind::Boot, "Another authority", SystemTime::now()).unwrap();
        firm.set("db", SECURITY_DATABASE, &list(&pair.certificate_der().unwrap()));
        let output = firm.bench.install(Person::Allowed, &disk).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        let said = said(&output);
        assert!(said.contains("would not start") && said.contains("Another authority"), "{said}");
        assert_eq!(digest(disk.file()), before);

        // Where nobody checks, it is a fact and no stop.
        firm.set("SecureBoot", GLOBAL, &[0]);
        assert!(firm.bench.on(Person::Allowed, "plan", &disk).output().unwrap().status.success());
    });
}
