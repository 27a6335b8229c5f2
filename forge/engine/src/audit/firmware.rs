//! Firmware for devices: nothing proprietary that nobody accepted.
//!
//! The system image holds none but the free data that the kernel loads the same way. A bundle that somebody accepted is a
//! system extension with a consent beside it, signed by this machine's boot key: the consent names the image, and every file
//! that may lie where the kernel looks. What is there beyond that came some other way.

use super::{
    Look, Root,
    boot_partition::{Files, Mounted},
};
use crate::firmware::{
    addon_file,
    found::{self, Fault, Found},
    image_file,
    installed::Places,
    root_hash_file, when,
};
use forge_model::{esp::ADDONS, firmware::Consent};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::Path,
};

/// Where the kernel looks (Linux, `Documentation/driver-api/firmware/fw_search_path.rst`); bundles are merged here.
const MERGED: &str = "/usr/lib/firmware";
/// Other names of it.
const OTHERS: [&str; 2] = ["/etc/firmware", "/usr/local/lib/firmware"];
/// Where systemd-sysext looks for images that are laid over the system; accepted bundles lie here.
const EXTENSIONS: &str = "/var/lib/extensions";
/// Where it and systemd-confext look, too.
const OTHER_EXTENSIONS: [&str; 7] = [
    "/etc/extensions",
    "/run/extensions",
    "/run/confexts",
    "/var/lib/confexts",
    // What is written into a merged hierarchy that is not read-only lands here, and is laid over it again.
    "/var/lib/extensions.mutable",
    "/run/extensions.mutable",
    "/usr/local/lib/confexts",
];
/// Where systemd-sysext and systemd-confext are told to let a merged hierarchy be written to.
const SETTINGS: [&str; 4] = ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"];
/// Where a person or a driver can send the kernel instead.
const ANOTHER_PLACE: &str = "/sys/module/firmware_class/parameters/path";
/// Free data: the radio rules of countries and their signature (ISC licence).
const FREE: [&str; 2] = ["regulatory.db", "regulatory.db.p7s"];
/// What systemd-sysext notes about a merge, in the directory that it merged into.
const NOTES: [&str; 3] = [".systemd-sysext/dev", ".systemd-sysext/extensions", ".systemd-sysext/origin"];
/// A tree of firmware is not deeper.
const DEEPEST: usize = 16;

/// Every bundle of which a part is there, or why that can not be told.
pub fn found(root: &Root, certificate: Result<&[u8], &str>, esp: Result<&Mounted, &str>) -> Result<Vec<Found>, String> {
    // The rest is told apart from what lies on the EFI system partition.
    let mut places = Places::new(&root.path("/"), Path::new(""));
    places.addons = esp.map(|esp| esp.directory().join(ADDONS)).map_err(str::to_owned);
    let is_empty = |directory: &Path| {
        fs::read_dir(directory).map_or_else(|e| e.kind() == io::ErrorKind::NotFound, |mut all| all.next().is_none())
    };
    // Most machines have none, and then anybody can tell.
    if is_empty(&places.extensions) && places.addons.as_deref().map_or(true, is_empty) {
        return Ok(Vec::new());
    }
    found::list(&places, certificate?).map_err(|e| format!("{}: {e}", places.consents.display()))
}

