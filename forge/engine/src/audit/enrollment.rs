//! What firmware and shim say: whether they check what they start, and whether shim knows this machine's key.

use super::{Look, Root};
use crate::efivars::{self, Variables};
use forge_model::machine::{Enrollment, SecureBoot};

/// Why the variables can not be read, where they can not.
fn no_variables(root: &Root, variables: &Variables) -> Option<Look> {
    if variables.present() {
        return None;
    }
    Some(match root.about("/sys/firmware/efi") {
        Ok(_) => Look::unknown("/sys/firmware/efi/efivars can not be read, or is not mounted"),
        Err(error) if error.is_absent() => {
            Look::failed("this system was not started by UEFI: /sys/firmware/efi is not there")
        }
        Err(error) => Look::unknown(error),
    })
}

/// Whether firmware and shim refuse what no known key has signed.
pub fn secure_boot(root: &Root, variables: &Variables) -> Look {
    let Some(firmware) = efivars::firmware(variables) else {
        return no_variables(root, variables).unwrap_or_default();
    };
    let mut look = Look::default();
    let said = match firmware.secure_boot {
        SecureBoot::On => "Secure Boot is on",
        SecureBoot::Off => "Secure Boot is off",
        SecureBoot::SetupMode => "the firmware is in setup mode: it checks nothing, and anybody may enroll a key",
    };
    look.expect(firmware.secure_boot == SecureBoot::On, said);
    let said = match firmware.shim_validates {
        true => "shim checks what it starts",
        false => "shim checks nothing: MokSBStateRT is 1",
    };
    look.expect(firmware.shim_validates, said);
    look
}

/// Whether shim knows the key with this certificate.
pub fn key(root: &Root, variables: &Variables, certificate: Result<&[u8], &str>) -> Look {
    if let Some(look) = no_variables(root, variables) {
        return look;
    }
    let certificate = match certificate {
        Ok(certificate) => certificate,
        Err(why) => return Look::unknown(why),
    };
    let machine = efivars::machine(variables, Some(certificate));
    let mut look = Look::default();
    if let Some(key) = &machine.key {
        look.fact(format_args!("the key of this machine: {}, SHA-256 {}", key.subject, key.sha256));
    }
    match machine.enrollment {
        Enrollment::Enforced | Enrollment::Enrolled => look.fact("MokListRT holds its certificate"),
        Enrollment::Pending => look.fault("MokListRT does not hold it; a request waits for the next start (MokNew)"),
        Enrollment::Lost => look.fault("MokListRT does not hold it, and no request waits"),
        Enrollment::Unknown => look.fault("the certificate of this machine can not be read"),
    }
    look
}
