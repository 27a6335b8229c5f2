//! What each change does.

use super::{Change, Effect, Ended, Found, Judged, Notice, Page, Run, Secrets, Session, Trouble, choices, disks};
use forge_dbus::{Error, client::ClientError};
use forge_model::{Inventory, answers::Password};

impl Session {
    /// Takes a change in and says what follows from it.
    pub fn apply(&mut self, change: Change) -> Vec<Effect> {
        match change {
            Change::Found(found) => self.found(*found),
            Change::Zones(zones) => {
                self.zones = zones;
                self.propose();
                vec![]
            }
            Change::FilledIn(answers) => {
                self.answers_found = Some(answers);
                self.fill_in()
            }
            Change::Disks(inventory) => self.look_again(inventory, false),
            Change::Language(locale) => {
                self.has_chosen_language = true;
                self.chosen(|session| session.language = Some(locale))
            }
            Change::Keyboard(keyboard) => {
                self.has_chosen_keyboard = true;
                let is_other = self.keyboard.as_ref() != Some(&keyboard);
                let mut effects = self.chosen(|session| {
                    session.keyboard = Some(keyboard.clone());
                    if is_other {
                        session.encryption.change_keyboard();
                    }
                });
                effects.push(Effect::Type(keyboard));
                effects
            }
            Change::TimeZone(zone) => self.chosen(|session| session.timezone = Some(zone)),
            Change::Disk(path) => {
                let found = self.inventory.disk(&path).filter(|disk| self.is_free(disk));
                let identity = found.map(|disk| disk.identity.clone());
                self.chosen(|session| session.change_disk(identity.or(session.disk.clone())))
            }
            Change::Use(choice) => self.chosen(|session| session.choose_use(choice)),
            // Nobody loses their files because a switch on another page was turned.
            Change::Encrypt(true) if self.keeps_home() => vec![],
            Change::Encrypt(wanted) => self.chosen(|session| session.encryption.set_wanted(wanted)),
            Change::UnlockWithChip(wanted) => self.chosen(|session| session.encryption.set_tpm2(wanted)),
            Change::MakePassphrase(make) => self.chosen(|session| session.encryption.set_made(make)),
            Change::Passphrase(passphrase) => self.chosen(|session| session.encryption.set_first(passphrase)),
            Change::PassphraseAgain(again) => self.chosen(|session| session.encryption.set_again(again)),
            Change::RecoveryKey(made) => {
                self.encryption.take(made);
                vec![]
            }
            Change::RecoveryKept(kept) => self.chosen(|session| session.encryption.set_kept(kept)),
            Change::FullName(name) => self.chosen(|session| session.account.set_full_name(name)),
            Change::UserName(name) => self.chosen(|session| session.account.set_user_name(name)),
            Change::ComputerName(name) => self.chosen(|session| session.account.set_computer_name(name)),
            Change::MakePassword(make) => self.chosen(|session| session.account.password_mut().set_made(make)),
            Change::Password(password) => self.chosen(|session| session.account.password_mut().set_first(password)),
            Change::PasswordAgain(again) => self.chosen(|session| session.account.password_mut().set_again(again)),
            Change::Firmware { bundle, accepted } => self.chosen(|session| session.accept(&bundle, accepted)),
            Change::Licence(bundle) => self.licence(bundle),
            Change::Next => self.next(),
            Change::Left(page) => self.left(page),
            Change::Checked { asked, verdict } => {
                // An answer to an older question says nothing about what is wanted now.
                if asked == self.asked && self.page == Page::Review {
                    match *verdict {
                        Ok(verdict) => self.judged(verdict),
                        Err(trouble) => self.verdict = Judged::Trouble(trouble),
                    }
                }
                vec![]
            }
            Change::Confirm => self.confirm(),
            Change::Started => vec![],
            Change::PlanChanged { digest, plan } => {
                self.shown = Some(digest.clone());
                self.verdict = Judged::Plan { digest, plan, changed: true };
                self.page = Page::Review;
                vec![Effect::Close, Effect::Show(Page::Review)]
            }
            Change::Progress(progress) => {
                self.run.progress = progress;
                vec![]
            }
            Change::Cancel if self.page == Page::Installing && self.run.may_cancel() => {
                self.run.cancelling = true;
                vec![Effect::Cancel]
            }
            Change::Cancel => vec![],
            Change::CancelRefused(error) => {
                self.run.cancelling = false;
                // What has ended meanwhile needs no stopping.
                let goes_on = self.page == Page::Installing;
                goes_on.then(|| Effect::Tell(Notice::Trouble(Trouble::NotStopped(error)))).into_iter().collect()
            }
            Change::Ended(ended) => self.end(*ended),
            Change::HandedOver(Ok(credentials)) => {
                self.credentials = Some(credentials);
                vec![]
            }
            Change::HandedOver(Err(trouble)) => {
                self.trouble = Some(trouble);
                vec![]
            }
            Change::Kept => {
                self.kept = true;
                vec![]
            }
            Change::TryAgain => self.try_again(),
            Change::Restart if self.page == Page::Done => vec![Effect::Close, Effect::Restart],
            // What is left to do then is done by another system of this computer.
            Change::Restart if self.page == Page::Failure && !self.may_try_again() => vec![Effect::Restart],
            Change::Restart => vec![],
            Change::Practise => vec![Effect::Practise],
            Change::Card if self.credentials.is_some() => vec![Effect::Card],
            Change::Card => vec![],
            Change::Said(notice) => vec![Effect::Tell(notice)],
        }
    }

