//! What UDisks2 shows, as a typed view. Everything in it came from a disk that may be hostile, so all text is bounded.
//!
//! Source: the UDisks2 reference, <https://storaged.org/doc/udisks2-api/latest/>.

use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;
use zbus::{OwnedObjectPath, OwnedVariant, fdo::ManagedObjects};

/// The most characters of a text that comes from a disk; serials, models and labels are all shorter.
const LONGEST: usize = 256;
/// The most block devices that are looked at.
const MOST_BLOCKS: usize = 4096;
/// The path that UDisks gives where there is no object.
const NONE: &str = "/";

/// Every block device and drive that UDisks knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Objects {
    /// Block devices by their object path.
    pub blocks: BTreeMap<String, Block>,
    /// Drives by their object path.
    pub drives: BTreeMap<String, Drive>,
    /// Object paths of the software arrays that run.
    pub running_arrays: Vec<String>,
}

/// A block device: a whole disk, a partition, or something virtual.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// The kernel's path, such as `/dev/sda1`.
    pub device: String,
    /// The device number as stat(2) gives it.
    pub number: u64,
    /// Bytes.
    pub size: u64,
    /// Whether it can not be written.
    pub read_only: bool,
    /// What libblkid makes of its content: `filesystem`, `crypto`, `raid`, `other`, or empty.
    pub id_usage: String,
    /// The type that libblkid names, or empty.
    pub id_type: String,
    /// The label that libblkid found, or empty.
    pub id_label: String,
    /// The UUID that libblkid found, or empty.
    pub id_uuid: String,
    /// The drive that it is, or is a part of.
    pub drive: Option<String>,
    /// The running or stopped array that it is a member of.
    pub array: Option<String>,
    /// The type of its partition table, when it has one.
    pub table: Option<String>,
    /// What it is in a partition table.
    pub partition: Option<Partition>,
    /// Where it is mounted.
    pub mounted_at: Vec<String>,
    /// Whether it is used as swap space.
    pub swaps: bool,
    /// The block device that lies on top of it when it is unlocked.
    pub cleartext: Option<String>,
}

/// A place in a partition table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partition {
    /// Object path of the block device that has the table.
    pub table: String,
    /// The number in the table.
    pub number: u32,
    /// The type's GUID in a GPT.
    pub type_id: Option<Uuid>,
    /// PARTUUID in a GPT.
    pub id: Option<Uuid>,
    /// The label in the table, or empty.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Whether it is an extended partition, which only contains others.
    pub is_container: bool,
}

/// A piece of hardware that holds a medium.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drive {
    /// The vendor, or empty.
    pub vendor: String,
    /// The model, or empty.
    pub model: String,
    /// The serial number, or empty.
    pub serial: String,
    /// The world wide name, or empty.
    pub wwn: String,
    /// `usb`, `sdio`, `ieee1394`, or empty.
    pub connection: String,
    /// The kind of the medium that is in it, such as `thumb` or `flash_sd`, or empty.
    pub media: String,
    /// The kinds that it takes.
    pub takes: Vec<String>,
    /// Whether a person can unplug it.
    pub removable: bool,
    /// Whether a person can take its medium out.
    pub media_removable: bool,
    /// Whether there is a medium in it.
    pub media_available: bool,
    /// Turns a minute: 0 for none, -1 when it turns but nobody knows how fast, or nobody knows at all.
    pub rotation_rate: i32,
    /// Whether it speaks ATA.
    pub ata: bool,
}

impl Drive {
    /// Whether it is for compact discs and their successors.
    pub fn is_optical(&self) -> bool {
        self.media.starts_with("optical") || self.takes.iter().any(|kind| kind.starts_with("optical"))
    }
}

impl Block {
    /// The kernel's name of it, as sysfs has it.
    pub fn name(&self) -> String {
        self.device.strip_prefix("/dev/").unwrap_or(&self.device).replace('/', "!")
    }
}

