//! Where the payload is, and how long to stay. The unit file sets these; nobody on the bus can.

use clap::Parser;
use std::{path::PathBuf, time::Duration};

/// Forge's privileged helper; the system bus starts it.
#[derive(Parser)]
#[command(name = "forge-helper", version)]
pub struct Arguments {
    /// The payload's directory
    #[arg(long, default_value = "/usr/share/forge/payload")]
    pub payload: PathBuf,
    /// The OpenPGP certificate that signs payloads
    #[arg(long, default_value = "/usr/share/forge/payload-certificate.pgp")]
    pub certificate: PathBuf,
    /// The file that names the root hash of the running system, where that is a live medium: then the payload has to be the
    /// system that runs
    #[arg(long, default_value = "/run/forge/root-hash")]
    pub root_hash: PathBuf,
    /// The directory of the firmware's variables
    #[arg(long, default_value = "/sys/firmware/efi/efivars")]
    pub efivars: PathBuf,
    /// The directory of this machine's keys, on an installed system
    #[arg(long, default_value = "/var/lib/forge/mok")]
    pub keys: PathBuf,
    /// The directory in which the kernel shows which machine this is
    #[arg(long, default_value = "/sys/class/dmi/id")]
    pub dmi: PathBuf,
    /// The directory in which the kernel shows the devices of this machine
    #[arg(long, default_value = "/sys")]
    pub sysfs: PathBuf,
    /// The directory of system extensions, in which firmware lies
    #[arg(long, default_value = "/var/lib/extensions")]
    pub extensions: PathBuf,
    /// The directory of what was accepted of it, and by whom
    #[arg(long, default_value = "/var/lib/forge/firmware")]
    pub consents: PathBuf,
    /// The mounted EFI system partition; where systemd mounts it, if this is left out
    #[arg(long)]
    pub esp: Option<PathBuf>,
    /// Milliseconds to stay when nobody needs it
    #[arg(long, default_value_t = 30_000)]
    pub idle_ms: u64,
    /// Milliseconds to wait until the system sees the new partitions
    #[arg(long, default_value_t = 10_000)]
    pub settle_ms: u64,
    /// The socket of the service that measures the posture of this machine
    #[arg(long, default_value = "/run/forge-audit.socket")]
    pub audit_socket: PathBuf,
    /// Measures the posture of this machine, prints it as JSON, and ends: this is that service
    #[arg(long)]
    pub audit: bool,
    /// Prints the introspection XML of its interfaces, and ends
    #[arg(long)]
    pub introspect: bool,
}

impl Arguments {
    /// How long to stay when nobody needs it.
    pub fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }

    /// How long to wait until the system sees the new partitions.
    pub fn settle(&self) -> Duration {
        Duration::from_millis(self.settle_ms)
    }
}
