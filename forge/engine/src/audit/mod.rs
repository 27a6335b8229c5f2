//! The posture of the machine that runs this: each promise of the system, measured.
//!
//! Everything is read below a [`Root`], so that a test can bring a directory of its own, and by tools that a test can
//! replace. In each file the rules are apart from the reading: a rule takes text, and gives a [`Look`].
//!
//! | file | what it looks at |
//! |---|---|
//! | [`root`], [`look`] | where things are read; what one look gives |
//! | [`boot_partition`] | the files of the EFI system partition, mounted or not |
//! | `sealed_root` | the root file system, its device and its root hash |
//! | `enrollment` | Secure Boot, shim, and whether it knows this machine's key |
//! | `boot_files` | the signatures of boot images and GRUB |
//! | [`receipt`] | the receipt: its signature, the partitions, the other boot files |
//! | [`receipt_set`] | the same and the signatures, of any EFI system partition: `forgectl receipt verify` |
//! | `keys_private` | who can read the keys, and what later kernels are signed with |
//! | `apparmor`, `firewall`, `listeners` | the kernel's profiles, packet filter and sockets |
//! | `passwords` | the account files |
//! | `services` | NetworkManager and its rival; how confined each service is |
//! | `firmware` | firmware that nobody accepted |
//!
//! A look that needs more rights than the caller has gives [`Finding::CannotTell`](forge_model::audit::Finding) with the reason. No evidence holds a
//! secret: of the account files it names accounts, and never a hash.

mod apparmor;
mod boot_files;
pub mod boot_partition;
mod enrollment;
mod firewall;
mod firmware;
mod keys_private;
mod listeners;
pub mod look;
mod passwords;
pub mod receipt;
pub mod receipt_set;
pub mod root;
mod sealed_root;
mod services;

#[cfg(test)]
mod tests;

pub use look::Look;
pub use root::Root;

use crate::{
    efivars::Variables,
    firmware::{
        extension,
        installed::{Fault, Found},
    },
    tool::Tools,
};
use boot_partition::Mounted;
use forge_model::{
    Receipt,
    audit::{Audit, Check, Line},
};
use std::time::SystemTime;

/// This machine's boot certificate (DER), where only root can change it.
const CERTIFICATE: &str = "/var/lib/forge/mok/boot.cer";

/// Measures every promise, as far as the caller may read.
#[must_use]
pub fn measure(root: &Root, tools: &Tools, now: SystemTime) -> Audit {
    let machine = Machine::of(root, tools);
    let lines = Check::ALL.map(|check| {
        let look = machine.look(check);
        Line { check, result: look.finding(), evidence: look.evidence(), command: command(check).into() }
    });
    let measured = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_secs());
    Audit { measured, lines: lines.into() }
}

/// What several looks need, read once.
struct Machine<'a> {
    root: &'a Root,
    tools: &'a Tools,
    /// The certificate that everything is held against, or why it can not be read.
    certificate: Result<Vec<u8>, String>,
    /// The mounted EFI system partition, or why it can not be read.
    partition: Result<Mounted, String>,
    /// The receipt on it, as bytes and read, or why it can not be used.
    receipt: Result<(Vec<u8>, Receipt), String>,
    /// The firmware that is there, or why it can not be told.
    firmware: Result<Vec<Found>, String>,
}

impl<'a> Machine<'a> {
    fn of(root: &'a Root, tools: &'a Tools) -> Self {
        let partition = Mounted::find(root);
        let receipt = partition.as_ref().map_err(Clone::clone).and_then(receipt::read);
        let certificate = root.bytes(CERTIFICATE).map_err(|e| e.to_string());
        let known = certificate.as_deref().map_err(String::as_str);
        let firmware = firmware::found(root, known, partition.as_ref().ok());
        Self { root, tools, certificate, partition, receipt, firmware }
    }

    /// The system extensions that may be merged: of firmware that was accepted, and is as it was.
    fn extensions(&self) -> Result<Vec<String>, String> {
        let good = |found: &&Found| {
            let stands = |fault: &Fault| matches!(fault, Fault::NoAddon | Fault::Addon);
            found.consent.is_some() && found.faults.iter().all(stands)
        };
        let found = self.firmware.as_ref().map_err(Clone::clone)?;
        Ok(found.iter().filter(good).map(|found| extension(&found.name)).collect())
    }

    fn look(&self, check: Check) -> Look {
        let (root, tools) = (self.root, self.tools);
        let certificate = self.certificate.as_deref().map_err(String::as_str);
        let receipt = self.receipt.as_ref().map(|(_, receipt)| receipt).map_err(String::as_str);
        let partition = self.partition.as_ref().map_err(String::as_str);
        let variables = || Variables::at(root.path("/sys/firmware/efi/efivars"));
        match check {
            Check::SealedRoot => sealed_root::look(root, tools, receipt, self.extensions().as_deref()),
            Check::SecureBoot => enrollment::secure_boot(root, &variables()),
            Check::KeyEnrolled => enrollment::key(root, &variables(), certificate),
            Check::BootFilesSigned => match (certificate, partition) {
                (Ok(certificate), Ok(partition)) => boot_files::look(tools, certificate, partition),
                (Err(why), _) | (_, Err(why)) => Look::unknown(why),
            },
            Check::Receipt => match (partition, certificate) {
                (Ok(partition), Ok(certificate)) => {
                    let mut look = receipt::look(partition, Some(certificate));
                    if let Ok(receipt) = receipt {
                        look.add(receipt::partitions(root, receipt));
                    }
                    look
                }
                (Err(why), _) | (_, Err(why)) => Look::unknown(why),
            },
            Check::KeysPrivate => keys_private::look(root),
            Check::AppArmor => apparmor::look(root),
            Check::Firewall => firewall::look(tools),
            Check::NothingListens => listeners::look(root),
            Check::Passwords => passwords::look(root),
            Check::Network => services::network(tools),
            Check::Sandboxes => services::sandboxes(tools),
            Check::Firmware => firmware::look(root, &self.firmware, partition),
        }
    }
}

/// What a person types to see the same.
fn command(check: Check) -> &'static str {
    match check {
        Check::SealedRoot => "findmnt /; sudo veritysetup status root",
        Check::SecureBoot => "mokutil --sb-state",
        Check::KeyEnrolled => "sudo mokutil --test-key /var/lib/forge/mok/boot.cer",
        Check::BootFilesSigned => "sudo sbverify --cert /var/lib/forge/mok/boot.pem /boot/EFI/Linux/*.efi",
        Check::Receipt => "sudo forgectl receipt verify",
        Check::KeysPrivate => "sudo ls -l /var/lib/forge/mok; cat /etc/kernel/uki.conf",
        Check::AppArmor => "sudo cat /sys/kernel/security/apparmor/profiles",
        Check::Firewall => "sudo nft list ruleset",
        Check::NothingListens => "sudo ss -tulpnw",
        Check::Passwords => "sudo passwd --status --all",
        Check::Network => "systemctl status NetworkManager systemd-networkd",
        Check::Sandboxes => "systemd-analyze security",
        Check::Firmware => "ls -R /usr/lib/firmware /var/lib/extensions",
    }
}
