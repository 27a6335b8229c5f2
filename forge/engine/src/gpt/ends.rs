//! The first and the last MiB of a disk in memory.

use super::MARGIN;
use std::{
    fs::File,
    io::{self, Cursor, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
};

/// The first and the last MiB of a disk in memory; everything between reads as zeros and can not be written.
#[derive(Clone)]
pub(super) struct Ends {
    pub(super) size: u64,
    pub(super) at: u64,
    pub(super) head: Vec<u8>,
    pub(super) tail: Vec<u8>,
}

impl Ends {
    pub(super) fn new(size: u64) -> Self {
        Self { size, at: 0, head: vec![0; MARGIN as usize], tail: vec![0; MARGIN as usize] }
    }

    pub(super) fn read(mut disk: &File) -> io::Result<Self> {
        let size = disk.seek(SeekFrom::End(0))?;
        let mut ends = Self::new(size.max(2 * MARGIN));
        disk.read_exact_at(&mut ends.head[..size.min(MARGIN) as usize], 0)?;
        if size >= 2 * MARGIN {
            disk.read_exact_at(&mut ends.tail, size - MARGIN)?;
        }
        Ok(ends)
    }

    /// The bytes of a range that lies in one of the two ends; nothing for any other.
    pub(super) fn bytes(&self, from: u64, to: u64) -> Option<&[u8]> {
        let tail = self.size - MARGIN;
        match () {
            () if from <= to && to <= MARGIN => Some(&self.head[from as usize..to as usize]),
            () if from <= to && from >= tail && to <= self.size => {
                Some(&self.tail[(from - tail) as usize..(to - tail) as usize])
            }
            () => None,
        }
    }

    /// The part that `self.at` lies in, from there on.
    fn part(&mut self) -> Option<&mut [u8]> {
        let tail = self.size - MARGIN;
        if self.at < MARGIN {
            Some(&mut self.head[self.at as usize..])
        } else if self.at >= tail && self.at < self.size {
            Some(&mut self.tail[(self.at - tail) as usize..])
        } else {
            None
        }
    }
}

impl Read for Ends {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (at, tail) = (self.at, self.size - MARGIN);
        let n = match self.part() {
            Some(part) => Cursor::new(part).read(buffer)?,
            None if at >= tail => 0,
            None => {
                let n = buffer.len().min((tail - at) as usize);
                buffer[..n].fill(0);
                n
            }
        };
        self.at += n as u64;
        Ok(n)
    }
}

impl io::Write for Ends {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = match self.part() {
            Some(part) => {
                let n = bytes.len().min(part.len());
                part[..n].copy_from_slice(&bytes[..n]);
                n
            }
            None => return Err(io::Error::other("a partition table lies at the ends of a disk")),
        };
        self.at += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Ends {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::other("a place before the start of the disk"))?;
        Ok(self.at)
    }
}
