//! What makes the sealed image this machine's system: the writable layer of `/etc`, `/var` and `/home`, as a tree.

use crate::{
    firmware::{self, CONSENTS, EXTENSIONS, chosen::Ready},
    payload::{Payload, PayloadError},
    tpm2::{self, PolicyKey},
    uki::{EARLIER, ETC_UPPER, ETC_WORK},
};
use forge_model::{Manifest, Plan, Secret, payload::Accounts};
use openssl::error::ErrorStack;
use std::{collections::BTreeMap, mem};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Where the MOK pair lies in the state file system (`/var` of the installed system).
pub const MOK_DIRECTORY: &str = "lib/forge/mok";

/// The first ordinary user id (systemd's and Debian's).
const FIRST_UID: u32 = 1000;

/// A file, directory or link of the state file system.
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What a node is.
pub enum NodeKind {
    /// A directory.
    Directory,
    /// A file with these bytes, wiped after use: some are keys.
    File(Zeroizing<Vec<u8>>),
    /// A large file, from memory that no other process can change.
    Copy(std::fs::File),
    /// A symbolic link.
    Link(String),
}

/// The tree of the state file system: path without a leading `/` to node; parents come before children.
pub type Tree = BTreeMap<String, Node>;

/// The secrets that go into the tree.
pub struct Secrets<'a> {
    /// The first person's password as a crypt(5) hash.
    pub password_hash: &'a Secret,
    /// The service credentials by name.
    pub services: &'a BTreeMap<String, Secret>,
    /// Private key of the boot pair, PEM.
    pub boot_key: &'a [u8],
    /// Private key of the module pair, PEM.
    pub module_key: &'a [u8],
    /// What lets the TPM open the state: the key that signs what it measures, the key that is used once, and the volume.
    pub tpm2: Option<(&'a PolicyKey, &'a Secret, Uuid)>,
}

/// The certificates that belong to the keys, PEM and DER.
pub struct Certificates<'a> {
    /// Of the boot pair, PEM.
    pub boot_pem: &'a [u8],
    /// Of the module pair, PEM.
    pub module_pem: &'a [u8],
    /// Of the boot pair, DER, as MokManager reads it.
    pub boot_der: &'a [u8],
    /// Of the module pair, DER, as `mokutil --import` reads it.
    pub module_der: &'a [u8],
}

/// Why the tree could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// An account file of the payload could not be used.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// An account file of the payload lacks what it must have.
    #[error("{path} in the payload has no line for {name:?}")]
    NoLine {
        /// The account file.
        path: String,
        /// The account or group that it should name.
        name: String,
    },
    /// The keys for the TPM could not be written out.
    #[error("the keys for the TPM can not be written: {0}")]
    Tpm2(#[from] ErrorStack),
    /// The name chosen is already an account or group of the system.
    #[error("the system already has an account or group {name:?}; choose another user name")]
    NameTaken {
        /// The name.
        name: String,
    },
}

/// Builds the tree.
pub fn tree(
    plan: &Plan,
    payload: &Payload,
    command_line: &str,
    secrets: &Secrets<'_>,
    certificates: &Certificates<'_>,
    chosen: Vec<Ready>,
) -> Result<Tree, SystemError> {
    let mut tree = Tree::new();
    for path in ["lib/forge", MOK_DIRECTORY] {
        add(&mut tree, path, NodeKind::Directory, 0o700, 0, 0);
    }
    // The overlay mounts these; their own mode is that of /etc.
    for path in ["lib/forge/etc", ETC_UPPER, ETC_WORK] {
        add(&mut tree, path, NodeKind::Directory, 0o755, 0, 0);
    }
    for (name, bytes, mode) in [
        ("boot.key", secrets.boot_key, 0o600),
        ("module.key", secrets.module_key, 0o600),
        ("boot.pem", certificates.boot_pem, 0o644),
        ("boot.cer", certificates.boot_der, 0o644),
        ("module.pem", certificates.module_pem, 0o644),
        ("module.cer", certificates.module_der, 0o644),
    ] {
        file(&mut tree, &format!("{MOK_DIRECTORY}/{name}"), bytes.to_vec(), mode);
    }
    if let Some((key, once, volume)) = secrets.tpm2 {
        tpm2::lay(&mut tree, key, once, volume)?;
    }
    firmware(&mut tree, chosen);
    accounts(&mut tree, plan, payload, secrets.password_hash)?;
    settings(&mut tree, plan, &payload.manifest, command_line);
    for (name, value) in secrets.services {
        file(&mut tree, &etc(&format!("credstore/{name}")), value.expose().as_bytes().to_vec(), 0o600);
    }
    if !secrets.services.is_empty() {
        add(&mut tree, &etc("credstore"), NodeKind::Directory, 0o700, 0, 0);
    }
    Ok(tree)
}

