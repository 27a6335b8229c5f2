//! An install onto a real disk, by a person without any right but polkit's yes.

use crate::bench::{Bench, Slow, USUAL, Watched, said};
use forge_dbus::{
    client::RunSecrets,
    status::{Outcome, Progress, State},
};
use forge_engine::{
    prepare::credentials_file,
    seal::{Kind, open_with_passphrase},
};
use forge_model::{Plan, Receipt, Secret, Stage, layout::Role};
use forge_tests::{
    disk::Disk,
    installed::{assert_complete, etc},
    job::install_well,
    look::{Ext4, fat_files, part, run, run_with},
    payload::TestPayload,
    private::{LoopDisk, Person, system},
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

#[test]
fn an_ordinary_person_installs_onto_a_disk_of_either_sector_size() {
    system(|system| {
        let bench = Bench::new(system);
        for (sector, esp) in [(512, "esp-mib = 64"), (4096, "esp-mib = 260")] {
            bench.answer("esp-mib = 64", esp);
            let disk = LoopDisk::new(system, &format!("INSTALL-{sector}"), USUAL, sector);
            let output = bench.install(Person::Allowed, &disk).output().unwrap();
            assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
            bench.assert_installed(&disk);
            let credentials = fs::metadata(bench.path("handover/credentials")).unwrap();
            assert_eq!((credentials.uid(), credentials.mode() & 0o777), (Person::Allowed.uid(), 0o600));
        }
    });
}

/// The receipt of a job that went well.
fn receipt(mut job: Watched) -> Receipt {
    match job.finished() {
        Outcome::Installed { receipt, .. } => *receipt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_install_over_the_bus_is_the_same_as_one_into_a_file_but_for_what_is_new_each_time() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "COMPARED", USUAL, 512);
        let by_bus = receipt(bench.begin(&disk));
        let file = Disk::empty(USUAL);
        let by_file = install_well(&bench.payload, &file.path).receipt.clone();
        assert_eq!(assert_complete(disk.file()), by_bus);
        let (bus, file) = ((disk.file(), &by_bus), (file.path.as_path(), &by_file));

        assert_eq!(table(bus), table(file));
        for role in [Role::RootA, Role::VerityA] {
            let (one, other) = (partition(bus, role), partition(file, role));
            assert!(one == other, "{role:?}");
            assert!(one.iter().any(|byte| *byte != 0));
        }
        esp_is_the_same(bus, file);
        let (one, other) = (state(bus), state(file));
        assert!(one.len() > 25, "{:?}", one.keys());
        assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        for (path, found) in &one {
            assert!(*found == other[path], "{}: {found:?} {:?}", path.display(), other[path]);
        }
    });
}

/// A disk and what was written there.
type Written<'a> = (&'a Path, &'a Receipt);

/// The partition table as sfdisk dumps it, without the GUIDs that are new each time: all but those of slot A.
fn table((disk, receipt): Written) -> String {
    let said = run("sfdisk", &["--dump", &disk.display().to_string()]);
    assert!(said.well, "{}", said.text);
    let mut text = said.text.replace(&disk.display().to_string(), "disk");
    let random = receipt.partitions.iter().filter(|p| !matches!(p.role, Role::RootA | Role::VerityA)).map(|p| p.id);
    for id in random.chain([receipt.disk_id]) {
        let id = id.to_string().to_uppercase();
        assert!(text.contains(&id), "{id} is not in {text}");
        text = text.replace(&id, "GUID");
    }
    assert_eq!(text.lines().filter(|line| line.contains("start=")).count(), 6, "{text}");
    text
}

/// Every byte of a partition.
fn partition((disk, receipt): Written, role: Role) -> Vec<u8> {
    let found = receipt.partitions.iter().find(|p| p.role == role).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("part");
    part(disk, found.offset, found.size, &path);
    fs::read(path).unwrap()
}

