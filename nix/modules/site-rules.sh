# Gives udev the rules that Grid'5000's postinstall put into /etc/udev/rules.d of the image, at every boot, and NixOS
# its own folder back.
#
# Usage: sh site-rules.sh [ROOT]
set -eu

root=${1:-}
kept=$root/var/lib/nxcc/udev-rules
rules=$root/etc/udev/rules.d

if [ -d "$rules" ] && [ ! -L "$rules" ]; then
    mkdir -p "$kept"
    for file in "$rules"/*; do
        # Links are NixOS's.
        if [ -f "$file" ] && [ ! -L "$file" ]; then
            cp "$file" "$kept/"
        fi
    done
    if [ -d "$root/etc/static/udev/rules.d" ]; then
        rm -rf "$rules"
        ln -s /etc/static/udev/rules.d "$rules"
    fi
fi

for file in "$kept"/*; do
    if [ -f "$file" ]; then
        mkdir -p "$root/run/udev/rules.d"
        cp "$file" "$root/run/udev/rules.d/"
    fi
done
