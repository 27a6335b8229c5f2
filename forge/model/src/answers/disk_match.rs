//! How an answer file names a disk: by what the disk says of itself, never by a path, which may be another disk's after
//! the next start.

use crate::{inventory::Transport, size};
use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::fmt;

/// Which disk is meant. Exactly one disk has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum DiskMatch {
    /// The disk with this world wide name.
    Wwn {
        /// The name, such as `0x5002538f00c12a7b`. Case, a leading `0x`, `naa.` or `eui.`, and marks between digits do
        /// not matter.
        wwn: String,
    },
    /// The disk with this EUI-64 or NGUID, which NVMe disks have.
    Eui {
        /// The name, such as `eui.0025385a11b2c3d4`. Case, a leading `0x` or `eui.`, and marks between digits do not
        /// matter.
        eui: String,
    },
    /// The disk with this serial number.
    Serial {
        /// The number. White space around it does not matter, case does.
        serial: String,
    },
    /// The one disk that all of this fits.
    Described(Described),
}

/// A disk by what it is like. Every key that is given has to fit; one at least is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("minProperties" = 1))]
pub struct Described {
    /// Its whole model name. White space around it does not matter, case does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How it is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// It has this size or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_size: Option<Size>,
    /// It has this size or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Size>,
    /// Whether a person can take it, or its medium, out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removable: Option<bool>,
}

/// A size in bytes, written as a number with a unit: `"200GB"`, `"1.5TB"`, `"180GiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(with = "String", extend("pattern" = r"^[0-9]+(\.[0-9]+)?(B|[KMGT]i?B)$"))]
pub struct Size(pub u64);

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&size::exact(self.0))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size in quotes with its unit, as '200GB' (1000s) or '180GiB' (1024s)")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                size::parse(text).map(Size).ok_or_else(|| {
                    E::custom(format!(
                        "'{text}' is no size; write a number and its unit, as '200GB' (1000s) or '180GiB' (1024s)"
                    ))
                })
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// What stands in the file, before it is known that it names a disk.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Given {
    wwn: Option<String>,
    eui: Option<String>,
    serial: Option<String>,
    model: Option<String>,
    transport: Option<Transport>,
    min_size: Option<Size>,
    max_size: Option<Size>,
    removable: Option<bool>,
    // What a person may write who knows disks by paths.
    path: Option<IgnoredAny>,
    device: Option<IgnoredAny>,
}

const NO_PATH: &str = "a path names no disk, as it may be another disk's after the next start; \
    write { wwn = '…' }, { eui = '…' } or { serial = '…' } as 'forgectl disks --json' shows them, or describe the disk \
    by 'model', 'transport', 'min-size', 'max-size' and 'removable'";

impl<'de> Deserialize<'de> for DiskMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;
        impl<'de> Visitor<'de> for Table {
            type Value = DiskMatch;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table, as { serial = '…' }")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<DiskMatch, E> {
                Err(E::custom(NO_PATH))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DiskMatch, A::Error> {
                Given::deserialize(MapAccessDeserializer::new(map))?.named().map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Table)
    }
}

impl Given {
    fn named(self) -> Result<DiskMatch, &'static str> {
        let texts = [&self.wwn, &self.eui, &self.serial, &self.model];
        let is_path = |text: &&Option<String>| text.as_ref().is_some_and(|text| text.trim().starts_with("/dev/"));
        if self.path.is_some() || self.device.is_some() || texts.iter().any(is_path) {
            return Err(NO_PATH);
        }
        if texts.iter().any(|text| text.as_ref().is_some_and(|text| text.trim().is_empty())) {
            return Err("an empty value names no disk; write what 'forgectl disks --json' shows, or leave the key out");
        }
        let described = Described {
            model: self.model,
            transport: self.transport,
            min_size: self.min_size,
            max_size: self.max_size,
            removable: self.removable,
        };
        if described.min_size.zip(described.max_size).is_some_and(|(least, most)| least > most) {
            return Err(
                "no disk has 'min-size' or more and 'max-size' or less: the first is the larger one; swap them",
            );
        }
        let is_described = described != Described::default();
        match (self.wwn, self.eui, self.serial) {
            (Some(wwn), None, None) if !is_described => Ok(DiskMatch::Wwn { wwn }),
            (None, Some(eui), None) if !is_described => Ok(DiskMatch::Eui { eui }),
            (None, None, Some(serial)) if !is_described => Ok(DiskMatch::Serial { serial }),
            (None, None, None) if is_described => Ok(DiskMatch::Described(described)),
            (None, None, None) => Err("nothing says which disk is meant; write { serial = '…' }, { wwn = '…' } or \
                                       { eui = '…' }, or describe it by 'model', 'transport', 'min-size', 'max-size' \
                                       and 'removable'"),
            _ => Err("one of 'wwn', 'eui' and 'serial' names the disk by itself; leave every other key out"),
        }
    }
}

#[cfg(test)]
mod tests;
