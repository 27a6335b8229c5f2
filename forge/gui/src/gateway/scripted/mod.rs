//! A machine that is played: for screenshots and tests, and only in builds with the feature `scripted`.
//!
//! It plans with the real model, so what the window shows is what a helper would say. It writes nothing anywhere.

pub mod first_boot;
pub mod machine;

use super::{Begun, Gateway};
use crate::parts::rehearsal::walk::Key;
use crate::{
    guide::{self, Request, Step},
    session::{Change, Credentials, Found, Page, Secrets, usage::Choice},
};
use async_trait::async_trait;
use forge_dbus::{
    Error,
    backend::{Offer, Verdict},
    client::{ClientError, Update},
    status::{Failure, Outcome, Progress},
};
use forge_model::{
    Answers, Audit, Handover, Inventory, Machine, Manifest, Plan, Secret, Stage,
    answers::Way,
    machine::{Enrollment, Staged},
    plan::PasswordKind,
};
use futures_util::{StreamExt, stream, stream::BoxStream};
use std::{env, future, sync::Mutex, time::Duration};

/// Names the page to which the window goes by itself.
const SCRIPT: &str = "FORGE_SCRIPT";

/// The machine and how its install ends.
pub struct Scripted {
    manifest: Manifest,
    /// What the machine has.
    pub inventory: Inventory,
    /// How an install goes.
    pub play: Play,
    /// The installed system, and how its enrollment goes.
    pub first_boot: first_boot::FirstBoot,
    planned: Mutex<Option<Plan>>,
    /// Names of the calls that were made, for tests.
    pub calls: Mutex<Vec<&'static str>>,
}

/// How an install goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Play {
    /// To its end.
    Works,
    /// It stands still in the middle, so that it can be looked at.
    Stands,
    /// The disk fails while it is written.
    Fails,
    /// The plan is another one when it is confirmed.
    ChangesItsMind,
    /// To its end, but the computer refuses to restart.
    NeverRestarts,
    /// To its end, but the code is handed over at the second time only.
    HandsOverLate,
    /// To its end, but the firmware refuses the request to enroll the key.
    FirmwareRefuses,
    /// To its end, on a machine that was not started by UEFI.
    WithoutUefi,
}

impl Scripted {
    /// A machine with several disks, whose install goes like this.
    pub fn new(play: Play) -> Self {
        let (planned, calls) = (Mutex::new(None), Mutex::new(Vec::new()));
        let first_boot = first_boot::FirstBoot::new(Enrollment::Lost);
        let mut inventory = machine::inventory();
        inventory.firmware = inventory.firmware.filter(|_| play != Play::WithoutUefi);
        Self { manifest: machine::manifest(), inventory, play, first_boot, planned, calls }
    }

    /// A machine with disks that more than one system can be on.
    pub fn shared(play: Play) -> Self {
        let machine = Self::new(play);
        let firmware = machine.inventory.firmware.clone();
        Self { inventory: Inventory { firmware, ..machine::shared_inventory() }, ..machine }
    }

    /// The machine that the environment asks for.
    pub fn from_environment() -> Option<Self> {
        let wanted = env::var(SCRIPT).ok()?;
        let play = match wizard_page(&wanted) {
            _ if ["done-refused", "done-manual"].contains(&wanted.as_str()) => Play::FirmwareRefuses,
            Some(Page::Failure) => Play::Fails,
            Some(Page::Done) => Play::Works,
            _ => Play::Stands,
        };
        let machine = if is_shared(&wanted) { Self::shared(play) } else { Self::new(play) };
        Some(Self { first_boot: first_boot::FirstBoot::named(&wanted), ..machine })
    }

    fn called(&self, name: &'static str) {
        self.calls.lock().expect("no call panics").push(name);
    }

