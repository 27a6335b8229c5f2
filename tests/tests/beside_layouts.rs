//! Random partition tables with random room in them: whatever is there stays, and what is added fits, or the reason holds.

use forge_engine::{gpt, target::Target};
use forge_model::{
    Issue, Layout, Manifest,
    answers::{DiskAnswers, SecondSlot, Way},
    inventory::{Content, Disk as FoundDisk, DiskKind, Entry, Found, Gpt, GptFault, Identity, Transport},
    layout::Role,
    size::{GIB, MIB},
};
use forge_tests::{
    disk::{Disk, Loop, NOISE, found, open_exclusively},
    look::{run, run_with},
    payload,
    random::Random,
};
use rustix::fs::SeekFrom;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
};
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
                esp: None,
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
fn a_table_that_is_no_ground_to_build_on_is_refused_by_what_is_wrong() {
    let manifest = payload::shared().manifest();
    let answers = DiskAnswers { way: Way::FreeSpace, ..DiskAnswers::default() };
    let fault = |change: &dyn Fn(&mut Gpt, &mut Vec<Found>)| {
        let mut disk = random_disk(&mut Random::new(), 512, 64 * GIB);
        if let Content::Table { gpt: Some(gpt), partitions, .. } = &mut disk.content {
            let one = |number, offset| Found {
                number,
                label: String::new(),
                type_id: Some(Uuid::from_u128(1)),
                size: MIB,
                holding: None,
                entry: Some(Entry { offset, id: Uuid::from_u128(number.into()), attributes: 0 }),
                shrinks: None,
                esp: None,
            };
            *partitions = vec![one(1, 10 * MIB), one(2, 11 * MIB)];
            change(gpt, partitions);
        }
        Layout::new(&disk, &answers, &manifest).err().map(|issues| issues[0].clone())
    };
    let overlap = Some(Issue::TableFault { fault: GptFault::Overlap });
    assert_eq!(fault(&|_, _| ()), None);
    assert_eq!(fault(&|_, all| all[0].size += 512), overlap);
    assert_eq!(fault(&|_, all| all[0].size = 0), overlap);
    assert_eq!(fault(&|_, all| all[1].size = u64::MAX), overlap);
    assert_eq!(fault(&|_, all| all[1].entry = None), overlap);
    assert_eq!(fault(&|_, all| all[0].entry.as_mut().unwrap().offset = 0), overlap);
    assert_eq!(fault(&|gpt, all| all[1].entry.as_mut().unwrap().offset = gpt.end_usable - 512), overlap);
    assert_eq!(fault(&|gpt, _| gpt.end_usable = u64::MAX), overlap);
    assert_eq!(fault(&|gpt, _| gpt.sector_size = 4096), Some(Issue::TableSectors { disk: 512, table: 4096 }));
    for fault_found in [GptFault::Unusual, GptFault::FirstCopy, GptFault::NotAtEnd] {
        let issue = fault(&|gpt, _| gpt.fault = Some(fault_found));
        assert_eq!(issue, Some(Issue::TableFault { fault: fault_found }));
    }
}

/// A disk with somebody's random table on it, and somebody's bytes between the tables and the partitions.
fn wished(random: &mut Random, sector: u32, size: u64) -> (Disk, u64) {
    let wish = random_disk(random, sector, size);
    let (gpt, found) = table(&wish);
    let (sector, text) = (u64::from(sector), sector.to_string());
    let disk = Disk::empty(size);
    let lines = found.iter().map(|one| {
        let entry = one.entry.unwrap();
        let bits: Vec<String> =
            (48..64).filter(|bit| entry.attributes >> bit & 1 == 1).map(|b| format!("GUID:{b}")).collect();
        format!(
            "{}{}: start={}, size={}, type={}, uuid={}, name=\"{}\", attrs=\"{}\"\n",
            disk.text(),
            one.number,
            entry.offset / sector,
            one.size / sector,
            one.type_id.unwrap(),
            entry.id,
            one.label,
            bits.join(",")
        )
    });
    let script = format!("label: gpt\nfirst-lba: {}\n{}", gpt.first_usable / sector, lines.collect::<String>());
    let said = run_with("sfdisk", &["--quiet", "--sector-size", &text, &disk.text()], script.as_bytes());
    assert!(said.well, "{}\n{script}", said.text);
    // What lies outside of partitions belongs to somebody as well, and so does what lies in them.
    let list = 2 + (128 * 128_u64).div_ceil(sector);
    disk.write(&[NOISE; 440], 0);
    if gpt.first_usable == MIB {
        disk.write(&[NOISE; 4096], list * sector);
    }
    for place in extents(found).into_iter().take(20) {
        disk.write(&[NOISE; 512], place.0);
        disk.write(&[NOISE; 512], place.1 - 512);
    }
    disk.write(&[NOISE; 512], size / 2 / 4096 * 4096);
    (disk, list)
}

