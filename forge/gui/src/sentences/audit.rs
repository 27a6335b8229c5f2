//! Each promise of the system as a sentence, and how it came out.

use super::fill;
use forge_model::audit::{Audit, Check, Finding};
use gettextrs::{gettext, ngettext};

/// A promise as it should be.
pub fn promise(check: Check) -> String {
    match check {
        Check::SealedRoot => gettext("The system is sealed and read-only"),
        Check::SecureBoot => gettext("The firmware checks what it starts"),
        Check::KeyEnrolled => gettext("The computer trusts your key"),
        Check::BootFilesSigned => gettext("Boot files are signed by your key"),
        Check::Receipt => gettext("The disk is as the receipt says"),
        Check::KeysPrivate => gettext("Only the system can read its keys"),
        Check::AppArmor => gettext("AppArmor confines programs"),
        Check::Firewall => gettext("The firewall lets nothing in unasked"),
        Check::NothingListens => gettext("Nothing listens to the network"),
        Check::Passwords => gettext("No password is empty or known"),
        Check::Network => gettext("One program manages the network"),
        Check::Sandboxes => gettext("Every service is confined"),
        Check::Firmware => gettext("No proprietary firmware without consent"),
    }
}

/// How it came out.
pub fn finding(finding: Finding) -> String {
    match finding {
        Finding::Pass => gettext("Holds"),
        Finding::Fail => gettext("Does not hold"),
        Finding::CannotTell => gettext("Could not be checked"),
    }
}

/// Its icon, and how it is coloured.
pub fn icon(finding: Finding) -> (&'static str, &'static str) {
    match finding {
        Finding::Pass => ("object-select-symbolic", "success"),
        Finding::Fail => ("dialog-warning-symbolic", "error"),
        Finding::CannotTell => ("dialog-question-symbolic", "dimmed"),
    }
}

/// The icon of all of them, as [`summary`] says it: that of the worst. Nothing was measured yet, or it could not be.
pub fn summary_icon(audit: Option<&Audit>) -> &'static str {
    let Some(audit) = audit else { return icon(Finding::CannotTell).0 };
    let any = |wanted| audit.lines.iter().any(|line| line.result == wanted);
    icon(match (any(Finding::Fail), any(Finding::CannotTell)) {
        (true, _) => Finding::Fail,
        (false, true) => Finding::CannotTell,
        (false, false) => Finding::Pass,
    })
    .0
}

/// All of them in one sentence.
pub fn summary(audit: &Audit) -> String {
    let count = |wanted| u32::try_from(audit.lines.iter().filter(|line| line.result == wanted).count()).unwrap_or(0);
    let with = |text: String, n: u32| fill(&text, &[("n", &n.to_string())]);
    let (failed, unknown) = (count(Finding::Fail), count(Finding::CannotTell));
    let mut parts = vec![];
    match (failed, unknown) {
        (0, 0) => parts.push(gettext("Every promise holds.")),
        (0, _) => parts.push(gettext("Every promise that could be checked holds.")),
        _ => parts.push(with(ngettext("{n} promise does not hold.", "{n} promises do not hold.", failed), failed)),
    }
    if unknown > 0 {
        parts.push(with(ngettext("{n} check could not be made.", "{n} checks could not be made.", unknown), unknown));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_model::audit::Line;

    #[test]
    fn a_promise_that_does_not_hold_is_never_ticked() {
        let audit = |results: &[Finding]| Audit {
            measured: 0,
            lines: results
                .iter()
                .map(|result| Line { check: Check::Receipt, result: *result, evidence: vec![], command: String::new() })
                .collect(),
        };
        let icons = |results: &[Finding]| summary_icon(Some(&audit(results)));
        assert_eq!(icons(&[Finding::Pass, Finding::Pass]), "object-select-symbolic");
        assert_eq!(icons(&[Finding::Pass, Finding::CannotTell]), "dialog-question-symbolic");
        assert_eq!(icons(&[Finding::CannotTell, Finding::Fail, Finding::Pass]), "dialog-warning-symbolic");
        assert_eq!(summary_icon(None), "dialog-question-symbolic");
    }
}
