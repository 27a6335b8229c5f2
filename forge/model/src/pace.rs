//! How fast a stage goes and how long it still takes: smoothed, and unknown when it is unknown.

use crate::{Progress, Stage};
use std::time::Duration;

/// A rate is known after this long in a stage.
const SETTLES: f64 = 1.0;
/// How long the past counts, in seconds.
const MEMORY: f64 = 3.0;
/// Without an advance for this long, nothing can be said.
const STALLED: f64 = 5.0;
/// A time left that would grow by less than this is held, so that the number does not flicker.
const HELD: f64 = 1.25;

/// What can be said at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// Bytes a second.
    pub rate: Option<u64>,
    /// Seconds until the stage is done.
    pub left: Option<u64>,
}

/// Measures the pace of a run from what it tells.
#[derive(Debug, Default)]
pub struct Pace {
    stage: Option<Stage>,
    /// Since when, and from where, the stage is measured, in seconds and bytes.
    began: f64,
    /// When it was last looked at and when it last advanced.
    seen: f64,
    advanced: f64,
    done: u64,
    rate: f64,
    left: Option<f64>,
}

impl Pace {
    /// Takes in how far a run is, `at` a time since its start.
    pub fn see(&mut self, at: Duration, progress: Progress) -> Measured {
        let now = at.as_secs_f64();
        if self.stage != Some(progress.stage) || progress.done < self.done {
            let (stage, done) = (Some(progress.stage), progress.done);
            *self = Self { stage, began: now, seen: now, advanced: now, done, ..Self::default() };
            return Measured::default();
        }
        let elapsed = now - self.seen;
        if elapsed > 0.0 {
            let new = (progress.done - self.done) as f64 / elapsed;
            // In the first moments the mean counts; later each second replaces a part of the past.
            let weight = (1.0 - (-elapsed / MEMORY).exp()).max(elapsed / (now - self.began));
            self.rate += weight * (new - self.rate);
            if progress.done > self.done {
                self.advanced = now;
            }
            (self.seen, self.done) = (now, progress.done);
        }
        let known = now - self.began >= SETTLES && now - self.advanced < STALLED && self.rate >= 1.0;
        if !known || progress.total == 0 {
            self.left = None;
            return Measured::default();
        }
        let left = progress.total.saturating_sub(progress.done) as f64 / self.rate;
        let shown = match self.left {
            Some(before) if left > before && left < before * HELD + 1.0 => before,
            _ => left,
        };
        self.left = Some(shown);
        Measured { rate: Some(self.rate.round() as u64), left: Some(shown.round() as u64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// Sees a stage of `total` every tenth of a second, with the bytes that are done by then.
    fn measure(pace: &mut Pace, total: u64, tenths: std::ops::Range<u64>, done: impl Fn(u64) -> u64) -> Vec<Measured> {
        let see = |tenth| {
            let progress = Progress { stage: Stage::Write, done: done(tenth), total };
            pace.see(Duration::from_millis(100 * tenth), progress)
        };
        tenths.map(see).collect()
    }

    #[test]
    fn nothing_is_said_in_the_first_second_and_then_the_truth() {
        let said = measure(&mut Pace::default(), 1000 * MB, 0..51, |tenth| tenth * 10 * MB);
        assert!(said[..10].iter().all(|m| *m == Measured::default()));
        assert_eq!(said[10], Measured { rate: Some(100 * MB), left: Some(9) });
        assert_eq!(said[50], Measured { rate: Some(100 * MB), left: Some(5) });
    }

    #[test]
    fn the_time_left_does_not_flicker_upward() {
        // A tenth is fast, the next one slow.
        let said = measure(&mut Pace::default(), 1000 * MB, 0..150, |tenth| (tenth * 5 + tenth % 2 * 4) * MB);
        let left: Vec<u64> = said.iter().filter_map(|m| m.left).collect();
        assert!(left.len() > 100 && left.is_sorted_by(|a, b| a >= b), "{left:?}");
    }

    #[test]
    fn a_disk_that_became_slow_is_told_as_it_is() {
        let mut pace = Pace::default();
        measure(&mut pace, 1000 * MB, 0..20, |tenth| tenth * 10 * MB);
        let said = measure(&mut pace, 1000 * MB, 20..200, |tenth| (180 + tenth) * MB);
        // 621 MB are left at 10 MB/s; what was said before is held while it is nearly right.
        let left = said.last().and_then(|m| m.left).unwrap();
        assert!((55..=63).contains(&left), "{left}");
    }

    #[test]
    fn a_stall_makes_it_unknown_and_a_new_stage_begins_anew() {
        let mut pace = Pace::default();
        let said = measure(&mut pace, 1000 * MB, 0..100, |tenth| tenth.min(30) * 10 * MB);
        assert!(said[79].left.is_some() && said[81] == Measured::default());
        let next = Progress { stage: Stage::Prove, done: 0, total: 1000 * MB };
        assert_eq!(pace.see(Duration::from_secs(11), next), Measured::default());
        let uncounted = Progress { stage: Stage::Fill, done: 0, total: 0 };
        assert_eq!(pace.see(Duration::from_secs(20), uncounted), Measured::default());
    }
}
