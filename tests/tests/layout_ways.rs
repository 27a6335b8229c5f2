//! Every way to install, on thousands of random partition tables: what stays is what was there, what is new lies in room
//! that is free or was freed, and every reason against it holds.

use forge_model::{
    Disk, Issue, Layout, Manifest,
    answers::{DiskAnswers, SecondSlot, Shrink, Way},
    esp as boot,
    inventory::{Content, DiskKind, Found, Holding, ShrinkFault, Shrinks},
    issue::{DiskKey, SharedFault},
    layout::{
        MOST_SHARED_ESP, Offers, Role,
        bars::{self, Fate, What},
    },
    size::MIB,
};
use forge_tests::{disk, look::run_with, payload, random::Random, tables::Table};
use std::collections::{BTreeMap, BTreeSet};

/// A payload with an image of a random size.
fn wanted(random: &mut Random, manifest: &Manifest) -> Manifest {
    let mut manifest = manifest.clone();
    manifest.image.data.size = random.size(12, 32) / 4096 * 4096;
    manifest.image.tree.size = manifest.image.data.size / 100 / 4096 * 4096 + 8192;
    manifest.minimum_state_bytes = random.size(10, 31);
    manifest
}

/// One of the numbers that are there, or rarely any.
fn number(random: &mut Random, table: &Table) -> u32 {
    let found = table.found();
    match random.below(10) == 0 || found.is_empty() {
        true => random.below(140) as u32,
        false => found[random.below(found.len() as u64) as usize].number,
    }
}

fn answers(random: &mut Random, table: &Table) -> DiskAnswers {
    let way = [Way::FreeSpace, Way::Replace, Way::Manual][random.below(3) as usize];
    // Rarely something that has no place.
    let rarely = random.below(20) == 0;
    let mut shrink = Vec::new();
    for _ in 0..[0, 0, 1, 2][random.below(4) as usize] {
        let number = number(random, table);
        let has = table.one(number).map_or(0, |one| one.size / MIB);
        shrink.push(Shrink { number, to_mib: random.below(has + 3) });
    }
    let delete = (0..random.below(4)).map(|_| number(random, table)).collect();
    let shared_esp = (random.below(3) == 0).then(|| esp(random, table));
    // A shared one has its size; rarely both are asked for.
    let may_size = shared_esp.is_none() || rarely;
    DiskAnswers {
        way,
        second_slot: [SecondSlot::IfItFits, SecondSlot::Yes, SecondSlot::No][random.below(3) as usize],
        esp_mib: (may_size && random.below(3) == 0).then(|| 64 + random.below(1000) as u32),
        shared_esp,
        keep_home: (way == Way::Replace || rarely) && random.below(2) == 0,
        delete: if way == Way::Manual || rarely { delete } else { Vec::new() },
        shrink,
        state_mib: (random.below(3) == 0).then(|| 8 + random.below(3000) as u32),
        ..DiskAnswers::default()
    }
}

/// Most often an EFI system partition.
fn esp(random: &mut Random, table: &Table) -> u32 {
    let esps: Vec<&Found> = table.found().iter().filter(|one| one.type_id == Some(Role::Esp.type_id())).collect();
    match esps.is_empty() || random.below(5) == 0 {
        true => number(random, table),
        false => esps[random.below(esps.len() as u64) as usize].number,
    }
}

/// What should go, told from what the table was made of.
fn should_go(table: &Table, answers: &DiskAnswers) -> BTreeSet<u32> {
    match answers.way {
        Way::WholeDisk | Way::FreeSpace => BTreeSet::new(),
        Way::Manual => answers.delete.iter().copied().collect(),
        Way::Replace => {
            let [system] = table.earlier.as_slice() else { return BTreeSet::new() };
            // Whose an EFI system partition is, only its files say.
            let parts = system.iter().filter(|(role, _)| *role != Role::Esp).map(|(_, number)| *number);
            let home = home(table).filter(|_| answers.keep_home);
            parts.chain(table.own_esps.iter().copied()).filter(|number| home != Some(*number)).collect()
        }
    }
}

