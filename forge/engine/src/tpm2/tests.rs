use super::*;
use crate::{
    luks::{self, Keys},
    uki::{self, Parts},
};
use forge_model::{payload::Boot, size::MIB};
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

const STUB: &str = "/usr/lib/systemd/boot/efi/linuxx64.efi.stub";

/// What ukify makes of the same parts, when it finds all of them in a file system.
fn by_ukify(scratch: &Path, key: &PolicyKey, release: &str) -> Vec<u8> {
    let path = |name: &str| scratch.join(name).display().to_string();
    fs::write(path("key"), key.private_pem().unwrap()).unwrap();
    fs::write(path("public"), key.public_pem().unwrap()).unwrap();
    let done = Command::new("/usr/bin/ukify")
        .args(["build", "--uname", release, "--linux", STUB, "--cmdline", "quiet", "--os-release", "ID=x"])
        .args(["--initrd", &path("initrd"), "--output", &path("uki"), "--pcr-banks=sha256", "--phases=enter-initrd"])
        .args(["--pcr-private-key", &path("key"), "--pcr-public-key", &path("public")])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    fs::read(path("uki")).unwrap()
}

fn section(image: &[u8], wanted: &str) -> Option<String> {
    let pe = PE::parse(image).unwrap();
    let found = pe.sections.iter().find(|section| section.name().unwrap() == wanted)?;
    let start = found.pointer_to_raw_data as usize;
    Some(String::from_utf8_lossy(&image[start..start + found.virtual_size as usize]).trim_end().to_owned())
}

#[test]
fn a_boot_image_that_exists_in_memory_only_is_signed_as_ukify_signs_files() {
    let (tools, key, scratch) = (Tools::default(), PolicyKey::generate().unwrap(), tempfile::tempdir().unwrap());
    fs::write(scratch.path().join("initrd"), [7; 5000]).unwrap();
    let theirs = by_ukify(scratch.path(), &key, "6.1-test");

    let entry = serde_json::json!({ "path": "x", "size": 0, "sha256": "0".repeat(64) });
    let files = ["kernel", "initrd", "os_release", "shim", "mok_manager", "fallback", "grub"];
    let mut boot: serde_json::Map<_, _> = files.map(|name| (name.to_owned(), entry.clone())).into_iter().collect();
    boot.extend(["kernel_release", "command_line"].map(|name| (name.to_owned(), "6.1-test".into())));
    let boot: Boot = serde_json::from_value(boot.into()).unwrap();
    let (kernel, initrd) = (File::open(STUB).unwrap(), File::open(scratch.path().join("initrd")).unwrap());
    let os_release = memory::file(c"forge-test", b"ID=x").unwrap();
    let build = |policy| {
        let parts = Parts { kernel: &kernel, initrd: &initrd, os_release: &os_release, command_line: "quiet", policy };
        let mut uki = Vec::new();
        let mut made = uki::build(&tools, &boot, &parts).unwrap();
        made.rewind().unwrap();
        made.read_to_end(&mut uki).unwrap();
        uki
    };
    let ours = build(Some(&key));
    let signature = section(&ours, ".pcrsig").unwrap();
    assert!(signature.contains("\"sha256\":[{\"pcrs\":[11],"), "{signature}");
    assert_eq!(signature.matches("\"pol\"").count(), 1, "one state of the start, and no other: {signature}");
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&signature), value(&section(&theirs, ".pcrsig").unwrap()));
    assert_eq!(section(&ours, ".pcrpkey"), section(&theirs, ".pcrpkey"));
    // And without a TPM there is nothing of it.
    let plain = build(None);
    assert_eq!((section(&plain, ".pcrsig"), section(&plain, ".pcrpkey")), (None, None));
}

#[test]
fn the_keys_lie_where_only_root_reads_them_and_the_unit_is_started_with_the_system() {
    let (mut tree, key, once) = (Tree::new(), PolicyKey::generate().unwrap(), luks::recovery_key().unwrap());
    lay(&mut tree, &key, &once, Uuid::nil()).unwrap();
    let mode = |path: &str| tree[&format!("{DIRECTORY}{path}")].mode;
    assert_eq!([mode(""), mode("/pcr.key"), mode("/once.key"), mode("/pcr.pem")], [0o700, 0o600, 0o600, 0o644]);
    let (text, link) =
        (etc("systemd/system/forge-tpm2.service"), etc("systemd/system/multi-user.target.wants/forge-tpm2.service"));
    assert!(matches!(&tree[&link].kind, NodeKind::Link(to) if to == "../forge-tpm2.service"));
    let NodeKind::File(unit) = &tree[&text].kind else { panic!("a file") };
    assert!(!String::from_utf8_lossy(unit).contains(once.expose()), "who reads the unit does not read the key");
}

