//! `org.intergenos.Forge1.Manager`.

use crate::{
    Error,
    backend::{Backend, Brought, Caller, Sealed},
    error::json,
    sealed,
};
use forge_model::firmware::FirmwareAnswer;
use std::sync::{Arc, Weak};
use zbus::{OwnedFd, OwnedObjectPath, message::Header, object_server::SignalEmitter};

/// The most bytes of a device's path.
const PATH: usize = 255;

/// The manager's end at the helper.
pub struct Manager {
    backend: Weak<dyn Backend>,
}

impl Manager {
    /// Puts a backend behind the interface, which does not keep it.
    pub fn new(backend: Weak<dyn Backend>) -> Self {
        Self { backend }
    }

    fn backend(&self) -> Result<Arc<dyn Backend>, Error> {
        self.backend.upgrade().ok_or_else(|| Error::TryAgain("the helper is about to leave".into()))
    }
}

/// Looks at disks and payload, and makes jobs. Every call is decided by polkit.
#[zbus::interface(
    name = "org.intergenos.Forge1.Manager",
    proxy(default_service = "org.intergenos.Forge1", default_path = "/org/intergenos/Forge1", visibility = "pub")
)]
impl Manager {
    /// The disks of this machine, as JSON.
    #[zbus(out_args("inventory"), proxy(allow_interactive_auth))]
    async fn inventory(&self, #[zbus(header)] header: Header<'_>) -> Result<String, Error> {
        Ok(json(&self.backend()?.inventory(Caller::of(&header)?).await?))
    }

    /// The payload of this medium: its signed index and who signed it, as JSON.
    #[zbus(out_args("offer"), proxy(allow_interactive_auth))]
    async fn offer(&self, #[zbus(header)] header: Header<'_>) -> Result<String, Error> {
        Ok(json(&self.backend()?.offer(Caller::of(&header)?).await?))
    }

    /// The licence of a bundle of firmware of this medium's payload, by the bundle's name.
    #[zbus(out_args("text"), proxy(allow_interactive_auth))]
    async fn licence(&self, #[zbus(header)] header: Header<'_>, bundle: &str) -> Result<String, Error> {
        let caller = Caller::of(&header)?;
        self.backend()?.licence(caller, bundle).await
    }

    /// The posture of this machine, as JSON: a line for each promise, with its evidence. It takes some seconds.
    #[zbus(out_args("audit"), proxy(allow_interactive_auth))]
    async fn audit(&self, #[zbus(header)] header: Header<'_>) -> Result<String, Error> {
        Ok(json(&self.backend()?.audit(Caller::of(&header)?).await?))
    }

    /// What these answers would do to this disk, as JSON: a plan with its digest, or issues. The answers are the text of
    /// an answer file in a sealed memfd.
    #[zbus(out_args("verdict"), proxy(allow_interactive_auth))]
    async fn check(&self, #[zbus(header)] header: Header<'_>, disk: &str, answers: OwnedFd) -> Result<String, Error> {
        let caller = Caller::of(&header)?;
        let (disk, answers) = (device_path(disk)?, sealed(answers)?);
        Ok(json(&self.backend()?.check(caller, disk, answers).await?))
    }

    /// Makes a job that waits to be run, and nothing else. An unattended job goes on when its client leaves the bus;
    /// another one is then cancelled, as long as it can be.
    #[zbus(out_args("job"), proxy(allow_interactive_auth))]
    async fn prepare(
        &self,
        #[zbus(header)] header: Header<'_>,
        disk: &str,
        answers: OwnedFd,
        unattended: bool,
    ) -> Result<OwnedObjectPath, Error> {
        let caller = Caller::of(&header)?;
        let (disk, answers) = (device_path(disk)?, sealed(answers)?);
        self.backend()?.prepare(caller, disk, answers, unattended).await
    }

    /// What the firmware says, and how far the enrollment of this machine's key is, as JSON.
    #[zbus(out_args("machine"), proxy(allow_interactive_auth))]
    async fn machine(&self, #[zbus(header)] header: Header<'_>) -> Result<String, Error> {
        Ok(json(&self.backend()?.machine(Caller::of(&header)?).await?))
    }

    /// Asks shim once more to enroll the key of this machine, with a fresh code. A request that waited is gone then. The
    /// code, the key and whether the request could be left in the firmware come as JSON in a sealed memfd.
    #[zbus(out_args("asked"), proxy(allow_interactive_auth))]
    async fn enroll(&self, #[zbus(header)] header: Header<'_>) -> Result<OwnedFd, Error> {
        Ok(self.backend()?.enroll(Caller::of(&header)?).await?.into())
    }

