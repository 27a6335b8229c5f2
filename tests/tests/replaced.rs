//! An earlier system is replaced: its partitions go, and its `/home` stays byte for byte when that is asked for.

use forge_engine::{gpt, install::End, tool::Tools, verify, watch::Unwatched};
use forge_model::{Issue, Receipt, Stage, answers::Way, issue::SharedFault, layout::Role};
use forge_tests::{
    disk::{self, Disk, MIB},
    job::{ANSWERS, Job, Recorder, Refusal},
    look::{part, run},
    payload::{self, TestPayload},
};
use std::{fs, path::Path};

const SIZE: u64 = 700 * MIB;
const ERASE: &str = "erase = \"all-data-on-this-disk\"";

fn install(payload: &TestPayload, disk: &Path, answers: &str) -> Result<Receipt, Refusal> {
    let directory = payload.directory();
    let job = Job { answers: answers.into(), ..Job::new(payload, disk, &directory) };
    match job.run(&Recorder::default())? {
        End::Installed(installed) => Ok(installed.receipt),
        End::Cancelled { stage } => panic!("cancelled in {stage:?}"),
    }
}

/// A disk on which one system is, with room behind its state for another one's.
fn earlier(payload: &TestPayload) -> (Disk, Receipt) {
    let disk = Disk::empty(SIZE);
    // A disk that grew has the second table in the middle; an empty one is a table to install beside.
    assert!(run("sgdisk", &["--clear", &disk.text()]).well);
    let beside = ANSWERS.replace(ERASE, "use = \"free-space\"\nstate-mib = 48");
    let receipt = install(payload, &disk.path, &beside).unwrap();
    (disk, receipt)
}

fn of(receipt: &Receipt, role: Role) -> (u64, u64) {
    let one = receipt.partitions.iter().find(|one| one.role == role).unwrap();
    (one.offset, one.size)
}

/// What replaces it.
fn next() -> std::sync::Arc<TestPayload> {
    payload::shared()
}

fn verified(disk: &Path, receipt: &Receipt) {
    let checked = verify::verify(&Tools::default(), disk, None, &Unwatched).unwrap();
    let (found, findings) = checked.done().unwrap();
    assert!(found == *receipt);
    for finding in &findings {
        assert!(finding.fault.is_none(), "{:?}: {}", finding.check, finding.fault.as_ref().unwrap());
    }
    let said = run("sgdisk", &["-v", &disk.display().to_string()]).text;
    assert!(said.contains("No problems found"), "{said}");
}

