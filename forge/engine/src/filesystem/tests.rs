//! Real file systems, made by their own tools, and what was changed in them to do harm.

use super::*;
use rand::{Rng, rngs::SysRng};
use std::{
    fs,
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    process::{Command, Stdio},
};

fn image(mib: u64) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(mib * MIB).unwrap();
    file
}

fn run(tool: &str, words: &[&str], image: &Path) -> String {
    let output = Command::new(tool).args(words).arg(image).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{tool}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn looked(file: &tempfile::NamedTempFile, name: &str) -> Shrinks {
    shrinks(file.as_file(), file.as_file().metadata().unwrap().len(), name)
}

fn least_of(found: Shrinks) -> u64 {
    match found {
        Shrinks::To { least } => least,
        Shrinks::Not { why } => panic!("{why:?}"),
    }
}

fn ext4(mib: u64, words: &[&str]) -> tempfile::NamedTempFile {
    let file = image(mib);
    run("/usr/sbin/mke2fs", &[&["-q", "-F", "-t", "ext4"], words].concat(), file.path());
    file
}

fn ntfs(mib: u64) -> tempfile::NamedTempFile {
    let file = image(mib);
    run("/usr/sbin/mkntfs", &["--force", "--fast", "--quiet"], file.path());
    file
}

/// Puts a file into the root directory of an NTFS.
fn ntfs_file(ntfs: &tempfile::NamedTempFile, name: &str, content: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    let words = ["--quiet", &ntfs.path().display().to_string(), &file.path().display().to_string(), name];
    assert!(Command::new("/usr/sbin/ntfscp").args(words).status().unwrap().success());
}

#[test]
fn resize2fs_makes_an_ext4_as_small_as_was_said_and_its_own_check_passes() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("film"), vec![7; 90 << 20]).unwrap();
    let tree = tree.path().display().to_string();
    for words in [&["-d", &tree][..], &["-d", &tree, "-O", "^64bit,^metadata_csum"], &["-d", &tree, "-b", "1024"]] {
        let file = ext4(600, words);
        let least = least_of(looked(&file, "ext4"));
        assert!((160 * MIB..500 * MIB).contains(&least), "{}", least / MIB);
        let path = file.path().display().to_string();
        let said = Command::new("/usr/sbin/resize2fs").args([&path, &format!("{}M", least / MIB)]).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        run("/usr/sbin/e2fsck", &["-fn"], file.path());
        assert_eq!(length(file.as_file(), 600 * MIB, "ext4"), Some(least));
    }
}

#[test]
fn many_small_files_keep_as_many_groups_as_they_need() {
    let tree = tempfile::tempdir().unwrap();
    for number in 0..6000 {
        fs::write(tree.path().join(number.to_string()), "").unwrap();
    }
    let tree = tree.path().display().to_string();
    let file = ext4(1024, &["-d", &tree, "-i", "131072"]);
    let least = least_of(looked(&file, "ext4"));
    assert!(least > 640 * MIB, "{}", least / MIB);
    let path = file.path().display().to_string();
    let said = Command::new("/usr/sbin/resize2fs").args([&path, &format!("{}M", least / MIB)]).output().unwrap();
    assert!(said.status.success(), "{said:?}");
}

#[test]
fn an_ext4_that_was_not_unmounted_or_has_faults_is_not_made_smaller() {
    let not = |why| Shrinks::Not { why };
    let file = ext4(64, &[]);
    let at = |place: u64, bytes: &[u8]| file.as_file().write_all_at(bytes, 1024 + place).unwrap();
    for state in [0_u16, 2, 3, 5] {
        at(0x3a, &state.to_le_bytes());
        assert_eq!(looked(&file, "ext4"), not(ShrinkFault::Dirty));
    }
    at(0x3a, &1_u16.to_le_bytes());
    least_of(looked(&file, "ext4"));
    let mut feature = [0; 4];
    file.as_file().read_exact_at(&mut feature, 1024 + 0x60).unwrap();
    at(0x60, &(u32::from_le_bytes(feature) | 4).to_le_bytes());
    assert_eq!(looked(&file, "ext4"), not(ShrinkFault::Dirty));
    assert_eq!(looked(&ext4(64, &["-O", "bigalloc"]), "ext4"), not(ShrinkFault::FileSystem));
    assert_eq!(looked(&file, "xfs"), not(ShrinkFault::FileSystem));
    assert_eq!(looked(&image(64), "ext4"), not(ShrinkFault::Unreadable));
}

#[test]
fn ntfsresize_makes_an_ntfs_as_small_as_was_said() {
    let file = ntfs(600);
    ntfs_file(&file, "film", &vec![7; 90 << 20]);
    let least = least_of(looked(&file, "ntfs"));
    assert!((160 * MIB..260 * MIB).contains(&least), "{}", least / MIB);
    let said = run("/usr/sbin/ntfsresize", &["--force", "--no-progress-bar", "-s", &least.to_string()], file.path());
    assert!(said.contains("Successfully resized"), "{said}");
    let now = length(file.as_file(), 600 * MIB, "ntfs").unwrap();
    assert!((least - MIB..=least).contains(&now), "{now}");
    // Windows is to check it at its next start: until then nobody makes it smaller again.
    assert_eq!(looked(&file, "ntfs"), Shrinks::Not { why: ShrinkFault::Dirty });
}