    /// Another answer makes the plan out of date. The same one again does not: a field tells also what it was told.
    fn chosen(&mut self, set: impl FnOnce(&mut Self)) -> Vec<Effect> {
        let before = (self.disk.clone(), self.answers_text());
        set(self);
        if before == (self.disk.clone(), self.answers_text()) { vec![] } else { self.ask_again() }
    }

    fn found(&mut self, found: Result<Found, ClientError>) -> Vec<Effect> {
        let is_first_look = self.offer.is_none();
        self.begun = true;
        let found = match found {
            Ok(found) => found,
            Err(trouble) => {
                let has_no_payload = matches!(trouble, ClientError::Refused(Error::NoPayload(_)));
                self.trouble = Some(trouble);
                return has_no_payload.then_some(Effect::Guide).into_iter().collect();
            }
        };
        self.trouble = None;
        let offered = &found.offer.manifest.offered;
        let spoken = self.spoken.clone();
        if let Some(spoken) = &spoken {
            self.language = choices::locale(offered, spoken).map(str::to_owned);
            self.spoken = self.language.clone();
        }
        self.offer = Some(found.offer);
        let mut effects = self.fill_in();
        self.propose();
        effects.extend(self.look_again(found.inventory, is_first_look));
        if let Some(running) = found.running {
            self.run = Run { plan: Some(running.plan), progress: running.progress, cancelling: false };
            self.page = Page::Installing;
            effects.push(Effect::Show(Page::Installing));
            match running.ended {
                Some(ended) => effects.extend(self.end(ended)),
                None => effects.push(Effect::Follow),
            }
        }
        effects
    }

    /// Takes what the answers say and the payload offers, once both are known. Not the disk: only a person chooses that here.
    fn fill_in(&mut self) -> Vec<Effect> {
        let Some(offer) = &self.offer else { return vec![] };
        let Some(answers) = self.answers_found.take() else { return vec![] };
        let (offered, system) = (&offer.manifest.offered, answers.system);
        if self.page == Page::Welcome && offered.locales.contains(&system.locale) && !self.has_chosen_language {
            self.language = Some(system.locale);
        }
        if offered.timezones.contains(&system.timezone) {
            self.timezone = Some(system.timezone);
        }
        self.account.set_full_name(answers.user.full_name);
        self.account.set_user_name(answers.user.name);
        self.account.set_computer_name(system.hostname);
        self.account.password_mut().set_made(matches!(answers.user.password, Password::Generate { .. }));
        self.encryption.fill_in(answers.encryption, self.page);
        let types = offered.keyboards.iter().any(|keyboard| choices::answer(keyboard) == system.keyboard);
        // What would destroy something is not chosen by a file: the page says that it asks, no more.
        self.fill_in_use(&answers.disk);
        // Whoever wrote the file is not the person here, and nobody has signed it: the page says that it asks, no more.
        self.asked_for = answers.firmware;
        self.filled_in = true;
        if types && !self.has_chosen_keyboard {
            self.keyboard = Some(system.keyboard.clone());
            // Before that page nothing is typed that would matter.
            return if self.page == Page::Welcome { vec![] } else { vec![Effect::Type(system.keyboard)] };
        }
        vec![]
    }

