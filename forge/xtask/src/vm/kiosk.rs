//! A person at the medium's own screen: from the first page to the system that was installed, by keyboard.
//!
//! Nothing in the guest is asked what the window shows: keys go in, pictures come out, and at the end the disk is looked at.
use super::attached::{As, Attached, More};
use super::firmware::Store;
use super::guest::Guest;
use super::live::{Live, choose};
use super::machine::{Machine, Parts};
use super::mokmanager;
use super::scenarios::Stage;
use super::tamper::Disk;
use super::{checks, left};
use crate::iso;
use anyhow::{Result, ensure};
use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    thread,
    time::{Duration, Instant},
};

/// What the person presses for their password, as the keys are called on a US keyboard, and what that is on the German one that
/// they choose.
const PRESSED: &str = "lazy foxes ran home";
const PASSWORD: &str = "layz foxes ran home";
/// Waits until the window has asked the helper.
const HELPER_CAME: &str =
    "i=0; until journalctl -b -u forge-helper | grep -q 'on the bus'; do i=$((i+1)); [ $i -lt 90 ]; sleep 2; done";
/// The serial number of the drive that is pulled out, and how much of the system is on it then.
const DRIVE: &str = "DRIVE01";
const WRITTEN: u64 = 24 << 20;

pub(super) fn install(stage: &Stage) -> Result<()> {
    let name = "live-install";
    let live = Live::new(stage, name, &iso::Args::with(None, Vec::new(), iso::Mode::Install))?;
    let (store, disk) = (live.firmware(name)?, live.empty_disk(name)?);
    let attached =
        Attached { medium: Some((live.iso.clone(), As::Stick)), network: true, door: true, ..Attached::default() };
    let parts = Parts { name, disk: &disk, snapshot: false, store: &store, out: &live.out, attached: &attached };
    let mut machine = Machine::start(&parts)?;
    choose(&mut machine, &[])?;
    let mut guest = Guest::by_door(&mut machine)?;
    guest.output(HELPER_CAME)?;
    person(&mut machine)?;
    machine.stand_at_door(true);
    machine.send_line("until journalctl -b -u forge-helper | grep 'the install ended'; do sleep 2; done")?;
    machine.expect_unless(&["the install ended: installed"], &["the install ended: "], 400)?;
    thread::sleep(Duration::from_secs(10));
    machine.screenshot("9-done")?;
    machine.send_line("systemctl poweroff")?;
    machine.wait_for_power_off(60)?;
    drop(machine);
    live.nothing_left(name)?;

    // The code was on the screen, for a person's eyes. This one does not read it: the certificate is enrolled from the disk.
    let changed = Disk::copy(&disk, &live.out.join(format!("{name}.talking.img")))?;
    let certificate = live.out.join(format!("{name}.cer"));
    changed.take_certificate(&certificate)?;
    changed.add_console(&certificate)?;
    let store = Store::microsoft(live.out.join(format!("{name}-installed.vars.fd")))?;
    let nothing = Attached::default();
    let installed = format!("{name}-installed");
    let parts = Parts {
        name: &installed,
        disk: changed.path(),
        snapshot: true,
        store: &store,
        out: &live.out,
        attached: &nothing,
    };
    let mut machine = Machine::start(&parts)?;
    mokmanager::enroll_from_disk(&mut machine)?;
    let mut guest = Guest::boot(&mut machine)?;
    guest.refuses("root", PASSWORD)?;
    guest.refuses("anna", PRESSED)?;
    guest.log_in("anna", PASSWORD)?;
    guest.become_root(PASSWORD)?;
    checks::secure_boot(&mut guest, true)?;
    guest.says("hostname; findmnt -no SOURCE /", &["kioskotter", "/dev/mapper/"])?;
    let (_, live_parts) = guest.run("id forge-live; ls /run/polkit-1/rules.d; systemctl is-active forge-kiosk")?;
    ensure!(live_parts.contains("no such user"), "something of the medium is left: {live_parts}");
    guest.power_off()?;
    drop(machine);
    fs::remove_file(changed.path())?;
    left::verify_by_itself(&disk)?;
    live.clear(name)
}

