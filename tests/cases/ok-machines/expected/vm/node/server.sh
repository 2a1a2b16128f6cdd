#!/bin/sh
# server, a machine of the role server in the environment lab.
#
#   server.sh [OPTIONS OF QEMU]  start it, as `run up` does with -daemonize
#   server.sh --print            show the command line
#   server.sh --memory           show how many MiB it gets
#
# What is chosen only when the nodes come up (network, ports, accelerator) stands in the state, where `run up` put it.
# Written by nxcc, which writes it again at the next compile.
set -eu
umask 077

fail() {
    printf '%s\n' "vm/node/server.sh: $*" >&2
    exit 2
}

# In an option of QEMU's a comma ends a value, and two are one.
commas() {
    case $1 in *,*) printf '%s' "$1" | sed 's/,/,,/g' ;; *) printf '%s' "$1" ;; esac
}

script=$(readlink -f -- "$0" || echo "$0")
here=$(CDPATH='' cd -- "${script%/*}/.." && pwd -P)
# What another user has put there would be run; who calls sudo is no other.
user=$(id -u)
[ -z "$(find "${here%/*}.state" -prune ! -user "$user" ! -user "${SUDO_UID:-$user}" 2>/dev/null)" ] || fail "${here%/*}.state is not yours"
state=${here%/*}.state/vm
own=$state/node/server

# Until `run up` has chosen: what --print shows.
result=$state/result qemu=qemu-system-x86_64 accel=tcg cpu=max key='' sockets=/run/nxcc ssh_port=2222
network=socket,mcast=239.192.0.1:20000,localaddr=127.0.0.1 mac=00:00:00 prepared=''
# shellcheck disable=SC1091
if [ -r "$state/settings" ]; then . "$state/settings"; fi
# shellcheck disable=SC1091
if [ -r "$own/settings" ]; then . "$own/settings"; fi
result=${NXCC_RESULT:-$result}

kernel=$result/roles/server/kernel
initrd=$result/roles/server/initrd
cmdline=$result/roles/server/cmdline
parameters="(what $cmdline will have)"
ramdisk=0
for file in "$kernel" "$initrd" "$cmdline"; do
    [ -r "$file" ] || [ "${1:-}" = --print ] || fail "cannot read $file"
done
if [ -r "$cmdline" ]; then IFS= read -r parameters <"$cmdline" || :; fi
if [ -r "$initrd" ]; then ramdisk=$((($(wc -c <"$initrd") + 1048575) / 1048576)); fi

# MiB. While the kernel unpacks the initrd, it stands in memory twice.
memory=1500
needed=$((2 * ramdisk + 96))
[ "$memory" -ge "$needed" ] || fail "$memory MiB of memory are too few for an initrd of $ramdisk MiB: server needs $needed"
if [ "${1:-}" = --memory ]; then
    echo "$memory"
    exit 0
fi

card=02:$mac:00:01
parameters="$parameters nxcc.node=server${key:+ nxcc.key=$key} nxcc.net=$card,10.0.0.2/16"
# Where the node gets no processor for a while, its timer looks broken to Linux, which panics: no KVM tells it better.
case $accel in tcg*) parameters="$parameters no_timer_check" ;; esac
case $parameters in
*[\"\'\\\$\`]*) [ "${1:-}" = --print ] || fail "a kernel parameter holds a quote, a dollar sign or a backslash: $parameters" ;;
esac
length=$(printf '%s' "$parameters" | wc -c)
[ "$length" -le 2046 ] || fail "the kernel parameters are $((length)) bytes, and 2046 at most reach it"

print=
if [ "${1:-}" = --print ]; then print=yes && shift; fi
[ -n "$print" ] || [ -n "$prepared" ] || fail "not prepared: \`run up\` does that"

# The first network card is eth0 in the node: the way to it from this machine. The second leads to the other nodes.
set -- \
    -name server -machine pc -accel "$accel" -cpu "$cpu" -smp 2 -m "$memory" \
    -nodefaults -no-user-config -display none \
    -kernel "$kernel" -initrd "$initrd" -append "$parameters" \
    -netdev "user,id=outside,net=192.168.77.0/24,ipv6=off,restrict=on,hostfwd=tcp:127.0.0.1:$ssh_port-:22,hostfwd=tcp:127.0.0.1:${port_8080:-8080}-:80,hostfwd=udp:127.0.0.1:${port_9000:-9000}-:9000" \
    -device "virtio-net-pci,netdev=outside,romfile=,mac=06:$mac:00:01" \
    -netdev "$network,id=nodes" \
    -device "virtio-net-pci,netdev=nodes,romfile=,mac=$card" \
    -device virtio-rng-pci \
    -fw_cfg "name=opt/nxcc/nodes,file=$(commas "$here/nodes")" \
    -fw_cfg "name=opt/nxcc/host,file=$(commas "$own/host.tar")" \
    -virtfs local,path=/nix/store,mount_tag=nix-store,security_model=none,readonly=on,multidevs=remap \
    -chardev "socket,id=console,path=$sockets/1.console,server=on,wait=off,logfile=$(commas "$own/console.log")" \
    -serial chardev:console \
    -chardev "socket,id=monitor,path=$sockets/1.monitor,server=on,wait=off" \
    -mon chardev=monitor,mode=readline \
    -pidfile "$own/pid" \
    "$@"

disk=$own/disk.qcow2
if [ -e "$own/disk.raw" ]; then disk=$own/disk.raw; fi
set -- "$@" \
    -blockdev "driver=${disk##*.},node-name=disk,discard=unmap,file.driver=file,file.filename=$(commas "$disk")" \
    -device virtio-blk-pci,drive=disk,serial=nxcc-root

[ -n "$print" ] || exec "$qemu" "$@"
line=$qemu
for word; do
    case $word in -?*) line="$line \\
   " ;; esac
    case $word in
    '' | *[!A-Za-z0-9_./:=@%+,-]*) word=\'$(printf '%s' "$word" | sed "s/'/'\\\\''/g")\' ;;
    esac
    line="$line $word"
done
printf '%s\n' "$line"
