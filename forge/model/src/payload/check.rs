//! The bounds of a manifest. A signature says who made it, not that it makes sense: every text in it that reaches a
//! file, a path or a command line of the installed system is held to the characters that belong there.

mod firmware;

pub use firmware::is_firmware_path;

use super::{Accounts, Boot, Credential, Image, Keyboard, Manifest, ManifestFault, Offered};
use crate::names;

type Checked = Result<(), ManifestFault>;

/// Far above any real system, and far below what sums of a layout could overflow.
const LARGE: u64 = 1 << 50;
/// The most bytes of a file that is held in memory.
const SMALL: u64 = 1 << 30;
/// The most names that a list offers; a full Debian has some 600 time zones.
const MOST: usize = 10_000;

impl Manifest {
    /// Checks every bound.
    pub(super) fn check(&self) -> Checked {
        if self.version != 1 {
            return Err(ManifestFault::Version { found: self.version });
        }
        check_id(&self.id)?;
        must(is_words(&self.name), "name", "is 1 to 128 characters of one line")?;
        must(is_words(&self.release), "release", "is 1 to 128 characters of one line")?;
        check_image(&self.image)?;
        check_boot(&self.boot)?;
        check_accounts(&self.accounts)?;
        check_offered(&self.offered)?;
        must(self.credentials.len() <= MOST, "credentials", "has at most 10,000 entries")?;
        self.credentials.iter().try_for_each(check_credential)?;
        firmware::check(&self.firmware)?;
        for entry in self.entries() {
            if !is_plain_path(&entry.path) {
                return Err(ManifestFault::Path { path: entry.path.clone() });
            }
            must(is_hex(&entry.sha256, 64) && entry.sha256.len() == 64, "sha256", "is 64 hexadecimal digits")?;
        }
        must(self.minimum_state_bytes <= LARGE, "minimum_state_bytes", "is at most 1 PiB")?;
        let small = self.small_entries().iter().all(|entry| entry.size <= SMALL);
        must(small, "size", "is at most 1 GiB for a file that is not the image")
    }
}

/// The id names a directory beside those that are there already on the ESP, where a dot at the end does not count.
fn check_id(id: &str) -> Checked {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    let good = (1..=32).contains(&id.len()) && id.chars().all(plain) && !id.starts_with('.') && !id.ends_with('.');
    must(good, "id", "is 1 to 32 lower-case letters, digits, \"-\", \"_\" and \".\", with no \".\" at either end")?;
    must(
        !matches!(id, "boot" | "linux" | "forge"),
        "id",
        "is not \"boot\", \"linux\" or \"forge\": these lie on the ESP",
    )
}

fn check_image(image: &Image) -> Checked {
    must(image.block_size == 4096, "image.block_size", "is 4096")?;
    let whole = image.data.size != 0 && image.data.size.is_multiple_of(u64::from(image.block_size));
    must(whole, "image.data.size", "is a multiple of the block size, and not 0")?;
    must(image.data.size <= LARGE, "image.data.size", "is at most 1 PiB")?;
    must(image.tree.size <= LARGE, "image.tree.size", "is at most 1 PiB")?;
    must(is_hex(&image.salt, 512), "image.salt", "is at most 256 bytes in hexadecimal digits")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let file_system = is_made_of(&image.file_system, 16, plain);
    must(file_system, "image.file_system", "is 1 to 16 lower-case letters and digits")
}

fn check_boot(boot: &Boot) -> Checked {
    let line = &boot.command_line;
    let one_line = line.len() <= 2048 && !line.chars().any(|c| c.is_control() || c == '"');
    must(one_line, "boot.command_line", "is one line without quotes, at most 2048 bytes")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '~');
    let release = is_made_of(&boot.kernel_release, 64, plain) && !boot.kernel_release.starts_with(['.', '-']);
    must(release, "boot.kernel_release", "is a kernel release as `uname -r` prints it")
}

