//! Who can read this machine's keys, and what later kernels are signed with.

use super::{Look, Root};
use std::os::unix::fs::MetadataExt;

const DIRECTORY: &str = "/var/lib/forge/mok";
const KEYS: [&str; 2] = ["boot.key", "module.key"];

/// Looks at the modes of the keys and at the configuration of `kernel-install`.
pub fn look(root: &Root) -> Look {
    let mut look = Look::default();
    for path in KEYS.map(|key| format!("{DIRECTORY}/{key}")) {
        match root.about(&path) {
            Ok(about) if !about.is_file() => look.fault(format_args!("{path}: no ordinary file")),
            Ok(about) => access(&mut look, &path, about.mode(), about.uid()),
            Err(error) if error.is_absent() => look.fault(error),
            Err(error) => look.blind(error),
        }
    }
    for (path, wanted) in [
        ("/etc/kernel/install.conf", &[("layout", "uki"), ("uki_generator", "ukify")][..]),
        (
            "/etc/kernel/uki.conf",
            &[
                ("SecureBootPrivateKey", "/var/lib/forge/mok/boot.key"),
                ("SecureBootCertificate", "/var/lib/forge/mok/boot.pem"),
            ],
        ),
    ] {
        match root.text(path) {
            Ok(text) => wanted.iter().for_each(|(name, value)| setting(&mut look, path, &text, name, value)),
            Err(error) if error.is_absent() => look.fault(error),
            Err(error) => look.blind(error),
        }
    }
    look
}

fn access(look: &mut Look, path: &str, mode: u32, uid: u32) {
    look.expect(mode & 0o077 == 0 && uid == 0, format_args!("{path}: mode {:04o}, owner {uid}", mode & 0o7777));
}

/// The last setting of a name counts.
fn setting(look: &mut Look, path: &str, text: &str, name: &str, wanted: &str) {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let said = lines.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).next_back();
    let said = said.unwrap_or("(not set)");
    look.expect(said == wanted, format_args!("{path}: {name}={said}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use forge_model::audit::Finding;

    #[test]
    fn a_key_is_for_root_alone() {
        let finding = |mode, uid| {
            let mut look = Look::default();
            access(&mut look, "/key", mode, uid);
            look.finding()
        };
        assert_eq!(finding(0o100_600, 0), Finding::Pass);
        assert_eq!(finding(0o100_400, 0), Finding::Pass);
        assert_eq!(finding(0o100_640, 0), Finding::Fail);
        assert_eq!(finding(0o100_604, 0), Finding::Fail);
        assert_eq!(finding(0o100_600, 1000), Finding::Fail);
    }

    #[test]
    fn the_last_of_two_settings_counts() {
        let mut look = Look::default();
        setting(&mut look, "/uki.conf", "[UKI]\nKey = /a\nKey=/b\n", "Key", "/a");
        assert_eq!(look.faults, ["/uki.conf: Key=/b"]);
    }
}
