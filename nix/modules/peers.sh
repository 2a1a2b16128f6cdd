# Lets the other nodes of the environment through NixOS's firewall: the addresses of /run/nxcc/peers, one a line.
#
#   peers.sh iptables [PORT]   fills the chain nxcc-peers, with PORT for that TCP port alone
#   peers.sh nft               fills the set nxcc-peers of the table inet nixos-fw, whose rules say what for
#
# In one transaction, and again at any time. NXCC_PEERS is another file.
set -eu

peers=${NXCC_PEERS:-/run/nxcc/peers}

# Each address through a command that prints something about it: COMMAND [ARGUMENT]
each() {
    if [ ! -e "$peers" ]; then return 0; fi
    while read -r address || [ -n "$address" ]; do
        case $address in
        '' | *[!0-9.]*) ;;
        *) "$@" ;;
        esac
    done <"$peers"
}

accept() { printf -- '-A nxcc-peers -s %s %s-j ACCEPT\n' "$address" "${1:+-p tcp --dport $1 }"; }
element() { printf 'add element inet nixos-fw nxcc-peers { %s }\n' "$address"; }

case ${1-} in
iptables)
    # Declaring the chain empties it.
    {
        printf '*filter\n:nxcc-peers - [0:0]\n'
        each accept "${2-}"
        printf 'COMMIT\n'
    } | iptables-restore -w 10 --noflush
    ;;
nft)
    {
        printf 'flush set inet nixos-fw nxcc-peers\n'
        each element
    } | nft -f -
    ;;
*)
    printf 'usage: peers.sh iptables [PORT] | peers.sh nft\n' >&2
    exit 2
    ;;
esac
