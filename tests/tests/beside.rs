//! An install into free room, beside systems that are made and judged by their own tools.

use forge_engine::{install::End, tool::Tools, verify, watch::Unwatched};
use forge_model::{Issue, answers::Way, inventory::GptFault, layout::Role};
use forge_tests::{
    disk::{Disk, Loop, MIB},
    job::{Job, Recorder, Refusal, beside_answers},
    look::{run, run_with},
    neighbours, payload,
};
use std::{fs::File, os::unix::fs::FileExt, path::Path};

fn job<'a>(payload: &'a payload::TestPayload, disk: &'a Path, directory: &'a Path) -> Job<'a> {
    Job { answers: beside_answers(), ..Job::new(payload, disk, directory) }
}

fn install(disk: &Path) -> Result<End, Refusal> {
    let payload = payload::shared();
    let directory = payload.directory();
    job(&payload, disk, &directory).run(&Recorder::default())
}

fn issues(disk: &Path) -> Vec<Issue> {
    match install(disk) {
        Err(Refusal::Issues(issues)) => issues,
        Err(other) => panic!("{}", other.sentence()),
        Ok(_) => panic!("it was not refused"),
    }
}

fn bytes(disk: &Path, offset: u64, size: u64) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    File::open(disk).unwrap().read_exact_at(&mut bytes, offset).unwrap();
    bytes
}

/// The lines of the table as sfdisk dumps it, without the disk's path.
fn dump(disk: &Path) -> Vec<String> {
    let text = run("sfdisk", &["--dump", &disk.display().to_string()]).text;
    let path = disk.display().to_string();
    text.lines().filter(|line| line.starts_with(&path)).map(|line| line.replacen(&path, "", 1)).collect()
}

#[test]
fn everything_that_is_there_stays_byte_for_byte_and_the_new_system_is_complete() {
    let Some(disk) = neighbours::disk() else { return };
    let (before, old) = (Disk::copy_of(&disk.path), dump(&disk.path));
    neighbours::check(&before.path);
    let End::Installed(installed) = install(&disk.path).unwrap() else { panic!("cancelled") };
    let receipt = &installed.receipt;
    assert_eq!(receipt.way, Way::FreeSpace);
    assert_eq!(receipt.partitions.len(), 6, "with a second slot: {:?}", receipt.partitions);

    let new = dump(&disk.path);
    assert_eq!(new.len(), old.len() + 6);
    assert!(old.iter().all(|line| new.contains(line)), "{old:#?}\n{new:#?}");
    for one in neighbours::all() {
        let same = bytes(&before.path, one.offset, one.size) == bytes(&disk.path, one.offset, one.size);
        assert!(same, "{} is as it was", one.name);
    }
    // The MBR, and whatever lies behind the list of entries.
    assert_eq!(bytes(&before.path, 0, 512), bytes(&disk.path, 0, 512));
    assert!(bytes(&before.path, 34 * 512, MIB - 34 * 512) == bytes(&disk.path, 34 * 512, MIB - 34 * 512));
    neighbours::check(&disk.path);

    let said = run("sgdisk", &["-v", &disk.text()]).text;
    assert!(said.contains("No problems found"), "{said}");
    let said = run("sfdisk", &["--verify", &disk.text()]);
    assert!(said.well, "{}", said.text);
    let checked = verify::verify(&Tools::default(), &disk.path, None, &Unwatched).unwrap();
    let (found, findings) = checked.done().unwrap();
    assert!(found == *receipt);
    for finding in &findings {
        assert!(finding.fault.is_none(), "{:?}: {}", finding.check, finding.fault.as_ref().unwrap());
    }
    let state = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap();
    let said = run("e2fsck", &["-fn", &format!("{}?offset={}", disk.text(), state.offset)]);
    assert!(said.well, "{}", said.text);

    // The same release a second time would have the same names.
    assert!(matches!(issues(&disk.path)[..], [Issue::SameReleaseThere { number: 9 }, Issue::NoFreeRoom { .. }]));
}

#[test]
fn sectors_of_4096_bytes_are_counted_as_such() {
    let size = 1400 * MIB;
    let Some(device) = Loop::over(Disk::empty(size), 4096) else { return };
    let script = "label: gpt\nstart=256, size=25600, name=\"mine\"\n";
    let said = run_with("sfdisk", &["--quiet", "--no-reread", &device.text()], script.as_bytes());
    assert!(said.well, "{}", said.text);
    let old = dump(&device.path);
    let payload = payload::shared();
    let directory = payload.directory();
    let answers = beside_answers().replace("esp-mib = 64\n", "");
    let end = Job { answers, ..job(&payload, &device.path, &directory) }.run(&Recorder::default());
    let End::Installed(installed) = end.map_err(|refusal| refusal.sentence()).unwrap() else { panic!("cancelled") };
    assert_eq!(installed.receipt.target.sector_size, 4096);
    assert!(old.iter().all(|line| dump(&device.path).contains(line)) && dump(&device.path).len() == old.len() + 6);
    let said = run("sgdisk", &["-v", &device.text()]).text;
    assert!(said.contains("No problems found"), "{said}");
    assert!(run("sfdisk", &["--verify", &device.text()]).well);
}

