//! Exactly what will be done to which disk. Pure: the same inputs give the same plan and the same digest.

use crate::{
    Answers, Disk, Inventory, Issue, Layout, Manifest, RootHash,
    answers::{Password, SystemAnswers, Way},
    firmware::{self, Chosen},
    inventory::{Content, DiskKind, Identity, Obstacle},
    issue::nearest,
    layout::Role,
    machine::ByHand,
    names,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A plan that can be confirmed and done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Format of this plan; 1.
    pub version: u32,
    /// The one target.
    pub target: Target,
    /// What is on it now, and will be lost; [`Content::Empty`] when all of it stays.
    pub erased: Content,
    /// Where each partition will lie.
    pub layout: Layout,
    /// The system that will be installed.
    pub payload: PayloadId,
    /// How it will be set.
    pub system: SystemAnswers,
    /// Console keymap of the keyboard chosen.
    pub keymap: String,
    /// The first person.
    pub user: User,
    /// Names of the service credentials that will be made.
    pub credentials: Vec<String>,
    /// Where the passphrase comes from that opens the state; nothing when the state is not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<PasswordKind>,
    /// Whether the TPM will open the state, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tpm2: bool,
    /// The proprietary firmware that was accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firmware: Vec<Chosen>,
    /// Why the request to enroll the key can not be left in the firmware, if that is known. It is news for the person and
    /// no part of what is confirmed: the firmware's room changes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<ByHand>,
}

/// The disk or file that will be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What pins it.
    pub identity: Identity,
    /// Its model, for people.
    pub model: Option<String>,
    /// A disk or a file.
    pub kind: DiskKind,
    /// Its length in bytes.
    pub size: u64,
    /// Bytes in a logical sector.
    pub sector_size: u32,
}

/// The payload by its contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadId {
    /// The os id.
    pub id: String,
    /// The system's name.
    pub name: String,
    /// Its release.
    pub release: String,
    /// SHA-256 of the manifest's bytes, in hexadecimal digits.
    pub manifest_sha256: String,
    /// Root hash of the system image.
    pub root_hash: RootHash,
    /// Bytes of the system image.
    pub image_bytes: u64,
}

/// The first person, without any secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The name for people.
    pub full_name: String,
    /// Where the password comes from.
    pub password: PasswordKind,
    /// SHA-256 of the text of the hash that the answers hold, in hexadecimal digits: it binds the plan to that hash
    /// and helps nobody to find the password, as the text has a salt that the plan does not show.
    pub password_sha256: Option<String>,
}

/// Where the password comes from; the password or hash itself never stands in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordKind {
    /// Forge makes it.
    Generated,
    /// The answers hold its hash.
    Hashed,
    /// A person types it when the install begins.
    Typed,
    /// Whoever starts the install brings it: as a credential, or from a sealed file.
    Brought,
}

impl Plan {
    /// Whether a disk is still what this plan was made for, by everything that was looked at in it. What it makes smaller may
    /// have its new size already.
    pub fn still_fits(&self, disk: &Disk, answers: &Answers, manifest: &Manifest) -> bool {
        let erased = self.layout.beside.is_some() || disk.content.to_erase() == self.erased;
        let accepted = firmware::chosen(&answers.firmware, &manifest.firmware);
        let laid_out = accepted.is_ok_and(|accepted| {
            let needed = manifest.needed(&accepted, answers.encryption.is_some());
            self.layout.still_fits(disk, &answers.disk, &needed)
        });
        erased && laid_out
    }

    /// Makes the plan for the disk at `path`, or says everything that is in the way.
    pub fn new(
        inventory: &Inventory,
        path: &str,
        answers: &Answers,
        manifest: &Manifest,
        manifest_sha256: &str,
    ) -> Result<Self, Vec<Issue>> {
        let mut issues = check_names(answers, manifest);
        let keymap = keymap(answers, manifest).unwrap_or_else(|issue| {
            issues.push(issue);
            String::new()
        });
        let accepted = firmware::chosen(&answers.firmware, &manifest.firmware).unwrap_or_else(|more| {
            issues.extend(more);
            Vec::new()
        });
        match (answers.disk.way.is_whole_disk(), answers.disk.erase.is_some()) {
            (true, false) => issues.push(Issue::EraseNotConfirmed),
            (false, true) => issues.push(Issue::EraseAndKeep),
            _ => {}
        }
        let Some(disk) = inventory.disk(path) else {
            issues.push(Issue::NoSuchDisk { path: path.into() });
            return Err(issues);
        };
        let not_free = |obstacle: &Obstacle| Issue::NotFree { path: path.into(), obstacle: obstacle.clone() };
        issues.extend(disk.obstacles.iter().map(not_free));
        // A plain file is started by another machine.
        let firmware = inventory.firmware.as_ref().filter(|_| disk.kind == DiskKind::Disk);
        let faults = firmware.iter().flat_map(|firmware| &firmware.faults);
        issues.extend(faults.map(|fault| Issue::ChainRefused { fault: fault.clone() }));
        let tpm2 = answers.encryption.as_ref().is_some_and(|encryption| encryption.tpm2);
        if tpm2 && !inventory.tpm2 && disk.kind == DiskKind::Disk {
            issues.push(Issue::NoTpm2);
        }
        let needed = manifest.needed(&accepted, answers.encryption.is_some());
        let layout = Layout::new(disk, &answers.disk, &needed);
        let keeps = answers.disk.keep_home && answers.disk.way == Way::Replace;
        // Where it is encrypted already, that is in the way.
        let is_encrypted = |issue: &Issue| matches!(issue, Issue::HomeEncrypted { .. });
        if keeps && answers.encryption.is_some() && !layout.as_ref().is_err_and(|more| more.iter().any(is_encrypted)) {
            issues.push(Issue::HomeNotEncrypted);
        }
        let layout = match layout {
            Ok(layout) if issues.is_empty() => layout,
            Ok(_) => return Err(issues),
            Err(more) => {
                issues.extend(more);
                return Err(issues);
            }
        };
        Ok(Self {
            version: 1,
            target: Target {
                identity: disk.identity.clone(),
                model: disk.model.clone(),
                kind: disk.kind,
                size: disk.size,
                sector_size: disk.sector_size,
            },
            erased: match layout.beside {
                None => disk.content.to_erase(),
                Some(_) => Content::Empty,
            },
            layout,
            payload: PayloadId {
                id: manifest.id.clone(),
                name: manifest.name.clone(),
                release: manifest.release.clone(),
                manifest_sha256: manifest_sha256.into(),
                root_hash: manifest.image.root_hash,
                image_bytes: manifest.image.data.size,
            },
            system: answers.system.clone(),
            keymap,
            user: User {
                name: answers.user.name.clone(),
                full_name: answers.user.full_name.clone(),
                password: kind(&answers.user.password),
                password_sha256: match &answers.user.password {
                    Password::Hash { hash } => Some(hex::encode(Sha256::digest(hash))),
                    _ => None,
                },
            },
            credentials: manifest.credentials.iter().map(|c| c.name.clone()).collect(),
            encryption: answers.encryption.as_ref().map(|encryption| kind(&encryption.passphrase)),
            tpm2,
            firmware: accepted,
            by_hand: match (disk.kind, firmware) {
                (DiskKind::File, _) => None,
                (DiskKind::Disk, None) => Some(ByHand::NoFirmware),
                (DiskKind::Disk, Some(found)) => found.firmware.by_hand(),
            },
        })
    }

