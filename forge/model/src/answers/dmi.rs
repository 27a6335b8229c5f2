//! What an answer file says about the machine it is for, in the words of its firmware (DMI), and what it says for one
//! machine of a fleet.

use super::{Answers, DiskMatch, Password};
use crate::dmi::{Key, MachineFacts, is_junk, junk_uuid, same};
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

/// Why a machine is not the one that the answers are for: every key that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// They, in the order of the answer file's keys.
    pub keys: Vec<Differs>,
}

/// One key of DMI that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differs {
    /// Which.
    pub key: Key,
    /// What the answers say.
    pub wanted: String,
    /// What the machine says.
    #[serde(flatten)]
    pub found: FoundValue,
}

/// What a machine says where something else is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", content = "value", rename_all = "kebab-case")]
pub enum FoundValue {
    /// Nothing: the firmware has no value there, or it could not be read.
    Nothing,
    /// What a firmware says when nobody filled it in, which fits nothing.
    Junk(String),
    /// Another value.
    Other(String),
}

impl MachineAnswers {
    /// Whether this is the machine: every key that is given has the value that the machine has.
    ///
    /// White space around a value does not matter, and neither does the case of a UUID. What a firmware says when nobody
    /// filled a value in never fits, as many machines say the same.
    pub fn matches(&self, facts: &MachineFacts) -> Result<(), Mismatch> {
        let wanted = [
            (Key::Vendor, &self.vendor),
            (Key::Product, &self.product),
            (Key::Serial, &self.serial),
            (Key::Uuid, &self.uuid),
        ];
        let differs = |(key, wanted): (Key, &Option<String>)| {
            let wanted = wanted.as_ref()?;
            let found = match facts.value(key) {
                None => FoundValue::Nothing,
                Some(junk) if key.is_junk(junk) => FoundValue::Junk(junk.into()),
                Some(found) if same(key, wanted, found) => return None,
                Some(other) => FoundValue::Other(other.into()),
            };
            Some(Differs { key, wanted: wanted.clone(), found })
        };
        let keys: Vec<Differs> = wanted.into_iter().filter_map(differs).collect();
        if keys.is_empty() { Ok(()) } else { Err(Mismatch { keys }) }
    }
}

impl Answers {
    /// What the machine says instead of a serial number, if that decides which disk is meant: an override names a disk,
    /// and nobody can tell whether it is the one for this machine.
    pub fn unknown_override(&self, facts: &MachineFacts) -> Option<FoundValue> {
        self.overrides.iter().find(|one| one.disk_match.is_some())?;
        match facts.value(Key::Serial) {
            None => Some(FoundValue::Nothing),
            Some(junk) if is_junk(junk) => Some(FoundValue::Junk(junk.into())),
            Some(_) => None,
        }
    }

    /// The override for this machine, if there is one.
    pub fn override_for(&self, facts: &MachineFacts) -> Option<&Override> {
        let serial = facts.value(Key::Serial).filter(|serial| !is_junk(serial))?;
        self.overrides.iter().find(|one| same(Key::Serial, &one.serial, serial))
    }

    /// The answers for this machine: its override is applied, and those of other machines, with their hashes, are gone.
    ///
    /// Where it is not known which override is for it ([`Self::unknown_override`]), they name no disk: the rule for all
    /// machines may mean the very disk that an override is there to keep.
    pub fn for_machine(&self, facts: &MachineFacts) -> Self {
        let mut answers = Self { overrides: Vec::new(), ..self.clone() };
        if self.unknown_override(facts).is_some() {
            answers.disk.matching = None;
        }
        if let Some(Override { serial: _, hostname, disk_match, user }) = self.override_for(facts).cloned() {
            let UserOverride { name, full_name, password } = user.unwrap_or_default();
            hostname.into_iter().for_each(|hostname| answers.system.hostname = hostname);
            disk_match.into_iter().for_each(|disk| answers.disk.matching = Some(disk));
            name.into_iter().for_each(|name| answers.user.name = name);
            full_name.into_iter().for_each(|name| answers.user.full_name = name);
            password.into_iter().for_each(|password| answers.user.password = password);
        }
        answers
    }
}

/// What stands in the file, before it is known that a key is there.
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
    /// Instead of `disk.match`. If any override has this, a machine without a serial number is left to a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_match: Option<DiskMatch>,
    /// Instead of the same keys of `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserOverride>,
}

/// What is different about the first person on one machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

#[cfg(test)]
mod tests;
