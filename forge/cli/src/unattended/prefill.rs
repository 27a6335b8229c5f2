//! Answers as a proposal: found like those of an unattended install, checked, and left where the window looks. Nothing runs.

use super::{
    bus, decision,
    fault::Fault,
    machine,
    place::Place,
    sources::{Found, Search, wait_while_drives_come},
    trust,
};
use crate::{answers_words, failure::Failure, handover, output::tell};
use forge_dbus::client::Forge;
use forge_model::{Answers, unattended::Trust};
use serde_json::json;
use std::{fs, path::Path, time::Duration};
use zbus::Connection;

/// Where the window looks. The unit makes the directory, for the live user's group.
const ANSWERS: &str = "/run/forge/answers/answers.toml";
/// Where they come from, how far they are trusted, and why they are not used, in JSON.
const WHY: &str = "/run/forge/answers/why.json";

/// Finds answers and leaves them. That there are none is no failure.
pub async fn run(place: &Place, settle: Duration) -> Result<(), Failure> {
    let bus = bus::connect().await.map_err(Fault::NoBus)?;
    match find(place, &bus, settle).await {
        Err(Failure::Unattended(Fault::NoAnswers)) => {
            tell("There are no answers.");
            Ok(())
        }
        // The window can say why there is no proposal.
        Err(failure) => {
            put(place, WHY, &json!({ "used": false, "reason": failure.to_string() }).to_string())?;
            Err(failure)
        }
        Ok((found, trust, answers, mismatch)) => {
            put(place, ANSWERS, &answers.text())?;
            let why = json!({
                "used": true, "source": found.source.id(), "from": found.source.to_string(), "trust": trust,
                "other_machine": mismatch,
            });
            put(place, WHY, &why.to_string())?;
            tell(format_args!("{} is the proposal: {}", found.source, answers_words::trust(&trust)));
            Ok(())
        }
    }
}

type Proposal = (Found, Trust, Answers, Option<forge_model::answers::Mismatch>);

async fn find(place: &Place, bus: &Connection, settle: Duration) -> Result<Proposal, Failure> {
    wait_while_drives_come(bus, settle).await.map_err(Fault::Volume)?;
    let search = Search::new(place, bus, Duration::ZERO).await?;
    search.sources().iter().for_each(|source| tell(format_args!("Answers found: {source}.")));
    let found = search.first(place).await?;
    let trust = trust::of(&found, place, &search.command_line)?;
    let answers = decision::parse(&found)?;
    let forge = Forge::on(bus).await?;
    let facts = machine::facts(&forge).await?;
    let mismatch = answers.machine.as_ref().and_then(|machine| machine.matches(&facts).err());
    Ok((found, trust, answers.for_machine(&facts), mismatch))
}

fn put(place: &Place, path: &str, text: &str) -> Result<(), Fault> {
    let path = place.at(path);
    let directory = path.parent().unwrap_or(Path::new("/"));
    // Where no unit made it, as in a test.
    let made = fs::create_dir_all(directory);
    made.and_then(|()| handover::replace(&path, 0o640, text.as_bytes()))
        .map_err(|error| Fault::NotWritten { place: path, error })
}
