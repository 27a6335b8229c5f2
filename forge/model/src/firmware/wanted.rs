//! Which devices of a machine want which bundle.

use super::{Bundle, Device};
use glob::{MatchOptions, Pattern};

/// A bundle that something in this machine wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The bundle.
    pub bundle: &'a Bundle,
    /// The devices that want it, in the inventory's order.
    pub devices: Vec<&'a Device>,
}

/// What modules.alias is matched with: `fnmatch` without flags, which knows no path.
const AS_FNMATCH: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: false, require_literal_leading_dot: false };

/// What stands behind a file's name when it is packed, and is no part of what a driver asks for.
const PACKED: [&str; 2] = [".xz", ".zst"];

/// The bundles that these devices want, one row for each, by kind and name.
pub fn wanted<'a>(devices: &'a [Device], bundles: &'a [Bundle]) -> Vec<Wanted<'a>> {
    let rows = bundles.iter().map(|bundle| {
        let patterns: Vec<Pattern> = bundle.modaliases.iter().filter_map(|pattern| compiled(pattern)).collect();
        let asks = |device: &&Device| matches(&patterns, &device.modalias) || has_missed(device, bundle);
        Wanted { bundle, devices: devices.iter().filter(asks).collect() }
    });
    let mut rows: Vec<_> = rows.filter(|row| !row.devices.is_empty()).collect();
    rows.sort_by(|a, b| (a.bundle.kind, &a.bundle.name).cmp(&(b.bundle.kind, &b.bundle.name)));
    rows
}

/// The devices for which a file was asked in vain that no bundle has.
pub fn missed<'a>(devices: &'a [Device], bundles: &[Bundle]) -> Vec<&'a Device> {
    let helped: Vec<&Device> = wanted(devices, bundles).into_iter().flat_map(|row| row.devices).collect();
    let is_helped = |device: &&Device| helped.contains(device);
    devices.iter().filter(|device| !device.missed.is_empty() && !is_helped(device)).collect()
}

/// Whether this is a pattern of modaliases.
pub fn is_pattern(pattern: &str) -> bool {
    compiled(pattern).is_some()
}

fn matches(patterns: &[Pattern], modalias: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches_with(modalias, AS_FNMATCH))
}

/// A pattern as fnmatch reads it: for that, `**` is the same as `*`, and `[^x]` the same as `[!x]`.
fn compiled(pattern: &str) -> Option<Pattern> {
    let mut plain = pattern.replace("[^", "[!");
    while plain.contains("**") {
        plain = plain.replace("**", "*");
    }
    Pattern::new(&plain).ok()
}

fn has_missed(device: &Device, bundle: &Bundle) -> bool {
    device.missed.iter().any(|asked| {
        let same = |path: &str| path == asked || PACKED.iter().any(|end| path.strip_suffix(end) == Some(asked));
        bundle.files.iter().any(|file| same(&file.path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::{BundledFile, Kind, tests::bundle};

    fn device(modalias: &str, missed: &[&str]) -> Device {
        let missed = missed.iter().map(|file| (*file).to_owned()).collect();
        Device { modalias: modalias.into(), name: None, driver: None, missed }
    }

    const AX200: &str = "pci:v00008086d00002723sv00008086sd00000084bc02sc80i00";

    fn names<'a>(devices: &'a [Device], bundles: &'a [Bundle]) -> Vec<(&'a str, usize)> {
        wanted(devices, bundles).iter().map(|row| (row.bundle.name.as_str(), row.devices.len())).collect()
    }

    #[test]
    fn a_device_wants_what_its_modalias_matches_and_nothing_else() {
        let mut wifi = bundle("intel-wifi", Kind::WiFi);
        wifi.modaliases = vec!["pci:v00008086d00002723sv*sd*bc*sc*i*".into()];
        let devices = [device(AX200, &[]), device("pci:v00008086d00002725sv00008086sd00000020bc02sc80i00", &[])];
        assert_eq!(names(&devices, &[wifi]), [("intel-wifi", 1)]);
    }

    #[test]
    fn patterns_are_read_as_fnmatch_reads_them() {
        for (pattern, fits) in [
            ("pci:v00008086d0000272[35]sv*", true),
            ("pci:v00008086d0000272[!3]sv*", false),
            ("pci:v00008086d0000272[^3]sv*", false),
            ("pci:v00008086d0000272?sv**i00", true),
            ("PCI:v00008086*", false),
            ("pci:v00008086d00002723", false),
            ("*", true),
        ] {
            let mut one = bundle("x", Kind::Other);
            one.modaliases = vec![pattern.into()];
            assert_eq!(!names(&[device(AX200, &[])], &[one]).is_empty(), fits, "{pattern}");
        }
        let mut usb = bundle("x", Kind::Other);
        usb.modaliases = vec!["of:N*T*Cbrcm,bcm4345/5*".into()];
        let found = [device("of:NbluetoothTCbrcm,bcm4345/5", &[])];
        assert!(!names(&found, &[usb]).is_empty(), "a slash is a letter like any other");
        assert!(!is_pattern("pci:[v"));
    }

    #[test]
    fn a_file_that_was_asked_for_in_vain_wants_the_bundle_that_has_it_packed_or_not() {
        let mut wifi = bundle("intel-wifi", Kind::WiFi);
        let file = |path: &str| BundledFile { path: path.into(), size: 1, sha256: "0".repeat(64) };
        wifi.files = vec![file("iwlwifi-cc-a0-77.ucode.xz")];
        let bundles = [wifi];
        assert_eq!(names(&[device("x:y", &["iwlwifi-cc-a0-77.ucode"])], &bundles), [("intel-wifi", 1)]);
        let other = [device("x:y", &["iwlwifi-cc-a0-7.ucode"])];
        assert!(names(&other, &bundles).is_empty());
        assert_eq!(missed(&other, &bundles).len(), 1, "nobody has that file");
    }

    #[test]
    fn there_is_one_row_for_each_bundle_by_kind_and_name_whatever_order_they_came_in() {
        let all = |name: &str, kind| {
            let mut one = bundle(name, kind);
            one.modaliases = vec!["pci:*".into()];
            one
        };
        let bundles = [all("z", Kind::Graphics), all("b", Kind::WiFi), all("a", Kind::WiFi), bundle("c", Kind::Sound)];
        let devices = [device(AX200, &[]), device("pci:v0", &[])];
        assert_eq!(names(&devices, &bundles), [("a", 2), ("b", 2), ("z", 2)]);
    }
}
