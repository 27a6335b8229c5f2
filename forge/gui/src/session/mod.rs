//! The wizard's rules, pure: no widget, no bus. Every order, back, skip and issue is decided here.
//!
//! ```text
//! what a person does, what the machine tells  ->  Session::apply(Change)  ->  Effects for the window and the gateway
//! ```
//!
//! | file | what it does |
//! |---|---|
//! | [`page`] | the pages and their order |
//! | [`change`] | everything that can happen, and what follows from it |
//! | [`account`] | the person: names proposed and checked, where the password comes from |
//! | [`usage`] | which part of it: the ways that there are, and what was chosen of each |
//! | [`before_after`] | what that does to each part of the disk |
//! | [`encryption`] | whether the state is encrypted, its passphrase, the recovery key |
//! | [`typed_twice`] | a password that is made, or typed twice: what stands against it |
//! | [`disks`] | which disk can be chosen, and when the choice is withdrawn |
//! | [`bundles`] | proprietary firmware: who wants which, and what was accepted |
//! | [`choices`] | language, keyboard and time zone: what is proposed |
//! | [`run`] | an install that goes on: how far it is, as one number |
//! | [`wanted`] | the answers, and their text |
//! | [`apply`] | what each change does |

pub mod account;
mod apply;
pub mod before_after;
pub mod bundles;
pub mod change;
pub mod choices;
pub mod disks;
pub mod encryption;
pub mod page;
pub mod run;
#[cfg(test)]
mod tests;
pub mod typed_twice;
pub mod usage;
pub mod wanted;

pub use account::Account;
pub use before_after::BeforeAfter;
pub use change::{Change, Credentials, Effect, Found, Notice, Running, Secrets, Trouble};
pub use encryption::Encryption;
pub use page::Page;
pub use run::Run;
pub use typed_twice::TypedTwice;
pub use usage::Usage;

use forge_dbus::{
    backend::{Offer, Verdict},
    client::ClientError,
    status::{Outcome, Reached, Smaller},
};
use forge_model::{
    Answers, Disk, Inventory, Issue, Manifest, Plan, Receipt, Stage,
    answers::{KeyboardAnswers, Way},
    firmware::FirmwareAnswer,
    inventory::Identity,
    layout::Beside,
    machine::{Firmware, Key, Staging},
};
use std::collections::BTreeMap;

/// Everything that the wizard knows.
#[derive(Debug)]
pub struct Session {
    page: Page,
    offer: Option<Offer>,
    inventory: Inventory,
    begun: bool,
    trouble: Option<ClientError>,
    spoken: Option<String>,
    language: Option<String>,
    keyboard: Option<KeyboardAnswers>,
    timezone: Option<String>,
    zones: BTreeMap<String, String>,
    disk: Option<Identity>,
    usage: Usage,
    way_asked_for: Option<Way>,
    home_asked_for: Option<bool>,
    encryption: Encryption,
    account: Account,
    accepted: Vec<FirmwareAnswer>,
    asked_for: Vec<FirmwareAnswer>,
    answers_found: Option<Box<Answers>>,
    filled_in: bool,
    has_chosen_language: bool,
    has_chosen_keyboard: bool,
    verdict: Judged,
    asked: u64,
    /// The digest of the plan that was shown last.
    shown: Option<String>,
    run: Run,
    ended: Option<Ended>,
    credentials: Option<Credentials>,
    kept: bool,
}

/// What the helper says to the answers.
#[derive(Debug, Default)]
pub enum Judged {
    /// It was not asked.
    #[default]
    Unasked,
    /// It was asked and has not answered.
    Waiting,
    /// It can be done.
    Plan {
        /// What is confirmed.
        digest: String,
        /// Exactly what will be done.
        plan: Box<Plan>,
        /// Whether it differs from the one that the person read, or confirmed, a moment ago.
        changed: bool,
    },
    /// It can not be done.
    Issues(Vec<Issue>),
    /// It could not be asked.
    Trouble(ClientError),
}

