# Shapes what this node sends to its peers: one htb class a link with netem on it, chosen by the peers' addresses.
#
#   links.sh RATE NETEM PEERS [RATE NETEM PEERS …]     RATE in bit/s or -, NETEM its arguments or -, PEERS words
#   links.sh stop
#
# Everything else passes as it did. Waits for names that do not resolve yet: their nodes may start later.
set -eu

devices=/run/nxcc/links

die() {
    printf 'nxcc-links: %s\n' "$1" >&2
    exit 1
}

# Attaches the root queue to a device unless this run did so before.
attach() {
    grep -qx -- "$1" "$devices" 2>/dev/null && return 0
    # Not `replace`: htb cannot be changed into itself, where an earlier run was killed.
    tc qdisc del dev "$1" root 2>/dev/null || :
    tc qdisc add dev "$1" root handle 1: htb default 0 ||
        die "no htb queue on $1: the kernel needs sch_htb, and this node CAP_NET_ADMIN"
    printf '%s\n' "$1" >>"$devices"
}

# The class of a link on a device: DEVICE NUMBER RATE NETEM
class() {
    id=$(printf '%x' $((16 + $2)))
    tc class show dev "$1" | grep -q "htb 1:$id " && return 0
    if [ "$3" = - ]; then rate=100000000000; else rate=$3; fi
    # tc's own burst is one packet: what the timer is late after each one would be lost from the rate. This is 1 ms of it.
    burst=$((rate / 8000 > 1600 ? rate / 8000 : 1600))
    tc class add dev "$1" parent 1: classid "1:$id" htb rate "${rate}bit" burst "$burst" cburst "$burst" quantum 60000
    if [ "$4" != - ]; then
        # shellcheck disable=SC2086 # its arguments are words
        tc qdisc add dev "$1" parent "1:$id" handle "$id:" netem $4 ||
            die "no netem queue on $1: the kernel needs sch_netem for delay, jitter and loss"
    fi
}

# Sends one address through the class of a link: ADDRESS ROUTE NUMBER RATE NETEM
direct() {
    device=${2#* dev }
    device=${device%% *}
    attach "$device"
    class "$device" "$3" "$4" "$5"
    id=$(printf '%x' $((16 + $3)))
    case $1 in
    *:*) tc filter add dev "$device" parent 1: protocol ipv6 prio 2 u32 match ip6 dst "$1/128" flowid "1:$id" ;;
    *) tc filter add dev "$device" parent 1: protocol ip prio 1 u32 match ip dst "$1/32" flowid "1:$id" ;;
    esac
    printf 'shaped: %s on %s\n' "$1" "$device"
}

# Lets go of every device that a run took.
release() {
    if [ -e "$devices" ]; then
        while read -r device; do tc qdisc del dev "$device" root || :; done <"$devices"
        rm -f "$devices"
    fi
}

if [ "$#" -eq 1 ] && [ "$1" = stop ]; then
    release
    exit 0
fi
if [ "$#" -eq 0 ] || [ $(($# % 3)) -ne 0 ]; then die "usage: links.sh RATE NETEM PEERS …"; fi

mkdir -p "${devices%/*}"
# Of a run that was killed.
release
shaped=' '
told=
while :; do
    number=0
    missing=
    for argument; do
        case $((number % 3)) in
        0) link_rate=$argument ;;
        1) link_netem=$argument ;;
        2)
            for peer in $argument; do
                case $shaped in *" $peer "*) continue ;; esac
                if found=$(getent ahosts "$peer"); then
                    # A name may have addresses of a kind that this network does not carry.
                    routes=0
                    for address in $(printf '%s\n' "$found" | cut -d ' ' -f 1 | sort -u); do
                        route=$(ip -o route get "$address" 2>/dev/null) || continue
                        # This node is among its peers where a role has a link to itself; what it tells itself passes no link.
                        case $route in
                        local\ *) ;;
                        *) direct "$address" "$route" $((number / 3)) "$link_rate" "$link_netem" ;;
                        esac
                        routes=$((routes + 1))
                    done
                    [ "$routes" -gt 0 ] || die "no route to $peer"
                    shaped="$shaped$peer "
                else
                    missing="$missing $peer"
                fi
            done
            ;;
        esac
        number=$((number + 1))
    done
    [ -n "$missing" ] || exit 0
    if [ "$missing" != "$told" ]; then
        printf 'waiting for names:%s\n' "$missing"
        told=$missing
    fi
    sleep 1
done
