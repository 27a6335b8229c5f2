//! The scenarios: each starts a machine, does one thing to it, and says what must follow.
use super::attached::Attached;
use super::audit;
use super::beside;
use super::checks;
use super::chip;
use super::demo::Demo;
use super::encrypted;
use super::enrollment;
use super::firmware::Store;
use super::guest::Guest;
use super::kiosk;
use super::live;
use super::machine::{Machine, Parts};
use super::mokmanager;
use super::optional;
use super::revoked;
use super::tamper::Disk;
use super::two_keys;
use super::unattended;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

/// A scenario: its name, what it shows, and how.
pub(super) struct Scenario {
    pub name: &'static str,
    pub sentence: &'static str,
    pub run: fn(&Stage) -> Result<()>,
}

/// What `cargo xtask test` leaves to `cargo xtask test --all`: it takes long, and each has a shorter sister among the others.
pub(super) const ONLY_IN_ALL: [&str; 10] = [
    "from-disk",
    "prompt-missed",
    "wrong-code",
    "live-cd",
    "live-try",
    "live-install",
    "live-disk-gone",
    "live-proposal",
    "unattended-credential",
    "unattended-volume",
];

/// All scenarios, in the order in which they run.
pub(super) const SCENARIOS: [Scenario; 32] = [
    Scenario {
        name: "enrolled",
        sentence: "the staged key is enrolled by keys in MokManager and the system boots as installed",
        run: enrolled,
    },
    Scenario {
        name: "secure-boot-off",
        sentence: "with Secure Boot off the system boots, its root sealed all the same",
        run: secure_boot_off,
    },
    Scenario {
        name: "not-enrolled",
        sentence: "with nothing enrolled shim refuses to go on, and says so",
        run: not_enrolled,
    },
    Scenario {
        name: "from-disk",
        sentence: "with nothing asked for, the certificate on the ESP is enrolled by hand and the system boots",
        run: enrollment::from_disk,
    },
    Scenario {
        name: "prompt-missed",
        sentence: "a prompt that was passed by is no dead end: the same way leads on",
        run: enrollment::prompt_missed,
    },
    Scenario { name: "wrong-code", sentence: "nor is a code that was wrong three times", run: enrollment::wrong_code },
    Scenario {
        name: "asked-again",
        sentence: "firmware in setup mode, the prompt passed by: the running system asks once more and is heard",
        run: enrollment::asked_again,
    },
    Scenario {
        name: "module-key",
        sentence: "a module that the module key has signed loads, and shim refuses what it signed to be started",
        run: two_keys::run,
    },
    Scenario {
        name: "revoked-hash",
        sentence: "a shim whose hash the firmware has revoked is not started, as the plan would have said",
        run: revoked::by_hash,
    },
    Scenario {
        name: "revoked-generation",
        sentence: "nor is one of a generation that is too old",
        run: revoked::by_generation,
    },
    Scenario { name: "uki-tampered", sentence: "a changed boot image is refused", run: uki_tampered },
    Scenario { name: "grub-tampered", sentence: "a changed GRUB is refused", run: grub_tampered },
    Scenario {
        name: "image-tampered",
        sentence: "a changed block of the system image is refused",
        run: image_tampered,
    },
    Scenario {
        name: "new-kernel",
        sentence: "a kernel that is installed later is signed with this machine's key and boots",
        run: new_kernel,
    },
    Scenario {
        name: "audit",
        sentence: "the audit passes on every line, and on a guest that is broken in one place only that line fails",
        run: audited,
    },
    Scenario {
        name: "firmware",
        sentence: "firmware that was accepted is in use, removable by one command, and comes back from a medium",
        run: optional::accepted,
    },
    Scenario {
        name: "firmware-none",
        sentence: "with none accepted, nothing of any bundle is on the disk",
        run: optional::none,
    },
    Scenario { name: "entry-lost", sentence: "a lost boot entry is made again and the system boots", run: entry_lost },
    Scenario {
        name: "encrypted",
        sentence: "an encrypted state opens with its passphrase on the keyboard that was chosen, and with the recovery key",
        run: encrypted::run_it,
    },
    Scenario {
        name: "encrypted-tpm2",
        sentence: "a TPM opens an encrypted state for this machine's signed start, and for no other; both keys still open it",
        run: chip::run_it,
    },
    Scenario {
        name: "beside",
        sentence: "beside four other systems' partitions it boots; replaced, it has its /home again; theirs are the same",
        run: beside::run,
    },
    Scenario {
        name: "live-disk",
        sentence: "the ISO as a USB stick starts the installer; nobody logs in, nothing listens, no packet leaves",
        run: live::stick,
    },
    Scenario { name: "live-cd", sentence: "so does the ISO as a CD; the disk beside it can be taken", run: live::cd },
    Scenario {
        name: "live-try",
        sentence: "\"Try\" starts the system with the live user; no packet leaves there either",
        run: live::try_it,
    },
    Scenario {
        name: "live-tampered",
        sentence: "a live medium whose root was changed stops, and shows no installer",
        run: live::tampered,
    },
    Scenario {
        name: "live-image-tampered",
        sentence: "a boot image of the medium that was changed, such as its command line, is refused",
        run: live::image_tampered,
    },
    Scenario {
        name: "live-proposal",
        sentence: "answers that nobody signed are filled in by the window, and nothing runs",
        run: unattended::proposal,
    },
    Scenario {
        name: "live-install",
        sentence: "a person installs at the medium's screen by keyboard; without the medium the disk boots and lets them in",
        run: kiosk::install,
    },
    Scenario {
        name: "live-disk-gone",
        sentence: "a drive that is pulled out while the window writes to it is told of, and another one can be taken",
        run: kiosk::disk_gone,
    },
    Scenario {
        name: "unattended-pinned",
        sentence: "answers that the medium pins install alone; the disk enrolls with the code that left sealed, and boots",
        run: unattended::pinned,
    },
    Scenario {
        name: "unattended-credential",
        sentence: "a credential installs alone, and not from a payload that was changed on the medium",
        run: unattended::credential,
    },
    Scenario {
        name: "unattended-volume",
        sentence: "a stick installs alone if it is signed, for this machine and one disk; a key stops it, pulling it out does not",
        run: unattended::volume,
    },
];

