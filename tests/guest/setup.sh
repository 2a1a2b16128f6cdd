#!/bin/sh
# Fetches Debian's kernel for the guests of the tests, without installing it: vmlinuz, and the modules that they load.
#
#   setup.sh      prints the folder, $NXCC_TEST_CACHE/guest (default ~/.cache/nxcc-tests/guest)
#
# An older kernel in that folder is kept where it has all modules; remove the folder to fetch the newest.
set -eu

cache=${NXCC_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nxcc-tests}/guest
# With what they depend on, in the order to load them.
modules='llc stp bridge veth sch_htb sch_netem cls_u32 e1000 qemu_fw_cfg'
# Of guests that ask for them.
nfs='sunrpc grace lockd netfs fscache nfs dns_resolver nfsv4 nfs_acl nfsv3 overlay'

# The package that linux-image-amd64 brings: its name has the version in it.
image() { apt-cache depends --important linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1; }

# Files of modules, a line each: NAME...
files_of() { printf '%s.ko\n' "$@"; }

fetch() {
    package=$(image)
    if [ -z "$package" ] || ! apt-get download -q "$package"; then
        # The lists are old, or there are none.
        apt-get update -q
        package=$(image)
        apt-get download -q "${package:-linux-image-amd64}"
    fi
    # Modules lie in one folder: their names are unique in a kernel.
    set -- --wildcards --no-anchored --transform 's,.*/,,' './boot/vmlinuz-*'
    for module in $modules $nfs; do set -- "$@" "$module.ko*"; done
    dpkg-deb --fsys-tarfile linux-image-*.deb | tar -x "$@"
    for file in *.ko.xz; do if [ -e "$file" ]; then xz -d "$file"; fi; done
    mv vmlinuz-* vmlinuz
    # shellcheck disable=SC2086 # names
    files_of $modules >order
    # shellcheck disable=SC2086
    files_of $nfs >order-nfs
    rm linux-image-*.deb
}

# shellcheck disable=SC2086 # names
if [ "$(cat "$cache/order" "$cache/order-nfs" 2>/dev/null)" != "$(files_of $modules $nfs)" ]; then
    rm -rf "$cache.new"
    mkdir -p "$cache.new"
    (cd "$cache.new" && fetch) >&2
    rm -rf "$cache"
    mv "$cache.new" "$cache"
fi
printf '%s\n' "$cache"
