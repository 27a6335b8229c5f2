//! Partitions that are made smaller, with the real UDisks2 and the real tools; and those that are not.

use crate::bench::{Bench, said};
use forge_dbus::status::{Outcome, Reached};
use forge_engine::watch::{self, Stop};
use forge_helper::udisks::Udisks;
use forge_model::{
    Stage,
    answers::Way,
    inventory::{Content, Found, ShrinkFault, Shrinks},
    layout::{Beside, Shrunk},
    plan::Target,
};
use forge_tests::{
    disk::{MIB, digest},
    look::{part, run, run_with},
    private::{LoopDisk, Person, System, busy, system},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

/// One partition of a test, which begins at a whole mebibyte.
struct Row {
    mib: u64,
    kind: &'static str,
}

const LINUX: &str = "linux";
const WINDOWS: &str = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7";

fn row(mib: u64, kind: &'static str) -> Row {
    Row { mib, kind }
}

/// A disk with these partitions, one behind the other.
fn disk<'a>(system: &'a System, serial: &str, size: u64, rows: &[Row]) -> LoopDisk<'a> {
    let disk = LoopDisk::new(system, serial, size * MIB, 512);
    let mut at = 1;
    let mut script = "label: gpt\n".to_owned();
    for Row { mib, kind } in rows {
        script += &format!("start={}, size={}, type={kind}, name=\"mine\"\n", at * 2048, mib * 2048);
        at += mib;
    }
    assert_eq!(disk.partition(&script), rows.len());
    disk
}

fn node(disk: &LoopDisk, number: usize) -> String {
    format!("{}p{number}", disk.node())
}

/// Lets udev and UDisks2 see what partitions hold now. All of it lies on the disk then: debugfs does not wait for that, and
/// its end does not either while somebody else looks at the partition.
fn seen(disk: &LoopDisk, rows: usize) {
    for number in 1..=rows {
        fs::File::open(node(disk, number)).unwrap().sync_all().unwrap();
        assert!(run("udevadm", &["trigger", "--action=change", &node(disk, number)]).well);
    }
    disk.settle();
}

fn well(tool: &str, words: &[&str]) -> String {
    let said = run(tool, words);
    assert!(said.well, "{tool} {words:?}: {}", said.text);
    said.text
}

fn film() -> Vec<u8> {
    (0..40_u32 << 18).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// An ext4 with a film in it, as one has that was used.
fn ext4(disk: &LoopDisk, number: usize) {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("film"), film()).unwrap();
    let (tree, node) = (tree.path().display().to_string(), node(disk, number));
    well("mke2fs", &["-q", "-t", "ext4", "-L", "photos", "-d", &tree, &node]);
    // It was mounted after its last check, as every one was.
    well("debugfs", &["-w", "-R", "ssv mtime now", &node]);
    well("debugfs", &["-w", "-R", "ssv lastcheck 20200101000000", &node]);
}

/// An NTFS with a film and perhaps another file in it.
fn ntfs(disk: &LoopDisk, number: usize, other: Option<(&str, &[u8])>) {
    let node = node(disk, number);
    well("mkntfs", &["--fast", "--quiet", "--label", "Windows", &node]);
    for (name, content) in [("film", &film()[..])].into_iter().chain(other) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        well("ntfscp", &["--quiet", &node, &file.path().display().to_string(), name]);
    }
}

/// Marks an NTFS as one that Windows has to check.
fn make_dirty(disk: &LoopDisk, number: usize) {
    // Without -d, ntfsfix leaves the mark behind.
    well("ntfsfix", &[&node(disk, number)]);
}

/// What the helper finds on a disk.
fn found(bench: &Bench, disk: &LoopDisk) -> Vec<Found> {
    let inventory = bench.system.block_on(bench.forge().inventory()).unwrap();
    match &inventory.disk(&disk.node()).unwrap().content {
        Content::Table { partitions, gpt: Some(_), .. } => partitions.clone(),
        other => panic!("{other:?}\n{}", bench.system.log("helper")),
    }
}