/// Host name, locale, keyboard, time zone, machine id, and how later kernels are signed.
fn settings(tree: &mut Tree, plan: &Plan, manifest: &Manifest, command_line: &str) {
    let system = &plan.system;
    let (layout, variant) = (&system.keyboard.layout, &system.keyboard.variant);
    let machine_id = Uuid::new_v4().simple();
    let mok = format!("/var/{MOK_DIRECTORY}");
    for (path, text) in [
        ("hostname", format!("{}\n", system.hostname)),
        ("machine-id", format!("{machine_id}\n")),
        ("locale.conf", format!("LANG={}\n", system.locale)),
        ("vconsole.conf", format!("KEYMAP={}\nXKBLAYOUT={layout}\nXKBVARIANT={variant}\n", plan.keymap)),
        ("X11/xorg.conf.d/00-keyboard.conf", x11_keyboard(layout, variant)),
        ("kernel/install.conf", "layout=uki\nuki_generator=ukify\n".into()),
        ("kernel/entry-token", format!("{}\n", manifest.id)),
        ("kernel/cmdline", format!("{command_line}\n")),
        (
            "kernel/uki.conf",
            format!(
                "[UKI]\nSecureBootSigningTool=sbsign\nSecureBootPrivateKey={mok}/boot.key\n\
                 SecureBootCertificate={mok}/boot.pem\nSignKernel=false\n{}",
                if plan.tpm2 { tpm2::uki_settings() } else { String::new() }
            ),
        ),
        // Out-of-tree modules that DKMS builds are signed by the module key; by hand, /usr/lib/forge/sign-module does it.
        (
            "dkms/framework.conf.d/forge.conf",
            format!("mok_signing_key={mok}/module.key\nmok_certificate={mok}/module.cer\n"),
        ),
    ] {
        file(tree, &etc(path), text.into_bytes(), 0o644);
    }
    let zone = format!("../usr/share/zoneinfo/{}", system.timezone);
    add(tree, &etc("localtime"), NodeKind::Link(zone), 0o777, 0, 0);
}

/// The form in which systemd-localed keeps the keyboard for graphical sessions.
fn x11_keyboard(layout: &str, variant: &str) -> String {
    let variant = match variant {
        "" => String::new(),
        _ => format!("        Option \"XkbVariant\" \"{variant}\"\n"),
    };
    format!(
        "Section \"InputClass\"\n        Identifier \"system-keyboard\"\n        MatchIsKeyboard \"on\"\n        \
         Option \"XkbLayout\" \"{layout}\"\n{variant}EndSection\n"
    )
}

