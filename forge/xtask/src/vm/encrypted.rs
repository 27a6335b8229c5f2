//! An encrypted state: asked for before the system starts, on the keyboard that was chosen.
use super::anew;
use super::attached::Attached;
use super::checks;
use super::demo::Demo;
use super::firmware::Store;
use super::guest::Guest;
use super::machine::{BOOT_FAILURES, Machine, Parts};
use super::mokmanager;
use super::scenarios::Stage;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::path::Path;

/// The prompt is on the screen, where the keyboard is, and on the serial line, where it can be read.
const CONSOLES: &str = "console=tty0 console=ttyS0 loglevel=4 systemd.log_level=warning";
/// What systemd asks.
const PROMPT: &str = r"(?i)Please enter (passphrase|password|recovery key|passphrase or recovery key)[^\n]*state";

/// Starts the disk twice: the passphrase opens it, on a German keyboard, and then the recovery key.
pub(super) fn run_it(stage: &Stage) -> Result<()> {
    let name = "encrypted";
    let folder = stage.out().join(name);
    let demo = install(stage, &folder)?;
    let secret = |key: &str| -> Result<String> {
        let credentials: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("credentials"))?)?;
        let found = credentials.pointer(&format!("/disk/{key}")).and_then(|value| value.as_str());
        found.map(str::to_owned).with_context(|| format!("the credentials have no {key}"))
    };
    // The key that could sign an addon lies in the encrypted state.
    let attached = Attached { more_words: Some(CONSOLES), ..Attached::default() };
    let start = |store: &Store| {
        Machine::start(&Parts { name, disk: &demo.disk, snapshot: false, store, out: stage.out(), attached: &attached })
    };
    let store = Store::microsoft(stage.store(name))?;
    store.set(&demo.variables)?;

    let mut machine = start(&store)?;
    mokmanager::enroll(&mut machine, &demo.mok_code)?;
    answer(&mut machine, "prompt", "not this one")?;
    answer(&mut machine, "again", &secret("passphrase")?)?;
    let mut guest = Guest::root(&mut machine, &demo)?;
    guest.output("findmnt --noheadings --output SOURCE /var | grep -x /dev/mapper/state")?;
    guest.output("dmsetup table state | grep -F 'crypt aes-xts-plain64'")?;
    checks::all(&mut guest, &demo)?;
    guest.power_off()?;
    drop(machine);

    let mut machine = start(&store)?;
    answer(&mut machine, "recovery", &secret("recovery-key")?)?;
    let guest = Guest::root(&mut machine, &demo)?;
    guest.power_off()?;
    drop(machine);
    Ok(fs::remove_dir_all(folder)?)
}

/// Types at the prompt as a hand on a German keyboard does.
fn answer(machine: &mut Machine, label: &str, text: &str) -> Result<()> {
    machine.expect_unless(&[PROMPT], &BOOT_FAILURES, 240)?;
    machine.settle();
    machine.screenshot(label)?;
    // QEMU's keys are named by what a US keyboard has there.
    let there = text.chars().map(|letter| match letter {
        'y' => 'z',
        'z' => 'y',
        '-' => '/',
        other => other,
    });
    machine.type_keys(&there.collect::<String>())?;
    machine.press("ret")
}

/// Installs the demo's payload once more, encrypted.
fn install(stage: &Stage, folder: &Path) -> Result<Demo> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir(folder)?;
    let disk = folder.join("disk.img");
    File::create_new(&disk)?.set_len(crate::demo::DISK_BYTES)?;
    let answers = anew::usual(stage)? + "\n[encryption]\npassphrase = { generate = \"passphrase\" }\n";
    anew::install(stage, folder, &answers, &disk)
}
