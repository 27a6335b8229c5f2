# The helper's unit, profile and policy, as systemd, AppArmor, the bus and polkit enforce them.

# Memory plays efivarfs, which this kernel lacks: no immutable flag, but a mount below /sys, as the real one is.
mount -t tmpfs tmpfs /sys/firmware
mkdir -p /sys/firmware/efi/efivars
mount -t tmpfs tmpfs /sys/firmware/efi/efivars
efivars=/sys/firmware/efi/efivars
global=8be4df61-93ca-11d2-aa0d-00e098032b8c
shim=605dab50-e046-4300-abb6-3dd810dd8b23
mkdir -p /var/lib/forge/mok && echo certificate >/var/lib/forge/mok/boot.cer && echo key >/var/lib/forge/mok/boot.key
probe
show() { systemctl show --property "$1" --value forge-helper.service; }
person() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }

refused "only root can own the name" "denied" person busctl call org.freedesktop.DBus /org/freedesktop/DBus \
    org.freedesktop.DBus RequestName su org.intergenos.Forge1 4
check "a call by an ordinary user starts the unit" says 's "here"' person busctl call --timeout=60 \
    org.intergenos.Forge1 /org/intergenos/Forge1 org.intergenos.Forge1.Manager Probe s '"here"'
refused "what is not the helper's interface does not reach it" "denied" person busctl call org.intergenos.Forge1 \
    /org/intergenos/Forge1 org.freedesktop.DBus.ObjectManager GetManagedObjects

pid=$(show MainPID)
check "the process is confined by its profile, in enforce mode" says "forge-helper (enforce)" cat "/proc/$pid/attr/current"
check "it has one capability, to unprotect a variable" says "CapBnd:	0000000000000200" grep CapBnd "/proc/$pid/status"
check "it has that capability" says "CapEff:	0000000000000200" grep CapEff "/proc/$pid/status"
check "it can gain no privilege" says "NoNewPrivs:	1" grep NoNewPrivs "/proc/$pid/status"
check "its system calls are filtered" says "Seccomp:	2" grep -w Seccomp "/proc/$pid/status"
while IFS== read -r directive value; do
    check "$directive=$value is in force" [ "$(show "$directive")" = "$value" ]
done <"$FORGE_UML/directives"

for namespace in mnt uts ipc net pid cgroup; do
    check "its $namespace namespace is its own" sh -c '[ "$(readlink "/proc/$1/ns/$2")" != "$(readlink "/proc/1/ns/$2")" ]' \
        sh "$pid" "$namespace"
done
check "the bus sees uid 0" says 'u 0' busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus \
    GetConnectionUnixUser s org.intergenos.Forge1

# No way out.
refused "it opens no disk" "ENOENT" inside 'os.open("/dev/'"$(disk 0)"'", os.O_RDWR)'
refused "it makes no device" "EPERM" inside 'os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0))'
refused "it writes to no file of the system" "" inside 'open("/usr/forge-was-here", "w")'
refused "it writes to no kernel setting" "" inside 'open("/proc/sys/kernel/core_pattern", "w")'
refused "it writes to no other file of sysfs" "EROFS" inside 'open("/sys/firmware/efi/here", "w")'
for variable in db-d719b2cb-3d3a-4596-a3bc-dad00e67656f "PK-$global" "BootNext-$global" "Boot12-$global" "MokSB-$shim"; do
    refused "it does not write the variable $variable" "EACCES" inside 'open("'"$efivars/$variable"'", "w")'
done
refused "it reads no key of this machine" "EACCES" inside 'read("/var/lib/forge/mok/boot.key")'
refused "it reads no password hash" "EACCES" inside 'read("/etc/shadow")'
refused "it sees no home directory" "" inside 'os.listdir("/home/person")'
refused "it makes no network socket" "" inside 'socket.socket(socket.AF_INET)'
refused "it makes no netlink socket" "" inside 'socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'
refused "it makes no packet socket" "" inside 'socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'
refused "it mounts nothing" "EPERM" inside 'good(-ctypes.get_errno() if libc.mount(b"x", b"/tmp", b"tmpfs", 0, None) else 0)'
refused "it makes no namespace" "EPERM" inside 'os.unshare(os.CLONE_NEWUSER)'
refused "it starts no shell" "EACCES" inside 'subprocess.run(["/bin/sh", "-c", "true"])'
refused "it starts no program of its own making" "EACCES" inside \
    '(os.close(os.open("/tmp/program", os.O_CREAT | os.O_RDWR, 0o700)), subprocess.run(["/tmp/program"]))'
