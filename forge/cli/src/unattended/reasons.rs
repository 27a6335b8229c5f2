//! Trust, reasons and disks in sentences.

use crate::words;
use forge_model::{
    answers::{FoundValue, Mismatch},
    disk::{Misfit, Seen, Unclear, Why},
    size,
    unattended::{Distrust, Need, Reason, Trust},
};

/// How far the answers are trusted.
pub fn trust(trust: &Trust) -> String {
    match trust {
        Trust::Pinned => "They are the ones that the command line pins.".into(),
        Trust::Credential => "Whoever runs this machine brought them as a credential.".into(),
        Trust::Signed { fingerprint } => format!("They are signed by {fingerprint}, which this medium trusts."),
        Trust::Untrusted { why } => distrust(why),
    }
}

fn distrust(why: &Distrust) -> String {
    match why {
        Distrust::NotSigned => "They are not signed: nothing says who made them.".into(),
        Distrust::BadSignature { details } => format!("Their signature does not count: {details}."),
        Distrust::NotListed { fingerprint: Some(key) } => {
            format!("They are signed by {key}, which this medium does not list.")
        }
        Distrust::NotListed { fingerprint: None } => "They are signed by a key that this medium does not list.".into(),
    }
}

/// One reason against running alone.
pub fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Untrusted { distrust: why } => distrust(why),
        Reason::OtherMachine { mismatch: other } => mismatch(other),
        Reason::Disk { unclear: why } => unclear(why),
        Reason::Needs { need } => format!("{}: {}", need.place(), self::need(*need)),
    }
}

fn mismatch(mismatch: &Mismatch) -> String {
    let differs = mismatch.keys.iter().map(|one| {
        let found = match &one.found {
            FoundValue::Nothing => "nothing that can be read".into(),
            FoundValue::Junk(junk) => format!("{junk:?}, which a firmware says when nobody filled it in"),
            FoundValue::Other(other) => format!("{other:?}"),
        };
        format!("{} should be {:?} and is {found}", one.key.name(), one.wanted)
    });
    format!("They are for another machine: {}.", differs.collect::<Vec<_>>().join("; "))
}

fn need(need: Need) -> &'static str {
    match need {
        Need::Machine => "nothing says which machine they are for.",
        Need::Erase => "nothing says that the disk may be erased. Write erase = \"all-data-on-this-disk\".",
        Need::Match => "nothing says which disk is meant.",
        Need::Password => "the password is asked for, and nobody is there.",
        Need::Secrets => "nothing says to whom the secrets are sealed that this install makes.",
        Need::LeaveOn => "nothing says where the sealed secrets are left. Write leave-on = \"answers-volume\".",
    }
}

/// Why no disk is chosen, with every disk that was seen.
pub fn unclear(unclear: &Unclear) -> String {
    let why = match unclear.why {
        Why::NoneFits => "none fits what the answers say.",
        Why::SeveralFit => "more than one fits what the answers say.",
        Why::NotFree => "the one that fits can not be taken.",
    };
    let seen: Vec<String> = unclear.seen.iter().map(seen).collect();
    match seen.is_empty() {
        true => format!("{why} There is no disk."),
        false => format!("{why} Seen:{}", seen.concat()),
    }
}

fn seen(disk: &Seen) -> String {
    let name = disk.model.as_deref().unwrap_or("unnamed disk");
    let ids = [("serial", &disk.serial), ("WWN", &disk.wwn)];
    let ids = ids.iter().filter_map(|(what, id)| id.as_ref().map(|id| format!(", {what} {id}")));
    let mut about = match disk.misfits.as_slice() {
        [] => "fits".to_owned(),
        misfits => misfits.iter().map(misfit).collect::<Vec<_>>().join(", "),
    };
    for obstacle in &disk.obstacles {
        about = format!("{about}; can not be taken: {}", words::obstacle(obstacle));
    }
    format!("\n  {}  {name}, {}{}: {about}", disk.path, size::words(disk.size), ids.collect::<String>())
}

fn misfit(misfit: &Misfit) -> String {
    match misfit {
        Misfit::Wwn => "another WWN".into(),
        Misfit::Eui => "another EUI".into(),
        Misfit::Serial => "another serial number".into(),
        Misfit::Model => "another model".into(),
        Misfit::Transport { found } => format!("connected otherwise ({found:?})").to_lowercase(),
        Misfit::Smaller { than } => format!("smaller than {}", size::words(than.0)),
        Misfit::Larger { than } => format!("larger than {}", size::words(than.0)),
        Misfit::Removable { found: true } => "can be taken out".into(),
        Misfit::Removable { found: false } => "can not be taken out".into(),
    }
}
