# --- build, pack, load: the systems of the roles ---

do_build() {
    command -v nix-build >/dev/null || [ -n "$dry" ] ||
        refuse "nix-build is not here: build on a machine with Nix, take the archive of \`run pack\` to this one and unpack it beside the bundle"
    begin build
    # On the host's store the link also keeps the systems from being collected; an archive stands for itself.
    if [ "$store" = host ]; then
        act nix-build "$bundle" -A docker -o "$own/result"
        [ -z "$dry" ] || return 0
    else
        if [ -n "$dry" ]; then
            act nix-build "$bundle" -A docker --no-out-link
            say "then its archives go to $own/images"
            return 0
        fi
        result=$(nix-build "$bundle" -A docker --no-out-link)
        copy_images "$result"
    fi
    stamp >"$own/built"
    finish
}

# Copies the archives that changed: RESULT
copy_images() {
    [ -s "$1/images.txt" ] || die "$1 holds no images.txt"
    mkdir -p "$own/images"
    while read -r role image archive; do
        if ! grep -qxF "$role $image $archive" "$own/images.txt" 2>/dev/null || [ ! -e "$own/$archive" ]; then
            say "copying $role ($image)"
            cp -L -- "$1/$archive" "$own/images/.new"
            chmod 600 "$own/images/.new"
            mv -f -- "$own/images/.new" "$own/$archive"
        fi
    done <"$1/images.txt"
    cp -L -- "$1/images.txt" "$own/images.txt.new"
    chmod 600 "$own/images.txt.new"
    mv -f -- "$own/images.txt.new" "$own/images.txt"
}

# Brings the images into the engine.
do_load() {
    if [ "$store" = host ]; then
        if [ -n "$dry" ] || ! "$engine" image inspect nxcc/base:1 >/dev/null 2>&1; then load_base; fi
        return 0
    fi
    [ -z "$given" ] || return 0
    if [ ! -e "$own/images.txt" ]; then
        [ -n "$dry" ] || die "no images in $own: \`run build\` first"
        say "then the engine loads the images that it does not have"
        return 0
    fi
    while read -r role image archive; do
        if [ -n "$dry" ] || ! "$engine" image inspect "$image" >/dev/null 2>&1; then
            say "loading $role ($image)"
            act "$engine" load -q -i "$own/$archive" </dev/null >&2
            [ -n "$dry" ] || "$engine" image inspect "$image" >/dev/null 2>&1 || die "$own/$archive holds no image $image"
        fi
        # For a plain `docker compose`, which knows no other tag.
        act "$engine" tag "$image" "${image%:*}:latest"
    done <"$own/images.txt"
}

# The image of `store host`: empty folders to mount on, and the link that starts the role's system.
load_base() {
    if [ -n "$dry" ]; then
        say "then the engine imports nxcc/base:1, which is empty folders and a link"
        return 0
    fi
    rm -rf "$own/base"
    mkdir -p "$own/base/root" "$own/base/tmp" "$own/base/sbin"
    for folder in dev etc nix/store nxcc/system proc run sys usr/bin var/lib; do mkdir -p "$own/base/$folder"; done
    ln -s /nxcc/system/init "$own/base/sbin/init"
    chmod -R a+rX "$own/base"
    chmod 0700 "$own/base/root"
    chmod 1777 "$own/base/tmp"
    tar -C "$own/base" --owner=0 --group=0 --numeric-owner -cf - . |
        "$engine" import -c 'CMD ["/sbin/init"]' -c 'ENV PATH=/run/wrappers/bin:/nxcc/system/sw/bin' - nxcc/base:1 >/dev/null
    rm -rf "$own/base"
}

# One archive of the bundle and its images, for a machine without Nix: [FILE]
do_pack() {
    [ "$store" = image ] || refuse "with \`store host\` the systems live in this machine's /nix/store: nothing to pack"
    need_build
    pack_archive "${1:-}" "the other machine" built images.txt images
}
