//! Which machine this is, in the words of its firmware (SMBIOS, which Linux shows as `/sys/class/dmi/id`).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What the firmware says about the machine. A value is missing where the firmware has none, or where it could not be
/// read: the serial number and the UUID are for root only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineFacts {
    /// The maker (`sys_vendor`).
    #[serde(default)]
    pub vendor: Option<String>,
    /// The model (`product_name`).
    #[serde(default)]
    pub product: Option<String>,
    /// The serial number (`product_serial`).
    #[serde(default)]
    pub serial: Option<String>,
    /// The UUID (`product_uuid`).
    #[serde(default)]
    pub uuid: Option<String>,
}

/// What firmwares say when nobody filled a value in, in lower case and without marks and spaces.
const JUNK: &[&str] = &[
    "tobefilledbyoem",
    "defaultstring",
    "systemmanufacturer",
    "systemproductname",
    "systemserialnumber",
    "systemversion",
    "notspecified",
    "notapplicable",
    "notavailable",
    "oem",
    "none",
    "na",
    "null",
    "unknown",
    "invalid",
    "empty",
    "chassisserialnumber",
    "baseboardserialnumber",
    "serialnumber",
    "123456789",
    "1234567890",
    "0123456789",
];

/// Whether a value of DMI is what a firmware says when nobody filled it in, so that it tells no machine from another.
pub fn is_junk(value: &str) -> bool {
    let letters: String = value.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let same =
        letters.chars().all(|c| c == '0') || letters.chars().all(|c| c == 'f') || letters.chars().all(|c| c == 'x');
    same || JUNK.contains(&letters.as_str())
}

/// Whether a UUID is one that many machines have: all zero, all one, and the example of a maker of boards.
pub fn junk_uuid(uuid: &Uuid) -> bool {
    const EXAMPLE: Uuid = Uuid::from_u128(0x03000200_0400_0500_0006_000700080009);
    uuid.is_nil() || uuid.is_max() || *uuid == EXAMPLE
}
