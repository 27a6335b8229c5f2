#!/bin/sh
# The first program of the user-mode Linux: lays a writable layer over the workbench, then starts systemd.
#
# The kernel's command line carries, as environment: FORGE_STAGE, a directory with what meson installed and the units
# of the tests; FORGE_UML, this directory; FORGE_SCENARIO, the script to run.
export PATH=/usr/sbin:/usr/bin
set -e
mount -t proc proc /proc
mount -t sysfs sysfs /sys
release=$(uname -r)
insmod "/usr/lib/uml/modules/$release/kernel/fs/overlayfs/overlay.ko"

# Nothing is written to the host: what changes is in memory.
mount -t tmpfs -o size=75% tmpfs /mnt
mkdir /mnt/stage /mnt/upper /mnt/work /mnt/root
mount -t hostfs -o "ro,hostfs=$FORGE_STAGE" stage /mnt/stage
mount -t overlay -o "lowerdir=/mnt/stage:/,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/root
root=/mnt/root
rm -rf "$root/usr/lib/modules"
ln -s uml/modules "$root/usr/lib/modules"
: >"$root/etc/machine-id"
: >"$root/etc/fstab"
echo forge-uml >"$root/etc/hostname"
cat >"$root/etc/forge-uml.env" <<ENV
FORGE_UML=$FORGE_UML
FORGE_SCENARIO=$FORGE_SCENARIO
ENV

mount --bind /dev "$root/dev"
umount /sys /proc
cd "$root"
mount --move "$root" /
exec chroot . /usr/lib/systemd/systemd --unit=forge-uml.target