#[test]
fn a_home_that_is_kept_stays_byte_for_byte_and_the_command_line_mounts_it() {
    let payload = next();
    let (disk, old) = earlier(&payload);
    let (at, size) = of(&old, Role::State);
    let scratch = tempfile::tempdir().unwrap();
    let [before, after] = ["before", "after"].map(|name| scratch.path().join(name));
    part(&disk.path, at, size, &before);

    let answers = ANSWERS.replace(ERASE, "use = \"replace\"\nkeep-home = true");
    let new = install(&payload, &disk.path, &answers).unwrap();
    verified(&disk.path, &new);
    part(&disk.path, at, size, &after);
    assert!(fs::read(&before).unwrap() == fs::read(&after).unwrap(), "the old state is as it was");

    // The old slots and the old ESP are gone, the old state has its number and GUID.
    let id = |receipt: &Receipt| receipt.partitions.iter().find(|one| one.role == Role::State).unwrap().clone();
    let (old_state, new_state) = (id(&old), id(&new));
    let table = gpt::read(&fs::File::open(&disk.path).unwrap()).unwrap().unwrap();
    let numbers: Vec<u32> = table.entries.iter().map(|(number, _)| *number).collect();
    let mut expected: Vec<u32> = new.partitions.iter().map(|one| one.number).chain([old_state.number]).collect();
    expected.sort_unstable();
    assert_eq!(numbers, expected);
    assert_eq!((new_state.label.as_str(), new.way), ("state-2", Way::Replace));

    let line = &new.command_line;
    for says in [
        format!("systemd.mount-extra=PARTUUID={}:/var/lib/forge/earlier:ext4:rw,nodev,nosuid,noexec", old_state.id),
        "systemd.mount-extra=/var/lib/forge/earlier/home:/home:none:bind,nodev,nosuid,exec,".into(),
        format!("PARTUUID={}:/sysroot/var:ext4", new_state.id),
    ] {
        assert!(line.contains(&says), "{says}: {line}");
    }
    assert!(!line.contains("/var/home"), "{line}");

    // The new state has no home, and says how one is made where there is none.
    let image = scratch.path().join("state");
    part(&disk.path, new_state.offset, new_state.size, &image);
    let debugfs = |request: &str| run("debugfs", &["-R", request, &image.display().to_string()]).text;
    let line = debugfs("cat /lib/forge/etc/upper/tmpfiles.d/forge-home.conf");
    assert!(line.contains("d /home/anna :0700 :1000 :1000 -\n"), "{line}");
    assert!(debugfs("stat /home").contains("File not found"));
    assert!(debugfs("stat /lib/forge/earlier").contains("directory"));

    // And once more: the first state stays, the second goes.
    let third = install(&payload, &disk.path, &answers).unwrap();
    verified(&disk.path, &third);
    part(&disk.path, at, size, &after);
    assert!(fs::read(&before).unwrap() == fs::read(&after).unwrap(), "the first state is as it was");
    assert_eq!(third.partitions.len() + 1, gpt_entries(&disk.path));
}

fn gpt_entries(disk: &Path) -> usize {
    gpt::read(&fs::File::open(disk).unwrap()).unwrap().unwrap().entries.len()
}

#[test]
fn an_earlier_release_that_is_replaced_leaves_nothing_in_the_table() {
    let payload = next();
    let (disk, old) = earlier(&TestPayload::of_release("0.9"));
    assert!(old.partitions.iter().any(|one| one.label == "forgetest_0.9"));
    assert_ne!(old.root_hash, payload.manifest().image.root_hash);
    let new = install(&payload, &disk.path, &ANSWERS.replace(ERASE, "use = \"replace\"")).unwrap();
    verified(&disk.path, &new);
    assert_eq!(new.partitions.len(), gpt_entries(&disk.path));
    assert!(new.command_line.contains("systemd.mount-extra=/var/home:/home:none:bind"));
    let state = new.partitions.iter().find(|one| one.role == Role::State).unwrap();
    assert_eq!(state.label, "state");
}