fn check_accounts(accounts: &Accounts) -> Checked {
    let shell = accounts.shell.strip_prefix('/').is_some_and(is_plain_path);
    must(shell, "accounts.shell", "is an absolute path of plain names")?;
    must(accounts.groups.len() <= 256, "accounts.groups", "has at most 256 entries")?;
    let groups = accounts.groups.iter().all(|group| names::user_name(group, &[]).is_ok());
    must(groups, "accounts.groups", "are names of lower-case letters, digits, \"-\" and \"_\", and not root")
}

/// What is offered goes into files of `/etc` and, for a time zone, into the target of a link.
fn check_offered(offered: &Offered) -> Checked {
    let Offered { locales, keyboards, timezones } = offered;
    let few = [locales.len(), keyboards.len(), timezones.len()].iter().all(|length| *length <= MOST);
    must(few, "offered", "has at most 10,000 names in a list")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '@' | ',');
    let name = |name: &String| is_made_of(name, 128, plain);
    must(locales.iter().all(name), "offered.locales", "are plain names of at most 128 characters")?;
    let keyboard = |k: &Keyboard| name(&k.layout) && name(&k.keymap) && (k.variant.is_empty() || name(&k.variant));
    must(keyboards.iter().all(keyboard), "offered.keyboards", "are plain names of at most 128 characters")?;
    let zones = timezones.iter().all(|zone| is_plain_path(zone));
    must(zones, "offered.timezones", "are plain names joined by \"/\"")
}

/// systemd.exec(5): a credential's name is a file name of printable ASCII without ":".
fn check_credential(credential: &Credential) -> Checked {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | ':');
    let name = is_made_of(&credential.name, 255, plain) && !credential.name.starts_with('.');
    must(name, "credentials.name", "is a plain file name")?;
    must(is_words(&credential.unit), "credentials.unit", "is 1 to 128 characters of one line")?;
    must((16..=1024).contains(&credential.bytes), "credentials.bytes", "is 16 to 1024")
}

fn must(good: bool, field: &'static str, reason: &'static str) -> Checked {
    if good { Ok(()) } else { Err(ManifestFault::Value { field, reason }) }
}

