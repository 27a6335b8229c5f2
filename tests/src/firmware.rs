//! A small linux-firmware, two bundles made from it, and a payload that carries them.
//!
//! The files are noise that no compressor shortens: whatever of it lies on a disk is found there as it is.

use crate::{payload::TestPayload, system};
use forge_engine::{
    firmware::make::{self, Made},
    tool::Tools,
    watch::Unwatched,
};
use forge_model::Manifest;
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, Weak},
};

/// An ordinary bundle.
pub const WIFI: &str = "test-wifi";
/// Microcode: needed before the root is mounted.
pub const MICROCODE: &str = "test-ucode";

const WHENCE: &str = "Driver: testwifi - Somebody's wireless\n\nFile: testwifi/one.bin\nFile: \"testwifi/two too.bin\"\n\
     Link: testwifi/three.bin -> one.bin\nLink: testnext -> testwifi\n\nLicence: Redistributable. See LICENCE.testwifi for details.\n\n\
     --------------------------------------------------------------------------\n\n\
     Driver: microcode_test - Somebody's microcode\n\nRawFile: intel-ucode/06-00-01\nRawFile: intel-ucode/06-00-02\n\n\
     Licence: See LICENCE.ucode for details.\n";
const SOURCE: &str = r#"version = 1
firmware = "linux-firmware"
whence = "linux-firmware/WHENCE"

[[bundle]]
name = "test-wifi"
title = "Wi-Fi of the tests"
vendor = "Somebody"
kind = "wi-fi"
without = "There is no wireless network."
drivers = ["testwifi"]

[[bundle]]
name = "test-ucode"
title = "Microcode of the tests"
vendor = "Somebody"
kind = "processor"
without = "The processor keeps its faults."
drivers = ["microcode_test"]
modaliases = ["cpu:type:x86,ven0000fam*"]
early = true
"#;
/// Files of the small linux-firmware that are noise, and how long each is.
const FILES: [(&str, usize); 4] = [
    ("testwifi/one.bin", 70_000),
    ("testwifi/two too.bin", 5_000),
    ("intel-ucode/06-00-01", 40_000),
    ("intel-ucode/06-00-02", 20_000),
];

/// The payload that tests share which do not change it.
pub fn shared() -> Arc<TestPayload> {
    static SHARED: Mutex<Weak<TestPayload>> = Mutex::new(Weak::new());
    crate::shared(&SHARED, || TestPayload::of_sources(system::make, sources))
}

/// Puts the bundles beside the sources of a payload, and into its `payload.toml`.
fn sources(directory: &Path) {
    lay_out(directory);
    make(directory, &directory.join("root"), "firmware");
    let source = directory.join("payload.toml");
    let text = fs::read_to_string(&source).unwrap();
    fs::write(&source, text.replace("groups =", "firmware = \"firmware\"\ngroups =")).unwrap();
}

/// Lays the small linux-firmware out, and the description of the bundles.
pub fn lay_out(directory: &Path) {
    let put = |path: &str, bytes: &[u8]| {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    put("firmware.toml", SOURCE.as_bytes());
    put("linux-firmware/WHENCE", WHENCE.as_bytes());
    put("linux-firmware/LICENCE.testwifi", b"You may pass it on as it is.\n");
    put("linux-firmware/LICENCE.ucode", b"You may pass this on, too.\n");
    for (path, bytes) in contents() {
        put(&format!("linux-firmware/{path}"), &bytes);
    }
    put("root/usr/lib/modules/7.1.0/modules.alias", b"alias pci:v0000FEEDd*sv*sd*bc*sc*i* testwifi\n");
}

/// Makes the bundles for the system at `root`.
pub fn make(directory: &Path, root: &Path, output: &str) -> Made {
    let (source, output) = (directory.join("firmware.toml"), directory.join(output));
    make::make(&Tools::default(), &source, root, &output, &Unwatched).unwrap().done().unwrap()
}

/// The files of all bundles.
pub fn contents() -> Vec<(&'static str, Vec<u8>)> {
    let all = system::noise(32 << 20);
    // Behind what the system's own noise has: the same bytes there would be found on every disk.
    let mut at = 16 << 20;
    let cut = |(path, length)| {
        at += length;
        (path, all[at - length..at].to_vec())
    };
    FILES.into_iter().map(cut).collect()
}

/// Lines for an answer file that accept these bundles.
pub fn answers(manifest: &Manifest, names: &[&str]) -> String {
    let bundles = manifest.firmware.iter().filter(|bundle| names.contains(&bundle.name.as_str()));
    let lines = |bundle: &forge_model::firmware::Bundle| {
        format!("\n[[firmware]]\nbundle = \"{}\"\nsha256 = \"{}\"\n", bundle.name, bundle.image.sha256)
    };
    bundles.map(lines).collect()
}
