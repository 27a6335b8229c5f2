# What a scenario is written with. A check has a sentence, and the scenario goes on after one that failed.
fails=0

# check SENTENCE COMMAND…: the command succeeds.
check() {
    sentence=$1
    shift
    if said=$("$@" 2>&1); then
        echo "ok      $sentence"
    else
        echo "FAILED  $sentence"
        echo "$said" | sed 's/^/        /' | tail -n 20
        fails=$((fails + 1))
    fi
}

# refused SENTENCE TEXT COMMAND…: the command fails in time, and says the text.
refused() {
    sentence=$1 text=$2
    shift 2
    said=$("$@" 2>&1)
    code=$?
    if [ "$code" != 0 ] && [ "$code" != 124 ] && echo "$said" | grep -qF -e "$text"; then
        echo "ok      $sentence"
    else
        echo "FAILED  $sentence (exit code $code)"
        echo "$said" | sed 's/^/        /' | tail -n 20
        fails=$((fails + 1))
    fi
}

# says TEXT COMMAND…: the command succeeds and its output has this line.
says() {
    text=$1
    shift
    output=$("$@") || { echo "$output"; return 1; }
    echo "$output" | grep -qxF -e "$text" || { echo "$output"; return 1; }
}

# The disk that scsi_debug made as number N, from 0: sda or sdb.
disk() {
    for device in /sys/block/sd*; do
        case $(readlink "$device") in
            *pseudo*/adapter"$1"/*) basename "$device" ;;
        esac
    done
}

# Puts the probe in the helper's place: same unit, same profile.
probe() {
    cp "$FORGE_UML/probe.py" /usr/libexec/forge-helper
    chmod 755 /usr/libexec/forge-helper
}

# inside EXPRESSION: evaluates a line of Python in the helper's sandbox, and prints the result; an exception is a failure.
inside() {
    busctl call --timeout=90 org.intergenos.Forge1 /org/intergenos/Forge1 org.intergenos.Forge1.Manager Probe s "$1"
}

# Lets this user do what the live rule lets the person at the machine do.
allow() {
    mkdir -p /etc/polkit-1/rules.d
    cat >/etc/polkit-1/rules.d/10-forge-uml.rules <<RULE
polkit.addRule(function (action, subject) {
    if (action.id.indexOf("org.intergenos.Forge1.") === 0 && subject.user == "$1") return polkit.Result.YES;
});
RULE
    systemctl restart polkit.service
}