/// Looks for files where firmware and extensions lie.
pub fn look(root: &Root, found: &Result<Vec<Found>, String>, esp: Result<&Mounted, &str>) -> Look {
    let mut look = Look::default();
    let none = Vec::new();
    let found = found.as_ref().unwrap_or_else(|why| {
        look.blind(format_args!("who accepted which firmware: {why}"));
        &none
    });
    let consents: Vec<&Consent> = found.iter().filter_map(|found| found.consent.as_ref()).collect();
    for found in found {
        bundle(&mut look, found);
    }
    let whole = |name: &str| {
        let is = |consent: &&Consent| {
            let name_of = &consent.bundle.name;
            name == image_file(name_of) || name == root_hash_file(name_of)
        };
        consents.iter().any(is)
    };
    for place in OTHERS.into_iter().chain(OTHER_EXTENSIONS).chain([EXTENSIONS]) {
        match root.names(place) {
            Ok(names) => {
                let accepted = |name: &&String| place == EXTENSIONS && whole(name);
                let more: Vec<&str> = names.iter().filter(|name| !accepted(name)).map(String::as_str).collect();
                match more.is_empty() {
                    true => look.fact(format_args!("{place}: nothing that nobody accepted")),
                    // Without the consents, it can not be told from what was accepted.
                    false if look.unread.is_empty() || place != EXTENSIONS => {
                        look.fault(format_args!("{place}: {}: nobody accepted this", more.join(", ")));
                    }
                    false => {}
                }
            }
            Err(error) if error.is_absent() => look.fact(format_args!("{place}: not there")),
            Err(error) => look.blind(error),
        }
    }
    files(&mut look, root, &consents);
    mutable(&mut look, root);
    handed_over(&mut look, esp);
    addons(&mut look, esp, &consents);
    match root.text(ANOTHER_PLACE) {
        Ok(path) if !path.is_empty() => look.fault(format_args!("{ANOTHER_PLACE}: {path}")),
        _ => {}
    }
    look
}

/// What is said of one bundle.
fn bundle(look: &mut Look, found: &Found) {
    let name = &found.name;
    for fault in &found.faults {
        match fault {
            // A part that is missing breaks no promise: it was accepted, and is not there.
            Fault::NoImage | Fault::NoAddon | Fault::OtherRelease => {
                look.fact(format_args!("firmware {name}: {fault}"))
            }
            Fault::EspUnseen { .. } | Fault::Unread { .. } => look.blind(format_args!("firmware {name}: {fault}")),
            fault => look.fault(format_args!("firmware {name}: {fault}")),
        }
    }
    if let (Some(Consent { bundle, by, how, at, .. }), []) = (&found.consent, &found.faults[..]) {
        let (title, vendor, licence, sha256) = (&bundle.title, &bundle.vendor, &bundle.licence, &bundle.sha256);
        let how = how.map_or_else(String::new, |how| format!(" ({})", how.words()));
        look.fact(format_args!(
            "{name}: {title} ({vendor}, {licence}), accepted by {by}{how} on {}, SHA-256 {sha256}",
            when(*at)
        ));
    }
}

/// Every file where the kernel looks is one of a bundle that was accepted, with the content that was.
fn files(look: &mut Look, root: &Root, consents: &[&Consent]) {
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for file in consents.iter().flat_map(|consent| &consent.files) {
        known.insert(&file.path, &file.sha256);
    }
    let mut more = Vec::new();
    let mut count = 0;
    let top = root.path(MERGED);
    let walked = walk(&top, &mut Vec::new(), &mut |path: &str| {
        count += 1;
        if FREE.contains(&path) || NOTES.contains(&path) {
            return Ok(());
        }
        let wanted = known.get(path).copied();
        let mut file = File::open(top.join(path))?;
        match wanted {
            Some(wanted) if crate::payload::sha256_of(&mut file).map(hex::encode)? == wanted => {}
            Some(_) => more.push(format!("{path} (changed)")),
            None => more.push(path.to_owned()),
        }
        Ok(())
    });
    match walked {
        Err(error) if error.kind() == io::ErrorKind::NotFound && count == 0 => {
            look.fact(format_args!("{MERGED}: not there"));
        }
        Err(error) => look.blind(format_args!("{MERGED}: {error}")),
        // What a consent names can not be told from the rest while no consent can be read.
        Ok(()) if !more.is_empty() && !look.unread.is_empty() => {}
        Ok(()) if more.is_empty() => look.fact(format_args!("{MERGED}: nothing that nobody accepted")),
        Ok(()) => look.fault(format_args!("{MERGED}: {}: nobody accepted this", more.join(", "))),
    }
}

