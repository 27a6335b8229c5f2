//! The firmware in sentences: what it says, what it refuses, what was left in it.

use forge_model::machine::{
    BootFile, ByHand, ChainFault, Enrollment, Firmware, Machine, SecureBoot, Staged, Staging, StagingFault,
};

/// What to do when no request waits in the firmware.
pub const FROM_DISK: &str = "Enroll it from disk: turn Secure Boot on, start the computer, and in the blue screen \
    (MokManager) choose \"Enroll key from disk\", then the volume \"ESP\" and INTERGENOS-KEY.cer.";

/// Why the firmware would not start what is installed, and what to do about it.
pub fn chain_fault(fault: &ChainFault) -> String {
    let newer = "Use a newer installation medium.";
    match fault {
        ChainFault::UnknownAuthority { file, signed_by, known } => format!(
            "this computer's firmware would not start {}: it is signed by {}, and the firmware knows only {}. \
             Allow the \"3rd party UEFI CA\" of Microsoft in the firmware's settings, update the firmware, or turn Secure \
             Boot off.",
            boot_file(*file),
            signed_by.join(" and "),
            if known.is_empty() { "nobody".into() } else { known.join(", ") }
        ),
        ChainFault::NotSigned { file } => {
            format!("this computer's firmware would not start {}: nobody has signed it. {newer}", boot_file(*file))
        }
        ChainFault::RevokedImage { file, sha256 } => {
            format!("this computer's firmware has revoked {} (SHA-256 {sha256}). {newer}", boot_file(*file))
        }
        ChainFault::RevokedCertificate { file, subject } => {
            format!("this computer's firmware has revoked {subject:?}, who signed {}. {newer}", boot_file(*file))
        }
        ChainFault::RevokedGeneration { file, component, has, needs } => format!(
            "{} would not be started here: its part {component:?} is of generation {has}, and this computer starts none \
             below {needs} (SBAT). {newer}",
            boot_file(*file)
        ),
        ChainFault::NoGeneration { file } => {
            format!("{} would not be started here: it does not say its generation (SBAT). {newer}", boot_file(*file))
        }
        ChainFault::NoImage { file } => format!("{} of this medium is no EFI program. {newer}", boot_file(*file)),
    }
}

fn boot_file(file: BootFile) -> &'static str {
    match file {
        BootFile::Shim => "the first boot loader (shim)",
        BootFile::MokManager => "the program that enrolls keys (MokManager)",
        BootFile::Fallback => "the program that repairs boot entries (fallback)",
        BootFile::Grub => "the boot loader (GRUB)",
    }
}

/// Why the request can not be left in the firmware, as a part of a sentence.
pub fn by_hand(reason: ByHand) -> &'static str {
    match reason {
        ByHand::NoFirmware => "this computer was not started by UEFI",
        ByHand::ReadOnly => "its variables can only be read",
        ByHand::NoRoom => "it has no room left",
    }
}

/// What was left in the firmware, one sentence a line; nothing where there was nothing to leave.
pub fn staged(staged: &Staged) -> Vec<String> {
    let mut lines = Vec::new();
    match &staged.request {
        Staging::Done => {
            lines.push(
                "At the next start the computer asks for the enrollment code, in a blue screen (MokManager).".into(),
            );
        }
        Staging::NotHere => {}
        Staging::Failed { fault, details } => lines.push(not_staged(*fault, details)),
    }
    if let Staging::Failed { fault, details } = &staged.boot_entry {
        lines.push(format!(
            "The firmware took no boot entry: {} ({details}). The disk starts all the same: choose it in the firmware's \
             boot menu if it does not start by itself.",
            staging_fault(*fault)
        ));
    }
    lines
}

/// Why no request waits, and what to do.
pub fn not_staged(fault: StagingFault, details: &str) -> String {
    let why = staging_fault(fault);
    format!("The request to enroll the key could not be left in the firmware: {why} ({details}). {FROM_DISK}")
}

fn staging_fault(fault: StagingFault) -> &'static str {
    match fault {
        StagingFault::ReadOnly => "its variables can only be read",
        StagingFault::NoRoom => "it has no room left",
        StagingFault::Differs => "it did not keep what was written",
        StagingFault::Refused => "it refused",
    }
}

/// What is left to do, for who sits at a console without a desktop; nothing when nothing is.
pub fn issue(machine: &Machine) -> Option<&'static str> {
    match machine.enrollment {
        Enrollment::Pending => Some(
            "This computer's key waits to be enrolled. Restart: a blue screen asks for the code.\n\
             Without the code, log in and type: sudo forgectl enroll",
        ),
        Enrollment::Lost => Some(
            "This computer does not trust its own key yet: the blue screen was missed, or the code was wrong.\n\
             Log in and type: sudo forgectl enroll",
        ),
        Enrollment::Enforced | Enrollment::Enrolled | Enrollment::Unknown => None,
    }
}

/// What a machine says about itself, one sentence a line.
pub fn machine(machine: &Machine) -> Vec<String> {
    let mut lines = match &machine.firmware {
        None => vec!["This computer was not started by UEFI.".into()],
        Some(firmware) => self::firmware(firmware),
    };
    lines.push(
        match machine.enrollment {
            Enrollment::Enforced => {
                "This computer's key is enrolled, and Secure Boot is on: only what it signed starts."
            }
            Enrollment::Enrolled => "This computer's key is enrolled. Turn Secure Boot on in the firmware's settings.",
            Enrollment::Pending => {
                "A request to enroll this computer's key waits for the next start. Restart, and type the code."
            }
            Enrollment::Lost => {
                "This computer's key is not enrolled, and no request waits. \"forgectl enroll\" asks again."
            }
            Enrollment::Unknown => "Whether a key of this computer is enrolled can not be told.",
        }
        .into(),
    );
    if let Some(key) = &machine.key {
        lines.push(format!("Its key: {}", key.subject));
        lines.push(format!("  SHA-1    {}", key.sha1));
        lines.push(format!("  SHA-256  {}", key.sha256));
    }
    lines
}

fn firmware(firmware: &Firmware) -> Vec<String> {
    let mut lines = vec![
        match firmware.secure_boot {
            SecureBoot::On => "Secure Boot is on.",
            SecureBoot::Off => "Secure Boot is off.",
            SecureBoot::SetupMode => "Secure Boot is in setup mode: it checks nothing, and anybody may enroll keys.",
        }
        .into(),
    ];
    if !firmware.shim_validates {
        lines.push("shim checks nothing (mokutil --enable-validation turns that on again).".into());
    }
    match (firmware.writable, firmware.free) {
        (false, _) => lines.push("The firmware's variables can only be read.".into()),
        (true, Some(free)) => lines.push(format!("The firmware has room for {free} bytes of variables.")),
        (true, None) => {}
    }
    lines
}
