//! Installs at which nobody sits, from the ISO: where answers come from, what is refused, what comes out.
use super::administrator::{Keys, Signed, USUAL, Wanted};
use super::attached::{As, Attached, More, Names};
use super::checks;
use super::demo::Demo;
use super::firmware::Store;
use super::guest::Guest;
use super::left::{from_esp, from_stick};
use super::live::{CLOSED, Live, choose};
use super::machine::{Machine, Parts};
use super::mokmanager;
use super::scenarios::Stage;
use super::tamper::Disk;
use super::tool::run;
use crate::iso;
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The machine, as its firmware names it.
const MACHINE: Names = Names {
    vendor: "Forge",
    product: "Test machine",
    serial: "machine-1",
    uuid: "6f1f7a3e-52a5-4e0c-9d46-0d6f6d0f4a11",
};
/// What seals the credentials, and opens them again.
pub(super) const PASSPHRASE: &str = "nobody guesses these words";
/// The port that programs outside read.
const PORT: &str = "org.intergenos.forge.progress";
/// The last line of a run that stopped.
const STOPPED: &str = r"ended with exit code (\d+)\. This machine stays as it is";

/// Pinned on the signed command line: nobody touches anything, from the medium to the login of the installed system.
pub(super) fn pinned(stage: &Stage) -> Result<()> {
    let name = "unattended-pinned";
    let answers = stage.out().join(format!("{name}.toml"));
    fs::write(&answers, USUAL.text())?;
    let live = Live::new(stage, name, &iso::Args::with(Some(answers.clone()), Vec::new(), iso::Mode::Unattended))?;
    let (store, disk) = (live.firmware(name)?, live.empty_disk(name)?);
    let mut machine = start(&live, name, (&live.iso, As::Stick), (&store, &disk), Brought::default())?;
    machine.expect(r"Answers found: [^\n]*command line[^\n]*\(used\)", 300)?;
    machine.expect("The disk will be erased in 30 s", 120)?;
    machine.screenshot("countdown")?;
    machine.expect("It begins", 60)?;
    machine.expect_unless(&["Writing the system"], &[STOPPED], 120)?;
    machine.screenshot("writing")?;
    machine.expect_unless(&["The unattended install is done"], &[STOPPED], 400)?;
    machine.wait_for_power_off(60)?;
    drop(machine);
    live.nothing_left(name)?;
    events(&live.out, name)?;

    let demo = from_esp(&live, name, &disk, &answers)?;
    boot(&live, name, &demo, &store)?;
    live.clear(name)
}

/// By a credential: a payload that was changed on the medium is not installed; then one that was not is, from a CD. One gets
/// the credential by SMBIOS, the other by fw_cfg.
pub(super) fn credential(stage: &Stage) -> Result<()> {
    let name = "unattended-credential";
    let live = Live::new(stage, name, &iso::Args::with(None, Vec::new(), iso::Mode::Unattended))?;
    let (store, disk) = (live.firmware(name)?, live.empty_disk(name)?);
    let answers = Wanted { exit: "stay", ..USUAL }.text();
    let by_smbios =
        Brought { credentials: vec![("forge.answers".into(), answers.clone().into())], ..Brought::default() };
    let by_fw_cfg =
        Brought { files: vec![("forge.answers".into(), write(&live, name, &answers)?)], ..Brought::default() };
    let changed = Disk::copy(&live.iso, &live.out.join(format!("{name}.changed.iso")))?;
    changed.flip_in_iso_file("payload/kernel")?;
    let mut machine = start(&live, name, (changed.path(), As::Stick), (&store, &disk), by_smbios)?;
    machine.expect_unless(&["ended with exit code 4"], &["ended with exit code [^4]"], 400)?;
    machine.screenshot("payload-changed")?;
    drop(machine);
    fs::remove_file(changed.path())?;
    ensure!(is_empty(&disk)?, "something was written");

    let mut machine = start(&live, name, (&live.iso, As::Cd), (&store, &disk), by_fw_cfg)?;
    machine.expect(r"Answers found: the credential forge\.answers \(used\)", 300)?;
    machine.expect_unless(&["The unattended install is done. This machine stays"], &[STOPPED], 500)?;
    machine.screenshot("done")?;
    drop(machine);
    live.nothing_left(name)?;
    from_esp(&live, name, &disk, &write(&live, name, &answers)?)?;
    live.clear(name)
}

