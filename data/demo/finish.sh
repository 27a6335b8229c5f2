#!/bin/sh
# Turns a tree of Debian packages into the demo system. Runs inside the tree, as root.
set -eu
export LC_ALL=C.UTF-8

# Locales: the ones that the tests use. They compile while dracut works.
(
    for locale in en_US de_DE ar_EG; do
        localedef -i "$locale" -f UTF-8 "$locale.UTF-8"
    done
) &
locales=$!

# The initrd, and a check that it can open the sealed root.
kernel=$(ls /usr/lib/modules)
mkdir /forge-build/none
dracut --quiet --force --conf /forge-build/initrd.conf --confdir /forge-build/none --kver "$kernel" /forge-build/initrd.img
lsinitrd /forge-build/initrd.img > /forge-build/initrd.list
for need in systemd-veritysetup-generator systemd-veritysetup systemd-fstab-generator \
    overlay.ko erofs.ko dm-verity.ko ext4.ko virtio_blk.ko; do
    # ext4 may be part of the kernel itself.
    grep -q "/$need" /forge-build/initrd.list ||
        grep -q "/${need%.ko}\.ko" "/usr/lib/modules/$kernel/modules.builtin" ||
        { echo "the initrd lacks $need" >&2; exit 1; }
done
# A copy stays in the tree: kernel-install makes a boot image from it on the installed machine.
cp "/boot/vmlinuz-$kernel" /forge-build/vmlinuz
[ -e "/usr/lib/modules/$kernel/vmlinuz" ] || cp "/boot/vmlinuz-$kernel" "/usr/lib/modules/$kernel/vmlinuz"
echo "$kernel" > /forge-build/kernel-release
rm -rf /boot/*

# The packages that were needed only for that. One of them would take the locales with it;
# of the kernel's, only the record goes.
wait "$locales"
mv /usr/lib/locale/locale-archive /forge-build/
dpkg --purge --force-depends $(cat /forge-build/build-only) \
    "linux-image-$kernel" linux-image-cloud-amd64 libc-l10n dracut-core dracut-install 3cpio >/dev/null 2>&1 || true
mv /forge-build/locale-archive /usr/lib/locale/
[ -e "/usr/lib/modules/$kernel/kernel" ] && [ ! -e /usr/bin/dracut ]

# Services: only what the preset names.
rm -rf /etc/systemd/system/*.wants /etc/systemd/system/*.service
systemctl --root=/ preset-all >/dev/null 2>&1
for unit in systemd-firstboot.service systemd-journal-catalog-update.service systemd-networkd.service \
    systemd-networkd.socket NetworkManager-dispatcher.service systemd-sysinstall.socket systemd-binfmt.service \
    proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount sys-kernel-tracing.mount; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done
ln -sf /usr/lib/systemd/system/multi-user.target /etc/systemd/system/default.target

# AppArmor: Debian ships profiles for a hundred programs that are not here, and one that only
# complains.
for profile in /etc/apparmor.d/*; do
    [ ! -f "$profile" ] || case ${profile##*/} in
    forge-demo | unix-chkpwd) ;;
    *) rm "$profile" ;;
    esac
done
sed -i 's/flags=(complain,/flags=(/' /etc/apparmor.d/unix-chkpwd
! grep -rq 'flags=(.*complain' /etc/apparmor.d

# Accounts: root is locked, nobody else can log in.
usermod --password '!*' root
rm -f /etc/*-

# The device database, compiled, without its sources.
systemd-hwdb --usr update
rm -rf /usr/lib/udev/hwdb.d /etc/udev/hwdb.bin

# What belongs to one machine, to a package manager, or to the state that is mounted on /var.
rm -rf /etc/fstab /etc/hostname /etc/resolv.conf /etc/locale.conf /etc/vconsole.conf /etc/apt /etc/dpkg \
    /etc/cron.daily /etc/cron.d /etc/init.d /etc/rc?.d /etc/ssh /etc/kernel/postinst.d /etc/kernel/postrm.d \
    /usr/share/bash-completion /usr/share/zsh /usr/share/i18n /usr/share/bug /usr/share/lintian \
    /usr/share/keymaps/amiga /usr/share/keymaps/atari /usr/share/keymaps/mac /usr/share/keymaps/sun
find /usr/lib/python3* -name __pycache__ -prune -exec rm -rf {} +
python3 -m compileall -q -j 2 --invalidation-mode unchecked-hash /usr/lib/python3*
rm -rf /var/* /tmp/* /run/*
# systemd mounts the EFI system partition at /boot, on demand, unless it is told to use /efi.
mkdir -p /boot /efi /home
: > /etc/.updated
echo uninitialized > /etc/machine-id
chmod 0444 /etc/machine-id
chmod 0440 /etc/sudoers
chmod 0700 /root
