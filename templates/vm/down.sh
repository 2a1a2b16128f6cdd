# --- down: nothing is left ---

# [NODE…], all of them without
do_down() {
    targets=
    for node; do
        role_of "$node"
        targets="$targets $node"
    done
    if [ "$#" -eq 0 ]; then
        # Those of an earlier compile as well.
        for folder in "$own"/node/*/; do
            [ ! -d "$folder" ] || { folder=${folder%/} && targets="$targets ${folder##*/}"; }
        done
    fi
    own_sockets || sockets=
    if [ -n "$dry" ]; then
        for node in $targets; do
            if alive "$node"; then say "stop $node (process $pid)"; fi
        done
        [ "$#" -gt 0 ] || act rm -rf -- "$own/node"
        [ -z "$all" ] || act rm -rf -- "$own"
        return 0
    fi
    stop_nodes
    for node in $targets; do rm -rf -- "$own/node/$node"; done
    if [ "$#" -gt 0 ]; then
        cat "$own"/node/*/ssh >"$own/ssh_config" 2>/dev/null || :
        [ ! -e "$own/deployed.json" ] || tell_ready
        return 0
    fi
    if [ -e "$own/ready" ]; then
        read -r start since <"$own/ready"
        # The clock starts anew when the machine does.
        [ "$(clock)" -lt "$since" ] || record run "$start" $(($(clock) - since))
    fi
    [ -z "$sockets" ] || rm -rf -- "$sockets"
    rm -rf -- "$own/node" "$own/ready" "$own/ports" "$own/sockets" "$own/settings" "$own/ssh_config" "$own/elsewhere" \
        "$own/deployed.json"
    [ -z "$all" ] || forget_state
}

# Those of the targets that run: as names, and the paths of their monitors.
find_running() {
    running=
    for node in $targets; do
        if alive "$node"; then running="$running $node"; fi
    done
}

# First by the power button, then by QEMU, at last by the kernel.
stop_nodes() {
    find_running
    [ -n "$running" ] || return 0
    say "stopping$running"
    if [ "$grace" -gt 0 ] && [ -n "$sockets" ]; then
        press_power
        wait_gone "$grace"
    fi
    for signal in TERM KILL; do
        for node in $running; do
            if alive "$node"; then kill -s "$signal" "$pid" 2>/dev/null || :; fi
        done
        wait_gone 5
    done
    [ -z "$running" ] || die "these do not stop:$running"
}

# SECONDS
wait_gone() {
    until_when=$(($(clock) + $1 * 100))
    find_running
    while [ -n "$running" ] && [ "$(clock)" -lt "$until_when" ]; do
        pause
        find_running
    done
}

# Without a program that speaks to sockets, nodes are stopped at once.
press_power() {
    set --
    for node in $running; do
        number=$(printf '%s\n' "$nodes" | sed -n "s/^$node [^ ]* \([0-9]*\) .*/\1/p")
        [ ! -S "$sockets/$number.monitor" ] || set -- "$@" "$sockets/$number.monitor"
    done
    if command -v socat >/dev/null; then
        for socket; do
            printf 'system_powerdown\n' | timeout 3 socat -t 1 - "UNIX-CONNECT:$socket" >/dev/null 2>&1 || :
        done
    elif command -v python3 >/dev/null; then
        python3 -c "$press" "$@" 2>/dev/null || :
    else
        grace=0
    fi
}

# The monitor greets first; what comes before that is lost.
press='
import socket, sys

for path in sys.argv[1:]:
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(3)
        try:
            monitor.connect(path)
            monitor.recv(4096)
            monitor.sendall(b"system_powerdown\n")
            monitor.recv(4096)
        except OSError:
            pass
'
