//! Probe.
use super::attached::{Attached, More};
use super::guest::Guest;
use super::machine::{Machine, Parts};
use super::scenarios::Stage;
use super::tamper::Disk;
use anyhow::Result;

const LOOK: &str = "[Unit]\nDefaultDependencies=no\nConditionPathExists=/etc/initrd-release\nBefore=initrd.target\n\
   [Service]\nType=oneshot\nExecStart=/bin/sh -c 'cd /; { ls -laR usr/lib/firmware kernel; } > /run/early.txt 2>&1; cp /proc/mounts /run/mounts.txt; mkdir -p /run/keep; true'\n";
const WANTED: &str = "[Unit]\nWants=forge-test-look.service\n";

pub(super) fn run(stage: &Stage) -> Result<()> {
    let store = stage.enrolled_store("probe")?;
    let disk = Disk::copy(stage.talking(), &stage.scratch_disk("probe"))?;
    let attached = Attached {
        more: vec![More {
            image: "/tmp/fwget/b.erofs".into(),
            serial: "bundles".into(),
            stick: false,
            read_only: true,
        }],
        credentials: vec![
            ("systemd.extra-unit.forge-test-look.service".into(), LOOK.into()),
            ("systemd.unit-dropin.initrd.target".into(), WANTED.into()),
        ],
        card: Some("i82551"),
        ..Attached::default()
    };
    let parts = Parts {
        name: "probe",
        disk: disk.path(),
        snapshot: false,
        store: &store,
        out: stage.out(),
        attached: &attached,
    };
    let mut machine = Machine::start(&parts)?;
    let mut guest = Guest::root(&mut machine, stage.demo())?;
    let say = |guest: &mut Guest, what: &str| -> Result<()> {
        let (code, said) = guest.run(what)?;
        println!("=== {what} -> {code}\n{}", said.replace('\r', ""));
        Ok(())
    };
    say(&mut guest, "cat /run/early.txt; ls /sys/class/net; lspci -n; dmesg | grep -i -E 'e100|firmware' | tail -20")?;
    say(
        &mut guest,
        "systemctl stop NetworkManager; for n in /sys/class/net/e*; do ip link set ${n##*/} up; done; dmesg | grep -i -E 'e100|firmware' | tail -20",
    )?;
    say(
        &mut guest,
        "mkdir -p /run/b /var/lib/extensions /boot/loader/addons; mount -r /dev/disk/by-id/virtio-bundles /run/b && ls -la /run/b && cp /run/b/firmware-e100.raw /var/lib/extensions/ && cp /run/b/roothash /var/lib/extensions/firmware-e100.roothash",
    )?;
    say(
        &mut guest,
        "for a in e100 amd; do sbsign --key /var/lib/forge/mok/boot.key --cert /var/lib/forge/mok/boot.pem --output /boot/loader/addons/firmware-$a.addon.efi /run/b/firmware-$a.addon.efi; done; find /boot; sync",
    )?;
    let mut guest = guest.restart()?;
    guest.log_in(&stage.demo().user, &stage.demo().password)?;
    guest.become_root(&stage.demo().password)?;
    for what in [
        "cat /run/early.txt; cat /proc/cmdline",
        "journalctl -b -o short-monotonic --no-hostname | grep -i -E 'sysext|extension|e100|sysroot-var|sysroot.mount|firmware|switch-root|verity' | head -80",
        "findmnt -R / | head -60",
        "grep ' /usr' /proc/self/mountinfo",
        "systemd-sysext status; systemd-sysext list; ls -laR /usr/lib/firmware; ls -la /usr/.systemd-sysext",
        "dmsetup ls; dmsetup table --target verity; losetup -a",
        "systemctl --failed; systemctl status systemd-sysext systemd-confext | head -30; systemctl is-enabled systemd-sysext",
        "for n in /sys/class/net/e*; do ip link set ${n##*/} up; ip link show ${n##*/}; done; dmesg | grep -i -E 'e100|firmware' | tail -20",
        "modprobe test_firmware; echo -n e100/d101s_ucode.bin > /sys/devices/virtual/misc/test_firmware/trigger_request; sha256sum /dev/test_firmware /usr/lib/firmware/e100/d101s_ucode.bin; cat /sys/devices/virtual/misc/test_firmware/trigger_request; echo -n nothing.bin > /sys/devices/virtual/misc/test_firmware/trigger_request",
        "dmesg | grep -i microcode",
        "forgectl audit --evidence | head -60",
        "systemctl restart systemd-sysext; echo $?; findmnt -R /usr; systemd-sysext status",
        "touch /usr/x; aa-status | head -5; systemd-analyze critical-chain systemd-sysext.service; systemd-analyze blame | head",
        "rm /var/lib/extensions/firmware-e100.*; systemctl restart systemd-sysext; echo $?; findmnt -R /usr; ls /usr/lib/firmware; dmsetup ls; rm /boot/loader/addons/*; find /boot/loader",
    ] {
        say(&mut guest, what)?;
    }
    let mut guest = guest.restart()?;
    guest.log_in(&stage.demo().user, &stage.demo().password)?;
    guest.become_root(&stage.demo().password)?;
    say(&mut guest, "findmnt -R /usr; ls /usr/lib/firmware; cat /run/early.txt; systemctl --failed")?;
    Ok(())
}
