//! What an install makes of the bundles of its plan: each proved against the signed manifest before the first write.

use super::{
    addon_file,
    companion::{self, CompanionError},
    installed,
};
use crate::{
    mok::{Pair, PairError},
    payload::{Payload, PayloadError},
    tool::Tools,
};
use forge_model::{
    Plan,
    esp::ADDONS,
    firmware::{Bundle, Chosen, Consent, How},
};
use std::{fs::File, time::SystemTime};

/// Why a bundle of the plan can not be installed; the disk is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ChosenError {
    /// A file of it is not as signed.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The payload does not have exactly this bundle.
    #[error("the payload does not have the firmware {name:?} that was accepted")]
    NotThere {
        /// Its name.
        name: String,
    },
    /// The consent can not be signed.
    #[error("the consent to the firmware {name:?} can not be signed: {source}")]
    Consent {
        /// Its name.
        name: String,
        /// Why.
        source: PairError,
    },
    /// The part that is needed before the root is mounted can not be made.
    #[error(transparent)]
    Companion(#[from] CompanionError),
}

/// A bundle that is ready to be installed.
pub struct Ready {
    /// Who accepted it.
    pub consent: Consent,
    /// The consent as it will lie on the disk.
    pub json: Vec<u8>,
    /// Its signature.
    pub signature: Vec<u8>,
    /// The image, in memory.
    pub image: File,
    addon: Option<File>,
}

impl Ready {
    /// The addon and its path on the EFI system partition, if there is one.
    pub fn take_addon(&mut self) -> Option<(String, File)> {
        let path = format!("{ADDONS}/{}", addon_file(&self.consent.bundle.name));
        Some((path, self.addon.take()?))
    }
}

/// Reads, checks and signs everything that was chosen.
pub fn ready(
    tools: &Tools,
    plan: &Plan,
    payload: &Payload,
    pair: &Pair,
    how: How,
    now: SystemTime,
) -> Result<Vec<Ready>, ChosenError> {
    let one = |chosen: &Chosen| {
        let name = &chosen.name;
        let bundle = payload.manifest.firmware.iter().find(|bundle: &&Bundle| bundle.chosen() == *chosen);
        let bundle = bundle.ok_or_else(|| ChosenError::NotThere { name: name.clone() })?;
        let image = payload.copy(&bundle.image, &tools.stop)?;
        let archive = bundle.early.as_ref().map(|archive| payload.copy(archive, &tools.stop)).transpose()?;
        // Nobody accepts terms that are not there to be read.
        payload.copy(&bundle.licence.text, &tools.stop)?;
        let addon = archive.map(|archive| companion::addon(tools, pair, bundle.kind, &archive)).transpose()?;
        let consent = Consent {
            bundle: chosen.clone(),
            by: plan.user.name.clone(),
            how: Some(how),
            release: Some(payload.manifest.release.clone()),
            signed: Some(installed::seconds(payload.signer.made)),
            system: bundle.system.clone(),
            at: installed::seconds(now),
            files: bundle.files.clone(),
        };
        let signed = installed::signed(&consent, pair);
        let (json, signature) = signed.map_err(|source| ChosenError::Consent { name: name.clone(), source })?;
        Ok(Ready { consent, json, signature, image, addon })
    };
    plan.firmware.iter().map(one).collect()
}
