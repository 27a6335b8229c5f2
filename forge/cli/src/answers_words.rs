//! Whom answers are trusted from, which machine and which disk they mean, in sentences.

use crate::words;
use forge_model::{
    answers::{FoundValue, Mismatch},
    disk::{Misfit, Seen, Unclear, Why},
    dmi::{Key, MachineFacts},
    inventory::Transport,
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
        Distrust::FromEsp => "They came from the ESP, which anybody can write to: nothing says who made them.".into(),
        Distrust::BadSignature { details } => format!("Their signature does not count: {details}."),
        Distrust::NotListed { fingerprint: Some(key) } => {
            format!("They are signed by {key}, which this medium does not list.")
        }
        Distrust::NotListed { fingerprint: None } => "They are signed by a key that this medium does not list.".into(),
    }
}

/// One reason why nobody is not enough; without the disks, which [`disks`] lists.
pub fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Untrusted { distrust: why } => distrust(why),
        Reason::OtherMachine { mismatch } => other_machine(mismatch),
        Reason::UnknownOverride { found } => format!(
            "override: one of them names a disk, and the serial number does not tell whether it is for this machine: {}. \
             Use answers without such an override here, or give the machine its serial number.",
            self::found(found)
        ),
        Reason::Disk { unclear } => why(unclear).into(),
        Reason::Needs { need } => self::need(*need),
    }
}

/// Every key that does not fit, one after the other.
fn other_machine(mismatch: &Mismatch) -> String {
    let differs = mismatch.keys.iter().map(|one| {
        let (key, wanted, found) = (one.key.name(), &one.wanted, found(&one.found));
        format!("machine.{key} is {wanted:?}, and {found}")
    });
    format!("They are for another machine: {}.", differs.collect::<Vec<_>>().join("; "))
}

/// What a machine says of itself, where something else is wanted.
fn found(found: &FoundValue) -> String {
    match found {
        FoundValue::Nothing => "the machine has none, or it could not be read".into(),
        FoundValue::Junk(junk) => format!("the machine has {junk:?}, which a firmware says when nobody filled it in"),
        FoundValue::Other(other) => format!("the machine has {other:?}"),
    }
}

/// What the answers leave to a person, with the place and the fix.
pub fn need(need: Need) -> String {
    let sentence = match need {
        Need::Machine => {
            "nothing says which machine they are for. Write at least one of vendor, product, serial and uuid."
        }
        Need::WholeDisk => {
            "with nobody there, only a whole disk is taken. Write \"whole-disk\", or install with somebody there."
        }
        Need::Erase => "nothing says that the disk may be erased. Write erase = \"all-data-on-this-disk\".",
        Need::Match => "nothing says which disk is meant. Write match = { serial = \"…\" }, or describe it.",
        Need::Password => {
            "the password is asked for, and nobody is there. Write { generate = \"passphrase\" }, { hash = \"…\" }, \
             { credential = \"…\" } or { sealed = \"…\" }."
        }
        Need::DiskPassphrase => {
            "the passphrase of the disk is asked for, and nobody is there. Write { generate = \"passphrase\" }, \
             { credential = \"…\" } or { sealed = \"…\" }."
        }
        Need::Secrets => {
            "nothing says to whom the secrets are sealed that every install makes. Write age-recipients or passphrase \
             with leave-on, or print = true and exit = \"stay\"."
        }
        Need::LeaveOn => "nothing says where the sealed secrets are left. Write \"answers-volume\" or \"esp\".",
        Need::Stay => {
            "the secrets are shown on the screen and sealed to nobody, and would be gone when the machine restarts or turns \
             off. Write \"stay\", or age-recipients or passphrase with leave-on."
        }
    };
    format!("{}: {sentence}", need.place())
}

/// Why no disk is chosen.
fn why(unclear: &Unclear) -> &'static str {
    match unclear.why {
        Why::NoneFits if unclear.seen.is_empty() => "disk.match: there is no disk.",
        Why::NoneFits => "disk.match: no disk fits.",
        Why::SeveralFit => "disk.match: more than one disk fits. Name one by its serial number, WWN or EUI.",
        Why::NotFree => "disk.match: the one disk that fits can not be taken.",
    }
}

