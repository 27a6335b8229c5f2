#!/bin/sh
# One check of one file: check.sh KIND FILE…; 77 tells meson that the tool is not on this machine.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
kind=$1
shift

need() {
    command -v "$1" >/dev/null || { echo "skipped: there is no $1"; exit 77; }
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The units with a program that exists on every machine: what is checked are the units.
units() {
    for file in "$@"; do
        sed 's|^ExecStart=.*|ExecStart=/usr/bin/true|' "$file" >"$scratch/$(basename "$file")"
    done
}

case $kind in
    xml)
        need xmllint
        case $1 in
            policyconfig) dtd=/usr/share/polkit-1/policyconfig-1.dtd ;;
            busconfig) dtd=/usr/share/xml/dbus-1/busconfig.dtd ;;
        esac
        if [ -e "$dtd" ]; then
            xmllint --nonet --noout --dtdvalid "$dtd" "$2"
        else
            xmllint --nonet --noout "$2"
        fi
        ;;
    bus)
        need dbus-run-session
        cat >"$scratch/bus.conf" <<XML
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=$scratch</listen>
  <policy context="default"><allow send_destination="*"/><allow own="*"/></policy>
  <include>$1</include>
</busconfig>
XML
        timeout 20 dbus-run-session --config-file="$scratch/bus.conf" -- true >"$scratch/all" 2>&1 || true
        # The daemon starts in spite of some mistakes, and only speaks of them. In a container, it also says that it may
        # not raise its limit of descriptors.
        grep -v 'Failed to set fd limit' "$scratch/all" | tee "$scratch/said"
        [ ! -s "$scratch/said" ]
        ;;
    activation)
        # The bus starts what the unit runs, under the name that the unit claims.
        grep -qx 'Name=org.intergenos.Forge1' "$1"
        grep -qx "SystemdService=$(basename "$2")" "$1"
        grep -qx 'BusName=org.intergenos.Forge1' "$2"
        ;;
    unit)
        need systemd-analyze
        units "$@"
        # It exits with 0 for a directive that it does not know, and says so.
        systemd-analyze verify --man=no --recursive-errors=no "$scratch"/*.* 2>&1 | tee "$scratch/said"
        [ ! -s "$scratch/said" ]
        ;;
    exposure)
        need systemd-analyze
        # The most, in tenths, and the unit.
        units "$2"
        systemd-analyze security --no-pager --offline=yes --threshold="$1" "$scratch/$(basename "$2")"
        ;;
    apparmor)
        need apparmor_parser
        # Warnings are errors: a rule that is not understood is a rule that is not enforced.
        # It is compiled for a kernel that knows everything, whatever this one knows.
        apparmor_parser --skip-kernel-load --skip-read-cache --skip-cache --kernel-features /etc/apparmor.d/abi/4.0 \
            --warn=all --Werror=all "$1" 2>&1 | tee "$scratch/said"
        [ ! -s "$scratch/said" ]
        ;;
    desktop)
        need desktop-file-validate
        # Hints and warnings are failures, too.
        desktop-file-validate "$1" 2>&1 | tee "$scratch/said"
        [ ! -s "$scratch/said" ]
        ;;
    metainfo)
        need appstreamcli
        appstreamcli validate --no-net --pedantic --explain "$1"
        ;;
    identity)
        [ "$(basename "$2")" = "$1.desktop" ]
        grep -qx "Icon=$1" "$2"
        grep -q "<id>$1</id>" "$3"
        grep -q "<launchable type=\"desktop-id\">$1.desktop</launchable>" "$3"
        ;;
    *)
        echo "unknown: $kind"
        exit 2
        ;;
esac
