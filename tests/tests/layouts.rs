//! Layouts for random disks and images: nothing overlaps, everything fits, and sgdisk finds no problem.

use forge_engine::gpt;
use forge_model::{
    Issue, Layout, Manifest,
    answers::{DiskAnswers, Erase, SecondSlot},
    layout::Role,
    size::{GIB, MIB},
};
use forge_tests::{disk::Disk, job::open_target, look::run, payload, random::Random};
use uuid::Uuid;

/// Bytes of a hash tree with its superblock, computed as veritysetup's on-disk format is described.
fn tree_of(data: u64) -> u64 {
    let (mut blocks, mut all) = (data / 4096, 1);
    while blocks > 1 {
        blocks = blocks / 128 + u64::from(blocks % 128 != 0);
        all += blocks;
    }
    all * 4096
}

/// A random image, ESP and wish for a second slot.
fn wanted(random: &mut Random, manifest: &Manifest) -> (Manifest, DiskAnswers) {
    let mut manifest = manifest.clone();
    manifest.image.data.size = random.size(12, 36) / 4096 * 4096;
    manifest.image.tree.size = tree_of(manifest.image.data.size);
    manifest.minimum_state_bytes = random.size(10, 33);
    manifest.boot.initrd.size = random.size(10, 28);
    let second_slot = [SecondSlot::IfItFits, SecondSlot::Yes, SecondSlot::No][random.below(3) as usize];
    let esp_mib = (random.below(3) == 0).then(|| 64 + random.below(4000) as u32);
    (manifest, DiskAnswers { erase: Some(Erase::AllDataOnThisDisk), second_slot, esp_mib, ..DiskAnswers::default() })
}

/// Asserts everything that must hold for a layout that was given.
fn check(layout: &Layout, disk: u64, manifest: &Manifest, answers: &DiskAnswers) {
    let mut end = MIB;
    for (partition, number) in layout.partitions.iter().zip(1..) {
        assert_eq!((partition.number, partition.offset), (number, end), "one after the other: {layout:?}");
        assert!(partition.size > 0 && partition.size % MIB == 0);
        end += partition.size;
    }
    assert!(end <= disk - MIB, "room for the backup table: {end} of {disk}");
    let size = |role| layout.find(role).map_or(0, |p| p.size);
    assert!(size(Role::RootA) >= manifest.image.data.size);
    assert!(size(Role::VerityA) >= tree_of(size(Role::RootA)), "a tree over all of the slot fits");
    assert!(size(Role::State) >= manifest.minimum_state_bytes);
    match answers.esp_mib {
        Some(mib) => assert_eq!(size(Role::Esp), u64::from(mib) * MIB),
        None => assert!(size(Role::Esp) >= 512 * MIB),
    }
    assert!(size(Role::Esp) >= 3 * (manifest.boot.kernel.size + manifest.boot.initrd.size), "three UKIs fit");
    match layout.find(Role::RootB) {
        Some(b) => assert_eq!((b.size, size(Role::VerityB)), (size(Role::RootA), size(Role::VerityA))),
        None => assert!(answers.second_slot != SecondSlot::Yes && layout.find(Role::VerityB).is_none()),
    }
    assert_eq!(layout.must(Role::RootA).fixed_id, Some(manifest.image.root_hash.data_partition()));
}

#[test]
fn every_layout_fits_and_every_refusal_names_the_least_size() {
    let (mut random, manifest) = (Random::new(), payload::shared().manifest());
    let (mut given, mut refused) = (0, 0);
    for _ in 0..4000 {
        let (manifest, answers) = wanted(&mut random, &manifest);
        let disk = random.size(20, 43);
        let sector = if random.below(2) == 0 { 512 } else { 4096 };
        let lay = |size| Layout::on_whole_disk(size, sector, &answers, &manifest);
        match lay(disk) {
            Ok(layout) => {
                check(&layout, disk, &manifest, &answers);
                given += 1;
            }
            Err(issues) => match issues.as_slice() {
                [Issue::TooSmall { has, needs } | Issue::NoRoomForSecondSlot { has, needs }] => {
                    assert!(*has == disk && disk < *needs);
                    // The default ESP is larger on a large disk, so the number holds for this disk's own ESP.
                    if answers.esp_mib.is_some() && answers.second_slot != SecondSlot::Yes {
                        check(&lay(*needs).unwrap(), *needs, &manifest, &answers);
                        assert!(lay(needs - 1).is_err());
                    }
                    refused += 1;
                }
                [Issue::EspTooSmall { asked, needs }] => assert!(asked < needs),
                other => panic!("{other:?}"),
            },
        }
    }
    assert!(given > 500 && refused > 500, "{given} given, {refused} refused");
}

#[test]
fn sgdisk_finds_no_problem_in_any_layout() {
    let (mut random, manifest) = (Random::new(), payload::shared().manifest());
    let mut written = 0;
    while written < 120 {
        let (manifest, answers) = wanted(&mut random, &manifest);
        let size = random.size(27, 42);
        let Ok(layout) = Layout::on_whole_disk(size, 512, &answers, &manifest) else { continue };
        let disk = Disk::empty(size);
        let target = open_target(&disk.path).unwrap();
        gpt::write(&target, size, 512, Uuid::new_v4(), &gpt::with_ids(&layout)).unwrap();
        let said = run("sgdisk", &["-v", &disk.text()]).text;
        assert!(said.contains("No problems found") && !said.contains("aution"), "{size} bytes: {said}\n{layout:?}");
        written += 1;
    }
}

#[test]
fn a_disk_with_other_sectors_is_refused_with_the_number() {
    let manifest = payload::shared().manifest();
    let answers = DiskAnswers::default();
    for found in [0, 520, 2048, 8192] {
        let issues = Layout::on_whole_disk(100 * GIB, found, &answers, &manifest).unwrap_err();
        assert_eq!(issues, [Issue::SectorSize { found }]);
    }
}
