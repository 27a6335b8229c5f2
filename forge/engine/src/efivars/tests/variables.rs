use std::fs;

use super::*;

fn variable(data: &[u8]) -> Variable {
    Variable { attributes: PERSISTENT, data: data.to_vec() }
}

#[test]
fn a_variable_is_its_attributes_and_its_content_in_one_file() {
    let (directory, variables) = firmware_directory();
    variables.write("MokTimeout", SHIM_LOCK, &variable(&[0xff; 4])).unwrap();
    let file = directory.path().join("MokTimeout-605dab50-e046-4300-abb6-3dd810dd8b23");
    assert_eq!(fs::read(file).unwrap(), [7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(variables.read("MokTimeout", SHIM_LOCK).unwrap(), Some(variable(&[0xff; 4])));
    assert_eq!(variables.read("MokTimeout", GLOBAL).unwrap(), None);
}

#[test]
fn a_shorter_content_leaves_nothing_of_a_longer_one() {
    let (_directory, variables) = firmware_directory();
    variables.write("BootOrder", GLOBAL, &variable(&[1; 8])).unwrap();
    variables.write("BootOrder", GLOBAL, &variable(&[2; 2])).unwrap();
    variables.check("BootOrder", GLOBAL, &variable(&[2; 2])).unwrap();
}

#[test]
fn a_variable_that_is_not_what_was_written_is_named() {
    let (_directory, variables) = firmware_directory();
    variables.write("MokNew", SHIM_LOCK, &variable(b"one")).unwrap();
    for other in [variable(b"two"), Variable { attributes: 3, data: b"one".to_vec() }] {
        let error = variables.check("MokNew", SHIM_LOCK, &other).unwrap_err();
        assert!(matches!(&error, VariableError::Differs(name) if name == "MokNew"), "{error}");
    }
}

#[test]
fn only_files_named_like_variables_are_listed() {
    let (directory, variables) = firmware_directory();
    set(&variables, "db", SECURITY_DATABASE, b"x");
    set(&variables, "Boot-0001", GLOBAL, b"x");
    for other in ["lost+found", "-8be4df61-93ca-11d2-aa0d-00e098032b8c", "ö"] {
        fs::write(directory.path().join(other), "x").unwrap();
    }
    let expected = [("Boot-0001", GLOBAL), ("db", SECURITY_DATABASE)];
    assert_eq!(variables.list().unwrap(), expected.map(|(name, guid)| (name.to_owned(), guid.to_owned())));
}

#[test]
fn removing_says_whether_there_was_something() {
    let (_directory, variables) = firmware_directory();
    set(&variables, "MokAuth", SHIM_LOCK, b"x");
    assert!(variables.delete("MokAuth", SHIM_LOCK).unwrap());
    assert!(!variables.delete("MokAuth", SHIM_LOCK).unwrap());
}

#[test]
fn a_file_without_attributes_is_no_variable_and_an_empty_one_is_nothing() {
    let (directory, variables) = firmware_directory();
    fs::write(directory.path().join(format!("short-{GLOBAL}")), "abc").unwrap();
    fs::write(directory.path().join(format!("empty-{GLOBAL}")), "").unwrap();
    assert!(matches!(variables.read("short", GLOBAL), Err(VariableError::Short(_))));
    assert_eq!(variables.read("empty", GLOBAL).unwrap(), None);
}

#[test]
fn a_directory_that_is_missing_or_empty_is_no_uefi() {
    let (directory, variables) = firmware_directory();
    assert!(!variables.present());
    assert!(!Variables::at(directory.path().join("missing")).present());
    set(&variables, "SecureBoot", GLOBAL, &[1]);
    assert!(variables.present());
}

#[test]
fn a_protected_variable_is_replaced_and_protected_again() {
    // Needs a file system with such flags, and the power to set them; /tmp may have neither.
    let (directory, variables) = firmware_directory();
    set(&variables, "MokNew", SHIM_LOCK, b"old");
    let path = directory.path().join(format!("MokNew-{SHIM_LOCK}"));
    let flags = || rustix::fs::ioctl_getflags(fs::File::open(&path).unwrap());
    let protect = |on: bool| {
        let set = flags().and_then(|flags| {
            let mut flags = flags;
            flags.set(rustix::fs::IFlags::IMMUTABLE, on);
            rustix::fs::ioctl_setflags(fs::File::open(&path).unwrap(), flags)
        });
        set.is_ok()
    };
    if !protect(true) {
        eprintln!("not run: this file system or user sets no immutable flag");
        return;
    }
    assert!(fs::write(&path, "x").is_err(), "the flag protects");
    let written = variables.write("MokNew", SHIM_LOCK, &variable(b"new"));
    let protected = flags().unwrap().contains(rustix::fs::IFlags::IMMUTABLE);
    let deleted = variables.delete("MokNew", SHIM_LOCK);
    if path.exists() {
        protect(false);
    }
    written.unwrap();
    assert!(protected);
    assert!(deleted.unwrap());
}

#[test]
fn a_variable_does_not_print_its_content() {
    assert_eq!(format!("{:?}", variable(b"secret")), "6 bytes, attributes 0x7");
}
