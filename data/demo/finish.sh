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
mkdir -p /etc/systemd/system/initrd.target.wants
for unit in systemd-sysext-sysroot forge-demo-initrd-keymap; do
    ln -s "/usr/lib/systemd/system/$unit.service" /etc/systemd/system/initrd.target.wants/
done
dracut --quiet --force --conf /forge-build/initrd.conf --confdir /forge-build/none --kver "$kernel" /forge-build/initrd.img
lsinitrd /forge-build/initrd.img > /forge-build/initrd.list
for need in systemd-veritysetup-generator systemd-veritysetup systemd-fstab-generator \
    bin/loadkeys de-latin1.kmap initrd.target.wants/forge-demo-initrd-keymap.service systemd-cryptsetup-generator \
    bin/systemd-sysext initrd.target.wants/systemd-sysext-sysroot.service \
    systemd-sysext-sysroot.service.d/50-forge.conf modprobe@.service loop.ko \
    sbin/losetup overlay.ko erofs.ko dm-verity.ko ext4.ko virtio_blk.ko isofs.ko sr_mod.ko usb-storage.ko xhci-pci.ko; do
    # ext4 may be part of the kernel itself.
    grep -q "/$need" /forge-build/initrd.list ||
        grep -q "/${need%.ko}\.ko" "/usr/lib/modules/$kernel/modules.builtin" ||
        { echo "the initrd lacks $need" >&2; exit 1; }
done
# No firmware and no microcode comes along: that is for people to choose.
if grep -E '^-.*(lib/firmware|kernel/x86/microcode)/' /forge-build/initrd.list; then
    echo "the initrd brings firmware along" >&2
    exit 1
fi
# A copy stays in the tree: kernel-install makes a boot image from it on the installed machine.
cp "/boot/vmlinuz-$kernel" /forge-build/vmlinuz
[ -e "/usr/lib/modules/$kernel/vmlinuz" ] || cp "/boot/vmlinuz-$kernel" "/usr/lib/modules/$kernel/vmlinuz"
echo "$kernel" > /forge-build/kernel-release
rm -rf /boot/*

# The demo runs in virtual machines, and on a computer like many: drivers for what neither of them has go. The dummy network
# card stays, a test signs it; e100 and test_firmware stay, tests let them ask for firmware.
(
    cd "/usr/lib/modules/$kernel/kernel"
    rm -rf arch/x86/kvm sound net/bluetooth net/ceph net/mac80211 net/sctp net/sunrpc net/wireless \
        fs/ceph fs/gfs2 fs/nfs fs/nfsd fs/ocfs2 fs/smb fs/ubifs
    cd drivers
    rm -rf accel android bluetooth comedi crypto edac fpga gnss greybus hwmon iio infiniband media memstick misc/mei mtd nfc \
        pcmcia power soundwire staging target thunderbolt ufs vfio w1 watchdog \
        gpu/drm/amd gpu/drm/gma500 gpu/drm/i915 gpu/drm/nouveau gpu/drm/radeon gpu/drm/xe \
        net/arcnet net/can net/fddi net/ieee802154 net/usb net/wan net/wireless net/wwan
    find net/ethernet -mindepth 2 -type f ! -path '*/e1000*' ! -name 'e100.*' ! -name 'r8169*' ! -name 'igb*' ! -name 'igc*' -delete
)
depmod "$kernel"

# The packages that were needed only for that. One of them would take the locales with it;
# of the kernel's, only the record goes.
wait "$locales"
mv /usr/lib/locale/locale-archive /forge-build/
dpkg --purge --force-depends $(cat /forge-build/build-only) \
    "linux-image-$kernel" linux-image-amd64 linux-base-amd64 libc-l10n dracut-core dracut-install 3cpio >/dev/null 2>&1 || true
mv /forge-build/locale-archive /usr/lib/locale/
[ -e "/usr/lib/modules/$kernel/kernel" ] && [ ! -e /usr/bin/dracut ]

# What packages of the window's libraries bring along, and nobody here uses: pictures are drawn by the processor (GTK by
# cairo, the compositor by pixman), so no drivers of graphics cards and no compiler for them; no programs that read foreign
# pictures (GTK reads its own icons, and the window's profile lets it start no other program); no key ring; no lists of
# languages for players of films.
dpkg --purge --force-depends mesa-libgallium libegl-mesa0 libglx-mesa0 libgl1-mesa-dri libllvm21 libz3-4 \
    glycin-loaders glycin-thumbnailers libheif1 libheif-plugin-dav1d libheif-plugin-libde265 libdav1d7 libde265-0 \
    libjxl0.11 libhwy1t64 librsvg2-2 libva2 libva-drm2 iso-codes dirmngr gnupg gnupg-l10n gpg gpg-agent gpgsm \
    pinentry-curses libgupnp-1.6-0 libgupnp-igd-1.6-0 libgssdp-1.6-0 libnice10 pci.ids \
    glib-networking glib-networking-services glib-networking-common shared-mime-info dbus-user-session >/dev/null 2>&1 || true
# Of the code pages, the one in which mtools writes the names of FAT.
for module in $(dpkg -L libc-gconv-modules-extra | grep '\.so$'); do
    case $module in */IBM850.so) ;; *) rm "$module" ;; esac
done
iconvconfig
rm -rf /usr/share/gtk-4.0/emoji /usr/share/X11/locale /usr/share/mime /usr/share/libwacom \
    /usr/share/icons/Adwaita/16x16 /usr/share/fonts/truetype/noto/NotoSerif* /usr/share/glib-2.0/codegen
find /usr/share/fonts/truetype/noto -type f ! -name 'NotoSansArabic-*' ! -name 'NotoSans-*' ! -name 'NotoSansMono-*' -delete
find /usr/share/icons/Adwaita/cursors -type f -size +1M -delete
# Each of them still has all of its libraries.
for file in /usr/bin/cage /usr/libexec/udisks2/udisksd /usr/lib/x86_64-linux-gnu/libadwaita-1.so.0 /usr/sbin/NetworkManager; do
    ! ldd "$file" | grep 'not found' || { echo "$file lacks a library" >&2; exit 1; }
done

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
mkdir -p /boot /efi /home /usr/lib/firmware
: > /etc/.updated
echo uninitialized > /etc/machine-id
chmod 0444 /etc/machine-id
chmod 0440 /etc/sudoers
chmod 0700 /root
