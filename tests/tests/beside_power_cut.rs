//! The power goes at any write of an install beside other systems: their table, their partitions and their data are there.

use forge_engine::install::End;
use forge_model::{Stage, layout::Role};
use forge_tests::{
    disk::{Disk, MIB},
    installed::receipt_of,
    job::{Job, Recorder, beside_answers},
    look::{run, run_with},
    neighbours, payload,
    random::Random,
    writes::{self, Act},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
};

/// The partitions of the table in force, by libfdisk: the first copy if it is whole, else the second.
fn in_force(disk: &Path) -> Vec<String> {
    let path = disk.display().to_string();
    let said = run("sfdisk", &["--dump", &path]);
    assert!(said.well, "{}", said.text);
    said.text.lines().filter(|line| line.starts_with(&path)).map(|line| line.replacen(&path, "", 1)).collect()
}

/// The two tables, of which one has to be in force.
struct Tables {
    old: Vec<String>,
    new: Vec<String>,
}

impl Tables {
    /// Whether the new one is in force; anything but the two is a failure. libblkid, by which Linux names partitions, has
    /// to see the same. (gdisk does not, where a first copy was written in part: it takes neither.)
    fn is_new(&self, disk: &Path, when: &str) -> bool {
        let found = in_force(disk);
        let said = run("partx", &["--show", "--noheadings", "--output", "NR", &disk.display().to_string()]).text;
        let rows = said.lines().count();
        assert!(found == self.old || found == self.new, "{when}: {found:#?}");
        assert_eq!(rows, found.len(), "{when}: {said}");
        found == self.new
    }
}

/// Where the partitions of others lie, and everything else that is not this install's: the MBR, and the rest of the first
/// MiB behind the list of entries.
fn of_others() -> Vec<(u64, u64)> {
    let neighbours = neighbours::all().into_iter().map(|one| (one.offset, one.offset + one.size));
    neighbours.chain([(0, 512), (34 * 512, MIB)]).collect()
}

fn writable(disk: &Disk) -> File {
    File::options().read(true).write(true).open(&disk.path).unwrap()
}

#[test]
fn at_every_write_the_others_are_whole_and_one_table_is_in_force() {
    let Some(before) = neighbours::disk() else { return };
    let after = Disk::copy_of(&before.path);
    let payload = payload::shared();
    let (scratch, directory) = (tempfile::tempdir().unwrap(), payload.directory());
    let certificate = scratch.path().join("certificate");
    fs::write(&certificate, &payload.keys.certificate).unwrap();
    let victim = env!("CARGO_BIN_EXE_forge-tests-victim");
    let [directory, certificate] = [&directory, &certificate].map(|path| path.display().to_string());
    let args = [&directory, &certificate, &after.text(), "none", "0", "free-space"];
    let acts = writes::of(victim, &args, &after.path);
    let tables = Tables { old: in_force(&before.path), new: in_force(&after.path) };
    assert_eq!(tables.new.len(), tables.old.len() + 6);

    // Nothing is written where something of others is: so at each cut all of theirs is as it was.
    let others = of_others();
    for (from, to) in acts.iter().filter_map(Act::extent) {
        assert!(others.iter().all(|(start, end)| to <= *start || *end <= from), "{from}..{to} is somebody else's");
    }

    // A cut after each write, in order.
    let disk = Disk::copy_of(&before.path);
    let file = writable(&disk);
    let (mut became_new, mut cuts) = (None, 0);
    for (n, act) in acts.iter().enumerate() {
        act.apply(&file);
        if matches!(act, Act::Flush) {
            continue;
        }
        cuts += 1;
        match (tables.is_new(&disk.path, &format!("after write {n}")), became_new) {
            (true, None) => became_new = Some(n),
            (false, Some(at)) => panic!("new at {at}, and old again at {n}"),
            _ => {}
        }
        // Their own tools, now and then: bytes that nobody wrote have not changed.
        if n % (acts.len() / 8) == 0 {
            neighbours::check(&disk.path);
        }
    }
    neighbours::check(&disk.path);
    assert!(run("sgdisk", &["-v", &disk.text()]).text.contains("No problems found"));
    let last = acts.iter().rposition(|act| act.extent().is_some()).unwrap();
    assert_eq!(became_new, Some(last), "the table is the last write, and the only one that counts");
    assert!(disk.digest().1 == after.digest().1 || same_bytes(&disk.path, &after.path), "the log is all that was done");
    // With the table, everything that it names is there.
    let receipt = receipt_of(&disk.path);
    assert!(receipt.partitions.iter().any(|one| one.role == Role::Esp));

    torn_tables(&before, &acts, &tables);
    goes_on_between_the_copies(&before, &acts);
    let reordered = reordered(&before, &acts, &tables);
    println!("{} calls, {cuts} cuts in order, {reordered} in another order", acts.len());
    assert!(cuts > 30 && reordered > 30, "{cuts} {reordered}");
}

