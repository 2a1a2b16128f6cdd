#!/bin/sh
# Makes what the tests boot in the place of machines that Nix builds (as root, on Debian or Ubuntu): Debian's kernel and
# a ramdisk whose squashfs is a small Debian with systemd. tests/machines.py lays both out as docs/nodes.md has it, and
# adds stage 1, what lies in tree/ and the project's own files: those may change without this being made anew.
#
#   setup.sh [ROOTFS]      ROOTFS: a debootstrap with these packages that is there already, to save the minute it takes
#
# Prints the folder, $NXCC_TEST_CACHE/machine (default ~/.cache/nxcc-tests/machine): kernel, initrd, and for a store of
# this machine's a small initrd without the squashfs, and that; and a tiny initrd with an SSH server and nothing else. It is made anew when this script changes.
set -eu

cache=${NXCC_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/nxcc-tests}/machine
work=$cache.new
root=$work/root
# The mirror that this machine takes Debian from; without one debootstrap has its own default.
mirror=$(sed -n 's,^URIs: *\([^ ]*/debian\)/*$,\1,p; s,^deb \(\[[^]]*\] \)*\([a-z]*://[^ ]*/debian\)/* .*,\2,p' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
suite=bookworm
packages=systemd,systemd-sysv,udev,dbus,openssh-server,iproute2,iptables,iputils-ping,kmod,busybox-static
# For stage 1, with what they depend on; and for the nodes, which load them by name.
early='virtio_pci virtio_net virtio_blk virtio_rng virtio_balloon 9p 9pnet_virtio virtiofs squashfs overlay loop ext4
    crc32c_generic qemu_fw_cfg'
late='sch_htb sch_netem cls_u32 autofs4 ip_tables iptable_filter ip6_tables ip6table_filter
    nf_tables nft_compat xt_conntrack xt_tcpudp xt_comment nf_conntrack x_tables veth'

export DEBIAN_FRONTEND=noninteractive

# Programs of this script.
install_tools() {
    missing=
    command -v debootstrap >/dev/null || missing="$missing debootstrap"
    command -v mksquashfs >/dev/null || missing="$missing squashfs-tools"
    command -v busybox >/dev/null || missing="$missing busybox-static"
    command -v cpio >/dev/null || missing="$missing cpio"
    [ -n "$missing" ] || return 0
    apt-get update -q
    # shellcheck disable=SC2086 # names of packages
    apt-get install -q -y --no-install-recommends $missing
}

# apt-get of this machine for Debian's packages, whatever this machine's own are, from where debootstrap took its own.
debian() {
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
    sed -n "s,^deb \(\[[^]]*\] \)*\([a-z]*://.*\),deb [signed-by=$root/usr/share/keyrings/debian-archive-keyring.gpg] \2,p" \
        "$root/etc/apt/sources.list" >"$work/apt/sources.list"
    command=$1
    shift
    "$command" -q -o APT::Architecture=amd64 -o APT::Sandbox::User=root -o Dir::Etc::SourceList="$work/apt/sources.list" \
        -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" "$@"
}

# Debian's kernel without installing it: vmlinuz, and all modules below the folder `kernel`.
fetch_kernel() {
    debian apt-get update
    package=$(debian apt-cache depends --important linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1)
    mkdir "$work/kernel"
    (cd "$work" && debian apt-get download "$package")
    dpkg-deb -x "$work"/linux-image-*.deb "$work/kernel"
    cp "$work"/kernel/boot/vmlinuz-* "$work/vmlinuz"
    release=$(basename "$work"/kernel/lib/modules/*)
    mv "$work/kernel/lib/modules" "$root/lib/"
    chroot "$root" depmod "$release"
    mv "$root/lib/modules" "$work/kernel/lib/"
}

# Paths of modules and of what they depend on, below lib/modules/RELEASE, in the order to load them: NAME...
modules() {
    for name; do
        # One that is built in has no file.
        if grep -q "/$name\.ko" "$work/kernel/lib/modules/$release/modules.builtin"; then continue; fi
        awk -v name="$name" '
            { file = $1; sub(/.*\//, "", file); sub(/\.ko.*/, "", file); gsub(/-/, "_", file) }
            file == name { sub(/:/, ""); for (i = NF; i > 0; i--) print $i; found = 1 }
            END { if (!found) { print name ": no such module" >"/dev/stderr"; print name } }' "$work/kernel/lib/modules/$release/modules.dep"
    done | awk '!seen[$0]++'
}

# Puts modules below a folder: FOLDER NAME...
add_modules() {
    target=$1/lib/modules/$release
    shift
    mkdir -p "$target"
    modules "$@" | (cd "$work/kernel/lib/modules/$release" && cpio -pdm --quiet "$target")
    cp "$work/kernel/lib/modules/$release/modules.order" "$work/kernel/lib/modules/$release/modules.builtin" \
        "$work/kernel/lib/modules/$release/modules.builtin.modinfo" "$target"
}

