//! Everything that can happen, and what follows from it.

use super::{Ended, Page, usage::Choice};
use forge_dbus::{
    backend::{Offer, Verdict},
    client::ClientError,
    status::Progress,
};
use forge_model::{Answers, Handover, Inventory, Plan, Secret, answers::KeyboardAnswers};
use std::{collections::BTreeMap, fmt, io, ops::Deref, sync::Arc};

/// Something happened. Every one is logged by relm4, so none may show a secret.
#[derive(Debug)]
pub enum Change {
    /// The machine was looked at for the first time.
    Found(Box<Result<Found, ClientError>>),
    /// The time zone of each country that has only one, by the country's code.
    Zones(BTreeMap<String, String>),
    /// Answers were found that are not trusted to run alone: they fill in what nobody has chosen yet.
    FilledIn(Box<Answers>),
    /// A disk came, went or changed.
    Disks(Inventory),
    /// The person chose a language.
    Language(String),
    /// The person chose a keyboard.
    Keyboard(KeyboardAnswers),
    /// The person chose a time zone.
    TimeZone(String),
    /// The person chose the disk with this path.
    Disk(String),
    /// The person decided something about the use of the disk.
    Use(Choice),
    /// The person wants the state to be encrypted, or not.
    Encrypt(bool),
    /// The person wants the TPM to open the state, too, or not.
    UnlockWithChip(bool),
    /// The person wants a passphrase that is made, or not.
    MakePassphrase(bool),
    /// The person typed a passphrase.
    Passphrase(Secret),
    /// The person typed it again.
    PassphraseAgain(Secret),
    /// A recovery key was made, or was not.
    RecoveryKey(Result<Secret, ClientError>),
    /// The person has kept the recovery key, or has not.
    RecoveryKept(bool),
    /// The person wrote their name.
    FullName(String),
    /// The person wrote a user name.
    UserName(String),
    /// The person wrote a name for the computer.
    ComputerName(String),
    /// The person wants a password that is made, or not.
    MakePassword(bool),
    /// The person typed a password.
    Password(Secret),
    /// The person typed it again.
    PasswordAgain(Secret),
    /// The person wants a bundle of firmware, or not.
    Firmware {
        /// Its name.
        bundle: String,
        /// Whether it is accepted.
        accepted: bool,
    },
    /// The person wants to read the licence of this bundle of firmware.
    Licence(String),
    /// On to the next page.
    Next,
    /// This page was left backwards.
    Left(Page),
    /// The helper has looked at the answers. The number tells which ones.
    Checked {
        /// The number that went with the question.
        asked: u64,
        /// What it says.
        verdict: Box<Result<Verdict, ClientError>>,
    },
    /// The person said yes to the plan that is shown.
    Confirm,
    /// The install begins.
    Started,
    /// What was confirmed is not what would be done now: nothing was begun.
    PlanChanged {
        /// What would be confirmed.
        digest: String,
        /// What would be done.
        plan: Box<Plan>,
    },
    /// How far it is.
    Progress(Progress),
    /// The person wants it to stop.
    Cancel,
    /// It could not be asked to stop.
    CancelRefused(ClientError),
    /// It ended.
    Ended(Box<Ended>),
    /// What it hands over.
    HandedOver(Result<Credentials, ClientError>),
    /// The credentials are in a safe place.
    Kept,
    /// The person wants to try again, from the place where that makes sense.
    TryAgain,
    /// The person wants the computer to restart.
    Restart,
    /// The person wants to rehearse MokManager.
    Practise,
    /// The person wants the enrollment card.
    Card,
    /// Something that the person asked for went well, or did not.
    Said(Notice),
}

/// How something went that a person asked for beside the way through the pages.
#[derive(Debug)]
pub enum Notice {
    /// A file is written.
    Saved {
        /// Whether it is still there after a restart: not where its place is in memory.
        lasts: bool,
    },
    /// It is in the clipboard.
    Copied,
    /// A licence was fetched.
    Licence {
        /// What it is called.
        id: String,
        /// What it says.
        text: Text,
    },
    /// It did not work.
    Trouble(Trouble),
}

