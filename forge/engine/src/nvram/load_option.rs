//! A boot entry as bytes: the UEFI specification, sections 3.1.3 (`EFI_LOAD_OPTION`) and 10.3 (device paths).
//!
//! `attributes` (`u32`), the length of the device path (`u16`), the title (UCS-2, ends with a zero), the path, more that
//! only the started program reads. A path is nodes: type, subtype, length with these four bytes (`u16`), data.

use uuid::Uuid;

/// `LOAD_OPTION_ACTIVE`: it is started in its turn.
const ACTIVE: u32 = 1;
/// Type and subtype of the node for a partition of a hard drive, and of the one for a file's path.
const HARD_DRIVE: (u8, u8) = (4, 1);
const FILE_PATH: (u8, u8) = (4, 4);
/// The node that ends a path.
const END: (u8, u8) = (0x7f, 0xff);
/// In a hard drive's node: the table is a GPT, and the signature is the partition's GUID.
const GPT: [u8; 2] = [2, 2];
/// Bytes of a node before its data.
const NODE: usize = 4;

/// Where the loader lies: a partition by its place and PARTUUID, and a path on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loader {
    /// The partition's number.
    pub number: u32,
    /// Its first sector.
    pub start: u64,
    /// Its length in sectors.
    pub sectors: u64,
    /// Its PARTUUID.
    pub id: Uuid,
    /// The file, with `\` between the names.
    pub path: String,
}

/// The bytes of an active entry.
pub fn bytes(title: &str, loader: &Loader) -> Vec<u8> {
    let mut partition = loader.number.to_le_bytes().to_vec();
    partition.extend(loader.start.to_le_bytes());
    partition.extend(loader.sectors.to_le_bytes());
    partition.extend(loader.id.to_bytes_le());
    partition.extend(GPT);
    let path = [node(HARD_DRIVE, &partition), node(FILE_PATH, &text(&loader.path)), node(END, &[])].concat();
    let mut bytes = ACTIVE.to_le_bytes().to_vec();
    bytes.extend((path.len() as u16).to_le_bytes());
    bytes.extend(text(title));
    bytes.extend(path);
    bytes
}

/// The PARTUUID and the path of an entry's loader; nothing for an entry of another kind, or one that is broken.
pub fn loader(entry: &[u8]) -> Option<(Uuid, String)> {
    let (length, rest) = entry.get(4..)?.split_first_chunk::<2>()?;
    let title = rest.chunks_exact(2).position(|unit| unit == [0, 0])?;
    let mut path = rest.get(2 * (title + 1)..)?.get(..usize::from(u16::from_le_bytes(*length)))?;
    let mut partition = None;
    while let [kind, subtype, low, high, ..] = *path {
        let length = usize::from(u16::from_le_bytes([low, high]));
        let data = path.get(NODE..length)?;
        match (kind, subtype) {
            HARD_DRIVE if data.get(36..38) == Some(&GPT[..]) => {
                partition = data.get(20..36)?.try_into().ok().map(Uuid::from_bytes_le);
            }
            FILE_PATH => return Some((partition?, string(data))),
            END => return None,
            _ => {}
        }
        path = path.get(length..)?;
    }
    None
}

fn node((kind, subtype): (u8, u8), data: &[u8]) -> Vec<u8> {
    let length = (NODE + data.len()) as u16;
    [&[kind, subtype][..], &length.to_le_bytes(), data].concat()
}

/// Text as firmware reads it: UCS-2 with a zero at its end.
fn text(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn string(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    char::decode_utf16(units.take_while(|unit| *unit != 0)).map(|unit| unit.unwrap_or('\u{fffd}')).collect()
}
