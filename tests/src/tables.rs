//! Random partition tables: other systems, earlier ones of the same kind, room in between, and what is known of each.

use crate::random::Random;
use forge_model::{
    Disk, Manifest, esp,
    inventory::{Content, DiskKind, Entry, Found, Gpt, Holding, Identity, ShrinkFault, Shrinks, Transport},
    layout::Role,
    size::MIB,
};
use uuid::{Uuid, uuid};

/// A random disk with its partition table.
#[derive(Debug)]
pub struct Table {
    /// The disk.
    pub disk: Disk,
    /// Whole earlier systems that are on it, each with its partitions.
    pub earlier: Vec<Vec<(Role, u32)>>,
    /// EFI system partitions that are called as Forge calls its own, and have nothing but its files.
    pub own_esps: Vec<u32>,
    /// Whether parts of one are there that is not whole.
    pub broken: bool,
}

const BASIC_DATA: Uuid = uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");
const LINUX: Uuid = uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4");
const RESERVED: Uuid = uuid!("e3c9e316-0b5c-4db8-817d-f92df00215ae");

/// A partition that has no place yet.
struct Loose {
    found: Found,
    /// Which earlier system it belongs to.
    of: Option<(usize, Role)>,
    /// Whether nothing is in it but what such a system leaves in its EFI system partition.
    own: bool,
}

impl Table {
    /// A table on a disk of `size` bytes.
    pub fn random(random: &mut Random, manifest: &Manifest, sector_size: u32, size: u64) -> Self {
        let sector = u64::from(sector_size);
        let (entries, mut loose) = (128, Vec::new());
        let list = (u64::from(entries) * 128).div_ceil(sector);
        let first_usable = if random.below(2) == 0 { (2 + list) * sector } else { MIB };
        let end_usable = (size / sector - 1 - list) * sector;
        let gpt = Gpt { disk_id: id(random), sector_size, first_usable, end_usable, entries, fault: None };
        loose.extend((0..random.below(8)).map(|_| other(random, &manifest.id, sector)));
        let systems = [0, 0, 1, 1, 1, 1, 1, 2][random.below(8) as usize];
        for of in 0..systems {
            loose.extend(system(random, manifest, of));
        }
        let mut numbers: Vec<u32> = (1..=entries).collect();
        if random.below(12) == 0 {
            // As good as full.
            let few = 3 * entries as usize / 4 + random.below(u64::from(entries) / 4) as usize;
            loose.extend((loose.len()..few).map(|_| Loose { found: bare(random, sector), of: None, own: false }));
        } else if random.below(2) == 0 {
            numbers.truncate(loose.len().max(1));
        }
        let mut earlier = vec![Vec::new(); systems];
        let (mut lost, mut own_esps) = (Vec::new(), Vec::new());
        let (mut found, mut at) = (Vec::new(), first_usable);
        while !loose.is_empty() {
            let Loose { found: mut one, of, own } = loose.swap_remove(random.below(loose.len() as u64) as usize);
            let gap = match random.below(3) {
                0 => 0,
                1 => random.below(4096),
                _ => random.below(end_usable / 4 / sector),
            };
            let offset = at + gap * sector;
            one.number = numbers.swap_remove(random.below(numbers.len() as u64) as usize);
            if offset + one.size > end_usable {
                lost.extend(of.map(|(of, _)| of));
                continue;
            }
            at = offset + one.size;
            if let Some(entry) = &mut one.entry {
                entry.offset = offset;
            }
            of.iter().for_each(|(of, role)| earlier[*of].push((*role, one.number)));
            own_esps.extend((own && one.label == "esp").then_some(one.number));
            found.push(one);
        }
        found.sort_by_key(|one| one.number);
        // One of which a part found no place is taken away; one of which a part is missing looks like nothing whole.
        for of in lost {
            let parts: Vec<(Role, u32)> = std::mem::take(&mut earlier[of]);
            found.retain(|one| parts.iter().all(|(_, number)| *number != one.number));
        }
        earlier.retain(|parts| !parts.is_empty());
        let mut broken = false;
        if random.below(8) == 0
            && let Some(parts) = earlier.pop()
        {
            // What is left of one without its second state is a whole one.
            let second = |n: u32| found.iter().any(|one| one.number == n && one.label == "state-2");
            let needed = parts.iter().filter(|(role, n)| *role != Role::Esp && !second(*n));
            let needed: Vec<u32> = needed.map(|(_, n)| *n).collect();
            let missing = needed[random.below(needed.len() as u64) as usize];
            found.retain(|one| one.number != missing);
            broken = true;
        }
        own_esps.retain(|number| found.iter().any(|one| one.number == *number));
        let disk = Disk {
            identity: Identity { path: "/dev/sda".into(), serial: None, wwn: None, sequence: None },
            model: None,
            kind: if random.below(8) == 0 { DiskKind::File } else { DiskKind::Disk },
            transport: Transport::Other,
            rotational: false,
            removable: false,
            size,
            sector_size,
            content: Content::Table { table: "gpt".into(), partitions: found, gpt: Some(gpt) },
            obstacles: Vec::new(),
        };
        Self { disk, earlier, own_esps, broken }
    }

    /// What the header says.
    pub fn gpt(&self) -> &Gpt {
        match &self.disk.content {
            Content::Table { gpt: Some(gpt), .. } => gpt,
            _ => panic!("no table"),
        }
    }

    /// The partitions.
    pub fn found(&self) -> &[Found] {
        match &self.disk.content {
            Content::Table { partitions, .. } => partitions,
            _ => panic!("no table"),
        }
    }

