#!/bin/sh
# Shows one described machine to the real udisksd, on a bus of its own:  show.sh MACHINE.umockdev DIRECTORY
#
# DIRECTORY gets `bus` (the socket), `root` (names the directory that has the machine's sys/) and the logs. Run as root.
# Everything ends with this process when it is killed (SIGKILL; unshare ignores the milder ones). /run and all mounts are
# private; udisksd sees the devices of the description and no others.
set -eu
machine=$1 dir=$2
if [ "${SHOWN:-}" != 1 ]; then
    exec env SHOWN=1 unshare --mount --pid --net --ipc --uts --fork --kill-child=KILL --mount-proc "$0" "$machine" "$dir"
fi
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /var/lib/udisks2
mount -t tmpfs tmpfs /var/lib/udisks2

# umockdev knows no comments.
sed '/^#/d' "$machine" >"$dir/machine"

cat > "$dir/bus.conf" <<CONF
<busconfig>
  <type>system</type>
  <listen>unix:path=$dir/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true"/><allow receive_type="method_call"/><allow receive_type="signal"/>
    <allow receive_requested_reply="true"/>
  </policy>
</busconfig>
CONF
export DBUS_SYSTEM_BUS_ADDRESS="unix:path=$dir/bus"
dbus-daemon --config-file="$dir/bus.conf" --nofork --nopidfile --nosyslog >"$dir/dbus.log" 2>&1 &
until [ -S "$dir/bus" ]; do sleep 0.02; done

# umockdev fills sys/ and redirects the udev database, which is empty; a device without an entry there counts as not yet
# known, and udisksd leaves it out.
cat > "$dir/database.awk" <<'AWK'
BEGIN { RS = ""; FS = "\n" }
/SUBSYSTEM=block/ {
    major = minor = entry = ""
    for (i = 1; i <= NF; i++) {
        property = substr($i, 4)
        if ($i ~ /^S: /) entry = entry "S:" property "\n"
        if ($i !~ /^E: /) continue
        if (property ~ /^MAJOR=/) major = substr(property, 7)
        else if (property ~ /^MINOR=/) minor = substr(property, 7)
        else if (property !~ /^(DEVNAME|DEVTYPE|SUBSYSTEM)=/) entry = entry "E:" property "\n"
    }
    file = database "/b" major ":" minor
    printf "I:1000\n%sG:systemd\nQ:systemd\nV:1\n", entry > file
    close(file)
}
AWK
exec umockdev-run --device "$dir/machine" -- sh -c '
    mkdir -p "$UMOCKDEV_DIR/run/udev/data"
    awk -v database="$UMOCKDEV_DIR/run/udev/data" -f "$1/database.awk" "$1/machine"
    echo "$UMOCKDEV_DIR" >"$1/root"
    exec /usr/libexec/udisks2/udisksd >"$1/udisksd.log" 2>&1
' sh "$dir"
