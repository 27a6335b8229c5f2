//! Two contenders that take turns.
use std::collections::BTreeMap;

use anyhow::Result;

use super::contender::{Contender, Run};
use super::stage::Stage;

/// Ours against a peer, and what we want.
pub struct Duel {
    /// The engine.
    pub ours: Contender,
    /// What a person would use instead.
    pub peer: Contender,
    /// What the ratio should be.
    pub goal: Goal,
}

/// What a ratio should be.
#[derive(Clone, Copy)]
pub enum Goal {
    /// Our time is at most so many times the peer's.
    AtMost(f64),
    /// The peer's time is at least so many times ours.
    Faster(f64),
}

impl Goal {
    /// The ratio that is shown, of our time and the peer's.
    pub fn ratio(self, ours: f64, peer: f64) -> f64 {
        match self {
            Self::AtMost(_) => ours / peer,
            Self::Faster(_) => peer / ours,
        }
    }

    /// Whether a ratio reaches it.
    pub fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(most) => ratio <= most,
            Self::Faster(least) => ratio >= least,
        }
    }
}

/// How a duel ended; times in seconds, all of them medians.
pub struct Outcome {
    /// Who fought.
    pub names: [&'static str; 2],
    /// What was wanted.
    pub goal: Goal,
    /// Our time and the peer's.
    pub seconds: [f64; 2],
    /// Our processor time and the peer's.
    pub cpu: [f64; 2],
    /// The median of the ratios of the pairs, and the smallest and the largest of them.
    pub ratio: [f64; 3],
    /// Our stages.
    pub stages: Vec<(String, f64)>,
    /// The most memory that ours had in any run, in KiB.
    pub peak_kib: u64,
}

/// Lets two contenders run `rounds` times in turns.
pub fn fight(duel: &Duel, stage: &Stage, rounds: u32) -> Result<Outcome> {
    let mut pairs: Vec<(Run, Run)> = Vec::new();
    for round in 0..rounds {
        pairs.push(if round % 2 == 0 {
            let ours = duel.ours.run(stage)?;
            (ours, duel.peer.run(stage)?)
        } else {
            let peer = duel.peer.run(stage)?;
            (duel.ours.run(stage)?, peer)
        });
    }
    let seconds = |run: &Run| run.time.as_secs_f64();
    let ours = sorted(pairs.iter().map(|(ours, _)| seconds(ours)));
    let peer = sorted(pairs.iter().map(|(_, peer)| seconds(peer)));
    let our_cpu = sorted(pairs.iter().map(|(ours, _)| ours.cpu));
    let peer_cpu = sorted(pairs.iter().map(|(_, peer)| peer.cpu));
    let ratios = sorted(pairs.iter().map(|(ours, peer)| duel.goal.ratio(seconds(ours), seconds(peer))));
    let mut stages: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let told = || pairs.iter().filter_map(|(ours, _)| ours.told.as_ref());
    for (name, seconds) in told().flat_map(|told| &told.seconds) {
        stages.entry(name).or_default().push(*seconds);
    }
    let stages = stages.into_iter().map(|(name, times)| (name.to_owned(), median(&sorted(times))));
    Ok(Outcome {
        names: [duel.ours.name(), duel.peer.name()],
        goal: duel.goal,
        seconds: [median(&ours), median(&peer)],
        cpu: [median(&our_cpu), median(&peer_cpu)],
        ratio: [median(&ratios), ratios[0], ratios[ratios.len() - 1]],
        stages: stages.collect(),
        peak_kib: told().map(|told| told.peak_kib).max().unwrap_or_default(),
    })
}

/// Values in their order.
pub fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The middle of sorted values; of an even number, the mean of the two in the middle.
pub fn median(sorted: &[f64]) -> f64 {
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_the_two_in_the_middle() {
        assert_eq!(median(&sorted([3.0, 1.0, 10.0])), 3.0);
        assert_eq!(median(&sorted([4.0, 1.0, 2.0, 10.0])), 3.0);
        assert_eq!(median(&[7.0]), 7.0);
    }

    #[test]
    fn a_goal_is_met_in_its_own_direction() {
        assert!(Goal::AtMost(1.3).is_met(Goal::AtMost(1.3).ratio(1.2, 1.0)));
        assert!(!Goal::AtMost(1.3).is_met(Goal::AtMost(1.3).ratio(1.4, 1.0)));
        assert!(Goal::Faster(2.0).is_met(Goal::Faster(2.0).ratio(1.0, 2.1)));
        assert!(!Goal::Faster(2.0).is_met(Goal::Faster(2.0).ratio(1.0, 1.9)));
    }
}
