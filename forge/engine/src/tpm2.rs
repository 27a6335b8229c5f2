//! The TPM opens the encrypted state, too: what is signed for it, and what asks it to, on the installed system.
//!
//! ```text
//! made here     a key that signs what this machine's boot images will have measured      -> state, 0600
//!               its signature over the boot image (PCR 11 in the initrd)                 -> the boot image, .pcrsig
//!               a key slot that is used once                                             -> state, 0600
//! made there    the slot of the TPM, at the first start with Secure Boot enforced; then the slot that is used once goes
//! ```
//!
//! Not here, because the TPM has to see the start that it shall wait for. PCR 11 alone would be no lock: any system that is
//! started on this machine can put the same values in there. PCR 7 is: it says that Secure Boot was enforced and whose
//! signatures let the start pass, and it is another one before this machine's key is enrolled. PCR 12 and 13 say that nothing
//! was added from the ESP that nobody signed (credentials, extensions). So the helper needs no TPM.

use crate::{
    memory::{self, Hidden},
    system::{NodeKind, Tree, add, etc, file},
    tool::{Run, ToolError, Tools},
};
use forge_model::Secret;
use goblin::pe::PE;
use openssl::{
    error::ErrorStack,
    pkey::{PKey, Private},
    rsa::Rsa,
};
use std::{
    fs::File,
    io::{self, Read, Seek},
};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Where the keys lie in the state file system (`/var` of the installed system).
pub const DIRECTORY: &str = "lib/forge/tpm2";
/// The unit of the installed system that asks the TPM.
pub const UNIT: &str = "forge-tpm2.service";
/// The key slot that is used once: behind those of the passphrase and the recovery key.
pub const SLOT: u32 = 2;
/// The only state of the boot image in which the TPM opens: before anything of the state has run.
pub const PHASE: &str = "enter-initrd";
/// What of the start is held against its values at the enrollment.
const PCRS: &str = "7+12+13";
/// What the signed command line says where the TPM opens the state: that nobody is given a shell on the way to the login.
///
/// systemd would take units from the firmware's tables (SMBIOS, fw_cfg), which are measured to PCR 1 only
/// (systemd.system-credentials(7)). And when something fails in the initrd, its shell may ask for no password. In the system
/// itself the rescue shells ask for root's, so they stay.
pub(crate) const CLOSED: &str = "systemd.import_credentials=no rd.shell=0 rd.systemd.mask=emergency.service \
                                 rd.systemd.mask=rescue.service";
/// RSA-2048 is what every TPM 2.0 can check.
const RSA_BITS: u32 = 2048;
/// The sections of a boot image that systemd-stub measures and systemd-measure knows (systemd-measure(1)).
const MEASURED: [&str; 12] =
    ["linux", "osrel", "cmdline", "initrd", "ucode", "splash", "dtb", "uname", "sbat", "pcrpkey", "profile", "hwids"];

