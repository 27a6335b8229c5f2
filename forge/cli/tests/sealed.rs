//! Sealed files and signed answers, as a person meets them.
#![allow(clippy::unwrap_used, reason = "in a test, to stop with the place is the right answer")]

mod bench;

use bench::{forgectl, said};
use forge_engine::openpgp::{self, Keys, Validity};
use forge_tests::job::ANSWERS;
use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

const TEXT: &str = "{ \"user\": \"canary\" }\n";

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.file("plain", TEXT);
        desk.file("passphrase", "correct horse\n");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// `forgectl` in this directory; nobody is at a terminal.
    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new("/usr/bin/setsid");
        command.arg("--wait").arg(forgectl().get_program()).args(words).current_dir(self.0.path());
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn refused(&self, words: &[&str], code: i32, sentence: &str) {
        let output = self.run(words);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(sentence), "{sentence:?} is not in: {said}");
        assert!(!said.contains("canary") && !said.contains("horse"), "a secret was said: {said}");
    }

    fn sealed(&self) {
        let words = ["credentials", "seal", "plain", "--output", "it.sealed", "--passphrase-file", "passphrase"];
        let output = self.run(&words);
        assert!(output.status.success() && said(&output).is_empty(), "{}", said(&output));
    }
}

#[test]
fn what_was_sealed_is_printed_byte_for_byte() {
    let desk = Desk::new();
    desk.sealed();
    let output = desk.run(&["credentials", "open", "it.sealed", "--passphrase-file", "passphrase"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), TEXT.as_bytes()), "{}", said(&output));
    assert_eq!(fs::metadata(desk.path("it.sealed")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn standard_input_is_sealed_and_a_passphrase_may_come_by_descriptor() {
    let desk = Desk::new();
    let mut command = forgectl();
    command.args(["credentials", "seal", "-", "--output", "it.sealed", "--passphrase-file", "passphrase"]);
    let mut child = command.current_dir(desk.0.path()).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(TEXT.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let mut command = forgectl();
    command.args(["credentials", "open", "it.sealed", "--passphrase-file", "/dev/fd/0"]);
    let passphrase = fs::File::open(desk.path("passphrase")).unwrap();
    let output = command.current_dir(desk.0.path()).stdin(passphrase).output().unwrap();
    assert_eq!(output.stdout, TEXT.as_bytes(), "{}", said(&output));
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let desk = Desk::new();
    let words = ["credentials", "seal", "plain", "--output", "there", "--passphrase-file", "passphrase"];
    desk.file("there", "mine");
    desk.refused(&words, 1, "there");
    assert_eq!(fs::read(desk.path("there")).unwrap(), b"mine");
    fs::remove_file(desk.path("there")).unwrap();
    // A link to nothing is there, too.
    symlink(desk.path("elsewhere"), desk.path("there")).unwrap();
    desk.refused(&words, 1, "there");
    assert!(!desk.path("elsewhere").exists());
}

#[test]
fn each_reason_not_to_open_has_its_sentence() {
    let desk = Desk::new();
    desk.sealed();
    let good = fs::read(desk.path("it.sealed")).unwrap();
    let open = |file: &'static str| ["credentials", "open", file, "--passphrase-file", "passphrase"];
    desk.file("other", "wrong canary\n");
    let words = ["credentials", "open", "it.sealed", "--passphrase-file", "other"];
    desk.refused(&words, 1, "passphrase is wrong, or somebody changed the file");
    desk.file("cut", &good[..good.len() - 1]);
    desk.refused(&open("cut"), 1, "the file is cut");
    let mut damaged = good.clone();
    damaged[300] ^= 1;
    desk.file("damaged", damaged);
    desk.refused(&open("damaged"), 1, "the file is damaged");
    desk.file("absurd", resealed(&good, "262144", "4294967295"));
    desk.refused(&open("absurd"), 1, "absurd \"memory-kib\" (4294967295)");
    desk.file("changed", resealed(&good, "262144", "262143"));
    desk.refused(&open("changed"), 1, "somebody changed the file on purpose");
    desk.file("newer", resealed(&good, "\"version\":1", "\"version\":9"));
    desk.refused(&open("newer"), 1, "version 9");
    desk.refused(&open("plain"), 1, "not a sealed file");
    desk.refused(&open("none"), 1, "none");
    desk.refused(&["credentials", "open", "it.sealed", "--identity", "passphrase"], 1, "leave --identity out");
    desk.refused(&["credentials", "open", "it.sealed"], 1, "nobody can type a passphrase here");
    desk.file("lines", "one\ntwo\n");
    desk.refused(&["credentials", "open", "it.sealed", "--passphrase-file", "lines"], 1, "several lines");
    desk.file("large", vec![b'{'; 3 << 20]);
    desk.refused(&open("large"), 1, "too large");
}

/// The same with another header, and a checksum that fits again.
fn resealed(sealed: &[u8], from: &str, to: &str) -> String {
    let text = std::str::from_utf8(sealed).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let both = format!("{}\n{}\n", lines[0].replacen(from, to, 1), lines[1]);
    let mut sum = Command::new("/usr/bin/sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    sum.stdin.take().unwrap().write_all(both.as_bytes()).unwrap();
    let sum = sum.wait_with_output().unwrap().stdout;
    format!("{both}{}\n", std::str::from_utf8(&sum[..64]).unwrap())
}

#[test]
fn what_is_sealed_to_an_age_key_is_opened_by_its_identity() {
    let desk = Desk::new();
    let Ok(keys) = Command::new("/usr/bin/age-keygen").output() else {
        eprintln!("not run: /usr/bin/age-keygen is not installed");
        return;
    };
    let text = String::from_utf8(keys.stdout).unwrap();
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    desk.file("key.txt", &text);
    let output = desk.run(&["credentials", "seal", "plain", "--output", "it.age", "--age-recipient", recipient]);
    assert!(output.status.success(), "{}", said(&output));
    let output = desk.run(&["credentials", "open", "it.age", "--identity", "key.txt"]);
    assert_eq!(output.stdout, TEXT.as_bytes(), "{}", said(&output));
    desk.refused(&["credentials", "open", "it.age"], 1, "name the identity with --identity");
    desk.refused(&["credentials", "open", "it.age", "--identity", "plain"], 1, "AGE-SECRET-KEY-");
    let seal =
        |key: &str| ["credentials", "seal", "plain", "--output", "no.age", "--age-recipient", key].map(str::to_owned);
    let mistyped = format!("{}{}", &recipient[..61], if recipient.ends_with('q') { "p" } else { "q" });
    for (key, code, sentence) in [(&*mistyped, 1, "as age-keygen printed it"), ("age1yubikey1qqq", 2, "age public key")]
    {
        let words = seal(key);
        desk.refused(&words.each_ref().map(|word| word.as_str()), code, sentence);
        assert!(!desk.path("no.age").exists());
    }
}

/// A terminal at which somebody types who is no faster than the program: only when nothing is shown (or after 5 s).
const TERMINAL: &str = r#"
import os, pty, sys, termios, time
terminal = []
def shown(fd):
    terminal[:] = [fd]
    return os.read(fd, 1024)
def typed(fd):
    line = os.read(fd, 1024)
    for _ in range(500):
        if not line or not termios.tcgetattr(terminal[0])[3] & termios.ECHO:
            break
        time.sleep(0.01)
    return line
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], shown, typed)))
"#;

