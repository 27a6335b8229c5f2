//! NTFS: whether Windows still holds on to it, and which clusters are used.
//!
//! Sources: the `ntfs` crate; for `$LogFile` and `hiberfil.sys`, `logfile.h` and `volume.c` of ntfs-3g.

use super::{Bounded, Look};
use forge_model::inventory::ShrinkFault;
use ntfs::{
    KnownNtfsFileRecordNumber as Known, Ntfs, NtfsAttributeType, NtfsError, NtfsFile, NtfsIndex, NtfsReadSeek,
    indexes::NtfsFileNameIndex,
    structured_values::{NtfsIndexRoot, NtfsVolumeFlags},
};
use std::io::{self, SeekFrom};

/// The file that Windows keeps its memory in while it sleeps or waits for its fast start.
const HIBERFILE: &str = "hiberfil.sys";
/// The name of a directory's index.
const INDEX: &str = "$I30";
/// Bytes of the largest record that is read. The crate makes room for as many as the file system says, up to 4 GiB, before
/// it reads any; usual are 1024 in the MFT and 4096 in an index.
const MOST_RECORD: u32 = 1 << 16;
/// A page of `$LogFile`, as far as it is looked at.
const PAGE: usize = 4096;
/// In a restart area: no client has the log open.
const NO_CLIENT: u16 = 0xffff;
/// In a restart area: the volume was unmounted.
const CLEAN: u16 = 2;

pub(super) fn look(device: &mut Bounded) -> io::Result<Look> {
    let mut ntfs = opened(device)?;
    let length = length_of(&ntfs);
    let fault = match () {
        () if is_hibernated(&mut ntfs, device)? => Some(ShrinkFault::Hibernated),
        () if is_dirty(&ntfs, device)? => Some(ShrinkFault::Dirty),
        () => None,
    };
    let used = if fault.is_none() { used(&ntfs, device)? } else { 0 };
    Ok(Look { fault, length, used })
}

/// Its whole length in bytes.
pub(super) fn length(device: &mut Bounded) -> io::Result<u64> {
    Ok(length_of(&opened(device)?))
}

fn opened(device: &mut Bounded) -> io::Result<Ntfs> {
    let ntfs = Ntfs::new(device).map_err(said)?;
    bounded(ntfs.file_record_size())?;
    Ok(ntfs)
}

/// Refuses a length of records that no Windows makes.
fn bounded(record: u32) -> io::Result<()> {
    match record {
        0..=MOST_RECORD => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("records of {record} bytes do not exist"))),
    }
}

/// The last sector is a copy of the boot sector, and not counted.
fn length_of(ntfs: &Ntfs) -> u64 {
    ntfs.size().saturating_add(u64::from(ntfs.sector_size()))
}

