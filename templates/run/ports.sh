# --- ports of this machine that lead to nodes ---

# --port publishes a port of this machine, one that leads to a node, elsewhere: PORT=OTHER
take_port_option() {
    case $1 in ?*=?*) ;; *) refuse "--port takes PORT=OTHER" ;; esac
    case ${1#*=} in *[!0-9]* | 0* | ??????*) refuse "--port takes PORT=OTHER" ;; esac
    [ "${1#*=}" -le 65535 ] || refuse "there is no port ${1#*=}"
    case " $ports " in *" ${1%%=*} "*) ;; *) refuse "port ${1%%=*} is not published; these are: $ports" ;; esac
    moved_ports="$moved_ports$1
"
}

# Ports that --port moves stay moved until `down`.
keep_ports() {
    [ -z "$dry" ] && [ -n "$moved_ports" ] || return 0
    printf '%s\n' "$moved_ports" | sed '/^$/d; s/=/ /' >>"$own/ports" || die "cannot write in $own"
}

# Where a port was moved to, nothing if it was not: PORT
moved_to() { sed -n "s/^$1 //p" "$own/ports" 2>/dev/null | tail -n 1; }
