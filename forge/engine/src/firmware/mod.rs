//! Proprietary firmware that a person chose: made into sealed bundles, installed, added and taken away later.
//!
//! | file | what it does |
//! |---|---|
//! | [`whence`] | reads `WHENCE`, the list of files and licences of linux-firmware |
//! | [`source`] | what a packager asks for, as `firmware.toml` says it |
//! | [`select`] | the files, links and terms of one bundle |
//! | [`release`] | for which system a bundle is, and which devices its modules are for |
//! | [`image`] | the sealed image, and the archive for before the root is there |
//! | [`make`] | all of it: `forgectl payload firmware` |
//! | [`chosen`] | what an install makes of the bundles of its plan |
//! | [`companion`] | the signed addon of the boot image |
//! | [`installed`] | an installed machine: add, remove |
//! | [`found`] | what is there, held against the consents |
//!
//! On a machine, a bundle is a system extension (systemd-sysext(8)) on the state partition: nothing of it is in the
//! sealed root.

pub mod chosen;
pub mod companion;
pub mod found;
pub mod image;
pub mod installed;
pub mod make;
pub mod release;
pub mod select;
pub mod source;
pub mod whence;

use openssl::asn1::Asn1Time;

/// Where system extensions lie in the state file system (`/var` of the installed system).
pub const EXTENSIONS: &str = "lib/extensions";
/// Where consents lie in the state file system.
pub const CONSENTS: &str = "lib/forge/firmware";

/// A bundle's name as a system extension.
pub fn extension(name: &str) -> String {
    format!("firmware-{name}")
}

/// The image, in the directory of extensions.
pub fn image_file(name: &str) -> String {
    format!("{}.raw", extension(name))
}

/// The root hash beside the image: systemd then takes nothing but this image.
pub fn root_hash_file(name: &str) -> String {
    format!("{}.roothash", extension(name))
}

/// Who accepted it, in the directory of consents.
pub fn consent_file(name: &str) -> String {
    format!("{name}.json")
}

/// The signature of the consent, beside it: RSA PKCS#1 v1.5 with SHA-256, by this machine's boot key.
pub fn consent_signature_file(name: &str) -> String {
    format!("{name}.json.sig")
}

/// The addon, in the directory of addons.
pub fn addon_file(name: &str) -> String {
    format!("{}.addon.efi", extension(name))
}

/// A file of a bundle while it is written: it is renamed when all files of the bundle are on the disk.
pub fn new_file(file: &str) -> String {
    format!(".{file}.new")
}

/// When something was accepted, for people: `Nov 22 15:22:37 2026 GMT`.
pub fn when(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Asn1Time::from_unix(seconds).ok());
    time.map_or_else(|| format!("second {seconds} after 1970"), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_model::esp::{ADDONS, is_addon};

    #[test]
    fn a_time_is_said_as_people_say_it() {
        assert_eq!(when(951_782_400), "Feb 29 00:00:00 2000 GMT");
    }

    #[test]
    fn the_addon_of_a_bundle_is_known_as_one() {
        assert!(is_addon(&format!("{ADDONS}/{}", addon_file("intel-ucode"))));
    }
}