/// By a stick that is labelled FORGE-ANSWERS: everything that is refused, then a run from which the stick is pulled.
pub(super) fn volume(stage: &Stage) -> Result<()> {
    let name = "unattended-volume";
    let keys = Keys::made(stage)?;
    let live = Live::new(stage, name, &iso::Args::with(None, vec![keys.certificate()], iso::Mode::Unattended))?;
    let (store, disk) = (live.firmware(name)?, live.empty_disk(name)?);
    let more = |serial: &str, bytes: u64| -> Result<More> {
        let image = live.out.join(format!("{name}.{serial}.img"));
        File::create(&image)?.set_len(bytes)?;
        Ok(More { image, serial: serial.into(), stick: false, read_only: false })
    };
    let others = vec![more("second", 6 << 30)?, more("small", 256 << 20)?];
    let brought = Brought { more: others, ..Brought::default() };
    let mut machine = start(&live, name, (&live.iso, As::Stick), (&store, &disk), brought)?;
    machine.expect("there are no answers", 300)?;
    machine.expect("ended with exit code 3", 60)?;
    machine.screenshot("no-answers")?;
    let mut guest = Guest::by_door(&mut machine)?;
    for (sentence, check) in CLOSED {
        check(&mut guest).context(sentence)?;
        println!("    ok      {sentence}");
    }

    let on_volume = Wanted { leave_on: "answers-volume", ..USUAL };
    let cases: [(&str, Wanted, Signed, &[&str], u8); 6] = [
        ("unsigned", on_volume, Signed::No, &["They are not signed", "may not run alone"], 3),
        ("changed", on_volume, Signed::Before, &["the answers are not used"], 3),
        (
            "other-machine",
            Wanted { machine: "machine-2", ..on_volume },
            Signed::Yes,
            &["They are for another machine"],
            3,
        ),
        (
            "several",
            Wanted { disk: "{ transport = \"virtual\", min-size = \"1GB\" }", ..on_volume },
            Signed::Yes,
            &["more than one disk fits"],
            5,
        ),
        ("none", Wanted { disk: "{ serial = \"nowhere\" }", ..on_volume }, Signed::Yes, &["no disk fits"], 5),
        ("too-small", Wanted { disk: "{ serial = \"small\" }", ..on_volume }, Signed::Yes, &["too small"], 3),
    ];
    for (case, wanted, signed, said, code) in cases {
        let stick = keys.stick(&live, case, &wanted, signed)?;
        machine.plug_in(case, &stick)?;
        again(&mut machine)?;
        for text in said {
            machine.expect_unless(&[text], &["The disk will be erased"], 120)?;
        }
        machine.expect(&format!("ended with exit code {code}"), 60)?;
        machine.pull_out(case)?;
        println!("    ok      {case} is refused, and said");
        fs::remove_file(stick)?;
    }

    let stick = keys.stick(&live, "good", &on_volume, Signed::Yes)?;
    machine.plug_in("good", &stick)?;
    again(&mut machine)?;
    machine.expect("They are signed by [0-9A-F]+, which this medium trusts", 120)?;
    machine.expect("Press any key to stop it", 120)?;
    machine.screenshot("countdown")?;
    machine.press("spc")?;
    machine.expect("a key was pressed", 60)?;
    machine.expect("ended with exit code 7", 60)?;
    println!("    ok      a key stops the countdown");
    ensure!(is_empty(&disk)?, "something was written");

    again(&mut machine)?;
    machine.expect("It begins", 200)?;
    machine.pull_out("good")?;
    machine.expect("was pulled out. The install goes on", 60)?;
    machine.expect("Nothing is lost while this machine stays on", 500)?;
    machine.screenshot("pulled-out")?;
    machine.plug_in("good-again", &stick)?;
    machine.expect_unless(&["The unattended install is done"], &[STOPPED], 120)?;
    machine.wait_for_power_off(60)?;
    drop(machine);
    live.nothing_left(name)?;
    from_stick(&live, name, &disk, &stick)?;
    for image in [stick, live.out.join(format!("{name}.second.img")), live.out.join(format!("{name}.small.img"))] {
        fs::remove_file(image)?;
    }
    live.clear(name)
}

