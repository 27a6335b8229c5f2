//! Where each level of a tree lies.
use super::{BLOCK, FAN_OUT, HASH};

/// One level of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Its first block, counted from the superblock, which is block 0.
    pub first: u64,
    /// How many blocks it has.
    pub blocks: u64,
}

impl Level {
    /// Where block `index` of this level begins, in bytes from the superblock.
    pub fn offset(&self, index: u64) -> u64 {
        (self.first + index) * BLOCK as u64
    }
}

/// The levels of the tree over a number of data blocks; one data block alone has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    levels: Vec<Level>,
    blocks: u64,
}

impl Shape {
    /// The shape over `data_blocks` blocks.
    pub fn new(data_blocks: u64) -> Self {
        let mut levels = Vec::new();
        let mut left = data_blocks;
        while left > 1 {
            left = left.div_ceil(FAN_OUT as u64);
            levels.push(Level { first: 0, blocks: left });
        }
        let mut next = 1;
        for level in levels.iter_mut().rev() {
            level.first = next;
            next += level.blocks;
        }
        Self { levels, blocks: next }
    }

    /// All levels; the first is the leaf level, the last the top.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// The leaf level, if there is one.
    pub fn leaf(&self) -> Option<Level> {
        self.levels.first().copied()
    }

    /// Length of superblock and tree in bytes.
    pub fn bytes(&self) -> u64 {
        self.blocks * BLOCK as u64
    }

    /// Length in bytes of all that lies before the leaf level: the superblock and the upper levels.
    pub fn head_bytes(&self) -> usize {
        let blocks = self.leaf().map_or(self.blocks, |leaf| leaf.first);
        blocks as usize * BLOCK
    }

    /// Where in the head the hashes of the leaf blocks begin, if that level exists.
    pub fn leaf_hashes_at(&self) -> Option<usize> {
        self.levels.get(1).map(|level| level.offset(0) as usize)
    }

    /// How many bytes the hashes of all leaf blocks have (or the hash of the only data block).
    pub fn leaf_hash_bytes(&self) -> usize {
        self.leaf().map_or(1, |leaf| leaf.blocks as usize) * HASH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_lie_from_the_top_down_after_the_superblock() {
        assert_eq!(Shape::new(1).levels(), []);
        assert_eq!(Shape::new(1).bytes(), 4096);
        assert_eq!(Shape::new(128).levels(), [Level { first: 1, blocks: 1 }]);
        let shape = Shape::new(16385);
        let expected = [Level { first: 4, blocks: 129 }, Level { first: 2, blocks: 2 }, Level { first: 1, blocks: 1 }];
        assert_eq!(shape.levels(), expected);
        assert_eq!(shape.bytes(), 133 * 4096);
        assert_eq!(shape.head_bytes(), 4 * 4096);
        assert_eq!(shape.leaf_hashes_at(), Some(2 * 4096));
    }
}
