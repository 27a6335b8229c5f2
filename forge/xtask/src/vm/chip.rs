//! A TPM that opens the encrypted state: without a question for the start that it knows, and for nothing else.
use super::attached::Attached;
use super::checks;
use super::demo::Demo;
use super::encrypted::{CONSOLES, PROMPT, answer, install, secret};
use super::firmware::Store;
use super::guest::Guest;
use super::machine::{BOOT_FAILURES, Machine, Parts};
use super::mokmanager;
use super::scenarios::Stage;
use anyhow::{Result, ensure};
use std::fs;

/// The same words in another order: they do nothing else, and are measured as something else.
const OTHER_WORDS: &str = "console=tty0 console=ttyS0 systemd.log_level=warning loglevel=4";
/// What systemd says where no signature is for the values that the TPM has now, and not because the TPM is not there.
const REFUSED: &str =
    "signature for this PCR bank|No signature for current PCR policy|does not apply to current boot state";
/// Where the keys for it lie.
const KEYS: &str = "/var/lib/forge/tpm2";
/// The configuration by which later boot images are signed.
const SETTINGS: &str = "/etc/kernel/uki.conf";

/// Asks for the passphrase once, then never again; a foreign signature, other words and no Secure Boot ask.
pub(super) fn run_it(stage: &Stage) -> Result<()> {
    let name = "encrypted-tpm2";
    let folder = stage.out().join(name);
    let demo = install(stage, &folder, "tpm2 = true\n")?;
    let start_with = |words, door, store: &Store| {
        let tpm = Some(folder.join("tpm"));
        let attached = Attached { more_words: Some(words), tpm, door, ..Attached::default() };
        Machine::start(&Parts { name, disk: &demo.disk, snapshot: false, store, out: stage.out(), attached: &attached })
    };
    let start = |words, store: &Store| start_with(words, false, store);
    let store = Store::microsoft(stage.store(name))?;
    store.set(&demo.variables)?;

    let mut machine = start(CONSOLES, &store)?;
    mokmanager::enroll(&mut machine, &demo.mok_code)?;
    answer(&mut machine, "1-first-start", &secret(&folder, "passphrase")?)?;
    let mut guest = Guest::root(&mut machine, &demo)?;
    enrolled(&mut guest)?;
    guest.power_off()?;
    drop(machine);

    // The firmware's tables bring a unit: no value changes by that, so the TPM opens, and nothing starts the unit.
    let mut machine = start_with(CONSOLES, true, &store)?;
    opens_alone(&mut machine, &demo)?;
    let mut guest = Guest::root(&mut machine, &demo)?;
    no_door(&mut guest)?;
    checks::secure_boot(&mut guest, true)?;
    // From the running system on it opens to nobody: the signature is for the initrd, which is over.
    let token = format!("cryptsetup open --debug --test-passphrase --token-only {}", device(&mut guest)?);
    guest.output(&format!("! {token} >/run/refused 2>&1"))?;
    guest.output(&format!(
        "SYSTEMD_LOG_LEVEL=debug {token} 2>&1 | grep -E '{REFUSED}' || {{ cat /run/refused; false; }}"
    ))?;
    // A boot image of this machine's, whose measurement another key has signed.
    guest.output(&format!("openssl genrsa -out {KEYS}/other.key 2048 2>/dev/null"))?;
    guest.output(&format!("openssl rsa -in {KEYS}/other.key -pubout -out {KEYS}/other.pem 2>/dev/null"))?;
    guest.output(&format!("sed -i s,{KEYS}/pcr,{KEYS}/other, {SETTINGS}"))?;
    install_kernel(&mut guest)?;
    guest.power_off()?;
    drop(machine);

    let mut machine = start(CONSOLES, &store)?;
    answer(&mut machine, "2-foreign-signature", &secret(&folder, "recovery-key")?)?;
    let mut guest = Guest::root(&mut machine, &demo)?;
    guest.output(&format!("sed -i s,{KEYS}/other,{KEYS}/pcr, {SETTINGS}"))?;
    install_kernel(&mut guest)?;
    guest.power_off()?;
    drop(machine);

    // A kernel that was installed later is signed by the right key again.
    let mut machine = start(CONSOLES, &store)?;
    opens_alone(&mut machine, &demo)?;
    drop(machine);

    asks(&mut start(OTHER_WORDS, &store)?, "3-other-words")?;
    let off = Store::without_keys(stage.store("encrypted-tpm2-off"))?;
    asks(&mut start(CONSOLES, &off)?, "4-secure-boot-off")?;
    Ok(fs::remove_dir_all(folder)?)
}