/// The account files: the payload's, with the first person added and root locked; and the person's home.
fn accounts(tree: &mut Tree, plan: &Plan, payload: &Payload, hash: &Secret) -> Result<(), SystemError> {
    let Accounts { passwd, group, shadow, gshadow, subuid, subgid, shell, groups } = &payload.manifest.accounts;
    let (name, full_name) = (&plan.user.name, &plan.user.full_name);
    let mut passwd_text = payload.text(passwd)?;
    let mut group_text = payload.text(group)?;
    let uid = free_id(&passwd_text, &group_text);
    if line(&passwd_text, name).is_some() || line(&group_text, name).is_some() {
        return Err(SystemError::NameTaken { name: name.clone() });
    }
    let shadow_gid = line(&group_text, "shadow").and_then(|l| l.split(':').nth(2)?.parse().ok()).unwrap_or(0);
    push(&mut passwd_text, &format!("{name}:x:{uid}:{uid}:{full_name}:/home/{name}:{shell}"));
    let mut gshadow_text = payload.text(gshadow)?;
    for wanted in groups {
        let missing = || SystemError::NoLine { path: group.path.clone(), name: wanted.clone() };
        join(&mut group_text, wanted, name).ok_or_else(missing)?;
        // A group without a line in gshadow has no password and no administrators; that is fine.
        let _ = join(&mut gshadow_text, wanted, name);
    }
    push(&mut group_text, &format!("{name}:x:{uid}:"));
    push(&mut gshadow_text, &format!("{name}:!::"));

    // With room for the line that comes: a text that grows leaves copies behind.
    let others = locked(&payload.text(shadow)?);
    let mut shadow_text = Zeroizing::new(String::with_capacity(others.len() + name.len() + hash.expose().len() + 64));
    shadow_text.push_str(&others);
    if line(&shadow_text, "root").is_none() {
        return Err(SystemError::NoLine { path: shadow.path.clone(), name: "root".into() });
    }
    let today = std::time::UNIX_EPOCH.elapsed().map_or(0, |age| age.as_secs() / 86_400);
    for part in [name.as_str(), ":", hash.expose(), &format!(":{today}:0:99999:7:::\n")] {
        shadow_text.push_str(part);
    }

    let range = format!("{name}:100000:65536");
    for (path, entry) in [("subuid", subuid), ("subgid", subgid)] {
        let mut text = payload.text(entry)?;
        push(&mut text, &range);
        file(tree, &etc(path), text.into_bytes(), 0o644);
    }
    file(tree, &etc("passwd"), passwd_text.into_bytes(), 0o644);
    file(tree, &etc("group"), group_text.into_bytes(), 0o644);
    for (path, text) in [("shadow", mem::take(&mut *shadow_text)), ("gshadow", gshadow_text)] {
        let kind = NodeKind::File(Zeroizing::new(text.into_bytes()));
        add(tree, &etc(path), kind, 0o640, 0, shadow_gid);
    }
    if plan.layout.beside.as_ref().is_some_and(|beside| beside.home.is_some()) {
        // The person's home is in a file system that is not written here. systemd makes it where there is none, and changes
        // nothing of one that is there: that is what the colons mean (tmpfiles.d(5)).
        let line = format!("d /home/{name} :0700 :{uid} :{uid} -\n");
        file(tree, &etc("tmpfiles.d/forge-home.conf"), line.into_bytes(), 0o644);
        add(tree, EARLIER, NodeKind::Directory, 0o700, 0, 0);
        return Ok(());
    }
    add(tree, "home", NodeKind::Directory, 0o755, 0, 0);
    add(tree, &format!("home/{name}"), NodeKind::Directory, 0o700, uid, uid);
    Ok(())
}

/// The first id from 1000 on that neither an account nor a group of the system has.
fn free_id(passwd: &str, group: &str) -> u32 {
    let ids = |text: &str| text.lines().filter_map(|l| l.split(':').nth(2)?.parse().ok()).collect::<Vec<u32>>();
    let taken = [ids(passwd), ids(group)].concat();
    (FIRST_UID..).find(|id| !taken.contains(id)).unwrap_or(FIRST_UID)
}