#[test]
fn an_old_esp_in_which_somebody_else_has_a_file_stays_byte_for_byte_and_the_plan_says_so() {
    let payload = next();
    let (disk, old) = earlier(&TestPayload::of_release("0.9"));
    let (at, size) = of(&old, Role::Esp);
    let inside = format!("{}@@{at}", disk.text());
    assert!(run("mmd", &["-i", &inside, "::/EFI/other"]).well);
    assert!(run("mcopy", &["-i", &inside, "Cargo.toml", "::/EFI/other/loader.efi"]).well);
    let scratch = tempfile::tempdir().unwrap();
    let [before, after] = ["before", "after"].map(|name| scratch.path().join(name));
    part(&disk.path, at, size, &before);

    let (answers, directory) = (ANSWERS.replace(ERASE, "use = \"replace\""), payload.directory());
    let job = Job { answers: answers.clone(), ..Job::new(&payload, &disk.path, &directory) };
    let plan = job.plan().map_err(|refusal| refusal.sentence()).unwrap().2;
    let beside = plan.layout.beside.as_ref().unwrap();
    let number = old.partitions.iter().find(|one| one.role == Role::Esp).unwrap().number;
    assert_eq!(beside.old_loader, Some(number));
    assert!(beside.kept.iter().any(|one| one.number == number));

    let new = install(&payload, &disk.path, &answers).unwrap();
    verified(&disk.path, &new);
    part(&disk.path, at, size, &after);
    assert!(fs::read(&before).unwrap() == fs::read(&after).unwrap(), "the old ESP is as it was");
    assert_eq!(new.partitions.len() + 1, gpt_entries(&disk.path));

    // Sharing it would mix both systems' boot files up.
    let share = answers.replace("esp-mib = 64", &format!("shared-esp = {number}"));
    match install(&payload, &disk.path, &share) {
        Err(Refusal::Issues(issues)) => {
            assert!(matches!(issues[..], [Issue::NotSharable { fault: SharedFault::SameSystem, .. }]), "{issues:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_encrypted_home_is_not_kept_and_nothing_is_touched() {
    let payload = next();
    let (disk, old) = earlier(&payload);
    // As LUKS2 begins.
    disk.write(b"LUKS\xba\xbe\x00\x02", of(&old, Role::State).0);
    let before = disk.digest();
    match install(&payload, &disk.path, &ANSWERS.replace(ERASE, "use = \"replace\"\nkeep-home = true")) {
        Err(Refusal::Issues(issues)) => assert!(matches!(issues[..], [Issue::HomeEncrypted { .. }]), "{issues:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(before, disk.digest());
}

#[test]
fn a_plain_home_is_not_kept_where_encryption_is_wanted_and_nothing_is_touched() {
    let payload = next();
    let (disk, _) = earlier(&payload);
    let before = disk.digest();
    let kept = ANSWERS.replace(ERASE, "use = \"replace\"\nkeep-home = true");
    let answers = format!("{kept}\n[encryption]\npassphrase = {{ generate = \"passphrase\" }}\n");
    match install(&payload, &disk.path, &answers) {
        Err(Refusal::Issues(issues)) => {
            assert_eq!(issues, [Issue::HomeNotEncrypted]);
            assert_eq!(issues[0].place(), Some("disk.keep-home"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(before, disk.digest());
}

#[test]
fn cancelled_with_its_boot_files_on_the_disk_it_leaves_nothing_that_the_old_table_starts() {
    let payload = next();
    let (disk, old) = earlier(&TestPayload::of_release("0.9"));
    let (esp, directory) = (of(&old, Role::Esp).0, payload.directory());
    let answers = ANSWERS.replace(ERASE, "use = \"replace\"");
    let run_it = |disk: &Disk, recorder: &Recorder| {
        let job = Job { answers: answers.clone(), ..Job::new(&payload, &disk.path, &directory) };
        job.run(recorder).map_err(|refusal| refusal.sentence()).unwrap()
    };
    // The whole of it once, to see how much is filled in: the boot files come last.
    let whole = Disk::copy_of(&disk.path);
    let seen = Recorder::default();
    let End::Installed(installed) = run_it(&whole, &seen) else { panic!("cancelled") };
    assert_eq!(of(&installed.receipt, Role::Esp).0, esp, "the new boot files lie where the old ones did");
    let filled = seen.seen().iter().filter(|one| one.stage == Stage::Fill).map(|one| one.done).max().unwrap();

    let cut = Recorder::cancel_at(Stage::Fill, filled - 64 * 1024);
    assert!(matches!(run_it(&disk, &cut), End::Cancelled { stage: Stage::Fill }));
    for one in old.partitions.iter().filter(|one| matches!(one.role, Role::Esp | Role::State)) {
        let said = disk::blkid(&disk.path, one.offset).text;
        assert!(!said.contains("TYPE="), "{}: {said}", one.label);
    }
    // The next run goes on where this one was.
    let seen = Recorder::default();
    assert!(matches!(run_it(&disk, &seen), End::Installed(_)));
    assert!(!seen.stages().contains(&Stage::Write), "{:?}", seen.stages());
}
