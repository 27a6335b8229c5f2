//! What an install hands over, once: receipt, credentials and the enrollment request.
//!
//! The one document that holds secrets plainly. It exists in sealed memory and, where a person asked for files, in those.

use crate::{
    Secret,
    machine::{Key, Staged, Staging},
};
use serde::{Deserialize, Serialize, Serializer};
use std::{
    collections::BTreeMap,
    io::{self, Write},
    mem,
};
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
    #[derive(Serialize)]
    struct All<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        disk: Option<Disk<'a>>,
        mok: Mok<'a>,
        services: BTreeMap<&'a str, &'a str>,
        user: User<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    struct Disk<'a> {
        passphrase: Option<&'a str>,
        recovery_key: &'a str,
    }
    #[derive(Serialize)]
    struct User<'a> {
        name: &'a str,
        password: Option<&'a str>,
    }
    let disk = disk.map(|disk| Disk {
        passphrase: disk.passphrase.as_ref().map(Secret::expose),
        recovery_key: disk.recovery.expose(),
    });
    let services = services.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
    let user = User { name: user, password: password.map(Secret::expose) };
    text(&All { disk, mok: Mok::new(code), services, user })
}

/// The code as it stands in documents.
#[derive(Serialize)]
struct Mok<'a> {
    code: &'a str,
    #[serde(serialize_with = "wiped_text")]
    grouped: Zeroizing<String>,
}

impl<'a> Mok<'a> {
    fn new(code: &'a Secret) -> Self {
        Self { code: code.expose(), grouped: grouped(code.expose()) }
    }
}

fn wiped_text<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(text)
}

/// The code in groups of four, for eyes; the dashes are not typed.
pub fn grouped(code: &str) -> Zeroizing<String> {
    let mut grouped = Zeroizing::new(String::with_capacity(2 * code.len()));
    for (index, letter) in code.chars().enumerate() {
        if index > 0 && index % 4 == 0 {
            grouped.push('-');
        }
        grouped.push(letter);
    }
    grouped
}

/// A document for people.
fn text(document: &impl Serialize) -> Zeroizing<String> {
    let mut bytes = wiped(|to| serde_json::to_writer_pretty(to, document)).expect("texts can be written as JSON");
    bytes.push(b'\n');
    Zeroizing::new(String::from_utf8(mem::take(&mut bytes)).expect("JSON is a text"))
}

/// Memory that is wiped, with room for one byte more. It is taken at once: a buffer that grows leaves copies behind.
fn wiped(write: impl Fn(&mut dyn Write) -> serde_json::Result<()>) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let mut length = Length(0);
    write(&mut length)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0 + 1));
    write(&mut *bytes)?;
    Ok(bytes)
}

/// How much would be written.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    /// The code and the key as a document for people.
    pub fn text(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        struct All<'a> {
            key: &'a Key,
            mok: Mok<'a>,
        }
        text(&All { key: &self.key, mok: Mok::new(&self.code) })
    }

    /// The bytes that go into the sealed file.
    pub fn to_bytes(&self) -> serde_json::Result<Zeroizing<Vec<u8>>> {
        wiped(|to| serde_json::to_writer(to, self))
    }

    /// Reads the bytes of the sealed file.
    pub fn from_bytes(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }
}

impl Handover {
    /// The bytes that go into the sealed file.
    pub fn to_bytes(&self) -> serde_json::Result<Zeroizing<Vec<u8>>> {
        wiped(|to| serde_json::to_writer(to, self))
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
    fn a_document_is_written_into_memory_that_does_not_grow() {
        let words = vec!["word"; 1000];
        let bytes = wiped(|to| serde_json::to_writer(to, &words)).unwrap();
        assert_eq!((bytes.len(), bytes.capacity()), (7001, 7002));
        assert_eq!(*bytes, serde_json::to_vec(&words).unwrap());
        let (code, password) = (Secret::new("ABCDEFGHJ".into()), Secret::new("six words".into()));
        let disk = DiskKeys { passphrase: None, recovery: Secret::new("cbde".into()) };
        let services = BTreeMap::from([("a.token".into(), Secret::new("be\"ef".into()))]);
        let text = credentials("anna", Some(&password), Some(&disk), &code, &services);
        let wanted = serde_json::json!({
            "user": { "name": "anna", "password": "six words" },
            "mok": { "code": "ABCDEFGHJ", "grouped": "ABCD-EFGH-J" },
            "services": { "a.token": "be\"ef" },
            "disk": { "passphrase": null, "recovery-key": "cbde" },
        });
        assert_eq!(*text, format!("{wanted:#}\n"));
        assert_eq!(text.len(), text.capacity());
    }

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