/// Unsigned files are compared byte by byte. Of the signed ones GRUB without its signature is, and the boot image section
/// by section, but for the command line, which names the state by its new GUID. Key and receipt are new.
fn esp_is_the_same(one: Written, other: Written) {
    let files = |(disk, receipt): Written| {
        fat_files(disk, receipt.partitions.iter().find(|p| p.role == Role::Esp).unwrap().offset)
    };
    let (ones, others) = (files(one), files(other));
    assert_eq!(ones.keys().collect::<Vec<_>>(), others.keys().collect::<Vec<_>>());
    let mut compared = [0; 4];
    for (path, bytes) in &ones {
        let other = &others[path];
        let kind = match path.as_str() {
            "INTERGENOS-KEY.cer" => {
                assert_ne!(bytes, other, "{path}");
                0
            }
            new if new.starts_with("EFI/forge/") => {
                assert_ne!(bytes, other, "{path}");
                0
            }
            grub if grub.ends_with("/grubx64.efi") => {
                assert_ne!(bytes, other, "{path} has a signature by a key of its own");
                assert!(unsigned(bytes) == unsigned(other), "{path}");
                1
            }
            uki if uki.starts_with("EFI/Linux/") => {
                assert_ne!(bytes, other, "{path} has a signature by a key of its own");
                assert_eq!(unsigned(bytes).len(), unsigned(other).len(), "{path}");
                assert_eq!(sections(bytes), sections(other), "{path}");
                2
            }
            _ => {
                assert!(bytes == other, "{path}");
                3
            }
        };
        compared[kind] += 1;
    }
    assert_eq!(compared[..3], [3, 2, 1]);
    assert!(compared[3] >= 6, "{:?}", ones.keys());
}

/// An EFI program without its signature.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let said = run("sbattach", &["--remove", &file.path().display().to_string()]);
    assert!(said.well, "{}", said.text);
    let without = fs::read(file.path()).unwrap();
    assert!(without.len() < bytes.len());
    without
}

/// Size and SHA-256 of each section of a boot image, but of the command line only the size.
fn sections(bytes: &[u8]) -> BTreeMap<String, (u64, String)> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let said = run("ukify", &["inspect", &file.path().display().to_string(), "--json=short", "--all"]);
    let sections: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&said.output).expect(&said.text);
    assert!(sections.contains_key(".linux") && sections.contains_key(".cmdline"), "{sections:?}");
    let entry = |(name, about): (String, serde_json::Value)| {
        let hash = if name == ".cmdline" { "" } else { about["sha256"].as_str().unwrap() };
        let found = (about["size"].as_u64().unwrap(), hash.to_owned());
        (name, found)
    };
    sections.into_iter().map(entry).collect()
}

/// Kind and mode, owner, group, and contents where they are not new each time.
type Entry = (u32, u32, u32, Option<Vec<u8>>);

/// Every file of the state.
fn state((disk, receipt): Written) -> BTreeMap<PathBuf, Entry> {
    const NEW: [&str; 5] = ["/mok/", "shadow", "machine-id", "/credstore/", "kernel/cmdline"];
    let offset = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap().offset;
    let scratch = tempfile::tempdir().unwrap();
    let image = format!("{}?offset={offset}", disk.display());
    let said = run("debugfs", &["-R", &format!("rdump / {}", scratch.path().display()), &image]);
    assert!(said.well, "{}", said.text);
    let (mut found, mut pending) = (BTreeMap::new(), vec![scratch.path().to_owned()]);
    while let Some(directory) = pending.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            let about = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(scratch.path()).unwrap().to_owned();
            let is_new = NEW.iter().any(|part| format!("/{}", name.display()).contains(part));
            let contents = match about.file_type() {
                kind if kind.is_symlink() => Some(fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()),
                kind if kind.is_file() && !is_new => Some(fs::read(&path).unwrap()),
                _ => None,
            };
            if about.is_dir() {
                pending.push(path);
            }
            found.insert(name, (about.mode(), about.uid(), about.gid(), contents));
        }
    }
    found
}

