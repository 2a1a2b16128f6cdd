# Mounts the store that nxcc.store=ADDRESS:FOLDER names on the kernel's command line: read-only over NFS, with a
# writable layer above it. For stage 1, scripted (busybox) or systemd's; needs mkdir, mount and sleep.
#
#   $1   where stage 1 mounts the root; /nix/.rw-store is there
#   $2   the command line: /proc/cmdline
#   $3   parameters of the NFS client: /sys/module/nfs/parameters
#
# FOLDER holds what /nix/store is to hold. ADDRESS is an IP address: nothing resolves names in stage 1, and the mount
# goes to the kernel as it stands, without nfs-utils.
nxcc_store=
read -r nxcc_parameters <"${2:-/proc/cmdline}" || :
for nxcc_parameter in $nxcc_parameters; do
    case $nxcc_parameter in
    nxcc.store=*) nxcc_store=${nxcc_parameter#nxcc.store=} ;;
    esac
done
case $nxcc_store in
?*:/*) ;;
*)
    echo "nxcc: the kernel's command line has no nxcc.store=ADDRESS:FOLDER" >&2
    exit 1
    ;;
esac

mkdir -p "$1/nix/.ro-store" "$1/nix/.rw-store/store" "$1/nix/.rw-store/work" "$1/nix/store"

# To a server of NFS 4 clients are who they say they are, which is their host name: in stage 1 all nodes have the same,
# and each would end what the others have open there. Before the first mount.
if [ -e "${3:-/sys/module/nfs/parameters}/nfs4_unique_id" ]; then
    read -r nxcc_boot </proc/sys/kernel/random/boot_id
    echo "$nxcc_boot" >"${3:-/sys/module/nfs/parameters}/nfs4_unique_id"
fi

# Many nodes ask at once, and a switch may only just have opened the port.
nxcc_tries=0
nxcc_mounted=
while [ -z "$nxcc_mounted" ]; do
    for nxcc_version in 4.2 4.1 4.0 3; do
        if mount -i -t nfs -o "ro,nolock,vers=$nxcc_version,addr=${nxcc_store%%:*}" "$nxcc_store" "$1/nix/.ro-store"; then
            nxcc_mounted=$nxcc_version
            break
        fi
    done
    if [ -z "$nxcc_mounted" ]; then
        nxcc_tries=$((nxcc_tries + 1))
        if [ "$nxcc_tries" -ge 30 ]; then
            echo "nxcc: cannot mount $nxcc_store" >&2
            exit 1
        fi
        sleep 2
    fi
done
echo "nxcc: the store is $nxcc_store, by NFS $nxcc_mounted"

mount -t overlay -o "lowerdir=$1/nix/.ro-store,upperdir=$1/nix/.rw-store/store,workdir=$1/nix/.rw-store/work" overlay "$1/nix/store"
