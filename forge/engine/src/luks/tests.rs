use super::*;
use forge_model::size::MIB;
use std::{io::Read, os::unix::fs::FileExt, process::Command};

/// cryptsetup on this file, with a key on its standard input.
fn cryptsetup(words: &[&str], key: &str) -> bool {
    let mut command = Command::new("/usr/sbin/cryptsetup");
    command.args(["--batch-mode", "--key-file=-"]).args(words).stdin(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), key.as_bytes()).unwrap();
    child.wait().unwrap().success()
}

#[test]
fn cryptsetup_opens_it_with_either_key_and_reads_what_was_encrypted() {
    let size = 32 * MIB;
    let plain = memory::sparse(c"forge-test", size - HEADER).unwrap();
    // Two extents, one across more than one piece, with a hole between.
    let text: Vec<u8> = (0..3 * MIB as u32 / 4).flat_map(u32::to_le_bytes).collect();
    plain.write_all_at(&text, 0).unwrap();
    plain.write_all_at(&text[..8192], 12 * MIB).unwrap();
    let (passphrase, recovery) = (Secret::new("ein Otter im Fluß".into()), recovery_key().unwrap());
    let keys = Keys { passphrase: &passphrase, recovery: &recovery, once: None };
    let made = encrypt(&Tools::default(), &plain, size, Uuid::new_v4(), &keys).unwrap();
    assert_eq!(made.facts.cipher, "aes-xts-plain64");
    assert!(made.facts.derivation.memory_kib >= 64 * 1024, "{:?}", made.facts);

    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("luks.img");
    let mut bytes = Vec::new();
    (&made.image).read_to_end(&mut bytes).unwrap();
    assert!(!bytes.windows(64).any(|window| window == &text[4096..4160]), "nothing of it lies there plainly");
    std::fs::write(&path, &bytes).unwrap();
    let image = path.to_str().unwrap();
    assert!(cryptsetup(&["open", "--test-passphrase", image], keys.passphrase.expose()));
    assert!(cryptsetup(&["open", "--test-passphrase", image], keys.recovery.expose()));
    assert!(!cryptsetup(&["open", "--test-passphrase", image], "ein Otter im Fluss"));
    let dump = Command::new("/usr/sbin/cryptsetup").args(["luksDump", image]).output().unwrap();
    assert!(String::from_utf8_lossy(&dump.stdout).contains("systemd-recovery"));

    // Without a device mapper there is one way to let cryptsetup decrypt: it takes the encryption off, in place.
    let header = scratch.path().join("header");
    let header = format!("--header={}", header.display());
    let offline = ["reencrypt", "--decrypt", "--force-offline-reencrypt", &header, image];
    assert!(cryptsetup(&offline, keys.recovery.expose()));
    let plain = std::fs::read(&path).unwrap();
    assert!(plain[..text.len()] == text, "the first extent");
    assert!(plain[12 * MIB as usize..][..8192] == text[..8192], "the second extent");
}