#[test]
fn other_peoples_tools_see_the_old_partitions_as_they_were_and_no_problem() {
    for (sector, rounds) in [(512, 60), (4096, 30)] {
        rounds_of_tables(sector, rounds);
    }
}

fn rounds_of_tables(sector: u32, rounds: u32) {
    let (mut random, manifest) = (Random::new(), payload::shared().manifest());
    let text = sector.to_string();
    let mut written = 0;
    while written < rounds {
        let answers = answers(&mut random);
        let size = random.size(29, 36) / 4096 * 4096;
        let (disk, list) = wished(&mut random, sector, size);
        let (old, before) = (dump(&disk.path, &text), pages(&disk.path));
        // A plain file has sectors of 512 bytes: larger ones need a device. So do tools that ask for them.
        let Some(device) = Loop::over(disk, sector) else { return };
        let target = Target::device(open_exclusively(&device.path).unwrap(), &found(&device.path)).unwrap();
        let mut seen = found(&device.path);
        seen.content = gpt::probe(target.file()).unwrap();
        let Ok(layout) = Layout::new(&seen, &answers, &manifest) else { continue };
        let (ids, beside) = (gpt::with_ids(&layout), layout.beside.as_ref().unwrap());
        let change = gpt::Change::prepare(&target, beside, &ids).unwrap();
        let asked = sectors_written(&device);
        change.write(&target).unwrap();
        let extents = change.extents().concat();
        // The page cache would write whole pages.
        let bytes: u64 = extents.iter().map(|extent| extent.1).sum();
        assert_eq!(
            (sectors_written(&device) - asked) * 512,
            bytes,
            "the disk is asked to write that, and nothing else"
        );
        drop(target);

        let new = dump(&device.disk.path, &text);
        assert_eq!(new.len(), old.len() + ids.len());
        assert!(old.iter().all(|line| new.contains(line)), "{old:#?}\n{new:#?}");
        let said = run("sgdisk", &["-v", &device.text()]).text;
        // Partitions of others that are not aligned are theirs.
        assert!(said.contains("No problems found"), "{size} bytes: {said}\n{layout:?}");
        let said = run("sfdisk", &["--verify", &device.text()]);
        assert!(said.well && !said.text.contains("verlap"), "{}", said.text);
        let after = pages(&device.disk.path);
        let sector = u64::from(sector);
        let last = size / sector - 1;
        let allowed =
            |at: u64| (1..list).contains(&(at / sector)) || (last - (list - 2)..=last).contains(&(at / sector));
        let numbers: BTreeSet<&u64> = before.keys().chain(after.keys()).collect();
        for at in numbers {
            let page = |pages: &BTreeMap<u64, Vec<u8>>| pages.get(at).cloned().unwrap_or_else(|| vec![0; 4096]);
            for (n, (old, new)) in page(&before).chunks(512).zip(page(&after).chunks(512)).enumerate() {
                let at = at + n as u64 * 512;
                assert!(old == new || allowed(at), "a sector of others was written: {at} of {size}");
                let said = extents.iter().any(|(from, length)| (*from..from + length).contains(&at));
                assert!(old == new || said, "{at} was written and not told of");
            }
        }
        written += 1;
    }
}

/// Sectors of 512 bytes that the kernel asked a disk to write (Documentation/block/stat.rst).
fn sectors_written(device: &Loop) -> u64 {
    let name = device.path.file_name().unwrap().to_str().unwrap();
    let text = std::fs::read_to_string(format!("/sys/block/{name}/stat")).unwrap();
    text.split_whitespace().nth(6).unwrap().parse().unwrap()
}

/// All that was ever written to a file, page by page, by where it lies.
fn pages(disk: &Path) -> BTreeMap<u64, Vec<u8>> {
    let file = File::open(disk).unwrap();
    let mut pages = BTreeMap::new();
    let mut at = 0;
    while let Ok(data) = rustix::fs::seek(&file, SeekFrom::Data(at)) {
        let hole = rustix::fs::seek(&file, SeekFrom::Hole(data)).unwrap();
        for page in (data / 4096 * 4096..hole).step_by(4096) {
            let mut bytes = vec![0; 4096];
            file.read_exact_at(&mut bytes, page).unwrap();
            if bytes.iter().any(|byte| *byte != 0) {
                pages.insert(page, bytes);
            }
        }
        at = hole;
    }
    pages
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
