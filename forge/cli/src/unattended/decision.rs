//! May this run alone, and on which disk? The rules are the model's; here they get what they need to know.

use super::{
    fault::Fault,
    sources::{Found, Source},
};
use crate::{answers_words, failure::Failure};
use forge_dbus::client::Forge;
use forge_model::{
    Answers, Disk, Inventory, MachineFacts, disk,
    unattended::{Decision, Reason, Trust, decide},
};
use std::{path::PathBuf, time::Duration};
use tokio::time::{Instant, sleep};

/// Two looks at the disks that are so far apart have to see the same.
const APART: Duration = Duration::from_secs(2);

/// The answers that the bytes are.
pub fn parse(found: &Found) -> Result<Answers, Failure> {
    let place = PathBuf::from(found.source.to_string());
    let text = str::from_utf8(&found.bytes)
        .map_err(|_| Fault::NotRead { place: place.clone(), error: std::io::Error::other("they are not text") })?;
    Answers::parse(text).map_err(|error| Failure::Answers(place, error))
}

/// The disk that is taken, and the answers for this machine; or every reason against it.
pub fn made(
    source: &Source,
    trust: &Trust,
    answers: &Answers,
    facts: &MachineFacts,
    inventory: &Inventory,
) -> Result<(Disk, Answers), Fault> {
    match decide(trust, answers, facts, inventory) {
        Decision::RunAlone { disk, answers } => Ok((*disk, *answers)),
        Decision::Prefill { reasons, .. } => match reasons.as_slice() {
            // Everything else is well: it is a fault of the disks, not of the answers.
            [Reason::Disk { unclear }] => Err(Fault::Disk(answers_words::unclear(unclear).join("\n"))),
            reasons => Err(Fault::MayNotRun {
                reasons: reasons.iter().map(sentence).collect(),
                proposal: !matches!(source, Source::CommandLine(_)),
            }),
        },
    }
}

/// A reason, and for a disk that is not clear every disk that was seen.
fn sentence(reason: &Reason) -> String {
    match reason {
        Reason::Disk { unclear } => answers_words::unclear(unclear).join("\n"),
        other => answers_words::reason(other),
    }
}

/// The disks, when they stay as they are: at a start they appear one by one.
pub async fn settled(forge: &Forge, patience: Duration) -> Result<Inventory, Failure> {
    let look = async || forge.inventory().await.map_err(|error| Failure::Helper { error, untouched: true });
    let end = Instant::now() + patience;
    let mut before = look().await?;
    while Instant::now() < end {
        sleep(APART.min(patience)).await;
        let now = look().await?;
        if names(&now) == names(&before) {
            return Ok(now);
        }
        before = now;
    }
    Ok(before)
}

fn names(inventory: &Inventory) -> Vec<&forge_model::inventory::Identity> {
    inventory.disks.iter().map(|disk| &disk.identity).collect()
}

/// Whether the same disk would be taken now.
pub fn is_still(disk: &Disk, answers: &Answers, inventory: &Inventory) -> bool {
    let matching = answers.disk.matching.as_ref();
    let chosen = matching.and_then(|matching| disk::choose(matching, inventory).ok());
    chosen.is_some_and(|chosen| chosen.identity == disk.identity)
}
