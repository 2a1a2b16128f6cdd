# The files below /etc/nxc that roles of NixOS Compose's read, after the list of nodes: lines ADDRESS NAME ROLE, `-` for
# an address that nobody knows.
#
#   deployment.sh links                                  /etc/nxc, as links to what is made at run time
#   deployment.sh write KIND ENVIRONMENT ROLE NODES      KIND: machine or docker, whose deployment.json differ
#
# NXCC_ROOT is put before every place.
set -eu

root=${NXCC_ROOT:-}
made=$root/run/nxc

links() {
    mkdir -p "$root/etc/nxc"
    for file in deployment-hosts deployment.json ip_addr role; do
        ln -sfn "/run/nxc/$file" "$root/etc/nxc/$file"
    done
    ln -sfn /run/nxcc/node "$root/etc/nxc/hostname"
}

# An element of a JSON list or object: the text, and a comma before it unless it is the first.
element() {
    printf '%s%s' "$comma" "$1"
    comma=', '
}

# Names of nodes and roles have no character that JSON would quote.
description() {
    comma=
    printf '{"composition": "%s"' "$environment"
    if [ "$kind" = docker ]; then
        printf ', "nodes": ['
        while read -r address name of rest; do
            case $address in '' | '#'*) continue ;; esac
            element "\"$name\""
        done < "$nodes"
        printf ']'
    fi
    comma=
    printf ', "deployment": {'
    while read -r address name of rest; do
        case $address in '' | '#'*) continue ;; esac
        if [ "$kind" = docker ]; then
            element "\"$name\": {\"role\": \"$of\"}"
        elif [ "$address" != - ]; then
            element "\"$address\": {\"role\": \"$of\", \"host\": \"$name\"}"
        fi
    done < "$nodes"
    printf '}}\n'
}

hosts() {
    while read -r address name _; do
        case $address in '' | '#'* | -) continue ;; esac
        printf '%s %s\n' "$address" "$name"
    done < "$nodes"
}

own_address() {
    own=
    [ ! -r "$root/run/nxcc/node" ] || read -r own < "$root/run/nxcc/node" || :
    while read -r address name _; do
        [ "$name" != "$own" ] || [ "$address" = - ] || printf '%s\n' "$address"
    done < "$nodes"
}

# Complete at once: others read these files meanwhile.
put() {
    cat > "$made/.$1"
    mv "$made/.$1" "$made/$1"
}

write() {
    kind=$1 environment=$2 role=$3 nodes=$4
    [ -r "$nodes" ] || exit 0
    mkdir -p "$made"
    printf '%s\n' "$role" | put role
    description | put deployment.json
    if [ "$kind" = machine ]; then
        hosts | put deployment-hosts
        own_address | put ip_addr
    fi
}

"$@"