/// Text of a kernel that runs: it must not be seen where the chain has to stop before it.
pub(super) const KERNEL: [&str; 2] = [r"Linux version", r"(?i)\S+ login: "];

/// What the scenarios work on.
pub(super) struct Stage {
    /// What was installed and what it must show.
    demo: Demo,
    /// Folder for machines' logs, screenshots and disks.
    out: PathBuf,
    /// A copy of the disk whose guest talks on the serial line.
    talking: PathBuf,
}

impl Stage {
    /// Reads the demo's folder and prepares the disk.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().with_context(|| format!("{} is missing", folder.display()))?;
        let demo = Demo::read(&folder)?;
        let out = folder.join("vm");
        std::fs::create_dir_all(&out)?;
        let talking = out.join("talking.img");
        Disk::copy(&demo.disk, &talking)?.add_console(&demo.certificate)?;
        Ok(Self { demo, out, talking })
    }

    /// What was installed.
    pub(super) fn demo(&self) -> &Demo {
        &self.demo
    }

    /// The disk whose guest talks on the serial line.
    pub(super) fn talking(&self) -> &Path {
        &self.talking
    }

    /// A fresh store with the request that the install left.
    pub(super) fn asked_store(&self, name: &str) -> Result<Store> {
        let store = Store::microsoft(self.store(name))?;
        store.set(&self.demo.variables)?;
        Ok(store)
    }

    /// Folder for machines' logs, screenshots and disks.
    pub(super) fn out(&self) -> &Path {
        &self.out
    }

    /// Path of a scenario's variable store.
    pub(super) fn store(&self, name: &str) -> PathBuf {
        self.out.join(format!("{name}.vars.fd"))
    }

    /// The variable store that `enrolled` leaves behind.
    fn saved(&self) -> PathBuf {
        self.out.join("enrolled.fd")
    }

    /// A copy of the enrolled variable store; `enrolled` runs first where there is none for this disk.
    pub(super) fn enrolled_store(&self, name: &str) -> Result<Store> {
        let time = |file: &Path| file.metadata().and_then(|m| m.modified()).ok();
        let saved = self.saved();
        if time(&saved) < time(&self.demo.disk) || time(&saved) < time(&self.demo.variables) {
            println!("  no enrolled variable store yet: running enrolled first");
            enrolled(self)?;
        }
        Store::copy_of(&saved, self.store(name))
    }

    /// Starts a machine on a disk; what the guest writes is thrown away.
    pub(super) fn machine(&self, name: &str, disk: &Path, store: &Store) -> Result<Machine> {
        Machine::start(&Parts { name, disk, snapshot: true, store, out: &self.out, attached: &Attached::default() })
    }

    /// Where a scenario's own copy of the disk lies.
    pub(super) fn scratch_disk(&self, name: &str) -> PathBuf {
        self.out.join(format!("{name}.img"))
    }

    /// Starts a machine that writes to its disk.
    pub(super) fn keeping_machine(&self, name: &str, disk: &Path, store: &Store) -> Result<Machine> {
        Machine::start(&Parts { name, disk, snapshot: false, store, out: &self.out, attached: &Attached::default() })
    }

    /// Boots a changed disk on the enrolled firmware and waits for the refusal.
    fn refused(&self, name: &str, change: fn(&Disk) -> Result<()>, refusal: &[&str], bad: &[&str]) -> Result<()> {
        let store = self.enrolled_store(name)?;
        let disk = Disk::copy(&self.talking, &self.out.join(format!("{name}.img")))?;
        change(&disk)?;
        let mut machine = self.machine(name, disk.path(), &store)?;
        machine.expect_unless(refusal, bad, 120)?;
        machine.settle();
        machine.screenshot("refused")?;
        drop(machine);
        std::fs::remove_file(disk.path())?;
        Ok(())
    }
}

