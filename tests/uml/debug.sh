probe
sed -i 's/^abi.*/abi <kernel>,/' /etc/apparmor.d/usr.libexec.forge-helper
apparmor_parser -r /etc/apparmor.d/usr.libexec.forge-helper
sed 's/^    python3.*//' /dev/null
inside 'call("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "ListUnits")'
inside 'polkit()'
journalctl -b --no-pager -o cat -g 'apparmor=' -n 30
cat /sys/kernel/security/apparmor/features/policy/versions/*
