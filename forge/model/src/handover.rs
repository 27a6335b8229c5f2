//! What an install hands over, once: receipt, credentials and the enrollment request.
//!
//! The one document that holds secrets plainly. It exists in sealed memory and, where a person asked for files, in those.

use crate::{
    Secret,
    machine::{Key, Staged, Staging},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Everything that an install hands over.
#[derive(Serialize, Deserialize)]
pub struct Handover {
    /// The receipt as it lies on the ESP.
    pub receipt_json: String,
    /// Its signature, in hexadecimal digits.
    pub receipt_signature: String,
    /// The certificate of the boot key (DER), in hexadecimal digits.
    pub certificate: String,
    /// The user's password, if it was generated.
    #[serde(with = "plain_option")]
    pub user_password: Option<Secret>,
    /// What opens the encrypted state; nothing when it is not encrypted.
    #[serde(default)]
    pub disk: Option<DiskKeys>,
    /// What MokManager asks for.
    #[serde(with = "plain")]
    pub enrollment_code: Secret,
    /// The service credentials by name.
    #[serde(with = "plain_map")]
    pub services: BTreeMap<String, Secret>,
    /// MokNew, MokAuth and MokTimeout, in the form that `virt-fw-vars --set-json` takes.
    #[serde(with = "plain")]
    pub variables_json: Secret,
    /// What of this was left in the firmware already.
    #[serde(default)]
    pub staged: Staged,
}

/// What opens an encrypted state, as far as it was made.
#[derive(Debug, Serialize, Deserialize)]
pub struct DiskKeys {
    /// The passphrase, if it was generated.
    #[serde(with = "plain_option")]
    pub passphrase: Option<Secret>,
    /// The recovery key.
    #[serde(with = "plain")]
    pub recovery: Secret,
}

/// The credentials as JSON, for the one time that they are handed over: plainly, or as the text of a sealed file.
pub fn credentials(
    user: &str,
    password: Option<&Secret>,
    disk: Option<&DiskKeys>,
    code: &Secret,
    services: &BTreeMap<String, Secret>,
) -> Zeroizing<String> {
    let services: Map<String, Value> =
        services.iter().map(|(name, secret)| (name.clone(), secret.expose().into())).collect();
    let mut all = json!({
        "user": { "name": user, "password": password.map(Secret::expose) },
        "mok": { "code": code.expose(), "grouped": grouped(code.expose()) },
        "services": services,
    });
    if let Some(disk) = disk {
        let passphrase = disk.passphrase.as_ref().map(Secret::expose);
        all["disk"] = json!({ "passphrase": passphrase, "recovery-key": disk.recovery.expose() });
    }
    Zeroizing::new(format!("{all:#}\n"))
}

/// The code in groups of four, for eyes; the dashes are not typed.
pub fn grouped(code: &str) -> String {
    code.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-")
}

/// A new request to enroll this machine's key.
#[derive(Serialize, Deserialize)]
pub struct Asked {
    /// What MokManager asks for.
    #[serde(with = "plain")]
    pub code: Secret,
    /// The key.
    pub key: Key,
    /// Whether the request is in the firmware.
    pub staged: Staging,
}

impl Asked {
    /// The bytes that go into the sealed file.
    pub fn to_bytes(&self) -> serde_json::Result<Zeroizing<Vec<u8>>> {
        serde_json::to_vec(self).map(Zeroizing::new)
    }

    /// Reads the bytes of the sealed file.
    pub fn from_bytes(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }
}

impl Handover {
    /// The bytes that go into the sealed file.
    pub fn to_bytes(&self) -> serde_json::Result<Zeroizing<Vec<u8>>> {
        serde_json::to_vec(self).map(Zeroizing::new)
    }

    /// Reads the bytes of the sealed file.
    pub fn from_bytes(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }
}

/// [`Secret`] itself can not be serialised, so that no other document holds one.
mod plain {
    use super::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

mod plain_option {
    use super::Secret;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::expose).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(Secret::new))
    }
}

mod plain_map {
    use super::{BTreeMap, Secret};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(secrets: &BTreeMap<String, Secret>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(secrets.iter().map(|(name, secret)| (name, secret.expose())))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Secret>, D::Error> {
        let plain = BTreeMap::<String, String>::deserialize(from)?;
        Ok(plain.into_iter().map(|(name, secret)| (name, Secret::new(secret))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_arrives() {
        let sent = Handover {
            receipt_json: "{}".into(),
            receipt_signature: "00".into(),
            certificate: "30".into(),
            user_password: Some(Secret::new("six words".into())),
            disk: Some(DiskKeys { passphrase: None, recovery: Secret::new("cbde".into()) }),
            enrollment_code: Secret::new("CODE".into()),
            services: BTreeMap::from([("a.token".into(), Secret::new("beef".into()))]),
            variables_json: Secret::new("{\"variables\":[]}".into()),
            staged: Staged::NOT_HERE,
        };
        let got = Handover::from_bytes(&sent.to_bytes().unwrap()).unwrap();
        assert_eq!(got.user_password.unwrap().expose(), "six words");
        assert_eq!(got.disk.unwrap().recovery.expose(), "cbde");
        assert_eq!(got.enrollment_code.expose(), "CODE");
        assert_eq!(got.services["a.token"].expose(), "beef");
        assert_eq!(got.variables_json.expose(), "{\"variables\":[]}");
    }
}
