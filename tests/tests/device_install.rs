//! Installs onto whole disks: loop devices with sectors of 512 and of 4096 bytes, full of old data.

use forge_engine::{install::End, journal::Journal, target::Target};
use forge_model::{Stage, layout::Role, receipt::Receipt, size::MIB};
use forge_tests::{
    disk::{Disk, Loop, NOISE, assert_starts_nothing, found, open_exclusively},
    installed::{self, assert_complete},
    job::{ANSWERS, Job, Recorder},
    look::{fat_files, part, run},
    payload::{self, TestPayload},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// A noisy device, and answers that fit it: FAT32 with large sectors needs a large ESP.
fn noisy(sector: u32) -> Option<(Loop, String)> {
    let (size, esp) = if sector == 512 { (320 * MIB, 64) } else { (520 * MIB, 264) };
    let answers = ANSWERS.replace("esp-mib = 64", &format!("esp-mib = {esp}"));
    Loop::over(Disk::noisy(size), sector).map(|device| (device, answers))
}

fn run_on(payload: &TestPayload, device: &Path, answers: &str, recorder: &Recorder) -> End {
    let directory = payload.directory();
    let mut job = Job::new(payload, device, &directory);
    job.answers = answers.into();
    job.run(recorder).unwrap_or_else(|refusal| panic!("{}", refusal.sentence()))
}

fn install_on(payload: &TestPayload, device: &Path, answers: &str) -> Receipt {
    match run_on(payload, device, answers, &Recorder::default()) {
        End::Installed(installed) => installed.receipt,
        End::Cancelled { stage } => panic!("cancelled in {stage:?}"),
    }
}

/// Every file of the ext4 at this place by its path, read by debugfs.
fn state_files(disk: &Path, receipt: &Receipt) -> BTreeMap<PathBuf, Vec<u8>> {
    let state = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let image = format!("{}?offset={}", disk.display(), state.offset);
    let said = run("debugfs", &["-R", &format!("rdump / {}", scratch.path().display()), &image]);
    assert!(said.well, "{}", said.text);
    let (mut files, mut pending) = (BTreeMap::new(), vec![scratch.path().to_owned()]);
    while let Some(directory) = pending.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(scratch.path()).unwrap().to_owned();
            match fs::symlink_metadata(&path).unwrap().file_type() {
                kind if kind.is_dir() => pending.push(path),
                kind if kind.is_symlink() => {
                    drop(files.insert(name, fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()))
                }
                _ => drop(files.insert(name, fs::read(&path).unwrap())),
            }
        }
    }
    files
}

/// Whether old data shows in these bytes.
fn has_noise(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, &[NOISE; 16]).is_some()
}

/// Files that are new at each install.
fn is_random(path: &Path) -> bool {
    let path = path.display().to_string();
    ["/mok/", "shadow", "machine-id", "/credstore/", "kernel/cmdline"].iter().any(|part| path.contains(part))
}

fn is_complete_and_free_of_noise(sector: u32) {
    let Some((device, answers)) = noisy(sector) else { return };
    let receipt = install_on(&payload::shared(), &device.path, &answers);
    assert_eq!(assert_complete(&device.path), receipt);
    assert_eq!(receipt.target.sector_size, sector);

    let wanted = installed::shared();
    let (found, wanted) = (state_files(&device.path, &receipt), state_files(&wanted.disk.path, wanted.receipt()));
    assert!(found.len() > 15, "{found:?}");
    assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (path, bytes) in &found {
        assert!(!has_noise(bytes), "{}", path.display());
        assert!(is_random(path) || *bytes == wanted[path], "{}", path.display());
    }

    let scratch = tempfile::tempdir().unwrap();
    let esp = receipt.partitions.iter().find(|p| p.role == Role::Esp).unwrap();
    let copy = scratch.path().join("esp");
    part(&device.path, esp.offset, esp.size, &copy);
    let fsck = run("fsck.fat", &["-n", &copy.display().to_string()]);
    let fault = |line: &&str| !line.is_empty() && !line.starts_with("fsck.fat ") && !line.contains(" files, ");
    assert_eq!(fsck.text.lines().find(fault), None, "{}", fsck.text);
    for (path, bytes) in fat_files(&copy, 0) {
        assert!(!has_noise(&bytes), "{path}");
    }

    // The control, and the reason for it all: what no file system relies on was not written.
    let state = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap();
    let mut piece = vec![0; MIB as usize];
    let file = File::open(&device.path).unwrap();
    let old = (0..state.size / MIB).filter(|n| {
        file.read_exact_at(&mut piece, state.offset + n * MIB).unwrap();
        piece.iter().all(|byte| *byte == NOISE)
    });
    assert!(old.count() > 50);
}

