//! Random partition tables with random room in them: whatever is there stays, and what is added fits, or the reason holds.

use forge_engine::gpt;
use forge_model::{
    Issue, Layout, Manifest,
    answers::{DiskAnswers, SecondSlot, Way},
    inventory::{Content, Disk as FoundDisk, DiskKind, Entry, Found, Gpt, Identity, Transport},
    layout::Role,
    size::{GIB, MIB},
};
use forge_tests::{
    disk::{Disk, NOISE},
    job::open_target,
    look::{run, run_with},
    payload,
    random::Random,
};
use std::{fs::File, os::unix::fs::FileExt, path::Path};
use uuid::Uuid;

fn answers(random: &mut Random) -> DiskAnswers {
    let second_slot = [SecondSlot::IfItFits, SecondSlot::Yes, SecondSlot::No][random.below(3) as usize];
    let esp_mib = (random.below(2) == 0).then(|| 64 + random.below(1000) as u32);
    DiskAnswers { way: Way::FreeSpace, second_slot, esp_mib, ..DiskAnswers::default() }
}

/// A payload with an image of a random size.
fn wanted(random: &mut Random, manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.image.data.size = random.size(12, 34) / 4096 * 4096;
    manifest.image.tree.size = manifest.image.data.size / 100 / 4096 * 4096 + 8192;
    manifest.minimum_state_bytes = random.size(10, 32);
    manifest
}

/// Partitions that do not overlap, on whole sectors and nowhere near whole mebibytes, with numbers in any order.
fn partitions(random: &mut Random, sector: u64, first: u64, end: u64, entries: u32) -> Vec<Found> {
    let count = match random.below(10) {
        0 => 0,
        1 => u64::from(entries) - random.below(8),
        _ => random.below(9),
    };
    let mut cuts: Vec<u64> = (0..2 * count).map(|_| (first + random.below(end - first)) / sector * sector).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let mut numbers: Vec<u32> = (1..=entries).collect();
    let mut found: Vec<Found> = cuts
        .chunks_exact(2)
        .map(|pair| {
            let number = numbers.swap_remove(random.below(numbers.len() as u64) as usize);
            let attributes = random.below(4) << 60 | random.below(8);
            Found {
                number,
                label: format!("of {number} ü"),
                type_id: Some(Uuid::from_u128(u128::from(random.below(u64::MAX)) | 1)),
                size: pair[1] - pair[0],
                holding: None,
                entry: Some(Entry { offset: pair[0], id: Uuid::new_v4(), attributes }),
                shrinks: None,
                free: None,
            }
        })
        .collect();
    found.sort_by_key(|one| one.number);
    found
}

fn random_disk(random: &mut Random, sector_size: u32, size: u64) -> FoundDisk {
    let sector = u64::from(sector_size);
    let entries = 128;
    let list = (u64::from(entries) * 128).div_ceil(sector);
    let first_usable = if random.below(2) == 0 { (2 + list) * sector } else { MIB };
    let end_usable = (size / sector - 1 - list) * sector;
    let gpt = Gpt { disk_id: Uuid::new_v4(), sector_size, first_usable, end_usable, entries, fault: None };
    let partitions = partitions(random, sector, first_usable, end_usable, entries);
    FoundDisk {
        identity: Identity { path: "/dev/sda".into(), serial: None, wwn: None, sequence: None },
        model: None,
        kind: DiskKind::Disk,
        transport: Transport::Other,
        rotational: false,
        removable: false,
        size,
        sector_size,
        content: Content::Table { table: "gpt".into(), partitions, gpt: Some(gpt) },
        obstacles: Vec::new(),
    }
}

fn table(disk: &FoundDisk) -> (&Gpt, &[Found]) {
    match &disk.content {
        Content::Table { gpt: Some(gpt), partitions, .. } => (gpt, partitions),
        _ => panic!("no table"),
    }
}

/// Offset and end of each.
fn extents(found: &[Found]) -> Vec<(u64, u64)> {
    found.iter().map(|one| (one.entry.unwrap().offset, one.entry.unwrap().offset + one.size)).collect()
}