#[test]
fn a_sleeping_windows_is_seen_and_one_that_woke_up_is_not() {
    let file = ntfs(64);
    ntfs_file(&file, "hiberfil.sys", b"\0\0\0\0 and nothing");
    least_of(looked(&file, "ntfs"));
    for magic in [b"hibr", b"HIBR"] {
        let file = ntfs(64);
        ntfs_file(&file, "hiberfil.sys", &[&magic[..], &[3; 9000]].concat());
        assert_eq!(looked(&file, "ntfs"), Shrinks::Not { why: ShrinkFault::Hibernated });
    }
}

#[test]
fn an_open_log_counts_as_not_unmounted() {
    let mut page = [0; 4096];
    page[..4].copy_from_slice(b"RSTR");
    page[24] = 0x30;
    page[0x30..0x38].copy_from_slice(&7_u64.to_le_bytes());
    let with = |client: u16, flags: u16| {
        let mut page = page;
        page[0x30 + 12..0x30 + 14].copy_from_slice(&client.to_le_bytes());
        page[0x30 + 14..0x30 + 16].copy_from_slice(&flags.to_le_bytes());
        super::ntfs::restart_area(&page)
    };
    assert_eq!(with(0, 0), Some((7, true)));
    assert_eq!(with(0, 2), Some((7, false)));
    assert_eq!(with(0xffff, 0), Some((7, false)));
    assert_eq!(super::ntfs::restart_area(&[0xff; 4096]), None);
    page[24..26].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(super::ntfs::restart_area(&page), None);
}

#[test]
fn free_clusters_are_counted_as_mtools_counts_them() {
    for (mib, words) in [
        (20_u64, &["-F", "16"][..]),
        (100, &["-F", "32"]),
        (100, &["-F", "32", "-s", "1"]),
        (300, &["-F", "32", "-S", "4096", "-s", "1"]),
    ] {
        let file = image(mib);
        run("/usr/sbin/mkfs.fat", words, file.path());
        let mut content = tempfile::NamedTempFile::new().unwrap();
        content.write_all(&[1; 300_000]).unwrap();
        let words = ["-i", &file.path().display().to_string(), &content.path().display().to_string(), "::/content"];
        assert!(Command::new("/usr/bin/mcopy").args(words).status().unwrap().success());
        let listed =
            Command::new("/usr/bin/mdir").args(["-i", &file.path().display().to_string(), "::"]).output().unwrap();
        let text = String::from_utf8(listed.stdout).unwrap();
        let line = text.lines().find(|line| line.ends_with("bytes free")).unwrap();
        let expected: u64 = line.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
        let files = vec![esp::File { path: "content".into(), size: 300_000 }];
        let held = esp::Content::Fat { free: Some(expected), files: Some(files) };
        assert_eq!(super::esp(file.as_file(), 0, mib * MIB), Some(held), "{words:?}");
    }
    // A boot sector of something else is not nothing.
    let unknown = esp::Content::Fat { free: None, files: None };
    assert_eq!(super::esp(ntfs(16).as_file(), 0, 16 * MIB), Some(unknown));
    assert_eq!(super::esp(image(16).as_file(), 0, 16 * MIB), Some(esp::Content::NoFat));
}

#[test]
fn records_that_would_take_the_memory_of_the_helper_are_not_read() {
    let refused = |file: &tempfile::NamedTempFile| {
        let mut device = Bounded::new(file.as_file(), 0, 16 * MIB, PATIENCE);
        match super::ntfs::look(&mut device) {
            Err(error) => error.to_string().contains("bytes do not exist"),
            Ok(_) => false,
        }
    };
    let file = ntfs(16);
    assert!(!refused(&file));
    // The root directory is the fifth record of the MFT. Its index names the length of its records behind the type of what it
    // sorts (file names) and the order.
    let (mut record, start) = ([0; 1024], 4 * 4096 + 5 * 1024);
    file.as_file().read_exact_at(&mut record, start).unwrap();
    let head = [0x30, 0, 0, 0, 1, 0, 0, 0, 0, 0x10, 0, 0];
    let at = start + record.windows(head.len()).position(|bytes| bytes == head).unwrap() as u64 + 8;
    for length in [u32::MAX, 1 << 31, (1 << 16) + 1] {
        file.as_file().write_all_at(&length.to_le_bytes(), at).unwrap();
        assert!(refused(&file), "{length}");
        assert_eq!(looked(&file, "ntfs"), Shrinks::Not { why: ShrinkFault::Unreadable });
    }
    // Records of the MFT that have 127 clusters.
    let file = ntfs(16);
    file.as_file().write_all_at(&[127], 0x40).unwrap();
    assert!(refused(&file));
}

