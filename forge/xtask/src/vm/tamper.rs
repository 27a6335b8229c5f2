//! Edits of a raw disk image without mounting anything: what an attacker, or bad luck, does to it.
use super::scratch::Scratch;
use super::tool::run;
use crate::iso;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const ESP: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
const ROOT: &str = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
const STATE: &str = "4D21B016-B534-45C2-A9FB-5C16E091FD2D";
/// The machine's boot key, as a path inside the state file system (which is mounted at /var).
const BOOT_KEY: &str = "/lib/forge/mok/boot.key";
const ADDON_STUB: &str = "/usr/lib/systemd/boot/efi/addonx64.efi.stub";
/// Makes the guest talk on the serial line: errors of the kernel, and a login.
const ADDON_CMDLINE: &str = "console=ttyS0 loglevel=4 systemd.log_level=warning";

/// A raw disk image with a GPT.
pub(super) struct Disk {
    path: PathBuf,
    /// Partition type and first byte.
    partitions: Vec<(String, u64)>,
}

impl Disk {
    /// Copies an image; holes stay holes.
    pub(super) fn copy(from: &Path, to: &Path) -> Result<Self> {
        run("/usr/bin/cp", &["--sparse=always".as_ref(), "--reflink=auto".as_ref(), from.as_os_str(), to.as_os_str()])?;
        let table: Value = serde_json::from_slice(&run("/usr/sbin/sfdisk", &["-J".as_ref(), to.as_os_str()])?)?;
        let table = &table["partitiontable"];
        let sector = table["sectorsize"].as_u64().unwrap_or(512);
        let entries = table["partitions"].as_array().context("sfdisk listed no partitions")?;
        let partitions = entries.iter().filter_map(|p| {
            let start = p["start"].as_u64()? * sector;
            Some((p["type"].as_str()?.to_uppercase(), start))
        });
        Ok(Self { path: to.to_owned(), partitions: partitions.collect() })
    }

    /// The image.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// First byte of the first partition of a type; slot A comes before slot B.
    fn start_of(&self, kind: &str) -> Result<u64> {
        let found = self.partitions.iter().find(|(k, _)| k == kind);
        Ok(found.with_context(|| format!("{} has no partition of type {kind}", self.path.display()))?.1)
    }

    /// First byte of system image A.
    pub(super) fn root(&self) -> Result<u64> {
        self.start_of(ROOT)
    }

    /// Flips one bit of the superblock block of system image A (EROFS and ext4 keep it 1,024 bytes in).
    pub(super) fn flip_in_system_image(&self) -> Result<()> {
        self.flip(self.start_of(ROOT)? + 1024 + 80)
    }

    /// Runs a program of mtools on the ESP.
    fn mtools(&self, program: &str, options: &[&str], names: &[OsString]) -> Result<Vec<u8>> {
        let mut image = self.path.clone().into_os_string();
        image.push(format!("@@{}", self.start_of(ESP)?));
        let mut args: Vec<OsString> = options.iter().map(OsString::from).collect();
        args.extend(["-i".into(), image]);
        args.extend_from_slice(names);
        run(&format!("/usr/bin/{program}"), &args)
    }

    /// Paths on the ESP (`EFI/…`), in lower case, that `want` accepts, in the spelling they have there.
    fn esp_files(&self, want: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        let list = String::from_utf8(self.mtools("mdir", &["-b", "-/"], &["::/".into()])?)?;
        let files = list.lines().filter_map(|line| line.trim().strip_prefix("::/"));
        Ok(files.filter(|f| want(&f.to_lowercase())).map(str::to_owned).collect())
    }

    /// All boot images (UKIs) on the ESP: an installed system's, or those of a live medium.
    pub(super) fn ukis(&self) -> Result<Vec<String>> {
        let depth = |f: &str| f.matches('/').count();
        let place = |f: &str| f.starts_with("efi/linux/") || f.starts_with("efi/forge/");
        self.esp_files(|f| place(f) && f.ends_with(".efi") && depth(f) == 2)
    }

    /// Flips one bit in the middle of a file on the ESP.
    fn flip_in_file(&self, file: &str) -> Result<()> {
        let scratch = Scratch::new()?;
        let (inside, outside) = (OsString::from(format!("::/{file}")), scratch.path("file"));
        self.mtools("mcopy", &["-n"], &[inside.clone(), outside.clone().into()])?;
        let mut bytes = std::fs::read(&outside)?;
        let middle = bytes.len() / 2;
        *bytes.get_mut(middle).with_context(|| format!("{file} is empty"))? ^= 1;
        std::fs::write(&outside, bytes)?;
        self.mtools("mcopy", &["-o"], &[outside.into(), inside])?;
        Ok(())
    }

    /// Flips one bit in every boot image.
    pub(super) fn flip_in_ukis(&self) -> Result<()> {
        self.flip_all(&self.ukis()?, "boot image")
    }

    /// Flips one bit in every copy of GRUB.
    pub(super) fn flip_in_grub(&self) -> Result<()> {
        self.flip_all(&self.esp_files(|f| f.ends_with("/grubx64.efi"))?, "GRUB")
    }

    /// Lets the files of two lines of a live medium's menu change places.
    pub(super) fn swap_files(&self, [one, other]: [&str; 2]) -> Result<()> {
        let scratch = Scratch::new()?;
        let [first, second] = ["one", "other"].map(|name| scratch.path(name));
        self.take_file(one, &first)?;
        self.take_file(other, &second)?;
        self.put_file(&first, other)?;
        self.put_file(&second, one)
    }