    /// The proprietary firmware that is on this machine, by whose consent, and the devices that want some, as JSON.
    #[zbus(out_args("state"), proxy(allow_interactive_auth))]
    async fn firmware(&self, #[zbus(header)] header: Header<'_>) -> Result<String, Error> {
        Ok(json(&self.backend()?.firmware(Caller::of(&header)?).await?))
    }

    /// Adds the bundle of this name, whose image has this SHA-256, from the files of a payload: the index, its signature,
    /// the image, and the archive for before the root is mounted if the index names one. Each comes in a sealed memfd. The
    /// signature has to be by the certificate that this system trusts. Whoever calls accepts the bundle; the signed consent
    /// comes back as JSON. It is in use from the next start on.
    #[zbus(out_args("consent"), proxy(allow_interactive_auth))]
    #[expect(clippy::too_many_arguments, reason = "each is another thing, and all are needed")]
    async fn add_firmware(
        &self,
        #[zbus(header)] header: Header<'_>,
        name: &str,
        sha256: &str,
        manifest: OwnedFd,
        signature: OwnedFd,
        image: OwnedFd,
        companion: Vec<OwnedFd>,
    ) -> Result<String, Error> {
        let caller = Caller::of(&header)?;
        let mut companion = companion.into_iter();
        let brought = Brought {
            manifest: brought(manifest, "manifest")?,
            signature: brought(signature, "signature")?,
            image: brought(image, "image")?,
            companion: companion.next().map(|fd| brought(fd, "companion")).transpose()?,
        };
        if companion.next().is_some() {
            return Err(Error::BadArgument("companion: there is never more than one".into()));
        }
        let accepted = FirmwareAnswer { bundle: name.into(), sha256: sha256.into() };
        Ok(json(&self.backend()?.add_firmware(caller, accepted, brought).await?))
    }

    /// Takes the bundle of this name away. What is in use stays so until the next start.
    #[zbus(proxy(allow_interactive_auth))]
    async fn remove_firmware(&self, #[zbus(header)] header: Header<'_>, name: &str) -> Result<(), Error> {
        self.backend()?.remove_firmware(Caller::of(&header)?, name).await
    }

    /// Keeps the helper awake, and its signals coming, while the caller is on the bus.
    #[zbus(proxy(allow_interactive_auth))]
    async fn subscribe(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        self.backend()?.subscribe(Caller::of(&header)?).await
    }

    /// Ends what Subscribe began.
    async fn unsubscribe(&self, #[zbus(header)] header: Header<'_>) -> Result<(), Error> {
        self.backend()?.unsubscribe(Caller::of(&header)?).await
    }

    /// A disk came, went or changed.
    #[zbus(signal)]
    pub async fn inventory_changed(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;

    /// The jobs that exist; never more than one.
    #[zbus(property(emits_changed_signal = "false"))]
    async fn jobs(&self) -> Vec<OwnedObjectPath> {
        self.backend.upgrade().map_or_else(Vec::new, |backend| backend.jobs())
    }

    /// Version of the helper.
    #[zbus(property(emits_changed_signal = "const"))]
    async fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").into()
    }
}

/// A path below /dev that the kernel could have given.
fn device_path(path: &str) -> Result<&str, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let below = path.strip_prefix("/dev/").filter(|name| !name.is_empty() && name.chars().all(plain) && *name != "..");
    match below {
        Some(_) if path.len() <= PATH => Ok(path),
        _ => Err(Error::BadArgument("disk: a device is named by its kernel path, such as /dev/sda".into())),
    }
}

/// A descriptor that comes over the bus would be inherited by every program that is run meanwhile.
fn sealed(fd: OwnedFd) -> Result<Sealed, Error> {
    sealed::keep_to_ourselves(&fd).map_err(|e| Error::BadArgument(format!("answers: {e}")))?;
    Ok(Sealed(fd))
}

/// A file of a payload that a caller brings: nobody can change it any more.
fn brought(fd: OwnedFd, what: &str) -> Result<std::os::fd::OwnedFd, Error> {
    let refused = |why: &dyn std::fmt::Display| Error::BadArgument(format!("{what}: {why}"));
    sealed::keep_to_ourselves(&fd).map_err(|e| refused(&e))?;
    match sealed::is_sealed(&fd) {
        true => Ok(fd.into()),
        false => Err(refused(&sealed::Refused::NotSealed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kernel_path_names_a_disk() {
        for good in ["/dev/sda", "/dev/nvme0n1", "/dev/mmcblk0", "/dev/dm-0", "/dev/loop7"] {
            assert!(device_path(good).is_ok(), "{good}");
        }
        let long = format!("/dev/{}", "a".repeat(300));
        for bad in
            ["", "/dev/", "sda", "/dev/..", "/dev/../etc/passwd", "/dev/disk/by-id/x", "/dev/s\nda", "/dev/ü", &long]
        {
            assert!(matches!(device_path(bad), Err(Error::BadArgument(_))), "{bad}");
        }
    }
}
