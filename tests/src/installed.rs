//! One finished install that many tests look at, and none changes.

use crate::{
    disk::{Disk, USUAL},
    job::install_well,
    look::{self, Ext4},
    payload::{self, TestPayload},
};
use forge_engine::{install, tool::Tools, verify, watch::Unwatched};
use forge_model::{
    layout::Role,
    receipt::{Receipt, WrittenPartition},
};
use std::{
    path::Path,
    sync::{Arc, Mutex, Weak},
};
use tempfile::TempDir;

/// A payload, the disk that it was installed on, and what the install handed over.
pub struct Installed {
    /// What was installed.
    pub payload: Arc<TestPayload>,
    /// Where; before, it was full of 0xff in places.
    pub disk: Disk,
    /// What was handed over.
    pub handed: Box<install::Installed>,
}

/// The install that tests share; made once, and removed with its last user.
pub fn shared() -> Arc<Installed> {
    static SHARED: Mutex<Weak<Installed>> = Mutex::new(Weak::new());
    crate::shared(&SHARED, Installed::make)
}

impl Installed {
    fn make() -> Self {
        let (payload, disk) = (payload::shared(), Disk::used(USUAL));
        let handed = install_well(&payload, &disk.path);
        Self { payload, disk, handed }
    }

    /// The receipt.
    pub fn receipt(&self) -> &Receipt {
        &self.handed.receipt
    }

    /// A partition that was written.
    pub fn partition(&self, role: Role) -> &WrittenPartition {
        self.receipt().partitions.iter().find(|p| p.role == role).unwrap()
    }

    /// The state file system.
    pub fn state(&self) -> Ext4<'_> {
        Ext4::at(&self.disk.path, self.partition(Role::State).offset)
    }

    /// Copies a partition into a file of its own.
    pub fn part(&self, role: Role) -> (TempDir, String) {
        let (scratch, partition) = (tempfile::tempdir().unwrap(), self.partition(role));
        let path = scratch.path().join("part.img");
        look::part(&self.disk.path, partition.offset, partition.size, &path);
        let path = path.display().to_string();
        (scratch, path)
    }
}

/// A path below the writable layer of `/etc`.
pub fn etc(path: &str) -> String {
    format!("/lib/forge/etc/upper/{path}")
}

/// The receipt of a disk, when everything is as it says.
pub fn receipt_of(disk: &Path) -> Receipt {
    let checked = verify::verify(&Tools::default(), disk, None, &Unwatched).unwrap();
    let (receipt, findings) = checked.done().unwrap();
    for finding in &findings {
        assert!(finding.fault.is_none(), "{:?}: {}", finding.check, finding.fault.as_ref().unwrap());
    }
    assert!(findings.len() > 15, "{} checks", findings.len());
    receipt
}

/// Asserts that a disk is as its own receipt says, and that sgdisk and e2fsck see no problem.
pub fn assert_complete(disk: &Path) -> Receipt {
    let receipt = receipt_of(disk);
    let table = look::run("sgdisk", &["-v", &disk.display().to_string()]);
    assert!(table.text.contains("No problems found"), "{}", table.text);
    let state = receipt.partitions.iter().find(|p| p.role == Role::State).unwrap();
    let image = format!("{}?offset={}", disk.display(), state.offset);
    let checked = look::run("e2fsck", &["-fn", &image]);
    assert!(checked.well, "{}", checked.text);
    receipt
}
