//! A machine that starts unattended: what its kernel, firmware and medium say, who brings what, and what its consoles show.

use crate::bench::{Bench, USUAL, said};
use forge_engine::{
    efivars::{GLOBAL, PERSISTENT, Variable, Variables},
    openpgp::{Keys, fingerprint, sign_answers},
};
use forge_tests::{
    job::ANSWERS,
    look::run,
    payload::{TestPayload, keys, shared},
    private::{LoopDisk, Make, Person, System, until},
};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use sha2::{Digest, Sha256};
use std::{
    cell::Cell,
    fs::{self, File, Permissions},
    io::{Read, Write},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::{Child, Output, Stdio},
    sync::{Arc, Mutex},
    time::SystemTime,
};

/// What opens the credentials.
pub const PASSPHRASE: &str = "canary-that-opens-what-is-sealed";
/// The serial number of the disk that the answers mean.
pub const DISK: &str = "WANTED";
/// The machine that the answers are for.
const SERIAL: &str = "MACHINE-17";
const PORT: &str = "dev/virtio-ports/org.intergenos.forge.progress";

/// The machine.
pub struct Scene<'a> {
    pub system: &'a System,
    pub bench: Bench<'a>,
    pub keys: Keys,
    root: PathBuf,
    credentials: PathBuf,
    /// The first screen, and a serial line.
    pub consoles: [Terminal; 2],
}

/// A console.
pub struct Terminal {
    master: File,
    shown: Arc<Mutex<Vec<u8>>>,
    /// What was shown before the last start ends here.
    start: Cell<usize>,
}

impl Terminal {
    /// Somebody reads what it shows all the time.
    fn new(link: &Path) -> Self {
        let terminal = Self::stuck(link);
        let (mut reader, shown) = (terminal.master.try_clone().unwrap(), Arc::clone(&terminal.shown));
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut part) {
                shown.lock().unwrap().extend_from_slice(&part[..n]);
            }
        });
        terminal
    }

    /// Nobody reads what it shows, so that its line is full soon.
    pub fn stuck(link: &Path) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let slave = ptsname(&master, Vec::new()).unwrap();
        let slave = Path::new(slave.to_str().unwrap());
        chown(slave, Some(Person::Allowed.uid()), None).unwrap();
        let _ = fs::remove_file(link);
        symlink(slave, link).unwrap();
        // While one end is never open, the other one says that the line hangs.
        std::mem::forget(File::options().read(true).write(true).open(slave).unwrap());
        Self { master: File::from(master), shown: Arc::default(), start: Cell::new(0) }
    }

    /// What is shown from now on is what a start shows. The reader of the last one may be a moment behind.
    fn begin(&self) {
        loop {
            let before = self.shown.lock().unwrap().len();
            std::thread::sleep(std::time::Duration::from_millis(50));
            if self.shown.lock().unwrap().len() == before {
                return self.start.set(before);
            }
        }
    }

    /// What it showed since the last start.
    pub fn since_start(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()[self.start.get()..]).into_owned()
    }

    /// Everything that it showed.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Somebody presses a key.
    pub fn press(&self, key: u8) {
        (&self.master).write_all(&[key]).unwrap();
    }

    /// Waits until it shows something, since the last start.
    pub fn until(&self, words: &str) {
        until(words, || self.since_start().contains(words).then_some(()));
    }
}

impl<'a> Scene<'a> {
    pub fn new(system: &'a System) -> Self {
        Self::with(system, shared())
    }

    /// With a payload of its own.
    pub fn with(system: &'a System, payload: Arc<TestPayload>) -> Self {
        Self::build(system, payload, &[])
    }

    /// With a firmware that takes a boot entry.
    pub fn with_firmware(system: &'a System) -> Self {
        let (efivars, keys) = (system.disks().with_file_name("efivars"), system.disks().with_file_name("keys"));
        for directory in [&efivars, &keys] {
            fs::create_dir(directory).unwrap();
        }
        let on = Variable { attributes: PERSISTENT, data: vec![1] };
        Variables::at(efivars.clone()).write("SecureBoot", GLOBAL, &on).unwrap();
        let options = ["--efivars", efivars.to_str().unwrap(), "--keys", keys.to_str().unwrap()];
        Self::build(system, shared(), &options)
    }

