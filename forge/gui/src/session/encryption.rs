//! Whether the state is encrypted, the passphrase that opens it, and the recovery key that a person keeps before anything is
//! written.
//!
//! The passphrase is asked for at each start on the keyboard that was chosen: with another keyboard it has to be typed again,
//! so that it is one that this keyboard can type.

use super::{
    Effect, Page, Session,
    typed_twice::{PasswordFault, Strength, TypedTwice},
};
use forge_dbus::client::ClientError;
use forge_model::{
    Secret,
    answers::{EncryptionAnswers, Generator, Password},
};
use std::sync::Arc;

/// What everybody tries first.
const KNOWN: [&str; 1] = ["intergenos"];

/// What was decided about encryption. It is off until a person turns it on.
#[derive(Debug, Default)]
pub struct Encryption {
    wanted: bool,
    /// Whether the TPM opens it, too.
    tpm2: bool,
    passphrase: TypedTwice,
    /// Whether what was typed was forgotten because the keyboard is another one.
    other_keyboard: bool,
    recovery: Option<Arc<Secret>>,
    trouble: Option<ClientError>,
    kept: bool,
}

impl Encryption {
    /// Whether the state shall be encrypted.
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Whether the TPM shall open it, too.
    pub fn is_tpm2_wanted(&self) -> bool {
        self.wanted && self.tpm2
    }

    /// The passphrase: typed twice, or made.
    pub fn passphrase(&self) -> &TypedTwice {
        &self.passphrase
    }

    /// Whether the passphrase has to be typed again because the keyboard is another one.
    pub fn has_other_keyboard(&self) -> bool {
        self.other_keyboard && self.passphrase.is_empty()
    }

    /// The recovery key, once it is there. A copy is the same memory.
    pub fn recovery_key(&self) -> Option<&Arc<Secret>> {
        self.recovery.as_ref()
    }

    /// Why there is no recovery key.
    pub fn trouble(&self) -> Option<&ClientError> {
        self.trouble.as_ref()
    }

    /// Whether the person has kept the recovery key.
    pub fn is_kept(&self) -> bool {
        self.kept && self.recovery.is_some()
    }

    /// What stands against the passphrase. What is written on later pages has no say in it: nobody is led back here by a name.
    pub fn fault(&self) -> Option<PasswordFault> {
        self.passphrase.fault(&KNOWN)
    }

    /// How good the typed passphrase is; none when nothing is typed.
    pub fn strength(&self) -> Option<Strength> {
        self.passphrase.strength(&KNOWN)
    }

    /// Whether it is off, or the passphrase is there.
    pub fn is_decided(&self) -> bool {
        !self.wanted || self.fault().is_none()
    }

    /// Whether nothing is left to do about it before an install.
    pub fn is_complete(&self) -> bool {
        self.is_decided() && (!self.wanted || self.is_kept())
    }

    /// What the answers say about it. The passphrase itself goes its own way.
    pub(super) fn answers(&self) -> Option<EncryptionAnswers> {
        let passphrase = match self.passphrase.is_made() {
            true => Password::Generate { generate: Generator::Passphrase },
            false => Password::Ask { ask: true },
        };
        self.wanted.then_some(EncryptionAnswers { passphrase, tpm2: self.tpm2 })
    }

    /// What an install takes along of it: a typed passphrase, and the recovery key that was kept.
    pub(super) fn secrets(&self) -> (Option<Secret>, Option<Arc<Secret>>) {
        match self.wanted {
            true => (self.passphrase.typed(), self.recovery.clone()),
            false => (None, None),
        }
    }

    /// Turns encryption on or off. Off, what was typed is forgotten; a recovery key stays the one that may be on paper.
    pub(super) fn set_wanted(&mut self, wanted: bool) {
        if !wanted && self.wanted {
            self.passphrase = TypedTwice::forgotten_after(&self.passphrase);
            self.other_keyboard = false;
            self.tpm2 = false;
        }
        self.wanted = wanted;
    }

    /// Whether the TPM shall open it, too.
    pub(super) fn set_tpm2(&mut self, wanted: bool) {
        self.tpm2 = wanted;
    }

    /// Whether Forge shall make the passphrase.
    pub(super) fn set_made(&mut self, made: bool) {
        self.passphrase.set_made(made);
        self.other_keyboard = false;
    }

    /// Takes a typed passphrase.
    pub(super) fn set_first(&mut self, first: Secret) {
        self.passphrase.set_first(first);
    }

    /// Takes its repetition.
    pub(super) fn set_again(&mut self, again: Secret) {
        self.passphrase.set_again(again);
    }

    /// Takes what an answer file says, on a page before the one that asks: nobody is led back by it.
    pub(super) fn fill_in(&mut self, found: Option<EncryptionAnswers>, page: Page) {
        let is_open = matches!(page, Page::Welcome | Page::Keyboard | Page::TimeZone | Page::Disk | Page::DiskUse);
        if let (Some(found), true) = (found, is_open) {
            self.set_wanted(true);
            self.set_tpm2(found.tpm2);
            self.set_made(matches!(found.passphrase, Password::Generate { .. }));
        }
    }

    /// The keyboard is another one.
    pub(super) fn change_keyboard(&mut self) {
        if !self.passphrase.is_empty() {
            self.passphrase.forget();
            self.other_keyboard = true;
        }
    }

    /// Takes the recovery key. One that is shown already is never replaced: it may be on paper.
    pub(super) fn take(&mut self, made: Result<Secret, ClientError>) {
        match made {
            Ok(key) => {
                self.trouble = None;
                self.recovery.get_or_insert_with(|| Arc::new(key));
            }
            Err(_) if self.recovery.is_some() => {}
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    /// Whether the person has kept the recovery key.
    pub(super) fn set_kept(&mut self, kept: bool) {
        self.kept = kept && self.recovery.is_some();
    }
}

impl Session {
    /// Whether there is something to choose about a TPM: this machine has one, or an answer file asks for one that is not there.
    pub fn offers_tpm2(&self) -> bool {
        self.encryption.wanted && (self.inventory.tpm2 || self.encryption.tpm2)
    }

    /// What was decided about encryption.
    pub fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    /// Has a recovery key made, where there is none yet.
    pub(super) fn make_recovery_key(&mut self) -> Vec<Effect> {
        self.encryption.trouble = None;
        let is_there = self.encryption.recovery.is_some();
        (!is_there).then_some(Effect::MakeRecoveryKey).into_iter().collect()
    }
}
