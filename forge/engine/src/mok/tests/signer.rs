use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;
use crate::{
    memory,
    tool::{ToolError, Tools},
};

/// A real unsigned EFI image.
const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

fn installed_all() -> bool {
    installed("/usr/bin/sbsign") && installed("/usr/bin/sbverify") && installed(STUB)
}

/// A tool that is a shell script, for failures that the real one does not make on demand.
fn script(directory: &tempfile::TempDir, body: &str) -> PathBuf {
    let path = directory.path().join("sbsign");
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn sign_with(sbsign: PathBuf) -> SignerError {
    let tools = Tools { sbsign, ..Tools::default() };
    let image = File::open("/dev/null").unwrap();
    sign(&tools, &boot_pair(), image, memory::file(c"forge-test", b"").unwrap()).unwrap_err()
}

#[test]
fn a_signed_image_verifies_with_its_own_certificate_only() {
    if !installed_all() {
        return;
    }
    let (tools, pair, other) = (Tools::default(), boot_pair(), boot_pair());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("signed.efi");
    sign(&tools, &pair, File::open(STUB).unwrap(), File::create(&path).unwrap()).unwrap();
    assert!(fs::metadata(&path).unwrap().len() > fs::metadata(STUB).unwrap().len());

    let certificate = directory.path().join("certificate.pem");
    fs::write(&certificate, pair.certificate_pem().unwrap()).unwrap();
    let output = Command::new("/usr/bin/sbverify")
        .args(["--cert".as_ref(), certificate.as_os_str(), path.as_os_str()])
        .output()
        .unwrap();
    assert_eq!(text(output), "Signature verification OK\n");

    let image = || File::open(&path).unwrap();
    check_signed(&tools, &pair.certificate_pem().unwrap(), image()).unwrap();
    let error = check_signed(&tools, &other.certificate_pem().unwrap(), image()).unwrap_err();
    assert!(matches!(error, SignerError::Tool(ToolError::Failed { .. })), "{error}");

    let mut bytes = fs::read(&path).unwrap();
    bytes[4096] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = check_signed(&tools, &pair.certificate_pem().unwrap(), image()).unwrap_err();
    assert!(matches!(error, SignerError::Tool(ToolError::Failed { .. })), "{error}");
}

#[test]
fn the_result_can_stay_in_memory_and_replaces_what_was_there() {
    if !installed_all() {
        return;
    }
    let (tools, pair) = (Tools::default(), boot_pair());
    let mut signed = memory::file(c"forge-test", b"").unwrap();
    std::io::Write::write_all(&mut signed, &vec![0xaa; 4 << 20]).unwrap();
    sign(&tools, &pair, File::open(STUB).unwrap(), &signed).unwrap();
    check_signed(&tools, &pair.certificate_pem().unwrap(), &signed).unwrap();
    assert!(signed.metadata().unwrap().len() < 1 << 20);
}

#[test]
fn an_unsigned_image_does_not_verify() {
    if !installed_all() {
        return;
    }
    let error = check_signed(&Tools::default(), &boot_pair().certificate_pem().unwrap(), File::open(STUB).unwrap())
        .unwrap_err();
    assert!(matches!(error, SignerError::Tool(ToolError::Failed { .. })), "{error}");
}

#[test]
fn the_module_key_signs_no_boot_image() {
    let pair = Pair::generate(Kind::Module, "modules", SystemTime::now()).unwrap();
    let image = File::open("/dev/null").unwrap();
    let error = sign(&Tools::default(), &pair, image, memory::file(c"forge-test", b"").unwrap()).unwrap_err();
    assert!(matches!(error, SignerError::ModuleKey), "{error}");
}

#[test]
fn the_key_reaches_the_tool_only_as_files_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let seen = directory.path().join("seen");
    let body = format!(
        "{{ echo \"$@\"; /usr/bin/env; for n in 2 4 6 7; do eval readlink \\\"\\$$n\\\"; done; head -n 1 \"$2\"; }} > {}",
        seen.display()
    );
    let error = sign_with(script(&directory, &body));
    assert!(matches!(error, SignerError::NoOutput { .. }), "{error}");
    let mut seen_text = String::new();
    File::open(seen).unwrap().read_to_string(&mut seen_text).unwrap();
    let lines: Vec<&str> = seen_text.lines().collect();
    let arguments: Vec<&str> = lines[0].split(' ').collect();
    assert_eq!(arguments.len(), 7);
    for (place, argument) in arguments.iter().enumerate() {
        match place {
            0 | 2 | 4 => assert!(["--key", "--cert", "--output"].contains(argument)),
            _ => assert!(argument.starts_with("/proc/self/fd/"), "{argument}"),
        }
    }
    assert_eq!(lines.iter().filter(|line| line.starts_with("/memfd:forge")).count(), 3);
    assert_eq!(*lines.last().unwrap(), "-----BEGIN PRIVATE KEY-----");
}