#[test]
fn progress_comes_a_few_times_a_second_in_the_order_of_the_stages_and_never_falls() {
    system(|system| {
        let bench = Bench::with(system, Arc::new(TestPayload::large()), &["--settle-ms", "0"]);
        let disk = LoopDisk::new(system, "PROGRESS", 2 * USUAL, 512);
        let mut job = bench.prepare(&disk, true).unwrap();
        // Much is told in a short time, over more than a second.
        let slow = Slow::by(bench.helper(), 1, 24);
        job.run();
        assert!(matches!(job.finished(), Outcome::Installed { .. }));
        drop(slow);
        let seen = &job.seen;
        let stages: Vec<Stage> = seen.iter().map(|(_, progress)| progress.stage().unwrap()).collect();
        assert!(stages.is_sorted(), "{stages:?}");
        // A stage that takes less than an eighth of a second is not told; these take longer everywhere.
        for stage in [Stage::Prepare, Stage::Write, Stage::Prove] {
            assert!(stages.contains(&stage), "{stage:?} is not in {stages:?}");
        }
        for pair in seen.windows(2) {
            let (before, after) = (&pair[0].1, &pair[1].1);
            assert!(before.stage != after.stage || before.done <= after.done, "{before:?} {after:?}");
        }
        for (_, Progress { done, total, left, .. }) in seen {
            assert!(done <= total || *total == 0, "{done} of {total}");
            assert!((-1..3600).contains(left), "{left}");
        }
        // A tenth of a second and a little: a signal can wait on its way and the next one not.
        let took = seen.last().unwrap().0 - seen[0].0;
        println!("{} updates in {} ms", seen.len(), took.as_millis());
        let counted = |stage: &&Stage| matches!(stage, Stage::Write | Stage::Prove);
        assert!(stages.iter().filter(counted).count() > 5, "{stages:?}");
        assert!(seen.len() as u128 <= took.as_millis() / 100 + 2);
        let close = seen.windows(10).find(|ten| ten[9].0 - ten[0].0 < Duration::from_millis(900));
        assert_eq!(close, None, "more than ten in a second");
    });
}

#[test]
fn anybody_who_comes_back_can_read_state_plan_and_digest_at_any_time() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "READ", USUAL, 512);
        let mut job = bench.prepare(&disk, true).unwrap();
        let other = bench.watch();
        let read = || {
            let (plan, digest) = (system.block_on(other.job.plan()), system.block_on(other.job.digest()));
            let (plan, digest): (Plan, String) = (plan.unwrap(), digest.unwrap());
            assert_eq!((plan.digest(), plan.target.identity.path), (digest, disk.node()));
            (system.block_on(other.job.state()).unwrap(), system.block_on(other.job.outcome()).unwrap().is_some())
        };
        assert_eq!(read(), (State::Prepared, false));
        job.run();
        let mut running = 0;
        let mut at = Stage::Check;
        while read() == (State::Running, false) {
            running += 1;
            if let Some(stage) = system.block_on(other.job.progress()).unwrap().stage() {
                assert!(stage >= at, "{stage:?} after {at:?}");
                at = stage;
            }
        }
        assert!(running > 10, "{running}");
        assert_eq!(read(), (State::Finished, true));
        job.finished();
    });
}

#[test]
fn a_password_that_is_typed_lands_as_a_hash_in_shadow_and_nowhere_else() {
    const PASSWORD: &str = "correct horse, Grüße";
    system(|system| {
        let bench = Bench::new(system);
        bench.answer("password = { generate = \"passphrase\" }", "password = { ask = true }");
        let disk = LoopDisk::new(system, "TYPED", USUAL, 512);
        // Without one, nothing begins; nobody can type one for forgectl here.
        let job = bench.prepare(&disk, true).unwrap();
        assert!(format!("{:?}", job.try_run(None).unwrap_err()).contains("password is brought along"));
        assert_eq!(system.block_on(job.job.state()).unwrap(), State::Prepared);
        let output = bench.install(Person::Allowed, &disk).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert!(said(&output).contains("nobody can type one here"), "{}", said(&output));

        job.try_run(Some(&Secret::new(PASSWORD.into()))).unwrap();
        let handover = |job: &Watched| system.block_on(job.job.handover()).unwrap();
        let receipt = {
            let mut job = bench.watch();
            let Outcome::Installed { receipt, .. } = job.finished() else { panic!("not installed") };
            assert!(handover(&job).user_password.is_none(), "who typed it knows it");
            receipt
        };
        drop(job);
        let state = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap();
        let shadow = Ext4::at(disk.file(), state.offset).read(&etc("shadow"));
        let line = shadow.lines().find(|line| line.starts_with("anna:")).unwrap();
        let hash = line.split(':').nth(1).unwrap();
        let fields: Vec<&str> = hash.split('$').collect();
        let ["", "6", rounds, salt, _] = fields.as_slice() else { panic!("{hash}") };
        let made =
            run_with("openssl", &["passwd", "-6", "-stdin", "-salt", &format!("{rounds}${salt}")], PASSWORD.as_bytes());
        assert_eq!(made.text.trim(), hash);
        let bytes = fs::read(disk.file()).unwrap();
        assert!(memchr::memmem::find(&bytes, PASSWORD.as_bytes()).is_none());
        assert!(memchr::memmem::find(&bytes, hash.as_bytes()).is_some(), "the control");
        assert!(!system.journal().contains(PASSWORD));
    });
}