/// The state with the `home` of the one earlier system: the first one, where there are two.
fn home(table: &Table) -> Option<u32> {
    let states = table.earlier.first()?.iter().filter(|(role, _)| *role == Role::State);
    let first = |number: &u32| table.one(*number).is_some_and(|one| one.label == "state");
    states.map(|(_, number)| *number).find(first)
}

/// The partitions that should stay, as they should be afterwards.
fn should_stay(table: &Table, answers: &DiskAnswers) -> Vec<Found> {
    let gone = should_go(table, answers);
    let stays = table.found().iter().filter(|one| !gone.contains(&one.number));
    let mut kept: Vec<Found> = stays.map(Found::without_sizes).collect();
    for one in &mut kept {
        if let Some(shrink) = answers.shrink.iter().find(|shrink| shrink.number == one.number) {
            one.size = shrink.to_mib * MIB;
        }
    }
    kept
}

fn extents(found: &[Found]) -> Vec<(u64, u64)> {
    found.iter().map(|one| (one.entry.unwrap().offset, one.entry.unwrap().offset + one.size)).collect()
}

fn check(layout: &Layout, table: &Table, answers: &DiskAnswers, manifest: &Manifest) {
    let (gpt, beside) = (table.gpt(), layout.beside.as_ref().unwrap());
    // What stays.
    assert_eq!(beside.kept, should_stay(table, answers), "what stays, stays as it is");
    assert!(beside.found().iter().eq(&table.found().iter().map(Found::without_sizes).collect::<Vec<_>>()));
    let removed: BTreeSet<u32> = beside.removed.iter().map(|one| one.number).collect();
    assert_eq!(removed, should_go(table, answers));
    assert!(beside.removed.iter().all(|one| table.one(one.number).map(Found::without_sizes).as_ref() == Some(one)));
    let sleeps = |number: &u32| table.one(*number).unwrap().sleeps();
    assert!(!removed.iter().any(sleeps), "nothing goes that somebody sleeps in");
    assert!(
        !layout.must(Role::Esp).shared || layout.must(Role::Esp).size <= MOST_SHARED_ESP,
        "two copies of it fit into memory"
    );
    assert!(
        !layout.must(Role::Esp).shared || !table.found().iter().any(Found::sleeps),
        "nobody sleeps who may have it"
    );
    assert_eq!((beside.disk_id, beside.end_usable, beside.way), (gpt.disk_id, gpt.end_usable, answers.way));
    let shrunk: BTreeMap<u32, u64> = beside.shrunk.iter().map(|one| (one.number, one.before)).collect();
    for one in &beside.kept {
        let before = table.one(one.number).unwrap();
        match shrunk.get(&one.number) {
            None => assert_eq!(*one, before.without_sizes()),
            Some(size) => {
                assert_eq!(*size, before.size);
                assert!(one.size < before.size && one.size > 0 && one.size.is_multiple_of(MIB));
                assert!(matches!(before.shrinks, Some(Shrinks::To { least }) if one.size >= least));
                assert_eq!((one.entry, &one.label, one.type_id), (before.entry, &before.label, before.type_id));
                assert_ne!(table.disk.kind, DiskKind::File);
            }
        }
    }
    // What is new.
    let new: Vec<_> = layout.partitions.iter().filter(|one| !one.shared).collect();
    let mut all = extents(&beside.kept);
    for one in &new {
        assert!(one.offset.is_multiple_of(MIB) && one.size.is_multiple_of(MIB) && one.offset >= MIB && one.size > 0);
        all.push((one.offset, one.offset + one.size));
    }
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[0].1 <= pair[1].0), "an overlap: {layout:?}");
    assert!(all.iter().all(|(from, to)| *from >= gpt.first_usable && *to <= gpt.end_usable), "outside: {layout:?}");
    let numbers: Vec<u32> = new.iter().map(|one| one.number).collect();
    let fresh = (1..=gpt.entries).filter(|n| table.one(*n).is_none());
    let gone = removed.iter().copied().filter(|n| (1..=gpt.entries).contains(n));
    assert!(numbers.iter().copied().eq(fresh.chain(gone).take(numbers.len())), "{numbers:?}");
    // Sizes.
    let size = |role| layout.find(role).map_or(0, |one| one.size);
    assert!(size(Role::RootA) >= manifest.image.data.size && size(Role::VerityA) >= manifest.image.tree.size);
    assert!(size(Role::State) >= manifest.minimum_state_bytes);
    if let Some(mib) = answers.state_mib {
        assert_eq!(size(Role::State), u64::from(mib) * MIB);
    }
    assert_eq!(size(Role::RootB), if layout.find(Role::RootB).is_some() { size(Role::RootA) } else { 0 });
    match answers.second_slot {
        SecondSlot::Yes => assert!(layout.find(Role::RootB).is_some()),
        SecondSlot::No => assert!(layout.find(Role::RootB).is_none()),
        SecondSlot::IfItFits => {}
    }
    // The boot files.
    let esp = layout.must(Role::Esp);
    assert_eq!(esp.shared.then_some(esp.number), answers.shared_esp);
    if esp.shared {
        let found = beside.kept.iter().find(|one| one.number == esp.number).expect("what is shared stays");
        let entry = found.entry.unwrap();
        assert_eq!((esp.offset, esp.size, esp.fixed_id), (entry.offset, found.size, Some(entry.id)));
        assert!(found.type_id == Some(Role::Esp.type_id()) && table.one(esp.number).unwrap().free().is_some());
        assert_eq!(layout.partitions.iter().filter(|one| one.shared).count(), 1);
    } else {
        assert!(esp.size == answers.esp_mib.map_or(esp.size.max(512 * MIB), |mib| u64::from(mib) * MIB));
    }
    // The old home.
    assert_eq!(beside.home, home(table).filter(|_| answers.keep_home));
    let label = if beside.home.is_some() { "state-2" } else { "state" };
    assert_eq!(layout.must(Role::State).label, label);
    assert!(beside.home.is_none_or(|home| beside.kept.iter().any(|one| one.number == home)));
}

