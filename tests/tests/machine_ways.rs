//! The described machines (`tests/machines`): which ways to install does each of their disks offer, and why not the others?
//!
//! A description says what is on a disk, and not where: the partitions are laid one behind the other here.

use forge_model::{
    Disk, Issue,
    answers::{DiskAnswers, Shrink, Way},
    inventory::{Content, Entry, Gpt, Holding, ShrinkFault, Shrinks},
    layout::Offers,
    size::{GIB, MIB, round_down},
};
use forge_tests::payload;
use std::{collections::BTreeMap, fs, path::Path};
use uuid::Uuid;

fn machines() -> BTreeMap<String, Vec<Disk>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("machines");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let machines: BTreeMap<String, Vec<Disk>> = files
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .map(|path| {
            let machine: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_value(machine["disks"].clone()).unwrap())
        })
        .collect();
    assert_eq!(machines.len(), 15);
    machines
}

/// The disk with its table as it would have been read: nobody can be made smaller who is not understood.
fn laid(mut disk: Disk) -> Disk {
    let (first_usable, end_usable) = (MIB, round_down(disk.size, MIB).saturating_sub(MIB));
    let Content::Table { table, partitions, gpt } = &mut disk.content else { return disk };
    if table != "gpt" {
        return disk;
    }
    let mut offset = first_usable;
    for one in partitions.iter_mut() {
        one.entry = Some(Entry { offset, id: Uuid::from_u128(one.number.into()), attributes: 0 });
        offset += one.size;
        one.shrinks = match &one.holding {
            None => None,
            Some(Holding::FileSystem { name, .. }) if name == "ext4" || name == "ntfs" => {
                Some(Shrinks::To { least: one.size / 2 })
            }
            Some(Holding::FileSystem { .. }) => Some(Shrinks::Not { why: ShrinkFault::FileSystem }),
            Some(_) => Some(Shrinks::Not { why: ShrinkFault::Wrapped }),
        };
    }
    let (sector_size, disk_id) = (disk.sector_size, Uuid::from_u128(7));
    *gpt = Some(Gpt { disk_id, sector_size, first_usable, end_usable, entries: 128, fault: None });
    disk
}

/// What stands against a way, by the names of the issues; `ok` where nothing does.
fn against(disk: &Disk, way: Way) -> String {
    let offers = Offers::new(disk, &DiskAnswers::default(), &payload::shared().manifest());
    match &offers.way(way).layout {
        Ok(layout) => match &layout.beside {
            Some(beside) if !beside.shrunk.is_empty() => format!("ok, {} made smaller", beside.shrunk[0].number),
            _ => "ok".into(),
        },
        Err(issues) => {
            let name = |issue: &Issue| format!("{issue:?}").split([' ', '{']).next().unwrap().to_owned();
            issues.iter().map(name).collect::<Vec<_>>().join(" ")
        }
    }
}

#[test]
fn each_disk_of_each_machine_offers_what_it_has_room_for() {
    let mut told = String::new();
    for (machine, disks) in machines() {
        for disk in disks {
            let disk = laid(disk);
            told += &format!("{machine} {}\n", disk.identity.path);
            for (name, way) in [("free-space", Way::FreeSpace), ("replace", Way::Replace), ("manual", Way::Manual)] {
                told += &format!("  {name}: {}\n", against(&disk, way));
            }
        }
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("machines/ways.txt");
    if std::env::var_os("FORGE_GOLDEN").is_some() {
        fs::write(&golden, &told).unwrap();
    }
    assert_eq!(fs::read_to_string(&golden).unwrap(), told, "FORGE_GOLDEN=1 writes machines/ways.txt anew");
}

#[test]
fn what_is_not_understood_is_not_made_smaller_on_any_machine() {
    let (manifest, mut met) = (payload::shared().manifest(), 0);
    for disk in machines().into_values().flatten().map(laid) {
        let Content::Table { partitions, gpt: Some(_), .. } = &disk.content else { continue };
        for one in partitions.iter().filter(|one| one.holding.as_ref().is_some_and(is_wrapped)) {
            let shrink = vec![Shrink { number: one.number, to_mib: one.size.min(GIB) / MIB / 2 }];
            let answers = DiskAnswers { way: Way::FreeSpace, shrink, ..DiskAnswers::default() };
            let issues = forge_model::Layout::new(&disk, &answers, &manifest).unwrap_err();
            let why = Some(ShrinkFault::Wrapped);
            assert!(issues.contains(&Issue::NotShrinkable { number: one.number, why }), "{issues:?}");
            met += 1;
        }
    }
    assert!(met >= 4, "{met} partitions that are encrypted or members of something");
}

fn is_wrapped(holding: &Holding) -> bool {
    !matches!(holding, Holding::FileSystem { .. } | Holding::Swap | Holding::Other { .. })
}
