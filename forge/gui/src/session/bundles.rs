//! Proprietary firmware: which bundles devices of this machine want, and which the person accepted. None is accepted by
//! itself, and none that nothing here wants.

use super::{Effect, Page, Session};
use forge_model::firmware::{self, FirmwareAnswer, Wanted};

impl Session {
    /// The bundles of the payload that devices of this machine want, in the order in which they are shown.
    pub fn wanted_firmware(&self) -> Vec<Wanted<'_>> {
        let bundles = self.manifest().map_or(&[][..], |manifest| manifest.firmware.as_slice());
        firmware::wanted(&self.inventory.devices, bundles)
    }

    /// Whether there is anything to decide about firmware.
    pub fn wants_firmware(&self) -> bool {
        !self.wanted_firmware().is_empty()
    }

    /// Whether the person accepted this bundle.
    pub fn accepts(&self, bundle: &str) -> bool {
        self.accepted.iter().any(|answer| answer.bundle == bundle)
    }

    /// Whether the answer file that was found asks for this very image. That accepts nothing: only the person does.
    pub fn is_asked_for(&self, bundle: &str) -> bool {
        let wanted = self.wanted_firmware();
        self.asked_for.iter().any(|answer| answer.bundle == bundle && is_wanted(answer, &wanted))
    }

    /// Whether the person accepted any bundle.
    pub fn accepts_any(&self) -> bool {
        !self.accepted.is_empty()
    }

    /// The pages that a person walks through on this machine, in order.
    pub fn way(&self) -> Vec<Page> {
        let is_on_it = |page: &Page| match page {
            Page::Firmware => self.wants_firmware(),
            Page::DiskUse => self.asks_for_use(),
            Page::RecoveryKey => self.encryption.is_wanted(),
            _ => true,
        };
        Page::ORDER.into_iter().filter(is_on_it).collect()
    }

    /// The page after this one on this machine.
    pub(super) fn after(&self, page: Page) -> Option<Page> {
        let way = self.way();
        way.iter().position(|other| *other == page).and_then(|at| way.get(at + 1).copied())
    }

    /// The page before this one on this machine.
    pub(super) fn before(&self, page: Page) -> Option<Page> {
        let way = self.way();
        way.iter().position(|other| *other == page).and_then(|at| way.get(at.checked_sub(1)?).copied())
    }

    /// Accepts a bundle that is wanted, or takes that back. What is accepted is this very image.
    pub(super) fn accept(&mut self, bundle: &str, accepted: bool) {
        let found = self.wanted_firmware().into_iter().find(|row| row.bundle.name == bundle);
        let answer = found.map(|row| FirmwareAnswer { bundle: bundle.into(), sha256: row.bundle.image.sha256.clone() });
        self.accepted.retain(|answer| answer.bundle != bundle);
        self.accepted.extend(answer.filter(|_| accepted));
        self.accepted.sort_by(|a, b| a.bundle.cmp(&b.bundle));
    }

    /// Withdraws what nothing wants any more, and what is another image than the one that was accepted. The person is told.
    pub(super) fn withdraw_firmware(&mut self) -> Vec<Effect> {
        let wanted = self.wanted_firmware();
        let kept: Vec<FirmwareAnswer> =
            self.accepted.iter().filter(|answer| is_wanted(answer, &wanted)).cloned().collect();
        let is_less = kept.len() < self.accepted.len();
        self.accepted = kept;
        is_less.then_some(Effect::FirmwareWithdrawn).into_iter().collect()
    }

    /// The way of a person has one page more or less than before: what lies behind the page on screen is made anew, and
    /// who stood on a page that is gone stands before it.
    pub(super) fn change_way(&mut self, asked_before: bool) -> Vec<Effect> {
        if self.wants_firmware() == asked_before {
            return vec![];
        }
        match self.page {
            Page::Firmware => {
                self.page = Page::Account;
                vec![Effect::Show(Page::Account)]
            }
            Page::SecureBoot | Page::Review => vec![Effect::Show(self.page)],
            _ => vec![],
        }
    }

    /// The licence of a bundle of this payload.
    pub(super) fn licence(&self, bundle: String) -> Vec<Effect> {
        let bundles = self.manifest().map_or(&[][..], |manifest| manifest.firmware.as_slice());
        let found = bundles.iter().find(|known| known.name == bundle);
        found.map(|known| Effect::Licence { id: known.licence.id.clone(), bundle }).into_iter().collect()
    }
}

fn is_wanted(answer: &FirmwareAnswer, wanted: &[Wanted]) -> bool {
    wanted.iter().any(|row| row.bundle.name == answer.bundle && row.bundle.image.sha256 == answer.sha256)
}