/// A text for people.
fn is_words(text: &str) -> bool {
    (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

fn is_made_of(text: &str, most: usize, allowed: impl Fn(char) -> bool) -> bool {
    (1..=most).contains(&text.len()) && text.chars().all(allowed)
}

fn is_hex(text: &str, most: usize) -> bool {
    text.len() <= most && hex::decode(text).is_ok()
}

/// Plain names joined by `/`; it can not lead out of a directory.
fn is_plain_path(path: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'))
    };
    !path.is_empty() && path.len() <= 255 && path.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn good() -> Value {
        let entry = |name: &str| json!({ "path": name, "size": 4096, "sha256": "0".repeat(64) });
        json!({
            "version": 1,
            "id": "intergenos",
            "name": "InterGenOS demo (stand-in made of Debian packages)",
            "release": "2026.11",
            "image": {
                "data": entry("system.img"), "tree": entry("system.verity"), "file_system": "erofs",
                "root_hash": "0".repeat(64), "salt": "00", "uuid": "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
                "block_size": 4096
            },
            "boot": {
                "kernel": entry("kernel"), "kernel_release": "7.2.12+deb14-cloud-amd64", "initrd": entry("initrd"),
                "command_line": "quiet", "os_release": entry("os-release"), "shim": entry("shim"),
                "mok_manager": entry("mok"), "fallback": entry("fallback"), "grub": entry("grub")
            },
            "accounts": {
                "passwd": entry("accounts/passwd"), "group": entry("accounts/group"),
                "shadow": entry("accounts/shadow"), "gshadow": entry("accounts/gshadow"),
                "subuid": entry("accounts/subuid"), "subgid": entry("accounts/subgid"),
                "shell": "/bin/bash", "groups": ["sudo", "systemd-journal"]
            },
            "offered": {
                "locales": ["C.UTF-8", "ca_ES.UTF-8@valencia"],
                "keyboards": [{ "layout": "ru,us", "variant": ",winkeys", "keymap": "ru" }],
                "timezones": ["UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires"]
            },
            "credentials": [{ "name": "demo.token", "kind": "hex", "bytes": 32, "unit": "demo.service" }],
            "minimum_state_bytes": 1,
            "firmware": []
        })
    }

    pub(super) fn parse(pointer: &str, value: Value) -> Result<Manifest, ManifestFault> {
        let mut manifest = good();
        *manifest.pointer_mut(pointer).expect(pointer) = value;
        Manifest::parse(manifest.to_string().as_bytes())
    }

    #[test]
    fn a_good_manifest_is_taken() {
        Manifest::parse(good().to_string().as_bytes()).unwrap();
    }

    #[test]
    fn each_text_that_does_not_belong_where_it_goes_is_refused_with_its_field() {
        for (pointer, values) in [
            ("/id", &["", "boot", "linux", "forge", "forge.", ".x", "A", "a/b"][..]),
            ("/name", &["", "a\nb", "a\u{1b}[2J"]),
            ("/release", &["", "a\nb"]),
            ("/image/file_system", &["", "erofs rw", "erofs,x", "EROFS", "e\n", "eeeeeeeeeeeeeeeee"]),
            ("/image/salt", &["0", "xx"]),
            ("/boot/command_line", &["a\nb", "a\"b", "a\tb", "\0"]),
            ("/boot/kernel_release", &["", "..", "a/b", "a b", "a\nb", "a,b", "\u{e4}", "-r"]),
            ("/accounts/shell", &["", "bash", "/bin/../x", "/bin/sh:x", "/bin/sh\nx", "/bin//sh", "/"]),
            ("/accounts/groups/0", &["", "root", "a:b", "a\nb", "a,b"]),
            ("/offered/locales/0", &["", "a\nb", "a b", "a/b", "$(x)", "a=\"b"]),
            ("/offered/timezones/0", &["", "../../etc/shadow", "/etc/x", "a\nb", "a//b"]),
            ("/offered/keyboards/0/layout", &["", "a\nb", "a b"]),
            ("/offered/keyboards/0/variant", &["a\nb", "a b"]),
            ("/offered/keyboards/0/keymap", &["", "a\nb", "../x"]),
            ("/credentials/0/name", &["", ".", "..", "a/b", "a\nb", "a:b", "a b", "\u{e4}"]),
            ("/credentials/0/unit", &["", "a\nb"]),
        ] {
            for value in values {
                let fault = parse(pointer, json!(value)).unwrap_err();
                let ManifestFault::Value { field, .. } = fault else { panic!("{pointer} {value:?}: {fault}") };
                let path = pointer.trim_start_matches('/').replace("/0", "").replace('/', ".");
                assert!(path.starts_with(field), "{pointer} {value:?}: {field}");
            }
        }
    }

    #[test]
    fn a_text_or_list_without_end_is_refused() {
        for (pointer, value) in [
            ("/name", json!("x".repeat(129))),
            ("/release", json!("x".repeat(129))),
            ("/boot/command_line", json!("x".repeat(2049))),
            ("/boot/kernel_release", json!("x".repeat(65))),
            ("/accounts/shell", json!("/x".repeat(200))),
            ("/accounts/groups", json!(vec!["x"; 257])),
            ("/offered/locales", json!(vec!["x"; 10_001])),
            ("/offered/timezones", json!(vec!["x"; 10_001])),
            ("/offered/locales/0", json!("x".repeat(129))),
        ] {
            let fault = parse(pointer, value).unwrap_err();
            assert!(matches!(fault, ManifestFault::Value { .. }), "{pointer}: {fault}");
        }
    }

    #[test]
    fn a_path_can_not_leave_the_payload() {
        for path in ["../x", "/etc/passwd", "a//b", "", ".hidden", "a/../b", "a\nb"] {
            assert!(!is_plain_path(path), "{path:?}");
        }
        assert!(is_plain_path("accounts/passwd"));
        assert!(is_plain_path("vmlinuz-6.18.0+deb14-cloud_amd64.efi"));
    }
}
