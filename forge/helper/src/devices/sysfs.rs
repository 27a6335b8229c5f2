//! Every device with its modalias, from sysfs.
//!
//! Source: the kernel's `Documentation/ABI/testing/sysfs-bus-pci` and its like for other buses; `modalias` is what a module
//! is loaded by.

use super::kernel_log::Request;
use forge_model::firmware::Device;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The buses whose devices ask for firmware. Not `platform`: its devices are no hardware that a person could name.
const BUSES: [&str; 8] = ["pci", "usb", "sdio", "virtio", "acpi", "i2c", "serial", "soundwire"];
/// The processor's modalias.
const PROCESSOR: &str = "devices/system/cpu/modalias";
/// What stands before a processor's list of features: thousands of letters that no bundle asks for.
const FEATURES: &str = ":feature:";
/// The longest modalias.
const LONGEST: usize = 512;

/// A device, and the kernel's name of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name on its bus: `0000:00:14.3`, `3-10:1.0`.
    pub id: String,
    /// The device, without its name for people.
    pub device: Device,
}

/// Every device of those buses, and the processor. `sys` is where sysfs lies.
pub fn read(sys: &Path) -> Vec<Found> {
    let directories = BUSES.iter().flat_map(|bus| fs::read_dir(sys.join("bus").join(bus).join("devices")));
    let devices = directories.flatten().flatten().filter_map(|entry| {
        let (place, id) = (entry.path(), entry.file_name().into_string().ok()?);
        let driver = fs::canonicalize(place.join("driver")).ok().and_then(|driver| last_name(&driver));
        Some(Found { id, device: device(&text(&place.join("modalias"))?, driver) })
    });
    let processor = text(&sys.join(PROCESSOR)).map(|modalias| {
        let end = modalias.find(FEATURES).map_or(modalias.len(), |at| at + FEATURES.len());
        Found { id: "cpu".into(), device: device(&modalias[..end], None) }
    });
    devices.chain(processor).filter(|found| found.device.modalias.len() <= LONGEST).collect()
}

fn device(modalias: &str, driver: Option<String>) -> Device {
    Device { modalias: modalias.to_owned(), name: None, driver, missed: Vec::new() }
}

/// The device of a bus that a request was made for: itself, or what is behind a device of a class, such as `hci0`.
pub fn device_of(sys: &Path, request: &Request) -> Option<String> {
    let on_bus = |bus: &str| sys.join("bus").join(bus).join("devices").join(&request.device).exists();
    if BUSES.into_iter().any(on_bus) {
        return Some(request.device.clone());
    }
    // The kernel names the class where a driver's name would be.
    let class = sys.join("class").join(&request.driver);
    let behind = fs::canonicalize(class.join(&request.device).join("device")).ok()?;
    last_name(&behind)
}

fn last_name(path: &Path) -> Option<String> {
    path.file_name().and_then(|name| name.to_str()).map(str::to_owned)
}

/// The one line of an attribute; nothing when it is not there, empty, or not a line of plain letters.
fn text(path: &PathBuf) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.trim_end();
    (!line.is_empty() && line.chars().all(|c| c.is_ascii_graphic() || c == ' ')).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A machine with a PCI device that has a driver, a Bluetooth adapter on USB, and a processor.
    fn machine() -> tempfile::TempDir {
        let sys = tempfile::tempdir().unwrap();
        let make = |path: &str, modalias: &str| {
            let place = sys.path().join(path);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("modalias"), format!("{modalias}\n")).unwrap();
        };
        make("devices/pci0000:00/0000:00:14.3", "pci:v00008086d00002723sv00008086sd00000084bc02sc80i00");
        make("devices/usb1/1-7/1-7:1.0", "usb:v8087p0029d0001dcE0dsc01dp01icE0isc01ip01in00");
        make("devices/system/cpu", "cpu:type:x86,ven0000fam0006mod008E:feature:,0000,0001,0002");
        for directory in ["bus/pci/devices", "bus/usb/devices", "bus/pci/drivers/iwlwifi", "class/bluetooth/hci0"] {
            fs::create_dir_all(sys.path().join(directory)).unwrap();
        }
        for (link, target) in [
            ("bus/pci/devices/0000:00:14.3", "devices/pci0000:00/0000:00:14.3"),
            ("bus/usb/devices/1-7:1.0", "devices/usb1/1-7/1-7:1.0"),
            ("devices/pci0000:00/0000:00:14.3/driver", "bus/pci/drivers/iwlwifi"),
            ("class/bluetooth/hci0/device", "devices/usb1/1-7/1-7:1.0"),
        ] {
            symlink(sys.path().join(target), sys.path().join(link)).unwrap();
        }
        sys
    }

    #[test]
    fn each_device_is_found_with_its_driver_and_the_processor_without_its_features() {
        let sys = machine();
        let found = read(sys.path());
        let by_id = |id: &str| found.iter().find(|found| found.id == id).unwrap();
        assert_eq!(by_id("0000:00:14.3").device.driver.as_deref(), Some("iwlwifi"));
        assert_eq!(by_id("1-7:1.0").device.driver, None);
        assert_eq!(by_id("cpu").device.modalias, "cpu:type:x86,ven0000fam0006mod008E:feature:");
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn a_request_leads_to_its_device_also_from_a_class() {
        let sys = machine();
        let of = |driver: &str, device: &str| {
            let request = Request { driver: driver.into(), device: device.into(), file: "x".into() };
            device_of(sys.path(), &request)
        };
        assert_eq!(of("iwlwifi", "0000:00:14.3").as_deref(), Some("0000:00:14.3"));
        assert_eq!(of("bluetooth", "hci0").as_deref(), Some("1-7:1.0"));
        assert_eq!(of("platform", "regulatory.0"), None);
    }

    #[test]
    fn a_machine_without_sysfs_has_no_devices() {
        assert!(read(Path::new("/nonexistent")).is_empty());
    }
}