/// The disk is a USB drive, and somebody pulls it out while it is written.
pub(super) fn disk_gone(stage: &Stage) -> Result<()> {
    let name = "live-disk-gone";
    let live = Live::new(stage, name, &iso::Args::with(None, Vec::new(), iso::Mode::Install))?;
    let store = live.firmware(name)?;
    // The built-in disk is too small to be taken, so the page has chosen the other one.
    let small = live.out.join("live-disk-gone.small.img");
    File::create(&small)?.set_len(64 << 20)?;
    let drive = live.empty_disk(name)?;
    let more = vec![More { image: drive.clone(), serial: DRIVE.into(), stick: true, read_only: false }];
    let medium = Some((live.iso.clone(), As::Stick));
    let attached = Attached { medium, more, network: true, door: true, ..Attached::default() };
    let parts = Parts { name, disk: &small, snapshot: true, store: &store, out: &live.out, attached: &attached };
    let mut machine = Machine::start(&parts)?;
    choose(&mut machine, &[])?;
    let mut guest = Guest::by_door(&mut machine)?;
    guest.output(HELPER_CAME)?;
    person(&mut machine)?;
    let end = Instant::now() + Duration::from_secs(400);
    while fs::metadata(&drive)?.blocks() * 512 < WRITTEN {
        ensure!(Instant::now() < end, "nothing is written to the drive");
        thread::sleep(Duration::from_millis(100));
    }
    machine.pull_out(DRIVE)?;
    machine.stand_at_door(true);
    machine.send_line("until journalctl -b -u forge-helper | grep 'the install ended'; do sleep 2; done")?;
    machine.expect_unless(&[r"the install ended: failed in \S+ \(disk-gone\)"], &["the install ended: "], 120)?;
    thread::sleep(Duration::from_secs(10));
    machine.screenshot("10-failure")?;
    // Another drive can be taken at once: the helper and the window are as they were.
    machine.stand_at_door(false);
    machine.chord(&["alt", "t"])?;
    page(&mut machine, "11-again")?;
    machine.stand_at_door(true);
    machine.send_line("systemctl is-active forge-kiosk; forgectl disks; systemctl poweroff")?;
    machine.expect_unless(&["active"], &["inactive", "failed"], 30)?;
    machine.wait_for_power_off(60)?;
    drop(machine);
    live.nothing_left(name)?;
    fs::remove_file(small)?;
    live.clear(name)
}

/// What a person does, page by page.
fn person(machine: &mut Machine) -> Result<()> {
    // The welcome page has asked the helper what there is.
    page(machine, "1-welcome")?;
    machine.type_keys("english")?;
    tab(machine, 1)?;
    machine.chord(&["ret"])?;
    next(machine)?;
    // The program starts itself again, in the language that was chosen.
    thread::sleep(Duration::from_secs(20));
    page(machine, "2-keyboard")?;
    tab(machine, 1)?;
    machine.type_keys("german")?;
    tab(machine, 1)?;
    machine.chord(&["ret"])?;
    // The screen begins again, with that keyboard.
    thread::sleep(Duration::from_secs(30));
    page(machine, "2-keyboard-german")?;
    next(machine)?;
    page(machine, "3-time-zone")?;
    machine.type_keys("berlin")?;
    tab(machine, 1)?;
    machine.chord(&["ret"])?;
    next(machine)?;
    page(machine, "4-disk")?;
    next(machine)?;
    // Encryption is off.
    page(machine, "5-encryption")?;
    next(machine)?;
    page(machine, "6-account")?;
    machine.type_keys("Anna Schmidt")?;
    // The user name is proposed; then comes the switch for a password that Forge makes.
    tab(machine, 3)?;
    machine.type_keys(PRESSED)?;
    // Behind each password is the button that shows it.
    tab(machine, 2)?;
    machine.type_keys(PRESSED)?;
    tab(machine, 2)?;
    machine.chord(&["ctrl", "a"])?;
    machine.type_keys("kioskotter")?;
    machine.screenshot("6-account-filled")?;
    next(machine)?;
    // The machine's processor is one that the payload has microcode for. Nobody wants it.
    page(machine, "6-firmware")?;
    machine.chord(&["alt", "c"])?;
    page(machine, "7-secure-boot")?;
    next(machine)?;
    page(machine, "8-review")?;
    machine.chord(&["alt", "e"])?;
    page(machine, "9-installing")
}

fn tab(machine: &mut Machine, times: usize) -> Result<()> {
    (0..times).try_for_each(|_| machine.chord(&["tab"]))
}

/// Goes on by the access key of the primary button.
fn next(machine: &mut Machine) -> Result<()> {
    thread::sleep(Duration::from_secs(2));
    machine.chord(&["alt", "n"])
}

/// Waits until a page has come, and takes a picture of it.
fn page(machine: &mut Machine, label: &str) -> Result<()> {
    thread::sleep(Duration::from_secs(8));
    machine.screenshot(label).map(drop)
}
