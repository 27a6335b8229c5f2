//! A virtual machine: QEMU without KVM and without a network, driven over its serial line and QMP.
use super::attached::{Attached, Sockets};
use super::console::{Console, Found, Silence};
use super::firmware::Store;
use super::qmp::{Qmp, keys_of};
use super::scratch::Scratch;
use super::tpm::Tpm;
use anyhow::{Context, Result, bail};
use regex::bytes::Regex;
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Every time-out is this much longer than what a free machine needs.
const PATIENCE: u32 = 4;
/// How long a key is held, and how long a hand needs to the next one.
const HOLD: Duration = Duration::from_millis(60);
const GAP: Duration = Duration::from_millis(250);

/// What can stop a boot: seen while something else is awaited, it ends the wait at once.
pub(super) const BOOT_FAILURES: [&str; 7] = [
    r"Verification failed",
    r"bad shim (loader )?signature",
    r"Kernel panic",
    r"(?i)(you are in|entering) emergency mode",
    r"verity: .*corrupt",
    r"BdsDxe: No bootable option",
    r"error: [^\n]*(file|device|disk|command|partition)[^\n]*(not found|no such)",
];

/// What a machine is made of.
pub(super) struct Parts<'a> {
    /// The scenario's name: names the log and the screenshots.
    pub name: &'a str,
    /// The raw disk image.
    pub disk: &'a Path,
    /// Writes of the guest are thrown away at the end.
    pub snapshot: bool,
    /// The variable store, which the machine changes, and the firmware that belongs to it.
    pub store: &'a Store,
    /// Folder for the log and the screenshots.
    pub out: &'a Path,
    /// What else it has: a medium, other disks, a network card that leads nowhere.
    pub attached: &'a Attached,
}

/// A running machine; dropping it ends it.
pub(super) struct Machine {
    child: Child,
    console: Console,
    /// A shell of root's, where the machine has such a door.
    door: Option<Console>,
    at_door: bool,
    qmp: Qmp,
    name: String,
    out: PathBuf,
    /// Holds the control socket as long as the machine runs.
    _socket: Scratch,
    /// Its TPM, where it has one.
    _tpm: Option<Tpm>,
    started: Instant,
}

impl Machine {
    /// Starts a machine with one disk, a serial line, a screen and what is attached.
    pub(super) fn start(parts: &Parts) -> Result<Self> {
        let started = Instant::now();
        let name = parts.name.to_owned();
        let scratch = Scratch::new()?;
        let socket = scratch.path("qmp");
        let snapshot = if parts.snapshot { ",snapshot=on" } else { "" };
        let mut command = Command::new("/usr/bin/setpriv");
        // The machine dies with the thread that started it, so none is left behind.
        command.args(["--pdeathsig", "KILL", "/usr/bin/qemu-system-x86_64"]);
        command.args(["-name", &name, "-M", "q35,smm=on,vmport=off", "-accel", "tcg,thread=multi,tb-size=1024"]);
        command.args(["-cpu", "qemu64", "-smp", "2", "-m", "2048", "-nodefaults", "-no-user-config"]);
        command.args(["-display", "none", "-vga", "std", "-device", "virtio-rng-pci"]);
        command.args(["-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"]);
        command.args(["-chardev", "stdio,id=serial,signal=off,mux=off", "-serial", "chardev:serial"]);
        command.arg("-drive").arg(drive("if=pflash,unit=0,format=raw,readonly=on", parts.store.code())?);
        command.arg("-drive").arg(drive("if=pflash,unit=1,format=raw", parts.store.path())?);
        command
            .arg("-drive")
            .arg(drive(&format!("if=none,id=disk,format=raw,discard=unmap,cache=unsafe{snapshot}"), parts.disk)?);
        command.args(["-device", "virtio-blk-pci,drive=disk,serial=target,bootindex=1"]);
        let sockets = Sockets { door: scratch.path("door"), tpm: scratch.path("tpm") };
        let tpm = parts.attached.tpm.as_ref().map(|folder| Tpm::start(folder, &sockets.tpm)).transpose()?;
        command.args(parts.attached.arguments(parts.out, &name, &sockets)?);
        command.arg("-qmp").arg(format!("unix:{},server=on,wait=off", socket.display()));
        let errors = parts.out.join(format!("{name}.qemu.txt"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&errors)?);
        let mut child = command.spawn().context("/usr/bin/setpriv can not be started")?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let connected = Qmp::connect(&socket, || matches!(child.try_wait(), Ok(None)));
        let (Ok(qmp), Some(input), Some(output)) = (connected, input, output) else {
            let _ = child.kill();
            let _ = child.wait();
            bail!("QEMU did not start: {}", std::fs::read_to_string(&errors)?);
        };
        let log = File::create(parts.out.join(format!("{name}.serial.txt")))?;
        let console = Console::new(output, input, log);
        let mut machine = Self {
            child,
            console,
            door: None,
            at_door: false,
            qmp,
            name,
            out: parts.out.to_owned(),
            _socket: scratch,
            _tpm: tpm,
            started,
        };
        machine.door = parts.attached.open_door(&sockets, &machine.out, &machine.name)?;
        Ok(machine)
    }

