//! What the firmware starts: shim, GRUB with the menu, and a boot image for each mode, in one FAT file system.
use super::{Answers, Mode, live, medium, text};
use crate::{command, demo_system};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Who the key of the medium says that it is.
const SUBJECT: &str = "/CN=Forge demo medium, stands in for the key of InterGenOS/";
/// The time that signatures carry: the demo's epoch.
const SIGNED_AT: &str = "2026-11-01 00:00:00";
/// No network: neither the services that bring it up or listen on it, nor a login that waits on a terminal.
const MASKED: [&str; 22] = [
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "chronyd.service",
    "wpa_supplicant.service",
    "iwd.service",
    "ModemManager.service",
    "bluetooth.service",
    "avahi-daemon.socket",
    "avahi-daemon.service",
    "cups.socket",
    "cups.service",
    "cups-browsed.service",
    "sshd.socket",
    "sshd.service",
    "ssh.socket",
    "ssh.service",
    "rpcbind.socket",
    "rpcbind.service",
    "getty.target",
    "autovt@.service",
];
/// What the menu needs to tell the boot image of each of its lines from any other.
const MENU_MODULES: [&str; 2] = ["hashsum", "gcry_sha256"];
/// How long the menu waits: long enough to be read, and shorter where nobody will.
const WAITS: u32 = 15;
const WAITS_UNATTENDED: u32 = 5;

/// The key that signs what the medium starts.
pub struct Key {
    secret: PathBuf,
    certificate: PathBuf,
}

impl Key {
    /// Makes the key, unless it is there. A firmware that is to start the medium has to know `medium.pem`.
    pub fn made_once(keys: &Path) -> Result<Self> {
        let key = Self { secret: keys.join("medium.key"), certificate: keys.join("medium.pem") };
        if !key.certificate.exists() {
            let mut openssl = Command::new("/usr/bin/openssl");
            openssl.args(["req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "3650"]);
            openssl.args(["-subj", SUBJECT, "-addext", "basicConstraints=critical,CA:FALSE"]);
            openssl.args(["-addext", "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=codeSigning"]);
            openssl.arg("-keyout").arg(&key.secret).arg("-out").arg(&key.certificate);
            command::quietly(&mut openssl)?;
        }
        Ok(key)
    }

    /// Signs a program; the time is always the same, so that the bytes are.
    fn sign(&self, program: &Path, to: &Path) -> Result<()> {
        let mut sbsign = Command::new("/usr/bin/faketime");
        sbsign.args(["-f", SIGNED_AT, "/usr/bin/sbsign", "--key"]).arg(&self.secret);
        sbsign.arg("--cert").arg(&self.certificate).arg("--output").arg(to).arg(program).env("TZ", "UTC");
        command::quietly(&mut sbsign).map(drop)
    }
}

/// What the boot files are made of.
pub struct Boot<'a> {
    pub payload: &'a Path,
    pub manifest: &'a Value,
    pub key: &'a Key,
    pub answers: &'a Answers,
    pub default: Mode,
}

impl Boot<'_> {
    /// Makes the FAT image and returns where it is.
    pub fn make(&self, work: &Path) -> Result<PathBuf> {
        let addition = addition(work)?;
        let mut files = vec![
            (self.part("shim")?, "EFI/BOOT/BOOTX64.EFI".to_owned()),
            (self.part("mok_manager")?, "EFI/BOOT/mmx64.efi".to_owned()),
        ];
        let mut sums = Vec::new();
        for mode in Mode::ALL {
            let (image, name) = (self.image(mode, &addition, work)?, format!("EFI/forge/{}.efi", mode.name()));
            sums.push((format!("{}.sha256", mode.name()), format!("{}  {name}\n", sha256(&image)?)));
            files.push((image, name));
        }
        files.push((self.grub(&sums, work)?, "EFI/BOOT/grubx64.efi".to_owned()));
        fat(&work.join("esp.img"), &files)
    }

    /// A file of the payload that a person could check as well.
    fn part(&self, name: &str) -> Result<PathBuf> {
        Ok(self.payload.join(text(self.manifest, &format!("/boot/{name}/path"))?))
    }

    /// GRUB with the menu and the hash of each line's boot image, signed as one.
    fn grub(&self, sums: &[(String, String)], work: &Path) -> Result<PathBuf> {
        let waits = if self.default == Mode::Unattended { WAITS_UNATTENDED } else { WAITS };
        let menu = fs::read_to_string(live("grub.cfg.in")?)?
            .replace("@TIMEOUT@", &waits.to_string())
            .replace("@DEFAULT@", self.default.name());
        let (unsigned, signed) = (work.join("grub.unsigned.efi"), work.join("grubx64.efi"));
        demo_system::grub(&menu, sums, &MENU_MODULES, &unsigned)?;
        self.key.sign(&unsigned, &signed)?;
        Ok(signed)
    }

