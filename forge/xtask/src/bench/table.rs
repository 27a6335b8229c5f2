//! The results as a table.
use std::fmt::Write;

use super::duel::{Goal, Outcome};

/// The most memory that a process of the engine may take, in MiB.
const MEMORY_GOAL: u64 = 64;

/// All results, each ratio beside its goal, then where our time went.
pub fn render(size: u64, rounds: u32, machine: &str, results: &[(&str, Outcome)]) -> String {
    let mut text = String::new();
    let mut line = |cells: [&str; 7]| {
        let [place, ours, peer, time, cpu, ratio, goal] = cells;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{place:<7} {ours:<18} {peer:<23} {time:<14} {cpu:<14} {ratio:<20} {goal}");
    };
    line(["place", "Forge", "peer", "seconds", "cpu seconds", "ratio (min .. max)", "goal"]);
    for (place, result) in results {
        let [ratio, least, most] = result.ratio;
        let met = if result.goal.is_met(ratio) { "met" } else { "missed" };
        let goal = match result.goal {
            Goal::AtMost(most) => format!("time <= {most} x peer: {met}"),
            Goal::Faster(least) => format!(">= {least} x faster: {met}"),
        };
        let both = |[ours, peer]: [f64; 2]| format!("{ours:.2} : {peer:.2}");
        let (time, cpu) = (both(result.seconds), both(result.cpu));
        let [ours, peer] = result.names;
        let ratio = format!("{ratio:.2} ({least:.2} .. {most:.2})");
        line([place, ours, peer, &time, &cpu, &ratio, &goal]);
    }
    text.push_str("\nWhere Forge's time went, in seconds:\n");
    for (place, result) in results {
        let stages = result.stages.iter().map(|(name, seconds)| format!("{name} {seconds:.2}"));
        let stages: Vec<String> = stages.collect();
        let _ = writeln!(text, "{place:<7} {:<18} {}", result.names[0], stages.join(", "));
    }
    let peak = results.iter().map(|(_, result)| result.peak_kib).max().unwrap_or_default();
    let met = if peak <= MEMORY_GOAL * 1024 { "met" } else { "missed" };
    let _ = writeln!(
        text,
        "\nPeak memory of a Forge process: {:.1} MiB (goal: <= {MEMORY_GOAL} MiB: {met})\n\
         Image of {size} MiB in the page cache; {rounds} rounds; medians of times and of paired ratios.\n\
         Each pair of numbers is Forge : peer. {machine}",
        peak as f64 / 1024.0
    );
    text
}
