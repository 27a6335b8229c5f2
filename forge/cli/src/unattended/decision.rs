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

/// Two looks at the disks that are so far apart have to see the same disks.
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

/// The disks, when they stay as they are and the answers mean one of them: at a start they appear one by one, some of them
/// late. After so much patience, whatever is there.
pub async fn settled(forge: &Forge, answers: &Answers, patience: Duration) -> Result<Inventory, Failure> {
    let look = async || forge.inventory().await.map_err(|error| Failure::Helper { error, untouched: true });
    // Where they describe no disk, none is waited for.
    let matching = answers.disk.matching.as_ref();
    let is_clear = |inventory: &Inventory| matching.is_none_or(|wanted| disk::choose(wanted, inventory).is_ok());
    looked_at(look, is_clear, patience, APART).await
}

async fn looked_at<E>(
    look: impl AsyncFn() -> Result<Inventory, E>,
    is_clear: impl Fn(&Inventory) -> bool,
    patience: Duration,
    apart: Duration,
) -> Result<Inventory, E> {
    let end = Instant::now() + patience;
    let mut before = look().await?;
    while Instant::now() < end {
        sleep(apart.min(patience)).await;
        let now = look().await?;
        if names(&now) == names(&before) && is_clear(&now) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use forge_model::{
        answers::DiskMatch,
        disk::choose,
        inventory::{Content, DiskKind, Identity, Transport},
    };
    use std::{cell::Cell, convert::Infallible};

    fn disk(path: &str) -> Disk {
        Disk {
            identity: Identity { path: path.into(), serial: Some(path.into()), wwn: None, sequence: None },
            model: None,
            kind: DiskKind::Disk,
            transport: Transport::Ata,
            rotational: false,
            removable: false,
            size: 1 << 40,
            sector_size: 512,
            content: Content::Empty,
            obstacles: Vec::new(),
        }
    }

    /// What is seen at last, and after how many looks, where each look finds so many disks; the last number goes on.
    async fn seen(disks: &[usize], patience: Duration) -> (usize, usize) {
        const WAIT: Duration = Duration::from_millis(2);
        let looks = Cell::new(0);
        let look = async || {
            let found = disks[looks.get().min(disks.len() - 1)];
            looks.set(looks.get() + 1);
            let disks = ["/dev/sda", "/dev/sdb", "/dev/sdc"][..found].iter().map(|path| disk(path)).collect();
            Ok::<_, Infallible>(Inventory { disks, firmware: None, devices: Vec::new(), tpm2: false })
        };
        let wanted = DiskMatch::Serial { serial: "/dev/sdb".into() };
        let Ok(found) = looked_at(look, |inventory| choose(&wanted, inventory).is_ok(), patience, WAIT).await;
        (found.disks.len(), looks.get())
    }

    #[tokio::test]
    async fn the_disk_that_is_meant_is_waited_for_though_the_others_stay_as_they_are() {
        let long = Duration::from_secs(60);
        assert_eq!(seen(&[0, 0, 0, 1, 1, 1, 2, 2], long).await, (2, 8));
        // Clear at once: two looks are enough. One that comes between two looks is waited for.
        assert_eq!(seen(&[2, 2], long).await, (2, 2));
        assert_eq!(seen(&[2, 3, 3], long).await, (3, 3));
    }

    #[tokio::test]
    async fn a_disk_that_never_comes_is_not_waited_for_without_an_end() {
        let (disks, looks) = seen(&[1], Duration::from_millis(40)).await;
        assert!(disks == 1 && looks > 2, "{looks}");
        assert_eq!(seen(&[0, 2], Duration::ZERO).await, (0, 1));
    }
}
