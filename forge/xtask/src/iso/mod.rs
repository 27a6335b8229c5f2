//! `cargo xtask iso`: the live medium, as an ISO that starts as a CD and as a USB stick, under Secure Boot.
//!
//! ```text
//! ISO9660  payload/ (the system image among it), answers.toml, answers-keys/     forge-live-medium
//!   system.img     of the payload, also a partition: the sealed live root        forge-live-root
//!   system.verity  the same, its hash tree                                       forge-live-verity
//! FAT      shim, GRUB, a boot image for each mode (El Torito and ESP)            forge-live-esp
//! ```
//! [`boot`] makes and signs what is started, [`medium`] puts everything into one file. What is started is signed by a key
//! of the demo's own, made once; it stands in for the key that InterGenOS's shim is built with, and no firmware knows it.
mod boot;
mod medium;

pub use medium::extent;

use crate::{command, demo, paths, workbench};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What the medium is called, by everything that looks for it.
pub const VOLUME: &str = "FORGE_LIVE";

/// What goes onto the medium.
#[derive(clap::Args)]
pub struct Args {
    /// Where the ISO goes; target/demo/forge-live.iso when left out.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Answers for "Install unattended"; their hash is on that entry's signed command line.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// A certificate whose signed answers may run alone; its fingerprint is on the signed command line.
    #[arg(long, value_name = "CERTIFICATE")]
    answers_key: Vec<PathBuf>,
    /// What the menu starts by itself; with --answers, unattended.
    #[arg(long, value_name = "MODE")]
    default: Option<Mode>,
    /// Builds it twice, in different places, and compares the bytes.
    #[arg(long)]
    check: bool,
}

/// What a person can start from the medium.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// The system, to look at.
    Try,
    /// The installer, and nothing else.
    Install,
    /// The installer, without a person.
    Unattended,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Try, Self::Install, Self::Unattended];

    fn name(self) -> &'static str {
        match self {
            Self::Try => "try",
            Self::Install => "install",
            Self::Unattended => "unattended",
        }
    }
}

/// Makes the ISO and prints where it is.
pub fn run(args: &Args) -> Result<()> {
    workbench::enter()?;
    let (place, _) = demo::prepare()?;
    let output = args.output.clone().unwrap_or_else(|| place.join("forge-live.iso"));
    make(args, &place, &output)?;
    if args.check {
        let again = output.with_extension("again.iso");
        make(args, &place, &again)?;
        command::run(Command::new("/usr/bin/cmp").arg(&output).arg(&again))
            .context("two builds of the ISO are not the same")?;
        fs::remove_file(again)?;
        eprintln!("Two builds of the ISO are the same bytes.");
    }
    println!("{}", output.display());
    Ok(())
}

impl Args {
    /// The usual one, built twice and compared.
    pub fn checked() -> Self {
        Self { output: None, answers: None, answers_key: Vec::new(), default: None, check: true }
    }

    /// A medium with nothing but the demo, for a test; then with answers, for another one.
    pub fn with(answers: Option<PathBuf>, answers_key: Vec<PathBuf>, default: Mode) -> Self {
        Self { output: None, answers, answers_key, default: Some(default), check: false }
    }
}

/// The certificate that a firmware has to know before it starts the medium.
pub fn certificate(place: &Path) -> PathBuf {
    place.join("keys/medium.pem")
}

/// Makes the ISO with what these arguments say, of the payload in the demo's folder.
pub fn make(args: &Args, place: &Path, output: &Path) -> Result<()> {
    let work = output.with_extension("work");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir(&work)?;
    let payload = place.join("payload");
    let manifest = fs::read(payload.join("manifest.json"))?;
    let manifest: Value = serde_json::from_slice(&manifest)?;
    let answers = Answers::new(args, &work)?;
    let default = args.default.unwrap_or(if args.answers.is_some() { Mode::Unattended } else { Mode::Install });
    let key = boot::Key::made_once(&place.join("keys"))?;
    let esp =
        boot::Boot { payload: &payload, manifest: &manifest, key: &key, answers: &answers, default }.make(&work)?;
    medium::write(&work, &payload, &manifest, &answers, &esp, output)?;
    fs::remove_dir_all(work)?;
    Ok(())
}

/// The answers that the medium brings, and whose signed answers it lets run alone.
pub(super) struct Answers {
    file: Option<Vec<u8>>,
    /// Fingerprint and certificate.
    keys: Vec<(String, Vec<u8>)>,
}

impl Answers {
    fn new(args: &Args, scratch: &Path) -> Result<Self> {
        let read = |path: &PathBuf| fs::read(path).with_context(|| format!("{} can not be read", path.display()));
        let keys = args.answers_key.iter().map(|path| Ok((fingerprint(path, scratch)?, read(path)?)));
        Ok(Self { file: args.answers.as_ref().map(read).transpose()?, keys: keys.collect::<Result<_>>()? })
    }

    /// What the unattended mode is told of them.
    fn words(&self, scratch: &Path) -> Result<Vec<String>> {
        let mut words: Vec<String> = self.keys.iter().map(|(id, _)| format!("forge.answers.signer={id}")).collect();
        if let Some(file) = &self.file {
            let copy = scratch.join("answers.toml");
            fs::write(&copy, file)?;
            let sum = boot::sha256(&copy)?;
            words.insert(0, format!("forge.answers=/answers.toml forge.answers.sha256={sum}"));
        }
        Ok(words)
    }
}

/// The fingerprint of an OpenPGP certificate: GnuPG's word for it, a second opinion on what Forge computes itself.
fn fingerprint(certificate: &Path, scratch: &Path) -> Result<String> {
    let home = scratch.join("gnupg");
    fs::create_dir_all(&home)?;
    let mut gpg = Command::new("/usr/bin/gpg");
    gpg.arg("--homedir").arg(&home).args(["--quiet", "--batch", "--no-permission-warning"]);
    let said = command::output(gpg.args(["--with-colons", "--show-keys"]).arg(certificate))?;
    // The first fingerprint is that of the primary key.
    let line = said.lines().find_map(|line| line.strip_prefix("fpr:"));
    let id = line.and_then(|line| line.split(':').find(|field| !field.is_empty()));
    id.map(str::to_owned).with_context(|| format!("{} is no certificate", certificate.display()))
}

/// A file below `data/live`.
pub(super) fn live(name: &str) -> Result<PathBuf> {
    Ok(paths::repository()?.join("data/live").join(name))
}

/// A text of the manifest, by its JSON pointer.
pub(super) fn text<'a>(manifest: &'a Value, pointer: &str) -> Result<&'a str> {
    manifest.pointer(pointer).and_then(Value::as_str).with_context(|| format!("the manifest has no {pointer}"))
}
