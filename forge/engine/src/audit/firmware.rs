//! Firmware for devices: nothing proprietary that nobody accepted.
//!
//! The system image holds none but the free data that the kernel loads the same way, and the receipt names no bundle that
//! was accepted. So what is there beyond that came some other way.

use super::{Look, Root};

/// Where the kernel looks (Linux, `Documentation/driver-api/firmware/fw_search_path.rst`), and other names of it.
const PLACES: [&str; 3] = ["/usr/lib/firmware", "/etc/firmware", "/usr/local/lib/firmware"];
/// Where systemd-sysext and systemd-confext look for images that are laid over the system.
const EXTENSIONS: [&str; 4] = ["/etc/extensions", "/run/extensions", "/var/lib/extensions", "/var/lib/confexts"];
/// Where a person or a driver can send the kernel instead.
const ANOTHER_PLACE: &str = "/sys/module/firmware_class/parameters/path";
/// Free data: the radio rules of countries and their signature (ISC licence).
const FREE: [&str; 2] = ["regulatory.db", "regulatory.db.p7s"];

/// Looks for files where firmware and extensions lie.
pub fn look(root: &Root) -> Look {
    let mut look = Look::default();
    let each = PLACES.map(|place| (place, &FREE[..])).into_iter().chain(EXTENSIONS.map(|place| (place, &[][..])));
    for (place, free) in each {
        match root.names(place) {
            Ok(names) => entries(&mut look, place, &names, free),
            Err(error) if error.is_absent() => look.fact(format_args!("{place}: not there")),
            Err(error) => look.blind(error),
        }
    }
    match root.text(ANOTHER_PLACE) {
        Ok(path) if !path.is_empty() => look.fault(format_args!("{ANOTHER_PLACE}: {path}")),
        _ => {}
    }
    look
}

fn entries(look: &mut Look, place: &str, names: &[String], free: &[&str]) {
    let more: Vec<&str> = names.iter().map(String::as_str).filter(|name| !free.contains(name)).collect();
    match more.is_empty() {
        true => look.fact(format_args!("{place}: nothing that needs consent")),
        false => {
            look.fault(format_args!("{place}: {}: the receipt names no firmware that was accepted", more.join(", ")))
        }
    }
}
