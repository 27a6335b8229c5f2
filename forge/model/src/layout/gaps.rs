//! Room between partitions, and what fits into it.

use super::ALIGNMENT;
use crate::size::{round_down, round_up};

/// Room that no partition has; it starts and ends on a multiple of [`ALIGNMENT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// The gaps between `first` and `end`, in order; `taken` are partitions as offset and size.
pub(super) fn gaps(first: u64, end: u64, taken: impl Iterator<Item = (u64, u64)>) -> Vec<Gap> {
    let mut taken: Vec<_> = taken.collect();
    taken.push((end, 0));
    taken.sort_unstable();
    // The first piece of a disk is left alone even where the table would allow a partition: boot loaders live there.
    let mut from = first.max(ALIGNMENT).min(end);
    let mut gaps = Vec::new();
    for (offset, size) in taken {
        let (start, stop) = (round_up(from.min(end), ALIGNMENT), round_down(offset.min(end), ALIGNMENT));
        if start < stop {
            gaps.push(Gap { offset: start, size: stop - start });
        }
        from = from.max(offset.saturating_add(size));
    }
    gaps
}

/// Which gap each of `sizes` goes into, so that the last one, which takes what is left of its gap, gets the most.
///
/// Every way is tried: there are six partitions at the most, and where they fit at all, they fit into the six largest
/// gaps. Of equal ways the first is taken, so that the same gaps give the same answer.
pub(super) fn fit(gaps: &[Gap], sizes: &[u64]) -> Option<Vec<usize>> {
    let (growing, fixed) = sizes.split_last()?;
    let mut largest: Vec<usize> = (0..gaps.len()).collect();
    largest.sort_by_key(|gap| (std::cmp::Reverse(gaps[*gap].size), *gap));
    largest.truncate(sizes.len());
    largest.sort_unstable();
    let mut search = Search {
        fixed,
        least: *growing,
        left: largest.iter().map(|gap| gaps[*gap].size).collect(),
        chosen: Vec::new(),
        best: None,
    };
    search.go();
    let (_, found) = search.best?;
    Some(found.into_iter().map(|index| largest[index]).collect())
}

struct Search<'a> {
    fixed: &'a [u64],
    /// What the last one needs.
    least: u64,
    /// What is left of each gap.
    left: Vec<u64>,
    chosen: Vec<usize>,
    best: Option<(u64, Vec<usize>)>,
}

impl Search<'_> {
    fn go(&mut self) {
        let Some(size) = self.fixed.get(self.chosen.len()).copied() else {
            return self.ends();
        };
        for gap in 0..self.left.len() {
            if self.left[gap] >= size {
                self.left[gap] -= size;
                self.chosen.push(gap);
                self.go();
                self.chosen.pop();
                self.left[gap] += size;
            }
        }
    }

    /// Everything but the last one has its place.
    fn ends(&mut self) {
        let better = self.best.as_ref().map_or(self.least, |(most, _)| most + 1);
        let most = self.left.iter().copied().max().unwrap_or_default();
        if let Some(gap) = self.left.iter().position(|left| *left == most && most >= better) {
            self.best = Some((most, self.chosen.iter().copied().chain([gap]).collect()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::MIB;

    fn of(pieces: &[u64]) -> Vec<Gap> {
        pieces.iter().map(|mib| Gap { offset: 0, size: mib * MIB }).collect()
    }

    #[test]
    fn a_gap_starts_and_ends_on_whole_mebibytes_and_never_in_the_first() {
        let found = gaps(17_408, 100 * MIB - 16_896, [(10 * MIB + 512, MIB), (20 * MIB, 30 * MIB - 1)].into_iter());
        let expected = [(1, 9), (12, 8), (50, 49)].map(|(o, s)| Gap { offset: o * MIB, size: s * MIB });
        assert_eq!(found, expected);
    }

    #[test]
    fn partitions_that_overlap_or_lie_outside_leave_no_gap_inside_them() {
        let found = gaps(MIB, 50 * MIB, [(5 * MIB, 20 * MIB), (6 * MIB, MIB), (40 * MIB, u64::MAX)].into_iter());
        assert_eq!(found, [(1, 4), (25, 15)].map(|(o, s)| Gap { offset: o * MIB, size: s * MIB }));
    }

    #[test]
    fn what_fits_only_in_one_way_is_found() {
        let mib = |sizes: &[u64]| sizes.iter().map(|size| size * MIB).collect::<Vec<_>>();
        // The largest first into the first gap that holds it would leave no room for the last.
        assert_eq!(fit(&of(&[10, 6]), &mib(&[6, 5, 5])), Some(vec![1, 0, 0]));
        assert_eq!(fit(&of(&[10, 5]), &mib(&[6, 5, 5])), None);
        assert_eq!(fit(&[], &mib(&[1])), None);
    }

    #[test]
    fn the_last_one_gets_the_most() {
        let mib = |sizes: &[u64]| sizes.iter().map(|size| size * MIB).collect::<Vec<_>>();
        assert_eq!(fit(&of(&[4, 100, 4]), &mib(&[4, 3, 1])), Some(vec![0, 2, 1]));
    }
}
