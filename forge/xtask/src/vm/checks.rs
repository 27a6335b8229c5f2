//! What an installed, enrolled system must show from the inside.
use super::demo::Demo;
use super::guest::Guest;
use super::tool::run;
use anyhow::{Context, Result, ensure};

/// One check: a sentence, and the look that proves it. Run as root in the guest.
type Check = (&'static str, fn(&mut Guest, &Demo) -> Result<()>);

/// The checks of the scenario `enrolled`.
const CHECKS: [Check; 12] = [
    ("Secure Boot is on", |guest, _| secure_boot(guest, true)),
    ("this machine's certificate is enrolled", enrolled),
    ("the root file system is the sealed image of the receipt", sealed_root),
    ("/etc is writable", etc_is_writable),
    ("root has no password", root_is_locked),
    ("the computer has the name that was asked for", hostname),
    ("the locale is the one that was asked for", locale),
    ("the time zone is the one that was asked for", timezone),
    ("the firewall drops what comes in", firewall),
    ("AppArmor enforces profiles", apparmor),
    ("nothing listens beyond this computer", listeners),
    ("the demo service got its credential", service_credential),
];

/// Runs all checks and reports every one that fails, not only the first.
pub(super) fn all(guest: &mut Guest, demo: &Demo) -> Result<()> {
    let mut failed = Vec::new();
    // The first look waits until the system has started, so that the others see it whole.
    let started = ("every unit has started", units_are_well as fn(&mut Guest, &Demo) -> Result<()>);
    for (sentence, check) in std::iter::once(started).chain(CHECKS) {
        match check(guest, demo) {
            Ok(()) => println!("    ok      {sentence}"),
            Err(error) => {
                println!("    FAILED  {sentence}: {error:#}");
                failed.push(sentence);
            }
        }
    }
    ensure!(failed.is_empty(), "checks in the guest failed: {}", failed.join("; "));
    Ok(())
}

/// The firmware's own variable says whether Secure Boot is enforced.
pub(super) fn secure_boot(guest: &mut Guest, on: bool) -> Result<()> {
    let file = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    let value = guest.output(&format!("od -An -tu1 -j4 -N1 {file}"))?;
    ensure!(value.trim() == if on { "1" } else { "0" }, "the variable SecureBoot is {value}");
    Ok(())
}

pub(super) fn units_are_well(guest: &mut Guest, _: &Demo) -> Result<()> {
    let (_, state) = guest.run("timeout 400 systemctl is-system-running --wait")?;
    if state != "running" {
        let failed = guest.run("systemctl list-units --failed --plain --no-legend; systemctl list-jobs --no-legend")?.1;
        anyhow::bail!("the system is {state}: {failed}");
    }
    Ok(())
}

fn enrolled(guest: &mut Guest, demo: &Demo) -> Result<()> {
    let fingerprint = demo.fingerprint()?;
    let listed = guest.output("mokutil --list-enrolled")?.to_lowercase();
    ensure!(listed.contains(&fingerprint), "{fingerprint} is not among: {listed}");
    Ok(())
}

/// The sealed root: the hash is on the signed command line, and the kernel's device uses it.
pub(super) fn sealed_root(guest: &mut Guest, demo: &Demo) -> Result<()> {
    sealed_by(guest, &demo.root_hash)
}

/// The same, of a root hash.
pub(super) fn sealed_by(guest: &mut Guest, root_hash: &str) -> Result<()> {
    let cmdline = guest.output("cat /proc/cmdline")?;
    let wanted = format!("roothash={}", root_hash);
    ensure!(cmdline.split_whitespace().any(|word| word == wanted), "{wanted} is not in: {cmdline}");
    let source = guest.output("findmnt -no SOURCE /")?;
    ensure!(source == "/dev/mapper/root", "/ is on {source}");
    let status = guest.output("veritysetup status root")?;
    let field = |name: &str| {
        let line = status.lines().map(str::trim).find(|l| l.starts_with(name));
        line.and_then(|l| l.split_whitespace().last()).unwrap_or_default()
    };
    ensure!(field("type:") == "VERITY", "no verity device: {status}");
    ensure!(field("status:") == "verified", "not verified: {status}");
    ensure!(field("root hash:") == root_hash, "another root hash: {status}");
    Ok(())
}

fn etc_is_writable(guest: &mut Guest, _: &Demo) -> Result<()> {
    guest.output("echo yes > /etc/forge-test && cat /etc/forge-test && rm /etc/forge-test")?;
    let (code, _) = guest.run("touch /usr/forge-test")?;
    ensure!(code != 0, "/usr is writable too");
    Ok(())
}

fn root_is_locked(guest: &mut Guest, _: &Demo) -> Result<()> {
    let field = guest.output("getent shadow root | cut -d: -f2 | cut -c1")?;
    ensure!(field == "!" || field == "*", "root's password field starts with {field:?}");
    Ok(())
}

fn hostname(guest: &mut Guest, demo: &Demo) -> Result<()> {
    same(&guest.output("cat /proc/sys/kernel/hostname")?, &demo.hostname)
}

fn locale(guest: &mut Guest, demo: &Demo) -> Result<()> {
    // What the first process has, and hands to every service and session.
    let environment = guest.output("systemctl show-environment")?;
    let lang = environment.lines().find_map(|l| l.strip_prefix("LANG="));
    same(lang.unwrap_or("(none)"), &demo.locale)?;
    let (_, complaint) = guest.run(&format!("LC_ALL={} locale 2>&1 >/dev/null", demo.locale))?;
    ensure!(complaint.is_empty(), "the image does not have {}: {complaint}", demo.locale);
    Ok(())
}

fn timezone(guest: &mut Guest, demo: &Demo) -> Result<()> {
    let zone = guest.output("readlink /etc/localtime")?;
    same(zone.split_once("zoneinfo/").map_or(zone.as_str(), |(_, zone)| zone), &demo.timezone)
}

fn firewall(guest: &mut Guest, _: &Demo) -> Result<()> {
    let rules = guest.output("nft list ruleset")?;
    let input = rules.split("type filter hook ").find(|part| part.starts_with("input "));
    let input = input.with_context(|| format!("no chain for input: {rules}"))?;
    let head = input.lines().next().unwrap_or_default();
    ensure!(head.contains("policy drop"), "the chain for input is: {head}");
    Ok(())
}

fn apparmor(guest: &mut Guest, _: &Demo) -> Result<()> {
    let profiles = guest.output("cat /sys/kernel/security/apparmor/profiles")?;
    let enforced = profiles.lines().filter(|l| l.trim_end().ends_with("(enforce)")).count();
    let complaining = profiles.lines().filter(|l| l.trim_end().ends_with("(complain)")).count();
    ensure!(enforced > 0, "no profile is enforced: {profiles}");
    ensure!(complaining == 0, "{complaining} profiles only complain: {profiles}");
    Ok(())
}

fn listeners(guest: &mut Guest, _: &Demo) -> Result<()> {
    let sockets = guest.output("ss -Htulnp")?;
    let local = |address: &str| address.starts_with("127.") || address.starts_with("[::1]");
    let open = sockets.lines().filter(|l| !l.split_whitespace().nth(4).is_some_and(local));
    let open: Vec<_> = open.filter(|l| !l.trim().is_empty()).collect();
    ensure!(open.is_empty(), "{}", open.join("; "));
    Ok(())
}

fn service_credential(guest: &mut Guest, demo: &Demo) -> Result<()> {
    let scratch = super::scratch::Scratch::new()?;
    let file = scratch.path("secret");
    std::fs::write(&file, &demo.service_secret)?;
    let wanted = String::from_utf8(run("/usr/bin/sha256sum", &[&file])?)?;
    let found = guest.output("cat /run/forge-demo.sha256")?;
    same(found.split_whitespace().next().unwrap_or_default(), wanted.split_whitespace().next().unwrap_or_default())
}

fn same(found: &str, wanted: &str) -> Result<()> {
    ensure!(found == wanted, "it is {found}, not {wanted}");
    Ok(())
}
