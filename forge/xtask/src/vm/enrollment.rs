//! What goes wrong between a person and MokManager, and that none of it is a dead end.
use super::checks;
use super::firmware::Store;
use super::guest::Guest;
use super::machine::Machine;
use super::mokmanager;
use super::scenarios::Stage;
use anyhow::Result;

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

/// By the way of the person whose request is lost, to the running system.
fn enroll_and_boot(stage: &Stage, machine: &mut Machine) -> Result<()> {
    let demo = stage.demo();
    mokmanager::enroll_from_disk(machine)?;
    let mut guest = Guest::boot(machine)?;
    guest.log_in(&demo.user, &demo.password)?;
    guest.become_root(&demo.password)?;
    checks::secure_boot(&mut guest, true)?;
    guest.power_off()
}
