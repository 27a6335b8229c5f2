//! What the tests of the helper share: the real helper behind the real bus, the small payload, `forgectl` as a person runs it.

use forge_tests::{
    job::ANSWERS,
    payload::{TestPayload, shared},
    private::{LoopDisk, Person, System},
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

/// The host's kernel may know no GPT: nothing waits for partitions here. Milliseconds that the helper stays when nobody needs it: long enough for a test's pauses.
const IDLE: &str = "2000";
/// The size of a disk that the small payload fits on.
pub const USUAL: u64 = 512 << 20;

/// The helper and what it installs.
pub struct Bench<'a> {
    pub system: &'a System,
    pub payload: Arc<TestPayload>,
    place: PathBuf,
}

impl<'a> Bench<'a> {
    /// The usual payload; the bus starts the helper from now on.
    pub fn new(system: &'a System) -> Self {
        Self::with(system, shared(), &["--idle-ms", IDLE, "--settle-ms", "0"])
    }

    /// Another payload, other options.
    pub fn with(system: &'a System, payload: Arc<TestPayload>, options: &[&str]) -> Self {
        let place = system.disks().parent().unwrap().join("bench");
        fs::create_dir(&place).unwrap();
        fs::set_permissions(&place, Permissions::from_mode(0o755)).unwrap();
        fs::write(place.join("certificate.pgp"), &payload.keys.certificate).unwrap();
        fs::write(place.join("answers.toml"), ANSWERS).unwrap();
        // Programs may lie where an ordinary person can not go.
        fs::copy(program("forgectl"), place.join("forgectl")).unwrap();
        let bench = Self { system, payload, place };
        let (payload, certificate) = (bench.payload.directory(), bench.path("certificate.pgp"));
        let mut arguments =
            vec!["--payload", payload.to_str().unwrap(), "--certificate", certificate.to_str().unwrap()];
        arguments.extend(options);
        system.helper(&program("forge-helper"), &arguments);
        bench
    }

    /// From now on the bus starts the helper under another program, such as `strace` with its options.
    pub fn helper_under(&self, program_and_options: &[&str], options: &[&str]) {
        let (payload, certificate) = (self.payload.directory(), self.path("certificate.pgp"));
        let helper = program("forge-helper");
        let mut words = program_and_options[1..].to_vec();
        words.extend([helper.to_str().unwrap(), "--payload", payload.to_str().unwrap()]);
        words.extend(["--certificate", certificate.to_str().unwrap()]);
        words.extend(options);
        self.system.helper(program_and_options[0].as_ref(), &words);
    }

    /// A file of it, readable by everybody.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    /// Other answers from now on.
    pub fn answer(&self, from: &str, to: &str) {
        assert!(ANSWERS.contains(from));
        fs::write(self.path("answers.toml"), ANSWERS.replace(from, to)).unwrap();
    }

    /// A directory that this person owns.
    pub fn directory_of(&self, person: Person, name: &str) -> PathBuf {
        let directory = self.path(name);
        fs::create_dir_all(&directory).unwrap();
        chown(&directory, Some(person.uid()), Some(person.uid())).unwrap();
        directory
    }

    /// `forgectl` as this person runs it.
    pub fn forgectl(&self, person: Person, words: &[&str]) -> Command {
        let mut command = self.system.command_as(person, self.path("forgectl"));
        command.args(words);
        command
    }

    /// `forgectl VERB` for a disk, with the usual answers.
    pub fn on(&self, person: Person, verb: &str, disk: &LoopDisk<'_>) -> Command {
        let mut command = self.forgectl(person, &[verb, "--target", &disk.node(), "--answers"]);
        command.arg(self.path("answers.toml"));
        command
    }

    /// `forgectl install` for a disk; hands over into the person's directory `handover`.
    pub fn install(&self, person: Person, disk: &LoopDisk<'_>) -> Command {
        let mut command = self.on(person, "install", disk);
        command.arg("--output").arg(self.directory_of(person, "handover"));
        command
    }

    /// Expects that a disk was installed well: `forgectl verify` finds nothing wrong with what its file holds.
    pub fn assert_installed(&self, disk: &LoopDisk<'_>) {
        let receipt = self.path("handover").join("receipt.json");
        let mut command = Command::new(self.path("forgectl"));
        let output = command.arg("verify").arg(disk.file()).arg("--receipt").arg(receipt).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
}

/// A program of ours, built beside this test.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join(name);
    assert!(program.exists(), "{} is not built: cargo build --workspace", program.display());
    program
}

/// Everything that a program said.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