fn check(layout: &Layout, disk: &FoundDisk, answers: &DiskAnswers, manifest: &Manifest) {
    let (gpt, found) = table(disk);
    let beside = layout.beside.as_ref().unwrap();
    assert_eq!(beside.kept, found, "all of it stays");
    assert_eq!((beside.disk_id, beside.end_usable), (gpt.disk_id, gpt.end_usable));
    let mut all = extents(found);
    for one in &layout.partitions {
        assert!(one.offset % MIB == 0 && one.size % MIB == 0 && one.offset >= MIB && one.size > 0, "{one:?}");
        all.push((one.offset, one.offset + one.size));
    }
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[0].1 <= pair[1].0), "an overlap: {layout:?}");
    assert!(all.iter().all(|(from, to)| *from >= gpt.first_usable && *to <= gpt.end_usable), "outside: {layout:?}");
    // The lowest numbers that are free, in order.
    let free = (1..=gpt.entries).filter(|n| found.iter().all(|one| one.number != *n));
    assert!(layout.partitions.iter().map(|one| one.number).eq(free.take(layout.partitions.len())));
    let size = |role| layout.find(role).map_or(0, |one| one.size);
    assert!(size(Role::RootA) >= manifest.image.data.size && size(Role::VerityA) >= manifest.image.tree.size);
    assert!(size(Role::State) >= manifest.minimum_state_bytes);
    assert!(size(Role::Esp) == answers.esp_mib.map_or(size(Role::Esp).max(512 * MIB), |mib| u64::from(mib) * MIB));
    assert_eq!(size(Role::RootB), if layout.find(Role::RootB).is_some() { size(Role::RootA) } else { 0 });
    match answers.second_slot {
        SecondSlot::Yes => assert!(layout.find(Role::RootB).is_some()),
        SecondSlot::No => assert!(layout.find(Role::RootB).is_none()),
        SecondSlot::IfItFits => {}
    }
}

/// Bytes of each gap between whole mebibytes, counted mebibyte by mebibyte: slow, and hard to get wrong.
fn pieces(disk: &FoundDisk) -> Vec<u64> {
    let (gpt, found) = table(disk);
    let taken = extents(found);
    let free = |at: u64| {
        at >= gpt.first_usable
            && at + MIB <= gpt.end_usable
            && !taken.iter().any(|(from, to)| *from < at + MIB && *to > at)
    };
    let mut pieces = vec![0];
    for at in (1..disk.size / MIB).map(|mib| mib * MIB) {
        match free(at) {
            true => *pieces.last_mut().unwrap() += MIB,
            false if pieces.last() != Some(&0) => pieces.push(0),
            false => {}
        }
    }
    pieces
}

#[test]
fn whatever_is_there_stays_and_what_is_added_fits_or_the_reason_holds() {
    let (mut random, manifest) = (Random::new(), payload::shared().manifest());
    let (mut given, mut refused, mut full, mut spread) = (0, 0, 0, 0);
    for _ in 0..6000 {
        let (manifest, answers) = (wanted(&mut random, &manifest), answers(&mut random));
        let sector = if random.below(2) == 0 { 512 } else { 4096 };
        let size = random.size(28, 36) / 4096 * 4096;
        let disk = random_disk(&mut random, sector, size);
        let lay = || Layout::new(&disk, &answers, &manifest);
        assert_eq!(lay(), lay(), "the same disk gives the same layout");
        match lay() {
            Ok(layout) => {
                check(&layout, &disk, &answers, &manifest);
                let ends = layout.partitions.windows(2).any(|pair| pair[0].offset + pair[0].size != pair[1].offset);
                spread += u32::from(ends);
                given += 1;
            }
            Err(issues) => match issues.as_slice() {
                [Issue::NoFreeRoom { free, largest, needs, piece }] => {
                    let pieces = pieces(&disk);
                    assert_eq!((*free, *largest), (pieces.iter().sum(), *pieces.iter().max().unwrap()));
                    // One piece that is large enough is always enough.
                    assert!(largest < needs && piece <= needs, "{issues:?}");
                    refused += 1;
                }
                [Issue::NoRoomForSecondSlot { has, needs }] => {
                    let pieces = pieces(&disk);
                    assert!(*has == pieces.iter().sum::<u64>() && pieces.iter().max().unwrap() < needs, "{issues:?}");
                    refused += 1;
                }
                [Issue::NoFreeEntries { free, needs }] => {
                    assert!(free < needs && *free == 128 - table(&disk).1.len() as u32);
                    full += 1;
                }
                [Issue::EspTooSmall { asked, needs }] => assert!(asked < needs),
                other => panic!("{other:?}"),
            },
        }
    }
    println!("{given} given, {spread} of them in several gaps; {refused} refused for room, {full} for entries");
    assert!(given > 1000 && refused > 500 && full > 5 && spread > 300, "{given} {refused} {full} {spread}");
}

#[test]
fn less_that_stays_never_makes_it_impossible() {
    let (mut random, manifest) = (Random::new(), payload::shared().manifest());
    let mut compared = 0;
    while compared < 1000 {
        let (manifest, answers) = (wanted(&mut random, &manifest), answers(&mut random));
        let size = random.size(30, 38) / 4096 * 4096;
        let mut disk = random_disk(&mut random, 512, size);
        if Layout::new(&disk, &answers, &manifest).is_err() {
            continue;
        }
        while let Content::Table { partitions, .. } = &mut disk.content
            && partitions.pop().is_some()
        {
            // More room can ask for a larger ESP, so that only those with a size of their own are compared.
            if answers.esp_mib.is_some() {
                check(&Layout::new(&disk, &answers, &manifest).unwrap(), &disk, &answers, &manifest);
            }
        }
        compared += 1;
    }
}