/// Why no signature for the TPM could be made.
#[derive(Debug, thiserror::Error)]
pub enum Tpm2Error {
    /// OpenSSL failed.
    #[error("the boot image can not be signed for the TPM: {0}")]
    Key(#[from] ErrorStack),
    /// systemd-measure failed.
    #[error("the boot image can not be signed for the TPM: {0}")]
    Tool(#[from] ToolError),
    /// Memory or a descriptor failed.
    #[error("the boot image can not be signed for the TPM: {0}")]
    Io(#[from] io::Error),
    /// The boot image is none.
    #[error("the boot image can not be signed for the TPM: {0}")]
    Image(#[from] goblin::error::Error),
    /// A section of the boot image lies outside it.
    #[error("the boot image can not be signed for the TPM: its section {0} is cut short")]
    Section(&'static str),
}

/// The key that says which boot images the TPM may open the state to.
pub struct PolicyKey(PKey<Private>);

impl PolicyKey {
    /// Makes one.
    pub fn generate() -> Result<Self, ErrorStack> {
        Ok(Self(PKey::from_rsa(Rsa::generate(RSA_BITS)?)?))
    }

    /// The private key, PEM.
    pub fn private_pem(&self) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
        Ok(Zeroizing::new(self.0.private_key_to_pem_pkcs8()?))
    }

    /// The public key, PEM: part of the boot image.
    pub fn public_pem(&self) -> Result<Vec<u8>, ErrorStack> {
        self.0.public_key_to_pem()
    }

    /// Signs what the TPM will have measured of this boot image, for the section `.pcrsig`.
    ///
    /// ukify would call systemd-measure itself, but hands it the paths of files, and none of these is in a file system.
    pub fn sign(&self, tools: &Tools, mut uki: &File) -> Result<Vec<u8>, Tpm2Error> {
        let mut image = Vec::new();
        uki.rewind()?;
        uki.read_to_end(&mut image)?;
        let key = Hidden::new(&self.private_pem()?)?;
        let mut run = Run::new(tools, &tools.systemd_measure)
            .args(["sign", "--bank=sha256", &format!("--phase={PHASE}")])
            .fd_arg("--private-key=", &key)?;
        for (name, content) in sections(&image)? {
            run = run.fd_arg(&format!("--{name}="), memory::file(c"forge-section", content)?)?;
        }
        Ok(run.run()?)
    }
}

/// The measured sections of a boot image.
fn sections(image: &[u8]) -> Result<Vec<(&'static str, &[u8])>, Tpm2Error> {
    let pe = PE::parse(image)?;
    let mut found = Vec::new();
    for section in &pe.sections {
        let name = section.name()?;
        let Some(name) = MEASURED.into_iter().find(|known| name.strip_prefix('.') == Some(known)) else { continue };
        // The stub measures what is loaded, without what fills the last sector of the file.
        let (start, length) = (section.pointer_to_raw_data as usize, section.virtual_size as usize);
        let content = start.checked_add(length).and_then(|end| image.get(start..end));
        found.push((name, content.ok_or(Tpm2Error::Section(name))?));
    }
    Ok(found)
}

/// What lies in the state for it: the keys, how later boot images are signed, and the unit that asks the TPM.
pub(crate) fn lay(tree: &mut Tree, key: &PolicyKey, once: &Secret, volume: Uuid) -> Result<(), ErrorStack> {
    add(tree, DIRECTORY, NodeKind::Directory, 0o700, 0, 0);
    file(tree, &format!("{DIRECTORY}/pcr.key"), key.private_pem()?.to_vec(), 0o600);
    file(tree, &format!("{DIRECTORY}/pcr.pem"), key.public_pem()?, 0o644);
    file(tree, &format!("{DIRECTORY}/once.key"), once.expose().as_bytes().to_vec(), 0o600);
    let units = etc("systemd/system");
    file(tree, &format!("{units}/{UNIT}"), unit(volume).into_bytes(), 0o644);
    let link = NodeKind::Link(format!("../{UNIT}"));
    add(tree, &format!("{units}/multi-user.target.wants/{UNIT}"), link, 0o777, 0, 0);
    Ok(())
}

/// What `ukify` is told of it in `/etc/kernel/uki.conf`: later boot images are signed for the TPM, too.
pub fn uki_settings() -> String {
    format!(
        "PCRBanks=sha256\n\n[PCRSignature:forge]\nPCRPrivateKey=/var/{DIRECTORY}/pcr.key\n\
         PCRPublicKey=/var/{DIRECTORY}/pcr.pem\nPhases={PHASE}\n"
    )
}

/// The unit. It does its work once: then the key that it needs is gone, and the slot that this key opens.
///
/// It waits for a start that is worth to be waited for: Secure Boot enforced by the firmware, not turned off in shim
/// (`MokSBState`), a measured boot image and a TPM.
fn unit(volume: Uuid) -> String {
    let (directory, device) = (format!("/var/{DIRECTORY}"), format!("/dev/disk/by-uuid/{volume}"));
    format!(
        "[Unit]
Description=Let the TPM of this computer open the encrypted state
Documentation=man:systemd-cryptenroll(1)
ConditionPathExists={directory}/once.key
ConditionPathExists=!/sys/firmware/efi/efivars/MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23
ConditionSecurity=uefi-secureboot
ConditionSecurity=measured-uki
ConditionSecurity=tpm2
After=tpm2.target systemd-tpm2-setup.service

[Service]
Type=oneshot
# Nothing to do if a start was cut off between the two steps below.
ExecCondition=/usr/sbin/cryptsetup open --test-passphrase --key-slot {SLOT} --key-file {directory}/once.key {device}
ExecStart=/usr/bin/systemd-cryptenroll --unlock-key-file={directory}/once.key --tpm2-device=auto --tpm2-pcrs={PCRS} \
--tpm2-public-key={directory}/pcr.pem --tpm2-public-key-pcrs=11 --wipe-slot=tpm2,{SLOT} {device}
ExecStart=/usr/bin/rm {directory}/once.key

NoNewPrivileges=yes
# The TPM may belong to a group of its own.
CapabilityBoundingSet=CAP_DAC_OVERRIDE
ProtectSystem=strict
# The second one is where cryptsetup locks a volume.
ReadWritePaths={directory} /run
ProtectHome=yes
PrivateTmp=yes
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
DevicePolicy=closed
DeviceAllow={device} rw
DeviceAllow=/dev/tpmrm0 rw
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0077
LimitCORE=0

[Install]
WantedBy=multi-user.target
"
    )
}

#[cfg(test)]
mod tests;