/// Both bars cover the disk, and show each partition once where it is.
fn check_bars(disk: &Disk, table: &Table, layout: &Layout) {
    let (before, after) = (bars::before(disk, Some(layout)), bars::after(disk, layout));
    for bar in [&before, &after] {
        let mut ends = bar.iter().map(|one| one.offset + one.size);
        assert!(bar.iter().map(|one| one.offset).eq(std::iter::once(0).chain(ends.clone()).take(bar.len())));
        assert_eq!(ends.next_back(), Some(disk.size));
        assert!(bar.iter().all(|one| one.size > 0));
    }
    let old = |bar: &[bars::Segment]| -> BTreeMap<u32, (u64, u64, Fate)> {
        let old = bar.iter().filter_map(|one| match one.what {
            What::Old { number, fate } => Some((number, (one.offset, one.size, fate))),
            _ => None,
        });
        old.collect()
    };
    let (was, is) = (old(&before), old(&after));
    let beside = layout.beside.as_ref().unwrap();
    assert_eq!((was.len(), is.len()), (table.found().len(), beside.kept.len()));
    for one in table.found() {
        let (offset, size, fate) = was[&one.number];
        assert_eq!((offset, size), (one.entry.unwrap().offset, one.size));
        assert_eq!(fate == Fate::Goes, !is.contains_key(&one.number));
        assert!(is.get(&one.number).is_none_or(|(_, _, after)| *after == fate));
    }
    let new = after.iter().filter_map(|one| match one.what {
        What::New { number, role } => Some((number, role, one.offset, one.size)),
        _ => None,
    });
    let mut made: Vec<_> = layout.partitions.iter().filter(|one| !one.shared).collect();
    made.sort_by_key(|one| one.offset);
    assert!(new.eq(made.iter().map(|one| (one.number, one.role, one.offset, one.size))));
}

