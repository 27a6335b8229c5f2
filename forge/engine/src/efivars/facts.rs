//! What the variables say about a machine.

use forge_model::{
    MachineFacts,
    machine::{Enrollment, Firmware, Key, Machine, SecureBoot},
};
use openssl::{hash::MessageDigest, nid::Nid, x509::X509};

use super::{GLOBAL, SHIM_LOCK, SignatureKind, Variables, signatures};

/// shim splits a list that is too long for one variable: `MokListRT`, `MokListRT1`, and so on.
const PARTS: usize = 64;

/// What a machine's variables say about it, and about the key with this certificate (DER). Which machine it is, they do not say.
#[must_use]
pub fn machine(variables: &Variables, certificate: Option<&[u8]>) -> Machine {
    let firmware = firmware(variables);
    let key = certificate.and_then(key);
    let enrollment = match (&firmware, certificate.filter(|_| key.is_some())) {
        (Some(firmware), Some(certificate)) => enrollment(variables, firmware, certificate),
        _ => Enrollment::Unknown,
    };
    Machine { firmware, enrollment, key, dmi: MachineFacts::default() }
}

/// The facts about the firmware; nothing where the machine was not started by UEFI.
#[must_use]
pub fn firmware(variables: &Variables) -> Option<Firmware> {
    variables.present().then(|| Firmware {
        secure_boot: match (variables.switch("SetupMode", GLOBAL), variables.switch("SecureBoot", GLOBAL)) {
            (Some(1), _) => SecureBoot::SetupMode,
            (_, Some(1)) => SecureBoot::On,
            _ => SecureBoot::Off,
        },
        // 1: `mokutil --disable-validation`.
        shim_validates: variables.switch("MokSBStateRT", SHIM_LOCK) != Some(1),
        writable: variables.writable(),
        free: variables.free(),
    })
}

/// The certificate as a person sees it; nothing where it is none.
#[must_use]
pub fn key(certificate: &[u8]) -> Option<Key> {
    let parsed = X509::from_der(certificate).ok()?;
    let name = parsed.subject_name().entries_by_nid(Nid::COMMONNAME).next();
    let subject = name.and_then(|entry| entry.data().to_string().ok()).unwrap_or_default();
    let digest = |kind| parsed.digest(kind).ok().map(hex::encode);
    Some(Key { subject, sha1: digest(MessageDigest::sha1())?, sha256: digest(MessageDigest::sha256())? })
}

/// How far the enrollment of a certificate is.
fn enrollment(variables: &Variables, firmware: &Firmware, certificate: &[u8]) -> Enrollment {
    if enrolled(variables, certificate) {
        return match firmware.secure_boot {
            SecureBoot::On => Enrollment::Enforced,
            SecureBoot::Off | SecureBoot::SetupMode => Enrollment::Enrolled,
        };
    }
    // MokManager needs both: without MokAuth it asks for nothing, and drops the request.
    let asked = holds(variables, "MokNew", certificate) == Some(true);
    let answerable = variables.read("MokAuth", SHIM_LOCK).ok().flatten().is_some();
    if asked && answerable { Enrollment::Pending } else { Enrollment::Lost }
}

/// Whether shim knows a certificate.
fn enrolled(variables: &Variables, certificate: &[u8]) -> bool {
    if holds(variables, "MokListRT", certificate) == Some(true) {
        return true;
    }
    (1..PARTS).map_while(|part| holds(variables, &format!("MokListRT{part}"), certificate)).any(|found| found)
}

/// Whether a list holds a certificate; nothing where there is no such list.
fn holds(variables: &Variables, name: &str, certificate: &[u8]) -> Option<bool> {
    let list = variables.read(name, SHIM_LOCK).ok().flatten()?;
    let mut entries = signatures(&list.data).into_iter();
    Some(entries.any(|entry| entry.kind == SignatureKind::X509 && entry.data == certificate))
}
