# The unattended install in its own unit: sandbox, credentials of systemd, consoles by tmpfiles, polkit's rule, a FAT stick.
first=$(disk 0)
second=$(disk 1)
live=/usr/lib/forge/live
data=$FORGE_UML/../../data/live
service() { systemctl show --property "$1" --value forge-unattended.service; }
journal() { journalctl --no-pager -b -o cat -u forge-unattended; }

# What a live medium has.
mkdir -p $live /run/credstore /run/forge/medium /usr/share/forge/dmi
cp "$data/polkit-1/forge-unattended.rules" $live/polkit-unattended.rules
cp "$data/unattended-tmpfiles.conf" "$data/unattended-consoles.conf" $live/
cp "$data/systemd/forge-unattended.service" /usr/lib/systemd/system/
# Its rule for the seat says no to whoever has none.
mkdir -p /run/polkit-1/rules.d
cp "$FORGE_UML/../../data/polkit-1/rules.d/live/50-org.intergenos.Forge1.rules" /run/polkit-1/rules.d/40-forge-live.rules
echo 'u forge-unattended - "Forge, unattended" - /usr/sbin/nologin' | systemd-sysusers -
# This kernel has no DMI, and its command line is the scenario's.
echo Example >/usr/share/forge/dmi/sys_vendor
echo MACHINE-17 >/usr/share/forge/dmi/product_serial
drop_in() { mkdir -p "/run/systemd/system/$1.d"; cat >"/run/systemd/system/$1.d/uml.conf"; }
drop_in forge-unattended.service <<UNIT
[Unit]
ConditionKernelCommandLine=
UNIT
drop_in forge-helper.service <<UNIT
[Service]
ExecStart=
ExecStart=/usr/libexec/forge-helper --dmi /usr/share/forge/dmi
UNIT
systemctl daemon-reload

# The second disk is a stick with FAT, whose labels have eleven characters.
mkfs.fat -I -n FORGE-ANSWE "/dev/$second" >/dev/null
mkdir -p /run/udev/rules.d
echo "SUBSYSTEM==\"block\", KERNEL==\"$second*\", ENV{UDISKS_SYSTEM}=\"0\"" >/run/udev/rules.d/99-stick.rules
udevadm control --reload
udevadm trigger --action=change "/dev/$second"
timeout 60 udevadm settle
allow root
name=$(forgectl disks --json | python3 -c '
import json, sys
for disk in json.load(sys.stdin)["disks"]:
    identity = disk["identity"]
    if identity["path"] == sys.argv[1]:
        key = "wwn" if identity["wwn"] else "serial"
        print("%s = \"%s\"" % (key, identity[key]))' "/dev/$first")
rm /etc/polkit-1/rules.d/10-forge-uml.rules
systemctl restart polkit.service

answers() {
    sed "/^erase/a match = { $name }" /usr/share/forge/answers.toml
    printf '\n[machine]\nvendor = "Example"\nserial = "%s"\n\n[unattended]\nexit = "stay"\n' "$1"
    printf '[unattended.credentials]\npassphrase = { credential = "forge.seal" }\nleave-on = "answers-volume"\n'
}
echo "canary-that-opens" >/run/credstore/forge.seal
ended() { for _ in $(seq 900); do case $(service ActiveState) in failed|inactive) return 0 ;; esac; sleep 0.2; done; return 1; }

# What does not come from the machine's firmware is a proposal, be it for this machine.
answers MACHINE-17 >/run/credstore/forge.answers
systemctl start forge-unattended.service
ended
check "a credential that the firmware did not bring does not run alone" sh -c 'journalctl --no-pager -b -o cat -u forge-unattended | grep -q "came from the ESP"'
check "and nothing is written" sh -c '! blkid -p "/dev/$1"' sh "$first"
rm /run/credstore/forge.answers

# For another machine: it says so, and stops, and stays. User-mode Linux has no firmware: this is where systemd puts what it brings.
mkdir -p /run/credentials/@system
answers MACHINE-18 >/run/credentials/@system/forge.answers
systemctl reset-failed forge-unattended.service
systemctl start forge-unattended.service
check "a run for another machine ends" ended
check "with the exit code of answers that can not be used" [ "$(service ExecMainStatus)" = 3 ]
check "it says which machine they are for" sh -c 'journalctl --no-pager -b -o cat -u forge-unattended | grep -q "MACHINE-18.*MACHINE-17"'
check "the log is on the stick" sh -c 'mdir -b -i "/dev/$1" :: | grep -q forge-log-MACHINE-17.txt' sh "$second"
check "the target is as it was" sh -c '! blkid -p "/dev/$1"' sh "$first"

# For this one.
answers MACHINE-17 >/run/credentials/@system/forge.answers
systemctl reset-failed forge-unattended.service
systemctl start forge-unattended.service
check "forgectl runs as its own user" [ "$(ps -o user:30= -p "$(service MainPID)" | tr -d ' ')" = forge-unattended ]
check "confined, in enforce mode" says "forgectl (enforce)" cat "/proc/$(service MainPID)/attr/current"
check "without any power" says "CapEff:	0000000000000000" grep CapEff "/proc/$(service MainPID)/status"
check "the screen is its own, and nobody else's" says "600 forge-unattended" stat -c '%a %U' /dev/tty1
check "it ends" ended
check "well" sh -c '[ "$1" = 0 ] || { journalctl --no-pager -b -o cat -u forge-unattended -n 60; exit 1; }' sh "$(service ExecMainStatus)"
check "the countdown was thirty seconds" sh -c 'journalctl --no-pager -b -o cat -u forge-unattended | grep -q "erased in 30 s"'
check "the stick is not mounted any more" sh -c '! grep -q "^/dev/$1 " /proc/mounts' sh "$second"
mkdir -p /media/stick
check "the kernel mounts the stick" mount -t vfat -o ro "/dev/$second" /media/stick
check "the credentials are on it, sealed" sh -c 'ls /media/stick/forge-*/credentials.sealed'
check "they open with the passphrase" sh -c 'forgectl credentials open /media/stick/forge-*/credentials.sealed --passphrase-file /run/credstore/forge.seal | grep -q mok'
check "forgectl verify finds nothing wrong" sh -c 'forgectl verify "/dev/$1" --receipt /media/stick/forge-*/receipt.json' sh "$first"
check "no secret is in the journal" sh -c '! journalctl --no-pager -b | grep -q canary-that-opens'
umount /media/stick
check "an ordinary user may nothing by its rule" sh -c '! setpriv --reuid 1000 --regid 1000 --clear-groups forgectl disks'