/// A unit that the firmware's tables bring is there, and not taken.
fn no_door(guest: &mut Guest) -> Result<()> {
    let unit = "forge-test-door.service";
    guest.output(&format!("grep -aqF systemd.extra-unit.{unit} /sys/firmware/dmi/tables/DMI"))?;
    guest.output(&format!("! systemctl cat {unit} 2>/dev/null"))?;
    guest.output("! ls /run/credentials/@system/systemd.* 2>/dev/null")?;
    println!("    ok      no unit comes from the firmware's tables");
    Ok(())
}

/// The unit has done its work, and the slot that it needed is gone.
fn enrolled(guest: &mut Guest) -> Result<()> {
    let gone = "until [ ! -e /var/lib/forge/tpm2/once.key ]; do sleep 1; done";
    let why = "systemctl status --no-pager --full forge-tpm2; wc -c /sys/kernel/security/tpm0/binary_bios_measurements";
    let (code, said) = guest.run(&format!("timeout 180 sh -c '{gone}' || {{ {why}; false; }}"))?;
    ensure!(code == 0, "the TPM was not added: {said}");
    let device = device(guest)?;
    let dump = guest.output(&format!("cryptsetup luksDump {device}"))?;
    ensure!(dump.contains("systemd-tpm2") && dump.contains("systemd-recovery"), "the tokens are not there: {dump}");
    ensure!(!dump.contains("\n  2: luks2"), "the slot that is used once is still there: {dump}");
    println!("    ok      the TPM has a slot, and the key that is used once is gone");
    Ok(())
}

/// The partition of the state.
fn device(guest: &mut Guest) -> Result<String> {
    Ok(guest.output("blkid --match-token TYPE=crypto_LUKS --output device")?.trim().to_owned())
}

/// It comes up to the login without a question.
fn opens_alone(machine: &mut Machine, demo: &Demo) -> Result<()> {
    let login = format!(r"{} login: ", demo.hostname);
    let questions = [&BOOT_FAILURES[..], &[PROMPT]].concat();
    machine.expect_unless(&[&login], &questions, 240)?;
    println!("    ok      nobody was asked");
    // The one who logs in waits for a prompt of their own.
    machine.send_line("")
}

/// It asks for the passphrase.
fn asks(machine: &mut Machine, label: &str) -> Result<()> {
    machine.expect_unless(&[PROMPT], &[&BOOT_FAILURES[..], &[r"(?i)\S+ login: "]].concat(), 240)?;
    machine.settle();
    machine.screenshot(label)?;
    println!("    ok      the passphrase is asked for: {label}");
    Ok(())
}

/// Installs the running kernel once more, as an update would.
fn install_kernel(guest: &mut Guest) -> Result<()> {
    let uki = guest.output("ls /boot/EFI/Linux/*.efi")?;
    // The initrd of the demo system exists only inside its boot image.
    guest.output(&format!(
        "python3 -c 'import pefile; s = [s for s in pefile.PE(\"{uki}\").sections if s.Name.startswith(b\".initrd\")][0]; \
         open(\"/var/tmp/initrd\", \"wb\").write(s.get_data()[:s.Misc_VirtualSize])'"
    ))?;
    let before = guest.output(&format!("sha256sum {uki}"))?;
    guest.output("k=$(uname -r); kernel-install add $k /usr/lib/modules/$k/vmlinuz /var/tmp/initrd")?;
    let after = guest.output(&format!("sha256sum {uki}"))?;
    ensure!(before != after, "kernel-install left the boot image as it was");
    Ok(())
}