impl Objects {
    /// Makes the view from the answer to GetManagedObjects.
    pub fn from_managed(managed: &ManagedObjects) -> Self {
        let mut objects = Self::default();
        for (path, interfaces) in managed {
            let part = |name: &str| {
                let wanted = format!("org.freedesktop.UDisks2.{name}");
                interfaces.iter().find(|(name, _)| name.as_str() == wanted).map(|(_, found)| Properties(found))
            };
            let path = path.as_str().to_owned();
            if let Some(drive) = part("Drive") {
                objects.drives.insert(path, read_drive(&drive, part("Drive.Ata").is_some()));
            } else if let Some(array) = part("MDRaid") {
                if array.get::<bool>("Running").unwrap_or(false) {
                    objects.running_arrays.push(path);
                }
            } else if let Some(block) = part("Block")
                && objects.blocks.len() < MOST_BLOCKS
                && let Some(mut block) = read_block(&block)
            {
                block.table = part("PartitionTable").map(|table| table.text("Type"));
                block.partition = part("Partition").and_then(|partition| read_partition(&partition));
                block.mounted_at = part("Filesystem").map(|mounted| mounted.paths("MountPoints")).unwrap_or_default();
                block.swaps = part("Swapspace").and_then(|swap| swap.get("Active")).unwrap_or(false);
                block.cleartext = part("Encrypted").and_then(|encrypted| encrypted.object("CleartextDevice"));
                objects.blocks.insert(path, block);
            }
        }
        objects.running_arrays.sort();
        objects
    }

    /// The block device with this path in `/dev`, and its object path.
    pub fn by_device(&self, device: &str) -> Option<(&str, &Block)> {
        self.blocks.iter().find(|(_, block)| block.device == device).map(|(path, block)| (path.as_str(), block))
    }

    /// The partitions of the block device with this object path, by number.
    pub fn partitions_of(&self, path: &str) -> Vec<(&Block, &Partition)> {
        let of_path = |block: &'_ Block| block.partition.as_ref().is_some_and(|partition| partition.table == path);
        let mut found: Vec<_> = self
            .blocks
            .values()
            .filter(|block| of_path(block))
            .filter_map(|block| block.partition.as_ref().map(|partition| (block, partition)))
            .collect();
        found.sort_by_key(|(_, partition)| partition.number);
        found
    }

    /// The kernel's names of the disks that have a partition with the PARTUUID of one of this disk's, itself among them: copies
    /// of it.
    pub fn copies_of(&self, disk: &str) -> Vec<String> {
        let partitions = self.blocks.values().filter_map(|block| block.partition.as_ref());
        let its = partitions.filter(|partition| self.blocks.get(&partition.table).is_some_and(|t| t.name() == disk));
        its.filter_map(|partition| partition.id).flat_map(|id| self.disks_with_partition(id)).collect()
    }

    /// The kernel's names of the disks that have a partition with this PARTUUID.
    pub fn disks_with_partition(&self, id: Uuid) -> Vec<String> {
        let partitions = self.blocks.values().filter_map(|block| block.partition.as_ref());
        let tables = partitions.filter(|partition| partition.id == Some(id)).map(|partition| &partition.table);
        tables.filter_map(|table| self.blocks.get(table)).map(Block::name).collect()
    }
}

fn read_drive(drive: &Properties<'_>, ata: bool) -> Drive {
    Drive {
        vendor: drive.text("Vendor"),
        model: drive.text("Model"),
        serial: drive.text("Serial"),
        wwn: drive.text("WWN"),
        connection: drive.text("ConnectionBus"),
        media: drive.text("Media"),
        takes: drive.get::<Vec<String>>("MediaCompatibility").unwrap_or_default(),
        removable: drive.get("Removable").unwrap_or(false),
        media_removable: drive.get("MediaRemovable").unwrap_or(false),
        media_available: drive.get("MediaAvailable").unwrap_or(false),
        rotation_rate: drive.get("RotationRate").unwrap_or(-1),
        ata,
    }
}

