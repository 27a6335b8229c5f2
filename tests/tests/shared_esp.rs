//! An EFI system partition that others use gets files, and nothing that was in it changes.

use forge_engine::{
    esp::{Esp, EspError, Finished},
    install::{End, InstallError},
    prepare::PrepareError,
    target::Target,
    tool::Tools,
    verify,
    watch::Unwatched,
};
use forge_model::{
    Issue, Receipt,
    issue::SharedFault,
    layout::{MOST_SHARED_ESP, Role},
};
use forge_tests::{
    disk::{Disk, Loop, MIB, found, open_exclusively},
    job::{Job, Recorder, Refusal, sharing_answers},
    look::{part, run, run_with},
    payload,
    random::Random,
    writes::{self, Act},
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const SIZE: u64 = 420 * MIB;
const AT: u64 = MIB;
const ESP: u64 = 96 * MIB;

/// What Windows and a Linux have there, with names that need long entries.
const FILES: &[(&str, usize)] = &[
    ("EFI/Microsoft/Boot/bootmgfw.efi", 1_500_000),
    ("EFI/Microsoft/Boot/BCD", 32_768),
    ("EFI/Microsoft/Boot/de-DE/bootmgfw.efi.mui", 77_777),
    ("EFI/Microsoft/Boot/Fonts/segoe_slboot.ttf", 86_001),
    ("EFI/Microsoft/Recovery/BCD", 1),
    ("EFI/BOOT/BOOTX64.EFI", 1_500_000),
    ("EFI/fedora/shimx64.efi", 949_424),
    ("EFI/Linux/other-6.1.efi", 3_000_001),
    ("loader/loader.conf", 30),
    ("a long name with spaces.txt", 513),
];

/// A disk with such a partition, made by mkfs.fat.
fn disk(bits: &str, more: &[&str]) -> Disk {
    let disk = Disk::empty(SIZE);
    let script = format!(
        "label: gpt\nstart={}, size={}, type=c12a7328-f81f-11d2-ba4b-00a0c93ec93b, name=\"EFI system partition\", \
         attrs=\"RequiredPartition,GUID:63\"\nsize=81920, type=ebd0a0a2-b9e5-4433-87c0-68b6b72699c7, name=\"data\"\n",
        AT / 512,
        ESP / 512
    );
    assert!(run_with("sfdisk", &["--quiet", &disk.text()], script.as_bytes()).well);
    let esp = Disk::empty(ESP);
    let made = run("mkfs.fat", &["-F", bits, "-n", "SYSTEM", &esp.text()]);
    assert!(made.well, "{}", made.text);
    let scratch = tempfile::tempdir().unwrap();
    let content = scratch.path().join("content");
    let mut random = Random::new();
    let (mut made, more) = (Vec::<String>::new(), more.iter().map(|path| (*path, 100)));
    for (path, size) in FILES.iter().copied().chain(more) {
        for (slash, _) in path.match_indices('/') {
            let directory = path[..slash].to_owned();
            if !made.contains(&directory) {
                assert!(run("mmd", &["-i", &esp.text(), &format!("::{directory}")]).well);
                made.push(directory);
            }
        }
        let bytes: Vec<u8> = (0..size).map(|_| random.below(256) as u8).collect();
        fs::write(&content, bytes).unwrap();
        let said = run("mcopy", &["-i", &esp.text(), &content.display().to_string(), &format!("::{path}")]);
        assert!(said.well, "{}", said.text);
    }
    // Room in the middle, as after an update.
    assert!(run("mdel", &["-i", &esp.text(), "::EFI/Microsoft/Boot/Fonts/segoe_slboot.ttf"]).well);
    copy_in(&esp, &disk);
    disk
}

fn copy_in(esp: &Disk, disk: &Disk) {
    let bytes = fs::read(&esp.path).unwrap();
    let to = File::options().write(true).open(&disk.path).unwrap();
    to.write_all_at(&bytes, AT).unwrap();
}

/// Each file of the partition by its path; mtools reads it.
fn files(disk: &Path, at: u64) -> BTreeMap<String, String> {
    let image = format!("{}@@{at}", disk.display());
    let list = run("mdir", &["-i", &image, "-/", "-a", "-b", "::/"]);
    assert!(list.well, "{}", list.text);
    let names = list.text.lines().filter_map(|line| line.strip_prefix("::/")).filter(|line| !line.ends_with('/'));
    names
        .map(|name| {
            let said = run("mcopy", &["-i", &image, "-n", &format!("::/{name}"), "-"]);
            assert!(said.well, "{name}: {}", String::from_utf8_lossy(&said.output[..said.output.len().min(200)]));
            (name.to_owned(), hex::encode(Sha256::digest(&said.output)))
        })
        .collect()
}

/// Each old file is there and is what it was.
fn are_there(old: &BTreeMap<String, String>, disk: &Path, when: &str) {
    let image = format!("{}@@{AT}", disk.display());
    for (name, digest) in old {
        let said = run("mcopy", &["-i", &image, "-n", &format!("::/{name}"), "-"]);
        assert!(said.well && hex::encode(Sha256::digest(&said.output)) == *digest, "{when}: {name}");
    }
}

fn fsck(disk: &Path) {
    let scratch = tempfile::tempdir().unwrap();
    let esp = scratch.path().join("esp");
    part(disk, AT, ESP, &esp);
    let said = run("fsck.fat", &["-n", &esp.display().to_string()]);
    assert!(said.well && said.text.lines().count() == 2, "{}", said.text);
}

fn install(disk: &Path) -> Result<Receipt, Refusal> {
    let payload = payload::shared();
    let directory = payload.directory();
    let job = Job { answers: sharing_answers(), ..Job::new(&payload, disk, &directory) };
    match job.run(&Recorder::default())? {
        End::Installed(installed) => Ok(installed.receipt),
        End::Cancelled { stage } => panic!("cancelled in {stage:?}"),
    }
}

fn dump(disk: &Path) -> Vec<String> {
    let path = disk.display().to_string();
    let text = run("sfdisk", &["--dump", &path]).text;
    text.lines().filter(|line| line.starts_with(&path)).map(|line| line.replacen(&path, "", 1)).collect()
}

#[test]
fn files_are_added_beside_those_of_others_and_theirs_are_what_they_were() {
    for bits in ["32", "16"] {
        let disk = disk(bits, &[]);
        let (old, table) = (files(&disk.path, AT), dump(&disk.path));
        assert_eq!(old.len(), FILES.len() - 1);
        let receipt = install(&disk.path).unwrap();
        let id = payload::shared().manifest().id;

        let new = files(&disk.path, AT);
        assert!(old.iter().all(|(name, digest)| new.get(name) == Some(digest)), "FAT{bits}: what was there is there");
        let added: Vec<&String> = new.keys().filter(|name| !old.contains_key(*name)).collect();
        let own = |name: &str| {
            let lower = name.to_lowercase();
            ["efi/forge/", &format!("efi/{id}/"), &format!("efi/linux/{id}-")].iter().any(|own| lower.starts_with(*own))
                || !name.contains('/')
        };
        assert!(added.len() > 7 && added.iter().all(|name| own(name)), "{added:?}");
        fsck(&disk.path);

        // The table has the old entries as they were, and five or three more: no ESP is among them.
        let now = dump(&disk.path);
        assert!(table.iter().all(|line| now.contains(line)), "{table:#?}\n{now:#?}");
        assert_eq!(now.len(), table.len() + receipt.partitions.len() - 1);
        let esp = receipt.partitions.iter().find(|one| one.role == Role::Esp).unwrap();
        assert!(esp.shared && (esp.number, esp.offset, esp.size) == (1, AT, ESP));
        let line = now.iter().find(|line| line.starts_with('1')).unwrap();
        assert!(line.contains(&esp.id.to_string().to_uppercase()), "{line}");
        assert!(receipt.command_line.contains(&format!("PARTUUID={}:/boot:vfat", esp.id)), "{}", receipt.command_line);

        let checked = verify::verify(&Tools::default(), &disk.path, None, &Unwatched).unwrap();
        let (found, findings) = checked.done().unwrap();
        assert!(found == receipt);
        for finding in &findings {
            assert!(finding.fault.is_none(), "{:?}: {}", finding.check, finding.fault.as_ref().unwrap());
        }
    }
}

#[test]
fn one_that_does_not_fit_into_memory_twice_is_refused_in_the_plan() {
    let disk = Disk::empty(MOST_SHARED_ESP + 400 * MIB);
    let table = |mib: u64| {
        let script = format!("label: gpt\nsize={mib}MiB, type=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n");
        assert!(run_with("sfdisk", &["--quiet", &disk.text()], script.as_bytes()).well);
        let made = run("mkfs.fat", &["-F", "32", "--offset", "2048", &disk.text(), &(mib * 1024).to_string()]);
        assert!(made.well, "{}", made.text);
    };
    let planned = || {
        let (payload, directory) = (payload::shared(), payload::shared().directory());
        let job = Job { answers: sharing_answers(), ..Job::new(&payload, &disk.path, &directory) };
        job.plan().map(drop)
    };
    table(1024);
    assert!(planned().is_ok(), "{:?}", planned());
    table(1025);
    match planned() {
        Err(Refusal::Issues(issues)) => {
            assert_eq!(issues, [Issue::NotSharable { number: 1, fault: SharedFault::TooLarge }]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_tool_that_lists_its_files_is_missed_before_the_first_write() {
    let disk = disk("32", &[]);
    let before = disk.digest();
    let (payload, mdir) = (payload::shared(), PathBuf::from("/nowhere/mdir"));
    let (tools, directory) = (Tools { mdir: mdir.clone(), ..Tools::default() }, payload.directory());
    let job = Job { answers: sharing_answers(), tools, ..Job::new(&payload, &disk.path, &directory) };
    match job.run(&Recorder::default()) {
        Err(Refusal::Install(InstallError::Prepare(PrepareError::Missing(tools)))) => assert_eq!(tools, [mdir]),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it is not there"),
    }
    assert_eq!(before, disk.digest());
}

/// A loop device over a disk with such a partition, with the page cache full of what is there now.
fn cached() -> Option<Loop> {
    let device = Loop::over(disk("32", &[]), 512)?;
    io::copy(&mut File::open(&device.path).unwrap(), &mut io::sink()).unwrap();
    Some(device)
}

#[test]
fn it_is_read_from_the_disk_and_not_from_memory() {
    let Some(device) = cached() else { return };
    // What is written past the device, its page cache does not know, as it does not know what was written to the partition
    // by its own name.
    let change = |bytes: &[u8]| device.disk.write(bytes, AT + ESP - 512);
    let target = Target::device(open_exclusively(&device.path).unwrap(), &found(&device.path)).unwrap();
    let tools = Tools::default();
    let read = || match Esp::shared(&tools, &target, AT, ESP).unwrap().finish().unwrap() {
        Finished::Added(changes) => changes,
        Finished::Whole(_) => panic!("it is shared"),
    };
    let before = read();
    assert!(before.is_as_read(&target, AT).unwrap());
    change(b"somebody was here");
    assert!(!before.is_as_read(&target, AT).unwrap(), "it changed since it was read");
    assert!(read().is_as_read(&target, AT).unwrap(), "it is read as it is now");
}

/// Why nothing was written, and that nothing was.
fn refused(disk: &Disk) -> String {
    let before = disk.digest();
    let why = match install(&disk.path) {
        Err(Refusal::Install(error)) => {
            let InstallError::Prepare(PrepareError::Esp(EspError::NotShared(why))) = error else {
                panic!("{error}");
            };
            why
        }
        Err(Refusal::Issues(issues)) => match &issues[..] {
            [Issue::SharedEspFull { number: 1, free, needs }] if free < needs => "full".into(),
            [Issue::NotSharable { number: 1, fault: SharedFault::SameSystem }] => "same system".into(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(before, disk.digest(), "{why}");
    why
}

#[test]
fn one_that_is_full_dirty_faulty_or_used_by_the_same_system_is_refused_before_the_first_write() {
    let id = payload::shared().manifest().id;
    let at = AT;
    // Its flag for not being unmounted (FAT32: the byte at 0x41).
    let dirty = disk("32", &[]);
    dirty.write(&[1], at + 0x41);
    assert!(refused(&dirty).contains("fsck.fat"));
    // A second table that differs from the first.
    let torn = disk("32", &[]);
    let boot = {
        let mut boot = [0; 512];
        File::open(&torn.path).unwrap().read_exact_at(&mut boot, at).unwrap();
        boot
    };
    let short = |place: usize| u64::from(u16::from_le_bytes([boot[place], boot[place + 1]]));
    torn.write(&[0xff; 4], at + (short(14) + short(36)) * 512 + 40);
    assert!(refused(&torn).contains("fsck.fat"));
    // No FAT at all.
    let other = disk("32", &[]);
    other.write(&[0; 512], at);
    let issues = match install(&other.path) {
        Err(Refusal::Issues(issues)) => issues,
        other => panic!("{other:?}"),
    };
    assert!(matches!(issues[..], [Issue::NotSharable { number: 1, .. }]), "{issues:?}");

    // Boot files or the receipt of another install; no partition is lost for that.
    let loader = format!("EFI/{}/grub.cfg", id.to_uppercase());
    for left in [loader.as_str(), "EFI/forge/receipt.json", "EFI/FORGE/RECEIPT.JSON.SIG"] {
        assert_eq!(refused(&disk("32", &[left])), "same system", "{left}");
    }
    // In the way of the receipt.
    assert!(refused(&disk("32", &["EFI/forge"])).contains("is a file there"));

    let full = disk("32", &[]);
    let scratch = tempfile::tempdir().unwrap();
    let fill = scratch.path().join("fill");
    fs::write(&fill, vec![7; 84 * MIB as usize]).unwrap();
    let said = run("mcopy", &["-i", &format!("{}@@{at}", full.text()), &fill.display().to_string(), "::/fill"]);
    assert!(said.well, "{}", said.text);
    assert_eq!(refused(&full), "full");
}

#[test]
fn at_every_write_each_file_of_others_can_be_read() {
    let before = disk("32", &[]);
    let after = Disk::copy_of(&before.path);
    let old = files(&before.path, AT);
    let payload = payload::shared();
    let (scratch, directory) = (tempfile::tempdir().unwrap(), payload.directory());
    let certificate = scratch.path().join("certificate");
    fs::write(&certificate, &payload.keys.certificate).unwrap();
    let victim = env!("CARGO_BIN_EXE_forge-tests-victim");
    let [directory, certificate] = [&directory, &certificate].map(|path| path.display().to_string());
    let args = [&directory, &certificate, &after.text(), "none", "0", "shared-esp"];
    let acts = writes::of(victim, &args, &after.path);

    let new = files(&after.path, AT);
    let in_esp = |act: &Act| act.extent().is_some_and(|(from, to)| from < AT + ESP && to > AT);
    let first = acts.iter().position(in_esp).unwrap();
    // The last change of the table comes before the first one of the ESP.
    let last_of_table = acts.iter().rposition(|act| act.extent().is_some_and(|(from, _)| from < AT)).unwrap();
    assert!(last_of_table < first, "{last_of_table} {first}");

    let disk = Disk::copy_of(&before.path);
    let file = File::options().write(true).open(&disk.path).unwrap();
    acts[..first].iter().for_each(|act| act.apply(&file));
    let mut cuts = 0;
    for (n, act) in acts.iter().enumerate().skip(first) {
        act.apply(&file);
        are_there(&old, &disk.path, &format!("after write {n}"));
        // Whatever has a name already, is whole.
        for (name, digest) in files(&disk.path, AT) {
            assert!(new.get(&name) == Some(&digest), "after write {n}: {name}");
        }
        cuts += 1;
    }
    assert!(run("cmp", &[&disk.text(), &after.text()]).well, "the log is all that was done");
    fsck(&disk.path);

    // In any order between two flushes.
    let mut random = Random::new();
    let flushed = Disk::copy_of(&before.path);
    let to = File::options().write(true).open(&flushed.path).unwrap();
    acts[..first].iter().for_each(|act| act.apply(&to));
    let mut mixed = 0;
    for epoch in acts[first..].split_inclusive(|act| matches!(act, Act::Flush)) {
        for _ in 0..6 {
            let cut = Disk::copy_of(&flushed.path);
            let file = File::options().write(true).open(&cut.path).unwrap();
            // Sectors of one write, too.
            for act in epoch {
                match act {
                    Act::Write(at, bytes) => {
                        for (sector, bytes) in bytes.chunks(512).enumerate().filter(|_| random.below(2) == 0) {
                            file.write_all_at(bytes, at + sector as u64 * 512).unwrap();
                        }
                    }
                    other => other.apply(&file),
                }
            }
            are_there(&old, &cut.path, "in another order");
            mixed += 1;
        }
        epoch.iter().for_each(|act| act.apply(&to));
    }
    println!("{cuts} cuts in order, {mixed} in another order");
    assert!(cuts >= 6 && mixed >= 18, "{cuts} {mixed}");
}
