//! Disks of every size and with every kind of past.

use forge_engine::install::End;
use forge_model::{
    Issue,
    layout::{Layout, Role},
    size::MIB,
};
use forge_tests::{
    disk::{Disk, USUAL, digest},
    installed::{assert_complete, etc},
    job::{ANSWERS, Job, Recorder, Refusal, install_well},
    look::{Ext4, part, run},
    payload,
};
use std::{fs::File, os::unix::fs::FileExt};

#[test]
fn two_installs_share_no_key_no_id_and_no_secret() {
    let payload = payload::shared();
    let disks = [Disk::empty(USUAL), Disk::empty(USUAL)];
    let [one, two] = [&disks[0], &disks[1]].map(|disk| install_well(&payload, &disk.path));
    assert_ne!(one.certificate, two.certificate);
    assert_ne!(one.receipt.module_key.sha256, two.receipt.module_key.sha256);
    assert_ne!(one.receipt.disk_id, two.receipt.disk_id);
    let secrets = |i: &forge_engine::install::Installed| {
        let credentials = &i.credentials;
        let password = credentials.user_password.as_ref().unwrap().expose().to_owned();
        [
            password,
            credentials.enrollment_code.expose().into(),
            credentials.services[payload::CREDENTIAL].expose().into(),
        ]
    };
    for (one, two) in secrets(&one).iter().zip(&secrets(&two)) {
        assert_ne!(one, two);
    }
    for role in [Role::Esp, Role::RootB, Role::VerityB, Role::State] {
        let id =
            |i: &forge_engine::install::Installed| i.receipt.partitions.iter().find(|p| p.role == role).unwrap().id;
        assert_ne!(id(&one), id(&two), "{role:?}");
    }
    let read = |disk: &Disk, i: &forge_engine::install::Installed, path: &str| {
        Ext4::at(&disk.path, i.receipt.partitions.last().unwrap().offset).read(&etc(path))
    };
    assert_ne!(read(&disks[0], &one, "machine-id"), read(&disks[1], &two, "machine-id"));
    assert_ne!(read(&disks[0], &one, "shadow"), read(&disks[1], &two, "shadow"));
}

#[test]
fn nothing_of_what_was_on_the_disk_before_is_seen_afterwards() {
    let payload = payload::shared();
    // An old table with its backup, and in the place of every new partition something old that blkid knows.
    for (shift, full) in [(0, true), (3, false)] {
        let disk = Disk::empty(USUAL);
        if full {
            disk.write(&vec![0xff; USUAL as usize], 0);
        }
        let old = run("sgdisk", &["-Z", "-o", "-n1:2048:100000", "-t1:8e00", "-n2:0:0", "-t2:fd00", &disk.text()]);
        assert!(old.well, "{}", old.text);
        let directory = payload.directory();
        let (opened, target, plan, _) = Job::new(&payload, &disk.path, &directory).plan().unwrap();
        drop((opened, target));
        for (partition, number) in plan.layout.partitions.iter().zip(shift..) {
            // blkid takes what is as small as a floppy disk for one, and looks for no RAID there.
            let mut olds = old_signatures();
            olds.retain(|(name, _)| partition.size > 2 * MIB || !(name.contains("raid") || *name == "VMFS"));
            let (type_name, marks) = &olds[number % olds.len()];
            disk.write(&[0; 4 * MIB as usize][..partition.size.min(4 * MIB) as usize], partition.offset);
            for (offset, bytes) in marks {
                let from = if *offset < 0 { partition.offset + partition.size } else { partition.offset };
                disk.write(bytes, from.checked_add_signed(*offset).unwrap());
            }
            // The control: without it this test could not fail.
            let seen = signatures(&disk, partition.offset, partition.size);
            assert!(seen.iter().any(|s| s == type_name), "{type_name} in {:?}: {seen:?}", partition.role);
        }
        let receipt = install_well(&payload, &disk.path).receipt;
        assert_complete(&disk.path);
        assert_eq!(signatures(&disk, 0, USUAL), ["PMBR", "gpt", "gpt"]);
        for p in &receipt.partitions {
            let wanted = match p.role {
                Role::Esp => vec!["vfat"; 3],
                Role::RootA => vec!["erofs"],
                Role::VerityA => vec!["DM_verity_hash"],
                Role::RootB | Role::VerityB => vec![],
                Role::State => vec!["ext4"],
            };
            let mut seen = signatures(&disk, p.offset, p.size);
            seen.dedup();
            let mut wanted = wanted;
            wanted.dedup();
            assert_eq!(seen, wanted, "{:?} with shift {shift}", p.role);
        }
    }
}

/// What wipefs sees in a part of a disk, sorted.
fn signatures(disk: &Disk, offset: u64, size: u64) -> Vec<String> {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("part");
    part(&disk.path, offset, size, &path);
    let said = run("wipefs", &["--no-act", "--noheadings", "-O", "TYPE", &path.display().to_string()]);
    let mut seen: Vec<String> = said.text.lines().map(|line| line.trim().to_owned()).collect();
    seen.sort();
    seen
}

type Marks = Vec<(i64, Vec<u8>)>;

/// Signatures of old things: type as wipefs calls it, and the bytes by their offset from the start (or the end) of a partition.
fn old_signatures() -> Vec<(&'static str, Marks)> {
    vec![
        ("linux_raid_member", vec![(4096, md_superblock(4096))]),
        ("swap", vec![(1024, b"\x01\0\0\0\xff\x0f\0\0".to_vec()), (4086, b"SWAPSPACE2".to_vec())]),
        ("crypto_LUKS", vec![(0, b"LUKS\xba\xbe\0\x02".to_vec()), (16384, b"SKUL\xba\xbe\0\x02".to_vec())]),
        ("ddf_raid_member", vec![(-512, block(b"\xde\x11\xde\x11"))]),
        ("BitLocker", vec![(0, b"\xebR\x90-FVE-FS-".to_vec())]),
        ("jmicron_raid_member", vec![(-512, block(b"JM"))]),
        ("VMFS", vec![(2 * MIB as i64, b"^\xf1\xab/".to_vec())]),
        ("ext4", vec![(0, ext4())]),
    ]
}