/// Bytes of each gap between whole mebibytes, counted mebibyte by mebibyte: slow, and hard to get wrong.
fn pieces(table: &Table, answers: &DiskAnswers) -> Vec<u64> {
    let (gpt, taken) = (table.gpt(), extents(&should_stay(table, answers)));
    let free = |at: u64| {
        at >= gpt.first_usable
            && at + MIB <= gpt.end_usable
            && !taken.iter().any(|(from, to)| *from < at + MIB && *to > at)
    };
    let mut pieces = vec![0];
    for at in (1..table.disk.size / MIB).map(|mib| mib * MIB) {
        match free(at) {
            true => *pieces.last_mut().unwrap() += MIB,
            false if pieces.last() != Some(&0) => pieces.push(0),
            false => {}
        }
    }
    pieces
}

/// Whether a reason holds.
fn holds(issue: &Issue, table: &Table, answers: &DiskAnswers) -> bool {
    let gone = should_go(table, answers);
    let asked = |number: u32| answers.shrink.iter().any(|one| one.number == number);
    match issue {
        Issue::NotThisWay { key, way } => {
            *way == answers.way
                && match key {
                    DiskKey::KeepHome => answers.keep_home && *way != Way::Replace,
                    DiskKey::Delete => !answers.delete.is_empty() && *way != Way::Manual,
                    _ => false,
                }
        }
        Issue::EspSizeAndShared => answers.esp_mib.is_some() && answers.shared_esp.is_some(),
        Issue::NoSuchPartition { number, key } => {
            let named = match key {
                DiskKey::SharedEsp => answers.shared_esp == Some(*number),
                DiskKey::Delete => answers.delete.contains(number),
                DiskKey::Shrink => asked(*number),
                _ => false,
            };
            named && table.one(*number).is_none()
        }
        Issue::PartitionTwice { number, key } => match key {
            DiskKey::Delete => answers.delete.iter().filter(|one| *one == number).count() > 1,
            DiskKey::SharedEsp => gone.contains(number) && answers.shared_esp == Some(*number),
            DiskKey::Shrink => {
                gone.contains(number)
                    || answers.shared_esp == Some(*number)
                    || (answers.keep_home && home(table) == Some(*number))
                    || answers.shrink.iter().filter(|one| one.number == *number).count() > 1
            }
            _ => false,
        },
        Issue::NoEarlierSystem { .. } | Issue::EarlierSystemsUnclear { .. } => {
            let states = table.found().iter().filter(|one| one.label.starts_with("state")).count();
            let own = table.earlier.iter().flatten().filter(|(role, _)| *role == Role::State).count();
            answers.way == Way::Replace && (table.earlier.len() != 1 || table.broken || states != own)
        }
        Issue::SlotsThere { number, label } => {
            let found = should_stay(table, answers).into_iter().find(|one| one.number == *number).unwrap();
            found.label == *label && !gone.contains(number)
        }
        Issue::Sleeping { key, number } => {
            let named = match key {
                DiskKey::Delete => answers.delete.contains(number),
                _ => answers.shared_esp.is_some(),
            };
            named && table.one(*number).unwrap().sleeps()
        }
        Issue::HomeEncrypted { number } => {
            answers.keep_home && table.one(*number).unwrap().holding == Some(Holding::Luks)
        }
        Issue::HomeUnknown { number } => answers.keep_home && table.one(*number).unwrap().holding.is_none(),
        Issue::ShrinkOnFile => table.disk.kind == DiskKind::File && !answers.shrink.is_empty(),
        Issue::NotShrinkable { number, why } => match table.one(*number).unwrap().shrinks {
            None => why.is_none(),
            Some(Shrinks::Not { why: found }) => *why == Some(found),
            Some(Shrinks::To { .. }) => false,
        },
        Issue::ShrunkTooSmall { number, asked, least } => {
            let found = table.one(*number).unwrap();
            let needs = matches!(found.shrinks, Some(Shrinks::To { least: found }) if *least == found.max(MIB));
            asked < least && needs
        }
        Issue::ShrunkGrows { number, asked, has } => asked > has && table.one(*number).unwrap().size == *has,
        Issue::NotSharable { number, fault } => {
            let found = table.one(*number).unwrap();
            let vfat = |holding: &Holding| matches!(holding, Holding::FileSystem { name, .. } if name == "vfat");
            let is_esp = found.type_id == Some(Role::Esp.type_id());
            match fault {
                SharedFault::Type => !is_esp,
                SharedFault::NotFat => {
                    let other = found.holding.as_ref().is_some_and(|holding| !vfat(holding));
                    is_esp && (other || found.esp == Some(boot::Content::NoFat))
                }
                SharedFault::FreeUnknown => is_esp && found.free().is_none(),
                SharedFault::Replaced => table.own_esps.contains(number) && gone.contains(number),
                SharedFault::SameSystem => {
                    let is_own = |file: &boot::File| file.path.ends_with("/shimx64.efi");
                    matches!(&found.esp, Some(boot::Content::Fat { files: Some(files), .. }) if files.iter().any(is_own))
                }
                SharedFault::TooLarge => is_esp && found.size > MOST_SHARED_ESP,
            }
        }
        Issue::SharedEspFull { number, free, needs } => {
            table.one(*number).unwrap().free() == Some(*free) && free < needs
        }
        Issue::StateTooSmall { asked, needs } => {
            asked < needs && answers.state_mib.map(|mib| u64::from(mib) * MIB) == Some(*asked)
        }
        Issue::NoFreeRoom { free, largest, needs, piece } => {
            let pieces = pieces(table, answers);
            // One piece that is large enough is always enough.
            (*free, *largest) == (pieces.iter().sum(), *pieces.iter().max().unwrap())
                && largest < needs
                && piece <= needs
        }
        Issue::NoRoomForSecondSlot { has, needs } => {
            let pieces = pieces(table, answers);
            *has == pieces.iter().sum::<u64>() && pieces.iter().max().unwrap() < needs
        }
        Issue::NoFreeEntries { free, needs } => free < needs && *free == 128 - should_stay(table, answers).len() as u32,
        Issue::EspTooSmall { asked, needs } => asked < needs,
        other => panic!("{other:?}"),
    }
}

