//! An installed system that is played: its firmware, its key, its checks.

use crate::guide::{Request, Step};
use forge_model::{
    Audit, Machine, Secret,
    audit::{Check, Finding, Line},
    machine::{Enrollment, Firmware, Key, SecureBoot},
};
use std::sync::Mutex;

/// How its enrollment goes.
pub struct FirstBoot {
    enrollment: Mutex<Enrollment>,
    /// Whether the firmware takes requests.
    pub writable: bool,
}

impl FirstBoot {
    /// A system in this state.
    pub fn new(enrollment: Enrollment) -> Self {
        Self { enrollment: Mutex::new(enrollment), writable: true }
    }

    /// The system that a page of the guide is best seen on.
    pub fn named(wanted: &str) -> Self {
        let enrollment = match wanted {
            "guide" | "guide-checks" => Enrollment::Enforced,
            "guide-off" | "guide-turn-on" => Enrollment::Enrolled,
            "guide-pending" => Enrollment::Pending,
            "guide-unknown" => Enrollment::Unknown,
            _ => Enrollment::Lost,
        };
        Self { writable: wanted != "guide-read-only", ..Self::new(enrollment) }
    }

    /// What it says about itself.
    pub fn machine(&self) -> Machine {
        let enrollment = *self.enrollment.lock().expect("no call panics");
        let secure_boot = if enrollment == Enrollment::Enforced { SecureBoot::On } else { SecureBoot::Off };
        let firmware = Firmware { secure_boot, shim_validates: true, writable: self.writable, free: Some(61_440) };
        let key = (enrollment != Enrollment::Unknown).then(key);
        Machine { firmware: Some(firmware), enrollment, key, dmi: Default::default() }
    }

    /// A request is made, where the firmware takes one.
    pub fn enroll(&self) -> Request {
        if self.writable {
            *self.enrollment.lock().expect("no call panics") = Enrollment::Pending;
        }
        Request { code: Secret::new("hdjkufgsxbntrcep".into()), key: key(), staged: self.writable }
    }

    /// Its checks: one of each kind, and the others hold.
    pub fn audit(&self) -> Audit {
        let holds = *self.enrollment.lock().expect("no call panics") == Enrollment::Enforced;
        let lines = Check::ALL.into_iter().map(|check| line(check, holds)).collect();
        Audit { measured: 1_790_000_000, lines }
    }
}

fn line(check: Check, holds: bool) -> Line {
    let (result, evidence, command) = match check {
        Check::SecureBoot if !holds => {
            (Finding::Fail, "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c: 0", "mokutil --sb-state")
        }
        Check::KeyEnrolled if !holds => {
            (Finding::Fail, "MokListRT: 1 certificate, not this machine's", "mokutil --list-enrolled")
        }
        Check::SecureBoot => {
            (Finding::Pass, "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c: 1", "mokutil --sb-state")
        }
        Check::KeyEnrolled => {
            (Finding::Pass, "MokListRT: 2 certificates, one is this machine's", "mokutil --list-enrolled")
        }
        Check::Firewall => (
            Finding::CannotTell,
            "/usr/sbin/nft list ruleset: Operation not permitted (os error 1)",
            "sudo nft list ruleset",
        ),
        Check::SealedRoot => (
            Finding::Pass,
            "/sys/block/dm-0/dm/uuid: CRYPT-VERITY-0f0e0d0c0b0a09080706050403020100-root",
            "veritysetup status root",
        ),
        Check::AppArmor => (Finding::Pass, "/sys/kernel/security/apparmor/profiles: 41, all enforce", "sudo aa-status"),
        Check::NothingListens => (Finding::Pass, "ss: nothing beyond 127.0.0.1 and ::1", "ss -tulpn"),
        _ => (Finding::Pass, "read, and as it should be", "forgectl audit"),
    };
    Line { check, result, evidence: vec![evidence.into()], command: command.into() }
}

/// The key that is played.
pub fn key() -> Key {
    Key {
        subject: "InterGenOS boot key, quiet-otter".into(),
        sha1: "b0f762ecee291f2b12c6ffda3e528fe94c8f73df".into(),
        sha256: "4c8f73df".repeat(8),
    }
}

/// The page of the guide that a script asks for, if it asks for one.
pub fn wanted_step(wanted: &str) -> Option<Step> {
    match wanted {
        "guide-off" | "guide-pending" | "guide-lost" | "guide-unknown" | "guide-read-only" => Some(Step::State),
        "guide-places" => Some(Step::Code),
        page => Step::from_tag(page),
    }
}