fn not(why: ShrinkFault) -> Option<Shrinks> {
    Some(Shrinks::Not { why })
}

fn answer(bench: &Bench, number: u32, to_mib: u64) {
    let to = format!("use = \"free-space\"\nshrink = [{{ number = {number}, to-mib = {to_mib} }}]");
    bench.answer("erase = \"all-data-on-this-disk\"", &to);
}

/// A partition as a file, to be checked by its own tool.
fn copy(disk: &LoopDisk, offset_mib: u64, mib: u64, to: &Path) -> String {
    part(disk.file(), offset_mib * MIB, mib * MIB, to);
    to.display().to_string()
}

#[test]
fn the_inventory_says_how_small_each_partition_can_be_made_and_why_others_can_not() {
    system(|system| {
        let bench = Bench::new(system);
        let kinds = [LINUX, WINDOWS, WINDOWS, LINUX, LINUX, LINUX, LINUX, WINDOWS, "uefi", LINUX];
        let sizes = [400, 200, 100, 120, 20, 12, 12, 12, 64, 20];
        let rows: Vec<Row> = sizes.into_iter().zip(kinds).map(|(mib, kind)| row(mib, kind)).collect();
        let disk = disk(system, "INVENTORY", 1100, &rows);
        ext4(&disk, 1);
        ntfs(&disk, 2, None);
        ntfs(&disk, 3, None);
        make_dirty(&disk, 3);
        well("mkfs.btrfs", &["--quiet", &node(&disk, 4)]);
        let luks = ["luksFormat", "--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
        assert!(run_with("cryptsetup", &[&luks[..], &[&node(&disk, 5)]].concat(), b"x").well);
        let write = |mib: u64, at: u64, bytes: &[u8]| {
            let file = fs::OpenOptions::new().write(true).open(disk.file()).unwrap();
            file.write_all_at(bytes, mib * MIB + at).unwrap();
        };
        // LVM: the label and the header of a physical volume.
        let mut label = vec![0; 512];
        label[..8].copy_from_slice(b"LABELONE");
        label[8] = 1;
        label[20] = 32;
        label[24..32].copy_from_slice(b"LVM2 001");
        label[32..64].copy_from_slice(b"abcdefghijklmnopqrstuvwxyz012345");
        let checksum = lvm_checksum(&label[20..]);
        label[16..20].copy_from_slice(&checksum.to_le_bytes());
        write(841, 512, &label);
        // MD: a superblock of version 1.2.
        let mut member = vec![0; 4096];
        member[..8].copy_from_slice(&[0xfc, 0x4e, 0x2b, 0xa9, 1, 0, 0, 0]);
        member[16..32].fill(7);
        member[144] = 8;
        let words = member.chunks_exact(4).map(|word| u64::from(u32::from_le_bytes(word.try_into().unwrap())));
        let sum: u64 = words.sum();
        member[216..220].copy_from_slice(&((sum as u32).wrapping_add((sum >> 32) as u32)).to_le_bytes());
        write(853, 4096, &member);
        // BitLocker: the boot sector, and what it points to.
        let mut boot = vec![0; 512];
        boot[..11].copy_from_slice(b"\xeb\x58\x90-FVE-FS-");
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
        boot[178] = 1;
        write(865, 0, &boot);
        write(865, 0x1_0000, b"-FVE-FS-\x40\0\x02\0");
        well("mkfs.fat", &["-F", "32", &node(&disk, 9)]);
        seen(&disk, rows.len());
        let before = digest(disk.file());

        let found = found(&bench, &disk);
        let held: Vec<_> = found.iter().map(|one| (one.number, one.holding.clone(), one.shrinks)).collect();
        println!("{held:#?}");
        for (number, range) in [(1, 120..330), (2, 110..130)] {
            let Some(Shrinks::To { least }) = found[number - 1].shrinks else { panic!("{held:?}") };
            assert!(range.contains(&(least / MIB)), "{number}: {}", least / MIB);
        }
        assert_eq!(found[2].shrinks, not(ShrinkFault::Dirty));
        assert_eq!(found[3].shrinks, not(ShrinkFault::FileSystem));
        for number in 5..=8 {
            assert_eq!(found[number - 1].shrinks, not(ShrinkFault::Wrapped), "{number}: {held:?}");
        }
        assert_eq!((found[8].shrinks, found[9].shrinks), (not(ShrinkFault::FileSystem), None));
        let free = found[8].free().unwrap();
        assert!((60 * MIB..64 * MIB).contains(&free), "{free}");
        assert!(digest(disk.file()) == before, "a look writes nothing");

        // A sleeping Windows holds the NTFS of every disk.
        let asleep = self::disk(system, "ASLEEP", 150, &[row(100, WINDOWS)]);
        ntfs(&asleep, 1, Some(("hiberfil.sys", &[&b"HIBR"[..], &[7; 9000]].concat())));
        seen(&asleep, 1);
        assert_eq!(self::found(&bench, &asleep)[0].shrinks, not(ShrinkFault::Hibernated));
        assert_eq!(self::found(&bench, &disk)[1].shrinks, not(ShrinkFault::Hibernated));

        for number in 3..=9 {
            answer(&bench, number, 10);
            let output = bench.on(Person::Allowed, "plan", &disk).output().unwrap();
            assert!(!output.status.success(), "{}", said(&output));
        }
        assert!(digest(disk.file()) == before, "a refused plan writes nothing");
    });
}

/// LVM's CRC-32: the usual polynomial with its own start, and no inversion at the end.
fn lvm_checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xf597_a6cf, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

#[test]
fn an_ext4_is_made_smaller_and_the_system_installed_into_the_room() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = disk(system, "EXT4", 602, &[row(600, LINUX)]);
        ext4(&disk, 1);
        seen(&disk, 1);
        answer(&bench, 1, 300);
        let plan = bench.on(Person::Allowed, "plan", &disk).output().unwrap();
        assert!(plan.status.success(), "{}\n{}", said(&plan), system.log("helper"));
        println!("{}", said(&plan));
        let output = bench.install(Person::Allowed, &disk).output().unwrap();
        println!("{}\n{}", said(&output), system.log("helper"));
        assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
        bench.assert_installed(&disk);
        let checked = run("sgdisk", &["-v", &disk.file().display().to_string()]);
        assert!(checked.text.contains("No problems found"), "{}", checked.text);
        let listed = well("sgdisk", &["-i", "1", &disk.file().display().to_string()]);
        assert!(listed.contains(&format!("Partition size: {} sectors", 300 * 2048)), "{listed}");
        let place = tempfile::tempdir().unwrap();
        let image = copy(&disk, 1, 300, &place.path().join("part"));
        well("e2fsck", &["-f", "-n", &image]);
        let out = place.path().join("film").display().to_string();
        well("debugfs", &["-R", &format!("dump /film {out}"), &image]);
        assert!(fs::read(out).unwrap() == film(), "the film is as it was");
    });
}

