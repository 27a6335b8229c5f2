//! Where things lie in a FAT file system, so that each change to one can be put in its place: what is free, what the tables
//! are, what belongs to somebody (Microsoft, FAT: General Overview of On-Disk Format, 1.03).

use std::{fs::File, io, os::unix::fs::FileExt};

/// Where things lie in a FAT16 or FAT32 file system; offsets in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fat {
    /// Bytes in a sector.
    pub(crate) sector: u64,
    /// Bytes in a cluster.
    cluster: u64,
    /// The first table; the others follow.
    tables: u64,
    /// Bytes of each table.
    table: u64,
    /// How many tables there are.
    copies: u64,
    /// The root directory of a FAT16 lies between the tables and the clusters.
    root: u64,
    /// The first cluster.
    data: u64,
    /// How many clusters there are.
    clusters: u64,
    /// The sector with the count of free clusters, which only FAT32 has.
    info: Option<u64>,
}

/// What a place in a file system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The boot sector and what else is reserved.
    Reserved,
    /// The count of free clusters.
    Info,
    /// An allocation table.
    Table,
    /// The root directory of a FAT16.
    Root,
    /// This cluster.
    Cluster(u64),
    /// Behind the last cluster.
    Behind,
}

/// The most that a file system can have which is looked at: an allocation table is read as a whole.
const MOST_CLUSTERS: u64 = 1 << 24;

impl Fat {
    /// Reads the parameters of the file system that begins at `offset` and has `size` bytes at the most; nothing when it is
    /// none that is written to.
    pub(crate) fn read(file: &File, offset: u64, size: u64) -> io::Result<Option<Self>> {
        let mut boot = [0; 512];
        if size < 512 {
            return Ok(None);
        }
        file.read_exact_at(&mut boot, offset)?;
        Ok(Self::parse(&boot, size))
    }

    fn parse(boot: &[u8; 512], size: u64) -> Option<Self> {
        let short = |at: usize| u64::from(u16::from_le_bytes([boot[at], boot[at + 1]]));
        let long = |at: usize| short(at) | short(at + 2) << 16;
        let sector = short(11);
        let per_cluster = u64::from(boot[13]);
        let sound = boot[510..] == [0x55, 0xaa]
            && [512, 1024, 2048, 4096].contains(&sector)
            && per_cluster.is_power_of_two()
            && (1..=2).contains(&boot[16])
            && short(14) > 0;
        if !sound {
            return None;
        }
        let old = short(22) > 0;
        let table = sector * if old { short(22) } else { long(36) };
        let (tables, copies) = (sector * short(14), u64::from(boot[16]));
        let root = tables + copies * table;
        let data = root + (short(17) * 32).next_multiple_of(sector);
        let all = sector * if short(19) > 0 { short(19) } else { long(32) };
        let cluster = sector * per_cluster;
        let clusters = all.checked_sub(data)? / cluster;
        // Fewer are a FAT12, which nobody starts a computer from.
        let wide = clusters >= 65_525;
        let entry = if wide { 4 } else { 2 };
        let fits = (4085..MOST_CLUSTERS).contains(&clusters)
            && all <= size
            && (clusters + 2) * entry <= table
            && wide != old
            && wide == (short(17) == 0);
        let info = wide.then(|| sector * short(48)).filter(|at| *at > 0 && *at < tables);
        fits.then_some(Self { sector, cluster, tables, table, copies, root, data, clusters, info })
    }

    fn is_wide(&self) -> bool {
        self.root == self.data
    }

    /// What lies at an offset.
    pub(crate) fn place(&self, at: u64) -> Place {
        match at {
            _ if self.info.is_some_and(|info| (info..info + self.sector).contains(&at)) => Place::Info,
            _ if at < self.tables => Place::Reserved,
            _ if at < self.root => Place::Table,
            _ if at < self.data => Place::Root,
            _ => match (at - self.data) / self.cluster {
                cluster if cluster < self.clusters => Place::Cluster(cluster + 2),
                _ => Place::Behind,
            },
        }
    }

    /// The first table of the file system that begins at `offset`: an entry for each cluster.
    pub(crate) fn entries(&self, file: &File, offset: u64) -> io::Result<Vec<u32>> {
        let width = if self.is_wide() { 4 } else { 2 };
        let mut bytes = vec![0; ((self.clusters + 2) * width) as usize];
        file.read_exact_at(&mut bytes, offset + self.tables)?;
        let entry = |bytes: &[u8]| match *bytes {
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]) & 0x0fff_ffff,
            [a, b] => u32::from(u16::from_le_bytes([a, b])),
            _ => 0,
        };
        Ok(bytes.chunks_exact(width as usize).map(entry).collect())
    }

    /// Whether an entry says that a chain ends there.
    pub(crate) fn is_end(&self, entry: u32) -> bool {
        entry >= if self.is_wide() { 0x0fff_fff8 } else { 0xfff8 }
    }

    /// Bytes in clusters that are free.
    pub(crate) fn free(&self, file: &File, offset: u64) -> io::Result<u64> {
        let free = self.entries(file, offset)?.into_iter().skip(2).filter(|entry| *entry == 0).count();
        Ok(free as u64 * self.cluster)
    }
}
