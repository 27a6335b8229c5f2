//! What an answer file says about the machine it is for, in the words of its firmware (DMI), and what it says for one
//! machine of a fleet.

use super::{DiskMatch, Password};
use crate::dmi::{is_junk, junk_uuid};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

/// The machine that the answers are for, as its firmware names it. Every key that is given has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("minProperties" = 1))]
pub struct MachineAnswers {
    /// The maker, exactly as in `/sys/class/dmi/id/sys_vendor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The model, exactly as in `/sys/class/dmi/id/product_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The serial number, exactly as in `/sys/class/dmi/id/product_serial`, which only root can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The UUID, as in `/sys/class/dmi/id/product_uuid`, which only root can read. Upper and lower case are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
}

/// The same before it is known that a key stands there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default, deserialize_with = "text")]
    vendor: Option<String>,
    #[serde(default, deserialize_with = "text")]
    product: Option<String>,
    #[serde(default, deserialize_with = "text")]
    serial: Option<String>,
    #[serde(default, deserialize_with = "uuid_text")]
    uuid: Option<String>,
}

impl<'de> Deserialize<'de> for MachineAnswers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Given { vendor, product, serial, uuid } = Given::deserialize(deserializer)?;
        match [&vendor, &product, &serial, &uuid].iter().any(|key| key.is_some()) {
            true => Ok(Self { vendor, product, serial, uuid }),
            false => Err(de::Error::custom(
                "nothing says which machine this is for; write at least one of 'vendor', 'product', 'serial' and 'uuid', \
                 or leave the table out",
            )),
        }
    }
}

/// What is different on one machine of a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Override {
    /// The machine's serial number, exactly as in `/sys/class/dmi/id/product_serial`. No two overrides have the same.
    #[serde(deserialize_with = "serial")]
    pub serial: String,
    /// Instead of `system.hostname`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Instead of `disk.match`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_match: Option<DiskMatch>,
    /// Instead of the same keys of `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserOverride>,
}

/// What is different about the first person on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UserOverride {
    /// Instead of `user.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Instead of `user.full-name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_name: Option<String>,
    /// Instead of `user.password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Password>,
}

/// Takes a value of DMI that can tell machines apart, without the white space around it.
fn known<E: de::Error>(given: &str) -> Result<String, E> {
    match given.trim() {
        "" => Err(E::custom("an empty value is on no machine; write what the firmware says, or leave the key out")),
        junk if is_junk(junk) => Err(E::custom(format!(
            "'{junk}' is what a firmware says when nobody filled it in, and fits no machine; \
             use another key of DMI, or leave this one out"
        ))),
        good => Ok(good.to_owned()),
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|given| known(&given)).transpose()
}

fn serial<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    known(&String::deserialize(deserializer)?)
}

fn uuid_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(given) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    match uuid::Uuid::try_parse(given.trim()) {
        Err(_) => Err(de::Error::custom(
            "a UUID has 32 hexadecimal digits, as '4c4c4544-0042-3510-8054-b4c04f4e4e32'; write the machine's, or leave \
             the key out",
        )),
        Ok(uuid) if junk_uuid(&uuid) => {
            Err(de::Error::custom("this UUID is what a firmware has when nobody gave it one, and fits no machine"))
        }
        Ok(_) => Ok(Some(given.trim().to_owned())),
    }
}