/// An EFI system partition with directories, and a file in each.
fn esp_with(directories: &[&str]) -> tempfile::NamedTempFile {
    let fat = image(40);
    run("/usr/sbin/mkfs.fat", &["-F", "32"], fat.path());
    let image = fat.path().display().to_string();
    let content = tempfile::NamedTempFile::new().unwrap();
    fs::write(content.path(), [7; 700]).unwrap();
    for directory in directories {
        let (file, to) = (content.path().display().to_string(), format!("{directory}/file of a system.efi"));
        assert!(Command::new("/usr/bin/mmd").args(["-i", &image, directory]).status().unwrap().success());
        assert!(Command::new("/usr/bin/mcopy").args(["-i", &image, &file, &to]).status().unwrap().success());
    }
    fat
}

/// Where the root directory of a FAT32 begins: mkfs.fat leaves 32 sectors before two tables, and says how long one is.
fn root_directory(fat: &tempfile::NamedTempFile) -> u64 {
    let mut sectors = [0; 4];
    fat.as_file().read_exact_at(&mut sectors, 36).unwrap();
    (32 + 2 * u64::from(u32::from_le_bytes(sectors))) * 512
}

#[test]
fn the_files_of_an_esp_are_told_with_their_paths_and_lengths() {
    let names = ["EFI", "EFI/BOOT", "EFI/a long name of a vendor", "loader"];
    let fat = esp_with(&names.map(|name| format!("::/{name}")).each_ref().map(String::as_str));
    let Some(esp::Content::Fat { files: Some(mut files), .. }) = super::esp(fat.as_file(), 0, 40 * MIB) else {
        panic!("{:?}", super::esp(fat.as_file(), 0, 40 * MIB));
    };
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let file = |name: &str| esp::File { path: format!("{name}/file of a system.efi"), size: 700 };
    let mut expected = names.map(file);
    expected.sort_by(|one, other| one.path.cmp(&other.path));
    assert_eq!(files, expected);
    // In the middle of a disk it says the same.
    let disk = image(60);
    disk.as_file().write_all_at(&fs::read(fat.path()).unwrap(), 3 * MIB).unwrap();
    assert_eq!(super::esp(disk.as_file(), 3 * MIB, 40 * MIB), super::esp(fat.as_file(), 0, 40 * MIB));
}

#[test]
fn a_directory_that_leads_back_to_the_first_one_ends() {
    let fat = esp_with(&["::/EFI"]);
    // The root directory has cluster 2, and a directory entry names its cluster in bytes 26 and 27: EFI becomes the root.
    let root = root_directory(&fat);
    let mut entry = [0; 32];
    fat.as_file().read_exact_at(&mut entry, root).unwrap();
    assert_eq!(&entry[..3], b"EFI");
    fat.as_file().write_all_at(&2_u16.to_le_bytes(), root + 26).unwrap();
    let held = super::esp(fat.as_file(), 0, 40 * MIB);
    assert!(matches!(held, Some(esp::Content::Fat { files: None, .. })), "{held:?}");
}

#[test]
fn what_was_made_to_harm_costs_neither_time_nor_a_panic() {
    let mut random = rand::rand_core::UnwrapErr(SysRng);
    let fat = esp_with(&["::/EFI", "::/EFI/BOOT", "::/EFI/a long name of a vendor", "::/loader"]);
    let directories = root_directory(&fat);
    let hibernated = ntfs(16);
    ntfs_file(&hibernated, "hiberfil.sys", &[b'h'; 9000]);
    // Where each keeps what is read of it.
    let places: [(&str, _, &[(u64, u64)]); 3] = [
        ("ext4", ext4(16, &[]), &[(1024, 1024)]),
        ("ntfs", hibernated, &[(0, 512), (4 * 4096, 64 << 10)]),
        ("vfat", fat, &[(0, 512), (32 * 512, 64), (directories, 4096)]),
    ];
    for (name, file, spots) in places {
        let size = file.as_file().metadata().unwrap().len();
        for round in 0..400_u32 {
            let (start, len) = spots[round as usize % spots.len()];
            let mut changed = Vec::new();
            for _ in 0..=random.next_u32() % 4 {
                let at = start + random.next_u64() % len;
                let mut old = [0];
                file.as_file().read_exact_at(&mut old, at).unwrap();
                changed.push((at, old));
                let new = [0, 0xff, 0x80, random.next_u32() as u8][random.next_u32() as usize % 4];
                file.as_file().write_all_at(&[new], at).unwrap();
            }
            let start = std::time::Instant::now();
            let (file, found) = (file.as_file(), shrinks(file.as_file(), size, name));
            let _ = (found, length(file, size, name), super::esp(file, 0, size), state(file, 0, size));
            assert!(start.elapsed() < 3 * PATIENCE, "{name}: {changed:?}");
            for (at, old) in changed.into_iter().rev() {
                file.write_all_at(&old, at).unwrap();
            }
        }
    }
}
