//! The answers that a person gave, and their text.

use super::Session;
use forge_model::{
    Answers,
    answers::{DiskAnswers, Erase, Generator, Password, SystemAnswers, UserAnswers},
};

/// What is wanted of a disk that is taken as a whole.
pub(super) fn whole_disk() -> DiskAnswers {
    DiskAnswers { erase: Some(Erase::AllDataOnThisDisk), ..DiskAnswers::default() }
}

impl Session {
    /// The answers, when everything is answered. That the disk may be erased is what the person says on the last page:
    /// a plan is made with it so that it can be shown, and nothing is written before it is confirmed.
    pub fn answers(&self) -> Option<Answers> {
        Some(Answers { disk: self.disk_answers()?, ..self.answers_but_disk()? })
    }

    /// The answers when everything is answered but what becomes of the disk.
    pub(super) fn answers_but_disk(&self) -> Option<Answers> {
        let account = &self.account;
        if !account.is_complete() || !self.encryption.is_complete() {
            return None;
        }
        let password = match account.password().is_made() {
            true => Password::Generate { generate: Generator::Passphrase },
            false => Password::Ask { ask: true },
        };
        Some(Answers {
            version: 1,
            machine: None,
            disk: whole_disk(),
            system: SystemAnswers {
                hostname: account.computer_name().into(),
                locale: self.language.clone()?,
                timezone: self.timezone.clone()?,
                keyboard: self.keyboard.clone()?,
            },
            user: UserAnswers {
                name: account.user_name().into(),
                full_name: account.full_name().trim().into(),
                password,
            },
            unattended: None,
            encryption: self.encryption.answers(),
            firmware: self.accepted.clone(),
            overrides: Vec::new(),
        })
    }

    /// The answers as the text of an answer file. It never holds a password.
    pub fn answers_text(&self) -> Option<String> {
        toml::to_string(&self.answers()?).ok()
    }

    /// The answers as a file to keep: what was typed becomes something that is made. It fills in pages; to run alone
    /// it lacks the machine, the disk and a signature.
    pub fn answers_to_keep(&self) -> Option<String> {
        let mut answers = self.answers()?;
        let made = || Password::Generate { generate: Generator::Passphrase };
        answers.user.password = made();
        if let Some(encryption) = &mut answers.encryption {
            encryption.passphrase = made();
        }
        toml::to_string(&answers).ok()
    }
}