/// A command at a terminal of its own.
fn at_a_terminal(desk: &Desk, words: &str) -> Child {
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", TERMINAL]).arg(forgectl().get_program()).args(words.split(' ')).current_dir(desk.0.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Waits for a prompt, then types; gives what the terminal showed until then.
fn types(child: &mut Child, prompt: &str, line: &str) -> String {
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).ends_with(prompt) {
        let mut byte = [0];
        assert_eq!(child.stdout.as_mut().unwrap().read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&shown));
        shown.push(byte[0]);
    }
    child.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    String::from_utf8(shown).unwrap()
}

#[test]
fn a_passphrase_is_asked_for_and_not_shown() {
    let desk = Desk::new();
    let mut child = at_a_terminal(&desk, "credentials seal plain --output it.sealed");
    let mut shown = types(&mut child, "Passphrase to seal with: ", "correct horse\n");
    shown += &types(&mut child, "The same once more: ", "wrong horse\n");
    shown += &types(&mut child, "Passphrase to seal with: ", "correct horse\n");
    shown += &types(&mut child, "The same once more: ", "correct horse\n");
    child.stdout.as_mut().unwrap().read_to_string(&mut shown).unwrap();
    assert!(child.wait().unwrap().success(), "{shown}");
    assert!(shown.contains("The two are not the same.") && !shown.contains("horse"), "{shown}");
    let mut child = at_a_terminal(&desk, "credentials open it.sealed");
    let mut shown = types(&mut child, "Passphrase: ", "correct horse\n");
    child.stdout.as_mut().unwrap().read_to_string(&mut shown).unwrap();
    assert!(child.wait().unwrap().success() && shown.contains("canary") && !shown.contains("horse"), "{shown}");
}