/// A layout is still that of its disk, before and after the partitions are smaller, and no more when the files of an EFI
/// system partition changed that it takes or shares. Gives which of those changes there were.
fn check_still(layout: &Layout, table: &Table, answers: &DiskAnswers, manifest: &Manifest) -> Vec<&'static str> {
    let beside = layout.beside.as_ref().unwrap();
    let still = |change: &dyn Fn(&mut Found)| {
        let mut disk = table.disk.clone();
        let Content::Table { partitions, .. } = &mut disk.content else { panic!("no table") };
        partitions.iter_mut().for_each(change);
        layout.still_fits(&disk, answers, manifest)
    };
    assert!(still(&|_| ()), "it is as it was");
    let smaller = |found: &mut Found| {
        if beside.shrunk.iter().any(|one| one.number == found.number) {
            found.size = beside.kept.iter().find(|one| one.number == found.number).unwrap().size;
            found.shrinks = Some(Shrinks::Not { why: ShrinkFault::Dirty });
        }
    };
    assert!(still(&smaller), "it is as the plan makes it");
    assert!(!still(&|found| found.label.push('x')) || table.found().is_empty());
    let mut seen = Vec::new();
    let file = || boot::File { path: "EFI/Microsoft/Boot/bootmgfw.efi".into(), size: 1 };
    // Where the answers name the partitions that go, whatever is in them goes.
    let taken = |number: u32| answers.way == Way::Replace && beside.removed.iter().any(|one| one.number == number);
    if table.found().iter().any(|one| taken(one.number) && matches!(one.esp, Some(boot::Content::Fat { .. }))) {
        let came = |found: &mut Found| match &mut found.esp {
            Some(boot::Content::Fat { files: Some(files), .. }) if taken(found.number) => files.push(file()),
            _ => {}
        };
        assert!(!still(&came), "somebody's file would be lost");
        seen.push("a file came");
    }
    let shared = layout.find(Role::Esp).filter(|esp| esp.shared).map(|esp| esp.number);
    if shared.is_some() {
        let filled = |found: &mut Found| match &mut found.esp {
            Some(boot::Content::Fat { free, .. }) if shared == Some(found.number) => *free = Some(0),
            _ => {}
        };
        assert!(!still(&filled), "there is no room for the boot files");
        seen.push("it filled up");
    }
    seen
}

