//! What a machine has beside its disk: a live medium, more disks, names of its own, a network card, a door.
//!
//! The ISO has no door for tests. One comes from outside, as an administrator of virtual machines could bring it: systemd
//! takes units from credentials that the firmware's tables (SMBIOS) carry. This one is a shell of root's on a virtual console.
use super::console::Console;
use super::machine::drive;
use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// A shell on the virtual console. Not in the initrd, which would have to wait for its end.
const DOOR: &str = "[Unit]\n\
    DefaultDependencies=no\n\
    ConditionPathExists=!/etc/initrd-release\n\
    BindsTo=dev-hvc0.device\n\
    After=dev-hvc0.device basic.target\n\
    [Service]\n\
    ExecStart=/bin/sh -i\n\
    StandardInput=tty\n\
    StandardOutput=tty\n\
    StandardError=tty\n\
    TTYPath=/dev/hvc0\n\
    Restart=always\n\
    KillSignal=SIGKILL\n";
/// Starts it with every system, whatever its target.
const WANTED: &str = "[Unit]\nWants=forge-test-door.service\n";

/// How a medium is attached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    /// A USB stick.
    Stick,
    /// A disc in a drive.
    Cd,
}

/// One more disk; it can be pulled out by its serial number.
pub(super) struct More {
    /// The raw image.
    pub image: PathBuf,
    /// Its serial number.
    pub serial: String,
    /// A USB stick, not a built-in disk.
    pub stick: bool,
    /// Nothing can be written to it.
    pub read_only: bool,
}

/// What the machine says of itself.
pub(super) struct Names {
    pub vendor: &'static str,
    pub product: &'static str,
    pub serial: &'static str,
    pub uuid: &'static str,
}

/// Everything that is attached; nothing by default.
#[derive(Default)]
pub(super) struct Attached {
    /// What it starts from.
    pub medium: Option<(PathBuf, As)>,
    /// Further disks.
    pub more: Vec<More>,
    /// What it says of itself.
    pub names: Option<Names>,
    /// System credentials in the SMBIOS tables: name and content.
    pub credentials: Vec<(String, Vec<u8>)>,
    /// System credentials by QEMU's fw_cfg: name and file.
    pub files: Vec<(String, PathBuf)>,
    /// A network card whose every packet goes to `NAME.pcap`; nothing answers.
    pub network: bool,
    /// Another network card, by QEMU's name, that leads nowhere.
    pub card: Option<&'static str>,
    /// A shell of root's for the test.
    pub door: bool,
    /// More words of the kernel's command line, which systemd-stub takes from whoever makes the machine's tables.
    pub more_words: Option<&'static str>,
    /// A virtio port with this name; what comes out of it goes to `NAME.port.txt`.
    pub port: Option<&'static str>,
    /// A TPM whose state lies in this folder.
    pub tpm: Option<PathBuf>,
}

/// Where the door is, on this side.
pub(super) struct Sockets {
    pub door: PathBuf,
    pub tpm: PathBuf,
}

