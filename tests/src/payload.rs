//! A small payload that is real in everything but its kernel and boot loader.
//!
//! The kernel is systemd's UKI stub and GRUB is systemd-boot: unsigned EFI programs that sign like the real ones. Shim,
//! MokManager and fallback are Debian's own.

use crate::system;
use forge_engine::{
    openpgp::{self, Keys, Validity},
    payload::{MANIFEST, Payload, PayloadError, SIGNATURE, build},
    tool::Tools,
    watch::Unwatched,
};
use forge_model::Manifest;
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

/// A day.
pub const DAY: Duration = Duration::from_secs(86_400);

/// The name of the one service credential.
pub const CREDENTIAL: &str = "forgetest.token";

/// `payload.toml` of the test payload.
pub const SOURCE: &str = r#"version = 1
id = "forgetest"
name = "Forge test system"
release = "1"
root = "root"
kernel = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
kernel_release = "6.18.0-forgetest"
initrd = "initrd"
command_line = "quiet"
shim = "/usr/lib/shim/shimx64.efi.signed"
mok_manager = "/usr/lib/shim/mmx64.efi.signed"
fallback = "/usr/lib/shim/fbx64.efi.signed"
grub = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"
minimum_state_bytes = 16777216
groups = ["sudo"]

[[credential]]
name = "forgetest.token"
kind = "hex"
bytes = 32
unit = "forgetest.service"
"#;

/// A payload on disk with the keys that signed it.
pub struct TestPayload {
    scratch: TempDir,
    /// The keys: the certificate is what an install trusts.
    pub keys: Arc<Keys>,
}

/// The payload that tests share which do not change it; made once, and removed with its last user.
pub fn shared() -> Arc<TestPayload> {
    static SHARED: Mutex<Weak<TestPayload>> = Mutex::new(Weak::new());
    crate::shared(&SHARED, TestPayload::make)
}

/// Keys whose certificate lives ten years and whose release subkey one year, made a day ago.
pub fn keys() -> Keys {
    let validity = Validity { master: 3650 * DAY, release: 365 * DAY };
    openpgp::generate("Forge test releases", SystemTime::now() - DAY, validity).unwrap()
}

impl TestPayload {
    /// Makes one with keys of its own.
    pub fn make() -> Self {
        Self::of_system(system::make)
    }

    /// Makes one whose image is large enough for stages of many updates. It starts as little as the usual one.
    pub fn large() -> Self {
        Self::of_system(|root| {
            system::make(root);
            fs::write(root.join("usr/lib/more"), system::noise(128 << 20)).unwrap();
        })
    }

    /// Another release of the same system, with another image.
    pub fn of_release(release: &str) -> Self {
        let of_root = |root: &Path| {
            system::make(root);
            fs::write(root.join("usr/lib/of-release"), release).unwrap();
        };
        Self::of_sources(of_root, |sources| {
            let source = SOURCE.replace("release = \"1\"", &format!("release = {release:?}"));
            fs::write(sources.join("payload.toml"), source).unwrap();
        })
    }

    fn of_system(make_system: impl Fn(&Path)) -> Self {
        Self::of_sources(make_system, |_| {})
    }

    /// One whose sources are changed before it is made: `root` and `payload.toml` lie in the directory.
    pub(crate) fn of_sources(make_system: impl Fn(&Path), change: impl Fn(&Path)) -> Self {
        let (scratch, keys) = (tempfile::tempdir().unwrap(), keys());
        let sources = tempfile::tempdir().unwrap();
        make_system(&sources.path().join("root"));
        fs::write(sources.path().join("initrd"), b"stands for an initrd").unwrap();
        let source = sources.path().join("payload.toml");
        fs::write(&source, SOURCE).unwrap();
        change(sources.path());
        let output = scratch.path().join("payload");
        let made = build::build(&Tools::default(), &source, &keys.release, &output, SystemTime::now(), &Unwatched);
        made.unwrap().done().unwrap();
        Self { scratch, keys: Arc::new(keys) }
    }

    /// A copy that a test may damage.
    pub fn copy(&self) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        self.copy_to(&scratch.path().join("payload"));
        Self { scratch, keys: self.keys.clone() }
    }

    /// Copies the payload's directory.
    pub fn copy_to(&self, directory: &Path) {
        copy_tree(&self.directory(), directory);
    }

    /// The payload's directory.
    pub fn directory(&self) -> PathBuf {
        self.scratch.path().join("payload")
    }

    /// A file of it.
    pub fn file(&self, path: &str) -> PathBuf {
        self.directory().join(path)
    }

    /// Opens it as an install does.
    pub fn open(&self) -> Result<Payload, PayloadError> {
        Payload::open(&self.directory(), &self.keys.certificate, SystemTime::now())
    }

    /// Its index.
    pub fn manifest(&self) -> Manifest {
        Manifest::parse(&fs::read(self.file(MANIFEST)).unwrap()).unwrap()
    }

    /// Changes the index and signs it again with the release key.
    pub fn edit_and_sign(&self, edit: impl FnOnce(&mut Value)) {
        let mut index: Value = serde_json::from_slice(&fs::read(self.file(MANIFEST)).unwrap()).unwrap();
        edit(&mut index);
        let bytes = serde_json::to_vec(&index).unwrap();
        fs::write(self.file(MANIFEST), &bytes).unwrap();
        self.sign(&self.keys.release, SystemTime::now());
    }

    /// Signs the index as it is with any key.
    pub fn sign(&self, release_key: &[u8], now: SystemTime) {
        let index = fs::read(self.file(MANIFEST)).unwrap();
        fs::write(self.file(SIGNATURE), openpgp::sign(&index, release_key, now).unwrap()).unwrap();
    }
}

/// Changes one bit of a file.
pub fn flip(path: &Path, offset: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_tree(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