/// How an install ended.
#[derive(Debug)]
pub enum Ended {
    /// It is installed.
    Installed {
        /// The proof.
        receipt: Box<Receipt>,
    },
    /// It was cancelled.
    Cancelled {
        /// The stage in which it stopped.
        stage: Stage,
        /// Whether anything was written.
        written: bool,
        /// The partitions that were made smaller before.
        smaller: Vec<Smaller>,
    },
    /// It failed.
    Failed(forge_dbus::status::Failure),
    /// It was refused before it began.
    Refused(ClientError),
    /// The helper went away.
    Lost {
        /// The last stage that was heard of; nothing where nobody knows whether anything was written.
        stage: Option<Stage>,
    },
}

impl Ended {
    /// Whether a partition may be half way to its smaller size, or its tool still at work: nothing may touch it now but its
    /// own system's check. `beside` is what stays on the disk.
    pub fn may_be_half_smaller(&self, beside: Option<&Beside>) -> bool {
        let smaller = match self {
            Self::Cancelled { smaller, .. } => smaller,
            Self::Failed(failure) => &failure.smaller,
            // Where no stage was heard of, it may have been this one, which is the first.
            Self::Lost { stage } => {
                let is_one = beside.is_some_and(|beside| !beside.shrunk.is_empty());
                return is_one && stage.is_none_or(|stage| stage <= Stage::Shrink);
            }
            Self::Installed { .. } | Self::Refused(_) => return false,
        };
        smaller.iter().any(|one| one.reached == Reached::Begun)
    }
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Installed { receipt, .. } => Self::Installed { receipt },
            Outcome::Cancelled { stage, written, smaller } => Self::Cancelled { stage, written, smaller },
            Outcome::Failed(failure) => Self::Failed(failure),
        }
    }
}

impl Session {
    /// A session of a program that speaks `language`, such as `de_DE.UTF-8`; none when it was not chosen yet.
    pub fn new(language: Option<String>) -> Self {
        Self {
            page: Page::Welcome,
            offer: None,
            inventory: Inventory { disks: Vec::new(), firmware: None, devices: Vec::new(), tpm2: false },
            begun: false,
            trouble: None,
            spoken: language.clone(),
            language,
            keyboard: None,
            timezone: None,
            zones: BTreeMap::new(),
            disk: None,
            usage: Usage::default(),
            way_asked_for: None,
            home_asked_for: None,
            encryption: Encryption::default(),
            account: Account::default(),
            accepted: Vec::new(),
            asked_for: Vec::new(),
            answers_found: None,
            filled_in: false,
            has_chosen_language: false,
            has_chosen_keyboard: false,
            verdict: Judged::default(),
            asked: 0,
            shown: None,
            run: Run::default(),
            ended: None,
            credentials: None,
            kept: false,
        }
    }

    /// The page that is shown.
    pub fn page(&self) -> Page {
        self.page
    }

    /// The payload, once it is known.
    pub fn offer(&self) -> Option<&Offer> {
        self.offer.as_ref()
    }

    /// Whether the machine has answered, for good or bad.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Why the machine can not be looked at.
    pub fn trouble(&self) -> Option<&ClientError> {
        self.trouble.as_ref()
    }

    /// The language chosen.
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// The language that the program speaks, as the payload names it.
    pub fn spoken(&self) -> Option<&str> {
        self.spoken.as_deref()
    }

    /// Whether some answers come from a file that was found. It never chooses a disk.
    pub fn is_filled_in(&self) -> bool {
        self.filled_in
    }

    /// The keyboard chosen.
    pub fn keyboard(&self) -> Option<&KeyboardAnswers> {
        self.keyboard.as_ref()
    }

    /// The keyboard that goes with a language.
    pub fn keyboard_for(&self, locale: &str) -> Option<KeyboardAnswers> {
        choices::keyboard(&self.offer()?.manifest.offered, locale)
    }

    /// The time zone chosen.
    pub fn timezone(&self) -> Option<&str> {
        self.timezone.as_deref()
    }

    /// The disk chosen.
    pub fn disk(&self) -> Option<&Disk> {
        let chosen = self.disk.as_ref()?;
        self.inventory.disks.iter().find(|disk| disk.identity == *chosen)
    }

    /// The disks in the order in which they are shown, with what stands against each.
    pub fn shown_disks(&self) -> Vec<disks::Shown> {
        disks::shown(&self.inventory.disks, self.manifest())
    }