fn said(error: NtfsError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

fn is_hibernated(ntfs: &mut Ntfs, device: &mut Bounded) -> io::Result<bool> {
    ntfs.read_upcase_table(device).map_err(said)?;
    let root = ntfs.root_directory(device).map_err(said)?;
    let index = index_of(&root, device)?;
    let mut finder = index.finder();
    let found = match NtfsFileNameIndex::find(&mut finder, ntfs, device, HIBERFILE) {
        None => return Ok(false),
        Some(found) => found.map_err(said)?,
    };
    let file = found.file_reference().to_file(ntfs, device).map_err(said)?;
    let mut begin = [0; 4];
    Ok(read(&file, device, 0, &mut begin)? == 4 && matches!(&begin, b"hibr" | b"HIBR"))
}

/// The index of a directory, as the crate would find it, if its records have a length that can be.
fn index_of<'n, 'f>(
    directory: &'f NtfsFile<'n>,
    device: &mut Bounded,
) -> io::Result<NtfsIndex<'n, 'f, NtfsFileNameIndex>> {
    let (mut root, mut rest) = (None, None);
    let mut attributes = directory.attributes();
    while let Some(item) = attributes.next(device) {
        let item = item.map_err(said)?;
        let attribute = item.to_attribute().map_err(said)?;
        if attribute.name().map_err(said)? != INDEX {
            continue;
        }
        let place = match attribute.ty().map_err(said)? {
            NtfsAttributeType::IndexRoot => {
                bounded(attribute.resident_structured_value::<NtfsIndexRoot>().map_err(said)?.index_record_size())?;
                &mut root
            }
            NtfsAttributeType::IndexAllocation => &mut rest,
            _ => continue,
        };
        place.get_or_insert(item);
    }
    let none = || io::Error::new(io::ErrorKind::InvalidData, "its root directory has no index");
    NtfsIndex::new(root.ok_or_else(none)?, rest).map_err(said)
}

/// Windows marks a volume that it has to check. One that was pulled out, or that a sleeping Windows on another partition
/// holds, is not marked; but its log is open.
fn is_dirty(ntfs: &Ntfs, device: &mut Bounded) -> io::Result<bool> {
    let info = ntfs.volume_info(device).map_err(said)?;
    if info.flags().contains(NtfsVolumeFlags::IS_DIRTY) {
        return Ok(true);
    }
    let log = ntfs.file(device, Known::LogFile as u64).map_err(said)?;
    let mut newest: Option<(u64, bool)> = None;
    for at in [0, PAGE as u64] {
        let mut page = [0; PAGE];
        if read(&log, device, at, &mut page)? == PAGE
            && let Some(area) = restart_area(&page)
            && newest.is_none_or(|(sequence, _)| area.0 > sequence)
        {
            newest = Some(area);
        }
    }
    Ok(newest.is_some_and(|(_, open)| open))
}

/// The sequence number of a restart page, and whether the log is open. A page that is none says nothing: ntfs-3g fills
/// the log with ones when it has unmounted a volume.
pub(super) fn restart_area(page: &[u8; PAGE]) -> Option<(u64, bool)> {
    let half = |at: usize| Some(u16::from_le_bytes(page.get(at..at + 2)?.try_into().ok()?));
    if &page[..4] != b"RSTR" {
        return None;
    }
    let area = usize::from(half(24)?);
    let sequence = u64::from_le_bytes(page.get(area..area + 8)?.try_into().ok()?);
    Some((sequence, half(area + 12)? != NO_CLIENT && half(area + 14)? & CLEAN == 0))
}

/// Bytes of the clusters that `$Bitmap` says are used.
fn used(ntfs: &Ntfs, device: &mut Bounded) -> io::Result<u64> {
    let bitmap = ntfs.file(device, Known::Bitmap as u64).map_err(said)?;
    let cluster = u64::from(ntfs.cluster_size());
    let clusters = ntfs.size() / cluster.max(1);
    let (mut used, mut seen) = (0_u64, 0_u64);
    let mut piece = vec![0; 1 << 16];
    while seen < clusters {
        device.in_time()?;
        let wanted = (clusters - seen).div_ceil(8).min(piece.len() as u64) as usize;
        if read(&bitmap, device, seen / 8, &mut piece[..wanted])? != wanted {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its bitmap is too short"));
        }
        for byte in &piece[..wanted] {
            let bits = (clusters - seen).min(8) as u32;
            used += u64::from((byte & (0xff_u16 >> (8 - bits)) as u8).count_ones());
            seen += u64::from(bits);
        }
    }
    Ok(used.saturating_mul(cluster))
}

/// As much of a file's content as there is.
fn read(file: &NtfsFile, device: &mut Bounded, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let none = || io::Error::new(io::ErrorKind::InvalidData, "a file of it has no content");
    let data = file.data(device, "").ok_or_else(none)?.map_err(said)?;
    let attribute = data.to_attribute().map_err(said)?;
    let mut value = attribute.value(device).map_err(said)?;
    if at >= value.len() {
        return Ok(0);
    }
    value.seek(device, SeekFrom::Start(at)).map_err(said)?;
    let mut given = 0;
    while given < buffer.len() {
        match value.read(device, &mut buffer[given..]).map_err(said)? {
            0 => break,
            more => given += more,
        }
    }
    Ok(given)
}
