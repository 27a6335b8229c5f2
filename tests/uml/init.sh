#!/bin/sh
# The first program in user-mode Linux: lays a writable layer over the workbench, then becomes systemd.
#
# The first disk, ubda, has what meson installed and the files of these tests. It is this system's boot medium: Forge has
# to find that out before it offers any other disk. The kernel's command line carries, as environment: FORGE_UML, this directory; FORGE_SCENARIO, the script to run.
set -e
export PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
insmod "/usr/lib/uml/modules/$(uname -r)/kernel/fs/overlayfs/overlay.ko"

# Nothing is written to the host: what changes is in memory.
mount -t tmpfs -o size=75% tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t tmpfs tmpfs /run
mkdir /run/medium
mount -t devtmpfs dev /dev 2>/dev/null || true
mount -t ext4 -o ro /dev/ubda /run/medium
mount -t overlay -o lowerdir=/run/medium:/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root

cd /mnt/root
rm -rf usr/lib/modules
ln -s uml/modules usr/lib/modules
# Debian's hundred profiles take 8 s to load, and none of them matters here.
find etc/apparmor.d -maxdepth 1 -type f ! -name 'usr.libexec.forge-helper' ! -name 'usr.bin.forge*' -delete
: >etc/machine-id
: >etc/fstab
echo forge-uml >etc/hostname
printf 'FORGE_UML=%s\nFORGE_SCENARIO=%s\n' "$FORGE_UML" "$FORGE_SCENARIO" >etc/forge-uml.env

mkdir -p run
mount --move /run run
mount --bind /dev dev
umount /sys /proc
mount --move . /
exec chroot . /usr/lib/systemd/systemd --unit=forge-uml.target
