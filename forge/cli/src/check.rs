//! `check`: is an answer file well-formed, who signed it, and what would become of a recorded machine?

use crate::{
    answers_sign::signature_of, answers_words, arguments::CheckArguments, bundle_words, failure::Failure,
    output::print, plan::parse_answers,
};
use forge_engine::{
    openpgp::{self, AnswersSignatureError, Fingerprint},
    seal::Recipient,
};
use forge_model::{
    Answers, MachineFacts, Recorded,
    answers::{AnswersError, Override},
    disk::{self, Seen},
    unattended::{Decision, Reason, Trust, decide, needs},
};
use serde_json::json;
use std::{fs, io, path::Path, time::SystemTime};

/// Checks what was asked for.
pub fn run(wanted: &CheckArguments) -> Result<(), Failure> {
    // Read once: what is signed is what is looked at.
    let text = fs::read_to_string(&wanted.answers).map_err(|error| Failure::file(&wanted.answers, error))?;
    let answers = parse_answers(&wanted.answers, &text)?;
    recipients(&answers, &text).map_err(|error| Failure::Answers(wanted.answers.clone(), error))?;
    let signer = wanted.signed_by.as_deref().map(|path| signer(wanted, &text, path)).transpose()?;
    match &wanted.machine {
        Some(machine) => on_machine(wanted, &answers, signer.as_ref(), machine),
        None => well_formed(wanted, &answers, signer.as_ref()),
    }
}

/// Whom the secrets are sealed to, read as the run reads it: an answer file only knows how such a key begins.
fn recipients(answers: &Answers, text: &str) -> Result<(), AnswersError> {
    let named = answers.unattended.iter().flat_map(|unattended| &unattended.credentials.age_recipients);
    named.enumerate().try_for_each(|(index, one)| match one.as_str().parse::<Recipient>() {
        Ok(_) => Ok(()),
        Err(error) => Err(AnswersError::at_recipient(text, index, format!("{error}."))),
    })
}

fn signer(wanted: &CheckArguments, text: &str, certificate: &Path) -> Result<Fingerprint, Failure> {
    let read = |path: &Path| fs::read(path).map_err(|error| Failure::file(path, error));
    let path = signature_of(&wanted.answers);
    let not_signed = |error| Failure::NotSigned(wanted.answers.clone(), error);
    let signature = fs::read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => not_signed(AnswersSignatureError::NoSignature),
        _ => Failure::file(&path, error),
    })?;
    openpgp::signed_by(text.as_bytes(), &signature, &[read(certificate)?], SystemTime::now()).map_err(not_signed)
}

fn well_formed(wanted: &CheckArguments, answers: &Answers, signer: Option<&Fingerprint>) -> Result<(), Failure> {
    // Who does not want to be away, is not told what that would take.
    let needs = answers.unattended.as_ref().map(|_| needs(answers)).unwrap_or_default();
    if wanted.json {
        let signer = signer.map(Fingerprint::to_hex);
        return print(json!({ "well-formed": true, "signed-by": signer, "needs": needs }));
    }
    let path = wanted.answers.display();
    print(format_args!("{path}: the file is well-formed. \"forgectl plan\" checks it against a payload and a disk."))?;
    if let Some(signer) = signer {
        print(format_args!("It is signed by {signer}."))?;
    }
    if !needs.is_empty() {
        print("An install with nobody there would not begin, if no override says more:")?;
    }
    needs.into_iter().try_for_each(|need| print(format_args!("  {}", answers_words::need(need))))
}

/// What would become of a machine.
struct Verdict<'a> {
    facts: MachineFacts,
    used: Option<&'a Override>,
    /// Every disk, where the answers say which is meant.
    seen: Vec<Seen>,
    /// What is accepted, and what the machine's devices asked for.
    firmware: Vec<String>,
    decision: Decision,
}

fn on_machine(
    wanted: &CheckArguments,
    answers: &Answers,
    signer: Option<&Fingerprint>,
    machine: &Path,
) -> Result<(), Failure> {
    let bytes = fs::read(machine).map_err(|error| Failure::file(machine, error))?;
    let recorded = Recorded::parse(&bytes).map_err(|error| Failure::Recorded(machine.to_owned(), error))?;
    let (facts, inventory) = recorded.seen_by(answers);
    // Without a certificate it is not known who is trusted there; what else would be is still worth knowing.
    let trust = signer.map_or(Trust::Pinned, |signer| Trust::Signed { fingerprint: signer.to_hex() });
    let decision = decide(&trust, answers, &facts, &inventory);
    let (Decision::RunAlone { answers: own, .. } | Decision::Prefill { answers: own, .. }) = &decision;
    let seen = own.disk.matching.as_ref().map(|wanted| disk::seen(wanted, &inventory)).unwrap_or_default();
    let firmware = bundle_words::on_recorded_machine(&answers.firmware, &inventory.devices);
    let verdict = Verdict { used: answers.override_for(&facts), facts, seen, firmware, decision };
    match wanted.json {
        true => print(verdict.json(signer))?,
        false => verdict.lines(signer).into_iter().try_for_each(print)?,
    }
    match verdict.decision {
        Decision::RunAlone { .. } => Ok(()),
        Decision::Prefill { reasons, .. } => Err(Failure::NeedsSomebody(wanted.answers.clone(), reasons)),
    }
}

impl Verdict<'_> {
    fn lines(&self, signer: Option<&Fingerprint>) -> Vec<String> {
        let mut lines = vec![match signer {
            Some(signer) => format!("The answers are signed by {signer}."),
            None => "It was not looked at who made the answers (--signed-by).".into(),
        }];
        lines.push(format!("The machine: {}.", answers_words::machine(&self.facts)));
        lines.push(match self.used {
            Some(used) => format!("The override for the serial number {:?} is used.", used.serial),
            None => "No override is for it.".into(),
        });
        if !self.seen.is_empty() {
            lines.push("Its disks:".into());
            lines.extend(answers_words::disks(&self.seen).iter().map(|line| format!("  {line}")));
        }
        lines.extend(self.firmware.iter().cloned());
        if let Decision::RunAlone { disk, answers } = &self.decision {
            let path = &disk.identity.path;
            lines.push(format!(
                "With nobody there, {path} would be erased, and the computer would be called {}.",
                answers.system.hostname
            ));
        }
        lines
    }

    fn json(&self, signer: Option<&Fingerprint>) -> serde_json::Value {
        let (disk, own, reasons): (_, _, &[Reason]) = match &self.decision {
            Decision::RunAlone { disk, answers } => (Some(&disk.identity.path), answers, &[]),
            Decision::Prefill { answers, reasons } => (None, answers, reasons),
        };
        json!({
            "runs-alone": disk.is_some(),
            "signed-by": signer.map(Fingerprint::to_hex),
            "machine": self.facts,
            "override": self.used.map(|used| &used.serial),
            "hostname": own.system.hostname,
            "disk": disk,
            "disks": self.seen,
            "reasons": reasons,
        })
    }
}

#[cfg(test)]
mod tests;
