//! Whether an install may begin with nobody there. Pure.

use crate::{
    Answers, Disk, Inventory, MachineFacts,
    answers::{Exit, FoundValue, Mismatch, Password},
    disk::{self, Unclear},
};
use serde::{Deserialize, Serialize};

/// How far the answers can be trusted, by where they came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "trust", rename_all = "kebab-case")]
pub enum Trust {
    /// The signed command line names their SHA-256.
    Pinned,
    /// They came as a credential in the firmware's tables (SMBIOS, fw_cfg): whoever fills those has this machine anyway.
    Credential,
    /// They have a good signature by a certificate that the medium lists.
    Signed {
        /// The certificate's fingerprint, in hexadecimal digits.
        fingerprint: String,
    },
    /// Nothing speaks for them.
    Untrusted {
        /// Why.
        why: Distrust,
    },
}

/// Why nothing speaks for answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Distrust {
    /// There is no signature beside them.
    NotSigned,
    /// They came as a credential from the EFI system partition, which anybody can write to.
    FromEsp,
    /// The signature is not good.
    BadSignature {
        /// Particulars, in English: details, not the sentence.
        details: String,
    },
    /// The signature is by a certificate that the medium does not list, or there is none that it lists.
    NotListed {
        /// The key that the signature names, in hexadecimal digits, where it names one.
        fingerprint: Option<String>,
    },
}

/// What is done with answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The install may begin, after the countdown.
    RunAlone {
        /// The one disk that is erased.
        disk: Box<Disk>,
        /// The answers for this machine.
        answers: Box<Answers>,
    },
    /// Nothing begins. At most the answers fill in the pages of the window, where a person decides.
    Prefill {
        /// Why; never empty.
        reasons: Vec<Reason>,
        /// The answers for this machine.
        answers: Box<Answers>,
    },
}

/// Why answers can not be used with nobody there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// Nothing speaks for them.
    Untrusted {
        /// Why.
        #[serde(flatten)]
        distrust: Distrust,
    },
    /// They are for another machine.
    OtherMachine {
        /// What differs.
        #[serde(flatten)]
        mismatch: Mismatch,
    },
    /// An override names a disk, and the machine has no serial number that tells whether it is this one's.
    UnknownOverride {
        /// What it has instead.
        #[serde(flatten)]
        found: FoundValue,
    },
    /// It is not clear which disk they mean.
    Disk {
        /// Why.
        #[serde(flatten)]
        unclear: Unclear,
    },
    /// They leave something to a person.
    Needs {
        /// What.
        need: Need,
    },
}

/// What answers have to say so that nobody is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Which machine they are for.
    Machine,
    /// That the whole disk is taken: with nobody there, nothing is installed beside something else.
    WholeDisk,
    /// That the disk may be erased.
    Erase,
    /// Which disk.
    Match,
    /// A password that nobody has to type.
    Password,
    /// A passphrase of the disk that nobody has to type.
    DiskPassphrase,
    /// To whom the secrets are sealed that every install makes (at least the code that enrolls the key), or that they
    /// are shown.
    Secrets,
    /// Where the sealed secrets are left.
    LeaveOn,
    /// That the machine stays as it is: the secrets are on the consoles and nowhere else.
    Stay,
}

impl Need {
    /// The place in an answer file that has to change.
    pub fn place(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::WholeDisk => "disk.use",
            Self::Erase => "disk.erase",
            Self::Match => "disk.match",
            Self::Password => "user.password",
            Self::DiskPassphrase => "encryption.passphrase",
            Self::Secrets => "unattended.credentials",
            Self::LeaveOn => "unattended.credentials.leave-on",
            Self::Stay => "unattended.exit",
        }
    }
}

/// Everything that the answers for one machine lack so that nobody is needed, in the order of an answer file.
pub fn needs(answers: &Answers) -> Vec<Need> {
    let secrets = answers.unattended.as_ref().map(|unattended| &unattended.credentials);
    let sealed = secrets.is_some_and(|secrets| secrets.is_sealed_to_somebody());
    let left = secrets.is_some_and(|secrets| secrets.leave_on.is_some());
    let printed = secrets.is_some_and(|secrets| secrets.print);
    let stays = answers.unattended.as_ref().is_some_and(|unattended| unattended.exit == Exit::Stay);
    [
        (answers.machine.is_none(), Need::Machine),
        (!answers.disk.way.is_whole_disk(), Need::WholeDisk),
        (answers.disk.way.is_whole_disk() && answers.disk.erase.is_none(), Need::Erase),
        (answers.disk.matching.is_none(), Need::Match),
        (matches!(answers.user.password, Password::Ask { .. }), Need::Password),
        (
            answers.encryption.as_ref().is_some_and(|e| matches!(e.passphrase, Password::Ask { .. })),
            Need::DiskPassphrase,
        ),
        (!sealed && (left || !printed), Need::Secrets),
        (sealed && !left, Need::LeaveOn),
        // A machine that turns off takes with it what was shown.
        (printed && !sealed && !left && !stays, Need::Stay),
    ]
    .into_iter()
    .filter_map(|(lacks, need)| lacks.then_some(need))
    .collect()
}

/// Whether the install may begin with nobody there. Every reason against it is given at once.
pub fn decide(trust: &Trust, answers: &Answers, facts: &MachineFacts, inventory: &Inventory) -> Decision {
    let (all, answers) = (answers, Box::new(answers.for_machine(facts)));
    let mut reasons = Vec::new();
    if let Trust::Untrusted { why } = trust {
        reasons.push(Reason::Untrusted { distrust: why.clone() });
    }
    if let Some(Err(mismatch)) = answers.machine.as_ref().map(|machine| machine.matches(facts)) {
        reasons.push(Reason::OtherMachine { mismatch });
    }
    let unknown = all.unknown_override(facts);
    // That they name no disk then is no fault of the file.
    let names_a_disk = all.disk.matching.is_some();
    let needs = needs(&answers).into_iter().filter(|need| *need != Need::Match || !names_a_disk);
    reasons.extend(needs.map(|need| Reason::Needs { need }));
    reasons.extend(unknown.map(|found| Reason::UnknownOverride { found }));
    let disk = answers.disk.matching.as_ref().map(|wanted| disk::choose(wanted, inventory));
    match disk {
        Some(Ok(disk)) if reasons.is_empty() => return Decision::RunAlone { disk: Box::new(disk.clone()), answers },
        Some(Err(unclear)) => reasons.push(Reason::Disk { unclear }),
        // Without a match, that it lacks is among the reasons.
        Some(Ok(_)) | None => {}
    }
    Decision::Prefill { reasons, answers }
}

#[cfg(test)]
mod tests;