    /// What nobody has chosen yet follows the language.
    fn propose(&mut self) {
        let Some(offer) = &self.offer else { return };
        let offered = &offer.manifest.offered;
        if let (Some(language), None) = (&self.language, &self.keyboard) {
            self.keyboard = choices::keyboard(offered, language);
        }
        if let ([only], None) = (offered.timezones.as_slice(), &self.timezone) {
            self.timezone = Some(only.clone());
        }
        if let (Some(language), None) = (&self.language, &self.timezone) {
            self.timezone = choices::timezone(offered, language, &self.zones);
        }
    }

    fn look_again(&mut self, inventory: Inventory, is_first_look: bool) -> Vec<Effect> {
        let choice = disks::review(self.disk.as_ref(), &inventory, self.manifest(), is_first_look);
        let same = self.inventory == inventory;
        let (asked_for_firmware, asked_for_use) = (self.wants_firmware(), self.asks_for_use());
        let (disk_before, answers_before) = (self.disk().cloned(), self.answers_text());
        self.inventory = inventory;
        // While it runs, the disk is held and looks different: that is no reason for anything.
        if matches!(self.page, Page::Installing | Page::Done | Page::Failure) {
            return vec![];
        }
        let withdrawn = self.withdraw_firmware();
        if same && self.disk.is_some() && withdrawn.is_empty() {
            return vec![];
        }
        let mut effects = self.change_way(asked_for_firmware);
        match choice {
            disks::Choice::Stays => {
                effects.extend(self.look_at_use(disk_before.as_ref(), asked_for_use));
                effects.extend(withdrawn);
                let is_other_disk = disk_before.as_ref() == self.disk() && answers_before == self.answers_text();
                effects.extend(if is_other_disk { self.ask_behind() } else { self.ask_again() });
                effects
            }
            disks::Choice::Only(only) => {
                self.change_disk(Some(only));
                effects.extend(withdrawn);
                effects.extend(self.ask_again());
                effects
            }
            disks::Choice::Withdrawn => {
                self.change_disk(None);
                self.forget_plan();
                let mut effects = vec![Effect::DiskWithdrawn];
                effects.extend(withdrawn);
                let way = self.way();
                let place = |page| way.iter().position(|other| *other == page);
                if place(self.page) > place(Page::Disk) {
                    self.page = Page::Disk;
                    effects.push(Effect::Show(Page::Disk));
                }
                effects
            }
        }
    }

    /// Nothing was asked; what is on its way answers an older question.
    fn forget_plan(&mut self) {
        self.verdict = Judged::Unasked;
        self.asked += 1;
    }

    /// On the last page, what is shown is always what would be done.
    fn ask_again(&mut self) -> Vec<Effect> {
        self.forget_plan();
        if self.page == Page::Review { self.ask() } else { vec![] }
    }

    /// The same where nothing changed that the plan is about: it stays as it is until the helper says otherwise. Nobody who
    /// plugs in a stick loses the question that they read.
    fn ask_behind(&mut self) -> Vec<Effect> {
        if matches!(self.verdict, Judged::Plan { .. }) && self.page == Page::Review {
            return self.check();
        }
        self.ask_again()
    }

    fn ask(&mut self) -> Vec<Effect> {
        self.verdict = Judged::Waiting;
        self.check()
    }

    fn check(&mut self) -> Vec<Effect> {
        let (Some(disk), Some(answers)) = (self.disk(), self.answers_text()) else { return vec![] };
        let disk = disk.identity.path.clone();
        self.asked += 1;
        vec![Effect::Check { asked: self.asked, disk, answers }]
    }

