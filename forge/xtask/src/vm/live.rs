//! The ISO, as a stick and as a CD: what it shows, who is there, what it lets in and out.
//!
//! The firmware of these machines trusts one key more than Microsoft's: that of the demo's medium, which stands in for the
//! key that the shim of InterGenOS is built with ([`iso`](crate::iso)).
use super::attached::{As, Attached, More, capture};
use super::checks;
use super::firmware::Store;
use super::guest::Guest;
use super::machine::{BOOT_FAILURES, Machine, Parts};
use super::scenarios::Stage;
use super::tamper::Disk;
use crate::iso;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Size of the disk that could be installed to.
const DISK_BYTES: u64 = 6 << 30;
/// What a credential on the medium's FAT would have made.
const BY_CREDENTIAL: &str = "/run/made-by-a-credential";
/// A capture without a packet is its header, 24 bytes.
const EMPTY_CAPTURE: u64 = 24;

/// A live medium and the machine that starts from it.
pub(super) struct Live {
    folder: PathBuf,
    pub out: PathBuf,
    pub iso: PathBuf,
    root_hash: String,
}

impl Live {
    /// Makes the ISO with what the arguments say.
    pub(super) fn new(stage: &Stage, name: &str, args: &iso::Args) -> Result<Self> {
        let out = stage.out().to_owned();
        let folder = out.parent().context("the stage has a folder")?.to_owned();
        let iso = out.join(format!("{name}.iso"));
        iso::make(args, &folder, &iso)?;
        let manifest: Value = serde_json::from_slice(&fs::read(folder.join("payload/manifest.json"))?)?;
        let root_hash = manifest["image"]["root_hash"].as_str().context("the manifest has no root hash")?.to_owned();
        Ok(Self { folder, out, iso, root_hash })
    }

    /// A plain one: "Install" starts by itself.
    fn plain(stage: &Stage, name: &str) -> Result<Self> {
        Self::new(stage, name, &iso::Args::with(None, Vec::new(), iso::Mode::Install))
    }

    /// Firmware that starts the medium: Secure Boot is enforced.
    pub(super) fn firmware(&self, name: &str) -> Result<Store> {
        let store = Store::microsoft(self.out.join(format!("{name}.vars.fd")))?;
        store.trust(&iso::certificate(&self.folder))?;
        Ok(store)
    }

    /// An empty disk to install to.
    pub(super) fn empty_disk(&self, name: &str) -> Result<PathBuf> {
        let disk = self.out.join(format!("{name}.img"));
        let _ = fs::remove_file(&disk);
        File::create_new(&disk)?.set_len(DISK_BYTES)?;
        Ok(disk)
    }

    /// Starts a machine from the medium, its disk empty; what is written to it is thrown away.
    pub(super) fn start(&self, name: &str, iso: &Path, kind: As, more: Vec<More>) -> Result<Machine> {
        let medium = Some((iso.to_owned(), kind));
        let attached = Attached { medium, more, network: true, door: true, ..Attached::default() };
        let disk = self.empty_disk(name)?;
        self.machine(name, &attached, &disk, true)
    }

    /// Starts a machine with whatever is attached; without `snapshot` the disk keeps what is written to it.
    pub(super) fn machine(&self, name: &str, attached: &Attached, disk: &Path, snapshot: bool) -> Result<Machine> {
        let store = self.firmware(name)?;
        Machine::start(&Parts { name, disk, snapshot, store: &store, out: &self.out, attached })
    }

    /// The capture of the network card: not one packet, from the firmware to the end.
    pub(super) fn nothing_left(&self, name: &str) -> Result<()> {
        let bytes = fs::metadata(capture(&self.out, name))?.len();
        ensure!(bytes == EMPTY_CAPTURE, "packets left: the capture has {bytes} bytes");
        println!("    ok      no packet left, from the firmware to the end");
        Ok(())
    }

    /// Removes what is large.
    pub(super) fn clear(self, name: &str) -> Result<()> {
        fs::remove_file(self.iso)?;
        Ok(fs::remove_file(self.out.join(format!("{name}.img")))?)
    }
}