/// Why no disk is chosen, and every disk that was seen, a line each.
pub fn unclear(unclear: &Unclear) -> Vec<String> {
    let mut lines = vec![why(unclear).to_owned()];
    lines.extend(disks(&unclear.seen).iter().map(|line| format!("  {line}")));
    lines
}

/// Every disk and how it fits, a line each.
pub fn disks(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(disk).collect()
}

fn disk(disk: &Seen) -> String {
    let name = disk.model.as_deref().unwrap_or("unnamed disk");
    let ids = [("serial number", &disk.serial), ("WWN", &disk.wwn)];
    let ids = ids.iter().filter_map(|(what, id)| id.as_ref().map(|id| format!(", {what} {id}")));
    let mut about = match disk.misfits.as_slice() {
        [] => "it fits".to_owned(),
        misfits => {
            let misfits: Vec<String> = misfits.iter().map(|one| misfit(one, disk.size)).collect();
            format!("it does not fit: {}", misfits.join(", "))
        }
    };
    for obstacle in &disk.obstacles {
        about += &format!("; it can not be taken: {}", words::obstacle(obstacle).trim_end_matches('.'));
    }
    format!("{}  {name}, {}{}: {about}.", disk.path, size::decimal_words(disk.size), ids.collect::<String>())
}

fn misfit(misfit: &Misfit, size: u64) -> String {
    // A disk that is sold as 1 TB has a little more than 1TB.
    let bytes = |than: u64| match size::decimal_words(than) == size::decimal_words(size) {
        true => format!("{} ({size} bytes)", size::exact(than)),
        false => size::exact(than),
    };
    match misfit {
        Misfit::Wwn => "another WWN, or none".into(),
        Misfit::Eui => "another EUI, or none".into(),
        Misfit::Serial => "another serial number, or none".into(),
        Misfit::Model => "another model".into(),
        Misfit::Transport { found } => format!("connected by {}", transport(*found)),
        Misfit::Smaller { than } => format!("smaller than {}", bytes(than.0)),
        Misfit::Larger { than } => format!("larger than {}", bytes(than.0)),
        Misfit::Removable { found: true } => "it can be taken out".into(),
        Misfit::Removable { found: false } => "it can not be taken out".into(),
    }
}

/// A transport by its name in an answer file.
fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Nvme => "nvme",
        Transport::Ata => "ata",
        Transport::Scsi => "scsi",
        Transport::Usb => "usb",
        Transport::Mmc => "mmc",
        Transport::Virtual => "virtual",
        Transport::Other => "other",
    }
}

/// Which machine it is.
pub fn machine(facts: &MachineFacts) -> String {
    let value = |key| facts.value(key).map(str::to_owned);
    let name: Vec<String> = [value(Key::Vendor), value(Key::Product)].into_iter().flatten().collect();
    let name = if name.is_empty() { "a machine without a name".into() } else { name.join(" ") };
    let ids = [("serial number", value(Key::Serial)), ("UUID", value(Key::Uuid))];
    let ids = ids.into_iter().filter_map(|(what, id)| id.map(|id| format!(", {what} {id}")));
    format!("{name}{}", ids.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_about_a_machine_or_its_secrets_says_what_to_write() {
        let junk = Reason::UnknownOverride { found: FoundValue::Junk("Default string".into()) };
        let said = reason(&junk);
        assert!(said.contains("\"Default string\"") && said.contains("give the machine its serial number"), "{said}");
        let said = reason(&Reason::UnknownOverride { found: FoundValue::Nothing });
        assert!(said.contains("it could not be read. Use answers"), "{said}");
        let said = need(Need::Stay);
        assert!(said.starts_with("unattended.exit: ") && said.contains("\"stay\""), "{said}");
        assert!(need(Need::Secrets).contains("print = true and exit = \"stay\""));
    }
}