refused "it has no memory that is both written and run" "Errno" inside 'mmap.mmap(-1, 4096, prot=7)'
refused "it changes no owner" "EPERM" inside 'os.chown("/tmp", 1000, 1000)'
# Kernels from 6.17 on honour D-Bus rules only in a policy that also knows their new kind of network rules, and
# apparmor_parser 4.1 does not write those. Where that is so, the bus lets everything through, and this says so.
if python3 "$FORGE_UML/mediates_dbus.py"; then
    refused "it may not ask UDisks2 to format" "AccessDenied" inside \
        'call("org.freedesktop.UDisks2", "/org/freedesktop/UDisks2/block_devices/'"$(disk 0)"'", "org.freedesktop.UDisks2.Block", "Format")'
    refused "it may not ask logind to power off" "AccessDenied" inside \
        'call("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PowerOff")'
    refused "it may not ask systemd for a unit" "AccessDenied" inside \
        'call("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "ListUnits")'
else
    echo "skipped  this kernel does not enforce the profile's D-Bus rules: compiled by $(apparmor_parser --version | head -n 1)"
fi
check "it sees only processes of its own" says 's "[1]"' inside '[int(name) for name in os.listdir("/proc") if name.isdigit()]'

# Everything that an install needs.
check "it reads its mounts" inside 'read("/proc/self/mountinfo")'
check "it sees the disks in sysfs" inside 'read("/sys/block/'"$(disk 0)"'/size") + str(os.listdir("/sys/block/'"$(disk 0)"'/holders"))'
check "logind gives it an inhibitor" inside 'inhibit()'
check "polkit answers it" inside 'polkit()'
mkdir -p /usr/share/forge/payload && echo index >/usr/share/forge/payload/manifest.json
openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=test -keyout /usr/share/forge/test.key \
    -out /usr/share/forge/test.crt 2>/dev/null
check "it reads this machine's certificate" inside 'read("/var/lib/forge/mok/boot.cer")'
for variable in "MokNew-$shim" "MokAuth-$shim" "MokTimeout-$shim" "BootOrder-$global" "Boot00AF-$global"; do
    check "it writes and removes the variable $variable" inside \
        'good(open("'"$efivars/$variable"'", "w").write("x") - 1) or os.remove("'"$efivars/$variable"'")'
done
check "it reads the payload" inside 'read("/usr/share/forge/payload/manifest.json")'
check "mke2fs fills a file system in memory from a tar stream" inside 'state()'
check "mkfs.fat, mmd, mcopy and fsck.fat make an ESP in memory" inside 'esp()'
check "ukify builds and sbsign signs a boot image" inside 'uki()'
# What devices want: a line as the firmware loader writes it, and the name of a device.
echo "<4>iwlwifi 0000:00:14.3: Direct firmware load for forge.ucode failed with error -2" >/dev/kmsg
journalctl --sync
check "journalctl reads the kernel's log of this start" says 's "True"' inside \
    '"Direct firmware load for forge.ucode" in kernel_log()'
check "systemd-hwdb knows a device" says 's "True"' inside \
    '"Wi-Fi" in tool("/usr/bin/systemd-hwdb", "query", "pci:v00008086d00002723sv00008086sd00000084bc02sc80i00")'
check "it sees the devices of each bus" inside \
    '[os.listdir(f"/sys/bus/{bus}/devices") for bus in ("pci", "usb", "virtio") if os.path.exists(f"/sys/bus/{bus}")]'

check "the helper ends when it is told to" timeout 20 systemctl stop forge-helper.service
check "the window's and forgectl's profiles are loaded, too" grep -q '^forgectl (enforce)' \
    /sys/kernel/security/apparmor/profiles

# polkit: the rule is for the person at the machine, and nobody else.
check "polkit knows the five actions" sh -c '[ "$(pkaction | grep -c "^org.intergenos.Forge1\.")" = 5 ]'
