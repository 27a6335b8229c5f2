//! Proprietary firmware: what does not work without it, and what it is.

use super::{fill, size};
use forge_model::firmware::{Bundle, Chosen, Kind, Wanted};
use gettextrs::{gettext, ngettext};

/// Files that are named; of the others it is said how many they are.
const NAMED: usize = 8;

/// What a row is about: the devices by their names, or what the payload calls it.
pub fn title(row: &Wanted) -> String {
    let mut names: Vec<&str> = row.devices.iter().filter_map(|device| device.name.as_deref()).collect();
    names.dedup();
    if names.is_empty() { row.bundle.title.clone() } else { names.join(", ") }
}

/// What does not work without it.
pub fn without(kind: Kind) -> String {
    match kind {
        Kind::WiFi => gettext("Without firmware, there is no wireless network."),
        Kind::Bluetooth => gettext("Without firmware, Bluetooth does not work."),
        Kind::Ethernet => gettext("Without firmware, the wired network may be slow or not work."),
        Kind::Graphics => gettext("Without firmware, the screen works, but video and 3D are slow."),
        Kind::Sound => gettext("Without firmware, there is no sound."),
        Kind::Camera => gettext("Without firmware, the camera does not work."),
        Kind::Storage => gettext("Without firmware, disks at this device may not work."),
        Kind::Processor => gettext(
            "Microcode changes how the processor itself works. It can close security holes that are known; nobody but its maker can check it. Without it, the computer runs with the microcode that it came with.",
        ),
        Kind::Other => gettext("Without firmware, this device may not work."),
    }
}

/// A fact about a bundle: its name and its value.
pub type Fact = (String, String);

/// Who makes it, its licence, its files, and which image it is.
pub fn facts(bundle: &Bundle) -> Vec<Fact> {
    let mut files: Vec<String> = bundle.files.iter().take(NAMED).map(|file| file.path.clone()).collect();
    let more = bundle.files.len().saturating_sub(NAMED);
    if more > 0 {
        let count = u32::try_from(more).unwrap_or(u32::MAX);
        files.push(fill(&ngettext("and {n} more", "and {n} more", count), &[("n", &more.to_string())]));
    }
    vec![
        (gettext("Made By"), bundle.vendor.clone()),
        (gettext("Licence"), bundle.licence.id.clone()),
        (gettext("Files"), files.join("\n")),
        (gettext("SHA-256"), in_groups(&bundle.image.sha256)),
    ]
}

/// A hash that can be compared by eye, and that a line can be broken in without a hyphen that is none of it.
fn in_groups(hash: &str) -> String {
    let digits: Vec<char> = hash.chars().collect();
    digits.chunks(8).map(String::from_iter).collect::<Vec<_>>().join(" ")
}

/// A bundle in short: who makes it, and how large it is.
pub fn about(bundle: &Bundle) -> String {
    // Translators: {vendor} is a company, {size} is such as "4.2 MB".
    fill(&gettext("By {vendor}, {size}"), &[("vendor", &bundle.vendor), ("size", &size(bundle.image.size))])
}

/// What is installed, in one line.
pub fn chosen(chosen: &[Chosen]) -> String {
    // Translators: {title} is a bundle of firmware, {vendor} a company.
    let one = |one: &Chosen| fill(&gettext("{title} by {vendor}"), &[("title", &one.title), ("vendor", &one.vendor)]);
    chosen.iter().map(one).collect::<Vec<_>>().join("\n")
}