fn kind(issue: &Issue) -> String {
    format!("{issue:?}").chars().take_while(|c| c.is_alphanumeric()).collect()
}

#[test]
fn in_every_way_what_stays_is_what_was_there_and_every_reason_holds() {
    let (mut random, manifest) = (Random::new(), payload::shared().manifest());
    let (mut given, mut refused) = (BTreeMap::<String, u32>::new(), BTreeMap::<String, u32>::new());
    let kinds = ["FreeSpace", "Replace", "Manual", "removed", "shrunk", "home", "shared", "two slots"];
    let kinds = || kinds.into_iter().chain(["a file came", "it filled up"]);
    let often = |given: &BTreeMap<String, u32>| kinds().all(|what| given.get(what).is_some_and(|times| *times > 20));
    for round in 0..100_000 {
        // What is rare is met often enough with every seed.
        if round >= 12_000 && often(&given) {
            break;
        }
        let mut count = |what: String| *given.entry(what).or_default() += 1;
        let manifest = wanted(&mut random, &manifest);
        let sector = if random.below(2) == 0 { 512 } else { 4096 };
        let size = random.size(30, 37) / 4096 * 4096;
        let table = Table::random(&mut random, &manifest, sector, size);
        let answers = answers(&mut random, &table);
        let lay = || Layout::new(&table.disk, &answers, &manifest);
        assert_eq!(lay(), lay(), "the same disk gives the same layout");
        match lay() {
            Ok(layout) => {
                check(&layout, &table, &answers, &manifest);
                check_bars(&table.disk, &table, &layout);
                check_still(&layout, &table, &answers, &manifest).into_iter().for_each(|what| count(what.into()));
                let beside = layout.beside.as_ref().unwrap();
                count(format!("{:?}", answers.way));
                [
                    ("removed", !beside.removed.is_empty()),
                    ("shrunk", !beside.shrunk.is_empty()),
                    ("home", beside.home.is_some()),
                    ("shared", layout.must(Role::Esp).shared),
                    ("two slots", layout.find(Role::RootB).is_some()),
                ]
                .into_iter()
                .filter(|(_, is)| *is)
                .for_each(|(what, _)| count(what.into()));
            }
            Err(issues) => {
                assert!(!issues.is_empty());
                for issue in &issues {
                    assert!(holds(issue, &table, &answers), "{issue:?}\n{answers:?}\n{table:#?}");
                    *refused.entry(kind(issue)).or_default() += 1;
                }
            }
        }
    }
    println!("given: {given:?}\nrefused: {refused:?}");
    assert!(often(&given), "{given:?}");
    assert!(refused.len() >= 16, "{refused:?}");
}

