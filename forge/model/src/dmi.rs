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

impl MachineFacts {
    /// One value, without the white space around it; nothing where there is none.
    pub fn value(&self, key: Key) -> Option<&str> {
        let value = match key {
            Key::Vendor => &self.vendor,
            Key::Product => &self.product,
            Key::Serial => &self.serial,
            Key::Uuid => &self.uuid,
        };
        value.as_deref().map(str::trim).filter(|value| !value.is_empty())
    }
}

/// The values that tell machines apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// The maker.
    Vendor,
    /// The model.
    Product,
    /// The serial number.
    Serial,
    /// The UUID.
    Uuid,
}

impl Key {
    /// Every key, in the order of an answer file.
    pub const ALL: [Self; 4] = [Self::Vendor, Self::Product, Self::Serial, Self::Uuid];

    /// The key's name in an answer file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vendor => "vendor",
            Self::Product => "product",
            Self::Serial => "serial",
            Self::Uuid => "uuid",
        }
    }

    /// A value in the one way of writing it: without white space around it, a UUID in lower case.
    pub fn plain(self, value: &str) -> String {
        match (self, Uuid::try_parse(value.trim())) {
            (Self::Uuid, Ok(uuid)) => uuid.hyphenated().to_string(),
            _ => value.trim().to_owned(),
        }
    }

    /// Whether a value of this key is what a firmware says when nobody filled it in.
    pub fn is_junk(self, value: &str) -> bool {
        is_junk(value) || self == Self::Uuid && Uuid::try_parse(value.trim()).is_ok_and(|uuid| junk_uuid(&uuid))
    }
}

/// Whether two values of a key are the same: exactly, but for white space around them, and for the case of a UUID.
pub fn same(key: Key, one: &str, other: &str) -> bool {
    key.plain(one) == key.plain(other)
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
    "notpresent",
    "notsettable",
    "oem",
    "none",
    "na",
    "null",
    "unknown",
    "undefined",
    "unspecified",
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

/// The examples and fillings of makers of boards and firmwares.
const JUNK_UUIDS: [Uuid; 3] = [
    Uuid::from_u128(0x03000200_0400_0500_0006_000700080009),
    Uuid::from_u128(0x12345678_1234_5678_90ab_cddeefaabbcc),
    Uuid::from_u128(0xfefefefe_fefe_fefe_fefe_fefefefefefe),
];

/// Whether a UUID is one that many machines have: all zero, all one, or one that a maker left there.
pub fn junk_uuid(uuid: &Uuid) -> bool {
    uuid.is_nil() || uuid.is_max() || JUNK_UUIDS.contains(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_filled_in_is_known_and_a_real_value_is_not_taken_for_it() {
        for junk in [
            "To Be Filled By O.E.M.",
            "to be filled by o.e.m",
            "Default string",
            "System Serial Number",
            "0000000",
            "Not Present",
            "Undefined",
            "Not Settable",
            "unspecified",
            "OEM",
            "O.E.M.",
        ] {
            assert!(Key::Serial.is_junk(junk), "{junk}");
        }
        for real in
            ["LENOVO", "20XW0012GE", "PF2ABCDE", "QEMU", "Standard PC (Q35 + ICH9, 2009)", "System76", "1234567"]
        {
            assert!(!Key::Serial.is_junk(real), "{real}");
        }
        let shared = ["00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"];
        let examples = ["03000200-0400-0500-0006-000700080009", "12345678-1234-5678-90AB-CDDEEFAABBCC"];
        for junk in shared.into_iter().chain(examples).chain(["fefefefe-fefe-fefe-fefe-FEFEFEFEFEFE"]) {
            assert!(Key::Uuid.is_junk(junk), "{junk}");
        }
        assert!(!Key::Uuid.is_junk("4c4c4544-0042-3510-8054-b4c04f4e4e32"));
    }
}
