# Who this node is: the contract is docs/nodes.md. Takes what was delivered and sets name, address, hosts, keys, peers.
#
#   identity.sh                 at boot; again at any time
#   identity.sh receive NAME    takes a tar archive from its standard input first, and NAME as the node's name
#
# identity-archive.sh is read before it. Every wait is bounded. Exits 0 where everything that it was given was used; 1
# after it did all it could; 2 when it was called wrongly. For dash, busybox ash and bash, with cat chmod ip mkdir
# modprobe mv rm sleep tar, and systemctl where there is one. Places, by environment variable:
#
#   NXCC_RUN            what is delivered and what is made of it: /run/nxcc
#   NXCC_HOSTS_BASE     what the hosts file has beside the nodes; without it the lines of localhost
#   NXCC_SSH            the SSH server's folder: /etc/ssh
#   NXCC_CMDLINE        the kernel's parameters: /proc/cmdline
#   NXCC_FW_CFG         QEMU's files: /sys/firmware/qemu_fw_cfg/by_name
#   NXCC_NET            the network cards: /sys/class/net
#   NXCC_FIB_TRIE       the kernel's routes, with the node's own addresses: /proc/net/fib_trie
#   NXCC_HOSTNAME       the kernel's host name: /proc/sys/kernel/hostname
#   NXCC_WAIT           tenths of a second that a network card may take to appear: 100
set -fu
LC_ALL=C
export LC_ALL

run=${NXCC_RUN:-/run/nxcc}
base=${NXCC_HOSTS_BASE:-}
ssh=${NXCC_SSH:-/etc/ssh}
cmdline=${NXCC_CMDLINE:-/proc/cmdline}
fw_cfg=${NXCC_FW_CFG:-/sys/firmware/qemu_fw_cfg/by_name}
net=${NXCC_NET:-/sys/class/net}
fib_trie=${NXCC_FIB_TRIE:-/proc/net/fib_trie}
hostname=${NXCC_HOSTNAME:-/proc/sys/kernel/hostname}
patience=${NXCC_WAIT:-100}

host=$run/host
new=$host/.new.$$
copy=$run/.nodes.$$
failed=0
new_host_key=

say() { printf 'nxcc-identity: %s\n' "$1"; }
bad() {
    say "$1"
    failed=1
}

is_name() {
    case $1 in
    '' | -* | *- | *[!A-Za-z0-9-]*) return 1 ;;
    esac
    [ "${#1}" -le 63 ]
}

is_byte() {
    case $1 in
    '' | *[!0-9]* | 0?* | ????*) return 1 ;;
    esac
    [ "$1" -le 255 ]
}

is_address() {
    case $1 in
    *.*.*.*.* | *[!0-9.]*) return 1 ;;
    *.*.*.*) ;;
    *) return 1 ;;
    esac
    bytes=$1.
    while [ -n "$bytes" ]; do
        is_byte "${bytes%%.*}" || return 1
        bytes=${bytes#*.}
    done
}

# Standard input to a file, complete before it has its name: MODE FILE. Callers note a failure: in a pipe this is
# another process.
put() {
    cat >"$2.$$" && chmod "$1" "$2.$$" && mv -f "$2.$$" "$2" && return
    rm -f "$2.$$"
    say "cannot write $2"
    return 1
}

# ---- The nodes file

# The first place with a nodes file that has a node in it, copied to $nodes and $run/nodes; none leaves $nodes empty.
find_nodes() {
    nodes=
    some=
    for source in "$host/nodes" "$fw_cfg/opt/nxcc/nodes/raw" "$run/nodes"; do
        if [ ! -e "$source" ]; then continue; fi
        some=1
        if ! cat "$source" >"$copy"; then
            bad "cannot read the nodes file $source"
        elif check_nodes "$copy"; then
            say "nodes file: $source, $count nodes"
            nodes=$copy
            if [ "$source" != "$run/nodes" ]; then put 0644 "$run/nodes" <"$copy" || failed=1; fi
            return
        else
            bad "the nodes file $source is broken: it has no line ADDRESS NAME ROLE"
        fi
    done
    if [ -z "$some" ]; then say 'there is no nodes file'; fi
}

# Says which lines cannot be used, and leaves how many can in $count: FILE
check_nodes() {
    count=0
    number=0
    while read -r address name role rest || [ -n "$address" ]; do
        number=$((number + 1))
        case $address in '' | '#'*) continue ;; esac
        if is_node; then
            count=$((count + 1))
        else
            bad "line $number of the nodes file is no ADDRESS NAME ROLE: skipped"
        fi
    done <"$1"
    [ "$count" -gt 0 ]
}