#[test]
fn an_ntfs_is_made_smaller_and_the_system_installed_into_the_room() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = disk(system, "NTFS", 602, &[row(600, WINDOWS)]);
        ntfs(&disk, 1, None);
        seen(&disk, 1);
        answer(&bench, 1, 200);
        let output = bench.install(Person::Allowed, &disk).output().unwrap();
        println!("{}\n{}", said(&output), system.log("helper"));
        assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
        bench.assert_installed(&disk);
        let place = tempfile::tempdir().unwrap();
        let image = copy(&disk, 1, 200, &place.path().join("part"));
        well("ntfsfix", &["--no-action", &image]);
        // It is marked for Windows' own check, so that only --force looks at it.
        let info = well("ntfsresize", &["--force", "--force", "--info", "--no-progress-bar", &image]);
        assert!(info.contains("Checking filesystem consistency"), "{info}");
        let film_now = run("ntfscat", &["--force", &image, "film"]);
        assert!(film_now.output == film(), "the film is as it was: {}", film_now.text);
    });
}

#[test]
fn a_file_system_with_faults_is_refused_by_its_own_check_and_nothing_is_written() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = disk(system, "FAULTS", 602, &[row(600, LINUX)]);
        ext4(&disk, 1);
        // A link count that is wrong: the superblock knows nothing of it.
        well("debugfs", &["-w", "-R", "sif /film links_count 7", &node(&disk, 1)]);
        seen(&disk, 1);
        answer(&bench, 1, 300);
        let before = digest(disk.file());
        let output = bench.install(Person::Allowed, &disk).output().unwrap();
        let text = said(&output);
        assert!(!output.status.success(), "{text}");
        assert!(text.contains("Making partitions smaller failed") && text.contains("Nothing was written"), "{text}");
        assert!(text.contains("its own check finds faults"), "{text}");
        assert!(digest(disk.file()) == before, "nothing was written");
    });
}

