//! `firmware list`, `firmware add`, `firmware remove`: the proprietary firmware of an installed machine, by the helper.

use crate::{
    arguments::FirmwareCommand,
    bundle_words,
    failure::Failure,
    output::{print, tell},
    plan::open_payload,
};
use forge_dbus::{
    backend::{Brought, FirmwareState, InstalledFirmware},
    client::{ClientError, Forge},
    sealed,
};
use forge_engine::{
    firmware::when,
    payload::{MANIFEST, Payload, SIGNATURE},
};
use forge_model::{
    firmware::{self, Bundle, Consent, Device, FirmwareAnswer},
    size,
};
use std::{fs::File, io, os::fd::OwnedFd, path::Path};
use tokio::runtime::Runtime;

/// No index is longer; the helper has the same limit.
const INDEX: u64 = 8 << 20;

/// Runs one of them.
pub fn run(command: FirmwareCommand) -> Result<(), Failure> {
    match command {
        FirmwareCommand::List { from, certificate, json } => list(&from, &certificate, json),
        FirmwareCommand::Add { name, from, certificate } => add(&name, &from, &certificate),
        FirmwareCommand::Remove { name } => remove(&name),
    }
}

fn list(from: &Path, certificate: &Path, json: bool) -> Result<(), Failure> {
    let state = runtime()?.block_on(async { Forge::connect().await?.firmware().await })?;
    if json {
        return print(serde_json::json!(state));
    }
    let payload = from.exists().then(|| open_payload(from, certificate)).transpose()?;
    let mut lines = on_this_machine(&state.installed);
    match &payload {
        Some(payload) => lines.extend(offered(payload, &state)),
        None => {
            lines.extend(state.devices.iter().filter(|device| !device.missed.is_empty()).map(asked_in_vain));
            lines.push(format!("{} is not there: a medium with a payload shows what else there is.", from.display()));
        }
    }
    print(lines.join("\n"))
}

/// What is there, and who wanted it.
fn on_this_machine(installed: &[InstalledFirmware]) -> Vec<String> {
    if installed.is_empty() {
        return vec!["There is no proprietary firmware on this machine.".into()];
    }
    let mut lines = vec!["On this machine:".to_owned()];
    for InstalledFirmware { name, consent, faults } in installed {
        lines.push(match consent {
            Some(Consent { bundle, by, at, .. }) => format!(
                "  {name}: {}, by {}, licence {}, accepted by {by} on {}, SHA-256 {}",
                bundle.title,
                bundle.vendor,
                bundle.licence,
                when(*at),
                bundle.sha256
            ),
            None => format!("  {name}: nobody is known to have accepted this"),
        });
        lines.extend(faults.iter().map(|fault| format!("    {fault}")));
    }
    lines
}

/// What the payload has: for the devices of this machine, and the rest.
fn offered(payload: &Payload, state: &FirmwareState) -> Vec<String> {
    let bundles = &payload.manifest.firmware;
    let is_there = |bundle: &Bundle| {
        let same = |there: &InstalledFirmware| {
            there.consent.as_ref().is_some_and(|consent| consent.bundle.sha256 == bundle.image.sha256)
        };
        state.installed.iter().any(same)
    };
    let wanted = firmware::wanted(&state.devices, bundles);
    let mut lines = Vec::new();
    for row in &wanted {
        for device in &row.devices {
            lines.push(format!("{} asks for {}.", bundle_words::name(device), row.bundle.name));
        }
    }
    lines.extend(firmware::missed(&state.devices, bundles).into_iter().map(asked_in_vain));
    if bundles.is_empty() {
        lines.push("This payload has no proprietary firmware.".into());
        return lines;
    }
    lines.push("In the payload, with the lines by which an answer file accepts it:".into());
    for bundle in bundles {
        let note = if is_there(bundle) { ", on this machine" } else { "" };
        let Bundle { name, title, vendor, licence, image, without, .. } = bundle;
        lines.push(format!("\n# {title}, by {vendor}, licence {}, {}{note}", licence.id, size::words(image.size)));
        lines.push(format!("# Without it: {without}"));
        lines.push(format!("[[firmware]]\nbundle = \"{name}\"\nsha256 = \"{}\"", image.sha256));
    }
    lines
}

fn asked_in_vain(device: &Device) -> String {
    format!("{} asked in vain for {}.", bundle_words::name(device), device.missed.join(", "))
}

fn add(name: &str, from: &Path, certificate: &Path) -> Result<(), Failure> {
    if !from.exists() {
        return Err(Failure::NoMedium(from.to_owned()));
    }
    let payload = open_payload(from, certificate)?;
    let bundles = &payload.manifest.firmware;
    let bundle = bundles.iter().find(|bundle| bundle.name == name);
    let Some(bundle) = bundle else {
        let names = bundles.iter().map(|bundle| bundle.name.clone()).collect();
        return Err(Failure::NoSuchBundle(name.to_owned(), names));
    };
    let copy = |path: &str, most: u64| -> Result<OwnedFd, Failure> {
        let path = from.join(path);
        File::open(&path).and_then(|file| sealed::copy(file, most)).map_err(|e| Failure::file(&path, e))
    };
    let brought = Brought {
        manifest: copy(MANIFEST, INDEX)?,
        signature: copy(SIGNATURE, INDEX)?,
        image: copy(&bundle.image.path, bundle.image.size)?,
        companion: bundle.early.as_ref().map(|entry| copy(&entry.path, entry.size)).transpose()?,
    };
    let accepted = FirmwareAnswer { bundle: name.to_owned(), sha256: bundle.image.sha256.clone() };
    let Consent { bundle, by, .. } =
        runtime()?.block_on(async { Forge::connect().await?.add_firmware(&accepted, &brought).await })?;
    tell(format_args!(
        "{} (proprietary, by {}, licence {}) is here now, ",
        bundle.title, bundle.vendor, bundle.licence
    ));
    print(format_args!(
        "accepted by {by}. It is in use from the next start on. forgectl firmware remove {name} takes it away."
    ))
}

fn remove(name: &str) -> Result<(), Failure> {
    runtime()?.block_on(async { Forge::connect().await?.remove_firmware(name).await })?;
    print(format_args!("{name} is taken away. Until the next start the devices that use it keep it."))
}

fn runtime() -> Result<Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error: io::Error| Failure::from(ClientError::Io(error)))
}