    fn is_free(&self, disk: &Disk) -> bool {
        disks::against(disk, self.manifest()).is_none()
    }

    fn manifest(&self) -> Option<&Manifest> {
        self.offer.as_ref().map(|offer| &offer.manifest)
    }

    /// The person.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// What the helper says to all of this.
    pub fn verdict(&self) -> &Judged {
        &self.verdict
    }

    /// The install that goes on.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// How it ended.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// Whether another try is offered after a failure: not while a partition may be half way to its smaller size.
    pub fn may_try_again(&self) -> bool {
        let beside = self.run.plan.as_ref().and_then(|plan| plan.layout.beside.as_ref());
        !self.ended.as_ref().is_some_and(|ended| ended.may_be_half_smaller(beside))
    }

    /// What was handed over.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The key of the system that was installed.
    pub fn key(&self) -> Option<Key> {
        let Some(Ended::Installed { receipt }) = &self.ended else { return None };
        let key = &receipt.boot_key;
        Some(Key { subject: key.name.clone(), sha1: key.sha1.clone(), sha256: key.sha256.clone() })
    }

    /// What the firmware of this machine says.
    pub fn firmware(&self) -> Option<&Firmware> {
        self.inventory.firmware.as_ref().map(|found| &found.firmware)
    }

    /// Whether no request to enroll the key waits in the firmware: nobody will ask for the code.
    pub fn is_enrolled_by_hand(&self) -> bool {
        self.credentials.as_ref().is_some_and(|c| c.staged.request != Staging::Done)
    }

    /// Whether that is because the machine was not started by UEFI.
    pub fn was_without_uefi(&self) -> bool {
        self.credentials.as_ref().is_some_and(|c| c.staged.request == Staging::NotHere)
    }

    /// The receipt of a system that the firmware has no boot entry for, where it may be that nothing starts it without one.
    pub fn without_boot_entry(&self) -> Option<&Receipt> {
        let (Some(Ended::Installed { receipt }), Some(credentials)) = (&self.ended, &self.credentials) else {
            return None;
        };
        let is_missing = match credentials.staged.boot_entry {
            Staging::Done => false,
            Staging::NotHere => receipt.starts_only_by_entry(),
            Staging::Failed { .. } => !receipt.way.is_whole_disk(),
        };
        is_missing.then_some(receipt.as_ref())
    }

    /// Whether the window may close without a question: nothing runs, and nothing would be lost.
    pub fn may_close(&self) -> bool {
        match self.page {
            Page::Installing => false,
            Page::Done => self.kept,
            _ => true,
        }
    }

    /// Whether everything on this page is answered.
    pub fn is_complete(&self, page: Page) -> bool {
        match page {
            Page::Welcome => self.offer.is_some() && self.language.is_some(),
            Page::Keyboard => self.keyboard.is_some(),
            Page::TimeZone => self.timezone.is_some(),
            Page::Disk => self.disk().is_some_and(|disk| self.is_free(disk)),
            Page::DiskUse => self.layout().is_some_and(|layout| layout.is_ok()),
            Page::Encryption => self.encryption.is_decided() && !(self.encryption.is_wanted() && self.keeps_home()),
            Page::RecoveryKey => self.encryption.is_kept(),
            Page::Account => self.account.is_complete(),
            Page::Firmware | Page::SecureBoot => true,
            Page::Review => matches!(self.verdict, Judged::Plan { .. }),
            Page::Installing | Page::Failure | Page::Done => false,
        }
    }

    /// Whether the primary button of the page that is shown does something.
    pub fn may_go_on(&self) -> bool {
        self.is_complete(self.page)
    }

    fn judged(&mut self, verdict: Verdict) {
        self.verdict = match verdict {
            Verdict::Plan { digest, plan } => {
                // The same plan once more is as new to the person as it was before.
                let was_new = matches!(self.verdict, Judged::Plan { changed: true, .. });
                let before = self.shown.replace(digest.clone());
                let is_other = before.is_some_and(|before| before != digest);
                Judged::Plan { changed: is_other || was_new, digest, plan }
            }
            Verdict::Issues { issues } => Judged::Issues(issues),
        };
    }
}
