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