    /// Puts a credential on the ESP that systemd-stub hands to whatever is started: sealed with the key that everybody has.
    pub(super) fn add_credential(&self, name: &str, content: &str) -> Result<()> {
        let scratch = Scratch::new()?;
        let [plain, sealed] = ["plain", "sealed"].map(|name| scratch.path(name));
        std::fs::write(&plain, content)?;
        let named = format!("--name={name}");
        let words: [&OsStr; 5] =
            ["encrypt".as_ref(), "--with-key=null".as_ref(), named.as_ref(), plain.as_os_str(), sealed.as_os_str()];
        run("/usr/bin/systemd-creds", &words)?;
        for folder in ["loader", "loader/credentials"] {
            if self.esp_folders()?.iter().all(|known| known != folder) {
                self.mtools("mmd", &[], &[format!("::/{folder}").into()])?;
            }
        }
        self.put_file(&sealed, &format!("loader/credentials/{name}.cred"))
    }

    /// Folders on the ESP, in lower case.
    fn esp_folders(&self) -> Result<Vec<String>> {
        let list = self.esp_files(|name| name.ends_with('/'))?;
        Ok(list.iter().map(|name| name.trim_end_matches('/').to_lowercase()).collect())
    }

    /// Writes a file of the ESP, in the place of one that may be there.
    fn put_file(&self, from: &Path, name: &str) -> Result<()> {
        self.mtools("mcopy", &["-o"], &[from.into(), format!("::/{name}").into()]).map(drop)
    }

    fn flip_all(&self, files: &[String], what: &str) -> Result<()> {
        ensure!(!files.is_empty(), "the ESP holds no {what}");
        files.iter().try_for_each(|file| self.flip_in_file(file))
    }

    /// Copies a file of the ESP.
    pub(super) fn take_file(&self, name: &str, to: &Path) -> Result<()> {
        self.mtools("mcopy", &["-n", "-o"], &[format!("::/{name}").into(), to.into()])?;
        Ok(())
    }

    /// Flips one bit in the middle of a file of an ISO9660.
    pub(super) fn flip_in_iso_file(&self, name: &str) -> Result<()> {
        let (start, bytes) = iso::extent(&self.path, &format!("/{name}"))?;
        self.flip(start + bytes / 2)
    }

    fn flip(&self, offset: u64) -> Result<()> {
        let disk = File::options().read(true).write(true).open(&self.path)?;
        let mut byte = [0];
        disk.read_exact_at(&mut byte, offset)?;
        byte[0] ^= 1;
        Ok(disk.write_all_at(&byte, offset)?)
    }

    /// Copies the certificate of the machine's key, which lies on the ESP for MokManager.
    pub(super) fn take_certificate(&self, to: &Path) -> Result<()> {
        let found = self.esp_files(|f| f.ends_with("-key.cer"))?;
        let name = found.first().context("the ESP holds no certificate")?;
        self.mtools("mcopy", &["-n", "-o"], &[format!("::/{name}").into(), to.into()])?;
        Ok(())
    }

    /// Makes the guest talk on the serial line, which an installed system does not do by itself.
    ///
    /// A UKI's command line is sealed; only an addon signed by the machine's own key may add to it.
    /// The key is read out of the state partition. Only a test can do that, on an unencrypted file.
    pub(super) fn add_console(&self, certificate: &Path) -> Result<()> {
        let scratch = Scratch::new()?;
        let [key, pem, plain, signed] = ["key", "pem", "plain.efi", "signed.efi"].map(|n| scratch.path(n));
        let image = format!("{}?offset={}", self.path.display(), self.start_of(STATE)?);
        let dump = format!("dump {BOOT_KEY} {}", key.display());
        run("/usr/sbin/debugfs", &["-R", &dump, &image])?;
        if std::fs::metadata(&key).map_or(0, |m| m.len()) == 0 {
            bail!("the state partition of {} holds no {BOOT_KEY}", self.path.display());
        }
        let words = |list: &[&dyn AsRef<std::ffi::OsStr>]| list.iter().map(OsString::from).collect::<Vec<_>>();
        run("/usr/bin/openssl", &words(&[&"x509", &"-in", &certificate, &"-out", &pem]))?;
        run(
            "/usr/bin/ukify",
            &words(&[&"build", &"--stub", &ADDON_STUB, &"--cmdline", &ADDON_CMDLINE, &"--output", &plain]),
        )?;
        run("/usr/bin/sbsign", &words(&[&"--key", &key, &"--cert", &pem, &"--output", &signed, &plain]))?;
        let ukis = self.ukis()?;
        ensure!(!ukis.is_empty(), "the ESP holds no boot image in EFI/Linux");
        for uki in ukis {
            let folder = format!("::/{uki}.extra.d");
            if self.esp_files(|f| f.starts_with(&format!("{}.extra.d/", uki.to_lowercase())))?.is_empty() {
                self.mtools("mmd", &[], &[folder.clone().into()])?;
            }
            let addon = format!("{folder}/console.addon.efi");
            self.mtools("mcopy", &["-o"], &[signed.clone().into(), addon.into()])?;
        }
        Ok(())
    }
}