/// Nothing for a device whose path is not one of `/dev` in plain characters: no kernel makes such a name.
fn read_block(block: &Properties<'_>) -> Option<Block> {
    let device = path_of(&block.get::<Vec<u8>>("Device")?);
    let plain = |c: char| c.is_ascii_graphic();
    if !device.starts_with("/dev/") || !device.chars().all(plain) || device.contains("/../") {
        return None;
    }
    Some(Block {
        device,
        number: block.get("DeviceNumber")?,
        size: block.get("Size").unwrap_or(0),
        read_only: block.get("ReadOnly").unwrap_or(false),
        id_usage: block.text("IdUsage"),
        id_type: block.text("IdType"),
        id_label: block.text("IdLabel"),
        id_uuid: block.text("IdUUID"),
        drive: block.object("Drive"),
        array: block.object("MDRaidMember"),
        ..Block::default()
    })
}

fn read_partition(partition: &Properties<'_>) -> Option<Partition> {
    Some(Partition {
        table: partition.object("Table")?,
        number: partition.get("Number").unwrap_or(0),
        type_id: Uuid::try_parse(&partition.text("Type")).ok(),
        id: Uuid::try_parse(&partition.text("UUID")).ok(),
        name: partition.text("Name"),
        size: partition.get("Size").unwrap_or(0),
        is_container: partition.get("IsContainer").unwrap_or(false),
    })
}

/// The properties of one interface.
struct Properties<'a>(&'a HashMap<String, OwnedVariant>);

impl Properties<'_> {
    fn get<T: TryFrom<OwnedVariant>>(&self, name: &str) -> Option<T> {
        self.0.get(name).and_then(|value| T::try_from(value.clone()).ok())
    }

    fn text(&self, name: &str) -> String {
        tidy(&self.get::<String>(name).unwrap_or_default())
    }

    fn object(&self, name: &str) -> Option<String> {
        self.get::<OwnedObjectPath>(name).map(|path| path.as_str().to_owned()).filter(|path| path != NONE)
    }

    fn paths(&self, name: &str) -> Vec<String> {
        let paths = self.get::<Vec<Vec<u8>>>(name).unwrap_or_default();
        paths.iter().map(|path| tidy(&path_of(path))).collect()
    }
}

/// UDisks ends a path with a zero byte.
fn path_of(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// A text from a disk as one short line that shows what it is: no control character, nothing that turns the direction of
/// the text round, single spaces.
pub(super) fn tidy(text: &str) -> String {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let seen: String = text.chars().map(|c| if unseen(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = seen.split_whitespace().collect();
    words.join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_label_becomes_one_short_line() {
        assert_eq!(tidy("  My\u{1b}[31m\n disk\u{202e}gpj "), "My [31m disk gpj");
        assert_eq!(tidy(&"x".repeat(100_000)).len(), LONGEST);
    }

    #[test]
    fn a_path_ends_at_its_zero_byte() {
        assert_eq!(path_of(b"/dev/sda\0"), "/dev/sda");
        assert_eq!(path_of(b"/dev/sda"), "/dev/sda");
    }

    #[test]
    fn a_device_outside_dev_or_with_strange_characters_is_left_out() {
        let with = |device: &[u8]| {
            let device = OwnedVariant::try_from(zbus::Variant::new(device.to_vec())).unwrap();
            let number = OwnedVariant::from(7_u64);
            read_block(&Properties(&HashMap::from([("Device".into(), device), ("DeviceNumber".into(), number)])))
        };
        assert_eq!(with(b"/dev/sda\0").unwrap().name(), "sda");
        assert_eq!(with(b"/dev/cciss/c0d0\0").unwrap().name(), "cciss!c0d0");
        assert_eq!(with(b"/etc/passwd\0"), None);
        assert_eq!(with(b"/dev/s\nda\0"), None);
    }
}
