//! Firmware for devices: nothing proprietary that nobody accepted.
//!
//! The system image holds none but the free data that the kernel loads the same way. A bundle that somebody accepted is a
//! system extension with a consent beside it, signed by this machine's boot key: the consent names the image, and every file
//! that may lie where the kernel looks. What is there beyond that came some other way.

use super::{Look, Root, boot_partition::Mounted};
use crate::firmware::{
    ADDONS, addon_file, image_file,
    installed::{self, Fault, Found, Places},
    root_hash_file, when,
};
use forge_model::firmware::Consent;
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
const OTHER_EXTENSIONS: [&str; 3] = ["/etc/extensions", "/run/extensions", "/var/lib/confexts"];
/// Where a person or a driver can send the kernel instead.
const ANOTHER_PLACE: &str = "/sys/module/firmware_class/parameters/path";
/// Free data: the radio rules of countries and their signature (ISC licence).
const FREE: [&str; 2] = ["regulatory.db", "regulatory.db.p7s"];
/// A tree of firmware is not deeper.
const DEEPEST: usize = 16;

/// Every bundle of which a part is there, or why that can not be told.
pub fn found(root: &Root, certificate: Result<&[u8], &str>, esp: Option<&Mounted>) -> Result<Vec<Found>, String> {
    // The rest is told apart from what lies on the EFI system partition.
    let nowhere = root.path("/nonexistent");
    let places = Places::new(&root.path("/"), esp.map_or(&nowhere, Mounted::directory));
    let is_empty = |directory: &Path| {
        fs::read_dir(directory).map_or_else(|e| e.kind() == io::ErrorKind::NotFound, |mut all| all.next().is_none())
    };
    // Most machines have none, and then anybody can tell.
    if is_empty(&places.extensions) && is_empty(&places.addons) {
        return Ok(Vec::new());
    }
    installed::list(&places, certificate?).map_err(|e| format!("{}: {e}", places.consents.display()))
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
        bundle(&mut look, found, esp.is_ok());
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
    addons(&mut look, esp, &consents);
    match root.text(ANOTHER_PLACE) {
        Ok(path) if !path.is_empty() => look.fault(format_args!("{ANOTHER_PLACE}: {path}")),
        _ => {}
    }
    look
}

/// What is said of one bundle.
fn bundle(look: &mut Look, found: &Found, esp_is_seen: bool) {
    let name = &found.name;
    for fault in &found.faults {
        match fault {
            // A part that is missing breaks no promise: it was accepted, and is not there.
            Fault::NoImage => look.fact(format_args!("firmware {name}: {fault}")),
            Fault::NoAddon if esp_is_seen => look.fact(format_args!("firmware {name}: {fault}")),
            Fault::NoAddon => {}
            Fault::Unread { .. } => look.blind(format_args!("firmware {name}: {fault}")),
            fault => look.fault(format_args!("firmware {name}: {fault}")),
        }
    }
    if let (Some(Consent { bundle, by, at, .. }), []) = (&found.consent, &found.faults[..]) {
        let (title, vendor, licence, sha256) = (&bundle.title, &bundle.vendor, &bundle.licence, &bundle.sha256);
        look.fact(format_args!(
            "{name}: {title} ({vendor}, {licence}), accepted by {by} on {}, SHA-256 {sha256}",
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
        if FREE.contains(&path) {
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
        // A link to a directory would be walked twice; its files are seen where they are, or the link leads out.
        match entry.file_type()?.is_dir() {
            true => walk(top, below, each)?,
            false => each(&below.join("/"))?,
        }
        below.pop();
    }
    Ok(())
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
