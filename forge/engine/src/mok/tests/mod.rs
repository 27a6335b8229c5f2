mod code;
mod code_keyboard;
mod pair;
mod signer;
mod variables;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use super::*;

/// Whether a standard tool or file is here; says so when a test cannot run without it.
fn installed(path: &str) -> bool {
    let found = Path::new(path).exists();
    if !found {
        eprintln!("not run: {path} is not installed");
    }
    found
}

fn openssl(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("/usr/bin/openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn text(output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

fn boot_pair() -> Pair {
    Pair::generate(Kind::Boot, "InterGenOS boot key test", SystemTime::now()).unwrap()
}