    fn build(system: &'a System, payload: Arc<TestPayload>, more: &[&str]) -> Self {
        let root = system.disks().parent().unwrap().join("machine");
        for directory in ["proc", "dev/virtio-ports", "sys/class/tty/console", "sys/class/dmi/id", "run/forge/medium"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        let credentials = root.join("credentials");
        fs::create_dir(&credentials).unwrap();
        let write = |name: &str, text: &str| fs::write(root.join(name), text).unwrap();
        write("proc/cmdline", "quiet systemd.unit=forge-unattended.target\n");
        write("sys/class/tty/console/active", "tty0 ttyS0\n");
        for (name, text) in [("sys_vendor", "Example"), ("product_name", "Desk 9"), ("product_serial", SERIAL)] {
            write(&format!("sys/class/dmi/id/{name}"), &format!("{text}\n"));
        }
        write(PORT, "");
        let dmi = root.join("sys/class/dmi/id");
        let options = ["--idle-ms", "20000", "--settle-ms", "0", "--dmi", dmi.to_str().unwrap()];
        let bench = Bench::with(system, payload, &[&options[..], more].concat());
        let consoles = ["tty1", "ttyS0"].map(|name| Terminal::new(&root.join("dev").join(name)));
        let scene = Self { system, bench, keys: keys(), root, credentials, consoles };
        scene.credential("forge.seal", PASSPHRASE);
        for directory in ["run/forge", "dev/virtio-ports", PORT] {
            chown(scene.root.join(directory), Some(Person::Allowed.uid()), Some(Person::Allowed.uid())).unwrap();
        }
        scene
    }

    /// Answers that may run alone here: the disk is named by its serial number.
    pub fn answers(&self) -> String {
        let erase = "esp-mib = 64";
        assert!(ANSWERS.contains(erase));
        let disk = format!("{erase}\nmatch = {{ serial = \"{DISK}\" }}");
        format!(
            "{}\n[machine]\nvendor = \"Example\"\nserial = \"{SERIAL}\"\n\n[unattended]\nexit = \"stay\"\n\n\
             [unattended.credentials]\npassphrase = {{ credential = \"forge.seal\" }}\nleave-on = \"answers-volume\"\n",
            ANSWERS.replace(erase, &disk)
        )
    }

    /// The disk that they mean.
    pub fn disk(&self) -> LoopDisk<'a> {
        LoopDisk::new(self.system, DISK, USUAL, 512)
    }

    /// The machine's firmware brings a credential. Its answers get a second name from the unit.
    pub fn credential(&self, name: &str, text: &str) {
        if name == "forge.answers" {
            self.credential_of_esp("given-forge.answers", text);
        }
        self.credential_of_esp(name, text);
    }

    /// The ESP brings a credential.
    pub fn credential_of_esp(&self, name: &str, text: &str) {
        let path = self.credentials.join(name);
        fs::write(&path, text).unwrap();
        chown(&path, Some(Person::Allowed.uid()), None).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    /// Answers on the medium that the command line names with a hash; the hash of other bytes, where that is asked for.
    pub fn pin(&self, answers: &str, hashed: &str) {
        fs::write(self.root.join("run/forge/medium/answers.toml"), answers).unwrap();
        let hash = hex::encode(Sha256::digest(hashed));
        self.command_line(&format!("forge.answers=/answers.toml forge.answers.sha256={hash}"));
    }

    /// More on the kernel's command line.
    pub fn command_line(&self, more: &str) {
        fs::write(self.root.join("proc/cmdline"), format!("quiet {more}\n")).unwrap();
    }

    /// The medium lists the certificate that signs answers.
    pub fn list_signer(&self) {
        let directory = self.root.join("run/forge/medium/answers-keys");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("admin.pgp"), &self.keys.certificate).unwrap();
        let fingerprint = fingerprint(&self.keys.certificate).unwrap();
        self.command_line(&format!("forge.answers.signer={}", fingerprint.to_hex()));
    }

    /// A signature of answers.
    pub fn sign(&self, answers: &str) -> Vec<u8> {
        sign_answers(answers.as_bytes(), &self.keys.release, SystemTime::now()).unwrap()
    }