    fn next(&mut self) -> Vec<Effect> {
        let Some(next) = self.after(self.page) else { return vec![] };
        if !self.may_go_on() {
            return vec![];
        }
        if self.page == Page::Welcome && self.language != self.spoken {
            let language = self.language.clone().unwrap_or_default();
            self.spoken = Some(language.clone());
            return vec![Effect::Speak(language)];
        }
        self.page = next;
        let mut effects = vec![Effect::Push(next)];
        if next == Page::Keyboard {
            effects.extend(self.keyboard.clone().map(Effect::Type));
        }
        if next == Page::RecoveryKey {
            effects.extend(self.make_recovery_key());
        }
        if next == Page::Review {
            self.shown = None;
            effects.extend(self.ask());
        }
        effects
    }

    fn left(&mut self, page: Page) -> Vec<Effect> {
        // A page that was taken away by the session itself tells of it, too; that is no step of the person.
        if page == self.page
            && let Some(previous) = self.before(page)
        {
            self.page = previous;
        }
        vec![]
    }

    fn confirm(&mut self) -> Vec<Effect> {
        if self.page != Page::Review {
            return vec![];
        }
        let (Some(disk), Some(answers)) = (self.disk(), self.answers_text()) else { return vec![] };
        let Judged::Plan { digest, plan, .. } = &self.verdict else { return vec![] };
        let (disk, digest) = (disk.identity.path.clone(), digest.clone());
        self.run = Run { plan: Some(plan.clone()), ..Run::default() };
        self.ended = None;
        self.page = Page::Installing;
        let (passphrase, recovery_key) = self.encryption.secrets();
        let secrets = Secrets { password: self.account.typed(), passphrase, recovery_key };
        vec![Effect::Show(Page::Installing), Effect::Install { disk, answers, digest, secrets }]
    }

    fn end(&mut self, ended: Ended) -> Vec<Effect> {
        let ended = match ended {
            // What was heard before is known, whoever listened then.
            Ended::Lost { stage: None } => Ended::Lost { stage: self.run.progress.stage() },
            other => other,
        };
        let effects = match &ended {
            Ended::Installed { .. } => {
                self.page = Page::Done;
                vec![Effect::Show(Page::Done), Effect::Take]
            }
            Ended::Lost { .. } => {
                self.page = Page::Failure;
                vec![Effect::Show(Page::Failure)]
            }
            Ended::Cancelled { .. } | Ended::Failed(_) | Ended::Refused(_) => {
                self.page = Page::Failure;
                vec![Effect::Show(Page::Failure), Effect::Close]
            }
        };
        self.ended = Some(ended);
        self.run.cancelling = false;
        effects
    }

    /// After a failure the disk is another one than it was: it is looked at and chosen again. Where nothing was written,
    /// the plan is shown again.
    fn try_again(&mut self) -> Vec<Effect> {
        if self.page == Page::Failure && !self.may_try_again() {
            return vec![];
        }
        let is_untouched = match &self.ended {
            Some(Ended::Refused(_)) => true,
            Some(Ended::Cancelled { written, smaller, .. }) => !written && smaller.is_empty(),
            Some(Ended::Failed(failure)) => !failure.written && failure.smaller.is_empty(),
            Some(Ended::Lost { .. } | Ended::Installed { .. }) | None => false,
        };
        if self.page == Page::Failure && is_untouched && self.is_complete(Page::DiskUse) && self.answers().is_some() {
            self.page = Page::Review;
            self.ended = None;
            let mut effects = vec![Effect::Show(Page::Review)];
            // What went meanwhile was not looked at while the install was on.
            effects.extend(self.withdraw_firmware());
            effects.extend(self.ask());
            return effects;
        }
        if self.page == Page::Failure && self.offer.is_some() && self.answers_but_disk().is_some() {
            self.page = Page::Disk;
            self.ended = None;
            self.change_disk(None);
            self.forget_plan();
            return vec![Effect::Show(Page::Disk), Effect::Look];
        }
        if self.page == Page::Review {
            return self.ask();
        }
        if self.page == Page::RecoveryKey {
            return self.make_recovery_key();
        }
        // The helper keeps what it hands over until it was taken.
        if self.page == Page::Done {
            self.trouble = None;
            return if self.credentials.is_none() { vec![Effect::Take] } else { vec![] };
        }
        self.begun = false;
        self.trouble = None;
        self.page = Page::Welcome;
        vec![Effect::Show(Page::Welcome), Effect::Look]
    }
}
