//! An install into free room, beside systems that are made and judged by their own tools.

use forge_engine::{install::End, tool::Tools, verify, watch::Unwatched};
use forge_model::{
    Issue, Plan,
    answers::Way,
    inventory::{Content, GptFault},
    layout::Role,
};
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

    // No other system takes a slot for its own root, and this one takes nothing of others for its own.
    for partition in &receipt.partitions {
        let id = partition.id.to_string().to_uppercase();
        let hidden = new.iter().any(|line| line.contains(&id) && line.contains("63\""));
        assert_eq!(hidden, partition.role != Role::Esp, "{partition:?}: {new:#?}");
    }
    let names = findings.iter().map(|finding| &finding.check);
    assert!(!names.into_iter().any(|check| *check == verify::Check::NoOtherPartition), "there are others");

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

    // The list of entries far from the header: whole, and nothing that is damaged.
    let disk = gpt();
    assert!(run("sgdisk", &["--delete=1", "--move-main-table=4096", &disk.text()]).well);
    assert_eq!(fault(&disk), GptFault::Unusual);
    // A table that counts in other sectors than the disk has.
    let disk = Disk::empty(300 * MIB);
    let script = b"label: gpt\nstart=256, size=2560\n";
    assert!(run_with("sfdisk", &["--quiet", "--sector-size", "4096", &disk.text()], script).well);
    assert_eq!(issues(&disk.path)[0], Issue::TableSectors { disk: 512, table: 4096 });

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

#[test]
fn a_list_that_lies_behind_a_gap_is_written_there_and_the_gap_is_left_alone() {
    let disk = Disk::empty(300 * MIB);
    assert!(run_with("sfdisk", &["--quiet", &disk.text()], b"label: gpt\nstart=2048, size=2048\n").well);
    assert!(run("sgdisk", &["--move-main-table=100", &disk.text()]).well);
    disk.write(&[0x5a; 98 * 512], 1024);
    let End::Installed(_) = install(&disk.path).unwrap() else { panic!("cancelled") };
    assert!(bytes(&disk.path, 1024, 98 * 512).iter().all(|byte| *byte == 0x5a));
    let said = run("sgdisk", &["-v", &disk.text()]).text;
    assert!(said.contains("No problems found"), "{said}");
}

#[test]
fn a_slot_of_a_system_that_is_updated_in_the_same_way_is_a_reason_not_to() {
    let root = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
    let id = payload::shared().manifest().id;
    for (kind, label, refused) in [
        (root, "_empty".to_owned(), true),
        (root, format!("{id}_0.1"), true),
        ("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5", format!("{id}_0.1_verity"), true),
        (root, "fedora".to_owned(), false),
        (root, format!("{id}ish_1"), false),
        ("0fc63daf-8483-4772-8e79-3d69d8477de4", "_empty".to_owned(), false),
    ] {
        let disk = Disk::empty(300 * MIB);
        let script = format!("label: gpt\nstart=2048, size=2048, type={kind}, name=\"{label}\"\n");
        assert!(run_with("sfdisk", &["--quiet", &disk.text()], script.as_bytes()).well);
        let payload = payload::shared();
        let directory = payload.directory();
        match job(&payload, &disk.path, &directory).plan() {
            Ok(_) => assert!(!refused, "{label}"),
            Err(Refusal::Issues(issues)) => assert_eq!(issues, [Issue::SlotsThere { number: 1, label }]),
            Err(other) => panic!("{}", other.sentence()),
        }
    }
}