    /// A volume with the label, for the person who runs it; on a stick.
    pub fn volume(&self, serial: &str, files: &[(&str, &[u8])]) -> LoopDisk<'a> {
        self.volume_of(Person::Allowed.uid(), serial, files)
    }

    /// The same, on which only this user can write.
    pub fn volume_of(&self, id: u32, serial: &str, files: &[(&str, &[u8])]) -> LoopDisk<'a> {
        let content = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(content.path().join(name), bytes).unwrap();
        }
        let image = self.bench.path(&format!("{serial}.ext4"));
        let said = run(
            "mke2fs",
            &[
                "-q",
                "-F",
                "-t",
                "ext4",
                "-L",
                "FORGE-ANSWERS",
                "-E",
                &format!("root_owner={id}:{id}"),
                "-d",
                content.path().to_str().unwrap(),
                image.to_str().unwrap(),
                "16M",
            ],
        );
        assert!(said.well, "{}", said.text);
        self.plug(serial, &image)
    }

    /// Puts in a stick that has this content.
    pub fn plug(&self, serial: &str, image: &Path) -> LoopDisk<'a> {
        LoopDisk::make(self.system, Make { serial, size: 16 << 20, content: Some(image), ..Make::default() })
    }

    /// `forgectl unattended`, as a person who may.
    pub fn start(&self, words: &[&str]) -> Child {
        self.consoles.iter().for_each(Terminal::begin);
        let root = self.root.to_str().unwrap();
        let mut command = self.bench.forgectl(Person::Allowed, &["unattended", "--root", root, "--settle", "0"]);
        command.args(words).env("CREDENTIALS_DIRECTORY", &self.credentials);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The same to its end, with a countdown of a second.
    pub fn run(&self) -> Output {
        self.start(&["--countdown", "1"]).wait_with_output().unwrap()
    }

    /// Runs, and expects that it stops with this exit code and these words on every console, and writes nothing.
    pub fn refused(&self, disk: &LoopDisk, code: i32, words: &[&str]) {
        let before = forge_tests::disk::digest(disk.file());
        let output = self.run();
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        self.every_console_says(words);
        let last = format!("exit code {code}. This machine stays as it is.");
        self.every_console_says(&[&last]);
        assert!(!self.consoles[0].since_start().contains("It begins."), "{}", self.consoles[0].text());
        assert_eq!(forge_tests::disk::digest(disk.file()), before);
    }

    /// Expects words on every console since the last start.
    pub fn every_console_says(&self, words: &[&str]) {
        for console in &self.consoles {
            for words in words {
                let all = || format!("{words:?} is not in {}", console.text());
                // The reader of the pseudo-terminal may be a moment behind.
                let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
                while !console.since_start().contains(words) {
                    assert!(std::time::Instant::now() < end, "{}", all());
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            }
        }
    }

    /// The events on the port, of one kind.
    pub fn events(&self, kind: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.root.join(PORT)).unwrap();
        let all = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect(line));
        all.filter(|event| event["event"] == kind).collect()
    }

    /// A file of the machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

/// The files of a volume that nobody has mounted, by their paths on it.
pub fn left_on(volume: &LoopDisk) -> Vec<(String, Vec<u8>)> {
    let scratch = tempfile::tempdir().unwrap();
    let said =
        run("debugfs", &["-R", &format!("rdump / {}", scratch.path().display()), volume.file().to_str().unwrap()]);
    assert!(said.well, "{}", said.text);
    let (mut found, mut pending) = (Vec::new(), vec![scratch.path().to_owned()]);
    while let Some(directory) = pending.pop() {
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(scratch.path()).unwrap().display().to_string();
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// One of the files that were left, by the end of its name.
pub fn file<'f>(left: &'f [(String, Vec<u8>)], name: &str) -> &'f [u8] {
    let names: Vec<_> = left.iter().map(|(name, _)| name).collect();
    &left.iter().find(|(path, _)| path.ends_with(name)).unwrap_or_else(|| panic!("{name} is not in {names:?}")).1
}

/// Stands for logind, which a private system has not: it writes down what it is asked for.
pub struct Login {
    asked: Arc<Mutex<Vec<String>>>,
    _bus: zbus::Connection,
}

struct Manager(Arc<Mutex<Vec<String>>>);

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    async fn reboot(&self, interactive: bool) {
        self.0.lock().unwrap().push(format!("Reboot {interactive}"));
    }

    async fn power_off(&self, interactive: bool) {
        self.0.lock().unwrap().push(format!("PowerOff {interactive}"));
    }
}

impl Login {
    pub fn new(system: &System) -> Self {
        let asked = Arc::default();
        let manager = Manager(Arc::clone(&asked));
        let bus = system.block_on(async {
            let bus = zbus::connection::Builder::system();
            bus.serve_at("/org/freedesktop/login1", manager).name("org.freedesktop.login1").build().await
        });
        Self { asked, _bus: bus.unwrap() }
    }

    /// What it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}
