//! A partition to read from, with an end to how much and how long.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

/// The most calls of a reader: one that goes in circles reads small pieces for ever.
const MOST_READS: u32 = 1 << 20;
/// The most bytes: the cluster bitmap of an NTFS of 16 TiB has 512 MiB.
const MOST_BYTES: u64 = 1 << 30;
/// Bytes that are read at once where less is asked for.
const PIECE: u64 = 1 << 16;

/// A part of a disk, or the first bytes of a partition; every read fails after a time, after many reads, or after many bytes.
pub(super) struct Bounded<'a> {
    device: &'a File,
    /// Where it begins.
    offset: u64,
    size: u64,
    at: u64,
    end: Instant,
    reads: u32,
    bytes: u64,
    /// What was read last, and where it lies.
    piece: Vec<u8>,
    piece_at: u64,
}

impl<'a> Bounded<'a> {
    pub(super) fn new(device: &'a File, offset: u64, size: u64, patience: Duration) -> Self {
        let end = Instant::now() + patience;
        Self { device, offset, size, at: 0, end, reads: 0, bytes: 0, piece: Vec::new(), piece_at: 0 }
    }

    /// Fails when the time is up. For loops that may go on without reading anything.
    pub(super) fn in_time(&self) -> io::Result<()> {
        match Instant::now() < self.end {
            true => Ok(()),
            false => Err(io::Error::new(io::ErrorKind::TimedOut, "it takes too long")),
        }
    }

    /// Bytes at a place.
    pub(super) fn bytes<const N: usize>(&mut self, at: u64) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.seek(SeekFrom::Start(at))?;
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if self.reads > MOST_READS || self.bytes > MOST_BYTES {
            return Err(io::Error::other("too much would have to be read"));
        }
        self.in_time()?;
        let left = self.size.saturating_sub(self.at);
        let wanted = (buffer.len() as u64).min(left) as usize;
        if wanted == 0 {
            return Ok(0);
        }
        let within = self.at.checked_sub(self.piece_at).filter(|within| *within < self.piece.len() as u64);
        let within = match within {
            Some(within) => within as usize,
            None => {
                self.piece_at = self.at / PIECE * PIECE;
                let len = PIECE.min(self.size - self.piece_at) as usize;
                self.piece.resize(len, 0);
                let at = self.offset.saturating_add(self.piece_at);
                if let Err(error) = self.device.read_exact_at(&mut self.piece, at) {
                    self.piece.clear();
                    return Err(error);
                }
                self.bytes += len as u64;
                (self.at - self.piece_at) as usize
            }
        };
        let given = wanted.min(self.piece.len() - within);
        buffer[..given].copy_from_slice(&self.piece[within..within + given]);
        self.at += given as u64;
        Ok(given)
    }
}

impl Seek for Bounded<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        self.at = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