impl Attached {
    /// QEMU's arguments.
    pub(super) fn arguments(&self, out: &Path, name: &str, sockets: &Sockets) -> Result<Vec<OsString>> {
        let mut words: Vec<String> = Vec::new();
        let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
        if self.medium.is_some() || !self.more.is_empty() {
            for device in ["qemu-xhci,id=usb", "usb-kbd,bus=usb.0"] {
                add("-device", device.into());
            }
        }
        if let Some((iso, kind)) = &self.medium {
            let media = if *kind == As::Cd { ",media=cdrom" } else { "" };
            // A stick can be written to: that it is the medium has to be what speaks against it.
            let mode = if *kind == As::Cd { "readonly=on" } else { "snapshot=on" };
            add("-drive", drive(&format!("if=none,id=medium-file,format=raw,{mode}{media}"), iso)?);
            add(
                "-device",
                match kind {
                    As::Stick => {
                        "usb-storage,id=medium,bus=usb.0,drive=medium-file,serial=MEDIUM01,removable=on,bootindex=0"
                    }
                    As::Cd => "ide-cd,id=medium,drive=medium-file,bootindex=0",
                }
                .into(),
            );
        }
        for More { image, serial, stick, read_only } in &self.more {
            let read_only = if *read_only { ",readonly=on" } else { ",cache=unsafe,discard=unmap" };
            add("-drive", drive(&format!("if=none,id={serial}-file,format=raw{read_only}"), image)?);
            let device = match stick {
                true => format!("usb-storage,id={serial},bus=usb.0,drive={serial}-file,serial={serial},removable=on"),
                false => format!("virtio-blk-pci,id={serial},drive={serial}-file,serial={serial}"),
            };
            add("-device", device);
        }
        if let Some(Names { vendor, product, serial, uuid }) = &self.names {
            add("-smbios", format!("type=1,manufacturer={vendor},product={product},serial={serial},uuid={uuid}"));
        }
        for value in self.strings() {
            add("-smbios", format!("type=11,value={value}"));
        }
        for (name, file) in &self.files {
            let file = file.to_str().context("a path is not UTF-8")?;
            add("-fw_cfg", format!("name=opt/io.systemd.credentials/{name},file={}", file.replace(',', ",,")));
        }
        if let Some(card) = self.card {
            add("-netdev", "user,id=card,restrict=on,ipv6=off".into());
            add("-device", format!("{card},netdev=card"));
        }
        match self.network {
            true => {
                // QEMU's own router would advertise itself over IPv6; over IPv4 nothing speaks unasked.
                add("-netdev", "user,id=net,restrict=on,ipv6=off".into());
                add("-device", "virtio-net-pci,netdev=net".into());
                let file = capture(out, name);
                let file = file.to_str().context("a path is not UTF-8")?;
                add("-object", format!("filter-dump,id=capture,netdev=net,file={file}"));
            }
            false if self.card.is_none() => add("-nic", "none".into()),
            false => {}
        }
        if self.tpm.is_some() {
            add("-chardev", format!("socket,id=tpm,path={}", sockets.tpm.display()));
            add("-tpmdev", "emulator,id=tpm,chardev=tpm".into());
            add("-device", "tpm-crb,tpmdev=tpm".into());
        }
        if self.door || self.port.is_some() {
            add("-device", "virtio-serial-pci".into());
        }
        if self.door {
            add("-chardev", format!("socket,id=door,path={},server=on,wait=off", sockets.door.display()));
            add("-device", "virtconsole,chardev=door".into());
        }
        if let Some(port) = self.port {
            let file = out.join(format!("{name}.port.txt"));
            add("-chardev", format!("file,id=port,path={}", file.display()));
            add("-device", format!("virtserialport,chardev=port,name={port}"));
        }
        Ok(words.into_iter().map(OsString::from).collect())
    }

    /// The strings of the firmware's tables that carry credentials (systemd.system-credentials(7)).
    fn strings(&self) -> Vec<String> {
        let of =
            |name: &str, content: &[u8]| format!("io.systemd.credential.binary:{name}={}", STANDARD.encode(content));
        let mut strings: Vec<String> = self.credentials.iter().map(|(name, content)| of(name, content)).collect();
        strings.extend(self.more_words.map(|words| format!("io.systemd.stub.kernel-cmdline-extra={words}")));
        if self.door {
            strings.push(of("systemd.extra-unit.forge-test-door.service", DOOR.as_bytes()));
            strings.push(of("systemd.unit-dropin.sysinit.target", WANTED.as_bytes()));
        }
        strings
    }

    /// Connects to the door, if there is one; what is said there is kept, too.
    pub(super) fn open_door(&self, sockets: &Sockets, out: &Path, name: &str) -> Result<Option<Console>> {
        if !self.door {
            return Ok(None);
        }
        let stream = UnixStream::connect(&sockets.door).context("QEMU has no door")?;
        let log = File::create(out.join(format!("{name}.door.txt")))?;
        Ok(Some(Console::new(stream.try_clone()?, stream, log)))
    }
}

/// Where the packets of a machine's network card are kept.
pub(super) fn capture(out: &Path, name: &str) -> PathBuf {
    out.join(format!("{name}.pcap"))
}

#[cfg(test)]
mod tests {
    use super::{Attached, Sockets};
    use std::path::Path;

    #[test]
    fn a_credential_is_carried_in_the_base64_that_the_standard_gives_as_examples() {
        let examples = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in examples {
            let credentials = vec![("name".to_owned(), plain.as_bytes().to_vec())];
            let attached = Attached { credentials, ..Attached::default() };
            assert_eq!(attached.strings(), [format!("io.systemd.credential.binary:name={coded}")]);
        }
    }

    #[test]
    fn a_machine_without_anything_attached_has_no_network() {
        let sockets = Sockets { door: "/d".into(), tpm: "/t".into() };
        let words = Attached::default().arguments(Path::new("/out"), "name", &sockets).unwrap();
        assert_eq!(words, ["-nic", "none"]);
    }
}