    /// From now on, what is awaited and typed is at the door; on the serial line when `at` is false.
    pub(super) fn stand_at_door(&mut self, at: bool) {
        self.at_door = at && self.door.is_some();
    }

    fn line(&mut self) -> &mut Console {
        match &mut self.door {
            Some(door) if self.at_door => door,
            _ => &mut self.console,
        }
    }

    /// Puts in a USB stick.
    pub(super) fn plug_in(&mut self, id: &str, image: &Path) -> Result<()> {
        let node = format!("{id}-file");
        // A stick that comes back is the same file, and QEMU holds the old one a while.
        let file = json!({ "driver": "file", "filename": image, "locking": "off" });
        self.qmp.ask("blockdev-add", json!({ "node-name": &node, "driver": "raw", "file": file }))?;
        let device = json!({
            "driver": "usb-storage", "id": id, "bus": "usb.0", "drive": &node, "serial": id, "removable": true
        });
        self.qmp.ask("device_add", device)?;
        self.say(&format!("put in: {id}"));
        Ok(())
    }

    /// Presses keys together, such as alt and n.
    pub(super) fn chord(&mut self, keys: &[&str]) -> Result<()> {
        self.qmp.press(keys, HOLD)?;
        std::thread::sleep(GAP);
        Ok(())
    }

    /// Pulls out what is attached under this name.
    pub(super) fn pull_out(&mut self, id: &str) -> Result<()> {
        self.qmp.ask("device_del", json!({ "id": id }))?;
        self.say(&format!("pulled out: {id}"));
        Ok(())
    }

    /// Waits for one text; `seconds` is what a free machine needs, and time enough is added.
    pub(super) fn expect(&mut self, pattern: &str, seconds: u32) -> Result<Found> {
        self.expect_any(&[pattern], seconds)
    }

    /// Waits for the first of several texts.
    pub(super) fn expect_any(&mut self, patterns: &[&str], seconds: u32) -> Result<Found> {
        let found = self.expect_any_quietly(patterns, seconds)?;
        self.say(&format!("saw: {}", found.text.trim()));
        Ok(found)
    }

    /// Waits for one text and prints nothing.
    pub(super) fn expect_quietly(&mut self, pattern: &str, seconds: u32) -> Result<Found> {
        self.expect_any_quietly(&[pattern], seconds)
    }

    fn expect_any_quietly(&mut self, patterns: &[&str], seconds: u32) -> Result<Found> {
        let compiled: Vec<Regex> = patterns.iter().map(|p| Regex::new(p)).collect::<Result<_, _>>()?;
        let time = Duration::from_secs(u64::from(seconds * PATIENCE));
        let why = match self.line().wait(&compiled, time) {
            Ok(found) => return Ok(found),
            Err(Silence::TimedOut) => format!("not seen in {} s", time.as_secs()),
            Err(Silence::Closed) => "the machine ended before".into(),
        };
        Err(self.failure(&format!("waiting for {patterns:?}: {why}")))
    }