/// A TPM in a process of its own; it ends with the test.
struct Tpm(Child);

impl Tpm {
    fn start(folder: &Path) -> (Self, String) {
        let path = |name: &str| folder.join(name).display().to_string();
        let child = Command::new("/usr/bin/swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={}", folder.display())])
            .args(["--server", &format!("type=unixio,path={}", path("tpm"))])
            .args(["--ctrl", &format!("type=unixio,path={}", path("tpm.ctrl"))])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let tpm = Self(child);
        for _ in 0..500 {
            if folder.join("tpm").exists() && folder.join("tpm.ctrl").exists() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        (tpm, path("tpm"))
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether this key opens the volume.
fn opens(volume: &str, key: &Secret) -> bool {
    let mut command = Command::new("/usr/sbin/cryptsetup");
    command.args(["open", "--test-passphrase", "--key-file=-", volume]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), key.expose().as_bytes()).unwrap();
    child.wait().unwrap().success()
}

#[test]
fn what_the_unit_runs_adds_the_tpm_and_takes_the_key_away_that_is_used_once() {
    let (tools, scratch) = (Tools::default(), tempfile::tempdir().unwrap());
    let at = |name: &str| scratch.path().join(name).display().to_string();
    let plain = memory::sparse(c"forge-test", 8 * MIB).unwrap();
    let secret = || luks::recovery_key().unwrap();
    let (passphrase, recovery, once) = (Secret::new("velvet anchor murmurs".into()), secret(), secret());
    let keys = Keys { passphrase: &passphrase, recovery: &recovery, once: Some(&once) };
    let volume = Uuid::new_v4();
    let mut made = luks::encrypt(&tools, &plain, 8 * MIB + luks::HEADER, volume, &keys).unwrap();
    assert!(made.facts.tpm2);
    let image = at("volume");
    made.image.rewind().unwrap();
    io::copy(&mut made.image, &mut File::create(&image).unwrap()).unwrap();
    let key = PolicyKey::generate().unwrap();
    fs::write(at("pcr.pem"), key.public_pem().unwrap()).unwrap();
    fs::write(at("once.key"), once.expose()).unwrap();
    assert!(opens(&image, &once));

    let (_tpm, socket) = Tpm::start(scratch.path());
    let unit = unit(volume)
        .replace(&format!("/var/{DIRECTORY}"), &scratch.path().display().to_string())
        .replace(&format!("/dev/disk/by-uuid/{volume}"), &image)
        .replace("--tpm2-device=auto", &format!("--tpm2-device=swtpm:path={socket}"));
    let run = |kind: &str| {
        for line in unit.lines().filter_map(|line| line.strip_prefix(kind)?.strip_prefix('=')) {
            let mut words = line.split_whitespace();
            let done = Command::new(words.next().unwrap()).args(words).output().unwrap();
            if !done.status.success() {
                return Err(String::from_utf8_lossy(&done.stderr).into_owned());
            }
        }
        Ok(())
    };
    run("ExecCondition").unwrap();
    run("ExecStart").unwrap();
    assert!(!Path::new(&at("once.key")).exists());
    assert!(!opens(&image, &once), "its slot is gone");
    assert!(opens(&image, &passphrase) && opens(&image, &recovery));
    let dump =
        Command::new("/usr/sbin/cryptsetup").args(["luksDump", "--dump-json-metadata", &image]).output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&dump.stdout).unwrap();
    let tokens = metadata["tokens"].as_object().unwrap().values();
    let of = |kind: &str| tokens.clone().find(|token| token["type"] == kind).unwrap();
    assert_eq!(of("systemd-recovery")["keyslots"], serde_json::json!(["1"]));
    let (values, signed) = (&of("systemd-tpm2")["tpm2-pcrs"], &of("systemd-tpm2")["tpm2_pubkey_pcrs"]);
    assert_eq!((values, signed), (&serde_json::json!([7, 12, 13]), &serde_json::json!([11])));

    // A start that was cut off before the key went away does not try again.
    fs::write(at("once.key"), once.expose()).unwrap();
    assert!(run("ExecCondition").is_err());
}