/// What has to be true of a live system; run as root in the guest.
pub(super) type Check = (&'static str, fn(&mut Guest) -> Result<()>);

/// In every mode.
const ALWAYS: [Check; 8] = [
    ("every unit has started", well),
    ("Secure Boot is on", |guest| checks::secure_boot(guest, true)),
    ("nothing listens", nothing_listens),
    ("no account has a password, and none may become root", nobody_has_a_password),
    ("no terminal asks for a login", no_login),
    ("polkit lets nobody in who does not sit at the screen", only_the_seat),
    ("the person's session is on the seat and in the foreground", session),
    ("the medium can not be taken, the disk can", disks),
];

/// Where nobody sits, too.
pub(super) const CLOSED: [Check; 3] = [
    ("nothing listens", nothing_listens),
    ("no account has a password, and none may become root", nobody_has_a_password),
    ("no terminal asks for a login", no_login),
];

/// "Install" only.
const INSTALL: [Check; 2] =
    [("no network card is up", no_link), ("NetworkManager can not be started", no_network_manager)];

fn all(guest: &mut Guest, root_hash: &str, checks: &[Check]) -> Result<()> {
    let mut failed = Vec::new();
    let mut tell = |sentence: &'static str, result: Result<()>| match result {
        Ok(()) => println!("    ok      {sentence}"),
        Err(error) => {
            println!("    FAILED  {sentence}: {error:#}");
            failed.push(sentence);
        }
    };
    for &(sentence, check) in checks {
        tell(sentence, check(guest));
    }
    tell("the root is the sealed image of the payload", checks::sealed_by(guest, root_hash));
    ensure!(failed.is_empty(), "checks in the live system failed: {}", failed.join("; "));
    Ok(())
}

pub(super) fn stick(stage: &Stage) -> Result<()> {
    let name = "live-disk";
    let live = Live::plain(stage, name)?;
    // Whoever holds the medium for a minute can leave this there, where systemd-stub takes credentials from.
    let written = Disk::copy(&live.iso, &live.out.join("live-disk.written.iso"))?;
    written.add_credential("tmpfiles.extra", &format!("f {BY_CREDENTIAL} 0644 root root -\n"))?;
    let other = live.out.join("live-disk.stick.img");
    File::create(&other)?.set_len(64 << 20)?;
    let other = More { image: other, serial: "STICK01".into(), stick: true, read_only: false };
    // A copy of the medium, as somebody has who makes two.
    let copy = live.out.join("live-disk.copy.img");
    fs::copy(&live.iso, &copy)?;
    let copy = More { image: copy, serial: "MEDIUM02".into(), stick: true, read_only: false };
    let mut machine = live.start(name, written.path(), As::Stick, vec![other, copy])?;
    no_commands(&mut machine)?;
    let mut guest = Guest::by_door(&mut machine)?;
    guest.screenshot("booted")?;
    all(&mut guest, &live.root_hash, &[&ALWAYS[..], &INSTALL[..]].concat())?;
    guest.screenshot("kiosk")?;
    guest.output(&format!("test ! -e {BY_CREDENTIAL}"))?;
    println!("    ok      a credential that anybody can leave on the medium's FAT has no effect");
    crashes(&mut guest)?;
    guest.output("forgectl disks | grep STICK01")?;
    guest.machine().pull_out("STICK01")?;
    guest.output("i=0; while forgectl disks | grep STICK01; do i=$((i+1)); [ $i -lt 30 ]; sleep 1; done")?;
    println!("    ok      a stick that is pulled out is no disk any more");
    guest.power_off()?;
    drop(machine);
    live.nothing_left(name)?;
    for image in ["stick.img", "copy.img", "written.iso"] {
        fs::remove_file(live.out.join(format!("live-disk.{image}")))?;
    }
    live.clear(name)
}

pub(super) fn cd(stage: &Stage) -> Result<()> {
    let name = "live-cd";
    let live = Live::plain(stage, name)?;
    let mut machine = live.start(name, &live.iso, As::Cd, Vec::new())?;
    choose(&mut machine, &[])?;
    let mut guest = Guest::by_door(&mut machine)?;
    let short = |check: &&Check| !check.0.contains("listens") && !check.0.contains("login");
    let short: Vec<Check> = ALWAYS.iter().filter(short).copied().collect();
    all(&mut guest, &live.root_hash, &short)?;
    guest.screenshot("kiosk")?;
    guest.power_off()?;
    drop(machine);
    live.nothing_left(name)?;
    live.clear(name)
}