/// Forgets an old result first, so that a failure can not leave it behind as if it were new.
fn enrolled(stage: &Stage) -> Result<()> {
    let (demo, saved) = (&stage.demo, stage.saved());
    if saved.exists() {
        std::fs::remove_file(&saved)?;
    }
    let store = stage.asked_store("enrolled")?;
    let mut machine = stage.machine("enrolled", &stage.talking, &store)?;
    mokmanager::enroll(&mut machine, &demo.mok_code)?;
    let mut guest = Guest::boot(&mut machine)?;
    guest.refuses(&demo.user, "a wrong password")?;
    guest.refuses("root", &demo.password)?;
    guest.log_in(&demo.user, &demo.password)?;
    guest.become_root(&demo.password)?;
    // The checks do not change the firmware, so the store is good for the others even if one fails.
    let checked = checks::all(&mut guest, demo);
    guest.power_off()?;
    drop(machine);
    std::fs::copy(store.path(), &saved)?;
    checked
}

fn secure_boot_off(stage: &Stage) -> Result<()> {
    let demo = &stage.demo;
    let store = Store::without_keys(stage.store("secure-boot-off"))?;
    let mut machine = stage.machine("secure-boot-off", &stage.talking, &store)?;
    let mut guest = Guest::root(&mut machine, demo)?;
    checks::secure_boot(&mut guest, false)?;
    checks::sealed_root(&mut guest, demo)?;
    guest.power_off()
}