# The squashfs. What is masked costs time in the boot of a machine without acceleration, and no test looks at it.
make_tree() {
    # shellcheck disable=SC2086 # names of modules
    add_modules "$root" $early $late
    chroot "$root" depmod "$release"
    chroot "$root" systemctl --quiet mask systemd-logind.service systemd-networkd-wait-online.service getty@tty1.service \
        console-getty.service systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-pstore.service \
        systemd-random-seed.service systemd-binfmt.service systemd-timesyncd.service systemd-firstboot.service \
        systemd-sysusers.service systemd-journal-flush.service systemd-journal-catalog-update.service \
        systemd-hwdb-update.service systemd-machine-id-commit.service e2scrub_reap.service ldconfig.service \
        proc-sys-fs-binfmt_misc.automount proc-sys-fs-binfmt_misc.mount dev-hugepages.mount sys-kernel-debug.mount \
        sys-kernel-tracing.mount modprobe@drm.service modprobe@efi_pstore.service modprobe@loop.service modprobe@dm_mod.service \
        modprobe@configfs.service modprobe@fuse.service sys-fs-fuse-connections.mount sys-kernel-config.mount dev-mqueue.mount \
        systemd-remount-fs.service systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-repart.service \
        systemd-ask-password-console.path systemd-ask-password-wall.path rc-local.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
        systemd-tmpfiles-clean.timer
    chroot "$root" systemctl --quiet disable ssh.service
    chroot "$root" systemctl --quiet set-default multi-user.target
    find "$root/usr/lib/udev/rules.d" -name '*.rules' ! -name 50-udev-default.rules ! -name 60-block.rules \
        ! -name '7[35]-*net*.rules' ! -name '80-*.rules' ! -name 99-systemd.rules -delete
    find "$root/usr/lib/systemd/system-generators" -type f ! -name systemd-getty-generator -delete
    : >"$root/etc/machine-id"
    # What only an installation needs, and what differs between two of them.
    rm -rf "$root"/var/cache/* "$root"/var/lib/apt "$root"/var/lib/dpkg "$root"/var/log/* "$root"/usr/share/doc "$root"/usr/share/man \
        "$root"/usr/share/locale "$root"/usr/share/zoneinfo "$root"/usr/share/i18n "$root"/usr/share/perl* "$root"/usr/lib/*/perl-base \
        "$root"/usr/share/bash-completion "$root"/usr/lib/*/gconv "$root"/usr/lib/udev/hwdb.d "$root"/usr/lib/udev/hwdb.bin \
        "$root"/etc/ssh/ssh_host_* "$root"/etc/hostname "$root"/etc/hosts "$root"/etc/resolv.conf "$root"/etc/update-motd.d "$root"/etc/motd
    mksquashfs "$root" "$work/nix-store.squashfs" -noappend -quiet -no-progress -comp zstd -Xcompression-level 6 -b 256K
}

# Stage 1 but for its init: busybox and the modules; then the same with the squashfs in it.
make_ramdisks() {
    stage1=$work/stage1
    mkdir -p "$stage1/bin" "$stage1/dev" "$stage1/proc" "$stage1/sys" "$stage1/run" "$stage1/mnt"
    cp "$root/bin/busybox" "$stage1/bin/busybox"
    mkdir "$stage1/modules"
    # shellcheck disable=SC2086 # names of modules
    for module in $(modules $early); do
        cp "$work/kernel/lib/modules/$release/$module" "$stage1/modules/"
        printf '%s\n' "${module##*/}"
    done >"$stage1/modules/order"
    (cd "$stage1" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initrd-small"
    make_tiny
    ln "$work/nix-store.squashfs" "$stage1/nix-store.squashfs"
    (cd "$stage1" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initrd"
}

# Stage 1 and an SSH server with its libraries.
make_tiny() {
    tiny=$work/tiny
    cp -a "$stage1" "$tiny"
    mkdir -p "$tiny/usr/sbin" "$tiny/etc" "$tiny/root" "$tiny/usr/lib"
    ln -s usr/lib "$tiny/lib"
    ln -s usr/lib "$tiny/lib64"
    ln -s ../bin "$tiny/usr/bin"
    cp "$root/usr/sbin/sshd" "$tiny/usr/sbin/"
    chroot "$root" ldd /usr/sbin/sshd | sed -n 's,.* \(/[^ ]*\) (0x.*,\1,p; s,^[[:space:]]*\(/[^ ]*\) (0x.*,\1,p' |
        while read -r library; do
            mkdir -p "$tiny${library%/*}"
            cp -L "$root$library" "$tiny$library"
        done
    printf 'root:x:0:0:root:/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/bin/false\n' >"$tiny/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$tiny/etc/group"
    (cd "$tiny" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initrd-tiny"
}

make() {
    rm -rf "$work"
    mkdir -p "$work"
    if [ -n "${1:-}" ]; then
        cp -a --reflink=auto "$1" "$root"
    else
        debootstrap --variant=minbase --include="$packages" "$suite" "$root" ${mirror:+"$mirror"}
    fi
    fetch_kernel
    make_tree
    make_ramdisks
    rm -rf "$cache"
    mkdir "$work/done"
    mv "$work/vmlinuz" "$work/done/kernel"
    mv "$work/initrd" "$work/initrd-small" "$work/initrd-tiny" "$work/nix-store.squashfs" "$work/done/"
    mv "$work/done" "$cache"
    rm -rf "$work"
}

stamp=$(cksum <"$0")
if [ "$(cat "$cache/stamp" 2>/dev/null)" != "$stamp" ]; then
    install_tools >&2
    make "${1:-}" >&2
    printf '%s\n' "$stamp" >"$cache/stamp"
fi
printf '%s\n' "$cache"