/// The lines of partitions as sfdisk dumps them, without the disk's path.
fn dump(disk: &Path, sector: &str) -> Vec<String> {
    let path = disk.display().to_string();
    let text = run("sfdisk", &["--sector-size", sector, "--dump", &path]).text;
    text.lines().filter(|line| line.starts_with(&path)).map(|line| line.replacen(&path, "", 1)).collect()
}

#[test]
fn other_peoples_tools_see_the_old_partitions_as_they_were_and_no_problem() {
    let (mut random, manifest) = (Random::new(), payload::shared().manifest());
    let mut written = 0;
    while written < 60 {
        let answers = answers(&mut random);
        let size = random.size(29, 36) / 4096 * 4096;
        let disk = Disk::empty(size);
        let wish = random_disk(&mut random, 512, size);
        let (gpt_wish, found) = table(&wish);
        let lines = found.iter().map(|one| {
            let entry = one.entry.unwrap();
            let bits: Vec<String> =
                (48..64).filter(|bit| entry.attributes >> bit & 1 == 1).map(|b| format!("GUID:{b}")).collect();
            format!(
                "{}{}: start={}, size={}, type={}, uuid={}, name=\"{}\", attrs=\"{}\"\n",
                disk.text(),
                one.number,
                entry.offset / 512,
                one.size / 512,
                one.type_id.unwrap(),
                entry.id,
                one.label,
                bits.join(",")
            )
        });
        let script = format!("label: gpt\nfirst-lba: {}\n{}", gpt_wish.first_usable / 512, lines.collect::<String>());
        let said = run_with("sfdisk", &["--quiet", &disk.text()], script.as_bytes());
        assert!(said.well, "{}\n{script}", said.text);
        // What lies outside of partitions belongs to somebody as well.
        disk.write(&[NOISE; 440], 0);
        if gpt_wish.first_usable == MIB {
            disk.write(&[NOISE; 4096], 34 * 512);
        }
        let target = open_target(&disk.path).unwrap();
        let inventory = forge_engine::probe::file(&target).unwrap();
        let Ok(layout) = Layout::new(&inventory.disks[0], &answers, &manifest) else { continue };
        let (old, before) = (dump(&disk.path, "512"), ends(&disk.path, size));
        let (ids, beside) = (gpt::with_ids(&layout), layout.beside.as_ref().unwrap());
        gpt::Change::prepare(&target, beside, &ids).unwrap().write(&target).unwrap();
        let new = dump(&disk.path, "512");
        assert_eq!(new.len(), old.len() + ids.len());
        assert!(old.iter().all(|line| new.contains(line)), "{old:#?}\n{new:#?}");
        let said = run("sgdisk", &["-v", &disk.text()]).text;
        // Partitions of others that are not aligned are theirs.
        assert!(said.contains("No problems found"), "{size} bytes: {said}\n{layout:?}");
        let said = run("sfdisk", &["--verify", &disk.text()]);
        assert!(said.well && !said.text.contains("verlap"), "{}", said.text);
        let after = ends(&disk.path, size);
        let changed: Vec<u64> = before.iter().zip(&after).filter(|(a, b)| a.1 != b.1).map(|(a, _)| a.0 / 512).collect();
        let last = size / 512 - 1;
        let allowed = |lba: &u64| (1..34).contains(lba) || (last - 32..=last).contains(lba);
        assert!(changed.iter().all(allowed), "other sectors were written: {changed:?}");
        written += 1;
    }
}

/// The sectors of the first and the last 2 MiB, with their offsets.
fn ends(disk: &Path, size: u64) -> Vec<(u64, [u8; 512])> {
    let file = File::open(disk).unwrap();
    let sectors = (0..2 * MIB).chain(size - 2 * MIB..size).step_by(512);
    let read = |at| {
        let mut sector = [0; 512];
        file.read_exact_at(&mut sector, at).unwrap();
        (at, sector)
    };
    sectors.map(read).collect()
}

#[test]
fn a_large_disk_gets_a_larger_boot_partition_and_a_small_gap_the_least() {
    let (mut random, manifest) = (Random::new(), payload::shared().manifest());
    let answers = DiskAnswers {
        way: Way::FreeSpace,
        erase: None,
        matching: None,
        second_slot: SecondSlot::IfItFits,
        esp_mib: None,
        ..DiskAnswers::default()
    };
    for (size, esp) in [(10 * GIB, 512 * MIB), (40 * GIB, GIB)] {
        let mut disk = random_disk(&mut random, 512, size);
        if let Content::Table { partitions, .. } = &mut disk.content {
            partitions.clear();
        }
        assert_eq!(Layout::new(&disk, &answers, &manifest).unwrap().must(Role::Esp).size, esp);
    }
}