pub(super) fn try_it(stage: &Stage) -> Result<()> {
    let name = "live-try";
    let live = Live::plain(stage, name)?;
    let mut machine = live.start(name, &live.iso, As::Stick, Vec::new())?;
    choose(&mut machine, &["up"])?;
    let mut guest = Guest::by_door(&mut machine)?;
    all(&mut guest, &live.root_hash, &ALWAYS)?;
    guest.output("ls /sys/class/net | grep -vx lo")?;
    guest.says("cat /proc/cmdline", &["systemd.unit=forge-try.target"])?;
    guest.says("systemctl is-active multi-user.target NetworkManager", &["active"])?;
    guest.screenshot("session")?;
    guest.power_off()?;
    drop(machine);
    live.nothing_left(name)?;
    live.clear(name)
}

pub(super) fn tampered(stage: &Stage) -> Result<()> {
    let name = "live-tampered";
    let live = Live::plain(stage, name)?;
    refused(&live, name, Disk::flip_in_system_image, r"verity: [^\n]*corrupt[^\n]*")?;
    live.clear(name)
}

pub(super) fn image_tampered(stage: &Stage) -> Result<()> {
    let name = "live-image-tampered";
    let live = Live::plain(stage, name)?;
    let refusal = "is not the boot image that belongs to this line";
    refused(&live, name, Disk::flip_in_ukis, refusal)?;
    println!("    ok      a boot image that was changed is not started");
    let swap = |medium: &Disk| medium.swap_files(["EFI/forge/install.efi", "EFI/forge/unattended.efi"]);
    refused(&live, name, swap, refusal)?;
    println!("    ok      nor is the signed one of another line of the menu in its place");
    live.clear(name)
}

/// Starts a medium that was changed and waits for the refusal.
fn refused(live: &Live, name: &str, change: fn(&Disk) -> Result<()>, refusal: &str) -> Result<()> {
    let changed = Disk::copy(&live.iso, &live.out.join(format!("{name}.changed.iso")))?;
    change(&changed)?;
    let mut machine = live.start(name, changed.path(), As::Stick, Vec::new())?;
    choose(&mut machine, &[])?;
    let goes_on = ["Started forge-kiosk", "Switching root"];
    machine.expect_unless(&[refusal], &goes_on, 120)?;
    if refusal.starts_with("verity") {
        // And nothing goes on behind it.
        machine.expect_unless(&["Kernel panic"], &goes_on, 30)?;
        // It stays there: a medium that starts "unattended" by itself would restart without an end.
        machine.expect_never("BdsDxe: starting", 30)?;
    }
    machine.settle();
    machine.screenshot("refused")?;
    drop(machine);
    Ok(fs::remove_file(changed.path())?)
}

/// In the menu nobody types commands or edits a line; the line that is chosen starts all the same.
fn no_commands(machine: &mut Machine) -> Result<()> {
    machine.expect_unless(&["executed automatically"], &BOOT_FAILURES, 60)?;
    for key in ["c", "e"] {
        machine.press(key)?;
        machine.expect("Enter username", 20)?;
        machine.press("ret")?;
        machine.expect("Enter password", 20)?;
        machine.press("ret")?;
        // It says no, waits a moment, and shows the menu again.
        machine.expect("Install unattended", 30)?;
        machine.settle();
    }
    println!("    ok      the menu takes no commands, and no line of it can be changed");
    machine.press("ret")
}

/// Picks a line of the boot menu by these keys.
pub(super) fn choose(machine: &mut Machine, keys: &[&str]) -> Result<()> {
    machine.expect_unless(&["executed automatically"], &BOOT_FAILURES, 60)?;
    machine.screenshot("menu")?;
    for key in keys {
        machine.press(key)?;
    }
    machine.press("ret")
}

fn well(guest: &mut Guest) -> Result<()> {
    let (_, state) = guest.run("timeout 400 systemctl is-system-running --wait")?;
    let failed = guest.run("systemctl list-units --failed --plain --no-legend; systemctl list-jobs --no-legend")?.1;
    ensure!(state == "running", "the system is {state}: {failed}");
    Ok(())
}

fn nothing_listens(guest: &mut Guest) -> Result<()> {
    let sockets = guest.output("ss -Htulnp; ss -Hwlnp; ss -Hnlp -A vsock_stream,vsock_dgram,packet")?;
    ensure!(sockets.is_empty(), "{sockets}");
    Ok(())
}

