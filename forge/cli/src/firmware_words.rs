//! The firmware in sentences: what it says, what it refuses, what was left in it.

use forge_model::{
    Receipt,
    machine::{BootFile, ByHand, ChainFault, Enrollment, Firmware, Machine, SecureBoot, Staged, Staging, StagingFault},
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

/// What was left in the firmware, one sentence a line; nothing where there was nothing to leave. The receipt tells what
/// starts without a boot entry.
pub fn staged(staged: &Staged, receipt: &Receipt) -> Vec<String> {
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
    let none = match &staged.boot_entry {
        Staging::Done => return lines,
        Staging::NotHere => None,
        Staging::Failed { fault, details } => {
            Some(format!("The firmware took no boot entry: {} ({details}).", staging_fault(*fault)))
        }
    };
    let make = receipt.boot_entry_command().map(|command| format!("In a Linux that was started by UEFI: {command}"));
    match (receipt.starts_only_by_entry(), none) {
        (true, none) => lines.push(format!(
            "{} Nothing starts the new system until there is one: it shares its EFI system partition, and EFI/BOOT on it is \
             another system's. {}",
            none.unwrap_or_else(|| "The firmware has no boot entry for it.".into()),
            make.unwrap_or_default()
        )),
        (false, None) => {}
        (false, Some(none)) if receipt.way.is_whole_disk() => lines.push(format!(
            "{none} The disk starts all the same: choose it in the firmware's boot menu if it does not start by itself."
        )),
        (false, Some(none)) => lines.push(format!(
            "{none} Choose the disk in the firmware's boot menu. Where that starts another system, make an entry. {}",
            make.unwrap_or_default()
        )),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A receipt of a way, whose EFI system partition is the second of the disk.
    fn receipt(way: &str, shared: bool, file: &str) -> Receipt {
        let key = serde_json::json!({ "name": "k", "sha1": "1a", "sha256": "2b" });
        let hash = "11".repeat(32);
        let esp = serde_json::json!({
            "number": 2, "role": "esp", "offset": 0, "size": 0, "label": "", "shared": shared,
            "id": "00000000-0000-0000-0000-000000000002",
        });
        let receipt = serde_json::json!({
            "version": 1, "forge": "0", "finished": 0, "plan_digest": "00", "way": way,
            "target": {
                "identity": { "path": "/dev/sda", "serial": null, "wwn": null, "sequence": null },
                "model": null, "kind": "disk", "size": 1, "sector_size": 512
            },
            "payload": {
                "id": "x", "name": "X's", "release": "1", "manifest_sha256": "00", "image_bytes": 1, "root_hash": hash
            },
            "payload_certificate": "F0", "payload_subkey": "F1", "root_hash": hash,
            "disk_id": "00000000-0000-0000-0000-000000000007", "partitions": [esp],
            "esp_files": [{ "path": file, "size": 1, "sha256": "00" }],
            "boot_key": key, "module_key": key, "command_line": "", "credentials": []
        });
        serde_json::from_value(receipt).unwrap()
    }

    #[test]
    fn where_another_has_the_removable_path_it_is_said_that_nothing_starts_without_a_boot_entry() {
        let failed = Staging::Failed { fault: StagingFault::NoRoom, details: "x".into() };
        let staged = |boot_entry: &Staging, receipt| {
            let staged = Staged { boot_entry: boot_entry.clone(), request: Staging::NotHere };
            self::staged(&staged, &receipt).join(" ")
        };
        let command = "efibootmgr --create --disk /dev/sda --part 2 --label 'Xs' --loader '\\EFI\\x\\shimx64.efi'";
        for entry in [&failed, &Staging::NotHere] {
            let said = staged(entry, receipt("manual", true, "EFI/x/shimx64.efi"));
            assert!(said.contains("Nothing starts the new system") && said.ends_with(command), "{said}");
            assert!(!said.contains("all the same"), "{said}");
        }
        // With the removable path, and with an EFI system partition of its own, the disk starts, or may.
        for (way, shared) in [("manual", true), ("free-space", false)] {
            let said = staged(&failed, receipt(way, shared, "EFI/BOOT/BOOTX64.EFI"));
            assert!(said.contains("starts another system") && said.ends_with(command), "{said}");
            assert_eq!(staged(&Staging::NotHere, receipt(way, shared, "EFI/BOOT/BOOTX64.EFI")), "");
        }
        let said = staged(&failed, receipt("whole-disk", false, "EFI/BOOT/BOOTX64.EFI"));
        assert!(said.contains("The disk starts all the same") && !said.contains("efibootmgr"), "{said}");
        assert_eq!(staged(&Staging::Done, receipt("manual", true, "EFI/x/shimx64.efi")), "");
    }
}
