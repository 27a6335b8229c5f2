//! Memory that begins where direct I/O wants it.
use std::ops::{Deref, DerefMut};

use crate::verity::BLOCK;

/// Bytes that begin at a multiple of 4096 in memory.
pub(crate) struct Buffer {
    room: Vec<u8>,
    start: usize,
    length: usize,
}

impl Buffer {
    pub(crate) fn new(length: usize) -> Self {
        let room = vec![0_u8; length + BLOCK];
        let start = room.as_ptr().align_offset(BLOCK);
        Self { room, start, length }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.room[self.start..self.start + self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.room[self.start..self.start + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_begins_at_a_multiple_of_4096_and_has_its_length() {
        for length in [4096, 8192, 4096 * 1024] {
            let buffer = Buffer::new(length);
            assert_eq!((buffer.as_ptr().addr() % BLOCK, buffer.len()), (0, length));
        }
    }
}