is_node() { { [ "$address" = - ] || is_address "$address"; } && is_name "$name" && is_name "$role" && [ -z "$rest" ]; }

# ---- Kernel parameters

# The card with a MAC, once it is there: MAC
card() {
    left=$patience
    while :; do
        set +f
        for file in "$net"/*/address; do
            set -f
            if { read -r found <"$file"; } 2>/dev/null && [ "$found" = "$1" ]; then
                device=${file%/address}
                device=${device##*/}
                return 0
            fi
        done
        set -f
        if [ "$left" -le 0 ]; then return 1; fi
        # Not every sleep takes fractions.
        if sleep 0.2 2>/dev/null; then left=$((left - 2)); else
            sleep 1
            left=$((left - 10))
        fi
    done
}

# Gives a card its address: MAC,ADDRESS/PREFIX
set_address() {
    mac=${1%%,*}
    cidr=${1#*,}
    prefix=${cidr#*/}
    case $mac in
    *[!0-9a-f:]*) mac= ;;
    ??:??:??:??:??:??) ;;
    *) mac= ;;
    esac
    if [ -z "$mac" ] || ! is_address "${cidr%%/*}" || ! is_byte "$prefix" || [ "$prefix" -gt 32 ]; then
        bad "nxcc.net=$1 is no MAC,ADDRESS/PREFIX"
    elif ! card "$mac"; then
        bad "there is no network card $mac for $cidr"
    elif ! ip link set dev "$device" up; then
        bad "cannot bring $device up"
    else
        case $(ip -4 addr show dev "$device") in
        *" inet $cidr "*) ;;
        *) ip addr add "$cidr" brd + dev "$device" || {
            bad "cannot give $device the address $cidr"
            return
        } ;;
        esac
        say "address $cidr on $device"
    fi
}

# A key of nxcc.key= to $keys: BLOB
add_key() {
    case $1 in
    *[!A-Za-z0-9+/]*) ;;
    AAAAC3NzaC1lZDI1NTE5AAAAI*)
        if [ "${#1}" = 68 ]; then
            keys="${keys}ssh-ed25519 $1 nxcc
"
            return
        fi
        ;;
    esac
    bad "nxcc.key=$1 is no ed25519 public key"
}

read_parameters() {
    parameters=
    given=
    keys=
    if [ -r "$cmdline" ]; then read -r parameters <"$cmdline" || :; fi
    for word in $parameters; do
        case $word in
        nxcc.node=*) given=${word#*=} ;;
        nxcc.key=*) add_key "${word#*=}" ;;
        nxcc.net=*) set_address "${word#*=}" ;;
        esac
    done
}

# ---- The node

# This node's own addresses to $own, each between blanks.
find_own() {
    own=' '
    last=
    if [ ! -r "$fib_trie" ]; then return; fi
    while read -r first second third _; do
        case "$first $second $third" in
        [\|+]'-- '*) last=$second ;;
        '/32 host LOCAL') own="$own$last " ;;
        esac
    done <"$fib_trie"
}

# Reads the nodes: name and role of this one to $node and $node_role, its address to $node_address, /etc/hosts' lines
# to $lines, the others' addresses to $peers.
read_nodes() {
    node=
    node_role=
    node_address=
    lines=
    peers=
    by=receive
    if [ -r "$host/node" ]; then read -r node <"$host/node" || :; fi
    if [ -z "$node" ] && [ -n "$given" ]; then
        by=nxcc.node=
        if is_name "$given"; then node=$given; else bad "nxcc.node=$given is no host name"; fi
    fi
    find_own
    if [ -n "$nodes" ]; then
        while read -r address name role rest || [ -n "$address" ]; do
            case $address in '#'*) continue ;; esac
            if ! is_node; then continue; fi
            if [ -z "$node" ]; then
                case $own in *" $address "*)
                    node=$name
                    by="address $address"
                    ;;
                esac
            fi
            if [ "$name" = "$node" ]; then
                node_role=$role
                if [ "$address" != - ]; then node_address=$address; fi
            fi
            if [ "$address" = - ]; then continue; fi
            lines="$lines$address $name
"
            if [ "$name" = "$node" ]; then continue; fi
            case $own in
            *" $address "*) ;;
            *) peers="$peers$address
" ;;
            esac
        done <"$nodes"
        if [ -z "$node" ]; then
            bad 'the nodes file does not name this node: it has none of its addresses'
        elif [ -z "$node_role" ]; then
            bad "the nodes file does not name this node, $node"
        fi
    fi
    if [ -n "$node" ]; then say "node: $node${node_role:+ of role $node_role}, by $by"; fi
}

