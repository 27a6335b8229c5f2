//! Which machine this is, in the words of its firmware.

use super::place::Place;
use forge_model::MachineFacts;
use std::fs;
use zbus::Connection;

/// Where the kernel shows them.
const DMI: &str = "/sys/class/dmi/id";

/// What can be known here.
pub async fn facts(place: &Place, _bus: &Connection) -> MachineFacts {
    let value = |name: &str| {
        let text = fs::read_to_string(place.at(DMI).join(name)).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    MachineFacts {
        vendor: value("sys_vendor"),
        product: value("product_name"),
        serial: value("product_serial"),
        uuid: value("product_uuid"),
    }
}