#[test]
fn what_a_died_run_left_is_taken_up_and_a_cancelled_one_says_what_is_smaller() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = disk(system, "AGAIN", 602, &[row(600, LINUX)]);
        ext4(&disk, 1);
        // As if a run had died between the file system and the partition.
        well("e2fsck", &["-f", "-p", &node(&disk, 1)]);
        well("resize2fs", &[&node(&disk, 1), "300M"]);
        seen(&disk, 1);
        answer(&bench, 1, 300);
        let mut job = bench.prepare(&disk, true).unwrap_or_else(|e| panic!("{e:?}"));
        let stopped = job.run_until(bench.helper(), Stage::Prepare).expect("it was over before");
        drop(stopped);
        system.block_on(job.job.cancel()).unwrap();
        match job.finished() {
            Outcome::Cancelled { smaller, .. } => {
                let one = &smaller[0];
                assert_eq!((one.number, one.before, one.wanted), (1, 600 * MIB, 300 * MIB));
                assert_eq!(one.reached, Reached::Partition);
            }
            other => panic!("{other:?}"),
        }
        job.close();
        // The table says so, and the rest of the answers is possible without making anything smaller.
        assert_eq!(found(&bench, &disk)[0].size, 300 * MIB);
        bench.answer("erase = \"all-data-on-this-disk\"", "use = \"free-space\"");
        let output = bench.install(Person::Allowed, &disk).output().unwrap();
        assert!(output.status.success(), "{}\n{}", said(&output), system.log("helper"));
        bench.assert_installed(&disk);
    });
}

