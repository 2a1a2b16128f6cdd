# Secrets of a NixOS test: made by the nodes themselves, in the folder that the test driver shares between them, and so
# the same on each. Whoever comes first makes one; nobody's own files are read.
#
# Usage: sh test-secrets.sh SHARED HOST NAME KIND [NAME KIND]…   KIND: random, ssh-key, file
set -eu
umask 077

shared=$1
host=$2
shift 2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$shared" "$host"

while [ $# -gt 0 ]; do
    name=$1 kind=$2
    shift 2
    if [ ! -e "$shared/$name" ]; then
        if [ "$kind" = ssh-key ]; then
            ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$work/$name"
        else
            # 32 bytes in base64url, as launchers make them.
            head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n' > "$work/$name"
        fi
        own=$(mktemp -d "$shared/.new.XXXXXX")
        cp "$work/$name"* "$own/"
        # Onto the folder of somebody who was faster, this fails; then that one holds.
        mv -T "$own" "$shared/$name" 2>/dev/null || rm -rf "$own"
        rm -f "$work/$name"*
    fi
    for file in "$shared/$name"/*; do
        cp "$file" "$host/.${file##*/}.new"
    done
    # The public half first: whoever waits, waits for the other one.
    if [ -e "$host/.$name.pub.new" ]; then
        mv "$host/.$name.pub.new" "$host/$name.pub"
    fi
    mv "$host/.$name.new" "$host/$name"
done
