use std::fs;

use serde_json::Value;
use zeroize::Zeroizing;

use super::*;

const CERTIFICATE: &[u8] = include_bytes!("data/certificate.der");
/// What the project's reference script, proved against mokutil on real firmware variables, makes of the same input.
const EXPECTED: &str = include_str!("data/request.json");
const SALT: [u8; 12] = *b"forge-salt-1";

fn code() -> Zeroizing<String> {
    Zeroizing::new("bcdefghjknprstux".to_owned())
}

fn request() -> Request {
    let hash = PasswordHash::salted(&code(), SALT).unwrap();
    Request::enroll(CERTIFICATE, &hash).unwrap()
}

fn json(request: &Request) -> Value {
    serde_json::from_str(&request.virt_fw_vars_json().unwrap()).unwrap()
}

#[test]
fn the_request_is_what_mokutil_writes_byte_for_byte() {
    let made = json(&request());
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    assert_eq!(made["version"], expected["version"]);
    let (made, expected) = (&made["variables"], &expected["variables"]);
    assert_eq!(expected.as_array().unwrap().len(), 2);
    assert_eq!(made[0], expected[0]);
    assert_eq!(made[1], expected[1]);
    assert_eq!(made[1]["data"].as_str().unwrap().len(), 172 * 2);
}

#[test]
fn mokmanager_waits_without_a_countdown() {
    let request = request();
    let timeout = &request.variables()[2];
    assert_eq!(timeout.name, "MokTimeout");
    assert_eq!(timeout.data, [0xff; 4]);
    assert_eq!(timeout.attributes, 7);
    assert_eq!(timeout.guid, SHIM_LOCK_GUID);
}

#[test]
fn the_hash_file_is_what_openssl_passwd_prints() {
    if !installed("/usr/bin/openssl") {
        return;
    }
    for _ in 0..3 {
        let hash = PasswordHash::new(&code()).unwrap();
        let line = String::from_utf8(hash.hash_file().to_vec()).unwrap();
        let salt = line.split('$').nth(2).unwrap();
        assert_eq!(salt.len(), 16);
        let arguments = ["passwd", "-6", "-salt", salt, "-stdin"];
        assert_eq!(line, text(openssl(&arguments, code().as_bytes())));
    }
}

#[test]
fn every_hash_has_its_own_salt() {
    let lines = [(); 2].map(|()| PasswordHash::new(&code()).unwrap().hash_file());
    assert_ne!(lines[0], lines[1]);
}

#[test]
fn codes_that_mokmanager_cannot_read_are_refused() {
    for code in ["", "with space", "größe", &"x".repeat(256)] {
        let error = PasswordHash::new(&Zeroizing::new(code.to_owned())).unwrap_err();
        assert!(matches!(error, VariableError::Code), "{error:?}");
    }
}

#[test]
fn certificates_that_do_not_fit_are_refused() {
    let hash = PasswordHash::new(&code()).unwrap();
    for certificate in [&[][..], &[0; 17 << 10]] {
        let error = Request::enroll(certificate, &hash).unwrap_err();
        assert!(matches!(error, VariableError::Certificate(_)), "{error:?}");
    }
}

#[test]
fn a_hash_and_a_request_do_not_print_their_content() {
    let hash = PasswordHash::new(&code()).unwrap();
    assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    let request = Request::enroll(&[1, 2, 3], &hash).unwrap();
    assert_eq!(
        format!("{request:?}"),
        "Request { variables: [MokNew (47 bytes), MokAuth (172 bytes), MokTimeout (4 bytes)] }"
    );
}

#[test]
fn virt_fw_vars_writes_the_request_into_firmware() {
    let (tool, firmware) = ("/usr/bin/virt-fw-vars", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd");
    if !installed(tool) || !installed(firmware) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("set.json"), &**request().virt_fw_vars_json().unwrap()).unwrap();
    let run = |arguments: &[&std::ffi::OsStr]| {
        text(Command::new(tool).args(arguments).output().unwrap());
    };
    run(&[
        "--input".as_ref(),
        firmware.as_ref(),
        "--set-json".as_ref(),
        path("set.json").as_ref(),
        "--output".as_ref(),
        path("vars.fd").as_ref(),
    ]);
    run(&["--input".as_ref(), path("vars.fd").as_ref(), "--output-json".as_ref(), path("got.json").as_ref()]);
    let got: Value = serde_json::from_slice(&fs::read(path("got.json")).unwrap()).unwrap();
    let got = got["variables"].as_array().unwrap();
    for wanted in json(&request())["variables"].as_array().unwrap() {
        assert!(got.contains(wanted), "{wanted} is not in the firmware");
    }
}
