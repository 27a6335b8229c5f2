#!/bin/sh
# Runs one scenario in the guest: loads the drivers, waits for the services, says how it ended.
#
# The last line on the console is the result: "forge-uml: passed", or "forge-uml: failed".
export PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 SYSTEMD_COLORS=0 SYSTEMD_PAGER=cat
stty -onlcr 2>/dev/null
. "$FORGE_UML/lib.sh"
echo "up after $(cut -d ' ' -f 1 /proc/uptime) s"

for module in sd_mod dm_mod dm_crypt loop vfat nls_cp437 nls_ascii ext4; do
    modprobe "$module" 2>/dev/null || grep -q "/$module.ko" "/usr/lib/modules/$(uname -r)/modules.builtin" \
        || echo "there is no module $module"
done
# Two disks of 300 MB, each with a memory of its own.
modprobe scsi_debug add_host=2 per_host_store=1 dev_size_mb=300 num_tgts=1 max_luns=1 delay=0
timeout 60 udevadm settle
timeout 60 systemctl start dbus.service polkit.service systemd-logind.service udisks2.service \
    || { systemctl --no-pager status polkit systemd-logind udisks2; false; }
fails=$((fails + $?))
echo "services after $(cut -d ' ' -f 1 /proc/uptime) s"

. "$FORGE_UML/$FORGE_SCENARIO.sh"

echo "done after $(cut -d ' ' -f 1 /proc/uptime) s"
if [ "$fails" = 0 ]; then
    echo "forge-uml: passed"
else
    # What was refused helps to find out why.
    journalctl --no-pager -b -o cat -u forge-helper -n 60
    journalctl --no-pager -b -o cat _TRANSPORT=audit + _TRANSPORT=kernel -g 'DENIED' -n 40
    echo "forge-uml: failed ($fails)"
fi