    fn plan(&self, disk: &str, answers: &str) -> Result<Plan, ClientError> {
        let answers = Answers::parse(answers).map_err(|e| ClientError::Unreadable(e.to_string()))?;
        Plan::new(&self.inventory, disk, &answers, &self.manifest, "00").map_err(ClientError::Issues)
    }
}

/// The changes that bring the window to the page that the environment asks for; "language" chooses German, for which the
/// program starts itself again.
pub fn script() -> Vec<Change> {
    if env::var(SCRIPT).is_ok_and(|tag| tag == "language") {
        return vec![Change::Language("de_DE.UTF-8".into()), Change::Next];
    }
    let Ok(wanted) = env::var(SCRIPT) else { return vec![] };
    let mut way = wizard_page(&wanted).map(way_to).unwrap_or_default();
    match wanted.as_str() {
        "encryption-on" => way.push(Change::Encrypt(true)),
        // What is typed is only in the fields, so they are empty here.
        "encryption-caution" => way.extend(encrypts(false).into_iter().take(3)),
        "review-encrypted" => way = way_encrypted(Page::Review),
        "done-encrypted" => way = way_encrypted(Page::Done),
        "disk-use" | "review-beside" | "failure-beside" | "installing-beside" | "done-beside" => {
            way = way_beside(wizard_page(&wanted).unwrap_or_default(), "/dev/nvme0n1", &[Choice::Way(Way::FreeSpace)]);
        }
        "disk-use-erase" => way.push(Change::Use(Choice::Way(Way::WholeDisk))),
        "disk-use-shrink" | "review-shrink" => {
            way = way_beside(wizard_page(&wanted).unwrap_or_default(), "/dev/nvme0n1", &[Choice::Way(Way::FreeSpace)]);
        }
        "disk-use-replace" | "review-replace" => {
            way = way_beside(wizard_page(&wanted).unwrap_or_default(), "/dev/sda", &[Choice::Way(Way::Replace)]);
        }
        "disk-use-manual" | "review-manual" | "done-manual" => {
            let choices =
                [Choice::Way(Way::Manual), Choice::Delete { number: 4, goes: true }, Choice::ShareEsp(Some(1))];
            way = way_beside(wizard_page(&wanted).unwrap_or_default(), "/dev/sdc", &choices);
        }
        "disk-use-none" => way = way_beside(Page::DiskUse, "/dev/sdb", &[]),
        "card" => way.push(Change::Card),
        "firmware-on" => way.push(Change::Firmware { bundle: "intel-wifi".into(), accepted: true }),
        "firmware-licence" => way.push(Change::Licence("intel-wifi".into())),
        rehearsal if !keys_of(rehearsal).is_empty() => way.push(Change::Practise),
        _ => {}
    }
    way
}

/// Answers that lie there before anybody touches the window: on a live desktop.
pub fn answers_found() -> Option<Box<Answers>> {
    env::var(SCRIPT).ok().filter(|wanted| wanted == "welcome-live")?;
    let text = include_str!("../../../../../data/demo/answers.toml");
    Answers::parse(text).ok().map(Box::new)
}

/// The steps that bring the guide to the page that the environment asks for; nothing where it asks for none of the guide.
pub fn guide() -> Option<Vec<guide::Change>> {
    let wanted = env::var(SCRIPT).ok()?;
    let step = first_boot::wanted_step(&wanted)?;
    Some(match step {
        Step::State => vec![],
        Step::Code => vec![guide::Change::Enroll],
        other => vec![guide::Change::Open(other)],
    })
}