/// Whether two files read the same: a hole and zeros do.
fn same_bytes(one: &Path, other: &Path) -> bool {
    run("cmp", &[&one.display().to_string(), &other.display().to_string()]).well
}

/// Between two flushes a disk writes in any order: any of the writes may be there, and any may be missing.
fn reordered(before: &Disk, acts: &[Act], tables: &Tables) -> u32 {
    let mut random = Random::new();
    let flushed = Disk::copy_of(&before.path);
    let mut states = 0;
    for epoch in acts.split_inclusive(|act| matches!(act, Act::Flush)) {
        if epoch.iter().any(|act| act.extent().is_some()) {
            for _ in 0..8 {
                let cut = Disk::copy_of(&flushed.path);
                let file = writable(&cut);
                epoch.iter().filter(|_| random.below(2) == 0).for_each(|act| act.apply(&file));
                tables.is_new(&cut.path, "in another order");
                states += 1;
            }
        }
        let file = writable(&flushed);
        epoch.iter().for_each(|act| act.apply(&file));
    }
    states
}

/// A cut between the two copies leaves everything but the first one: the next run proves what is there, and adds it.
fn goes_on_between_the_copies(before: &Disk, acts: &[Act]) {
    let disk = Disk::copy_of(&before.path);
    let file = writable(&disk);
    let last = acts.iter().rposition(|act| act.extent().is_some()).unwrap();
    acts[..last].iter().for_each(|act| act.apply(&file));
    drop(file);
    let payload = payload::shared();
    let directory = payload.directory();
    let job = Job { answers: beside_answers(), ..Job::new(&payload, &disk.path, &directory) };
    let seen = Recorder::default();
    assert!(matches!(job.run(&seen), Ok(End::Installed(_))));
    assert!(!seen.stages().contains(&Stage::Write), "the image was there already: {:?}", seen.stages());
    receipt_of(&disk.path);
    neighbours::check(&disk.path);
}

/// A copy of the table can be several sectors: any of them may be on the disk when the power goes, in any mixture.
///
/// libfdisk and libblkid then take the other copy, as EDK2 does, which repairs the first one. Linux takes the first copy or
/// none, so that the first copy is one call, within the first 4 KiB, which is one sector of most disks.
fn torn_tables(before: &Disk, acts: &[Act], tables: &Tables) {
    let mut random = Random::new();
    let is = |act: &Act, head: bool| match act.extent() {
        Some((from, to)) => {
            if head {
                to <= MIB
            } else {
                from >= neighbours::SIZE - MIB
            }
        }
        None => false,
    };
    let writes = |head| (0..acts.len()).filter(move |n| is(&acts[*n], head)).collect::<Vec<_>>();
    let (second, first) = (writes(false), writes(true));
    assert!(second.last() < first.first(), "the second copy is written before the first");
    assert!(second.iter().chain(&first).all(|n| *n > acts.len() - 12), "and both at the very end");
    let [first] = first.as_slice() else { panic!("the first copy is one call: {first:?}") };
    assert_eq!(acts[*first].extent(), Some((512, 6 * 512)), "the header, and the sectors up to that of entry 13");
    let between = &acts[*second.last().unwrap()..*first];
    assert!(between.iter().any(|act| matches!(act, Act::Flush)), "a flush between the copies");

    let mut seen: BTreeMap<(usize, bool, bool), u32> = BTreeMap::new();
    let disk = Disk::copy_of(&before.path);
    let file = writable(&disk);
    acts[..second[0]].iter().for_each(|act| act.apply(&file));
    for (which, copy) in [second.as_slice(), &[*first]].into_iter().enumerate() {
        let sectors: Vec<(u64, Vec<u8>)> = copy.iter().flat_map(|n| sectors(&acts[*n])).collect();
        for round in 0..40 {
            let cut = Disk::copy_of(&disk.path);
            let torn = writable(&cut);
            // Half of them, and all but a few.
            let odds = [20, 32][round % 2];
            for (at, sector) in &sectors {
                if random.below(40) < odds {
                    Act::Write(*at, sector.clone()).apply(&torn);
                }
            }
            let new = tables.is_new(&cut.path, &format!("copy {which} in part"));
            *seen.entry((which, new, linux_sees(&torn))).or_default() += 1;
        }
        copy.iter().for_each(|n| acts[*n].apply(&file));
    }
    println!("copy in part, new in force, Linux sees one, how often: {seen:?}");
    let often = |which, new, linux| seen.get(&(which, new, linux)).copied().unwrap_or_default();
    // Until the second copy is whole the old first copy is in force, for everybody.
    assert_eq!(often(0, false, true), 40, "{seen:?}");
    assert!(often(1, true, false) > 10, "where the first copy is torn, the second one is in force: {seen:?}");
    assert_eq!(often(1, true, false) + often(1, true, true) + often(1, false, true), 40, "{seen:?}");
}