fn not_enrolled(stage: &Stage) -> Result<()> {
    let store = Store::microsoft(stage.store("not-enrolled"))?;
    let mut machine = stage.machine("not-enrolled", &stage.talking, &store)?;
    machine.expect_unless(&[r"Verification failed: .0x1A. Security Violation"], &KERNEL, 120)?;
    machine.settle();
    machine.screenshot("1-refused")?;
    // A person is not left at a dead end: shim offers MokManager.
    machine.press("ret")?;
    machine.expect_unless(&["Press any key to perform MOK management"], &KERNEL, 60)?;
    machine.settle();
    machine.screenshot("2-mokmanager")?;
    Ok(())
}

fn uki_tampered(stage: &Stage) -> Result<()> {
    stage.refused("uki-tampered", Disk::flip_in_ukis, &[r"bad shim (loader )?signature"], &KERNEL)
}

fn grub_tampered(stage: &Stage) -> Result<()> {
    let beyond = [&KERNEL[..], &["GNU GRUB", "bad shim"]].concat();
    stage.refused("grub-tampered", Disk::flip_in_grub, &["Verification failed"], &beyond)
}

fn image_tampered(stage: &Stage) -> Result<()> {
    let refusal = [r"verity: [^\n]*corrupt[^\n]*"];
    stage.refused("image-tampered", Disk::flip_in_system_image, &refusal, &[r"(?i)\S+ login: ", "bad shim"])
}

/// Installs the running kernel once more, as an update would, and starts what came of it.
fn new_kernel(stage: &Stage) -> Result<()> {
    let demo = &stage.demo;
    let store = stage.enrolled_store("new-kernel")?;
    let mut machine = stage.machine("new-kernel", &stage.talking, &store)?;
    let mut guest = Guest::root(&mut machine, demo)?;
    let uki = guest.output("ls /boot/EFI/Linux/*.efi")?;
    let before = guest.output(&format!("sha256sum {uki}"))?;
    // The initrd of the demo system exists only inside its boot image.
    guest.output(&format!(
        "python3 -c 'import pefile; s = [s for s in pefile.PE(\"{uki}\").sections if s.Name.startswith(b\".initrd\")][0]; \
         open(\"/var/tmp/initrd\", \"wb\").write(s.get_data()[:s.Misc_VirtualSize])'"
    ))?;
    guest.output("k=$(uname -r); kernel-install add $k /usr/lib/modules/$k/vmlinuz /var/tmp/initrd")?;
    guest.output(&format!("sbverify --cert /var/lib/forge/mok/boot.pem {uki}"))?;
    let after = guest.output(&format!("sha256sum {uki}"))?;
    ensure!(before != after, "kernel-install left the boot image as it was");
    let mut guest = guest.restart()?;
    guest.log_in(&demo.user, &demo.password)?;
    guest.become_root(&demo.password)?;
    checks::secure_boot(&mut guest, true)?;
    checks::sealed_root(&mut guest, demo)?;
    guest.power_off()
}

/// Every line once: breaking, measuring and mending it again, in one boot.
fn audited(stage: &Stage) -> Result<()> {
    let demo = &stage.demo;
    let store = stage.enrolled_store("audit")?;
    let mut machine = stage.machine("audit", &stage.talking, &store)?;
    let mut guest = Guest::boot(&mut machine)?;
    guest.log_in(&demo.user, &demo.password)?;
    audit::all(&mut guest, &demo.password, &stage.out.join("audit.json"))?;
    guest.power_off()
}

fn entry_lost(stage: &Stage) -> Result<()> {
    let demo = &stage.demo;
    let store = stage.enrolled_store("entry-lost")?;
    ensure!(store.has_shim_entry()?, "there was no boot entry that could be lost");
    store.drop_boot_entries()?;
    ensure!(!store.has_shim_entry()?, "the boot entry is still there");
    let mut machine = stage.machine("entry-lost", &stage.talking, &store)?;
    let mut guest = Guest::root(&mut machine, demo)?;
    checks::secure_boot(&mut guest, true)?;
    guest.power_off()?;
    drop(machine);
    ensure!(store.has_shim_entry()?, "the system booted, but its boot entry was not made again");
    Ok(())
}
