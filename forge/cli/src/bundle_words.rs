//! Optional proprietary firmware in sentences: what was accepted, who asks for what, and what does not work without it.

use forge_model::firmware::{self, Bundle, Chosen, Device, FirmwareAnswer};

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

/// What a machine and the bundles of a plan have to say to each other: a line for each bundle that is asked for and was not accepted, and
/// for each that was accepted and that nothing asks for.
pub fn on_this_machine(chosen: &[Chosen], devices: &[Device], bundles: &[Bundle]) -> Vec<String> {
    let wanted = firmware::wanted(devices, bundles);
    let is_chosen = |name: &str| chosen.iter().any(|one| one.name == name);
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
    let nobody = chosen.iter().filter(|one| !wanted.iter().any(|row| row.bundle.name == one.name));
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

#[cfg(test)]
mod tests {
    use super::*;
    use forge_model::Recorded;

    const MACHINES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/machines/firmware");

    fn devices(machine: &str) -> Vec<Device> {
        let file = std::fs::read(format!("{MACHINES}/{machine}.json")).unwrap();
        Recorded::parse(&file).unwrap().devices
    }

    #[test]
    fn a_recorded_machine_says_what_was_asked_for_in_vain_and_answers_what_they_accept() {
        let accepted = [FirmwareAnswer { bundle: "intel-wifi".into(), sha256: "a2".repeat(32) }];
        let lines = on_recorded_machine(&accepted, &devices("intel-wifi"));
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].starts_with("The answers accept proprietary firmware: intel-wifi, SHA-256 a2a2"), "{lines:?}");
        let wifi =
            "Intel Corporation Wi-Fi 6 AX200 asked for firmware that was not there: iwlwifi-cc-a0-77.ucode and 1 more.";
        assert_eq!(lines[1], wifi);
        assert!(on_recorded_machine(&[], &devices("none")).is_empty(), "nothing is said where nothing is asked for");
    }

    #[test]
    fn what_is_left_out_is_one_calm_line_and_never_a_warning() {
        let bundles: Vec<Bundle> =
            serde_json::from_slice(&std::fs::read(format!("{MACHINES}/bundles.json")).unwrap()).unwrap();
        let said = |accepted: &[&str], machine: &str| {
            let chosen = bundles.iter().filter(|bundle| accepted.contains(&bundle.name.as_str())).map(Bundle::chosen);
            on_this_machine(&chosen.collect::<Vec<_>>(), &devices(machine), &bundles)
        };
        let none = said(&[], "sof-sound");
        assert_eq!(none.len(), 1, "{none:?}");
        assert!(none[0].ends_with("(intel-sound), which is not accepted: There is no sound."), "{none:?}");
        assert!(said(&["intel-sound"], "sof-sound").is_empty());
        assert_eq!(said(&["intel-wifi"], "none"), ["No device of this machine asks for intel-wifi."]);
        let other = said(&[], "other-file");
        assert!(other[0].contains("this medium does not have: mediatek/"), "{other:?}");
    }
}
