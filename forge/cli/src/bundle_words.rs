//! Optional proprietary firmware in sentences: what was accepted, who asks for what, and what does not work without it.

use forge_model::{
    Plan,
    firmware::{self, Bundle, Chosen, Device, FirmwareAnswer},
};

/// What of it will be installed, one sentence a line.
pub fn chosen(chosen: &[Chosen]) -> Vec<String> {
    if chosen.is_empty() {
        return vec!["No proprietary firmware will be installed.".into()];
    }
    let mut lines = vec!["Proprietary firmware will be installed, as the answers accept it:".into()];
    lines.extend(chosen.iter().map(|one| {
        format!("  {}: {}, by {}, licence {}, SHA-256 {}", one.name, one.title, one.vendor, one.licence, one.sha256)
    }));
    lines
}

/// What a machine and a plan have to say to each other: a line for each bundle that is asked for and was not accepted, and
/// for each that was accepted and that nothing asks for.
pub fn on_this_machine(plan: &Plan, devices: &[Device], bundles: &[Bundle]) -> Vec<String> {
    let wanted = firmware::wanted(devices, bundles);
    let is_chosen = |name: &str| plan.firmware.iter().any(|one| one.name == name);
    let left_out = wanted.iter().filter(|row| !is_chosen(&row.bundle.name)).map(|row| {
        let Bundle { name, vendor, without, .. } = row.bundle;
        let names = names(&row.devices);
        let (ask, who) = match names.len() {
            0 => ("asks", row.bundle.title.clone()),
            1 => ("asks", names[0].to_owned()),
            _ => ("ask", names.join(" and ")),
        };
        format!("{who} {ask} for proprietary firmware of {vendor} ({name}), which is not accepted: {without}")
    });
    let nobody = plan.firmware.iter().filter(|one| !wanted.iter().any(|row| row.bundle.name == one.name));
    let nobody = nobody.map(|one| format!("No device of this machine asks for {}.", one.name));
    let elsewhere = firmware::missed(devices, bundles).into_iter().filter_map(|device| {
        let (who, file) = (name(device), asked_for(device)?);
        Some(format!("{who} asked for firmware that this medium does not have: {file}."))
    });
    left_out.chain(nobody).chain(elsewhere).collect()
}

/// What a recorded machine says without a payload: files that were asked for in vain, and bundles that answers accept.
pub fn on_recorded_machine(accepted: &[FirmwareAnswer], devices: &[Device]) -> Vec<String> {
    let mut lines: Vec<String> = accepted
        .iter()
        .map(|one| format!("The answers accept proprietary firmware: {}, SHA-256 {}.", one.bundle, one.sha256))
        .collect();
    lines.extend(devices.iter().filter_map(|device| {
        Some(format!("{} asked for firmware that was not there: {}.", name(device), asked_for(device)?))
    }));
    lines
}

/// What a device asked for in vain. A driver asks for one version after the other: the last name says which family it is.
fn asked_for(device: &Device) -> Option<String> {
    let file = device.missed.last()?;
    Some(match device.missed.len() {
        1 => file.clone(),
        count => format!("{file} and {} more", count - 1),
    })
}

/// A device by its name, or by what the kernel calls it.
pub fn name(device: &Device) -> &str {
    device.name.as_deref().unwrap_or(&device.modalias)
}

/// The names of devices that have one, each once.
fn names<'a>(devices: &[&'a Device]) -> Vec<&'a str> {
    let mut names: Vec<&str> = devices.iter().filter_map(|device| device.name.as_deref()).collect();
    names.dedup();
    names
}
