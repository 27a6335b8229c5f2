//! The devices that firmware is a question for: those that a bundle of the payload is for, and those for which the kernel
//! looked for a file in vain. No network is asked, and no serial number is read.
//!
//! | file | what it does |
//! |---|---|
//! | [`sysfs`] | every device with its modalias |
//! | [`kernel_log`] | what the kernel looked for in vain |
//! | [`names`] | a device's name, from the hardware database |

pub mod kernel_log;
pub mod names;
pub mod sysfs;

use crate::arguments::Arguments;
use forge_engine::tool::Tools;
use forge_model::firmware::{Bundle, Device, wanted};
use kernel_log::Request;
use names::Names;
use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};
use sysfs::Found;

/// Files asked for in vain that are kept for one device. A driver that tries every version that it knows asks for dozens.
const MOST_FILES: usize = 64;

/// Devices of this machine.
pub struct Devices {
    sysfs: PathBuf,
    tools: Tools,
    names: Arc<Names>,
    bundles: OnceLock<Vec<Bundle>>,
}

impl Devices {
    /// Where the arguments say.
    pub fn new(arguments: &Arguments) -> Self {
        let sysfs = arguments.sysfs.clone();
        Self { sysfs, tools: Tools::default(), names: Arc::default(), bundles: OnceLock::new() }
    }

    /// Whether the payload's bundles are known already.
    pub fn knows_bundles(&self) -> bool {
        self.bundles.get().is_some()
    }

    /// Takes the payload's bundles; the payload is the same as long as the helper runs.
    pub fn know_bundles(&self, bundles: &[Bundle]) {
        let _ = self.bundles.set(bundles.to_vec());
    }

    /// Looks at them. Nothing that fails here is in the way of an install.
    pub async fn look(&self) -> Vec<Device> {
        let (sysfs, tools, names) = (self.sysfs.clone(), self.tools.clone(), self.names.clone());
        let bundles = self.bundles.get().cloned().unwrap_or_default();
        let looked = tokio::task::spawn_blocking(move || {
            let requests = kernel_log::read(&tools);
            let found = sysfs::read(&sysfs);
            let mut devices = that_matter(found, &requests, &bundles, &|request| sysfs::device_of(&sysfs, request));
            for device in &mut devices {
                device.name = names.of(&tools, &device.modalias);
            }
            devices
        });
        looked.await.unwrap_or_else(|error| {
            log::error!("the devices are not looked at: {error}");
            Vec::new()
        })
    }
}

/// The devices that a bundle is for, or that miss a file; by their modalias. `device_of` names the device of a request.
fn that_matter(
    found: Vec<Found>,
    requests: &[Request],
    bundles: &[Bundle],
    device_of: &dyn Fn(&Request) -> Option<String>,
) -> Vec<Device> {
    let mut devices: Vec<(String, Device)> = found.into_iter().map(|found| (found.id, found.device)).collect();
    for request in requests {
        let id = device_of(request);
        // What is asked for by no device of a bus, such as the list of radio regulations, is no firmware of a device.
        let Some((_, device)) = devices.iter_mut().find(|(known, _)| id.as_ref() == Some(known)) else { continue };
        if !device.missed.contains(&request.file) && device.missed.len() < MOST_FILES {
            device.missed.push(request.file.clone());
        }
    }
    let all: Vec<Device> = devices.into_iter().map(|(_, device)| device).collect();
    // All at once: a bundle may name thousands of devices.
    let wanting = wanted(&all, bundles).into_iter().flat_map(|row| row.devices);
    let mut devices: Vec<Device> =
        all.iter().filter(|device| !device.missed.is_empty()).chain(wanting).cloned().collect();
    devices.iter_mut().for_each(|device| device.missed.sort());
    devices.sort_by(|a, b| (&a.modalias, &a.missed).cmp(&(&b.modalias, &b.missed)));
    // Two of the same make are one question.
    devices.dedup_by(|a, b| a.modalias == b.modalias && a.missed == b.missed);
    devices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(id: &str, modalias: &str) -> Found {
        let device = Device { modalias: modalias.into(), name: None, driver: None, missed: vec![] };
        Found { id: id.into(), device }
    }

    fn asked(device: &str, file: &str) -> Request {
        Request { driver: "iwlwifi".into(), device: device.into(), file: file.into() }
    }

    #[test]
    fn only_a_device_that_misses_a_file_or_that_a_bundle_is_for_matters() {
        let all =
            || vec![found("0000:00:14.3", "pci:wifi"), found("0000:00:02.0", "pci:vga"), found("1-1:1.0", "usb:x")];
        let same = |request: &Request| Some(request.device.clone());
        let requests = [
            asked("0000:00:14.3", "b.ucode"),
            asked("0000:00:14.3", "a.ucode"),
            asked("0000:00:14.3", "a.ucode"),
            asked("regulatory.0", "regulatory.db"),
        ];
        let devices = that_matter(all(), &requests, &[], &same);
        assert_eq!(devices.len(), 1);
        assert_eq!(devices[0].missed, ["a.ucode", "b.ucode"], "each once");
        assert!(that_matter(all(), &[], &[], &same).is_empty());
    }

    #[test]
    fn a_driver_that_asks_without_end_is_not_listened_to_without_end() {
        let requests: Vec<Request> = (0..1000).map(|n| asked("x", &format!("{n}.bin"))).collect();
        let same = |request: &Request| Some(request.device.clone());
        let devices = that_matter(vec![found("x", "pci:x")], &requests, &[], &same);
        assert_eq!(devices[0].missed.len(), MOST_FILES);
    }
}