#[test]
fn an_ordinary_person_sees_disks_and_plans_and_installs_only_what_was_confirmed() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "SHOWN", USUAL, 512);
        let before = forge_tests::disk::digest(disk.file());
        let output = bench.forgectl(Person::Allowed, &["disks"]).output().unwrap();
        let name = format!("{}  InterGenOS Forge Test Disk, 512 MiB", disk.node());
        for words in [name.as_str(), "Serial number: SHOWN", "It is empty."] {
            assert!(said(&output).contains(words), "{words}: {}", said(&output));
        }
        let output = bench.forgectl(Person::Allowed, &["disks", "--json"]).output().unwrap();
        let inventory: forge_model::Inventory = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(inventory.disks.len(), 1);
        let output = bench.on(Person::Allowed, "plan", &disk).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let text = said(&output);
        let digest = text.lines().find_map(|line| line.strip_prefix("Plan digest: ")).expect(&text);
        assert!(text.contains("InterGenOS Forge Test Disk, 512 MiB, will be written."), "{text}");

        let wrong = "0".repeat(64);
        let output = bench.install(Person::Allowed, &disk).args(["--digest", &wrong]).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        let words = format!("the plan is not the one that was confirmed: its digest is {digest}.");
        assert!(said(&output).contains(&words), "{}", said(&output));
        assert!(before == forge_tests::disk::digest(disk.file()));
        let output = bench.install(Person::Allowed, &disk).args(["--digest", digest]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        bench.assert_installed(&disk);
    });
}

#[test]
fn forgectl_shows_how_far_an_install_is() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = LoopDisk::new(system, "FAR", USUAL, 512);
        let output = bench.install(Person::Allowed, &disk).output().unwrap();
        // A stage that takes less than an eighth of a second is not told; this one starts Python.
        assert!(said(&output).contains("\"stage\":\"prepare\""), "{}", said(&output));
    });
}

/// Leaves credentials on the ESP, sealed to a passphrase.
const LEAVES: &str = r#"
[unattended.credentials]
passphrase = { credential = "forge.seal" }
leave-on = "esp"
"#;

#[test]
fn credentials_are_left_on_the_esp_when_the_answers_say_so_and_the_passphrase_comes_along() {
    system(|system| {
        let bench = Bench::new(system);
        fs::write(bench.path("answers.toml"), format!("{}{LEAVES}", bench.answers())).unwrap();
        let disk = LoopDisk::new(system, "SEALED", USUAL, 512);
        let mut job = bench.prepare(&disk, true).unwrap_or_else(|e| panic!("{e:?}"));
        // Without it nothing begins.
        let refused = job.try_run(None).unwrap_err().to_string();
        assert!(refused.contains("passphrase"), "{refused}");
        let passphrase = Secret::new("a passphrase to seal with".into());
        let begun = system.block_on(async {
            let digest = job.job.digest().await?;
            job.job.run(&digest, RunSecrets { seal_passphrase: Some(&passphrase), ..RunSecrets::default() }).await
        });
        begun.unwrap_or_else(|e| panic!("{e:?}\n{}", system.log("helper")));
        let Outcome::Installed { receipt, .. } = job.finished() else { panic!("{}", system.log("helper")) };
        assert_eq!(assert_complete(disk.file()), *receipt);
        let esp = receipt.partitions.iter().find(|p| p.role == Role::Esp).unwrap();
        let files = fat_files(disk.file(), esp.offset);
        let sealed = &files[credentials_file(Kind::Passphrase)];
        let opened = open_with_passphrase(sealed, &passphrase).unwrap();
        let handover = system.block_on(job.job.handover()).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&opened).unwrap();
        assert_eq!(told["user"]["password"], handover.user_password.as_ref().unwrap().expose());
        assert_eq!(told["mok"]["code"], handover.enrollment_code.expose());
        job.close();
    });
}