    /// Waits for one of `good` and fails at once, with a screenshot, on one of `bad`.
    pub(super) fn expect_unless(&mut self, good: &[&str], bad: &[&str], seconds: u32) -> Result<Found> {
        let found = self.expect_any(&[good, bad].concat(), seconds)?;
        if found.which >= good.len() {
            return Err(self.failure(&format!("waiting for {good:?}: the machine says {:?}", found.text.trim())));
        }
        Ok(found)
    }

    /// Sees that a text does not come, and that the machine goes on running, for so many seconds of this machine's own.
    pub(super) fn expect_never(&mut self, pattern: &str, seconds: u32) -> Result<()> {
        let compiled = Regex::new(pattern)?;
        match self.line().wait(&[compiled], Duration::from_secs(seconds.into())) {
            Err(Silence::TimedOut) => Ok(()),
            Err(Silence::Closed) => Err(self.failure("the machine ended")),
            Ok(found) => Err(self.failure(&format!("the machine says {:?}", found.text.trim()))),
        }
    }

    /// An error with a screenshot and the last of what the machine said.
    pub(super) fn failure(&mut self, what: &str) -> anyhow::Error {
        let shot = match self.screenshot("failure") {
            Ok(path) => format!("screenshot: {}", path.display()),
            Err(error) => format!("no screenshot: {error:#}"),
        };
        anyhow::anyhow!("{what}\n{shot}\nthe line ends with:\n{}", self.line().tail())
    }

    /// Saves the screen as `NAME-LABEL.png`.
    pub(super) fn screenshot(&mut self, label: &str) -> Result<PathBuf> {
        let path = self.out.join(format!("{}-{label}.png", self.name));
        self.qmp.ask("screendump", json!({ "filename": path, "format": "png" }))?;
        Ok(path)
    }

    /// Presses one key (QEMU's name) and waits until the screen that it changes stands still.
    pub(super) fn press(&mut self, key: &str) -> Result<()> {
        let before = self.console.count();
        self.qmp.press(&[key], HOLD)?;
        self.console.settle(before, GAP, Duration::from_secs(5));
        Ok(())
    }

    /// Waits until the screen stands still.
    pub(super) fn settle(&mut self) {
        self.line().settle(0, GAP, Duration::from_secs(5));
    }

    /// Types a text on the keyboard; it may be a secret, so it is not shown.
    pub(super) fn type_keys(&mut self, text: &str) -> Result<()> {
        for character in text.chars() {
            let keys = keys_of(character)?;
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            self.qmp.press(&keys, HOLD)?;
            std::thread::sleep(GAP);
        }
        Ok(())
    }

    /// Types a line on the serial terminal; it may be a secret, so it is not shown.
    pub(super) fn send_line(&mut self, line: &str) -> Result<()> {
        self.line().send_line(line)
    }

    /// Waits until the guest has switched itself off.
    pub(super) fn wait_for_power_off(&mut self, seconds: u32) -> Result<()> {
        match self.console.wait(&[], Duration::from_secs(u64::from(seconds * PATIENCE))) {
            Err(Silence::Closed) => {
                self.child.wait()?;
                self.say("the machine is off");
                Ok(())
            }
            _ => Err(self.failure("the machine does not switch itself off")),
        }
    }

    /// Prints a line with the scenario's name and the seconds since the start.
    pub(super) fn say(&self, what: &str) {
        let line: String = what.replace('\n', " ").chars().take(100).collect();
        println!("  [{} {:6.1} s] {line}", self.name, self.started.elapsed().as_secs_f32());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Quit lets QEMU write the variable store to its end; kill is for a QEMU that hangs.
            let _ = self.qmp.ask("quit", json!({}));
            let end = Instant::now() + Duration::from_secs(10);
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// A drive option; QEMU wants commas in a path doubled.
pub(super) fn drive(options: &str, file: &Path) -> Result<String> {
    let path = file.to_str().context("a path is not UTF-8")?;
    Ok(format!("{options},file={}", path.replace(',', ",,")))
}
