# An encrypted state, made by the helper in its unit and profile without a mapping, as the kernel's own dm-crypt sees it.
first=$(disk 0)
person() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }
share=/usr/share/forge
mkdir -p /tmp/handover && chown 1000:1000 /tmp/handover
{ cat $share/answers.toml; printf '\n[encryption]\npassphrase = { generate = "passphrase" }\n'; } >/tmp/answers.toml
allow person

check "the install ends well" person forgectl install --target "/dev/$first" --answers /tmp/answers.toml \
    --output /tmp/handover --json
secret() { python3 -c 'import json, sys; print(json.load(open("/tmp/handover/credentials"))["disk"][sys.argv[1]], end="")' "$1"; }
fact() { python3 -c 'import json; e = json.load(open("/tmp/handover/receipt.json"))["encryption"]; print('"$1"')'; }
state=/dev/$first$([ -e "/dev/${first}6" ] && echo 6 || echo 4)
opens() { secret "$1" | cryptsetup open --key-file - "$state" "$2"; }

check "udev sees a LUKS volume, and no file system" [ "$(blkid -p -o value -s TYPE "$state")" = crypto_LUKS ]
check "the receipt names it" [ "$(fact 'e["uuid"]')" = "$(cryptsetup luksUUID "$state")" ]
check "and how the passphrase becomes a key" says argon2id fact 'e["derivation"]["function"]'
check "the passphrase opens it" opens passphrase state
check "what is inside is whole" e2fsck -fn /dev/mapper/state
mkdir -p /media/state
check "the kernel mounts it" mount -t ext4 /dev/mapper/state /media/state
check "with the person's home in it" [ -d /media/state/home/anna ]
check "and the settings that were chosen" grep -q . /media/state/lib/forge/etc/upper/hostname
check "it takes what is written" sh -c 'dd if=/dev/urandom of=/media/state/more bs=1M count=8 status=none && sync -f /media/state'
umount /media/state
cryptsetup close state
check "the recovery key opens it, too" opens recovery-key again
check "it is still whole" e2fsck -fn /dev/mapper/again
cryptsetup close again
refused "another passphrase does not" "No key available" sh -c "printf wrong | cryptsetup open --test-passphrase --key-file - $state"
check "systemd knows that there is a recovery key" sh -c "cryptsetup luksDump $state | grep -q systemd-recovery"
check "neither key is in a log" sh -c '! journalctl -b -o cat | grep -qF -e "$1" -e "$2"' sh "$(secret passphrase)" "$(secret recovery-key)"
check "AppArmor had nothing to refuse" sh -c '! journalctl --no-pager -b -o cat _TRANSPORT=audit + _TRANSPORT=kernel -g "DENIED.*forge"'