/// The account file with every password locked: no account of a payload can be logged in to, whatever it was shipped with.
fn locked(shadow: &str) -> String {
    let lock = |line: &str| match line.split_once(':').and_then(|(name, rest)| Some((name, rest.split_once(':')?))) {
        Some((name, (_, rest))) => format!("{name}:!*:{rest}\n"),
        None => String::new(),
    };
    shadow.lines().map(lock).collect()
}

/// The line of an account file that belongs to a name.
fn line<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find(|line| line.split(':').next() == Some(name))
}

fn push(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
}

/// Adds a member to a group: the last field of its line, comma separated.
fn join(text: &mut String, group: &str, member: &str) -> Option<()> {
    let old = line(text, group)?.to_owned();
    let comma = if old.ends_with(':') { "" } else { "," };
    let lines = text.lines().map(|l| if l == old { format!("{l}{comma}{member}\n") } else { format!("{l}\n") });
    *text = lines.collect();
    Some(())
}

pub(crate) fn etc(path: &str) -> String {
    format!("{ETC_UPPER}/{path}")
}

/// The firmware that was chosen, with the consent to each bundle.
fn firmware(tree: &mut Tree, chosen: Vec<Ready>) {
    for Ready { consent, image, json, signature, .. } in chosen {
        let name = &consent.bundle.name;
        let at = |directory: &str, file: String| format!("{directory}/{file}");
        add(tree, &at(EXTENSIONS, firmware::image_file(name)), NodeKind::Copy(image), 0o644, 0, 0);
        let root_hash = format!("{}\n", consent.bundle.root_hash).into_bytes();
        file(tree, &at(EXTENSIONS, firmware::root_hash_file(name)), root_hash, 0o644);
        file(tree, &at(CONSENTS, firmware::consent_file(name)), json, 0o644);
        file(tree, &at(CONSENTS, firmware::consent_signature_file(name)), signature, 0o644);
    }
}

pub(crate) fn file(tree: &mut Tree, path: &str, bytes: Vec<u8>, mode: u32) {
    add(tree, path, NodeKind::File(Zeroizing::new(bytes)), mode, 0, 0);
}

/// Adds a node, and ordinary directories above it where there are none.
pub(crate) fn add(tree: &mut Tree, path: &str, kind: NodeKind, mode: u32, uid: u32, gid: u32) {
    for (slash, _) in path.match_indices('/') {
        let parent = || Node { kind: NodeKind::Directory, mode: 0o755, uid: 0, gid: 0 };
        tree.entry(path[..slash].to_owned()).or_insert_with(parent);
    }
    tree.insert(path.to_owned(), Node { kind, mode, uid, gid });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_joins_an_empty_and_a_full_group() {
        let mut text = "sudo:x:27:\naudio:x:29:pulse\n".to_owned();
        join(&mut text, "sudo", "anna").unwrap();
        join(&mut text, "audio", "anna").unwrap();
        assert_eq!(text, "sudo:x:27:anna\naudio:x:29:pulse,anna\n");
        assert!(join(&mut text, "wheel", "anna").is_none());
    }

    #[test]
    fn no_account_keeps_a_password_that_it_was_shipped_with() {
        let shipped = "root::20000:0:99999:7:::\ndaemon:*:20000::::::\nguest:$6$a$b:20000::::::\nbroken\n";
        let locked = locked(shipped);
        assert_eq!(locked, "root:!*:20000:0:99999:7:::\ndaemon:!*:20000::::::\nguest:!*:20000::::::\n");
    }

    #[test]
    fn the_first_free_id_is_taken() {
        let passwd = "root:x:0:0::/:\na:x:1000:1000::/:\n";
        assert_eq!(free_id(passwd, "x:x:1001:\n"), 1002);
    }

    #[test]
    fn parents_are_made_and_come_before_their_children() {
        let mut tree = Tree::new();
        file(&mut tree, "a/b/c", Vec::new(), 0o600);
        assert_eq!(tree.keys().collect::<Vec<_>>(), ["a", "a/b", "a/b/c"]);
        assert_eq!(tree["a/b"].mode, 0o755);
    }
}