    /// The partition with this number.
    pub fn one(&self, number: u32) -> Option<&Found> {
        self.found().iter().find(|one| one.number == number)
    }
}

fn id(random: &mut Random) -> Uuid {
    Uuid::from_u128(u128::from(random.below(u64::MAX)) << 64 | u128::from(random.below(u64::MAX)) | 1)
}

/// One of random size, on whole sectors and nowhere near whole mebibytes.
fn bare(random: &mut Random, sector: u64) -> Found {
    let attributes = random.below(4) << 60 | random.below(8);
    Found {
        number: 0,
        label: format!("of {} ü", random.below(1000)),
        type_id: Some(id(random)),
        size: random.size(14, 23) / sector * sector,
        holding: None,
        entry: Some(Entry { offset: 0, id: id(random), attributes }),
        shrinks: None,
        esp: None,
    }
}

/// What may lie on an EFI system partition, and whether it is only what the system with this id leaves.
fn on_esp(random: &mut Random, id: &str, size: u64) -> (Option<esp::Content>, bool) {
    let own = [
        format!("EFI/Linux/{id}-7.1.efi"),
        "EFI/BOOT/BOOTX64.EFI".to_owned(),
        format!("EFI/{id}/shimx64.efi"),
        "loader/random-seed".to_owned(),
    ];
    let others = ["EFI/Microsoft/Boot/bootmgfw.efi".to_owned(), "loader/entries/other.conf".to_owned()];
    let (files, only) = match random.below(6) {
        0 => return (None, false),
        1 => return (Some(esp::Content::NoFat), true),
        2 => (None, false),
        3 => (Some(own.to_vec()), true),
        4 => (Some([&own[..], &others[..]].concat()), false),
        _ => (Some(others.to_vec()), false),
    };
    let file = |path: String| esp::File { path, size: 1 << 20 };
    let files = files.map(|files| files.into_iter().map(file).collect());
    (Some(esp::Content::Fat { free: Some(random.below(size)), files }), only)
}

/// A partition of another system.
fn other(random: &mut Random, own_id: &str, sector: u64) -> Loose {
    let file_system = |name: &str| Some(Holding::FileSystem { name: name.into(), label: String::new() });
    let mut found = bare(random, sector);
    found.size = random.size(20, 33) / sector * sector;
    let (type_id, holding) = match random.below(8) {
        0 => (BASIC_DATA, file_system("ntfs")),
        1 => (LINUX, file_system("ext4")),
        2 => (RESERVED, None),
        3 => (LINUX, Some(Holding::LvmMember)),
        4 | 7 => (Role::Esp.type_id(), file_system("vfat")),
        5 => (Role::Esp.type_id(), None),
        _ => (Role::State.type_id(), file_system("ext4")),
    };
    (found.type_id, found.holding) = (Some(type_id), holding);
    // Others use the same names.
    if random.below(6) == 0 && type_id == Role::Esp.type_id() {
        found.label = "esp".into();
    }
    let mut own = false;
    if type_id == Role::Esp.type_id() {
        (found.esp, own) = on_esp(random, own_id, found.size);
    } else {
        found.shrinks = match random.below(6) {
            0..3 => Some(Shrinks::To { least: random.below(found.size + 2 * MIB) }),
            3 => Some(Shrinks::Not { why: ShrinkFault::FileSystem }),
            4 => Some(Shrinks::Not { why: ShrinkFault::Hibernated }),
            _ => None,
        };
    }
    Loose { found, of: None, own }
}

/// The partitions of an earlier system, with one slot or two, full or empty, with an EFI system partition or without, and
/// with a state that was kept for its `home` or without.
fn system(random: &mut Random, manifest: &Manifest, of: usize) -> Vec<Loose> {
    let (root, tree) = ((16 + random.below(3000)) * MIB, (1 + random.below(30)) * MIB);
    let state = (65 + random.below(4000)) * MIB;
    let mut parts = vec![(Role::RootA, root), (Role::VerityA, tree), (Role::State, state)];
    let second = [None, Some("_empty"), Some("full")][random.below(3) as usize];
    if second.is_some() {
        parts.extend([(Role::RootB, root), (Role::VerityB, tree)]);
    }
    let beside_home = random.below(5) == 0;
    if beside_home {
        parts.push((Role::State, 64 * MIB));
    }
    if random.below(4) != 0 {
        parts.push((Role::Esp, (64 + random.below(1000)) * MIB));
    }
    let holding = match random.below(4) {
        0 => Some(Holding::Luks),
        1 => None,
        _ => Some(Holding::FileSystem { name: "ext4".into(), label: String::new() }),
    };
    let parts = parts.into_iter().map(|(role, size)| {
        let release = |n: u32| format!("{}_{n}.{of}", manifest.id);
        let label = match (role, second) {
            (Role::Esp, _) => "esp".to_owned(),
            (Role::State, _) if beside_home && size != 64 * MIB => "state-2".to_owned(),
            (Role::State, _) => "state".to_owned(),
            (Role::RootB | Role::VerityB, Some("_empty")) => "_empty".to_owned(),
            (Role::RootB | Role::VerityB, _) => release(8),
            _ => release(7),
        };
        let (esp, own) = match role {
            Role::Esp => on_esp(random, &manifest.id, size),
            _ => (None, false),
        };
        let found = Found {
            label,
            type_id: Some(role.type_id()),
            size,
            holding: holding.clone().filter(|_| role == Role::State),
            esp,
            ..bare(random, 512)
        };
        Loose { found, of: Some((of, role)), own }
    });
    parts.collect()
}