    /// Kernel, initrd and the command line of one mode, signed.
    fn image(&self, mode: Mode, addition: &Path, work: &Path) -> Result<PathBuf> {
        let (unsigned, signed) =
            (work.join(format!("{}.unsigned.efi", mode.name())), work.join(format!("{}.efi", mode.name())));
        let with = |option: &str, path: PathBuf| format!("--{option}={}", path.display());
        let mut ukify = Command::new("/usr/bin/ukify");
        ukify.args(["build", "--uname", text(self.manifest, "/boot/kernel_release")?]);
        ukify.arg(with("linux", self.part("kernel")?));
        ukify.arg(with("initrd", self.part("initrd")?)).arg(with("initrd", addition.to_owned()));
        ukify.arg(format!("--os-release=@{}", self.part("os_release")?.display()));
        ukify.arg(format!("--cmdline={}", self.command_line(mode, work)?));
        ukify.arg(with("output", unsigned.clone()));
        ukify.env("SOURCE_DATE_EPOCH", demo_system::EPOCH);
        ukify.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command::quietly(&mut ukify)?;
        self.key.sign(&unsigned, &signed)?;
        Ok(signed)
    }

    /// The sealed root by its hash and by the medium's names: an installed system has partitions of the same PARTUUIDs.
    fn command_line(&self, mode: Mode, work: &Path) -> Result<String> {
        let mut words = vec![
            text(self.manifest, "/boot/command_line")?.to_owned(),
            format!("root=/dev/mapper/root rootfstype={} ro", text(self.manifest, "/image/file_system")?),
            format!("roothash={}", text(self.manifest, "/image/root_hash")?),
            // By number: a stick with another release has partitions that are called the same.
            format!("systemd.verity_root_data=PARTUUID={}", medium::partition(self.manifest, medium::ROOT_PARTITION)?),
            format!(
                "systemd.verity_root_hash=PARTUUID={}",
                medium::partition(self.manifest, medium::VERITY_PARTITION)?
            ),
            "systemd.verity_root_options=panic-on-corruption".into(),
            format!("systemd.unit=forge-{}.target", mode.name()),
            // Nothing of the disks that are there is used or asked for.
            "systemd.gpt_auto=no fstab=no systemd.swap=no systemd.firstboot=no systemd.getty_auto=no".into(),
            // Anybody can write to the FAT: what lies there as a credential counts only if this machine's TPM sealed it.
            "systemd.credentials_boot_policy=strict".into(),
            // A start that went wrong stays as it is, with what it said: to restart would begin it again, without an end.
            "panic=0 rd.emergency=halt".into(),
            // No login by a virtual machine's own channel, and no key that ends the screen or frees the terminals.
            "systemd.ssh_auto=no sysctl.kernel.sysrq=0".into(),
        ];
        words.push("systemd.mount-extra=tmpfs:/home:tmpfs:mode=0755,nodev,nosuid".into());
        words.extend(MASKED.iter().map(|unit| format!("systemd.mask={unit}")));
        if mode != Mode::Try {
            words.push("systemd.mask=NetworkManager.service".into());
        }
        if mode == Mode::Unattended {
            words.extend(self.answers.words(work)?);
            // What the kernel says of every stick would push away what is said to the person who stands there.
            words.push("console=tty0 console=ttyS0 loglevel=4".into());
        } else {
            // The last one is where the system speaks: the screen.
            words.push("console=ttyS0 console=tty0".into());
        }
        Ok(words.join(" "))
    }
}

/// The SHA-256 of a file, in hexadecimal digits.
pub(super) fn sha256(file: &Path) -> Result<String> {
    let said = command::output(Command::new("/usr/bin/sha256sum").arg(file))?;
    Ok(said.split_whitespace().next().context("sha256sum said nothing")?.to_owned())
}

