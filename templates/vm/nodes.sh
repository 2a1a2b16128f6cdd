# --- single nodes: status, ssh, console, logs ---

# Sets node, after a look whether it runs: NODE
find_node() {
    role_of "$1"
    node=$1
    if [ -n "$dry" ] || alive "$node"; then return 0; fi
    die "$node does not run: \`run up $node\` first"
}

# Runs a script of sh on the node that find_node found, its input and output ours: SCRIPT [WORDS AS $0, $1 …]
on_node() { act ssh -F "$own/node/$node/ssh" "$node" "$(quoted /bin/sh -c "$@")"; }

do_ssh() {
    [ "$#" -gt 0 ] || refuse "ssh NODE [COMMAND]"
    find_node "$1"
    shift
    set -- ssh -F "$own/node/$node/ssh" "$node" "$@"
    if [ -n "$dry" ]; then act "$@"; else exec "$@"; fi
}

do_logs() {
    if [ "$#" -gt 0 ]; then
        role_of "$1"
        [ -e "$own/node/$1/console.log" ] || die "$1 was not started"
        console_lines "$1"
        return
    fi
    printf '%s\n' "$nodes" | cut -d ' ' -f 1 | while read -r one; do
        printf -- '-- %s\n' "$one"
        [ ! -e "$own/node/$one/console.log" ] || console_lines "$one"
    done
}

do_console() {
    [ "$#" -gt 0 ] || refuse "console NODE"
    find_node "$1"
    sockets=$(cat "$own/sockets" 2>/dev/null || echo /run/nxcc)
    socket=$sockets/$(printf '%s\n' "$nodes" | sed -n "s/^$node [^ ]* \([0-9]*\) .*/\1/p").console
    if [ -t 0 ]; then say "the console of $node, where root is logged in: Enter wakes it up, Ctrl-] leaves it"; fi
    if command -v socat >/dev/null; then
        terminal=-
        [ ! -t 0 ] || terminal=-,raw,echo=0,escape=0x1d
        set -- socat "$terminal" "UNIX-CONNECT:$socket"
    elif command -v python3 >/dev/null; then
        set -- python3 -c "$attach" "$socket"
    else
        refuse "socat and python3 are not installed: one of them is needed to speak with a console"
    fi
    if [ -n "$dry" ]; then act "$@"; else exec "$@"; fi
}

# Standard input and output, joined with a socket.
attach='
import os, select, socket, sys, termios, tty

console = socket.socket(socket.AF_UNIX)
console.connect(sys.argv[1])
terminal = os.isatty(0)
before = termios.tcgetattr(0) if terminal else None
if terminal:
    tty.setraw(0)
sources = [console, 0]
try:
    while console in sources:
        ready, _, _ = select.select(sources, [], [], None if 0 in sources else 1)
        if not ready:
            break
        if console in ready:
            data = console.recv(65536)
            if not data:
                break
            while data:
                data = data[os.write(1, data):]
        if 0 in ready:
            data = os.read(0, 65536)
            if terminal and b"\x1d" in data:
                break
            if data:
                console.sendall(data)
            else:
                sources.remove(0)
finally:
    if before:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
'

# Whether a node's kernel panicked and stays there: one that reboots then says other things last. NODE
panicked() {
    { tail -n 5 "$own/node/$1/console.log" | grep -qaF 'end Kernel panic'; } 2>/dev/null
}

# The lines of a console with which a kernel ends: they stand there even where a role's kernel is quiet.
endings='Kernel panic - not syncing|reboot: Restarting system'

# Sets times, how often a node's kernel has ended since the start of its QEMU: NODE
count_endings() {
    times=$(grep -acE "$endings" "$own/node/$1/console.log" 2>/dev/null) || :
    times=${times:-0}
}

# Asks all nodes that run whether they are ready, but some, at once; lines NODE STATUS, 255 and 124 where there is no
# answer: NODES
ask_nodes() {
    while read -r node _; do
        case $1 in *" $node "*) continue ;; esac
        alive "$node" || continue
        {
            outcome=0
            timeout 10 ssh -n -F "$own/node/$node/ssh" -o ConnectTimeout=5 "$node" "$node_path; nxcc-ready" >/dev/null 2>&1 ||
                outcome=$?
            echo "$node $outcome"
        } &
    done <<NODES
$nodes
NODES
    wait
}

# A node's state by its answer, or without one by what `up` has seen: ready; unready or silent, where it was ready before;
# starting; panicked, stopped (it powered off), killed, or - where it was not started. Sets stands: NODE ANSWER
state_of() {
    stands=-
    [ -d "$own/node/$1" ] || return 0
    if alive "$1"; then
        stands=starting
        [ ! -e "$own/node/$1/ready" ] || stands=ready
        case $2 in
        '') ;;
        0) stands=ready ;;
        124 | 255) if panicked "$1"; then stands=panicked; elif [ "$stands" = ready ]; then stands=silent; fi ;;
        *) if [ "$stands" = ready ]; then stands=unready; fi ;;
        esac
    elif [ -e "$own/node/$1/pid" ]; then
        stands=killed
    elif [ -s "$own/node/$1/ssh" ]; then
        stands=stopped
    fi
}

do_status() { show_nodes "$(ask_nodes ' ')"; }

# A table of the nodes: ANSWERS
show_nodes() {
    row='%-16s %-12s %-16s %-9s %-6s %s\n'
    # shellcheck disable=SC2059 # the format stands above
    printf "$row" NODE ROLE ADDRESS STATE SSH PORTS
    while read -r node role number address; do
        look_up "$1" "$node"
        state_of "$node" "$found"
        ssh_port=-
        case $stands in - | stopped | killed) ;; *) find_ssh_port "$node" ;; esac
        # shellcheck disable=SC2059
        printf "$row" "$node" "$role" "$address" "$stands" "$ssh_port" "$(shown_ports "$node")"
    done <<NODES
$nodes
NODES
}

# What leads to a node: NODE
shown_ports() {
    printf '%s\n' "$published" | while read -r of protocol at port to; do
        [ "$of" = "$1" ] || continue
        moved=$(moved_to "$port")
        printf '%s:%s->%s/%s ' "$at" "${moved:-$port}" "$to" "$protocol"
    done
}
