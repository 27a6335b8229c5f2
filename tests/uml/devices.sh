# Disks as UDisks2 and the kernel give them to the helper, in its unit and profile.
probe
first=$(disk 0)
second=$(disk 1)
size_of() { busctl get-property org.freedesktop.UDisks2 "/org/freedesktop/UDisks2/block_devices/$1" \
    org.freedesktop.UDisks2.Block Size; }
blank() { dd if=/dev/zero of="/dev/$1" bs=1M count=40 conv=fsync status=none; }
wait_for() { for _ in $(seq 50); do [ -e "$1" ] && return 0; sleep 0.2; done; return 1; }
held() { refused "$1" "busy" inside "take('$first')"; }

check "there are two disks" [ -n "$first" -a -n "$second" -a "$first" != "$second" ]
check "UDisks2 knows their size" says "t 314572800" size_of "$first"

# Taken and written through the descriptor alone, with no device node in sight.
check "the helper takes a disk" inside "take('$first')"
check "it writes and reads it back" inside \
    "(os.pwrite(held['$first'], b'forge' * 8192, 4096), os.fsync(held['$first']), os.pread(held['$first'], 5, 4096))"
check "it asks for its size" inside "os.lseek(held['$first'], 0, os.SEEK_END)"
refused "it can not take a disk twice" "busy" inside "os.close(take('$first'))"
refused "another program can not take it" "busy" python3 -c "import os; os.open('/dev/$first', os.O_RDWR | os.O_EXCL)"
check "it gives it back" inside "give_back('$first')"

# What else has a disk.
dmsetup create linear --table "0 2048 linear /dev/$first 0"
held "a disk with a device-mapper target on it is refused"
dmsetup remove --retry linear
printf secret | cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "/dev/$first" -
check "a disk that only has a LUKS header is taken" inside "(take('$first'), give_back('$first'))"
check "LUKS opens" sh -c 'printf secret | cryptsetup open --key-file - "/dev/$1" opened' sh "$first"
held "an opened LUKS volume is refused"
check "the kernel names the holder" sh -c '[ "$1" != "s \"[]\"" ]' sh "$(inside "os.listdir('/sys/block/$first/holders')")"
cryptsetup close opened
blank "$first"
mkdir -p /media/disk && mke2fs -q -F -t ext4 "/dev/$first" && mount -t ext4 "/dev/$first" /media/disk
held "a mounted disk is refused"
umount /media/disk
blank "$first"

# A table that was written through the descriptor is read again when UDisks2 is asked to.
truncate -s 314572800 /tmp/table.img
sgdisk --new=1:2048:+64M --typecode=1:ef00 --new=2:0:+64M /tmp/table.img >/dev/null
mkdir -p /usr/share/forge && head -c 1048576 /tmp/table.img >/usr/share/forge/head && tail -c 1048576 /tmp/table.img \
    >/usr/share/forge/tail
check "the helper writes a partition table" inside "(take('$first'), \
    os.pwrite(held['$first'], open('/usr/share/forge/head', 'rb').read(), 0), \
    os.pwrite(held['$first'], open('/usr/share/forge/tail', 'rb').read(), 314572800 - 1048576), os.fsync(held['$first']))"
check "no partition is there while it has the disk" [ ! -e "/dev/${first}1" ]
inside "give_back('$first')" >/dev/null
check "the helper asks UDisks2 to read the table again" inside "rescan('$first')"
check "the partitions appear" wait_for "/dev/${first}2"
known() { for _ in $(seq 50); do size_of "$1" && return 0; sleep 0.2; done; return 1; }
check "UDisks2 shows them" known "${first}1"
mke2fs -q -F -t ext4 "/dev/${first}1" && mount -t ext4 "/dev/${first}1" /media/disk
held "a disk with one mounted partition is refused"
umount /media/disk

# A descriptor from a program that is confined, too, is looked at again by AppArmor.
cat >/etc/apparmor.d/confined <<PROFILES
abi <abi/4.0>,
profile udisksd /usr/libexec/udisks2/udisksd flags=(attach_disconnected) { allow all, }
profile logind /usr/lib/systemd/systemd-logind flags=(attach_disconnected) { allow all, }
PROFILES
apparmor_parser --replace /etc/apparmor.d/confined && systemctl restart udisks2.service systemd-logind.service
check "UDisks2 is confined now" says "udisksd (enforce)" cat "/proc/$(systemctl show -P MainPID udisks2)/attr/current"
check "the helper takes a disk from a confined UDisks2" inside "take('$first')"
check "it writes to it" inside "(os.pwrite(held['$first'], b'forge' * 8192, 4096), os.fsync(held['$first']))"
check "it takes an inhibitor from a confined logind" inside 'inhibit()'
inside "give_back('$first')" >/dev/null

# Pulled out in the middle.
check "the helper takes the other disk" inside "take('$second')"
check "it writes to it" inside "os.pwrite(held['$second'], b'x' * 4096, 0)"
echo 1 >"/sys/block/$second/device/delete"
refused "a write to a disk that is gone fails, and does not hang" "Errno" timeout 60 busctl call --timeout=30 \
    org.intergenos.Forge1 /org/intergenos/Forge1 org.intergenos.Forge1.Manager Probe s \
    "[os.pwrite(held['$second'], b'x' * 4096, 0), os.fsync(held['$second'])]"
forgotten() { for _ in $(seq 50); do size_of "$second" >/dev/null 2>&1 || return 0; sleep 0.2; done; return 1; }
check "UDisks2 forgets it" forgotten