    /// What is confirmed: SHA-256 over the canonical form, in hexadecimal digits.
    ///
    /// The canonical form is JSON without white space, fields in the order of declaration; a plan holds no map and
    /// no floating point number, so there is exactly one.
    pub fn digest(&self) -> String {
        let confirmed = Self { by_hand: None, ..self.clone() };
        let canonical = serde_json::to_vec(&confirmed).expect("a plan is plain data");
        hex::encode(Sha256::digest(canonical))
    }

    /// Whether the layout has a second slot.
    pub fn has_second_slot(&self) -> bool {
        self.layout.find(Role::RootB).is_some()
    }
}

fn kind(password: &Password) -> PasswordKind {
    match password {
        Password::Generate { .. } => PasswordKind::Generated,
        Password::Hash { .. } => PasswordKind::Hashed,
        Password::Ask { .. } => PasswordKind::Typed,
        Password::Credential { .. } | Password::Sealed { .. } => PasswordKind::Brought,
    }
}

fn check_names(answers: &Answers, manifest: &Manifest) -> Vec<Issue> {
    let (user, system, offered) = (&answers.user, &answers.system, &manifest.offered);
    let mut issues = Vec::new();
    if let Err(fault) = names::user_name(&user.name, &[]) {
        issues.push(Issue::UserName { name: user.name.clone(), fault });
    }
    if let Err(fault) = names::full_name(&user.full_name) {
        issues.push(Issue::FullName { name: user.full_name.clone(), fault });
    }
    if let Password::Hash { hash } = &user.password
        && !is_crypt_hash(hash)
    {
        issues.push(Issue::PasswordHash);
    }
    if let Err(fault) = names::host_name(&system.hostname) {
        issues.push(Issue::HostName { name: system.hostname.clone(), fault });
    }
    if !offered.locales.contains(&system.locale) {
        let nearest = nearest(&system.locale, offered.locales.iter().map(String::as_str)).map(str::to_owned);
        issues.push(Issue::NoSuchLocale { name: system.locale.clone(), nearest });
    }
    if !offered.timezones.contains(&system.timezone) {
        let nearest = nearest(&system.timezone, offered.timezones.iter().map(String::as_str)).map(str::to_owned);
        issues.push(Issue::NoSuchTimezone { name: system.timezone.clone(), nearest });
    }
    issues
}

fn keymap(answers: &Answers, manifest: &Manifest) -> Result<String, Issue> {
    let asked = &answers.system.keyboard;
    let offered = &manifest.offered.keyboards;
    let found = offered.iter().find(|k| k.layout == asked.layout && k.variant == asked.variant);
    found.map(|k| k.keymap.clone()).ok_or_else(|| {
        let name = |layout: &str, variant: &str| match variant {
            "" => layout.to_owned(),
            _ => format!("{layout}({variant})"),
        };
        let all: Vec<String> = offered.iter().map(|k| name(&k.layout, &k.variant)).collect();
        let asked = name(&asked.layout, &asked.variant);
        let nearest = nearest(&asked, all.iter().map(String::as_str)).map(str::to_owned);
        Issue::NoSuchKeyboard { name: asked, nearest }
    })
}

/// A hash that crypt(5) calls strong: yescrypt, SHA-512 crypt or bcrypt, and nothing that breaks a line of `/etc/shadow`.
fn is_crypt_hash(hash: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '$' | '.' | '/' | '=' | ',');
    let known = [("$y$", 5), ("$6$", 4), ("$2b$", 4)];
    hash.len() <= 384
        && hash.chars().all(plain)
        && known.iter().any(|(prefix, fields)| hash.starts_with(prefix) && hash.split('$').count() >= *fields)
        && hash.rsplit('$').next().is_some_and(|last| last.len() >= 31)
}