/// A sector that begins with these bytes.
fn block(start: &[u8]) -> Vec<u8> {
    let mut block = start.to_vec();
    block.resize(512, 0);
    block
}

/// A superblock of md 1.2 that mdadm's own checks pass.
fn md_superblock(offset: u64) -> Vec<u8> {
    let mut block = vec![0_u8; 512];
    block[..4].copy_from_slice(&0xa92b_4efc_u32.to_le_bytes());
    block[4] = 1;
    block[16..32].copy_from_slice(b"an old raid uuid");
    block[144..152].copy_from_slice(&(offset / 512).to_le_bytes());
    let sum: u64 = block[..256].chunks(4).map(|b| u64::from(u32::from_le_bytes(b.try_into().unwrap()))).sum();
    block[216..220].copy_from_slice(&(((sum & 0xffff_ffff) + (sum >> 32)) as u32).to_le_bytes());
    block
}

/// The first MiB of a real, small ext4.
fn ext4() -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(8 * MIB).unwrap();
    let made = run("mke2fs", &["-qF", "-t", "ext4", &file.path().display().to_string()]);
    assert!(made.well, "{}", made.text);
    let mut bytes = vec![0; 64 << 10];
    file.as_file().read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// The least that one and two slots need.
fn least(payload: &payload::TestPayload, second: &str) -> u64 {
    let answers = ANSWERS.replace("esp-mib = 64", &format!("esp-mib = 64\nsecond-slot = \"{second}\""));
    let answers = forge_model::Answers::parse(&answers).unwrap();
    match Layout::on_whole_disk(MIB, 512, &answers.disk, &payload.manifest()).unwrap_err().as_slice() {
        [Issue::TooSmall { has: MIB, needs }] => *needs,
        issues => panic!("{issues:?}"),
    }
}

#[test]
fn the_least_size_is_enough_and_has_one_slot() {
    let payload = payload::shared();
    // Not even a whole number of sectors: what is left over stays unused.
    let disk = Disk::used(least(&payload, "if-it-fits") + 300);
    let receipt = install_well(&payload, &disk.path).receipt;
    let roles: Vec<Role> = receipt.partitions.iter().map(|p| p.role).collect();
    assert_eq!(roles, [Role::Esp, Role::RootA, Role::VerityA, Role::State]);
    assert_complete(&disk.path);
}

#[test]
fn one_mebibyte_less_than_the_least_is_refused_with_the_numbers_and_not_touched() {
    let payload = payload::shared();
    let needs = least(&payload, "if-it-fits");
    let disk = Disk::used(needs - MIB);
    let before = digest(&disk.path);
    let directory = payload.directory();
    let end = Job::new(&payload, &disk.path, &directory).run(&Recorder::default());
    let Err(Refusal::Issues(issues)) = end else { panic!("it was not refused") };
    assert_eq!(issues, [Issue::TooSmall { has: needs - MIB, needs }]);
    assert_eq!(digest(&disk.path), before);
}

#[test]
fn a_second_slot_is_made_from_the_size_on_at_which_it_fits() {
    let payload = payload::shared();
    let one = least(&payload, "if-it-fits");
    let slot = 33 * MIB;
    let roles = |size| {
        let disk = Disk::empty(size);
        let directory = payload.directory();
        let (_, _, plan, _) = Job::new(&payload, &disk.path, &directory).plan().unwrap();
        plan.has_second_slot()
    };
    assert!(!roles(one + slot - MIB));
    assert!(roles(one + slot));
    let disk = Disk::used(one + slot);
    assert_eq!(install_well(&payload, &disk.path).receipt.partitions.len(), 6);
    assert_complete(&disk.path);
}

#[test]
fn a_second_slot_that_is_asked_for_and_does_not_fit_is_refused_with_the_numbers() {
    let payload = payload::shared();
    let one = least(&payload, "if-it-fits");
    let disk = Disk::empty(one);
    let directory = payload.directory();
    let mut job = Job::new(&payload, &disk.path, &directory);
    job.answers = ANSWERS.replace("esp-mib = 64", "esp-mib = 64\nsecond-slot = \"yes\"");
    let Err(Refusal::Issues(issues)) = job.run(&Recorder::default()) else { panic!("it was not refused") };
    assert_eq!(issues, [Issue::NoRoomForSecondSlot { has: one, needs: one + 33 * MIB }]);
    assert_eq!(issues[0].place(), Some("disk.second-slot"));
}

#[test]
fn a_sparse_target_takes_little_more_room_than_what_is_written() {
    use std::os::unix::fs::MetadataExt;
    let payload = payload::shared();
    let disk = Disk::empty(1 << 40);
    let directory = payload.directory();
    let mut job = Job::new(&payload, &disk.path, &directory);
    job.answers = ANSWERS.into();
    let Ok(End::Installed(_)) = job.run(&Recorder::default()) else { panic!("it was not installed") };
    let used = File::open(&disk.path).unwrap().metadata().unwrap().blocks() * 512;
    assert!(used < 400 * MIB, "1 TiB takes {} MiB", used / MIB);
    assert!(run("sgdisk", &["-v", &disk.text()]).text.contains("No problems found"));
}