fn nobody_has_a_password(guest: &mut Guest) -> Result<()> {
    let open = guest.output("awk -F: '$2 !~ /^[!*]/ {print $1}' /etc/shadow")?;
    ensure!(open.is_empty(), "these accounts have a password, or need none: {open}");
    for user in ["forge-live", "forge-unattended"] {
        let groups = guest.output(&format!("id -nG {user}"))?;
        ensure!(groups == user, "{user} is in {groups}");
        let (code, said) = guest.run(&format!("setpriv --reuid={user} --regid={user} --init-groups sudo -n true"))?;
        ensure!(code != 0, "{user} became root by sudo: {said}");
    }
    Ok(())
}

fn no_login(guest: &mut Guest) -> Result<()> {
    let (_, logins) =
        guest.run("pgrep -a 'agetty|login$'; systemctl --no-legend list-units '*getty@*' 'autovt@*' | grep running")?;
    ensure!(logins.is_empty(), "{logins}");
    Ok(())
}

fn only_the_seat(guest: &mut Guest) -> Result<()> {
    let (code, said) = guest.run("setpriv --reuid=65534 --regid=65534 --clear-groups forgectl disks")?;
    ensure!(code != 0 && said.contains("not allowed"), "nobody was told: {said}");
    let (code, said) = guest.run("setpriv --reuid=forge-live --regid=forge-live --init-groups forgectl disks")?;
    ensure!(code != 0 && said.contains("not allowed"), "the live user was told outside of the session: {said}");
    Ok(())
}

/// The kiosk's; it shows Forge, and Forge has asked the helper.
fn session(guest: &mut Guest) -> Result<()> {
    let id = guest.output("loginctl list-sessions --no-legend | awk '$4 == \"seat0\" {print $1}'")?;
    guest.says(
        &format!("loginctl show-session {id}"),
        &["Name=forge-live", "Type=wayland", "Active=yes", "Remote=no"],
    )?;
    let seen = "journalctl -b --no-pager -u forge-helper | grep -q 'on the bus'";
    guest.output(&format!("i=0; until pgrep -x forge && {seen}; do i=$((i+1)); [ $i -lt 60 ]; sleep 2; done"))?;
    guest.output("sleep 15; cat /proc/$(pgrep -x forge)/attr/apparmor/current | grep -x 'forge (enforce)'").map(drop)
}

fn disks(guest: &mut Guest) -> Result<()> {
    let said = guest.output("forgectl disks")?;
    let of = |device: &str| said.split("/dev/").find(|part| part.starts_with(device)).map(str::to_owned);
    let target = of("vda").with_context(|| format!("the disk is not there: {said}"))?;
    ensure!(!target.contains("can not be taken"), "{said}");
    // A CD is no disk at all, and neither is the loop device that shows its partitions.
    ensure!(!said.contains("/dev/sr") && !said.contains("/dev/loop"), "{said}");
    let (_, sticks) = guest.run("ls /dev/sr0")?;
    let from_cd = sticks.trim() == "/dev/sr0";
    let media: Vec<&str> = said.split("/dev/").filter(|part| part.contains("MEDIUM")).collect();
    ensure!(from_cd || !media.is_empty(), "the medium is not seen: {said}");
    // Also a copy of it that is plugged in beside it: which of the two is which, nobody can tell.
    let started = media.iter().all(|medium| medium.contains("this system was started from it"));
    ensure!(started, "the medium could be taken: {said}");
    Ok(())
}

fn no_link(guest: &mut Guest) -> Result<()> {
    let cards = guest.output("ls /sys/class/net")?;
    ensure!(cards.split_whitespace().any(|card| card != "lo"), "there is no card that could be up: {cards}");
    let (_, up) = guest.run("ip -br link | grep -v '^lo ' | grep -w UP")?;
    ensure!(up.is_empty(), "{up}");
    Ok(())
}

fn no_network_manager(guest: &mut Guest) -> Result<()> {
    let (code, said) = guest.run("systemctl start NetworkManager")?;
    ensure!(code != 0 && said.contains("masked"), "{said}");
    Ok(())
}

/// A session that breaks is there again.
fn crashes(guest: &mut Guest) -> Result<()> {
    guest.output("old=$(pgrep -x cage); kill -SEGV $old; i=0; \
                  until new=$(pgrep -x cage) && [ \"$new\" != \"$old\" ] && pgrep -x forge; do i=$((i+1)); [ $i -lt 60 ]; sleep 1; done")?;
    println!("    ok      a screen that broke is there again");
    Ok(())
}