/// What the initrd of the payload needs on a live medium, as a second archive behind it.
fn addition(work: &Path) -> Result<PathBuf> {
    let (tree, archive) = (work.join("initrd"), work.join("live.cpio"));
    let units = tree.join("etc/systemd/system");
    let wanted = units.join("initrd-fs.target.requires");
    let rules = tree.join("etc/udev/rules.d");
    for (from, to) in [("initrd/systemd", &units), ("initrd/udev", &rules)] {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(live(from)?)? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    fs::create_dir(&wanted)?;
    for mount in ["sysroot-etc.mount", "sysroot-var.mount"] {
        std::os::unix::fs::symlink(format!("../{mount}"), wanted.join(mount))?;
    }
    settle(&tree)?;
    let list = command::output(Command::new("/usr/bin/find").arg(".").current_dir(&tree))?;
    let mut names: Vec<&str> = list.lines().collect();
    names.sort_unstable();
    let names_file = work.join("initrd.names");
    fs::write(&names_file, names.join("\n") + "\n")?;
    let mut cpio = Command::new("/usr/bin/cpio");
    cpio.args(["--create", "--format=newc", "--owner=0:0", "--reproducible", "--quiet"]).current_dir(&tree);
    command::run(cpio.stdin(fs::File::open(names_file)?).stdout(fs::File::create(&archive)?))?;
    Ok(archive)
}

/// Gives everything below a directory one time and plain permissions.
pub fn settle(tree: &Path) -> Result<()> {
    let time = format!("@{}", demo_system::EPOCH);
    command::run(Command::new("/usr/bin/chmod").args(["-R", "u=rwX,go=rX"]).arg(tree))?;
    let mut find = Command::new("/usr/bin/find");
    find.arg(tree).args(["-depth", "-exec", "/usr/bin/touch", "--no-dereference", "--date", &time, "{}", "+"]);
    command::run(&mut find)
}

/// Makes a FAT file system with these files, the same bytes each time.
fn fat(image: &Path, files: &[(PathBuf, String)]) -> Result<PathBuf> {
    const MIB: u64 = 1 << 20;
    let mut bytes = 0;
    for (file, _) in files {
        bytes += file.metadata().with_context(|| file.display().to_string())?.len().next_multiple_of(4096);
    }
    // Room for the tables, and for what a person adds: FAT32 is not smaller than this.
    let size = (bytes + 8 * MIB).next_multiple_of(MIB).max(48 * MIB);
    fs::File::create(image)?.set_len(size)?;
    let tool = |program: &str| {
        let mut command = Command::new(program);
        command.env("SOURCE_DATE_EPOCH", demo_system::EPOCH).env("TZ", "UTC").env("MTOOLS_SKIP_CHECK", "1");
        command
    };
    command::output(
        tool("/usr/sbin/mkfs.fat").args(["-F", "32", "-n", "FORGE_BOOT", "-i", "f04ce11e", "--invariant"]).arg(image),
    )?;
    for folder in ["EFI", "EFI/BOOT", "EFI/forge"] {
        command::run(tool("/usr/bin/mmd").arg("-i").arg(image).arg(format!("::/{folder}")))?;
    }
    for (file, name) in files {
        command::run(tool("/usr/bin/mcopy").arg("-i").arg(image).arg(file).arg(format!("::/{name}")))?;
    }
    Ok(image.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_mode_starts_its_own_target_and_only_the_unattended_one_is_told_of_answers() {
        let manifest = json!({
            "image": { "file_system": "erofs", "root_hash": "00ff".repeat(16) },
            "boot": { "command_line": "rd.emergency=poweroff panic=-1" },
        });
        let key = Key { secret: "/none".into(), certificate: "/none".into() };
        let answers = Answers { file: None, keys: vec![("ABCD".into(), Vec::new())] };
        let boot =
            Boot { payload: Path::new("/"), manifest: &manifest, key: &key, answers: &answers, default: Mode::Install };
        for mode in Mode::ALL {
            let line = boot.command_line(mode, Path::new("/")).unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let targets: Vec<_> = words.iter().filter(|word| word.starts_with("systemd.unit=")).collect();
            assert_eq!(targets, [&format!("systemd.unit=forge-{}.target", mode.name())]);
            assert!(words.contains(&&*format!("roothash={}", "00ff".repeat(16))));
            assert!(words.contains(&"systemd.credentials_boot_policy=strict"));
            // The last one counts.
            let last = |key: &str| words.iter().rfind(|word| word.starts_with(key)).copied();
            assert_eq!((last("panic="), last("rd.emergency=")), (Some("panic=0"), Some("rd.emergency=halt")));
            assert_eq!(words.contains(&"forge.answers.signer=ABCD"), mode == Mode::Unattended);
            assert_eq!(words.contains(&"systemd.mask=NetworkManager.service"), mode != Mode::Try);
        }
    }
}
