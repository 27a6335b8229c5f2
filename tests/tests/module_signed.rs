//! `sign-module`: what it signs carries a signature of the module key, and of no other.
//!
//! The kernel's own `sign-file` comes with kernel headers, which the workbench has not. `FORGE_SIGN_FILE` names one; without
//! it, and without headers, a stand-in shows with which key and certificate the script calls it.

use forge_engine::mok::{Kind, Pair};
use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::SystemTime,
};
use tempfile::TempDir;

/// The end of a signed module (Linux, `include/linux/module_signature.h`): 12 bytes, the last four of which are the length
/// of the signature before them, then these words.
const MAGIC: &[u8] = b"~Module signature appended~\n";

/// The keys of a machine, and a file that stands for a module: the signature covers bytes, whatever they are.
struct Machine {
    directory: TempDir,
    pair: Pair,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let pair = Pair::generate(Kind::Module, "InterGenOS module key, test", SystemTime::now()).unwrap();
        fs::write(directory.path().join("module.key"), pair.private_key_pem().unwrap()).unwrap();
        fs::write(directory.path().join("module.cer"), pair.certificate_der().unwrap()).unwrap();
        fs::write(directory.path().join("driver.ko"), b"\x7fELF and so on").unwrap();
        Self { directory, pair }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn sign(&self, tool: &Path, file: &str) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/modules/sign-module");
        let mut command = Command::new(script);
        command.arg(self.path(file)).env("FORGE_KEYS", self.directory.path()).env("FORGE_SIGN_FILE", tool);
        command.output().unwrap()
    }
}

/// The kernel's own tool, where there is one.
fn sign_file() -> Option<PathBuf> {
    env::var_os("FORGE_SIGN_FILE").map(PathBuf::from)
}

#[test]
fn a_module_carries_a_signature_of_the_module_key() {
    let Some(tool) = sign_file() else {
        eprintln!("skipped: FORGE_SIGN_FILE names no sign-file of a kernel");
        return;
    };
    let machine = Machine::new();
    let done = machine.sign(&tool, "driver.ko");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let signed = fs::read(machine.path("driver.ko")).unwrap();
    let rest = signed.strip_suffix(MAGIC).expect("no signature was appended");
    let (rest, about) = rest.split_at(rest.len() - 12);
    let length = u32::from_be_bytes(about[8..].try_into().unwrap()) as usize;
    let (module, signature) = rest.split_at(rest.len() - length);
    assert_eq!(module, b"\x7fELF and so on");
    for (name, bytes) in [("module", module), ("signature", signature)] {
        fs::write(machine.path(name), bytes).unwrap();
    }
    let verified = |certificate: &Pair| {
        fs::write(machine.path("certificate"), certificate.certificate_pem().unwrap()).unwrap();
        let mut command = Command::new("/usr/bin/openssl");
        command.args(["cms", "-verify", "-binary", "-noverify", "-inform", "DER", "-out", "/dev/null", "-in"]);
        command.arg(machine.path("signature")).arg("-content").arg(machine.path("module"));
        command.arg("-nointern").arg("-certfile").arg(machine.path("certificate"));
        command.output().unwrap().status.success()
    };
    assert!(verified(&machine.pair));
    let other = Pair::generate(Kind::Module, "another", SystemTime::now()).unwrap();
    assert!(!verified(&other));
}

#[test]
fn the_script_gives_the_tool_the_module_key_and_signs_no_compressed_module() {
    let machine = Machine::new();
    let tool = machine.path("sign-file");
    fs::write(&tool, "#!/bin/sh\necho \"$@\"\n").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let done = machine.sign(&tool, "driver.ko");
    let words: Vec<PathBuf> = String::from_utf8(done.stdout).unwrap().split_whitespace().map(PathBuf::from).collect();
    assert_eq!(words[1..], [machine.path("module.key"), machine.path("module.cer"), machine.path("driver.ko")]);
    fs::write(machine.path("driver.ko.xz"), b"").unwrap();
    let refused = machine.sign(&tool, "driver.ko.xz");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("before it is compressed"));
    let missing = machine.sign(&machine.path("none"), "driver.ko");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("headers"));
}
