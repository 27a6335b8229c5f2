use std::time::SystemTime;

use forge_model::machine::{Enrollment, SecureBoot};

use super::*;
use crate::mok::{Kind, Pair, PasswordHash, Request};

fn certificate() -> Vec<u8> {
    let pair = Pair::generate(Kind::Boot, "InterGenOS boot key test", SystemTime::now()).unwrap();
    pair.certificate_der().unwrap()
}

fn request(variables: &Variables, certificate: &[u8]) {
    let hash = PasswordHash::new(&zeroize::Zeroizing::new("code".to_owned())).unwrap();
    for variable in Request::enroll(certificate, &hash).unwrap().variables() {
        set(variables, variable.name, variable.guid, &variable.data);
    }
}

/// What shim shows of its list: the same format as in a request.
fn enrolled(variables: &Variables, name: &str, certificate: &[u8]) {
    let hash = PasswordHash::new(&zeroize::Zeroizing::new("code".to_owned())).unwrap();
    set(variables, name, SHIM_LOCK, &Request::enroll(certificate, &hash).unwrap().variables()[0].data);
}

#[test]
fn a_machine_without_variables_says_nothing() {
    let (_directory, variables) = firmware_directory();
    let machine = machine(&variables, Some(&certificate()));
    assert_eq!(machine.firmware, None);
    assert_eq!(machine.enrollment, Enrollment::Unknown);
    assert_eq!(machine.key.unwrap().subject, "InterGenOS boot key test");
}

#[test]
fn setup_mode_is_more_than_secure_boot_off() {
    let (_directory, variables) = firmware_directory();
    let state = || firmware(&variables).unwrap().secure_boot;
    set(&variables, "SecureBoot", GLOBAL, &[0]);
    assert_eq!(state(), SecureBoot::Off);
    set(&variables, "SetupMode", GLOBAL, &[1]);
    assert_eq!(state(), SecureBoot::SetupMode);
    set(&variables, "SetupMode", GLOBAL, &[0]);
    set(&variables, "SecureBoot", GLOBAL, &[1]);
    assert_eq!(state(), SecureBoot::On);
}

#[test]
fn shim_that_checks_nothing_is_seen() {
    let (_directory, variables) = firmware_directory();
    set(&variables, "SecureBoot", GLOBAL, &[1]);
    assert!(firmware(&variables).unwrap().shim_validates);
    set(&variables, "MokSBStateRT", SHIM_LOCK, &[1]);
    assert!(!firmware(&variables).unwrap().shim_validates);
}

#[test]
fn the_enrollment_goes_from_lost_over_pending_to_enforced() {
    let (_directory, variables) = firmware_directory();
    let (mine, other) = (certificate(), certificate());
    let state = || machine(&variables, Some(&mine)).enrollment;
    set(&variables, "SecureBoot", GLOBAL, &[1]);
    assert_eq!(state(), Enrollment::Lost);
    request(&variables, &other);
    assert_eq!(state(), Enrollment::Lost, "somebody else's request");
    request(&variables, &mine);
    assert_eq!(state(), Enrollment::Pending);
    variables.delete("MokAuth", SHIM_LOCK).unwrap();
    assert_eq!(state(), Enrollment::Lost, "half a request");
    enrolled(&variables, "MokListRT", &other);
    assert_eq!(state(), Enrollment::Lost, "somebody else's key");
    enrolled(&variables, "MokListRT1", &mine);
    assert_eq!(state(), Enrollment::Enforced, "in the second part of a long list");
    set(&variables, "SecureBoot", GLOBAL, &[0]);
    assert_eq!(state(), Enrollment::Enrolled);
}

#[test]
fn a_certificate_that_is_none_leaves_the_enrollment_unknown() {
    let (_directory, variables) = firmware_directory();
    set(&variables, "SecureBoot", GLOBAL, &[1]);
    for certificate in [None, Some(&b"no certificate"[..])] {
        assert_eq!(machine(&variables, certificate).enrollment, Enrollment::Unknown);
    }
}
