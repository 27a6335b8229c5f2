//! Targets that can not be used, or that change or fill up under the install.

use forge_engine::{install::End, probe, target::Target};
use forge_model::{Progress, Stage};
use forge_tests::{
    disk::{Disk, MIB, USUAL, assert_starts_nothing},
    installed::assert_complete,
    job::{Job, Recorder, Refusal, install, install_well, open_target},
    look::{find, run},
    payload,
};
use rustix::{
    fs::{AtFlags, Mode, OFlags, openat},
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen},
};
use std::{
    fs::File,
    io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::FileExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

fn refused(disk: &Path) -> String {
    match install(&payload::shared(), disk, &Recorder::default()) {
        Err(refusal @ Refusal::Target(_)) => refusal.sentence(),
        Err(other) => panic!("{}", other.sentence()),
        Ok(_) => panic!("it was not refused"),
    }
}

#[test]
fn what_is_not_a_plain_file_is_refused_by_what_it_is() {
    let scratch = tempfile::tempdir().unwrap();
    let sentence = refused(scratch.path());
    assert!(sentence.contains("is a directory, not a plain file"), "{sentence}");
    let sentence = refused(Path::new("/dev/null"));
    assert!(sentence.contains("/dev/null is a character device"), "{sentence}");
    let pipe = scratch.path().join("pipe");
    assert!(run("mkfifo", &[&pipe.display().to_string()]).well);
    let sentence = refused(&pipe);
    assert!(sentence.contains("not a plain file"), "{sentence}");
    let sentence = refused(&scratch.path().join("nothing"));
    assert!(sentence.contains("nothing can not be opened") && sentence.contains("No such file"), "{sentence}");
}

#[test]
fn a_file_that_another_program_has_open_is_refused_by_its_name_and_not_touched() {
    let disk = Disk::used(USUAL);
    let before = disk.digest();
    let stdin = File::open(&disk.path).unwrap();
    let mut child = Command::new(find("sleep").unwrap()).arg("60").stdin(stdin).spawn().unwrap();
    let sentence = refused(&disk.path);
    child.kill().unwrap();
    child.wait().unwrap();
    let process = format!("in use by sleep (process {})", child.id());
    assert!(sentence.contains(&process) && sentence.contains(&disk.text()), "{sentence}");
    assert_eq!(disk.digest(), before);
}

#[test]
fn two_installs_can_not_hold_one_file() {
    let disk = Disk::used(USUAL);
    let _held = open_target(&disk.path).unwrap();
    let sentence = Target::open_file(&disk.path).unwrap_err().to_string();
    assert!(sentence.contains("in use by another program that locked it"), "{sentence}");
}

#[test]
fn a_file_under_a_loop_device_is_refused_by_the_device_and_not_touched() {
    let disk = Disk::used(USUAL);
    let before = disk.digest();
    let Some(device) = find("losetup").map(|_| run("losetup", &["--find", "--show", &disk.text()])) else {
        return println!("skipped: losetup is not installed");
    };
    if !device.well {
        return println!("skipped: no loop device can be made here: {}", device.text);
    }
    let device = device.text.trim().to_owned();
    let sentence = refused(&disk.path);
    assert!(run("losetup", &["--detach", &device]).well);
    assert!(sentence.contains(&format!("in use by the loop device {device}")), "{sentence}");
    assert_eq!(disk.digest(), before);
}

/// Cuts the file when a stage has done so many bytes.
struct Shrink<'a> {
    disk: &'a Path,
    stage: Stage,
    done: u64,
    to: u64,
}

impl forge_engine::install::Events for Shrink<'_> {
    fn progress(&self, progress: Progress) {
        if progress.stage == self.stage && progress.done >= self.done {
            File::options().write(true).open(self.disk).unwrap().set_len(self.to).unwrap();
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

#[test]
fn a_file_that_shrinks_under_the_install_is_noticed_and_starts_nothing() {
    let payload = payload::shared();
    for (stage, done) in [
        (Stage::Check, 0),
        (Stage::Prepare, 0),
        (Stage::Claim, 0),
        (Stage::Write, 4 * MIB),
        (Stage::Prove, 0),
        (Stage::Fill, 0),
        (Stage::Commit, 0),
    ] {
        let disk = Disk::used(USUAL);
        let end = install(&payload, &disk.path, &Shrink { disk: &disk.path, stage, done, to: 2 * MIB });
        let sentence = match end {
            Err(refusal) => refusal.sentence(),
            Ok(_) => panic!("{stage:?}: it was not noticed"),
        };
        assert!(sentence.contains("size changed") || sentence.contains("the target"), "{stage:?}: {sentence}");
        assert_starts_nothing(&disk.path);
    }
}

#[test]
fn a_file_that_grew_is_refused_before_the_first_write() {
    let (payload, disk) = (payload::shared(), Disk::used(USUAL));
    let before = disk.digest();
    let grow = Shrink { disk: &disk.path, stage: Stage::Claim, done: 0, to: USUAL + MIB };
    let Err(refusal) = install(&payload, &disk.path, &grow) else { panic!("it was not noticed") };
    assert!(refusal.sentence().contains("its size changed"), "{}", refusal.sentence());
    File::options().write(true).open(&disk.path).unwrap().set_len(USUAL).unwrap();
    assert_eq!(disk.digest(), before);
}

/// A tmpfs that is mounted nowhere and ends with its last descriptor, and a file in it that stands for a disk.
struct Small {
    root: OwnedFd,
    file: File,
}

impl Small {
    fn new(room: u64) -> io::Result<Self> {
        let tmpfs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&tmpfs, "size", room.to_string())?;
        fsconfig_create(&tmpfs)?;
        let root = fsmount(&tmpfs, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
        let file = Self::create(&root, "disk.img")?;
        file.set_len(USUAL)?;
        file.write_all_at(&[0xff; 4096], 0)?;
        Ok(Self { root, file })
    }

    fn create(root: &OwnedFd, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        Ok(File::from(openat(root, name, flags, Mode::RUSR | Mode::WUSR)?))
    }

    fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()).into()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; USUAL as usize];
        self.file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }
}

