//! `audit`: the posture of this machine, by the helper, or as far as whoever runs this can see.

use crate::{device::runtime, failure::Failure, output::print, words};
use forge_dbus::client::Forge;
use forge_engine::{
    audit::{self, Root},
    tool::Tools,
};
use forge_model::audit::{Audit, Check, Finding, Line};
use std::{io::Write, time::SystemTime};

/// Measures and prints; ends well only if every line passes: what can not be told is not in order.
pub fn run(evidence: bool, json: bool) -> Result<(), Failure> {
    let asked = runtime()?.block_on(async { Forge::connect().await?.audit().await });
    let audit = asked.unwrap_or_else(|error| {
        let why = words::refusal(&error);
        let _ = writeln!(std::io::stderr(), "{why}\nThis is what can be seen without the helper:");
        audit::measure(&Root::default(), &Tools::default(), SystemTime::now())
    });
    match json {
        true => print(serde_json::json!(audit))?,
        false => shown(&audit, evidence).iter().try_for_each(print)?,
    }
    let count = |finding| audit.lines.iter().filter(|line| line.result == finding).count();
    match (count(Finding::Fail), count(Finding::CannotTell)) {
        (0, 0) => Ok(()),
        (0, unknown) => Err(Failure::NotMeasured(unknown)),
        (fails, _) => Err(Failure::NotInOrder(fails)),
    }
}

/// A line for each promise; where it does not hold or can not be told, with the evidence and what a person can type.
fn shown(audit: &Audit, evidence: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for Line { check, result, evidence: read, command } in &audit.lines {
        let word = match result {
            Finding::Pass => "pass",
            Finding::Fail => "FAIL",
            Finding::CannotTell => "?   ",
        };
        lines.push(format!("{word}  {}", sentence(*check)));
        if evidence || *result != Finding::Pass {
            lines.extend(read.iter().map(|line| format!("        {line}")));
            lines.push(format!("      check it: {command}"));
        }
    }
    let count = |wanted| audit.lines.iter().filter(|line| line.result == wanted).count();
    let (pass, fail, unknown) = (count(Finding::Pass), count(Finding::Fail), count(Finding::CannotTell));
    lines.push(format!("{pass} pass, {fail} fail, {unknown} can not be told"));
    lines
}

fn sentence(check: Check) -> &'static str {
    match check {
        Check::SealedRoot => "the system is sealed: read-only, with the root hash of the receipt",
        Check::SecureBoot => "firmware and shim refuse what no known key has signed",
        Check::KeyEnrolled => "shim knows this machine's key",
        Check::BootFilesSigned => "boot images and GRUB are signed by this machine's key",
        Check::Receipt => "the receipt is signed by it, and the disk is as the receipt says",
        Check::KeysPrivate => "only root can read the keys, and later kernels are signed with them",
        Check::AppArmor => "AppArmor is on, and every profile is enforced",
        Check::Firewall => "the firewall drops what comes in and was not asked for",
        Check::NothingListens => "nothing listens beyond this machine",
        Check::Passwords => "no account has an empty or known password, and root is locked",
        Check::Network => "NetworkManager runs, and systemd-networkd does not",
        Check::Sandboxes => "every service that runs is confined",
        Check::Firmware => "no firmware is there that nobody accepted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_shown_where_something_is_wrong_and_elsewhere_on_request() {
        let line = |check, result| Line { check, result, evidence: vec!["read".into()], command: "look".into() };
        let lines = vec![
            line(Check::Firewall, Finding::Pass),
            line(Check::Network, Finding::Fail),
            line(Check::Receipt, Finding::CannotTell),
        ];
        let audit = Audit { measured: 0, lines };
        let words = shown(&audit, false);
        assert_eq!(words.iter().filter(|line| line.trim() == "read").count(), 2, "{words:?}");
        assert!(words[0].starts_with("pass") && words[1].starts_with("FAIL"), "{words:?}");
        assert_eq!(words.last().unwrap(), "1 pass, 1 fail, 1 can not be told");
        assert_eq!(shown(&audit, true).iter().filter(|line| line.trim() == "read").count(), 3);
    }
}
