//! The image on targets that are no ordinary file, and on full ones.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
mod verity_support;

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use forge_engine::image::{ImageError, Place, read_back, write};
use forge_engine::watch::Unwatched;
use rustix::fs::{Mode, OFlags, fcntl_getfl, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen};
use verity_support::*;

const MIB: u64 = 1 << 20;
const PLACE: Place = Place { data: 2 * MIB, tree: MIB };
const LOSETUP: &str = "/usr/sbin/losetup";
const MKE2FS: &str = "/usr/sbin/mke2fs";

/// A file in a file system that is mounted nowhere and ends with its last descriptor.
fn file_in_new_mount(kind: &str, option: &str, value: &str) -> File {
    let made = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).expect("only root can mount");
    fsconfig_set_string(&made, option, value).unwrap();
    fsconfig_create(&made).unwrap();
    let root = fsmount(&made, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()).unwrap();
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    openat(&root, "target", flags, Mode::RUSR | Mode::WUSR).unwrap().into()
}

fn file_in_small_tmpfs(size: u64) -> File {
    file_in_new_mount("tmpfs", "size", &size.to_string())
}

/// A loop device over a file; detached when dropped.
struct Loop {
    device: PathBuf,
}

impl Loop {
    fn new(file: &Path) -> Self {
        let output = Command::new(LOSETUP).args(["--find", "--show"]).arg(file).output();
        let output = output.expect("losetup is installed (Debian package mount)");
        assert!(output.status.success(), "{output:?}");
        Self { device: String::from_utf8(output.stdout).unwrap().trim().into() }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new(LOSETUP).arg("--detach").arg(&self.device).status();
    }
}

fn read_write(path: &Path) -> File {
    File::options().read(true).write(true).open(path).unwrap()
}

#[test]
fn a_loop_device_takes_the_image_and_proves_it() {
    let sample = Sample::new(2500, 32);
    let mut backing = tempfile::NamedTempFile::new().unwrap();
    backing.write_all(&noise(16 * MIB as usize)).unwrap();
    let device = Loop::new(backing.path());
    let target = read_write(&device.device);
    let flags = fcntl_getfl(&target).unwrap();
    let trusted = sample.open().unwrap();
    write(&sample.data, &sample.tree, &trusted, &target, PLACE, &Unwatched).unwrap().done().unwrap();
    let proof = read_back(&target, &sample.parameters, PLACE, &Unwatched).unwrap();
    assert_eq!(proof.done(), Some(sample.root));
    assert_eq!(fcntl_getfl(&target).unwrap(), flags, "the descriptor is left as it was");
    let disk = bytes(backing.as_file());
    let data = bytes(&sample.data);
    assert!(disk[PLACE.data as usize..][..data.len()] == data);

    // What the device holds counts, not what the page cache remembers of it.
    let mut cached = [0; 4096];
    target.read_exact_at(&mut cached, PLACE.data + 77 * 4096).unwrap();
    flip(backing.as_file(), PLACE.data + 77 * 4096);
    let error = read_back(&target, &sample.parameters, PLACE, &Unwatched).unwrap_err();
    assert!(matches!(error, ImageError::TargetBlock { block: 77, .. }), "{error:?}");
}

#[test]
fn a_loop_device_that_is_too_small_has_no_room() {
    let sample = Sample::new(2500, 32);
    let backing = tempfile::NamedTempFile::new().unwrap();
    backing.as_file().set_len(8 * MIB).unwrap();
    let device = Loop::new(backing.path());
    let target = read_write(&device.device);
    let trusted = sample.open().unwrap();
    let error = write(&sample.data, &sample.tree, &trusted, &target, PLACE, &Unwatched).unwrap_err();
    assert!(matches!(error, ImageError::NoSpace { offset } if offset <= 8 * MIB), "{error:?}");
}

#[test]
fn a_file_system_that_becomes_full_is_told_with_its_place_and_leaves_no_superblock() {
    let sample = Sample::new(2500, 32);
    let target = file_in_small_tmpfs(8 * MIB);
    target.set_len(64 * MIB).unwrap();
    let trusted = sample.open().unwrap();
    let error = write(&sample.data, &sample.tree, &trusted, &target, PLACE, &Unwatched).unwrap_err();
    let ImageError::NoSpace { offset } = error else { panic!("{error:?}") };
    assert!((PLACE.data..PLACE.data + sample.parameters.data_bytes()).contains(&offset));
    let mut superblock = [1; 4096];
    target.read_exact_at(&mut superblock, PLACE.tree).unwrap();
    assert_eq!(superblock, [0; 4096]);
}

#[test]
fn a_file_on_a_full_ext4_is_refused_before_anything_is_written() {
    let sample = Sample::new(2500, 32);
    let backing = tempfile::NamedTempFile::new().unwrap();
    backing.as_file().set_len(8 * MIB).unwrap();
    let made = Command::new(MKE2FS).args(["-q", "-t", "ext4"]).arg(backing.path()).status();
    assert!(made.expect("mke2fs is installed (Debian package e2fsprogs)").success());
    let device = Loop::new(backing.path());
    let target = file_in_new_mount("ext4", "source", device.device.to_str().unwrap());
    target.set_len(64 * MIB).unwrap();
    let trusted = sample.open().unwrap();
    let error = write(&sample.data, &sample.tree, &trusted, &target, PLACE, &Unwatched).unwrap_err();
    assert!(matches!(error, ImageError::NoSpace { offset } if offset == PLACE.data), "{error:?}");
    assert!(bytes(&target).iter().all(|byte| *byte == 0), "something was written all the same");
}

#[test]
fn a_tmpfs_with_room_takes_the_image_and_proves_it() {
    let sample = Sample::new(2500, 32);
    let target = file_in_small_tmpfs(16 * MIB);
    let trusted = sample.open().unwrap();
    write(&sample.data, &sample.tree, &trusted, &target, PLACE, &Unwatched).unwrap().done().unwrap();
    let proof = read_back(&target, &sample.parameters, PLACE, &Unwatched).unwrap();
    assert_eq!(proof.done(), Some(sample.root));
}

#[test]
fn a_device_that_refuses_direct_writes_is_tried_without_and_its_own_error_is_told() {
    let sample = Sample::new(2, 0);
    let target = read_write(Path::new("/dev/full"));
    let trusted = sample.open().unwrap();
    let error = write(&sample.data, &sample.tree, &trusted, &target, PLACE, &Unwatched).unwrap_err();
    assert!(matches!(error, ImageError::NoSpace { offset } if offset == PLACE.data), "{error:?}");
}
