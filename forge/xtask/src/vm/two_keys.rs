//! Two keys with two scopes: the module key loads modules and starts nothing.
use super::guest::Guest;
use super::mokmanager;
use super::scenarios::Stage;
use super::tamper::Disk;
use anyhow::{Result, ensure};

/// What the person types in MokManager; this request is made with mokutil(1), as docs/keys.md says.
const CODE: &str = "bdfhjknprtux";

/// Takes the signature of Debian off a module, and leaves it as one that somebody has just compiled.
const UNSIGN: &str = "python3 -c '
import glob, lzma, struct
path = glob.glob(\"/usr/lib/modules/*/kernel/drivers/net/dummy.ko*\")[0]
module = open(path, \"rb\").read()
module = lzma.decompress(module) if path.endswith(\".xz\") else module
mark = b\"~Module signature appended~\\n\"
if module.endswith(mark):
    size = struct.unpack(\">I\", module[-len(mark) - 4:-len(mark)])[0]
    module = module[:-len(mark) - 12 - size]
open(\"/run/unsigned.ko\", \"wb\").write(module)'";

/// What the kernel's sign-file does, which comes with the headers that are not in the guest: a detached CMS without
/// attributes and certificates, a header (linux/module_signature.h), a mark.
const SIGN: &str = "openssl cms -sign -binary -noattr -nocerts -nosmimecap -md sha512 -outform DER \
    -signer /var/lib/forge/mok/module.pem -inkey /var/lib/forge/mok/module.key -in /run/unsigned.ko -out /run/signature && \
    python3 -c '
import struct
signature = open(\"/run/signature\", \"rb\").read()
header = struct.pack(\">BBBBBxxxI\", 0, 0, 2, 0, 0, len(signature))
module = open(\"/run/unsigned.ko\", \"rb\").read()
open(\"/run/signed.ko\", \"wb\").write(module + signature + header + b\"~Module signature appended~\\n\")'";

/// The module key is enrolled, too, and signs a module, which loads; then it signs GRUB, which shim refuses.
pub(super) fn run(stage: &Stage) -> Result<()> {
    let store = stage.enrolled_store("module-key")?;
    let disk = Disk::copy(stage.talking(), &stage.scratch_disk("module-key"))?;
    let mut machine = stage.keeping_machine("module-key", disk.path(), &store)?;
    let mut guest = Guest::root(&mut machine, stage.demo())?;
    guest.output(UNSIGN)?;
    guest.output(SIGN)?;
    for module in ["unsigned", "signed"] {
        let (code, said) = guest.run(&format!("insmod /run/{module}.ko"))?;
        ensure!(code != 0, "a module loads that no enrolled key has signed ({module}): {said}");
    }
    guest.output(&format!(
        "openssl passwd -6 {CODE} > /run/hash && mokutil --import /var/lib/forge/mok/module.cer --hash-file /run/hash && \
         mokutil --timeout -1"
    ))?;
    // They lie in memory, and the guest restarts.
    guest.output("cp /run/signed.ko /var/tmp/")?;
    guest.reboot()?;

    mokmanager::enroll(&mut machine, CODE)?;
    let mut guest = Guest::root(&mut machine, stage.demo())?;
    guest.output("insmod /var/tmp/signed.ko && grep '^dummy ' /proc/modules")?;
    guest.output(
        "for grub in /boot/EFI/*/grubx64.efi; do \
             cp $grub /run/grub.efi && sbattach --remove /run/grub.efi && \
             sbsign --key /var/lib/forge/mok/module.key --cert /var/lib/forge/mok/module.pem --output $grub /run/grub.efi \
             || exit 1; \
         done; sync",
    )?;
    guest.reboot()?;
    machine.expect_unless(&["Verification failed"], &["GNU GRUB", r"Linux version", r"(?i)\S+ login: "], 120)?;
    machine.settle();
    machine.screenshot("refused")?;
    drop(machine);
    Ok(std::fs::remove_file(disk.path())?)
}