/// Answers that nobody signed: "Install" has them filled in, and nothing runs.
pub(super) fn proposal(stage: &Stage) -> Result<()> {
    let name = "live-proposal";
    let keys = Keys::made(stage)?;
    let live = Live::new(stage, name, &iso::Args::with(None, Vec::new(), iso::Mode::Install))?;
    let stick = keys.stick(&live, name, &USUAL, Signed::No)?;
    let more = More { image: stick.clone(), serial: "ANSWERS".into(), stick: true, read_only: false };
    let mut machine = live.start(name, &live.iso, As::Stick, vec![more])?;
    choose(&mut machine, &[])?;
    let mut guest = Guest::by_door(&mut machine)?;
    guest.output("i=0; until pgrep -x forge; do i=$((i+1)); [ $i -lt 90 ]; sleep 2; done")?;
    guest.says("cat /run/forge/answers/why.json", &["volume"])?;
    guest.says(
        "setpriv --reuid=forge-live --regid=forge-live --init-groups cat /run/forge/answers/answers.toml",
        &["anna"],
    )?;
    let (code, _) =
        guest.run("setpriv --reuid=65534 --regid=65534 --clear-groups cat /run/forge/answers/answers.toml")?;
    ensure!(code != 0, "anybody can read the answers");
    let (code, said) = guest.run(
        "setpriv --reuid=forge-unattended --regid=forge-unattended --init-groups \
        forgectl install --answers /run/forge/answers/answers.toml --target /dev/vda --output /tmp/x",
    )?;
    ensure!(code != 0, "who looks for answers may install: {said}");
    guest.output("sleep 20; ! ls /dev/vda1")?;
    guest.screenshot("filled-in")?;
    guest.power_off()?;
    drop(machine);
    fs::remove_file(stick)?;
    live.clear(name)
}

/// What the machine gets beside the medium.
#[derive(Default)]
struct Brought {
    credentials: Vec<(String, Vec<u8>)>,
    files: Vec<(String, PathBuf)>,
    more: Vec<More>,
}

/// Starts a machine with these names from a medium, writes kept, its unattended entry chosen at once.
fn start(
    live: &Live,
    name: &str,
    (iso, kind): (&Path, As),
    (store, disk): (&Store, &Path),
    Brought { mut credentials, files, more }: Brought,
) -> Result<Machine> {
    credentials.push(("forge.seal".into(), PASSPHRASE.into()));
    let attached = Attached {
        card: None,
        medium: Some((iso.to_owned(), kind)),
        more,
        names: Some(MACHINE),
        credentials,
        files,
        network: true,
        door: true,
        more_words: None,
        port: Some(PORT),
        tpm: None,
    };
    let parts = Parts { name, disk, snapshot: false, store, out: &live.out, attached: &attached };
    let mut machine = Machine::start(&parts)?;
    choose(&mut machine, &[])?;
    Ok(machine)
}

/// Runs the answers once more, as a start would.
fn again(machine: &mut Machine) -> Result<()> {
    machine.stand_at_door(true);
    // It ends by itself; the stick has to be seen before.
    machine.send_line(
        "udevadm settle; sleep 3; systemctl reset-failed forge-unattended; systemctl start forge-unattended",
    )?;
    machine.stand_at_door(false);
    machine.expect("an install at which nobody sits", 120)?;
    Ok(())
}

/// Whether nothing was ever written to a disk.
fn is_empty(disk: &Path) -> Result<bool> {
    let used = run("/usr/bin/du", &["-B1".as_ref(), disk.as_os_str()])?;
    Ok(String::from_utf8(used)?.split_whitespace().next() == Some("0"))
}

/// What a program outside was told.
fn events(out: &Path, name: &str) -> Result<()> {
    let told = fs::read_to_string(out.join(format!("{name}.port.txt")))?;
    for event in ["sources", "plan", "countdown", "progress", "installed", "exit"] {
        ensure!(told.contains(&format!("\"event\":\"{event}\"")), "the port told no {event}");
    }
    ensure!(!told.contains("\"failed\""), "the port told a failure");
    println!("    ok      the port told every event");
    Ok(())
}

fn write(live: &Live, name: &str, answers: &str) -> Result<PathBuf> {
    let path = live.out.join(format!("{name}.toml"));
    fs::write(&path, answers)?;
    Ok(path)
}

/// Starts the installed disk without the medium, on the firmware in which the install left its request.
fn boot(live: &Live, name: &str, demo: &Demo, store: &Store) -> Result<()> {
    let talking = Disk::copy(&demo.disk, &live.out.join(format!("{name}.talking.img")))?;
    talking.add_console(&demo.certificate)?;
    let nothing = Attached::default();
    let name = format!("{name}-installed");
    let parts = Parts { name: &name, disk: talking.path(), snapshot: true, store, out: &live.out, attached: &nothing };
    let mut machine = Machine::start(&parts)?;
    mokmanager::enroll(&mut machine, &demo.mok_code)?;
    let mut guest = Guest::root(&mut machine, demo)?;
    let checked = checks::all(&mut guest, demo);
    guest.power_off()?;
    drop(machine);
    fs::remove_file(talking.path())?;
    checked
}