set_name() {
    if [ -z "$node" ]; then
        rm -f "$run/node" "$run/role"
        return
    fi
    printf '%s\n' "$node" | put 0644 "$run/node" || failed=1
    if [ -z "$node_role" ]; then rm -f "$run/role"; else printf '%s\n' "$node_role" | put 0644 "$run/role" || failed=1; fi
    current=
    if [ -r "$hostname" ]; then read -r current <"$hostname" || :; fi
    if [ "$current" = "$node" ]; then
        say "host name: $node already"
    elif { printf '%s\n' "$node" >"$hostname"; } 2>/dev/null; then
        say "host name: $node"
    else
        bad "cannot set the host name $node"
    fi
}

# The base of the hosts file: what would resolve this node's name to a loopback address is left out where the nodes
# file has a better one.
write_base() {
    if [ -z "$base" ] || [ ! -r "$base" ]; then
        printf '127.0.0.1 localhost\n::1 localhost\n'
        return
    fi
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        127.* | ::1[!0-9a-fA-F:]*)
            if [ -n "$node_address" ]; then loopback "$line"; else printf '%s\n' "$line"; fi
            ;;
        *) printf '%s\n' "$line" ;;
        esac
    done <"$base"
}

loopback() {
    # shellcheck disable=SC2086 # an address and names
    set -- ${1%%#*}
    if [ "$1" = 127.0.0.2 ]; then return; fi
    line=$1
    shift
    for word; do
        case $word in
        "$node" | "$node".*) ;;
        *) line="$line $word" ;;
        esac
    done
    case $line in *' '*) printf '%s\n' "$line" ;; esac
}

write_hosts() {
    {
        printf '%s' "$lines"
        write_base
    } | put 0644 "$run/hosts" || failed=1
    printf '%s' "$peers" | put 0644 "$run/peers" || failed=1
    # shellcheck disable=SC2086 # addresses
    set -- $peers
    say "hosts and peers are written: $# other nodes with an address"
}

write_keys() {
    file=$run/authorized_keys/root
    if [ -r "$host/authorized_keys" ]; then
        keys="$keys$(cat "$host/authorized_keys")
"
    fi
    if [ -z "$keys" ]; then
        rm -f "$file"
        return
    fi
    # The SSH server refuses keys in a place where others may write.
    if mkdir -p "$run/authorized_keys" && chmod 0755 "$run/authorized_keys" && printf '%s' "$keys" | put 0644 "$file"; then
        say 'keys that may log in as root are set'
    else
        failed=1
    fi
}

write_host_keys() {
    for file in ssh_host_ed25519_key.pub ssh_host_ed25519_key; do
        if [ ! -r "$host/$file" ]; then continue; fi
        if [ -r "$ssh/$file" ] && [ "$(cat "$host/$file")" = "$(cat "$ssh/$file")" ]; then continue; fi
        mode=0600
        if [ "$file" != "${file%.pub}" ]; then mode=0644; fi
        mkdir -p "$ssh"
        (umask 077 && put "$mode" "$ssh/$file" <"$host/$file") || {
            failed=1
            continue
        }
        new_host_key=1
        say "host key: $ssh/$file"
    done
}

# What a running system must do again.
refresh() {
    if ! command -v systemctl >/dev/null; then return; fi
    restart nxcc-peers.service
    if [ -n "$new_host_key" ]; then restart sshd.service; fi
}

restart() {
    case $(systemctl show -p LoadState "$1" 2>/dev/null) in
    LoadState=loaded) systemctl try-restart "$1" || bad "cannot restart $1" ;;
    esac
}

case ${1-} in
'') [ "$#" = 0 ] ;;
receive) [ "$#" = 2 ] && is_name "$2" && [ ! -t 0 ] ;;
*) false ;;
esac || {
    printf 'usage: nxcc-identity | nxcc-identity receive NAME <ARCHIVE\n' >&2
    exit 2
}

umask 022
trap 'rm -rf "$new" "$copy"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$run" && chmod 0755 "$run"

if [ "$#" = 2 ]; then
    take always
    printf '%s\n' "$2" | put 0600 "$host/node" || failed=1
fi
if [ ! -e "$fw_cfg" ]; then modprobe qemu_fw_cfg 2>/dev/null || :; fi
if [ -e "$fw_cfg/opt/nxcc/host/raw" ]; then take once <"$fw_cfg/opt/nxcc/host/raw"; fi
read_parameters
find_nodes
read_nodes
set_name
write_hosts
write_keys
write_host_keys
if [ "$#" = 2 ]; then refresh; fi
exit "$failed"