#[test]
fn an_install_onto_a_disk_full_of_old_data_is_complete_and_shows_none_of_it() {
    is_complete_and_free_of_noise(512);
}

#[test]
fn the_same_holds_for_a_disk_with_sectors_of_4096_bytes() {
    is_complete_and_free_of_noise(4096);
}

#[test]
fn the_kernel_can_use_what_was_written_around_old_data_and_leaves_it_clean() {
    let Some((device, answers)) = noisy(512) else { return };
    let receipt = install_on(&payload::shared(), &device.path, &answers);
    let state = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let (part, at) = (scratch.path().join("part"), scratch.path().join("mount"));
    // A copy with the old data in it: a hole would be zeros.
    let mut bytes = vec![0; state.size as usize];
    File::open(&device.path).unwrap().read_exact_at(&mut bytes, state.offset).unwrap();
    fs::write(&part, &bytes).unwrap();
    fs::create_dir(&at).unwrap();
    let [part, at] = [part, at].map(|path| path.display().to_string());
    // In a mount namespace of its own, so that nothing stays mounted. init_itable=0: zero the unused tables at once.
    let script =
        "mount -o loop,init_itable=0 \"$0\" \"$1\" && cp -r /usr/share/zoneinfo/Europe \"$1\"/home/ && umount \"$1\"";
    let said = run("unshare", &["--mount", "sh", "-c", script, &part, &at]);
    if !said.well {
        return println!("skipped: it can not be mounted here: {}", said.text);
    }
    let fsck = run("e2fsck", &["-fn", &part]);
    assert!(fsck.well, "{}", fsck.text);
}

#[test]
fn a_run_that_was_cancelled_leaves_the_disk_as_it_was_or_without_anything_to_start_and_is_resumed() {
    let Some((device, answers)) = noisy(512) else { return };
    let payload = payload::shared();
    let before = device.disk.digest();
    for stage in [Stage::Check, Stage::Prepare, Stage::Claim, Stage::Write, Stage::Prove, Stage::Fill] {
        let end = run_on(&payload, &device.path, &answers, &Recorder::cancel_at(stage, 0));
        assert!(matches!(end, End::Cancelled { stage: at } if at == stage), "{stage:?}");
        let journal = Journal::find(&File::open(&device.path).unwrap()).unwrap();
        if stage < Stage::Claim {
            assert_eq!(device.disk.digest(), before, "{stage:?}");
            assert_eq!(journal, None, "{stage:?}");
        } else {
            assert_starts_nothing(&device.path);
            assert!(journal.is_some(), "{stage:?}");
        }
    }
    let recorder = Recorder::default();
    let End::Installed(installed) = run_on(&payload, &device.path, &answers, &recorder) else { panic!("cancelled") };
    assert!(!recorder.stages().contains(&Stage::Write), "it was proved already");
    assert_eq!(assert_complete(&device.path), installed.receipt);
    assert_eq!(Journal::find(&File::open(&device.path).unwrap()).unwrap(), None);
}

#[test]
fn a_device_can_be_held_only_once() {
    let Some((device, _)) = noisy(512) else { return };
    let target = Target::device(open_exclusively(&device.path).unwrap(), &found(&device.path)).unwrap();
    assert_eq!(open_exclusively(&device.path).unwrap_err().kind(), std::io::ErrorKind::ResourceBusy);
    assert_eq!(target.identity().unwrap(), found(&device.path).identity);
}
