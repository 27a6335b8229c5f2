//! What goes wrong between a person and MokManager, and that none of it is a dead end.
use super::checks;
use super::firmware::Store;
use super::guest::Guest;
use super::machine::Machine;
use super::mokmanager;
use super::scenarios::Stage;
use super::tamper::Disk;
use anyhow::{Context, Result, ensure};

/// Nothing was ever asked for: the certificate on the ESP is enrolled by hand.
pub(super) fn from_disk(stage: &Stage) -> Result<()> {
    let store = Store::microsoft(stage.store("from-disk"))?;
    let mut machine = stage.machine("from-disk", stage.talking(), &store)?;
    enroll_and_boot(stage, &mut machine)
}

/// The prompt was passed by: the request is gone, and the certificate on the ESP is enrolled by hand.
pub(super) fn prompt_missed(stage: &Stage) -> Result<()> {
    let store = stage.asked_store("prompt-missed")?;
    let mut machine = stage.machine("prompt-missed", stage.talking(), &store)?;
    mokmanager::pass_by(&mut machine)?;
    enroll_and_boot(stage, &mut machine)
}

/// The code was wrong three times: the same.
pub(super) fn wrong_code(stage: &Stage) -> Result<()> {
    let store = stage.asked_store("wrong-code")?;
    let mut machine = stage.machine("wrong-code", stage.talking(), &store)?;
    mokmanager::give_wrong_codes(&mut machine)?;
    enroll_and_boot(stage, &mut machine)
}

/// The firmware has no keys (setup mode), and the request was passed by: the system starts all the same, asks the firmware
/// itself once more, and the new code is taken. A firmware without room says so, and nothing is left half asked for.
pub(super) fn asked_again(stage: &Stage) -> Result<()> {
    let demo = stage.demo();
    let store = Store::without_keys(stage.store("asked-again"))?;
    store.set(&demo.variables)?;
    let disk = Disk::copy(stage.talking(), &stage.scratch_disk("asked-again"))?;
    let mut machine = stage.keeping_machine("asked-again", disk.path(), &store)?;
    mokmanager::pass_by(&mut machine)?;
    // There is no desktop: the console says what is left to do, above its question for a name.
    machine.expect("sudo forgectl enroll", 240)?;
    let mut guest = Guest::root(&mut machine, stage.demo())?;
    guest.says("forgectl machine --json", &["\"setup-mode\"", "\"lost\""])?;

    // Twice, as by somebody who lost the first code: the second one counts.
    guest.output("forgectl enroll --output /run/first && forgectl enroll --output /run/second")?;
    let code = |guest: &mut Guest, which: &str| {
        let written = guest.output(&format!("cat /run/{which}/enrollment.json"))?;
        let written: serde_json::Value = serde_json::from_str(&written)?;
        written["mok"]["code"].as_str().map(str::to_owned).context("no code was written")
    };
    let (first, second) = (code(&mut guest, "first")?, code(&mut guest, "second")?);
    ensure!(first != second, "the same code twice");
    guest.says("forgectl machine --json", &["\"pending\""])?;
    guest.reboot()?;

    mokmanager::enroll(&mut machine, &second)?;
    let mut guest = Guest::root(&mut machine, stage.demo())?;
    guest.says("forgectl machine --json", &["\"setup-mode\"", "\"enrolled\""])?;

    // Firmware keeps a part of its store for itself; the kernel refuses what would go below that.
    guest.output(FILL)?;
    let (code, said) = guest.run("forgectl enroll")?;
    ensure!(code == 11 && said.contains("no room left"), "a full firmware: {code}, {said}");
    let (code, left) = guest.run("ls /sys/firmware/efi/efivars | grep -E '^Mok(New|Auth)-'")?;
    ensure!(code == 1, "half a request is left: {left}");
    guest.power_off()?;
    drop(machine);
    Ok(std::fs::remove_file(disk.path())?)
}

/// Takes the room of the firmware's variables, piece by piece, until nothing fits any more.
const FILL: &str = "v=/sys/firmware/efi/efivars; n=0; size=8192; \
    while [ $size -ge 64 ]; do \
        f=$v/Filler$n-605dab50-e046-4300-abb6-3dd810dd8b23; \
        if { printf '\\007\\000\\000\\000'; head -c $size /dev/urandom; } > /run/filler && \
            dd if=/run/filler of=$f bs=16384 count=1 status=none 2>/dev/null; \
        then n=$((n + 1)); else rm -f $f; size=$((size / 2)); fi; \
    done; [ $n -gt 0 ]";

/// By the way of the person whose request is lost, to the running system.
fn enroll_and_boot(stage: &Stage, machine: &mut Machine) -> Result<()> {
    mokmanager::enroll_from_disk(machine)?;
    let mut guest = Guest::root(machine, stage.demo())?;
    checks::secure_boot(&mut guest, true)?;
    guest.power_off()
}