const NOT_ROOT: &str = "skipped: only root can make a tmpfs";

#[test]
fn a_file_system_without_room_is_refused_with_the_numbers_before_the_first_write() {
    let payload = payload::shared();
    // No room for the image, for the state, for the ESP; and room for everything.
    for (room, fits) in
        [(1, false), (6, false), (12, false), (15, false), (17, false), (18, false), (19, false), (60, true)]
    {
        let Ok(small) = Small::new(room * MIB) else { return println!("{NOT_ROOT}") };
        let before = small.bytes();
        match (install(&payload, &small.path(), &Recorder::default()), fits) {
            (Ok(End::Installed(_)), true) => {}
            (Err(refusal), false) => {
                let sentence = refusal.sentence();
                assert!(sentence.contains("has no room") && sentence.contains("are free"), "{room} MiB: {sentence}");
                assert!(small.bytes() == before, "{room} MiB: it was written: {sentence}");
            }
            (Err(refusal), true) => panic!("{room} MiB: {}", refusal.sentence()),
            (Ok(_), _) => panic!("{room} MiB: it did not fail"),
        }
    }
}

/// Fills the file system when a stage begins.
struct Fill<'a>(&'a Small, Stage);

impl forge_engine::install::Events for Fill<'_> {
    fn progress(&self, progress: Progress) {
        if progress.stage == self.1 && progress.done == 0 {
            let rest = Small::create(&self.0.root, "rest").unwrap();
            let mut at = 0;
            while rest.write_at(&[1; 4096], at).is_ok_and(|n| n > 0) {
                at += 4096;
            }
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

#[test]
fn a_file_system_that_fills_up_meanwhile_ends_the_install_with_the_reason_and_starts_nothing() {
    let payload = payload::shared();
    for stage in [Stage::Claim, Stage::Write, Stage::Fill] {
        let Ok(small) = Small::new(60 * MIB) else { return println!("{NOT_ROOT}") };
        let Err(refusal) = install(&payload, &small.path(), &Fill(&small, stage)) else { panic!("it did not fail") };
        let sentence = refusal.sentence();
        assert!(sentence.contains("No space left") || sentence.contains("no room left"), "{stage:?}: {sentence}");
        assert_starts_nothing(&Disk::copy_of(&small.path()).path);
        rustix::fs::unlinkat(&small.root, "rest", AtFlags::empty()).unwrap();
        install_well(&payload, &small.path());
    }
}

#[test]
fn a_plan_for_another_file_is_refused_and_neither_is_touched() {
    let (payload, planned, other) = (payload::shared(), Disk::used(USUAL), Disk::used(USUAL));
    let before = other.digest();
    let directory = payload.directory();
    let (opened, _, plan, _) = Job::new(&payload, &planned.path, &directory).plan().unwrap();
    let target = open_target(&other.path).unwrap();
    let (tools, password) = (Default::default(), forge_engine::credentials::UserPassword::Generate);
    let end = forge_engine::install::run(&tools, &plan, &opened, &target, password, &Recorder::default());
    let Err(error) = end else { panic!("it was not refused") };
    assert!(error.to_string().contains("not the target that was confirmed: its identity changed"), "{error}");
    assert_eq!(other.digest(), before);
    assert_eq!(planned.digest(), before);
}

#[test]
fn an_install_goes_over_another_one() {
    let (payload, disk) = (payload::shared(), Disk::empty(USUAL));
    let first = install_well(&payload, &disk.path);
    let found = probe::file(&open_target(&disk.path).unwrap()).unwrap();
    let shown = format!("{:?}", found.disks[0].content);
    assert!(shown.contains("forgetest_1"), "{shown}");
    let second = install_well(&payload, &disk.path);
    let receipt = assert_complete(&disk.path);
    assert!(receipt == second.receipt && receipt.disk_id != first.receipt.disk_id);
}
