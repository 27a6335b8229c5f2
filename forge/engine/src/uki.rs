//! The unified kernel image: kernel, initrd and the command line that names this disk, in one file to be signed.

use crate::{
    memory,
    tool::{Run, ToolError, Tools},
    tpm2::{self, PolicyKey, Tpm2Error},
};
use forge_model::{Plan, layout::Role, payload::Boot, receipt::WrittenPartition};
use std::{fs::File, io};
use uuid::Uuid;

/// Where the writable layer of `/etc` lies in the state file system.
pub const ETC_UPPER: &str = "lib/forge/etc/upper";
/// The overlay's own directory beside it.
pub const ETC_WORK: &str = "lib/forge/etc/work";

/// Where the state of an earlier system is mounted, when its `home` was kept.
pub const EARLIER: &str = "lib/forge/earlier";

/// Why no UKI could be made.
#[derive(Debug, thiserror::Error)]
pub enum UkiError {
    /// ukify failed.
    #[error("the boot image could not be built: {0}")]
    Tool(#[from] ToolError),
    /// Memory or a descriptor failed.
    #[error("the boot image could not be built: {0}")]
    Io(#[from] io::Error),
    /// It could not be signed for the TPM.
    #[error(transparent)]
    Tpm2(#[from] Tpm2Error),
}

/// The command line of the installed system: the sealed root by its hash, the state by its PARTUUID.
///
/// Beside other systems it also names the ESP, and nothing is found by itself.
///
/// It is all that the image's initrd needs: systemd-veritysetup-generator reads `roothash=`, systemd-cryptsetup-generator
/// `rd.luks.name=`, systemd-fstab-generator the mounts (kernel-command-line(7)).
pub fn command_line(
    plan: &Plan,
    base: &str,
    file_system: &str,
    partitions: &[WrittenPartition],
    volume: Option<Uuid>,
) -> String {
    let id = |role| partitions.iter().find(|p| p.role == role).map(|p| p.id).unwrap_or_default();
    let state = id(Role::State);
    // Where there is no TPM, or it refuses, the passphrase is asked for all the same (crypttab(5)).
    let tpm2 = if plan.tpm2 { ",tpm2-device=auto" } else { "" };
    let (open, state) = match volume {
        // The passphrase is asked for until it is right, typed on the keyboard that was chosen (systemd-cryptsetup@.service(8),
        // systemd-vconsole-setup.service(8)).
        Some(volume) => (
            format!(
                "rd.luks.name={volume}=state rd.luks.options={volume}=tries=0{tpm2} vconsole.keymap={}",
                plan.keymap
            ),
            "/dev/mapper/state".into(),
        ),
        None => (String::new(), format!("PARTUUID={state}")),
    };
    let closed = if plan.tpm2 { tpm2::CLOSED } else { "" };
    let words = [
        base.trim().to_owned(),
        format!("root=/dev/mapper/root rootfstype={file_system} ro"),
        format!("roothash={}", plan.payload.root_hash),
        "systemd.verity_root_options=panic-on-corruption".into(),
        open,
        closed.into(),
        // What was accepted of firmware lies there, and is merged before the root is switched to.
        format!(
            "rd.systemd.mount-extra={state}:/sysroot/var:ext4:rw,nodev,nosuid,\
             x-systemd.before=systemd-sysext-sysroot.service"
        ),
        format!(
            "rd.systemd.mount-extra=overlay:/sysroot/etc:overlay:lowerdir=/sysroot/etc,\
             upperdir=/sysroot/var/{ETC_UPPER},workdir=/sysroot/var/{ETC_WORK},\
             x-systemd.requires-mounts-for=/sysroot/var"
        ),
        home(plan),
        plan.layout.beside.as_ref().map_or_else(String::new, |_| alone(id(Role::Esp))),
    ];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Where `/home` comes from: the state, or the earlier system's state that was kept for it.
///
/// Nothing else of an earlier state is used. Programs in its `home` can be started as in any other, elsewhere in it not.
fn home(plan: &Plan) -> String {
    let beside = plan.layout.beside.as_ref();
    match beside.and_then(|beside| beside.kept.iter().find(|one| Some(one.number) == beside.home)?.entry) {
        None => "systemd.mount-extra=/var/home:/home:none:bind,nodev,nosuid,x-systemd.requires-mounts-for=/var".into(),
        Some(entry) => format!(
            "systemd.mount-extra=PARTUUID={}:/var/{EARLIER}:ext4:rw,nodev,nosuid,noexec \
             systemd.mount-extra=/var/{EARLIER}/home:/home:none:bind,nodev,nosuid,exec,\
             x-systemd.requires-mounts-for=/var/{EARLIER}",
            entry.id
        ),
    }
}

/// Beside other systems, nothing is taken for this one's by its type alone (systemd-gpt-auto-generator(8)): not a swap
/// partition, which may hold another system that is hibernated, and not their `/srv`, `/var/tmp` or boot partition. The
/// generator also mounts the ESP, which then has to be named, with the generator's own options.
fn alone(esp: Uuid) -> String {
    format!(
        "systemd.gpt_auto=no systemd.mount-extra=PARTUUID={esp}:/boot:vfat:rw,nodev,nosuid,noexec,nosymfollow,umask=0077,\
         nofail,x-systemd.automount,x-systemd.idle-timeout=2min"
    )
}

/// The parts of a UKI.
pub struct Parts<'a> {
    /// The kernel.
    pub kernel: &'a File,
    /// The initial RAM disk.
    pub initrd: &'a File,
    /// The image's os-release.
    pub os_release: &'a File,
    /// The command line.
    pub command_line: &'a str,
    /// The key that signs what a TPM measures; nothing when none opens the state.
    pub policy: Option<&'a PolicyKey>,
}

/// Builds an unsigned UKI in memory.
pub fn build(tools: &Tools, boot: &Boot, parts: &Parts<'_>) -> Result<File, UkiError> {
    let Some(policy) = parts.policy else { return assemble(tools, boot, parts, &[]) };
    // What a TPM measures is known when the sections are; the signature of that is a section, too, and not measured.
    let public = policy.public_pem().map_err(Tpm2Error::from)?;
    let public = ("--pcrpkey=", memory::file(c"forge-policy", &public)?);
    let signature = policy.sign(tools, &assemble(tools, boot, parts, &[&public])?)?;
    let signature = ("--section=.pcrsig:@", memory::file(c"forge-pcrsig", &signature)?);
    assemble(tools, boot, parts, &[&public, &signature])
}

fn assemble(tools: &Tools, boot: &Boot, parts: &Parts<'_>, more: &[&(&str, File)]) -> Result<File, UkiError> {
    let uki = memory::file(c"forge-uki", b"")?;
    let command_line = memory::file(c"forge-cmdline", parts.command_line.as_bytes())?;
    let mut run = Run::new(tools, &tools.ukify)
        .args(["build", "--uname", &boot.kernel_release])
        .fd_arg("--linux=", parts.kernel)?
        .fd_arg("--initrd=", parts.initrd)?
        .fd_arg("--os-release=@", parts.os_release)?
        .fd_arg("--cmdline=@", &command_line)?
        .fd_arg("--output=", &uki)?;
    for (option, content) in more {
        run = run.fd_arg(option, content)?;
    }
    run.run()?;
    Ok(uki)
}
