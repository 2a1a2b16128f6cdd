# The image of g5k-image: one tar archive that Kadeploy unpacks on a disk, for all roles.
#
# Usage: sh image.sh ENVIRONMENT ROLE SYSTEM [ROLE SYSTEM]…   with the systems' places in the store
# Environment: out        folder to write: image.tar.EXTENSION in it
#              extension  "gz", …
#              compress   command that compresses standard input to standard output
#              closure    folder with store-paths and registration, as pkgs.closureInfo makes it
#
# Nothing is copied that is in the store already: the archive is read from there. The same input gives the same
# archive, whoever builds it and however his store keeps its files.
set -eu

: "${out:?}" "${extension:?}" "${compress:?}" "${closure:?}"
environment=$1
shift
first=$2

work=$(mktemp -d "${TMPDIR:-/tmp}/nxcc-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
umask 022

mkdir "$work/root"
cd "$work/root"
mkdir -p boot dev etc nix/store nix/var/nix/profiles nxcc proc root run sys tmp var/log
chmod 0700 root
chmod 1777 tmp

# What the site's postinstall writes to or edits, before NixOS ran once: real files, in real folders.
mkdir -p etc/NetworkManager/system-connections etc/grid5000 etc/ssh etc/udev/rules.d
chmod 0700 etc/NetworkManager/system-connections
cp -L "$first/etc/fstab" etc/fstab
cp -L "$first/etc/os-release" etc/os-release
chmod 0644 etc/fstab etc/os-release
printf '%s\n' "$environment" > etc/grid5000/release
: > etc/NIXOS

cp "$closure/registration" nix-path-registration
chmod 0644 nix-path-registration

# Who installs a bootloader from within the image activates this one. The first boot sets it to the role's own.
ln -s "$first" nix/var/nix/profiles/system

# Links to files, each in one step: a boot loader and Kadeploy's check follow those, of a link to a folder Kadeploy
# would leave the image.
while [ $# -gt 0 ]; do
    mkdir "nxcc/$1"
    ln -s "$2/init" "nxcc/$1/init"
    ln -s "$(readlink -f "$2/kernel")" "nxcc/$1/kernel"
    ln -s "$(readlink -f "$2/initrd")" "nxcc/$1/initrd"
    shift 2
done

# Everything at the top, hidden or not, and then the store.
find . -mindepth 1 -maxdepth 1 | sed 's,^\./,,' | LC_ALL=C sort > "$work/top"
sed 's,^/,,' "$closure/store-paths" | LC_ALL=C sort > "$work/store"

mkdir -p "$out"
{
    # Files that the store keeps once under several names are written each by itself, so that the archive does not
    # tell which store it came from.
    LC_ALL=C tar --create --format=gnu --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner --hard-dereference \
        --directory="$work/root" --files-from="$work/top" --directory=/ --files-from="$work/store" \
        || : > "$work/failed"
} | $compress > "$out/image.tar.$extension"
if [ -e "$work/failed" ]; then
    rm -f "$out/image.tar.$extension"
    echo "tar failed: there is no image" >&2
    exit 1
fi
