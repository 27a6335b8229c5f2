//! The audit in the guest: it passes on every line, and a guest broken on purpose fails on that line and no other.
use super::guest::Guest;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;

/// What breaks one promise, and what mends it again; both run as root in the guest, in one shell.
struct Break {
    /// The line that fails, by its name in JSON.
    check: &'static str,
    /// What is done.
    sentence: &'static str,
    breaks: &'static str,
    mends: &'static str,
}

/// Lets a copy of the firmware's variables take their place, which can be changed as the real ones can not.
/// Not by `cp`, which takes them for holes.
const COPY_VARIABLES: &str = "d=/sys/firmware/efi/efivars; mkdir -p /run/copy; \
     for f in $d/SecureBoot-* $d/SetupMode-* $d/Mok*; do cat $f > /run/copy/${f##*/}; done; mount --bind /run/copy $d";
const REAL_VARIABLES: &str = "umount /sys/firmware/efi/efivars; rm -r /run/copy";

fn breaks() -> Vec<Break> {
    let of = |check, sentence, breaks, mends| Break { check, sentence, breaks, mends };
    vec![
        of(
            "sealed-root",
            "a receipt, well signed, that names another root hash",
            "cp -r /boot/EFI/forge /run/receipt; cd /boot/EFI/forge; \
             sed -i '/\"root_hash\"/ y/0123456789/1234567890/' receipt.json; \
             ! cmp -s receipt.json /run/receipt/receipt.json && \
             openssl dgst -sha256 -sign /var/lib/forge/mok/boot.key -out receipt.json.sig receipt.json; cd /",
            "cp /run/receipt/* /boot/EFI/forge/",
        ),
        of(
            "secure-boot",
            "firmware that says that Secure Boot is off",
            "for f in /run/copy/SecureBoot-*; do printf '\\006\\000\\000\\000\\000' > $f; done",
            REAL_VARIABLES,
        ),
        of("key-enrolled", "shim that does not know the key", "rm /run/copy/MokListRT-*", REAL_VARIABLES),
        of(
            "boot-files-signed",
            "an unsigned program in EFI/Linux",
            "cp /usr/lib/systemd/boot/efi/linuxx64.efi.stub /boot/EFI/Linux/zzz.efi",
            "rm /boot/EFI/Linux/zzz.efi",
        ),
        of(
            "receipt",
            "a changed fallback loader",
            "cp /boot/EFI/BOOT/fbx64.efi /run/; echo >> /boot/EFI/BOOT/fbx64.efi",
            "cp /run/fbx64.efi /boot/EFI/BOOT/fbx64.efi",
        ),
        of(
            "keys-private",
            "a key that everybody can read",
            "chmod 0644 /var/lib/forge/mok/boot.key",
            "chmod 0600 /var/lib/forge/mok/boot.key",
        ),
        of(
            "app-armor",
            "a profile that only complains",
            "echo 'profile broken flags=(complain) { }' > /run/broken; apparmor_parser --replace /run/broken",
            "apparmor_parser --remove /run/broken",
        ),
        of("firewall", "a firewall without rules", "nft flush ruleset", "systemctl restart nftables"),
        of(
            "nothing-listens",
            "a server on every address",
            "systemd-socket-activate --listen=0.0.0.0:8000 /bin/true >/dev/null 2>&1 & server=$!; \
             until ss -Htln | grep -q 8000; do sleep 1; done",
            "kill $server",
        ),
        of(
            "passwords",
            "an account without a password",
            "cp -p /etc/shadow /run/shadow; passwd --delete $(id -nu 1000)",
            "cp -p /run/shadow /etc/shadow; rm /run/shadow",
        ),
        of(
            "network",
            "systemd-networkd at the next start",
            "rm /etc/systemd/system/systemd-networkd.s*; systemctl daemon-reload; systemctl enable systemd-networkd",
            "systemctl disable systemd-networkd; systemctl mask systemd-networkd.service systemd-networkd.socket",
        ),
        of(
            "sandboxes",
            "a service without a sandbox",
            "systemd-run --unit=bare --service-type=exec sleep 3600",
            "systemctl stop bare",
        ),
        of(
            "firmware",
            "an extension that nobody accepted",
            "mkdir -p /var/lib/extensions; touch /var/lib/extensions/blob.raw",
            "rm /var/lib/extensions/blob.raw",
        ),
    ]
}

/// A line of an audit: what is checked, how it came out, and why.
struct Line {
    check: String,
    result: String,
    evidence: Value,
}

/// Runs the audit as whoever is logged in, by the helper, and keeps it in a file.
fn audit(guest: &mut Guest, keep: &Path) -> Result<Vec<Line>> {
    let (code, json) = guest.run("forgectl audit --json 2>/tmp/audit-$(id -u)")?;
    let (_, complaint) = guest.run("cat /tmp/audit-$(id -u)")?;
    ensure!(!complaint.contains("without the helper"), "it was not the helper that measured: {complaint}");
    let said: Value = serde_json::from_str(&json).with_context(|| format!("no audit: {json} {complaint}"))?;
    std::fs::write(keep, format!("{said:#}\n"))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let line = |line: &Value| Line {
        check: text(&line["check"]),
        result: text(&line["result"]),
        evidence: line["evidence"].clone(),
    };
    let lines: Vec<Line> = said["lines"].as_array().context("an audit without lines")?.iter().map(line).collect();
    let fails = lines.iter().any(|line| line.result == "fail");
    ensure!(code == if fails { 8 } else { 0 }, "forgectl audit ended with {code}");
    Ok(lines)
}

/// Expects that this line fails, if one is named, and that all others pass.
fn expect(guest: &mut Guest, fails: Option<&str>, keep: &Path) -> Result<()> {
    let lines = audit(guest, keep)?;
    let all: Vec<&str> = lines.iter().map(|line| line.check.as_str()).collect();
    let known: Vec<&str> = breaks().iter().map(|broken| broken.check).collect();
    ensure!(all == known, "the audit has the lines {all:?}");
    let wrong = |line: &&Line| line.result != if fails == Some(&line.check) { "fail" } else { "pass" };
    let wrong: Vec<String> = lines
        .iter()
        .filter(wrong)
        .map(|line| format!("{} is {}: {:#}", line.check, line.result, line.evidence))
        .collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// The audit as the ordinary user, as root, and broken line by line.
pub(super) fn all(guest: &mut Guest, password: &str, keep: &Path) -> Result<()> {
    expect(guest, None, keep).context("as an ordinary user")?;
    println!("    ok      every line passes for an ordinary user");
    guest.become_root(password)?;
    expect(guest, None, keep).context("as root")?;
    println!("    ok      every line passes for root");
    guest.output("forgectl receipt verify").context("the receipt")?;
    let mut failed = Vec::new();
    for Break { check, sentence, breaks, mends } in breaks() {
        if mends == REAL_VARIABLES {
            guest.output(COPY_VARIABLES)?;
        }
        guest.output(breaks)?;
        let result = expect(guest, Some(check), keep);
        guest.output(mends)?;
        match result {
            Ok(()) => println!("    ok      only {check} fails: {sentence}"),
            Err(error) => {
                println!("    FAILED  {check}: {sentence}: {error:#}");
                failed.push(sentence);
            }
        }
    }
    expect(guest, None, keep).context("when everything is mended")?;
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}