#[test]
fn what_was_changed_after_it_was_confirmed_is_not_made_smaller() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = disk(system, "MEANWHILE", 702, &[row(300, WINDOWS), row(400, LINUX)]);
        ntfs(&disk, 1, None);
        ext4(&disk, 2);
        seen(&disk, 2);
        let Some(Shrinks::To { least }) = found(&bench, &disk)[1].shrinks else { panic!() };
        let found = found(&bench, &disk);
        let udisks = Udisks::new(&system.connect());
        let inventory = system.block_on(udisks.inventory()).unwrap();
        let now = inventory.disk(&disk.node()).unwrap();
        let target = Target {
            identity: now.identity.clone(),
            model: None,
            kind: now.kind,
            size: now.size,
            sector_size: now.sector_size,
        };
        // What each call is refused with; nothing may be written by any.
        let refused = |number: usize, mib: u64, change: &dyn Fn(&mut Found), stop: bool| {
            let mut kept: Vec<Found> = found.iter().map(Found::without_sizes).collect();
            let before = kept[number - 1].size;
            kept[number - 1].size = mib * MIB;
            change(&mut kept[number - 1]);
            let beside = Beside {
                way: Way::FreeSpace,
                disk_id: uuid::Uuid::nil(),
                first_usable: 0,
                end_usable: 0,
                kept,
                removed: Vec::new(),
                shrunk: vec![Shrunk { number: number as u32, before }],
                home: None,
                old_loader: None,
            };
            let (asked, mut done, all) = (Stop::default(), Vec::new(), digest(disk.file()));
            if stop {
                asked.request();
            }
            let end = system.block_on(udisks.shrink(&target, &beside, &asked, &mut done));
            assert!(done.is_empty() && digest(disk.file()) == all, "{end:?}: {done:?}");
            end.map(|end| end == watch::Outcome::Cancelled).map_err(|error| error.to_string())
        };
        assert_eq!(refused(2, 390, &|_| {}, true), Ok(true), "a request to stop comes first");
        let text = refused(2, least / MIB - 1, &|_| {}, false).unwrap_err();
        assert!(text.contains("needs at least"), "{text}");
        let changes: [&dyn Fn(&mut Found); 4] = [
            &|one| one.entry.as_mut().unwrap().id = uuid::Uuid::from_u128(7),
            &|one| one.entry.as_mut().unwrap().offset += MIB,
            &|one| one.label = "another".into(),
            &|one| one.holding = None,
        ];
        for change in changes {
            let text = refused(2, 390, change, false).unwrap_err();
            assert!(text.contains("not what was confirmed"), "{text}");
        }
        assert!(refused(2, 450, &|_| {}, false).unwrap_err().contains("not what was confirmed"), "never larger");
        // Windows was started and pulled out in between.
        make_dirty(&disk, 1);
        let text = refused(1, 250, &|_| {}, false).unwrap_err();
        assert!(text.contains("not unmounted"), "{text}");
        // Somebody looks at the photos.
        let mounted = busy::Mounted::existing(&node(&disk, 2));
        seen(&disk, 2);
        let text = refused(2, 390, &|_| {}, false).unwrap_err();
        assert!(text.contains("something uses the disk"), "{text}");
        drop(mounted);
    });
}

/// A process of this private system by its name.
fn process(name: &str) -> Option<Pid> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let is_it = |id: &i32| fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|comm| comm.trim() == name);
    let id = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(is_it)?;
    Pid::from_raw(id)
}

#[test]
fn when_udisks_dies_in_the_middle_nobody_is_told_that_all_is_well() {
    system(|system| {
        let bench = Bench::new(system);
        let disk = disk(system, "DIES", 602, &[row(600, LINUX)]);
        ext4(&disk, 1);
        seen(&disk, 1);
        answer(&bench, 1, 300);
        let mut job = bench.prepare(&disk, true).unwrap_or_else(|e| panic!("{e:?}"));
        let outcome = std::thread::scope(|scope| {
            let killer = scope.spawn(|| {
                let end = Instant::now() + Duration::from_secs(60);
                let tool = loop {
                    match process("resize2fs") {
                        Some(tool) => break tool,
                        None => assert!(Instant::now() < end, "it never ran"),
                    }
                };
                kill_process(tool, Signal::STOP).unwrap();
                kill_process(process("udisksd").unwrap(), Signal::KILL).unwrap();
                std::thread::sleep(Duration::from_secs(1));
                kill_process(tool, Signal::KILL).unwrap();
            });
            job.run();
            killer.join().unwrap();
            job.finished()
        });
        match outcome {
            Outcome::Failed(failure) => {
                assert_eq!((failure.kind.as_str(), failure.stage), ("not-smaller", Stage::Shrink), "{failure:?}");
                assert!(!failure.written, "{failure:?}");
                assert_eq!(failure.smaller[0].reached, Reached::Begun);
            }
            other => panic!("{other:?}"),
        }
        let listed = well("sgdisk", &["-i", "1", &disk.file().display().to_string()]);
        assert!(listed.contains(&format!("Partition size: {} sectors", 600 * 2048)), "{listed}");
    });
}
