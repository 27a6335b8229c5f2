//! The machine that the tests break.

use super::super::Root;
use crate::{
    efivars::{GLOBAL, PERSISTENT, SHIM_LOCK, Variable, Variables},
    mok::{self, Kind, Pair, PasswordHash, Request},
    tool::Tools,
};
use serde_json::json;
use std::{
    cell::RefCell,
    fs::{self, File, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// A real unsigned EFI image.
const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";
const HASH: &str = "abababababababababababababababababababababababababababababababab";
const IDS: [&str; 3] = [
    "11111111-2222-3333-4444-555555555555",
    "abababab-abab-abab-abab-abababababab",
    "abababab-abab-abab-abab-abababababab",
];
const OWN: &str = "$6$saltsalt$G9wFFnnUFCPffgjGaIp8t6onbqx3zGbMIn93ecLfBFGJpBV3/0HPLZ17qYbjb.WJDtXbmuMlQ9NnvzVms5ZXj.";

/// A table of dm-verity.
fn verity(root_hash: &str) -> String {
    format!("0 265352 verity 1 254:2 254:3 4096 4096 33169 1 sha256 {root_hash} 8f00 1 x")
}

/// A directory that looks like `/` of an installed machine.
pub(super) struct TestMachine {
    directory: tempfile::TempDir,
    pair: Pair,
    sbverify: RefCell<PathBuf>,
}

impl TestMachine {
    /// One on which every line passes.
    pub(super) fn installed() -> Self {
        let pair = Pair::generate(Kind::Boot, "InterGenOS boot key, test", SystemTime::now()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let machine = Self { directory, pair, sbverify: RefCell::new("/usr/bin/sbverify".into()) };
        machine.kernel();
        machine.disk();
        machine.state();
        machine.boot_partition();
        machine.firmware();
        machine.scripts();
        machine
    }

    pub(super) fn root(&self) -> Root {
        Root::at(self.directory.path())
    }

    pub(super) fn tools(&self) -> Tools {
        let of = |name: &str| self.at(&format!("/tools/{name}"));
        Tools {
            dmsetup: of("dmsetup"),
            nft: of("nft"),
            systemctl: of("systemctl"),
            systemd_analyze: of("systemd-analyze"),
            sbverify: self.sbverify.borrow().clone(),
            ..Tools::default()
        }
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.directory.path().join(path.trim_start_matches('/'))
    }

    /// Writes a file, with the directories above it.
    pub(super) fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(super) fn link(&self, path: &str, to: &str) {
        symlink(to, self.at(path)).unwrap();
    }

    pub(super) fn append(&self, path: &str, text: &str) {
        let old = fs::read_to_string(self.at(path)).unwrap();
        self.put(path, format!("{old}{text}").as_bytes());
    }

    pub(super) fn replace(&self, path: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.at(path)).unwrap();
        assert!(text.contains(old), "{path}: {text}");
        self.put(path, text.replace(old, new).as_bytes());
    }

    pub(super) fn remove(&self, path: &str) {
        let path = self.at(path);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    /// Makes something unreadable even for root: a directory in place of a file, and the other way round a link to itself.
    pub(super) fn hide(&self, path: &str) {
        let was_directory = self.at(path).is_dir();
        if self.at(path).exists() {
            self.remove(path);
        }
        match was_directory || path.ends_with("/firmware") {
            true => {
                fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
                symlink(self.at(path), self.at(path)).unwrap();
            }
            false => fs::create_dir_all(self.at(path)).unwrap(),
        }
    }

    pub(super) fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), Permissions::from_mode(mode)).unwrap();
    }

    /// A tool that is a shell script.
    pub(super) fn tool(&self, name: &str, body: &str) {
        let path = format!("/tools/{name}");
        self.put(&path, format!("#!/bin/sh\n{body}\n").as_bytes());
        self.mode(&path, 0o755);
    }

    pub(super) fn sbverify(&self, path: &str) {
        *self.sbverify.borrow_mut() = path.into();
    }

    pub(super) fn variable(&self, name: &str, guid: &str, data: &[u8]) {
        let variables = Variables::at(self.at("/sys/firmware/efi/efivars"));
        variables.write(name, guid, &Variable { attributes: PERSISTENT, data: data.to_vec() }).unwrap();
    }

    pub(super) fn forget(&self, name: &str, guid: &str) {
        assert!(Variables::at(self.at("/sys/firmware/efi/efivars")).delete(name, guid).unwrap());
    }

    /// A program for EFI that nobody signed.
    pub(super) fn unsigned(&self, path: &str) {
        self.put(path, &fs::read(STUB).unwrap());
    }

    /// The same, signed by this machine's key.
    pub(super) fn signed(&self, path: &str) {
        self.put(path, b"");
        let (from, to) = (File::open(STUB).unwrap(), File::create(self.at(path)).unwrap());
        mok::sign(&Tools::default(), &self.pair, from, to).unwrap();
    }

    /// What systemctl says of systemd-networkd; it answers both questions of the audit.
    pub(super) fn networkd(&self, active: &str) {
        self.tool(
            "systemctl",
            &format!(
                r#"case $1 in
show) printf 'Id=NetworkManager.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\n'
    printf 'Id=systemd-networkd.service\nLoadState=masked\nActiveState={active}\nUnitFileState=masked\n' ;;
list-units) echo '[{{"unit":"dbus.service","load":"loaded","active":"active","sub":"running","description":"x"}}]' ;;
esac"#
            ),
        );
    }

    /// Firmware of one file that somebody accepted, as an install leaves it, merged by systemd-sysext.
    pub(super) fn accept(&self, name: &str, early: bool) {
        let image = format!("image of {name}");
        let blob = format!("blob of {name}");
        let sha256 = |text: &str| hex::encode(openssl::sha::sha256(text.as_bytes()));
        let root_hash = "cd".repeat(32);
        let consent = json!({
            "name": name, "title": "A card", "vendor": "Somebody", "licence": "LicenseRef-x", "sha256": sha256(&image),
            "root_hash": root_hash, "early": early, "by": "anna", "at": 1,
            "files": [{"path": format!("{name}/fw.bin"), "size": blob.len(), "sha256": sha256(&blob)}]
        });
        let consent = consent.to_string();
        self.put(&format!("/var/lib/forge/firmware/{name}.json"), consent.as_bytes());
        let signature = self.pair.sign_detached(consent.as_bytes()).unwrap();
        self.put(&format!("/var/lib/forge/firmware/{name}.json.sig"), &signature);
        self.put(&format!("/var/lib/extensions/firmware-{name}.raw"), image.as_bytes());
        self.put(&format!("/var/lib/extensions/firmware-{name}.roothash"), format!("{root_hash}\n").as_bytes());
        self.put(&format!("/usr/lib/firmware/{name}/fw.bin"), blob.as_bytes());
        if early {
            self.signed(&format!("/boot/loader/addons/firmware-{name}.addon.efi"));
        }
        self.append("/tools/tables", &format!("loop0-verity: {}\n", verity(&root_hash)));
        self.merged(&[&format!("firmware-{name}")]);
    }

    /// systemd-sysext has laid these over the firmware's directory.
    pub(super) fn merged(&self, names: &[&str]) {
        let layers: String =
            names.iter().map(|name| format!("/run/systemd/sysext/extensions/{name}/usr/lib/firmware:")).collect();
        self.append(
            "/proc/self/mountinfo",
            &format!(
                "91 29 0:38 / /usr/lib/firmware ro,nodev shared:4 - overlay sysext ro,\
                 lowerdir=/run/systemd/sysext/meta/usr/lib/firmware:{layers}/usr/lib/firmware\n"
            ),
        );
        for note in ["dev", "extensions", "origin"] {
            self.put(&format!("/usr/lib/firmware/.systemd-sysext/{note}"), b"a note");
        }
    }

    fn kernel(&self) {
        let mounts = "29 1 254:0 / / ro,relatime shared:1 - erofs /dev/mapper/root ro,user_xattr,acl\n\
                      36 29 0:24 / /etc rw - overlay overlay rw\n";
        self.put("/proc/self/mountinfo", mounts.as_bytes());
        self.put("/proc/cmdline", format!("panic=-1 root=/dev/mapper/root ro roothash={HASH}\n").as_bytes());
        self.put("/sys/kernel/security/apparmor/profiles", b"forgectl (enforce)\nforge-demo (enforce)\n");
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        for list in ["tcp", "tcp6", "udp", "udp6", "raw", "raw6"] {
            self.put(&format!("/proc/net/{list}"), head.as_bytes());
        }
        self.put("/proc/net/packet", b"sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n");
    }

    /// dm-0 on vda2 and vda3, as sysfs shows them.
    fn disk(&self) {
        let dm = "/sys/devices/virtual/block/dm-0";
        self.put(&format!("{dm}/dm/uuid"), b"CRYPT-VERITY-8f00-root\n");
        self.put(&format!("{dm}/dm/name"), b"root\n");
        for (number, id) in (1..).zip(IDS) {
            let partition = format!("/sys/devices/pci/vda/vda{number}");
            self.put(&format!("{partition}/partition"), format!("{number}\n").as_bytes());
            self.put(&format!("{partition}/start"), format!("{}\n", 2048 * number).as_bytes());
            self.put(&format!("{partition}/size"), b"2048\n");
            self.put(&format!("{partition}/uevent"), format!("PARTN={number}\nPARTUUID={id}\n").as_bytes());
        }
        self.put("/sys/devices/pci/vda/size", b"100000\n");
        fs::create_dir_all(self.at(&format!("{dm}/slaves"))).unwrap();
        fs::create_dir_all(self.at("/sys/dev/block")).unwrap();
        symlink("../../../../pci/vda/vda2", self.at(&format!("{dm}/slaves/vda2"))).unwrap();
        symlink("../../devices/virtual/block/dm-0", self.at("/sys/dev/block/254:0")).unwrap();
    }

    fn state(&self) {
        let mok = "/var/lib/forge/mok";
        for key in ["boot.key", "module.key"] {
            self.put(&format!("{mok}/{key}"), b"PRIVATE KEY");
            self.mode(&format!("{mok}/{key}"), 0o600);
        }
        self.put(&format!("{mok}/boot.cer"), &self.pair.certificate_der().unwrap());
        self.put("/etc/kernel/install.conf", b"layout=uki\nuki_generator=ukify\n");
        let signing = format!(
            "[UKI]\nSecureBootSigningTool=sbsign\nSecureBootPrivateKey={mok}/boot.key\n\
             SecureBootCertificate={mok}/boot.pem\nSignKernel=false\n"
        );
        self.put("/etc/kernel/uki.conf", signing.as_bytes());
        self.put("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n");
        self.put("/etc/shadow", format!("root:!*:20000:0:99999:7:::\nanna:{OWN}:20000:0:99999:7:::\n").as_bytes());
    }

    fn boot_partition(&self) {
        for shim in ["BOOT/BOOTX64.EFI", "intergenos/shimx64.efi", "BOOT/mmx64.efi", "BOOT/fbx64.efi"] {
            self.put(&format!("/boot/EFI/{shim}"), b"MZ shim's own");
        }
        for ours in ["BOOT/grubx64.efi", "intergenos/grubx64.efi", "Linux/intergenos-7.2.12.efi"] {
            self.signed(&format!("/boot/EFI/{ours}"));
        }
        self.put("/boot/INTERGENOS-KEY.cer", &self.pair.certificate_der().unwrap());
        let mut files = Vec::new();
        self.list(&self.at("/boot"), &mut files);
        let partitions: Vec<_> = (1..)
            .zip(IDS)
            .zip(["esp", "root-a", "verity-a"])
            .map(|((number, id), role)| {
                json!({"number": number, "role": role, "offset": 1_048_576 * number, "size": 1_048_576, "label": role, "id": id})
            })
            .collect();
        let key = json!({"name": "key", "sha1": "", "sha256": hex::encode(self.pair.sha256().unwrap().0)});
        let receipt = json!({
            "version": 1, "forge": "0.1.0", "finished": 1, "plan_digest": "",
            "target": {"identity": {"path": "/dev/vda", "serial": null, "wwn": null, "sequence": null},
                       "model": null, "kind": "disk", "size": 1, "sector_size": 512},
            "payload": {"id": "intergenos", "name": "x", "release": "1", "manifest_sha256": "", "root_hash": HASH,
                        "image_bytes": 1},
            "payload_certificate": "", "payload_subkey": "", "root_hash": HASH, "disk_id": IDS[0],
            "partitions": partitions, "esp_files": files, "boot_key": key, "module_key": key,
            "command_line": "", "credentials": []
        });
        self.receipt(&receipt.to_string());
    }

    /// Signs this receipt, and puts it in place.
    pub(super) fn receipt(&self, receipt: &str) {
        self.put("/boot/EFI/forge/receipt.json", receipt.as_bytes());
        let signature = self.pair.sign_detached(receipt.as_bytes()).unwrap();
        self.put("/boot/EFI/forge/receipt.json.sig", &signature);
    }

    fn list(&self, directory: &Path, files: &mut Vec<serde_json::Value>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.list(&path, files);
            } else {
                let bytes = fs::read(&path).unwrap();
                let name = path.strip_prefix(self.at("/boot")).unwrap().to_str().unwrap();
                let sha256 = hex::encode(openssl::sha::sha256(&bytes));
                files.push(json!({"path": name, "size": bytes.len(), "sha256": sha256}));
            }
        }
    }

    fn firmware(&self) {
        fs::create_dir_all(self.at("/sys/firmware/efi/efivars")).unwrap();
        self.variable("SecureBoot", GLOBAL, &[1]);
        self.variable("SetupMode", GLOBAL, &[0]);
        // What shim shows of its list has the format of a request.
        let hash = PasswordHash::new(&zeroize::Zeroizing::new("code".to_owned())).unwrap();
        let request = Request::enroll(&self.pair.certificate_der().unwrap(), &hash).unwrap();
        self.variable("MokListRT", SHIM_LOCK, &request.variables()[0].data);
    }

    fn scripts(&self) {
        // Without a name it lists every device, each with its name before its table.
        self.put("/tools/tables", format!("root: {}\n", verity(HASH)).as_bytes());
        let all = self.at("/tools/tables").display().to_string();
        self.tool("dmsetup", &format!("if [ $# = 4 ]; then echo '{}'; else cat {all}; fi", verity(HASH)));
        self.tool(
            "nft",
            r#"echo '{"nftables": [{"metainfo": {"version": "1.1.6"}}, {"chain": {"family": "inet", "table": "filter",
            "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}]}'"#,
        );
        self.tool(
            "systemd-analyze",
            r#"echo '[{"unit":"dbus.service","exposure":"1.4","predicate":"OK","happy":"x"}]'"#,
        );
        self.networkd("inactive");
    }
}