/// A long text that nobody wants in a log.
pub struct Text(pub String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// What did not work, and is no reason to leave the page.
#[derive(Debug)]
pub enum Trouble {
    /// A file was not written.
    NotSaved(io::Error),
    /// Nothing is in the clipboard.
    NotCopied,
    /// Nothing was printed.
    NotPrinted,
    /// A licence can not be shown.
    NoLicence(ClientError),
    /// The install goes on although it was asked to stop.
    NotStopped(ClientError),
    /// The computer goes on as it is.
    NotRestarted(ClientError),
}

/// What a machine and a medium are, at the start.
#[derive(Debug)]
pub struct Found {
    /// The payload.
    pub offer: Offer,
    /// The disks.
    pub inventory: Inventory,
    /// An install that goes on already, or has ended and was not looked at.
    pub running: Option<Running>,
}

/// An install that was there before this window.
#[derive(Debug)]
pub struct Running {
    /// What it does.
    pub plan: Box<Plan>,
    /// How far it is.
    pub progress: Progress,
    /// How it ended, when it did.
    pub ended: Option<Ended>,
}

/// What is handed over once. It does not print; a copy is the same memory.
#[derive(Clone)]
pub struct Credentials(Arc<Handover>);

impl Credentials {
    /// Takes over what the helper gave.
    pub fn new(handover: Handover) -> Self {
        Self(Arc::new(handover))
    }
}

impl Deref for Credentials {
    type Target = Handover;

    fn deref(&self) -> &Handover {
        &self.0
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(not shown)")
    }
}

/// What an install takes along beside its answers.
#[derive(Debug, Default)]
pub struct Secrets {
    /// The password of the first person, if it was typed.
    pub password: Option<Secret>,
    /// What opens the encrypted state, if it was typed.
    pub passphrase: Option<Secret>,
    /// The recovery key that the person has kept.
    pub recovery_key: Option<Arc<Secret>>,
}

/// What follows from a change.
#[derive(Debug)]
pub enum Effect {
    /// Go on to this page.
    Push(Page),
    /// Show this page, with those before it on the way of this machine behind it; none behind it where there is no way back.
    Show(Page),
    /// Speak this language: everything is built anew.
    Speak(String),
    /// Let the keyboard write in this layout from now on.
    Type(KeyboardAnswers),
    /// Say that the disk that was chosen is gone.
    DiskWithdrawn,
    /// Say that the disk is not what it was, so that its use is decided again.
    DiskChanged,
    /// Say that a device is gone, and with it the firmware that was accepted for it.
    FirmwareWithdrawn,
    /// Tell the person how it went.
    Tell(Notice),
    /// Look at the machine.
    Look,
    /// Ask the helper about these answers.
    Check {
        /// Goes with the answer.
        asked: u64,
        /// Path of the disk.
        disk: String,
        /// Text of an answer file.
        answers: String,
    },
    /// Install, if the plan still has this digest.
    Install {
        /// Path of the disk.
        disk: String,
        /// Text of an answer file.
        answers: String,
        /// What was confirmed.
        digest: String,
        /// What was typed, and what is kept already.
        secrets: Secrets,
    },
    /// Have a recovery key made.
    MakeRecoveryKey,
    /// Fetch the licence of a bundle of firmware.
    Licence {
        /// The bundle's name.
        bundle: String,
        /// What the licence is called.
        id: String,
    },
    /// Listen to the install that goes on.
    Follow,
    /// Ask the install to stop.
    Cancel,
    /// Take what is handed over.
    Take,
    /// Let the helper forget the job.
    Close,
    /// Restart the computer.
    Restart,
    /// Rehearse MokManager.
    Practise,
    /// Show the enrollment card.
    Card,
    /// This system has no payload: it may be an installed one, whose guide is wanted then.
    Guide,
}