#[test]
fn what_a_disk_offers_is_what_the_same_answers_give() {
    let (mut random, manifest) = (Random::new(), payload::shared().manifest());
    let (mut possible, mut proposed) = (0, 0);
    for _ in 0..2_000 {
        let manifest = wanted(&mut random, &manifest);
        let size = random.size(30, 37) / 4096 * 4096;
        let table = Table::random(&mut random, &manifest, 512, size);
        let offers = Offers::new(&table.disk, &DiskAnswers::default(), &manifest);
        for offer in &offers.ways {
            assert_eq!(offer.layout, Layout::new(&table.disk, &offer.answers, &manifest));
            assert_eq!(offer.answers.way, offer.way);
            possible += u32::from(offer.layout.is_ok());
            proposed += u32::from(!offer.answers.shrink.is_empty());
            if let (Some((least, most)), false) = (offer.state, offer.way.is_whole_disk()) {
                for bytes in [least, least + (most - least) / 2, most] {
                    let state_mib = Some((bytes / MIB) as u32);
                    let asked = DiskAnswers { state_mib, second_slot: SecondSlot::No, ..offer.answers.clone() };
                    let layout = Layout::new(&table.disk, &asked, &manifest).unwrap();
                    assert_eq!(layout.must(Role::State).size, bytes / MIB * MIB);
                }
            }
        }
        for choice in offers.partitions {
            let Some(range) = choice.shrink else { continue };
            for size in [range.least, range.proposed, range.most] {
                assert!(range.least <= size && size <= range.most && size.is_multiple_of(MIB) && size > 0);
                let shrink = vec![Shrink { number: choice.found.number, to_mib: size / MIB }];
                let answers = DiskAnswers { way: Way::FreeSpace, shrink, ..DiskAnswers::default() };
                match Layout::new(&table.disk, &answers, &manifest) {
                    Ok(layout) => assert_eq!(layout.beside.unwrap().shrunk.len(), 1),
                    Err(issues) => {
                        let about = |one: &Issue| one.place() == Some("disk.shrink") && *one != Issue::ShrinkOnFile;
                        assert!(!issues.iter().any(about), "{issues:?}");
                    }
                }
            }
        }
    }
    assert!(possible > 2000 && proposed > 10, "{possible} {proposed}");
}

/// The table as sfdisk takes it.
fn script(table: &Table, layout: &Layout) -> String {
    let sector = u64::from(table.disk.sector_size);
    let beside = layout.beside.as_ref().unwrap();
    let mut script = format!(
        "label: gpt\nlabel-id: {}\nunit: sectors\nfirst-lba: {}\nlast-lba: {}\n",
        beside.disk_id,
        beside.first_usable / sector,
        beside.end_usable / sector - 1,
    );
    let mut line = |number: u32, offset: u64, size: u64, type_id, id| {
        script += &format!("{number}: start={}, size={}, type={type_id}, uuid={id}\n", offset / sector, size / sector);
    };
    for one in &beside.kept {
        let entry = one.entry.unwrap();
        line(one.number, entry.offset, one.size, one.type_id.unwrap(), entry.id);
    }
    for one in layout.partitions.iter().filter(|one| !one.shared) {
        let id = one.fixed_id.unwrap_or_else(uuid::Uuid::new_v4);
        line(one.number, one.offset, one.size, one.role.type_id(), id);
    }
    script
}

#[test]
fn other_peoples_tools_find_no_fault_in_the_tables_of_all_ways() {
    let (mut random, manifest) = (Random::new(), payload::shared().manifest());
    let mut written = BTreeMap::<(String, u32), u32>::new();
    let few = |written: &BTreeMap<_, u32>, key| written.get(&key).copied().unwrap_or_default() < 12;
    for _ in 0..60_000 {
        if written.len() == 6 && written.values().all(|times| *times >= 12) {
            break;
        }
        let manifest = wanted(&mut random, &manifest);
        let sector = if random.below(2) == 0 { 512 } else { 4096 };
        let size = random.size(30, 37) / 4096 * 4096;
        let table = Table::random(&mut random, &manifest, sector, size);
        let answers = answers(&mut random, &table);
        let Ok(layout) = Layout::new(&table.disk, &answers, &manifest) else { continue };
        if !few(&written, (format!("{:?}", answers.way), sector)) {
            continue;
        }
        let file = disk::Disk::empty(size);
        let (text, sector_text) = (script(&table, &layout), sector.to_string());
        let said = run_with("sfdisk", &["--quiet", "--sector-size", &sector_text, &file.text()], text.as_bytes());
        assert!(said.well, "{}\n{text}", said.text);
        let said = run_with("sfdisk", &["--sector-size", &sector_text, "--verify", &file.text()], b"");
        assert!(said.well && !said.text.contains("verlap"), "{}\n{text}", said.text);
        if sector == 512 {
            let said = run_with("sgdisk", &["-v", &file.text()], b"");
            assert!(said.text.contains("No problems found"), "{}\n{text}", said.text);
        }
        *written.entry((format!("{:?}", answers.way), sector)).or_default() += 1;
    }
    assert!(written.len() == 6 && written.values().all(|times| *times >= 12), "{written:?}");
}