/// A write as sectors.
fn sectors(act: &Act) -> Vec<(u64, Vec<u8>)> {
    let Act::Write(offset, bytes) = act else { panic!("zeros") };
    bytes.chunks(512).zip((*offset..).step_by(512)).map(|(sector, at)| (at, sector.to_vec())).collect()
}

/// Whether Linux sees any partitions: only if the first copy is whole (block/partitions/efi.c, `find_valid_gpt`).
fn linux_sees(disk: &File) -> bool {
    let table = forge_engine::gpt::read(disk).unwrap().unwrap();
    forge_engine::gpt::fault(disk, &table).unwrap() != Some("the first copy of the table is damaged")
}

#[test]
fn a_first_copy_that_was_written_in_part_is_restored_by_the_tool_that_the_sentence_names() {
    let disk = Disk::empty(64 * MIB);
    let script = b"label: gpt\nstart=2048, size=2048, name=\"mine\"\nstart=8192, size=2048\n";
    assert!(run_with("sfdisk", &["--quiet", &disk.text()], script).well);
    let before = Disk::copy_of(&disk.path);
    for at in [512 + 20, 1024 + 40, 1024 + 128 + 3] {
        disk.write(&[0x5a; 5], at);
        assert!(!linux_sees(&writable(&disk)));
        run_with("fdisk", &[&disk.text()], b"w\n");
        assert!(same_bytes(&before.path, &disk.path), "{at}");
    }
}

#[test]
fn a_disk_that_refuses_the_second_copy_keeps_its_first_one_and_the_program_says_so() {
    let disk = Disk::empty(300 * MIB);
    assert!(run_with("sfdisk", &["--quiet", &disk.text()], b"label: gpt\nstart=2048, size=2048\n").well);
    let payload = payload::shared();
    let (scratch, directory) = (tempfile::tempdir().unwrap(), payload.directory());
    let certificate = scratch.path().join("certificate");
    fs::write(&certificate, &payload.keys.certificate).unwrap();
    let [directory, certificate] = [&directory, &certificate].map(|path| path.display().to_string());
    let mut head = vec![0; MIB as usize];
    let read = |head: &mut Vec<u8>| File::open(&disk.path).unwrap().read_exact_at(head, 0).unwrap();
    read(&mut head);
    let old = in_force(&disk.path);
    // From the commit on, nothing can be written behind the first half of the file.
    let victim = env!("CARGO_BIN_EXE_forge-tests-victim");
    let half = (150 * MIB).to_string();
    let args = [victim, &directory, &certificate, &disk.text(), "commit-refused", &half, "free-space"];
    // The signal that comes with the refusal would end it.
    let said = run("sh", &[&["-c", "trap '' XFSZ; exec \"$@\"", "sh"][..], &args].concat());
    assert!(!said.well && said.text.contains("SecondCopyLost"), "{}", said.text);
    let mut now = vec![0; MIB as usize];
    read(&mut now);
    assert!(head == now, "the first copy was not touched");
    assert_eq!(in_force(&disk.path), old);
    // Nothing is lost: the next run goes on where this one was.
    let job = Job { answers: beside_answers(), ..Job::new(&payload, &disk.path, directory.as_ref()) };
    let seen = Recorder::default();
    assert!(matches!(job.run(&seen), Ok(End::Installed(_))));
    assert!(!seen.stages().contains(&Stage::Write));
}
