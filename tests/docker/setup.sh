#!/bin/sh
# Installs what the engine tests need on Debian 12 (as root): dockerd, debootstrap, the Compose plugin of trixie; and
# makes the archive of the stand-in image, a Debian with systemd that keeps docs/flavours/docker.md's contract.
#
#   setup.sh [ROOTFS]      ROOTFS: a debootstrap that is there already, to save the minute that it takes
#
# Prints the archive's path. It is kept in $NXCC_TEST_CACHE (default ~/.cache/nxcc-tests) and made anew when the files
# of standin/ or this script change.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cache=${NXCC_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nxcc-tests}
# The mirror that this machine takes Debian from; without one debootstrap has its own default.
mirror=$(sed -n 's,^URIs: *\([^ ]*/debian\)/*$,\1,p; s,^deb \(\[[^]]*\] \)*\([a-z]*://[^ ]*/debian\)/* .*,\2,p' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
packages=systemd,systemd-sysv,dbus,openssh-server,iproute2,iputils-ping,python3,libnss-myhostname,ca-certificates

export DEBIAN_FRONTEND=noninteractive

has_compose() { docker compose version --short 2>/dev/null | grep -q '^v\{0,1\}[2-9]'; }

install_tools() {
    missing=
    command -v dockerd >/dev/null || missing="$missing docker.io"
    command -v debootstrap >/dev/null || missing="$missing debootstrap"
    command -v iptables >/dev/null || missing="$missing iptables"
    command -v busybox >/dev/null || missing="$missing busybox-static"
    if [ -n "$missing" ]; then
        apt-get update -q
        # shellcheck disable=SC2086 # names of packages
        apt-get install -q -y --no-install-recommends $missing
    fi
    has_compose && return 0
    [ -n "$mirror" ] || {
        echo "setup.sh: no mirror of Debian in /etc/apt: install Docker Compose v2 by hand" >&2
        return 1
    }
    # Debian 12 has no Compose v2. The pin keeps everything else of trixie out.
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
        "$mirror" >/etc/apt/sources.list.d/trixie.sources
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' >/etc/apt/preferences.d/trixie
    apt-get update -q
    apt-get install -q -y --no-install-recommends docker-compose/trixie
    has_compose
}

make_standin() {
    root=$cache/rootfs.new
    rm -rf "$root"
    mkdir -p "$cache"
    if [ -n "${1:-}" ]; then
        cp -a --reflink=auto "$1" "$root"
    else
        debootstrap --variant=minbase --include="$packages" bookworm "$root" ${mirror:+"$mirror"}
    fi
    : >"$root/etc/machine-id"
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/locale/* "$root/etc/hostname" "$root/etc/resolv.conf"
    cp "$here"/standin/*.service "$root/etc/systemd/system/"
    install -m 0755 "$here/standin/secrets.sh" "$here/standin/serve.py" "$root/usr/local/sbin/"
    mkdir -p "$root/nxcc/system/sw"
    ln -s /lib/systemd/systemd "$root/nxcc/system/init"
    ln -s /usr/sbin "$root/nxcc/system/sw/bin"
    rm -f "$root/usr/sbin/init"
    ln -s /nxcc/system/init "$root/usr/sbin/init"
    chroot "$root" systemctl mask systemd-logind.service console-getty.service getty@tty1.service \
        systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer
    chroot "$root" systemctl disable ssh.service
    chroot "$root" systemctl enable nxcc-secrets.service standin-serve.service standin-broken.service
    tar -C "$root" -czf "$cache/standin.tar.gz.new" .
    rm -rf "$root"
    mv "$cache/standin.tar.gz.new" "$cache/standin.tar.gz"
}

install_tools >&2
stamp=$(cat "$here"/standin/* "$here/setup.sh" | cksum)
if [ ! -e "$cache/standin.tar.gz" ] || [ "$(cat "$cache/standin.stamp" 2>/dev/null)" != "$stamp" ]; then
    make_standin "${1:-}" >&2
    printf '%s\n' "$stamp" >"$cache/standin.stamp"
fi
printf '%s\n' "$cache/standin.tar.gz"