#[test]
fn sealing_puts_no_secret_into_a_command_line_or_into_another_file() {
    let desk = Desk::new();
    let (Ok(keys), true) = (Command::new("/usr/bin/age-keygen").output(), Path::new("/usr/bin/strace").exists()) else {
        eprintln!("not run: age-keygen or strace is not installed");
        return;
    };
    let text = String::from_utf8(keys.stdout).unwrap();
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    for (output, to) in [("it.age", ["--age-recipient", recipient]), ("it.sealed", ["--passphrase-file", "passphrase"])]
    {
        let mut strace = Command::new("/usr/bin/strace");
        strace.args([
            "-f",
            "-s",
            "9999",
            "-y",
            "-o",
            "trace",
            "-e",
            "trace=execve,openat,open,creat,write,pwrite64,sendto",
        ]);
        strace.arg(forgectl().get_program()).args(["credentials", "seal", "plain", "--output", output]).args(to);
        let done = strace.current_dir(desk.0.path()).stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
        let trace = fs::read_to_string(desk.path("trace")).unwrap();
        let mut made = 0;
        for line in trace.lines() {
            // age reads the text from a pipe; nothing else gets it.
            let to_age = line.contains("write(") && line.contains("<pipe:");
            assert!(to_age || !line.contains("canary"), "{line}");
            assert!(!line.contains("correct horse"), "{line}");
            if line.contains("O_CREAT") && !line.contains(" = -1") {
                assert!(line.contains(output), "{line}");
                made += 1;
            }
        }
        assert_eq!(made, 1, "{trace}");
    }
}

fn keys() -> Keys {
    let year = Duration::from_secs(365 * 86_400);
    let validity = Validity { master: year, release: year };
    openpgp::generate("Admin <admin@test.example>", SystemTime::now() - Duration::from_secs(60), validity).unwrap()
}

#[test]
fn answers_are_signed_and_the_signer_is_named() {
    let (desk, keys, others) = (Desk::new(), keys(), keys());
    desk.file("answers.toml", ANSWERS);
    desk.file("key.pgp", &keys.release[..]);
    desk.file("certificate.pgp", &keys.certificate);
    desk.file("other.pgp", &others.certificate);
    let verify =
        ["answers", "verify", "answers.toml", "--certificate", "other.pgp", "--certificate", "certificate.pgp"];
    desk.refused(&verify, 1, "answers.toml.sig");
    desk.file("answers.toml.sig", "");
    desk.refused(&verify, 3, "there is no signature");
    // An older signature is replaced.
    let output = desk.run(&["answers", "sign", "answers.toml", "--key", "key.pgp"]);
    assert!(output.status.success(), "{}", said(&output));
    let output = desk.run(&verify);
    assert!(output.status.success() && said(&output).contains(&keys.fingerprint.to_hex()), "{}", said(&output));
    desk.refused(&verify[..5], 3, "signed by a key that is not listed: ");
    desk.file("answers.toml", format!("{ANSWERS}\n"));
    desk.refused(&verify, 3, "changed after they were signed");
    desk.refused(&["answers", "sign", "answers.toml", "--key", "certificate.pgp"], 1, "gpg --detach-sign");
    desk.refused(&["answers", "sign", "answers.toml", "--key", "plain"], 1, "OpenPGP key");
    desk.file("answers.toml", "version = 7\n");
    desk.refused(&["answers", "sign", "answers.toml", "--key", "key.pgp"], 3, "answers.toml");
}
