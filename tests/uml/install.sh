# The real helper in its unit and profile: an ordinary user installs onto SCSI disks.
first=$(disk 0)
second=$(disk 1)
person() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }
share=/usr/share/forge
mkdir -p /tmp/handover && chown 1000:1000 /tmp/handover
install_on() { person forgectl install --target "/dev/$1" --answers $share/answers.toml --output /tmp/handover --json; }
helper() { systemctl show --property "$1" --value forge-helper.service; }

# Nobody may anything before a rule says so.
refused "without a rule an ordinary user may not even look" "not allowed" person forgectl disks
refused "nor install" "not allowed" install_on "$first"
allow person

check "with one, forgectl lists the disks by their names" person forgectl disks
check "both disks can be taken, and nothing else is offered" sh -c \
    '[ "$(setpriv --reuid 1000 --regid 1000 --clear-groups forgectl disks --json | grep -o "\"obstacles\":\[\]" | wc -l)" = 2 ]'

# The install, while logind keeps the machine awake.
install_on "$first" >/tmp/install.log 2>&1 &
installing=$!
lock() { for _ in $(seq 100); do systemd-inhibit --list --no-pager | grep -q 'Forge .*block' && return 0; sleep 0.2; done; return 1; }
check "logind holds shutdown and sleep off meanwhile" lock
check "the helper that works is confined, in enforce mode" says "forge-helper (enforce)" cat "/proc/$(helper MainPID)/attr/current"
check "and has one capability" says "CapEff:	0000000000000200" grep CapEff "/proc/$(helper MainPID)/status"
check "which no tool inherits" says "CapAmb:	0000000000000000" grep CapAmb "/proc/$(helper MainPID)/status"
wait $installing
check "the install ends well" sh -c '[ "$1" = 0 ] || { cat /tmp/install.log; exit 1; }' sh $?
check "the lock is gone" sh -c '! systemd-inhibit --list --no-pager | grep -q "Forge .*block"'
check "progress was told by stages" sh -c 'for stage in prepare write fill; do
    grep -q "\"stage\":\"$stage\"" /tmp/install.log || { echo "no $stage"; exit 1; }; done'
check "the new partitions were seen at once" grep -q '"partitions_seen":true' /tmp/install.log
check "udev names them by their PARTUUID" sh -c 'for id in $(grep -o "\"id\":\"[0-9a-f-]*\"" /tmp/handover/receipt.json | cut -d\" -f4 | grep -x ".\{36\}"); do
    [ -e "/dev/disk/by-partuuid/$id" ] || { echo "$id"; exit 1; }; done'

# What lies there, as another kernel's drivers see it.
check "forgectl verify finds nothing wrong" forgectl verify "/dev/$first" --receipt /tmp/handover/receipt.json
hash=$(grep -o '"root_hash": *"[0-9a-f]*"' /tmp/handover/receipt.json | tail -n 1 | cut -d'"' -f4)
check "device-mapper opens the system by its root hash" veritysetup open "/dev/${first}2" system "/dev/${first}3" "$hash"
check "every block of it is as sealed" dd if=/dev/mapper/system of=/dev/null bs=1M status=none
veritysetup close system
mkdir -p /media/state /media/esp
check "the kernel mounts the state" mount -t ext4 "/dev/${first}$([ -e "/dev/${first}6" ] && echo 6 || echo 4)" /media/state
check "with the person's home in it" [ -d /media/state/home/anna ]
check "and keys for root alone" sh -c '[ "$(stat -c %a:%u /media/state/lib/forge/mok/* | sort -u | grep -c "600:0")" -ge 1 ]'
umount /media/state
check "the kernel mounts the ESP" mount -t vfat "/dev/${first}1" /media/esp
check "with shim where firmware looks" cmp /media/esp/EFI/BOOT/BOOTX64.EFI $share/payload/shim.efi
umount /media/esp
check "the credentials are the user's alone" [ "$(stat -c %a:%u /tmp/handover/credentials)" = 600:1000 ]

# Disks that can not be taken.
dmsetup create linear --table "0 2048 linear /dev/$first 4096"
refused "a disk under device-mapper is refused by the name of what lies on it" "/dev/mapper/linear" install_on "$first"
dmsetup remove --retry linear
mount -t vfat "/dev/${first}1" /media/esp
refused "a disk with a mounted partition is refused by its place" "/media/esp" install_on "$first"
umount /media/esp
check "none of that wrote anything" forgectl verify "/dev/$first" --receipt /tmp/handover/receipt.json

# Ended by the system in the middle: the disk starts nothing, and the next install goes on.
slow() { for _ in $(seq 600); do grep -q "\"stage\":\"$1\"" /tmp/install.log && return 0; sleep 0.05; done; return 1; }
: >/tmp/install.log
install_on "$second" >/tmp/install.log 2>&1 &
installing=$!
check "a second install begins" slow write
# Whoever asks the bus for it while it stops starts the next one, and systemctl would call that cancelled.
process=$(helper MainPID)
systemctl stop --no-block forge-helper.service
check "the service is stopped in time" timeout 30 tail --pid="$process" --follow /dev/null
wait $installing
check "forgectl says that it was cancelled, or that the helper left" sh -c '[ "$1" = 7 ] || [ "$1" = 6 ] || { echo "$1"; cat /tmp/install.log; exit 1; }' sh $?
check "the disk starts nothing" sh -c '! blkid -p "/dev/$1" | grep -q PTTYPE' sh "$second"
check "the next install goes on" install_on "$second"

# Pulled out while it is written. UDisks2 first finishes its look at what was just installed: a disk that changes between
# plan and run is refused.
timeout 60 udevadm settle; sleep 5
: >/tmp/install.log
install_on "$second" >/tmp/install.log 2>&1 &
installing=$!
check "a third install begins" slow write
echo 1 >"/sys/block/$second/device/delete"
wait $installing
code=$?
check "a disk that is pulled out ends it with exit code 6" sh -c '[ "$1" = 6 ] || { echo "$1"; tail -n 3 /tmp/install.log; exit 1; }' sh $code
check "and a sentence" grep -q "starts nothing now" /tmp/install.log
check "the helper says the disk is gone" sh -c 'journalctl -b -o cat -u forge-helper | grep -q "disk-gone"'

check "AppArmor had nothing to refuse" sh -c '! journalctl --no-pager -b -o cat _TRANSPORT=audit + _TRANSPORT=kernel -g "DENIED.*forge"'