/// Calls for every file below a directory, by its path. A link counts as the file that it leads to.
fn walk(top: &Path, below: &mut Vec<String>, each: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    if below.len() > DEEPEST {
        return Err(io::Error::other("too many directories in each other"));
    }
    let mut entries = fs::read_dir(top.join(below.join("/")))?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        below.push(entry.file_name().to_string_lossy().into_owned());
        // A link to a directory below the top is not walked again: its files are seen where they are.
        let leads_inside = || {
            let (end, top) = (fs::canonicalize(entry.path()).ok(), fs::canonicalize(top).ok());
            end.zip(top).is_some_and(|(end, top)| end.is_dir() && end.starts_with(top))
        };
        match entry.file_type()? {
            kind if kind.is_dir() => walk(top, below, each)?,
            kind if kind.is_symlink() && leads_inside() => {}
            _ => each(&below.join("/"))?,
        }
        below.pop();
    }
    Ok(())
}

/// No setting lets what is merged be written to (sysext.conf(5)).
fn mutable(look: &mut Look, root: &Root) {
    let mut all = Vec::new();
    for place in SETTINGS {
        for name in ["sysext.conf", "confext.conf"] {
            all.push(format!("{place}/{name}"));
            let more = format!("{place}/{name}.d");
            match root.names(&more) {
                Ok(names) => all.extend(names.iter().map(|name| format!("{more}/{name}"))),
                Err(error) if error.is_absent() => {}
                Err(error) => look.blind(error),
            }
        }
    }
    for path in all {
        match root.text(&path) {
            Ok(text) => {
                let line = text.lines().map(str::trim).find(|line| allows(line));
                if let Some(line) = line {
                    look.fault(format_args!("{path}: {line}: what is merged could be changed"));
                }
            }
            Err(error) if error.is_absent() => {}
            Err(error) => look.blind(error),
        }
    }
}

/// Whether a line sets `Mutable=` to anything but no.
fn allows(line: &str) -> bool {
    const NO: [&str; 7] = ["", "no", "false", "off", "n", "f", "0"];
    let value = line.split_once('=').filter(|(key, _)| key.trim() == "Mutable").map(|(_, value)| value.trim());
    value.is_some_and(|value| !NO.contains(&value.to_ascii_lowercase().as_str()))
}

/// What systemd-stub(7) hands to a boot image beside its addons: extensions of the initrd, and credentials, which can be whole
/// units. Nobody is asked about them, and nothing of Forge's is one. The signatures of addons are looked at with the boot files.
fn handed_over(look: &mut Look, esp: Result<&Mounted, &str>) {
    // That it is not seen is said about the addons.
    let Ok(esp) = esp else { return };
    match esp.list() {
        Ok(list) => {
            for path in list.iter().filter(|path| is_handed_over(path)) {
                look.fault(format_args!("{path}: handed to the boot image, and nobody accepted this"));
            }
        }
        Err(error) => look.blind(format_args!("the EFI system partition: {error}")),
    }
}

fn is_handed_over(path: &str) -> bool {
    let path = path.to_lowercase();
    let extra = path.contains(".efi.extra.d/") && !path.ends_with(".addon.efi");
    let place = ["loader/credentials/", "loader/extensions/"].iter().any(|place| path.starts_with(place));
    extra || place || path.ends_with(".raw") || path.ends_with(".cred")
}

/// Addons for every boot image: only of bundles that were accepted.
fn addons(look: &mut Look, esp: Result<&Mounted, &str>, consents: &[&Consent]) {
    let esp = match esp {
        Ok(esp) => esp,
        Err(why) => return look.blind(format_args!("{ADDONS}: {why}")),
    };
    let names = match fs::read_dir(esp.directory().join(ADDONS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => return look.blind(format_args!("{ADDONS}: {error}")),
        Ok(entries) => entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned()),
    };
    for name in names {
        let fits =
            |consent: &&Consent| consent.bundle.early && addon_file(&consent.bundle.name).eq_ignore_ascii_case(&name);
        match consents.iter().any(fits) {
            true => look.fact(format_args!("{ADDONS}/{name}: accepted")),
            false if look.unread.is_empty() => look.fault(format_args!("{ADDONS}/{name}: nobody accepted this")),
            false => {}
        }
    }
}
