//! The written extents of a sparse file, one piece after the other.

use super::TargetError;
use crate::watch::{Outcome, Watch};
use std::{fs::File, io, os::unix::fs::FileExt};

/// The most bytes of an extent that are handed on at once.
pub(super) const PIECE: usize = 1 << 20;

/// Hands on what was written to a sparse file, in pieces with their offset, up to `len`; tells and asks between them.
pub(crate) fn each_extent(
    image: &File,
    len: u64,
    watch: &dyn Watch,
    mut hand_on: impl FnMut(&[u8], u64) -> Result<(), TargetError>,
) -> Result<Outcome<()>, TargetError> {
    let read = |offset| move |source| TargetError::Image { offset, source };
    let end = image.metadata().map_err(read(0))?.len().min(len);
    let mut buffer = vec![0; PIECE];
    let mut at = 0;
    while let Some(data) = seek(image, SeekTo::Data, at).map_err(read(at))?.filter(|data| *data < end) {
        let hole = seek(image, SeekTo::Hole, data).map_err(read(data))?.unwrap_or(end).min(end);
        at = data;
        while at < hole {
            if watch.cancelled() {
                return Ok(Outcome::Cancelled);
            }
            let n = (hole - at).min(PIECE as u64) as usize;
            image.read_exact_at(&mut buffer[..n], at).map_err(read(at))?;
            hand_on(&buffer[..n], at)?;
            watch.advance(n as u64);
            at += n as u64;
        }
    }
    Ok(Outcome::Done(()))
}

enum SeekTo {
    Data,
    Hole,
}

/// The next data or hole from `at` on; nothing when there is none.
fn seek(file: &File, to: SeekTo, at: u64) -> io::Result<Option<u64>> {
    use rustix::{fs::SeekFrom, io::Errno};
    let from = match to {
        SeekTo::Data => SeekFrom::Data(at),
        SeekTo::Hole => SeekFrom::Hole(at),
    };
    match rustix::fs::seek(file, from) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NXIO) => Ok(None),
        Err(e) => Err(e.into()),
    }
}