#[test]
fn a_table_that_can_not_be_added_to_is_refused_by_what_is_wrong_and_not_touched() {
    let fresh = |script: &str| {
        let disk = Disk::empty(300 * MIB);
        let said = run_with("sfdisk", &["--quiet", &disk.text()], script.as_bytes());
        assert!(said.well, "{}", said.text);
        disk
    };
    let gpt = || fresh("label: gpt\nstart=2048, size=2048\n");
    let fault = |disk: &Disk| {
        let before = disk.digest();
        let found = issues(&disk.path);
        assert_eq!(disk.digest(), before);
        match found.first() {
            Some(Issue::TableFault { fault }) => *fault,
            other => panic!("{other:?}"),
        }
    };
    let disk = gpt();
    disk.write(&[0xff; 16], 512 + 40);
    assert_eq!(fault(&disk), GptFault::FirstCopy);
    let disk = gpt();
    File::options().write(true).open(&disk.path).unwrap().set_len(500 * MIB).unwrap();
    assert_eq!(fault(&disk), GptFault::NotAtEnd);
    let disk = gpt();
    disk.write(&[0; 512], 0);
    assert_eq!(fault(&disk), GptFault::NoProtectiveMbr);
    let disk = gpt();
    disk.write(&[0x0c], 446 + 16 + 4);
    assert_eq!(fault(&disk), GptFault::HybridMbr);

    let disk = fresh("label: dos\nstart=2048, size=2048\n");
    assert_eq!(issues(&disk.path), [Issue::NoGpt { table: Some("dos".into()) }]);
    assert_eq!(issues(&Disk::empty(300 * MIB).path), [Issue::NoGpt { table: None }]);
    let disk = fresh("label: gpt\nstart=2048, size=500000\n");
    assert!(matches!(issues(&disk.path)[..], [Issue::NoFreeRoom { .. }]));
}

#[test]
fn a_second_copy_that_is_lost_or_old_is_written_anew() {
    // A cut between the two copies leaves an old one; a run after it has to work.
    let disk = Disk::empty(300 * MIB);
    assert!(run_with("sfdisk", &["--quiet", &disk.text()], b"label: gpt\nstart=2048, size=2048\n").well);
    disk.write(&[0; 33 * 512], 300 * MIB - 33 * 512);
    let End::Installed(_) = install(&disk.path).unwrap() else { panic!("cancelled") };
    let said = run("sgdisk", &["-v", &disk.text()]).text;
    assert!(said.contains("No problems found"), "{said}");
}

#[test]
fn a_table_that_changed_since_the_plan_is_refused_and_nothing_is_written() {
    let disk = Disk::empty(300 * MIB);
    assert!(run_with("sfdisk", &["--quiet", &disk.text()], b"label: gpt\nstart=2048, size=2048\n").well);
    let payload = payload::shared();
    let directory = payload.directory();
    let (opened, target, plan, _) = job(&payload, &disk.path, &directory).plan().unwrap();
    for change in
        [&["--change-name=1:other"][..], &["--new=5:100M:110M"], &["--disk-guid=R"], &["--attributes=1:set:2"]]
    {
        let before = Disk::copy_of(&disk.path);
        let args: Vec<&str> = change.iter().copied().chain([disk.path.to_str().unwrap()]).collect();
        let said = run("sgdisk", &args);
        assert!(said.well, "{}", said.text);
        let changed = bytes(&disk.path, 0, 300 * MIB);
        let (tools, password) = (Tools::default(), forge_engine::credentials::UserPassword::Generate);
        let end = forge_engine::install::run(&tools, &plan, &opened, &target, password, &Recorder::default());
        let Err(failed) = end else { panic!("{change:?}: it was not refused") };
        assert!(!failed.written && failed.to_string().contains("not the one that was confirmed"), "{failed}");
        assert!(bytes(&disk.path, 0, 300 * MIB) == changed, "{change:?}");
        disk.write(&bytes(&before.path, 0, 300 * MIB), 0);
    }
}

#[test]
fn what_an_earlier_run_proved_is_not_written_again() {
    let disk = Disk::empty(300 * MIB);
    assert!(run_with("sfdisk", &["--quiet", &disk.text()], b"label: gpt\nstart=2048, size=2048\n").well);
    let payload = payload::shared();
    let directory = payload.directory();
    let job = job(&payload, &disk.path, &directory);
    let old = dump(&disk.path);
    let cut = Recorder::cancel_at(forge_model::Stage::Fill, 0);
    assert!(matches!(job.run(&cut), Ok(End::Cancelled { .. })));
    assert_eq!(dump(&disk.path), old);
    let again = Recorder::default();
    assert!(matches!(job.run(&again), Ok(End::Installed(_))));
    assert!(!again.stages().contains(&forge_model::Stage::Write), "{:?}", again.stages());
}
