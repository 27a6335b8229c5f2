//! The time in which anybody who stands there can say no.

use super::{fault::Fault, report::Report};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a look for keys takes; the bus is served between two.
const LOOK: Duration = Duration::from_millis(100);

/// Counts down on every console. Any key on any of them ends it.
pub async fn run(report: &Report, seconds: u64) -> Result<(), Fault> {
    let mut keys = report.listen();
    let heard = if keys.can_be_heard() { " Press any key to stop it." } else { "" };
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut told = None;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left_seconds = left.as_millis().div_ceil(1000) as u64;
        if left.is_zero() {
            return Ok(());
        }
        if told != Some(left_seconds) && is_told(left_seconds, seconds) {
            report.say(format!("The disk will be erased in {left_seconds} s.{heard}"));
            report.event(json!({ "event": "countdown", "left": left_seconds }));
            told = Some(left_seconds);
        }
        if keys.pressed_within(LOOK.min(left)) {
            return Err(Fault::Stopped);
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Every five seconds, and each of the last five.
fn is_told(left: u64, all: u64) -> bool {
    left == all || left <= 5 || left.is_multiple_of(5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_often_enough_to_be_seen_and_seldom_enough_for_a_slow_line() {
        let told: Vec<u64> = (1..=30).rev().filter(|left| is_told(*left, 30)).collect();
        assert_eq!(told, [30, 25, 20, 15, 10, 5, 4, 3, 2, 1]);
        assert!(is_told(7, 7));
    }
}