thread_local! {
    /// What a screen reader was told, in order.
    static ANNOUNCED: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Notes what a screen reader is told.
pub fn announced(text: &str) {
    ANNOUNCED.with_borrow_mut(|all| all.push(text.to_owned()));
}

/// What it was told since the last time that somebody asked.
pub fn take_announced() -> Vec<String> {
    ANNOUNCED.take()
}

/// Whether a keyboard is played whose keys type something else.
pub fn has_other_keyboard() -> bool {
    env::var(SCRIPT).is_ok_and(|wanted| wanted == "guide-places")
}

/// The page of the wizard on which something is shown.
fn wizard_page(wanted: &str) -> Option<Page> {
    match wanted {
        "card" | "done-refused" | "done-encrypted" => Some(Page::Done),
        "disk-use-erase" | "disk-use-shrink" | "disk-use-replace" | "disk-use-manual" | "disk-use-none" => {
            Some(Page::DiskUse)
        }
        "review-beside" | "review-shrink" | "review-replace" | "review-manual" => Some(Page::Review),
        "installing-beside" => Some(Page::Installing),
        "failure-beside" => Some(Page::Failure),
        "done-beside" | "done-manual" => Some(Page::Done),
        "encryption-on" | "encryption-caution" => Some(Page::Encryption),
        "review-encrypted" => Some(Page::Review),
        "firmware-on" | "firmware-licence" => Some(Page::Firmware),
        rehearsal if !keys_of(rehearsal).is_empty() => Some(Page::SecureBoot),
        page => Page::from_tag(page),
    }
}

/// Whether the machine is the one with disks that more than one system can be on.
fn is_shared(wanted: &str) -> bool {
    let ways = ["shrink", "replace", "manual", "none"];
    let pages = ["disk-use-", "review-", "done-"];
    ways.iter().any(|way| pages.iter().any(|page| wanted.strip_prefix(page) == Some(way)))
}

/// The keys that are pressed in a rehearsal by themselves.
pub fn keys() -> Vec<Key> {
    env::var(SCRIPT).map(|wanted| keys_of(&wanted)).unwrap_or_default()
}

/// The way of a person through MokManager, up to the screen that is shown.
fn keys_of(wanted: &str) -> Vec<Key> {
    let way: &[Key] = &[Key::Other, Key::Down, Key::Enter, Key::Down, Key::Enter, Key::Down, Key::Enter];
    let typed = |text: &str| text.chars().map(Key::Character).chain([Key::Enter]).collect::<Vec<_>>();
    match wanted {
        "practise" => way[..2].to_vec(),
        "practise-start" => vec![Key::Nothing],
        "practise-no" => [&way[..5], &[Key::Enter]].concat(),
        "practise-code" => way.to_vec(),
        "practise-wrong" => [way, &typed("fernduzk"), &[Key::Enter]].concat(),
        "practise-reboot" => [way, &typed("ferndusk")].concat(),
        "practise-done" => [way, &typed("ferndusk"), &[Key::Enter]].concat(),
        _ => vec![],
    }
}

/// The pages of a person who encrypts nothing, in order.
pub fn pages() -> impl DoubleEndedIterator<Item = Page> {
    Page::ORDER.into_iter().filter(|page| *page != Page::RecoveryKey)
}

/// The changes of a person who stands on the page about encryption and goes on to the recovery key. The passphrase has a
/// letter that not every keyboard has.
pub fn encrypts(made: bool) -> Vec<Change> {
    let typed = || Secret::new("velvet anchor mürmurs".into());
    let passphrase = match made {
        true => vec![Change::MakePassphrase(true)],
        false => vec![Change::Passphrase(typed()), Change::PassphraseAgain(typed())],
    };
    [Change::Encrypt(true)].into_iter().chain(passphrase).chain([Change::Next]).collect()
}

/// The changes of a person who walks to a page and encrypts the state; the passphrase is made.
fn way_encrypted(page: Page) -> Vec<Change> {
    let rest = way_to(page).into_iter().skip(way_to(Page::Encryption).len());
    let way = way_to(Page::Encryption).into_iter().chain(encrypts(true));
    way.chain([Change::RecoveryKept(true)]).chain(rest).collect()
}

/// The changes of a person who walks to a page, and encrypts nothing on the way.
pub fn way_to(page: Page) -> Vec<Change> {
    if page == Page::RecoveryKey {
        return way_to(Page::Encryption).into_iter().chain(encrypts(false)).collect();
    }
    let mut way = vec![];
    for (reached, changes) in [
        (Page::Welcome, vec![]),
        (Page::Keyboard, vec![Change::Next]),
        (Page::TimeZone, vec![Change::Next, Change::TimeZone("Europe/Berlin".into())]),
        (Page::Disk, vec![Change::Next, Change::Disk("/dev/nvme0n1".into())]),
        (Page::DiskUse, vec![Change::Next]),
        (Page::Encryption, vec![Change::Use(Choice::Way(Way::WholeDisk)), Change::Next]),
        (
            Page::Account,
            vec![Change::FullName("Anna Schmidt".into()), Change::ComputerName("quiet-otter".into()), Change::Next],
        ),
        (
            Page::Firmware,
            vec![
                Change::Password(Secret::new("copper lantern walks".into())),
                Change::PasswordAgain(Secret::new("copper lantern walks".into())),
                Change::Next,
            ],
        ),
        (Page::SecureBoot, vec![Change::Next]),
        (Page::Review, vec![Change::Next]),
        (Page::Installing, vec![Change::Confirm]),
    ] {
        way.extend(changes);
        if reached == page {
            break;
        }
    }
    way
}

/// The same of a person who takes this disk, and decides this about its use.
pub fn way_beside(page: Page, disk: &str, choices: &[Choice]) -> Vec<Change> {
    let chosen = || choices.iter().map(|choice| Change::Use(*choice));
    let changes = way_to(page).into_iter().flat_map(|change| match change {
        Change::Disk(_) => vec![Change::Disk(disk.into())],
        Change::Use(_) => chosen().collect(),
        other => vec![other],
    });
    changes.chain(chosen().filter(|_| page == Page::DiskUse)).collect()
}

/// A moment of an install: stage, tenths of it, rate and seconds left.
fn moment(stage: Stage, tenths: u64) -> Update {
    const SIZE: u64 = 3_600_000_000;
    let counted = matches!(stage, Stage::Write | Stage::Prove);
    let (total, done) = if counted { (SIZE, SIZE * tenths / 10) } else { (0, 0) };
    let rate = if counted { 412_000_000 } else { 0 };
    let left = if counted { ((SIZE - done) / rate) as i64 } else { -1 };
    Update::Progress(Progress { stage: stage.id().into(), done, total, rate, left })
}

#[async_trait]
impl Gateway for Scripted {
    async fn look(&self) -> Result<Found, ClientError> {
        self.called("look");
        let offer = Offer { manifest: self.manifest.clone(), certificate: "F0".repeat(20) };
        Ok(Found { offer, inventory: self.inventory.clone(), running: None })
    }

    async fn changes(&self) -> Result<BoxStream<'static, Inventory>, ClientError> {
        Ok(stream::pending().boxed())
    }

    async fn check(&self, disk: &str, answers: &str) -> Result<Verdict, ClientError> {
        self.called("check");
        match self.plan(disk, answers) {
            Ok(plan) => Ok(Verdict::Plan { digest: plan.digest(), plan: Box::new(plan) }),
            Err(ClientError::Issues(issues)) => Ok(Verdict::Issues { issues }),
            Err(other) => Err(other),
        }
    }

    async fn install(&self, disk: &str, answers: &str, digest: &str, secrets: Secrets) -> Result<Begun, ClientError> {
        self.called("install");
        let plan = self.plan(disk, answers)?;
        // What a helper would refuse: more or less than the answers say.
        let is_typed = |kind: Option<PasswordKind>| kind == Some(PasswordKind::Typed);
        if is_typed(Some(plan.user.password)) != secrets.password.is_some()
            || is_typed(plan.encryption) != secrets.passphrase.is_some()
            || plan.encryption.is_some() != secrets.recovery_key.is_some()
        {
            return Err(ClientError::Refused(Error::BadArgument("secrets: not those of the answers".into())));
        }
        if plan.digest() != digest || self.play == Play::ChangesItsMind {
            return Ok(Begun::OtherPlan { digest: "1".repeat(64), plan: Box::new(plan) });
        }
        let receipt = Box::new(machine::receipt(&plan));
        *self.planned.lock().expect("no call panics") = Some(plan);
        let updates = match self.play {
            Play::Stands => {
                let moments = [Stage::Check, Stage::Prepare, Stage::Claim].map(|stage| moment(stage, 10));
                let writing = stream::iter(moments.into_iter().chain([moment(Stage::Write, 6)]));
                writing.chain(stream::pending()).boxed()
            }
            Play::Fails => {
                let failure = Failure {
                    kind: "disk-gone".into(),
                    stage: Stage::Write,
                    written: true,
                    details: "pwrite64 at 1073741824: Input/output error (os error 5)".into(),
                    smaller: Vec::new(),
                    table: Default::default(),
                };
                let end = Update::Finished(Box::new(Outcome::Failed(failure)));
                stream::iter([moment(Stage::Check, 10), moment(Stage::Write, 3), end]).boxed()
            }
            Play::Works
            | Play::ChangesItsMind
            | Play::NeverRestarts
            | Play::HandsOverLate
            | Play::FirmwareRefuses
            | Play::WithoutUefi => {
                let moments = Stage::ALL.into_iter().flat_map(|stage| [moment(stage, 5), moment(stage, 10)]);
                let end = Update::Finished(Box::new(Outcome::Installed {
                    receipt,
                    partitions_seen: true,
                    staged: Staged::NOT_HERE,
                }));
                let paced = stream::iter(moments.chain([end])).then(|update| async {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    update
                });
                paced.boxed()
            }
        };
        Ok(Begun::Running(updates))
    }

    async fn recovery_key(&self) -> Result<Secret, ClientError> {
        self.called("recovery_key");
        Ok(machine::recovery_key())
    }

    async fn follow(&self) -> Result<BoxStream<'static, Update>, ClientError> {
        Ok(stream::pending().boxed())
    }

    async fn cancel(&self) -> Result<(), ClientError> {
        self.called("cancel");
        Ok(())
    }

    async fn take(&self) -> Result<Credentials, ClientError> {
        self.called("take");
        let taken = self.calls.lock().expect("no call panics").iter().filter(|call| **call == "take").count();
        if self.play == Play::HandsOverLate && taken == 1 {
            return Err(ClientError::Refused(Error::Failed("too many open files".into())));
        }
        let planned = self.planned.lock().expect("no call panics");
        let mut handover: Handover = machine::handover();
        handover.disk = planned.as_ref().and_then(|plan| plan.encryption).map(machine::disk_keys);
        match self.play {
            Play::FirmwareRefuses => handover.staged = machine::refused_request(),
            Play::WithoutUefi => handover.staged = Staged::NOT_HERE,
            _ => {}
        }
        Ok(Credentials::new(handover))
    }

    async fn close(&self) -> Result<(), ClientError> {
        self.called("close");
        future::ready(Ok(())).await
    }

    async fn licence(&self, bundle: &str) -> Result<String, ClientError> {
        self.called("licence");
        Ok(machine::licence(bundle))
    }

    async fn restart(&self) -> Result<(), ClientError> {
        self.called("restart");
        match self.play {
            Play::NeverRestarts => Err(ClientError::Refused(Error::Failed("inhibited by someone".into()))),
            _ => Ok(()),
        }
    }

    async fn machine(&self) -> Result<Machine, ClientError> {
        self.called("machine");
        Ok(self.first_boot.machine())
    }

    async fn enroll(&self) -> Result<Request, ClientError> {
        self.called("enroll");
        Ok(self.first_boot.enroll())
    }

    async fn audit(&self) -> Result<Audit, ClientError> {
        self.called("audit");
        Ok(self.first_boot.audit())
    }
}