#[test]
fn a_receipt_that_was_handed_over_names_the_partition_that_is_read() {
    let disk = Disk::empty(400 * MIB);
    assert!(run_with("sfdisk", &["--quiet", &disk.text()], b"label: gpt\nstart=2048, size=2048\n").well);
    let End::Installed(installed) = install(&disk.path).unwrap() else { panic!("cancelled") };
    let esp = installed.receipt.partitions.iter().find(|one| one.role == Role::Esp).unwrap();
    // Somebody else's: a copy of all of it but for one file, that comes first by its label.
    let at = 401 * MIB;
    let more = format!("--new=128:{}:+{}", at / 512, esp.size / 512);
    File::options().write(true).open(&disk.path).unwrap().set_len(500 * MIB).unwrap();
    let own = format!("--change-name={}:other", esp.number);
    for word in ["--move-second-header", &more, "--typecode=128:ef00", "--change-name=128:esp", &own] {
        let said = run("sgdisk", &[word, &disk.text()]);
        assert!(said.well, "{word}: {}", said.text);
    }
    disk.write(&bytes(&disk.path, esp.offset, esp.size), at);
    let image = format!("{}@@{at}", disk.text());
    assert!(run("mdel", &["-i", &image, "::/EFI/BOOT/BOOTX64.EFI"]).well);
    let faults = |handed: Option<&[u8]>| {
        let checked = verify::verify(&Tools::default(), &disk.path, handed, &Unwatched).unwrap();
        let (_, findings) = checked.done().unwrap();
        let files = findings.into_iter().filter(|one| matches!(&one.check, verify::Check::File(_)));
        files.filter(|one| one.fault.is_some()).count()
    };
    assert!(faults(None) > 0, "without a receipt, the one that is labelled as Forge does comes first");
    assert_eq!(faults(Some(&installed.receipt_json)), 0);
}

#[test]
fn systemd_finds_nothing_by_itself_and_mounts_the_own_esp() {
    let disk = Disk::empty(300 * MIB);
    assert!(run_with("sfdisk", &["--quiet", &disk.text()], b"label: gpt\nstart=2048, size=2048\n").well);
    let End::Installed(installed) = install(&disk.path).unwrap() else { panic!("cancelled") };
    let receipt = &installed.receipt;
    let esp = receipt.partitions.iter().find(|one| one.role == Role::Esp).unwrap();
    let generators = Path::new("/usr/lib/systemd/system-generators");
    // Its own programs read the line (systemd.generator(7)), as they do in a started system.
    let units = |name: &str| {
        let scratch = tempfile::tempdir().unwrap();
        let places = ["normal", "early", "late"].map(|place| scratch.path().join(place));
        places.iter().for_each(|place| std::fs::create_dir(place).unwrap());
        let said = std::process::Command::new(generators.join(name))
            .args(&places)
            .env("SYSTEMD_PROC_CMDLINE", &receipt.command_line)
            .output()
            .unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let read = |unit: &str| std::fs::read_to_string(places[0].join(unit)).unwrap_or_default();
        let count: usize = places.iter().map(|place| std::fs::read_dir(place).unwrap().count()).sum();
        (read("boot.mount"), read("boot.automount"), count)
    };
    let (mount, automount, _) = units("systemd-fstab-generator");
    assert!(mount.contains(&format!("What=/dev/disk/by-partuuid/{}", esp.id)), "{mount}");
    assert!(
        mount.contains("Type=vfat") && mount.contains("umask=0077") && automount.contains("Where=/boot"),
        "{automount}"
    );
    assert_eq!(units("systemd-gpt-auto-generator").2, 0);
}

#[test]
fn a_disk_that_is_erased_is_the_same_plan_whether_its_table_was_read_in_time_or_not() {
    let disk = Disk::empty(300 * MIB);
    let script = b"label: gpt\nstart=2048, size=2048, name=\"mine\"\n";
    assert!(run_with("sfdisk", &["--quiet", &disk.text()], script).well);
    let payload = payload::shared();
    let directory = payload.directory();
    let (opened, target, plan, answers) = Job::new(&payload, &disk.path, &directory).plan().unwrap();
    let mut inventory = forge_engine::probe::file(&target).unwrap();
    let Content::Table { gpt, partitions, .. } = &mut inventory.disks[0].content else { panic!() };
    assert!(gpt.take().is_some() && partitions[0].entry.take().is_some());
    let late = Plan::new(&inventory, target.path(), &answers, &opened.manifest, &opened.manifest_sha256).unwrap();
    assert_eq!(late.digest(), plan.digest());
    assert!(matches!(&plan.erased, Content::Table { partitions, .. } if partitions[0].label == "mine"));
}
