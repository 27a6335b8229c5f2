//! Which machine this is, as its firmware says (SMBIOS).

use forge_model::MachineFacts;
use std::{fs, io, path::Path};

/// A value of SMBIOS is a string of a structure, and short.
const LONGEST: usize = 512;

/// What stands in the kernel's directory. A machine without SMBIOS has none.
pub fn facts(directory: &Path) -> MachineFacts {
    let read = |name: &str| {
        let path = directory.join(name);
        let bytes = fs::read(&path).inspect_err(|error| match error.kind() {
            io::ErrorKind::NotFound => log::debug!("{}: {error}", path.display()),
            _ => log::warn!("{}: {error}", path.display()),
        });
        let text = String::from_utf8_lossy(&bytes.ok()?).trim().to_owned();
        (!text.is_empty() && text.len() <= LONGEST && !text.contains(char::is_control)).then_some(text)
    };
    MachineFacts {
        vendor: read("sys_vendor"),
        product: read("product_name"),
        serial: read("product_serial"),
        uuid: read("product_uuid"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_known_by_what_its_firmware_says_and_an_empty_value_is_none() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [("sys_vendor", "LENOVO\n"), ("product_name", " \n"), ("product_uuid", "a\u{1b}[2Jb\n")] {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let found = MachineFacts { vendor: Some("LENOVO".into()), ..MachineFacts::default() };
        assert_eq!(facts(directory.path()), found);
        assert_eq!(facts(&directory.path().join("none")), MachineFacts::default());
    }
}
