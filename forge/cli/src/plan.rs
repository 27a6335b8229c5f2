//! `plan`: what would be done.

use crate::{arguments::PlanArguments, failure::Failure, output::print, words};
use forge_engine::{payload::Payload, probe, target::Target};
use forge_model::{Answers, Plan};
use std::{fs, path::Path, time::SystemTime};

/// Shows the plan.
pub fn show(wanted: &PlanArguments) -> Result<(), Failure> {
    let made = Made::new(wanted)?;
    // A plain file is for another machine than this one: nothing is said about its devices.
    print_plan(&made.plan, &[], wanted.json)
}

/// Prints a plan, what else there is to say, and what confirms it.
pub fn print_plan(plan: &Plan, more: &[String], json: bool) -> Result<(), Failure> {
    if json {
        return print(serde_json::json!({ "digest": plan.digest(), "plan": plan }));
    }
    print(words::plan(plan).iter().chain(more).map(String::as_str).collect::<Vec<_>>().join("\n"))?;
    print(format_args!("Plan digest: {}", plan.digest()))
}

/// A plan with everything that it was made from.
pub struct Made {
    pub answers: Answers,
    pub payload: Payload,
    pub target: Target,
    pub plan: Plan,
}

impl Made {
    /// Opens answers, payload and target, and makes the plan.
    pub fn new(wanted: &PlanArguments) -> Result<Self, Failure> {
        let answers = read_answers(&wanted.answers)?;
        let payload = wanted.payload.as_deref().ok_or(Failure::NoPayload)?;
        let payload = open_payload(payload, &wanted.certificate)?;
        let target = Target::open_file(&wanted.target)?;
        let inventory = probe::file(&target)?;
        let plan = Plan::new(&inventory, target.path(), &answers, &payload.manifest, &payload.manifest_sha256)
            .map_err(|issues| Failure::Issues(wanted.answers.clone(), issues))?;
        Ok(Self { answers, payload, target, plan })
    }
}

fn read_answers(path: &Path) -> Result<Answers, Failure> {
    read_answers_text(path).map(|(answers, _)| answers)
}

/// Reads an answer file, and gives its text, too.
pub fn read_answers_text(path: &Path) -> Result<(Answers, String), Failure> {
    let text = fs::read_to_string(path).map_err(|e| Failure::file(path, e))?;
    Ok((parse_answers(path, &text)?, text))
}

/// Reads the text of an answer file.
pub fn parse_answers(path: &Path, text: &str) -> Result<Answers, Failure> {
    Answers::parse(text).map_err(|e| Failure::Answers(path.to_owned(), e))
}

/// Opens a payload; its signature is checked against the certificate.
pub fn open_payload(path: &Path, certificate: &Path) -> Result<Payload, Failure> {
    let trusted = fs::read(certificate).map_err(|e| Failure::file(certificate, e))?;
    Ok(Payload::open(path, &trusted, SystemTime::now())?)
}
